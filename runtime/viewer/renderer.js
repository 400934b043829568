/* WebGL2: textures from the page's pictures, and the passes that draw a camera's view of them. */

const MODES = { color: 0, depth: 1, data: 2 };

/** Decode a picture of the page, exactly. */
async function decodePicture(uri) {
  const image = new Image();
  image.src = uri;
  await image.decode();
  return image;
}

class Renderer {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {object} data the page's description (see page.py)
   * @param {HTMLImageElement[]} pictures decoded, in the description's order
   */
  constructor(canvas, data, pictures) {
    const gl = canvas.getContext("webgl2", { alpha: false, antialias: false, depth: false, powerPreference: "default" });
    if (!gl) throw new Error("no WebGL2");
    this.gl = gl;
    this.data = data;
    this.shaders = data.shaders;
    const limit = gl.getParameter(gl.MAX_TEXTURE_SIZE);
    if (Math.max(data.width, data.height) > limit) throw new Error(`textures are limited to ${limit} pixels here`);
    gl.bindVertexArray(gl.createVertexArray());
    // The browser must not touch the numbers: no alpha multiplied in, no colour space converted.
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
    gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
    gl.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, false);
    this.scenes = data.scenes.map((scene) => this.load(scene, pictures));
    this.lens = this.program("lens", "");
    this.target = null;
  }

  program(name, defines) {
    const gl = this.gl;
    const head = `#version 300 es\nprecision highp float;\nprecision highp int;\nprecision highp sampler2D;\nprecision highp sampler2DArray;\n${defines}\n`;
    const program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, this.shaders.quad], [gl.FRAGMENT_SHADER, this.shaders[name]]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, head + text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost()) {
        throw new Error(`${name}: ${gl.getShaderInfoLog(shader)}`);
      }
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
      throw new Error(`${name}: ${gl.getProgramInfoLog(program)}`);
    }
    const places = {};
    const count = gl.getProgramParameter(program, gl.ACTIVE_UNIFORMS);
    for (let i = 0; i < count; i++) {
      const uniform = gl.getActiveUniform(program, i);
      places[uniform.name] = gl.getUniformLocation(program, uniform.name);
    }
    return { program, places };
  }

  texture(kind) {
    const gl = this.gl;
    const made = gl.createTexture();
    gl.bindTexture(kind, made);
    for (const [name, value] of [
      [gl.TEXTURE_MIN_FILTER, gl.NEAREST],
      [gl.TEXTURE_MAG_FILTER, gl.NEAREST],
      [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE],
      [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE],
    ]) gl.texParameteri(kind, name, value);
    return made;
  }

  upload(picture) {
    const gl = this.gl;
    const made = this.texture(gl.TEXTURE_2D);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, picture);
    return made;
  }

  /** Pack a scene's pictures into one array of colours and one of disparity codes. */
  load(scene, pictures) {
    const gl = this.gl;
    const { width, height } = this.data;
    const layers = scene.layers.length;
    const colors = this.texture(gl.TEXTURE_2D_ARRAY);
    gl.texStorage3D(gl.TEXTURE_2D_ARRAY, 1, gl.RGBA8, width, height, layers);
    const disparity = this.texture(gl.TEXTURE_2D_ARRAY);
    gl.texStorage3D(gl.TEXTURE_2D_ARRAY, 1, gl.RGBA16UI, width, height, Math.ceil(layers / 4));
    const geometry = scene.layers.map((layer) => this.upload(pictures[layer.geometry]));
    const frame = gl.createFramebuffer();
    gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
    gl.viewport(0, 0, width, height);
    const run = (pack, into, slice, color, planes) => {
      gl.framebufferTextureLayer(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, into, 0, slice);
      gl.useProgram(pack.program);
      const bound = [color, ...planes];
      const units = bound.map((texture, unit) => {
        gl.activeTexture(gl.TEXTURE0 + unit);
        gl.bindTexture(gl.TEXTURE_2D, texture);
        return unit;
      });
      if (pack.places.colors) gl.uniform1i(pack.places.colors, 0);
      gl.uniform1iv(pack.places["geometry[0]"], units.slice(1));
      gl.drawArrays(gl.TRIANGLES, 0, 3);
    };
    const packColor = this.program("pack", "#define COLOR");
    const packCodes = this.program("pack", "");
    scene.layers.forEach((layer, k) => {
      gl.activeTexture(gl.TEXTURE0);
      const color = this.upload(pictures[layer.color]);
      const plane = geometry[k];
      run(packColor, colors, k, color, [plane, plane, plane, plane]);
      gl.deleteTexture(color);
    });
    for (let slice = 0; slice * 4 < layers; slice++) {
      const planes = [0, 1, 2, 3].map((k) => geometry[Math.min(slice * 4 + k, layers - 1)]);
      run(packCodes, disparity, slice, planes[0], planes);
    }
    gl.deleteFramebuffer(frame);
    for (const pack of [packColor, packCodes]) gl.deleteProgram(pack.program);
    for (const plane of geometry) gl.deleteTexture(plane);
    gl.activeTexture(gl.TEXTURE0);
    const boundsPicture = pictures[scene.bounds];
    const backdrop = this.upload(pictures[scene.backdrop]);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
    return {
      backdrop,
      colors,
      disparity,
      bounds: this.upload(boundsPicture),
      boundsHeight: (boundsPicture.naturalHeight || boundsPicture.height) / this.data.reaches.length,
      view: this.program("view", `#define LAYERS ${layers}`),
    };
  }

  /** Which table of the bounds holds what this camera can meet; -1 where it goes beyond all of them. */
  table(scene, camera) {
    const { parallax, reaches } = this.data;
    const away = Math.max(Math.abs(camera.x), Math.abs(camera.y)) * Math.max(camera.focus, 1 - camera.focus);
    const found = reaches.findIndex((reach) => away <= reach);
    return found < 0 || !(parallax > 0) ? -1 : found * scene.boundsHeight;
  }

  /** Draw one scene's view into the bound target; see view.frag.glsl. */
  drawView(index, camera, look) {
    const gl = this.gl;
    const scene = this.scenes[index];
    const { width, height, parallax, tile } = this.data;
    const { program, places } = scene.view;
    const largest = parallax * Math.max(width, height);
    gl.useProgram(program);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, scene.disparity);
    gl.activeTexture(gl.TEXTURE1);
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, scene.colors);
    gl.activeTexture(gl.TEXTURE2);
    gl.bindTexture(gl.TEXTURE_2D, scene.bounds);
    gl.activeTexture(gl.TEXTURE3);
    gl.bindTexture(gl.TEXTURE_2D, scene.backdrop);
    gl.uniform1i(places.backdrop, 3);
    gl.uniform1i(places.disparity, 0);
    gl.uniform1i(places.colors, 1);
    gl.uniform1i(places.bounds, 2);
    gl.uniform2i(places.size, width, height);
    gl.uniform2f(places.shift, camera.x * largest, camera.y * largest);
    gl.uniform1f(places.zoom, camera.zoom);
    gl.uniform1f(places.focus, camera.focus);
    gl.uniform2i(places.tiles, tile, this.table(scene, camera));
    gl.uniform1ui(places.shown, look.layers.reduce((bits, on, k) => (on ? bits | (1 << k) : bits), 0) >>> 0);
    gl.uniform1i(places.mode, MODES[look.mode]);
    gl.uniform1f(places.grid, look.grid ? Math.max(width, height) / 36 : 0);
    gl.uniform1i(places.fill, look.fill ? 1 : 0);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  /** A texture to draw views into, as large as asked for. */
  offscreen(width, height) {
    const gl = this.gl;
    if (!this.target) this.target = { frame: gl.createFramebuffer(), texture: null, width: 0, height: 0 };
    const target = this.target;
    gl.bindFramebuffer(gl.FRAMEBUFFER, target.frame);
    if (target.width !== width || target.height !== height) {
      if (target.texture) gl.deleteTexture(target.texture);
      gl.activeTexture(gl.TEXTURE0);
      target.texture = this.texture(gl.TEXTURE_2D);
      gl.texStorage2D(gl.TEXTURE_2D, 1, gl.RGBA8, width, height);
      gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
      gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
      gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, target.texture, 0);
      target.width = width;
      target.height = height;
    }
    return target;
  }

  /**
   * Draw the canvas: the first scene, and right of `split` (a share of the width) the second where there is one.
   */
  draw(camera, look, split) {
    const gl = this.gl;
    const { width, height } = gl.canvas;
    const lens = look.aperture > 0 && look.mode === "color";
    if (lens) this.offscreen(width, height);
    else gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(0, 0, width, height);
    if (this.scenes.length === 1) this.drawView(0, camera, look);
    else {
      const border = Math.round(split * width);
      gl.enable(gl.SCISSOR_TEST);
      gl.scissor(0, 0, border, height);
      if (border > 0) this.drawView(0, camera, look);
      gl.scissor(border, 0, width - border, height);
      if (border < width) this.drawView(1, camera, look);
      gl.disable(gl.SCISSOR_TEST);
    }
    if (!lens) return;
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    const { program, places } = this.lens;
    gl.useProgram(program);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.target.texture);
    gl.uniform1i(places.view, 0);
    gl.uniform2f(places.texel, 1 / width, 1 / height);
    gl.uniform1f(places.largest, look.aperture * 0.035 * Math.max(width, height));
    gl.uniform1f(places.plane, look.plane);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  /** Read a view back as RGBA bytes, top row first. */
  read(index, camera, look, width, height) {
    const gl = this.gl;
    this.offscreen(width, height);
    gl.viewport(0, 0, width, height);
    this.drawView(index, camera, look);
    const upward = new Uint8Array(4 * width * height);
    gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, upward);
    const bytes = new Uint8Array(upward.length);
    for (let row = 0; row < height; row++) {
      bytes.set(upward.subarray(4 * width * row, 4 * width * (row + 1)), 4 * width * (height - 1 - row));
    }
    return bytes;
  }

  /** The disparity seen at a place of the canvas, shares from the top left; null where nothing is. */
  probe(index, camera, look, x, y) {
    const gl = this.gl;
    const { width, height } = gl.canvas;
    const column = Math.min(Math.max(Math.floor(x * width), 0), width - 1);
    const row = Math.min(Math.max(Math.floor((1 - y) * height), 0), height - 1);
    this.offscreen(width, height);
    gl.viewport(0, 0, width, height);
    gl.enable(gl.SCISSOR_TEST);
    gl.scissor(column, row, 1, 1);
    this.drawView(index, camera, { ...look, mode: "data", grid: false });
    gl.disable(gl.SCISSOR_TEST);
    const bytes = new Uint8Array(4);
    gl.readPixels(column, row, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
    return bytes[2] < 64 ? null : (bytes[0] * 256 + bytes[1]) / 65535;
  }
}
