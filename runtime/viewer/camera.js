/* Where the camera stands, where it is going, and how far it may go. */

const SWAY = { radius: 0.55, seconds: 7, after: 6 };
const EASE = 0.12; // seconds in which the way that is left shrinks to a third
const ZOOM_MOST = 4;

class Rig {
  /**
   * @param {object} data the page's description: `reach`, as far as the layers hold, and the `zoom` that keeps the
   *   frame's borders out of sight there
   * @param {boolean} still people who want less motion get none that they did not make
   */
  constructor(data, still) {
    this.data = data;
    this.still = still;
    this.swaying = !still;
    this.phase = 0;
    this.gain = 0;
    this.idle = SWAY.after - 1;
    this.reset();
    this.now = { ...this.goal };
  }

  reset() {
    this.goal = { x: 0, y: 0, zoom: this.data.zoom, focus: 0.5 };
  }

  /** Move towards a place; beyond the reach of the layers the way gets longer and longer. */
  moveTo(x, y) {
    const { reach } = this.data;
    const away = Math.hypot(x, y);
    const soft = 0.75 * reach;
    const room = reach - soft;
    const kept = away <= soft ? away : soft + room * (1 - Math.exp(-(away - soft) / room));
    const share = away > 0 ? kept / away : 1;
    this.goal.x = x * share;
    this.goal.y = y * share;
  }

  moveBy(dx, dy) {
    this.moveTo(this.goal.x + dx, this.goal.y + dy);
  }

  zoomBy(factor) {
    const least = this.data.zoom;
    this.goal.zoom = Math.min(Math.max(this.goal.zoom * factor, least), least * ZOOM_MOST);
  }

  /** Go there at once, without limits: for scripts. */
  place(camera) {
    for (const name of ["x", "y", "zoom", "focus"]) {
      if (camera[name] === undefined) continue;
      if (!Number.isFinite(camera[name]) || (name === "zoom" && camera[name] <= 0)) {
        throw new RangeError(`camera ${name} must be a finite number${name === "zoom" ? " above 0" : ""}`);
      }
      this.goal[name] = camera[name];
    }
    this.now = { ...this.goal };
    this.gain = 0;
  }

  /** Someone moves the camera: the sway waits. */
  touched() {
    this.idle = 0;
  }

  /**
   * Go on by `dt` seconds.
   * @returns {boolean} whether another frame is due
   */
  step(dt) {
    this.idle += dt;
    const sway = this.swaying && this.idle > SWAY.after;
    const share = this.still ? 1 : 1 - Math.exp(-dt / EASE);
    this.gain += ((sway ? 1 : 0) - this.gain) * (this.still ? 1 : 1 - Math.exp(-dt / 0.8));
    if (sway) this.phase += dt / SWAY.seconds;
    let left = 0;
    const swing = { x: 0, y: 0 };
    if (this.gain > 0.002) {
      const { reach } = this.data;
      const room = Math.max(reach - Math.hypot(this.goal.x, this.goal.y), 0) / reach;
      swing.x = this.gain * SWAY.radius * reach * Math.max(room, 0.3) * Math.sin(2 * Math.PI * this.phase);
      swing.y = 0.45 * this.gain * SWAY.radius * reach * Math.max(room, 0.3) * Math.sin(4 * Math.PI * this.phase);
    } else this.gain = 0;
    for (const name of ["x", "y", "zoom", "focus"]) {
      this.base ??= { ...this.now };
      const way = this.goal[name] - this.base[name];
      this.base[name] = Math.abs(way) < 5e-4 ? this.goal[name] : this.base[name] + way * share;
      left = Math.max(left, Math.abs(this.goal[name] - this.base[name]));
      this.now[name] = this.base[name] + (swing[name] ?? 0);
    }
    return left > 0 || this.gain > 0 || this.swaying;
  }
}
