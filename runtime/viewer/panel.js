/* The toolbar, its panels and what is said aloud. */

const FADE_AFTER = 3500;

class Panel {
  /** @param {object} actions called by name when a control is used */
  constructor(actions) {
    this.find = (name) => document.getElementById(name);
    this.bar = this.find("bar");
    this.panels = new Map([["view", this.find("view-panel")], ["refocus", this.find("refocus-panel")]]);
    for (const name of this.panels.keys()) {
      this.find(name).addEventListener("click", () => this.toggle(name));
    }
    for (const name of ["sway", "tilt", "reset", "full"]) {
      this.find(name).addEventListener("click", () => actions[name]());
    }
    this.find("help").addEventListener("click", () => this.help());
    this.find("depth").addEventListener("change", (event) => actions.depth(event.target.checked));
    this.find("grid").addEventListener("change", (event) => actions.grid(event.target.checked));
    this.find("letters").addEventListener("change", (event) => actions.letters(event.target.checked));
    this.layers = [...document.querySelectorAll("[data-layer]")];
    for (const box of this.layers) {
      box.addEventListener("change", () => actions.layer(Number(box.dataset.layer), box.checked));
    }
    for (const name of ["plane", "aperture"]) {
      this.find(name).addEventListener("input", (event) => actions[name](Number(event.target.value)));
    }
    this.split = this.find("split");
    this.split?.addEventListener("input", () => actions.split(Number(this.split.value)));
    for (const name of ["pointermove", "pointerdown", "keydown", "focusin"]) {
      window.addEventListener(name, () => this.wake(), { passive: true });
    }
    this.wake();
  }

  /** Show the toolbar; it fades when nothing happens for a while and nobody is in it. */
  wake() {
    document.body.classList.remove("quiet");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.rest(), FADE_AFTER);
  }

  rest() {
    const within = document.activeElement?.closest?.("#bar, .panel, #split");
    const keyboard = within && document.activeElement.matches(":focus-visible");
    const open = [...this.panels.values()].some((panel) => !panel.hidden);
    if (!keyboard && !open && !this.bar.matches(":hover")) document.body.classList.add("quiet");
  }

  toggle(name, open = this.panels.get(name).hidden) {
    for (const [other, panel] of this.panels) {
      panel.hidden = other !== name || !open;
      this.find(other).setAttribute("aria-expanded", String(!panel.hidden));
    }
    if (open) this.panels.get(name).querySelector("input")?.focus({ preventScroll: true });
  }

  /** Close what is open, and say whether anything was. */
  close() {
    for (const [name, panel] of this.panels) {
      if (panel.hidden) continue;
      const within = panel.contains(document.activeElement);
      this.toggle(name, false);
      if (within) this.find(name).focus();
      return true;
    }
    return false;
  }

  help() {
    const dialog = this.find("keys");
    if (dialog.open) dialog.close();
    else dialog.showModal();
  }

  pressed(name, on) {
    this.find(name).setAttribute("aria-pressed", String(on));
  }

  say(text) {
    this.find("live").textContent = text;
  }

  /** Set every control to what is shown. */
  show(look, rig, tilting) {
    this.pressed("sway", rig.swaying);
    this.pressed("tilt", tilting);
    this.find("refocus").classList.toggle("on", look.aperture > 0);
    this.find("depth").checked = look.mode === "depth";
    this.find("grid").checked = look.grid;
    for (const box of this.layers) box.checked = look.layers[Number(box.dataset.layer)];
    this.find("plane").value = Math.round(look.plane * 100);
    this.find("aperture").value = Math.round(look.aperture * 100);
  }
}
