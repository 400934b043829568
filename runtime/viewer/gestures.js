/* Pointer, touch, wheel, keys and the device's own movement. */

const TAP_PX = 8;
const STEP = 0.15; // of the reach, one press of an arrow
const TILT_DEGREES = 18; // from the pose held, to full reach

/** Two fingers: how far apart, in pixels. */
const apart = (pointers) => {
  const [a, b] = [...pointers.values()];
  return Math.hypot(a.x - b.x, a.y - b.y);
};

class Gestures {
  /**
   * @param {HTMLElement} stage what is dragged on
   * @param {Rig} rig
   * @param {object} actions `wake()`, `tap(x, y)` with shares of the stage, `key(name)` for letters
   */
  constructor(stage, rig, actions) {
    this.rig = rig;
    this.actions = actions;
    this.pointers = new Map();
    this.travelled = 0;
    this.hovers = true;
    this.tilting = false;
    this.letters = true;
    stage.addEventListener("pointerdown", (event) => this.down(stage, event));
    stage.addEventListener("pointermove", (event) => this.move(stage, event));
    for (const name of ["pointerup", "pointercancel"]) {
      stage.addEventListener(name, (event) => this.up(stage, event));
    }
    stage.addEventListener("pointerleave", (event) => {
      if (event.pointerType !== "mouse" || this.pointers.size) return;
      if (this.hovers && !rig.still) rig.moveTo(0, 0);
      this.hovers = true;
      actions.wake();
    });
    stage.addEventListener("wheel", (event) => {
      if (event.ctrlKey) return; // the page's own zoom stays with the browser
      event.preventDefault();
      rig.zoomBy(Math.exp(-event.deltaY / (event.deltaMode ? 20 : 600)));
      this.used();
    }, { passive: false });
    window.addEventListener("keydown", (event) => this.key(event));
    window.addEventListener("deviceorientation", (event) => this.tilt(event));
    screen.orientation?.addEventListener?.("change", () => (this.pose = null));
  }

  used() {
    this.rig.touched();
    this.actions.wake();
  }

  down(stage, event) {
    if (event.button > 0 || event.target.matches("input")) return;
    if (event.isTrusted) stage.setPointerCapture(event.pointerId);
    if (this.pointers.size === 0) this.travelled = 0;
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.used();
  }

  move(stage, event) {
    const box = stage.getBoundingClientRect();
    const last = this.pointers.get(event.pointerId);
    const { reach } = this.rig.data;
    if (!last) {
      if (event.pointerType !== "mouse" || !this.hovers || this.rig.still || this.tilting) return;
      const x = (2 * (event.clientX - box.left)) / box.width - 1;
      const y = (2 * (event.clientY - box.top)) / box.height - 1;
      this.rig.moveTo(x * reach, y * reach);
      this.used();
      return;
    }
    const before = this.pointers.size === 2 ? apart(this.pointers) : 0;
    const dx = event.clientX - last.x;
    const dy = event.clientY - last.y;
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.travelled += Math.hypot(dx, dy);
    if (before > 0) this.rig.zoomBy(apart(this.pointers) / before);
    // What is near follows the finger: the camera goes the other way.
    const unit = (reach * 3) / Math.min(box.width, box.height) / this.pointers.size;
    if (this.travelled > TAP_PX) this.rig.moveBy(-dx * unit, -dy * unit);
    this.used();
  }

  up(stage, event) {
    if (!this.pointers.delete(event.pointerId)) return;
    this.hovers = false; // until the mouse comes back: the picture stays where it was dragged to
    if (this.travelled > TAP_PX || event.type === "pointercancel" || this.pointers.size) return;
    this.hovers = true;
    const box = stage.getBoundingClientRect();
    this.actions.tap((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height, event.pointerType);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const within = event.target instanceof Element ? event.target : document.body;
    if (within.closest("dialog")) return;
    const slider = within.matches("input[type=range]");
    const step = STEP * this.rig.data.reach * (event.shiftKey ? 0.25 : 1);
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (event.key in moves) {
      if (slider) return;
      this.rig.moveBy(...moves[event.key]);
    } else if (event.key === "+" || event.key === "=") this.rig.zoomBy(1.15);
    else if (event.key === "-" || event.key === "_") this.rig.zoomBy(1 / 1.15);
    else if (event.key === " ") {
      if (within.matches("button, input")) return;
      this.actions.key("space");
    } else if (event.key === "Home") {
      if (slider) return;
      this.actions.key("home");
    } else if (event.key === "Escape") {
      this.actions.key("escape");
      return;
    } else if (event.key.length === 1 && this.letters && !event.repeat) {
      if (!this.actions.key(event.key.toLowerCase())) return;
    } else return;
    event.preventDefault();
    this.used();
  }

  /** The device's pose against the one it was held in, which it slowly becomes. */
  tilt(event) {
    if (!this.tilting || event.beta === null || event.gamma === null) return;
    const turned = ((screen.orientation?.angle ?? 0) * Math.PI) / 180;
    const right = event.gamma * Math.cos(turned) + event.beta * Math.sin(turned);
    const down = event.beta * Math.cos(turned) - event.gamma * Math.sin(turned);
    this.pose ??= { right, down };
    const { reach } = this.rig.data;
    const drift = 0.004;
    this.pose.right += drift * (right - this.pose.right);
    this.pose.down += drift * (down - this.pose.down);
    const share = reach / TILT_DEGREES;
    this.rig.moveTo((right - this.pose.right) * share, (down - this.pose.down) * share);
    this.used();
  }
}
