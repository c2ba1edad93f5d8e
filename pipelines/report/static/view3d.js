// The 3D view of a report: plain WebGL, no library, no network.
"use strict";
(() => {
  const box = document.getElementById("view3d");
  const data = document.getElementById("scene");
  if (!box || !data) return;
  const canvas = box.querySelector("canvas");
  const sorry = box.querySelector(".sorry");
  const gl = canvas.getContext("webgl", { antialias: true, alpha: true });
  if (!gl) {
    box.classList.add("without");
    sorry.hidden = false;
    sorry.textContent = "This browser has no WebGL: the pictures below show the same model.";
    return;
  }
  const scene = JSON.parse(data.textContent);
  const NAMES = Object.keys(scene.halves);

  // --- small matrices: columns one after the other, as WebGL wants them ---
  const multiply = (a, b) => {
    const out = new Float32Array(16);
    for (let c = 0; c < 4; c++)
      for (let r = 0; r < 4; r++)
        for (let k = 0; k < 4; k++) out[4 * c + r] += a[4 * k + r] * b[4 * c + k];
    return out;
  };
  const identity = () => new Float32Array([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
  const perspective = (fovy, aspect, near, far) => {
    const f = 1 / Math.tan(fovy / 2);
    return new Float32Array([f / aspect, 0, 0, 0, 0, f, 0, 0, 0, 0, (far + near) / (near - far), -1,
      0, 0, 2 * far * near / (near - far), 0]);
  };
  // Looks at a point from an azimuth and an elevation; z is up.
  const axes = (azimuth, elevation) => {
    const ca = Math.cos(azimuth), sa = Math.sin(azimuth), ce = Math.cos(elevation), se = Math.sin(elevation);
    return { right: [-sa, ca, 0], up: [-se * ca, -se * sa, ce], away: [ce * ca, ce * sa, se] };
  };
  const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const lookAt = (eye) => {
    const { right, up, away } = axes(eye.azimuth, eye.elevation);
    const place = eye.target.map((v, k) => v + eye.distance * away[k]);
    return new Float32Array([right[0], up[0], away[0], 0, right[1], up[1], away[1], 0, right[2], up[2], away[2], 0,
      -dot(right, place), -dot(up, place), -dot(away, place), 1]);
  };

  // --- programs ---
  const program = (vertex, fragment) => {
    const made = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
      gl.attachShader(made, shader);
    }
    gl.linkProgram(made);
    const place = (name) => gl.getUniformLocation(made, name);
    return { made, place, attribute: (name) => gl.getAttribLocation(made, name) };
  };
  const surface = program(`
    attribute vec3 at, normal, colour; attribute float gap;
    uniform mat4 world, view, lens; uniform vec3 low, flat_colour; uniform float grain, mode;
    uniform sampler2D ramp; varying vec3 tint, facing;
    void main() {
      vec4 place = view * world * vec4(low + grain * at, 1.0);
      gl_Position = lens * place;
      facing = mat3(view) * mat3(world) * normal;
      vec3 measured = gap > 254.5 ? vec3(0.59) : texture2D(ramp, vec2((gap + 0.5) / 255.0, 0.5)).rgb;
      tint = mode < 0.5 ? colour : mode < 1.5 ? flat_colour : measured;
    }`, `
    precision mediump float; varying vec3 tint, facing;
    void main() {
      vec3 n = normalize(facing);
      float light = 0.5 + 0.6 * max(dot(n, normalize(vec3(-0.4, 0.6, 0.7))), 0.0);
      gl_FragColor = vec4(min(tint * light, 1.0), 1.0);
    }`);
  const wires = program(
    "attribute vec3 at; uniform mat4 world, view, lens; void main() { gl_Position = lens * view * world * vec4(at, 1.0); }",
    "precision mediump float; uniform vec3 flat_colour; void main() { gl_FragColor = vec4(flat_colour, 1.0); }");

  // --- data ---
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const buffer = (array, kind = gl.ARRAY_BUFFER) => {
    const made = gl.createBuffer();
    gl.bindBuffer(kind, made);
    gl.bufferData(kind, array, gl.STATIC_DRAW);
    return made;
  };
  const load = (item) => ({
    low: item.low, step: item.step, corners: item.corners,
    at: buffer(bytes(item.places)), normal: buffer(bytes(item.normals)), colour: buffer(bytes(item.colours)),
    gap: item.distances ? buffer(bytes(item.distances)) : null,
    faces: buffer(bytes(item.faces), gl.ELEMENT_ARRAY_BUFFER),
  });
  const model = load(scene.model), halves = {};
  for (const name of NAMES) {
    const item = scene.halves[name];
    halves[name] = { ...load(item), tint: item.tint.map((v) => v / 255), matrix: new Float32Array(item.matrix) };
  }
  const EDGES = [0, 1, 0, 2, 0, 3, 0, 4, 1, 2, 2, 3, 3, 4, 4, 1];
  const pyramids = (text) => {
    const corners = new Float32Array(bytes(text).buffer), count = corners.length / 15;
    const lines = new Float32Array(count * EDGES.length * 3);
    let n = 0, reach = 0;
    for (let c = 0; c < count; c++) {
      reach = Math.max(reach, Math.hypot(...scene.middle.map((v, k) => corners[15 * c + k] - v)));
      for (const e of EDGES) for (let k = 0; k < 3; k++) lines[n++] = corners[15 * c + 3 * e + k];
    }
    return { at: buffer(lines), count: count * EDGES.length, reach };
  };
  const cameras = {};
  for (const name of NAMES) cameras[name] = pyramids(scene.halves[name].cameras);
  const camerasReach = 1.05 * Math.max(...NAMES.map((name) => cameras[name].reach));
  const ramp = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, ramp);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB, 256, 1, 0, gl.RGB, gl.UNSIGNED_BYTE, bytes(scene.ramp));
  for (const [name, value] of [[gl.TEXTURE_MIN_FILTER, gl.LINEAR], [gl.TEXTURE_MAG_FILTER, gl.LINEAR],
    [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE], [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE]]) gl.texParameteri(gl.TEXTURE_2D, name, value);

  // --- state ---
  const FOV = 0.5;
  const fitting = (radius) => radius / Math.sin(FOV / 2) / Math.min(1, (canvas.clientWidth || 1) / (canvas.clientHeight || 1));
  const start = () => ({ azimuth: 0.6, elevation: 0.5, target: [...scene.middle], distance: fitting(scene.radius) });
  let eye = start(), asked = false;
  const shown = { model: true, cameras: false };
  const picked = { place: 0, colour: "half" };
  const redraw = () => {
    if (!asked) requestAnimationFrame(draw);
    asked = true;
  };

  // --- drawing ---
  const bind = (item, name, kind, size, normalized) => {
    const place = surface.attribute(name);
    if (place < 0) return;
    if (!item[name]) {
      gl.disableVertexAttribArray(place);
      gl.vertexAttrib1f(place, 255);
      return;
    }
    gl.bindBuffer(gl.ARRAY_BUFFER, item[name]);
    gl.enableVertexAttribArray(place);
    gl.vertexAttribPointer(place, size, kind, normalized, 0, 0);
  };
  const drawItem = (item, world, flat, mode) => {
    bind(item, "at", gl.UNSIGNED_SHORT, 3, false);
    bind(item, "normal", gl.BYTE, 3, true);
    bind(item, "colour", gl.UNSIGNED_BYTE, 3, true);
    bind(item, "gap", gl.UNSIGNED_BYTE, 1, false);
    gl.uniformMatrix4fv(surface.place("world"), false, world);
    gl.uniform3fv(surface.place("low"), item.low);
    gl.uniform1f(surface.place("grain"), item.step);
    gl.uniform3fv(surface.place("flat_colour"), flat);
    gl.uniform1f(surface.place("mode"), mode);
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, item.faces);
    gl.drawElements(gl.TRIANGLES, item.corners, gl.UNSIGNED_SHORT, 0);
  };
  const drawCameras = (view, lens) => {
    gl.useProgram(wires.made);
    gl.uniformMatrix4fv(wires.place("view"), false, view);
    gl.uniformMatrix4fv(wires.place("lens"), false, lens);
    gl.uniformMatrix4fv(wires.place("world"), false, identity());
    const at = wires.attribute("at");
    for (const name of NAMES) {
      gl.bindBuffer(gl.ARRAY_BUFFER, cameras[name].at);
      gl.enableVertexAttribArray(at);
      gl.vertexAttribPointer(at, 3, gl.FLOAT, false, 0, 0);
      gl.uniform3fv(wires.place("flat_colour"), halves[name].tint);
      gl.drawArrays(gl.LINES, 0, cameras[name].count);
    }
  };
  function draw() {
    asked = false;
    const dense = Math.min(window.devicePixelRatio || 1, 2);
    const width = Math.max(1, Math.round(canvas.clientWidth * dense)), height = Math.max(1, Math.round(canvas.clientHeight * dense));
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.enable(gl.DEPTH_TEST);
    const view = lookAt(eye), lens = perspective(FOV, width / height, eye.distance * 0.02, eye.distance * 4 + 40 * scene.radius);
    for (let n = 0; n < 8; n++) gl.disableVertexAttribArray(n);
    gl.useProgram(surface.made);
    gl.uniformMatrix4fv(surface.place("view"), false, view);
    gl.uniformMatrix4fv(surface.place("lens"), false, lens);
    const mode = { photo: 0, half: 1, distance: 2 }[picked.colour];
    if (shown.model) {
      gl.enable(gl.POLYGON_OFFSET_FILL);  // the halves lie on the model: they win
      gl.polygonOffset(2, 8);
      drawItem(model, identity(), [0.72, 0.72, 0.72], 0);
      gl.disable(gl.POLYGON_OFFSET_FILL);
    }
    for (const name of NAMES) {
      const matrix = name === scene.moves ? new Float32Array(scene.places[picked.place].matrix) : halves[name].matrix;
      if (shown[name]) drawItem(halves[name], matrix, halves[name].tint, mode);
    }
    if (shown.cameras) drawCameras(view, lens);
  }

  // --- moving ---
  const turn = (dx, dy) => {
    eye.azimuth -= dx;
    eye.elevation = Math.max(-1.56, Math.min(1.56, eye.elevation + dy));
    redraw();
  };
  const zoom = (factor) => {
    eye.distance = Math.max(0.5 * scene.radius, Math.min(60 * scene.radius, eye.distance * factor));
    redraw();
  };
  const move = (dx, dy) => {  // in pixels
    const { right, up } = axes(eye.azimuth, eye.elevation);
    const each = 2 * eye.distance * Math.tan(FOV / 2) / canvas.clientHeight;
    eye.target = eye.target.map((v, k) => v - each * dx * right[k] + each * dy * up[k]);
    redraw();
  };
  const fingers = new Map();
  const spread = () => {
    const [a, b] = [...fingers.values()];
    return { size: Math.hypot(a.x - b.x, a.y - b.y), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  };
  canvas.addEventListener("pointerdown", (e) => {
    canvas.setPointerCapture(e.pointerId);
    fingers.set(e.pointerId, { x: e.clientX, y: e.clientY });
  });
  canvas.addEventListener("pointermove", (e) => {
    const last = fingers.get(e.pointerId);
    if (!last) return;
    const before = fingers.size === 2 ? spread() : null;
    const [dx, dy] = [e.clientX - last.x, e.clientY - last.y];
    fingers.set(e.pointerId, { x: e.clientX, y: e.clientY });
    if (before) {
      const now = spread();
      zoom(before.size / Math.max(1, now.size));
      move(now.x - before.x, now.y - before.y);
    } else if (e.shiftKey || e.buttons & 2) move(dx, dy);
    else turn(0.008 * dx, 0.008 * dy);
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) canvas.addEventListener(end, (e) => fingers.delete(e.pointerId));
  canvas.addEventListener("contextmenu", (e) => e.preventDefault());
  canvas.addEventListener("wheel", (e) => {
    if (document.activeElement !== canvas && !e.ctrlKey) return;  // the page scrolls until the view was clicked
    e.preventDefault();
    zoom(Math.exp(0.0012 * e.deltaY));
  }, { passive: false });
  const reset = () => {
    eye = start();
    redraw();
  };
  const KEYS = {
    ArrowLeft: (s) => s ? move(20, 0) : turn(-0.12, 0), ArrowRight: (s) => s ? move(-20, 0) : turn(0.12, 0),
    ArrowUp: (s) => s ? move(0, 20) : turn(0, 0.12), ArrowDown: (s) => s ? move(0, -20) : turn(0, -0.12),
    "+": () => zoom(0.87), "=": () => zoom(0.87), "-": () => zoom(1.15), Home: reset, 0: reset,
  };
  canvas.addEventListener("keydown", (e) => {
    if (!KEYS[e.key] || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    KEYS[e.key](e.shiftKey);
  });

  // --- controls ---
  const scale = box.querySelector("[data-scale]");
  for (const input of box.querySelectorAll("[data-show]")) {
    shown[input.dataset.show] = input.checked;
    input.addEventListener("change", () => {
      shown[input.dataset.show] = input.checked;
      if (shown.cameras && input.dataset.show === "cameras") {
        eye = { ...eye, target: [...scene.middle], distance: Math.max(eye.distance, fitting(camerasReach)) };
      }
      redraw();
    });
  }
  const showHalves = () => {  // what was picked concerns the halves: let them be seen
    for (const input of box.querySelectorAll("[data-show]")) {
      if (input.dataset.show !== "cameras") input.checked = shown[input.dataset.show] = input.dataset.show !== "model";
    }
  };
  for (const select of box.querySelectorAll("[data-pick]")) {
    const pick = () => {
      picked[select.dataset.pick] = select.value;
      scale.hidden = picked.colour !== "distance";
      redraw();
    };
    select.addEventListener("change", () => {
      if (!NAMES.some((name) => shown[name])) showHalves();
      pick();
    });
    pick();
  }
  const ACTS = { in: () => zoom(0.87), out: () => zoom(1.15), left: () => turn(-0.2, 0), right: () => turn(0.2, 0), reset };
  for (const button of box.querySelectorAll("[data-do]")) button.addEventListener("click", ACTS[button.dataset.do]);
  canvas.addEventListener("webglcontextlost", (e) => e.preventDefault());
  canvas.addEventListener("webglcontextrestored", () => location.reload());
  new ResizeObserver(redraw).observe(canvas);
  redraw();
})();
