/* Puts the page together, draws when something changed, and opens `window.ldikit` to scripts. */

const data = JSON.parse(document.getElementById("data").textContent);
const photo = document.getElementById("photo");
const canvas = document.getElementById("canvas");
const stage = document.getElementById("stage");
const notice = document.getElementById("notice");
const still = matchMedia("(prefers-reduced-motion: reduce)");
// Pixels drawn a frame: more than a screen of a phone shows nobody sees.
const MOST_PIXELS = 2.2e6;
const FINEST = 1.5; // of the textures' own resolution
// While moving, a slow device draws at this share of the resolution; at rest always at all of it.
const LEAST_SCALE = 0.5;
const SLOW_MS = 24;
const CROP = 0.12; // the photo fills the window where this much of it or less is cut off

const layers = Math.max(...data.scenes.map((scene) => scene.layers.length));
const plain = () => ({ mode: "color", grid: false, fill: true, layers: Array(layers).fill(true), aperture: 0, plane: 0.5 });
let look = plain();
let split = 0.5;
let renderer = null;
let due = 0;
let last = 0;
let scale = 1;
let frames = 0;
let slow = 0;
const rig = new Rig(data, still.matches);

function layout() {
  const width = innerWidth;
  const height = innerHeight;
  const [whole, cover] = [Math.min, Math.max].map((pick) => pick(width / data.width, height / data.height));
  const share = 1 - whole / cover <= CROP ? cover : whole;
  stage.style.width = `${Math.round(data.width * share)}px`;
  stage.style.height = `${Math.round(data.height * share)}px`;
  stage.classList.add("fitted");
  request();
}

/** Size the canvas to the screen's pixels, the textures' and what a frame may cost. */
function resolve(moving) {
  const box = stage.getBoundingClientRect();
  const finest = (FINEST * data.width) / box.width;
  const share = Math.min(devicePixelRatio || 1, finest, Math.sqrt(MOST_PIXELS / (box.width * box.height)));
  const width = Math.max(Math.round(box.width * share * (moving ? scale : 1)), 1);
  const height = Math.max(Math.round(box.height * share * (moving ? scale : 1)), 1);
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
}

function draw(moving) {
  if (!renderer || renderer.gl.isContextLost()) return;
  resolve(moving);
  renderer.draw(rig.now, look, split);
  frames += 1;
}

function frame(time) {
  due = 0;
  const dt = last ? (time - last) / 1000 : 1 / 60;
  last = time;
  const moving = rig.step(Math.min(dt, 0.25));
  // Frames that come late again and again cost too much here; those that come in time may cost more.
  if (moving && dt < 0.5) {
    slow = Math.max(Math.min(slow + (dt * 1000 > SLOW_MS ? 1 : -0.25), 6), -30);
    if (slow === 6 && scale > LEAST_SCALE) [scale, slow] = [Math.max(scale - 0.125, LEAST_SCALE), 0];
  }
  draw(moving && scale < 1);
  if (moving && !document.hidden) request();
  else last = 0;
}

/** Draw a frame soon; there is none without a reason. */
function request() {
  if (!due && renderer) due = requestAnimationFrame(frame);
}

const panel = new Panel({
  sway() {
    rig.swaying = !rig.swaying;
    rig.idle = rig.swaying ? Infinity : 0;
    changed(rig.swaying ? "Swaying" : "Still");
  },
  async tilt() {
    if (gestures.tilting) return tilting(false, "Tilt off");
    try {
      const ask = globalThis.DeviceOrientationEvent?.requestPermission;
      const answer = ask ? await ask.call(DeviceOrientationEvent) : "granted";
      tilting(answer === "granted", answer === "granted" ? "Tilt the device to look around" : "Tilt was not allowed");
    } catch {
      tilting(false, "Tilt is not available here");
    }
  },
  reset() {
    look = plain();
    rig.reset();
    gestures.pose = null;
    changed("Reset");
  },
  full() {
    if (document.fullscreenElement) document.exitFullscreen();
    else document.documentElement.requestFullscreen?.().catch(() => panel.say("Full screen is not allowed here"));
  },
  depth(on) {
    look.mode = on ? "depth" : "color";
    changed(on ? "Depth: bright is near" : "Photo");
  },
  grid(on) {
    look.grid = on;
    changed(on ? "Grid on the surfaces" : "No grid");
  },
  letters(on) {
    gestures.letters = on;
  },
  layer(index, on) {
    look.layers[index] = on;
    // What is missing shall be seen to be missing, not painted over.
    look.fill = look.layers.every(Boolean);
    changed(`${index ? `Hidden layer ${index}` : "Photo layer"} ${on ? "shown" : "hidden"}`);
  },
  plane(value) {
    look.plane = value / 100;
    if (look.aperture === 0) look.aperture = 0.5;
    changed();
  },
  aperture(value) {
    look.aperture = value / 100;
    changed();
  },
  split(value) {
    divide(value / 100);
  },
});

function tilting(on, text) {
  gestures.tilting = on;
  gestures.pose = null;
  if (!on) rig.moveTo(0, 0);
  changed(text);
}

function changed(text) {
  panel.show(look, rig, gestures.tilting);
  if (text) panel.say(text);
  request();
}

const clamp = (value) => Math.min(Math.max(value, 0), 1);

/** Move the line between two scenes; it stays under the middle of its handle. */
function divide(share) {
  if (!panel.split) return;
  const value = clamp(share);
  const handle = 44;
  const width = stage.clientWidth || 1;
  split = (handle / 2 + value * (width - handle)) / width;
  panel.split.value = Math.round(value * 100);
  panel.split.setAttribute("aria-valuetext", `${Math.round(value * 100)} % ${data.scenes[0].name}`);
  stage.style.setProperty("--split", split);
  request();
}

const toggles = { d: "depth", g: "grid", w: "grid" };
const gestures = new Gestures(stage, rig, {
  wake: request,
  tap(x, y, kind) {
    if (look.aperture === 0 && panel.panels.get("refocus").hidden) {
      if (panel.close() || kind === "mouse") return;
      document.body.classList.toggle("quiet");
      return;
    }
    const seen = renderer?.probe(data.scenes.length > 1 && x > split ? 1 : 0, rig.now, look, x, y);
    if (seen === null || seen === undefined) return;
    look.plane = seen;
    if (look.aperture === 0) look.aperture = 0.5;
    changed(`Focus at ${Math.round(seen * 100)} % of nearness`);
  },
  key(name) {
    if (name === "space") panel.find("sway").click();
    else if (name === "home" || name === "0") panel.find("reset").click();
    else if (name === "escape") panel.close();
    else if (name in toggles) panel.find(toggles[name]).click();
    else if (name === "r") panel.toggle("refocus");
    else if (name === "v") panel.toggle("view");
    else if (name === "t" && !panel.find("tilt").hidden) panel.find("tilt").click();
    else if (name === "f") panel.find("full").click();
    else if (name === "?" || name === "h") panel.help();
    else if (/^[1-8]$/.test(name) && panel.layers[name - 1]) panel.layers[name - 1].click();
    else return false;
    return true;
  },
});

/** Show the plain photo, and say why. */
function fallBack(text) {
  renderer = null;
  document.body.classList.remove("drawn");
  document.body.classList.add("plain");
  notice.textContent = text;
  notice.hidden = false;
}

async function start() {
  const uris = data.pictures.map((uri) => uri ?? photo.src);
  if (!document.createElement("canvas").getContext("webgl2")) {
    fallBack("This browser does not offer WebGL 2, so the photo is shown flat.");
    return false;
  }
  const pictures = await Promise.all(uris.map(decodePicture));
  renderer = new Renderer(canvas, data, pictures);
  notice.hidden = true;
  document.body.classList.remove("plain");
  document.body.classList.add("drawn");
  layout();
  draw(false);
  return true;
}

/** Start, and show the plain photo where that is not possible. */
async function tryStart() {
  try {
    return await start();
  } catch (error) {
    fallBack("The 3D view could not be started, so the photo is shown flat.");
    panel.say(String(error.message ?? error));
    return false;
  }
}

canvas.addEventListener("webglcontextlost", (event) => {
  event.preventDefault();
  fallBack("The 3D view was stopped by the browser, so the photo is shown flat.");
});
canvas.addEventListener("webglcontextrestored", tryStart);
addEventListener("resize", () => {
  layout();
  if (panel.split) divide(Number(panel.split.value) / 100);
});
document.addEventListener("visibilitychange", request);
still.addEventListener("change", () => {
  rig.still = still.matches;
  if (still.matches) rig.swaying = false;
  changed();
});
document.addEventListener("fullscreenchange", () => panel.pressed("full", Boolean(document.fullscreenElement)));
if (!document.fullscreenEnabled) panel.find("full").hidden = true;

// Tilt: asked for by its button where the system wants to be asked, else on as soon as the device says how it is held.
const touch = matchMedia("(pointer: coarse)").matches;
panel.find("tilt").hidden = !("DeviceOrientationEvent" in globalThis && touch);
function firstPose(event) {
  if (event.gamma === null || event.beta === null) return;
  removeEventListener("deviceorientation", firstPose);
  panel.find("tilt").hidden = false;
  if (!rig.still) tilting(true, "");
}
addEventListener("deviceorientation", firstPose);

// Around the photo: its own colours, from a picture so small that enlarging it blurs it.
photo.decode().then(() => {
  const ambient = document.getElementById("ambient");
  ambient.getContext("2d")?.drawImage(photo, 0, 0, ambient.width, ambient.height);
}, () => {});

/**
 * For scripts and tests. `ready` resolves to whether the 3D view runs.
 *   setCamera({x, y, zoom, focus})   as ldikit's `Camera`: 1 is the full reach of the layers; at once, sway off
 *   setLook({mode: "color"|"depth", grid, fill, layers: [bool, …], aperture, plane})
 *   setSplit(share)                  of the line between two compared 3D photos
 *   readPixels({width, height, scene, mode}) → Promise<{width, height, data}>, RGBA bytes, top row first; mode "data":
 *                                    disparity × 65535 as red × 256 + green, coverage in blue
 *   state()                          camera, look, split, frames drawn, resolution
 */
window.ldikit = Object.freeze({
  version: 1,
  ready: tryStart(),
  setCamera(camera) {
    rig.swaying = false;
    rig.place(camera);
    rig.base = { ...rig.now };
    draw(false);
    changed();
  },
  setLook(choice) {
    look = { ...look, ...choice };
    changed();
  },
  setSplit: divide,
  readPixels({ width = data.width, height = data.height, scene = 0, mode = look.mode } = {}) {
    if (!renderer) return Promise.reject(new Error("there is no 3D view"));
    return Promise.resolve({ width, height, data: renderer.read(scene, rig.now, { ...look, mode }, width, height) });
  },
  state: () => ({
    camera: { ...rig.now },
    goal: { ...rig.goal },
    look: { ...look, layers: [...look.layers] },
    split,
    frames,
    swaying: rig.swaying,
    tilting: gestures.tilting,
    width: canvas.width,
    height: canvas.height,
  }),
});
layout();
panel.show(look, rig, false);
divide(0.5);
