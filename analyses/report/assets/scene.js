// The split layers as slices in space, of the networks that are shown side by side: one camera, one slider, one rule for
// where neurons lie. The projection is parallel, so that slices keep their size and can be compared.

const EDGE = 1.1; // of a slice, from its middle; the places of most neurons are between -1 and 1
const NAME = 20; // pixels below a slice for its name
const MOST_WHILE_TURNING = 2500;
const SHADES = 6;
const BASE_OPACITY = 0.05;
const TOP_OPACITY = 0.55;
const REACH = 12; // pixels from a neuron at which the pointer is on it

/** Return how far slices are apart: of many, they come closer together. */
const gapOf = (layers) => Math.min(1.75, Math.max(0.6, 7 / Math.max(layers - 1, 1)));

/** Return the rule by which the neurons of a network are laid out: another where it lacks what the chosen one needs. */
function layoutOf(network) {
  if (state.layout === "positions" && network.dimensions > 0) return "positions";
  return state.layout === "order" || !network.array("by-connections") ? "order" : "connections";
}

/** Return where neurons lie in the plane of their layer: pairs of numbers, most of them between -1 and 1. */
function placesOf(network) {
  const layout = layoutOf(network);
  const frame = frameOf(network);
  if (layout === "positions" && frame !== NONE) return framesOf(network)[frame];
  return once(network, `places:${layout}`, () => {
    if (layout === "order") return gridOf(network);
    if (layout === "connections") return network.array("by-connections");
    return scaled(network.array("position"), rangeOfNetwork(network));
  });
}

const scaled = (position, { centre, half }) => Float32Array.from(position, (value, i) => (value - centre[i % 2]) / half);

/** Return which neurons have input weights to speak of; all, where that is not known. */
function aliveOf(network) {
  return once(network, "alive", () => {
    const entering = network.array("entering");
    return Uint8Array.from(entering, (sum) => (Number.isNaN(sum) || sum > content.leastInput ? 1 : 0));
  });
}

/** Return the range of the positions of a network, at all of its moments: of the neurons that training did not switch off. */
function rangeOfNetwork(network) {
  return once(network, "range", () => rangeOf(network.array("film-position") ?? network.array("position"), aliveOf(network)));
}

function rangeOf(position, counts) {
  const low = [Infinity, Infinity];
  const high = [-Infinity, -Infinity];
  for (let i = 0; i < position.length; i++) {
    if (!counts[Math.floor(i / 2) % counts.length]) continue;
    low[i % 2] = Math.min(low[i % 2], position[i]);
    high[i % 2] = Math.max(high[i % 2], position[i]);
  }
  const centre = [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2];
  return { centre, half: Math.max(high[0] - low[0], high[1] - low[1], 1e-6) / 2 };
}

/** Return places in the order of the neurons, which knows neither connections nor a split: a square for each layer. */
function gridOf(network) {
  const places = new Float32Array(2 * network.units);
  for (const { first, size } of network.layers) {
    const side = Math.ceil(Math.sqrt(size));
    for (let place = 0; place < size; place++) {
      places[2 * (first + place)] = side > 1 ? (2 * (place % side)) / (side - 1) - 1 : 0;
      places[2 * (first + place) + 1] = side > 1 ? 1 - (2 * Math.floor(place / side)) / (side - 1) : 0;
    }
  }
  return places;
}

/** Return the strongest connections of the moment that is shown, the strongest first, as many as the slider asks for. */
function connectionsOf(network) {
  const frame = frameOf(network);
  const prefix = frame === NONE ? "" : "film-";
  const [source, target, weight] = ["source", "target", "weight"].map((name) => network.array(prefix + name));
  const kept = frame === NONE ? weight.length : weight.length / network.film.epochs.length;
  const start = frame === NONE ? 0 : frame * kept;
  return { source, target, weight, start, count: Math.min(state.lines, kept) };
}

/** Return whether a neuron stands out by what is picked: null if nothing is. */
function emphasisOf(network) {
  if (state.brushed.length && network === shown()) {
    const brushed = new Set(state.brushed);
    return (unit) => brushed.has(unit);
  }
  if (state.module === NONE) return null;
  const module = network.tasks.indexOf(shown().tasks[state.module]);
  return module < 0 ? null : (unit) => serves(network, state.method, unit, module);
}

/** Return a function from a layer and a place in its plane to pixels and the distance from the eye. */
function projection(network, width, height) {
  const layers = network.layers.length;
  const gap = gapOf(layers);
  const { camera } = state;
  const scale = sceneScale(network, width, height);
  const [cy, sy, cp, sp] = [Math.cos(camera.yaw), Math.sin(camera.yaw), Math.cos(camera.pitch), Math.sin(camera.pitch)];
  // A slice stands across the axis of the layers: its first coordinate leads into the page, the second one up.
  return (layer, across, up) => {
    const along = (layer - (layers - 1) / 2) * gap;
    const x = along * cy + across * -sy;
    const depth = along * sy + across * cy;
    return [
      width / 2 + scale * (camera.zoom * x + camera.x),
      (height - NAME) / 2 + 4 - scale * (camera.zoom * (up * cp - depth * sp) + camera.y),
      depth * cp + up * sp,
    ];
  };
}

/** Return the scale at which slices of some length in all are seen as the page opens, and from side to side in every view. */
function fitting(long, width, height) {
  const deep = (long / 2) * Math.abs(Math.sin(CAMERA.yaw)) + EDGE * Math.cos(CAMERA.yaw);
  const high = EDGE * Math.cos(CAMERA.pitch) + deep * Math.sin(CAMERA.pitch);
  return Math.max(Math.min((width / 2 - 4) / Math.hypot(long / 2, EDGE), (height - NAME - 12) / 2 / high), 1);
}

/** Return the pixels of half a slice of a network as the page opens. */
function sceneScale(network, width, height) {
  const layers = network.layers.length;
  return fitting((layers - 1) * gapOf(layers), width, height);
}

/** Return where the neurons of a network are in a picture: pairs of pixels. */
function projected(network, width, height) {
  const project = projection(network, width, height);
  const plane = placesOf(network);
  const layerOf = layersOf(network);
  const places = new Float32Array(2 * network.units);
  for (let unit = 0; unit < network.units; unit++) {
    const [x, y] = project(layerOf[unit], plane[2 * unit], plane[2 * unit + 1]);
    places[2 * unit] = x;
    places[2 * unit + 1] = y;
  }
  return places;
}

/** Draw a network in space: slices with neurons, and between them the strongest connections, so many at most. */
function drawScene(pen, network, width, height, most = Infinity) {
  const project = projection(network, width, height);
  const places = projected(network, width, height);
  const layerOf = layersOf(network);
  const labels = labelsOf(network, state.method);
  const emphasis = emphasisOf(network);
  // From the farthest slice to the nearest one; connections are drawn when the farther one of their layers is.
  const order = network.layers.map((_, layer) => layer).sort((a, b) => project(b, 0, 0)[2] - project(a, 0, 0)[2]);
  const rank = new Map(order.map((layer, place) => [layer, place]));
  const { source, target, weight, start, count } = connectionsOf(network);
  const lists = network.layers.map(() => []);
  for (let i = start + Math.min(count, most) - 1; i >= start; i--) {
    lists[Math.min(rank.get(layerOf[source[i]]), rank.get(layerOf[target[i]]))].push(i);
  }
  const strongest = weight[start] || 1;
  const scale = sceneScale(network, width, height);
  const named = namedLayers(network, project);
  for (const layer of order) {
    drawSlice(pen, project, network, layer, named.has(layer), height);
    drawConnections(pen, network, { source, target, weight }, lists[rank.get(layer)], { places, labels, strongest, emphasis });
    drawNeurons(pen, network, layer, { places, labels, emphasis, scale });
  }
}

/** Return the layers whose names have room below their slices: the last one, and those that no other name overlaps. */
function namedLayers(network, project) {
  const kept = new Map();
  const layers = network.layers.map((_, layer) => layer);
  for (const layer of [...layers].reverse()) {
    const half = 3.4 * network.layers[layer].name.length + 3; // of 12 pixels high letters
    const middle = project(layer, 0, 0)[0];
    if ([...kept.values()].every(([from, to]) => middle + half < from || middle - half > to)) {
      kept.set(layer, [middle - half, middle + half]);
    }
  }
  return new Set(kept.keys());
}

function drawSlice(pen, project, network, layer, named, height) {
  const corners = [[-EDGE, -EDGE], [EDGE, -EDGE], [EDGE, EDGE], [-EDGE, EDGE]].map(([x, y]) => project(layer, x, y));
  const path = pen.path();
  corners.forEach(([x, y], corner) => (corner ? path.lineTo(x, y) : path.moveTo(x, y)));
  path.closePath();
  pen.fill(path, colour("slice"));
  pen.stroke(path, colour("slice-edge"), 0.8);
  if (!named) return;
  const bottom = Math.max(...corners.map(([, y]) => y));
  const middle = corners.reduce((sum, [x]) => sum + x / 4, 0);
  pen.text(network.layers[layer].name, middle, Math.min(bottom + 15, height - 5), { shade: colour("quiet"), align: "center" });
}

/** Draw connections between layers: lines of one module, or those that cross, of one strength are one path. */
function drawConnections(pen, network, { source, target, weight }, list, { places, labels, strongest, emphasis }) {
  const paths = new Map();
  for (const i of list) {
    const out = emphasis && !(emphasis(source[i]) || emphasis(target[i]));
    const shade = out ? 0 : Math.min(SHADES, 1 + Math.floor((SHADES * weight[i]) / strongest));
    const label = linkLabel(labels[source[i]], labels[target[i]]);
    const key = `${label}:${shade}`;
    if (!paths.has(key)) paths.set(key, { label, shade, path: pen.path() });
    const { path } = paths.get(key);
    path.moveTo(places[2 * source[i]], places[2 * source[i] + 1]);
    path.lineTo(places[2 * target[i]], places[2 * target[i] + 1]);
  }
  for (const { label, shade, path } of [...paths.values()].sort((a, b) => a.shade - b.shade)) {
    const alpha = shade ? BASE_OPACITY + (TOP_OPACITY * (shade - 0.5)) / SHADES : 0.02;
    pen.stroke(path, taskColour(label, network.tasks.length), 0.5 + (0.9 * shade) / SHADES, alpha);
  }
}

function drawNeurons(pen, network, layer, { places, labels, emphasis, scale }) {
  const { first, size } = network.layers[layer];
  const output = layer === network.layers.length - 1;
  // Of a slice of a hundred pixels and more neurons keep their size; on a smaller one they would hide each other.
  const small = Math.min(Math.max((scale * state.camera.zoom) / 100, 0.5), 1) * Math.min(Math.max(state.camera.zoom, 1), 2);
  const radius = (output ? 4.4 : 3.1) * small * (size > 600 ? 0.7 : 1);
  const alive = aliveOf(network);
  const groups = new Map();
  for (let unit = first; unit < first + size; unit++) {
    const faint = !alive[unit] || (emphasis && !emphasis(unit));
    const key = `${labels[unit]}:${faint}`;
    if (!groups.has(key)) groups.set(key, { label: labels[unit], faint, path: pen.path() });
    addCircle(groups.get(key).path, places[2 * unit], places[2 * unit + 1], radius);
  }
  for (const { label, faint, path } of groups.values()) {
    const alpha = faint ? 0.16 : 1;
    pen.fill(path, label === NONE ? colour("paper") : taskColour(label, network.tasks.length), alpha);
    pen.stroke(path, label === NONE ? colour("unassigned") : colour("rim"), (output ? 0.9 : 0.5) * Math.min(small, 1), alpha);
  }
}

/** Draw the strongest connections of the chosen neuron, and of the one under the pointer, and a ring around each. */
function drawChosen(pen, network, places) {
  const labels = labelsOf(network, state.method);
  for (const [unit, wide] of ringed(network)) {
    for (const { other } of strongestOf(network, unit, 24)) {
      const path = pen.path();
      path.moveTo(places[2 * unit], places[2 * unit + 1]);
      path.lineTo(places[2 * other], places[2 * other + 1]);
      pen.stroke(path, taskColour(linkLabel(labels[unit], labels[other]), network.tasks.length), 1.3, 0.8);
    }
    drawRing(pen, places, unit, 7.5, wide);
  }
}

/** Return the neurons of a network that have a ring, with its width: the chosen one and the one under the pointer. */
function ringed(network) {
  const chosen = network === shown() ? state.neuron : NONE;
  const hovered = network.index === state.hoveredIn ? state.hovered : NONE;
  return [[chosen, 2.4], [hovered, 1.6]].filter(([unit]) => unit !== NONE);
}

function drawRing(pen, places, unit, radius, wide) {
  const ring = pen.path();
  addCircle(ring, places[2 * unit], places[2 * unit + 1], radius);
  pen.stroke(ring, colour("ink"), wide);
}

/** Set up the view of one side, and return how it is redrawn. */
function sceneView(side) {
  const [canvas, over] = [element(`scene-${side}`), element(`scene-${side}-over`)];
  const network = () => sides()[side] ?? null;
  let turning = false;
  let places = new Float32Array(0); // of neurons on the canvas

  function draw() {
    if (!network()) return;
    const { context, width, height } = prepared(canvas);
    drawScene(canvasPen(context), network(), width, height, turning ? MOST_WHILE_TURNING : Infinity);
    places = projected(network(), width, height);
    drawOver();
  }

  function drawOver() {
    if (!network()) return;
    const { context, width, height } = prepared(over);
    if (places.length !== 2 * network().units) places = projected(network(), width, height);
    drawChosen(canvasPen(context), network(), places);
  }

  const settle = afterwards(() => {
    turning = false;
    redraw();
  }, 120);
  const redraw = atNextPicture(draw);
  const redrawOver = atNextPicture(drawOver);

  function turn(yaw, pitch) {
    const { camera } = state;
    change({ camera: { ...camera, yaw: camera.yaw + yaw, pitch: Math.min(Math.max(camera.pitch + pitch, -1.5), 1.5) } });
  }

  /** Move the picture by pixels. */
  function pan(right, down) {
    const scale = sceneScale(network(), over.clientWidth, over.clientHeight);
    change({ camera: { ...state.camera, x: state.camera.x + right / scale, y: state.camera.y - down / scale } });
  }

  function zoom(factor) {
    const { camera } = state;
    const most = Math.min(Math.max(camera.zoom * factor, 0.4), 8) / camera.zoom;
    change({ camera: { ...camera, zoom: camera.zoom * most, x: camera.x * most, y: camera.y * most } });
  }

  onDrag(over, {
    move(dx, dy, _start, _at, event) {
      turning = true;
      settle();
      if (event.shiftKey) pan(dx, dy);
      else turn(dx * 0.008, dy * 0.008);
    },
    click: (x, y) => focusOn(network(), { neuron: nearest(places, x, y, REACH) }),
    hover: (x, y) => hover(network(), nearest(places, x, y, REACH), x, y, over),
  });
  zoomByWheel(over, zoom);
  over.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? 24 : 0.09;
    const go = event.shiftKey ? pan : turn;
    const acts = {
      ArrowLeft: () => go(-step, 0),
      ArrowRight: () => go(step, 0),
      ArrowUp: () => go(0, -step),
      ArrowDown: () => go(0, step),
      "+": () => zoom(1.15),
      "=": () => zoom(1.15),
      "-": () => zoom(1 / 1.15),
      0: () => change({ camera: CAMERA }),
      ".": () => walk(network(), 1),
      ",": () => walk(network(), -1),
      Enter: () => focusOn(network()),
      Escape: () => change({ neuron: NONE, module: NONE, brushed: [] }),
    };
    if (!(event.key in acts) || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    acts[event.key]();
  });
  return { redraw, redrawOver, places: () => places };
}

const scenes = [sceneView(0), sceneView(1)];

/** Choose the next neuron of a network, or the one before. */
function walk(network, step) {
  const { units } = network;
  if (units === 0) return;
  const from = network === shown() ? state.neuron : NONE;
  focusOn(network, { neuron: from === NONE ? (step > 0 ? 0 : units - 1) : (from + step + units) % units });
}

/** Return the number of the place nearest to a point within a reach, NONE if there is none. */
function nearest(places, x, y, reach) {
  let [best, least] = [NONE, reach * reach];
  for (let i = 0; i < places.length / 2; i++) {
    const distance = (places[2 * i] - x) ** 2 + (places[2 * i + 1] - y) ** 2;
    if (distance <= least) [best, least] = [i, distance];
  }
  return best;
}

/** Tell apart a drag, a click and a pointer that moves over a canvas. */
function onDrag(canvas, { move, click, hover: over, end = (_start) => {} }) {
  /** @type {{ x: number, y: number, last: number[], dragged: boolean } | null} */
  let start = null;
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    const [x, y] = at(event);
    start = { x, y, last: [x, y], dragged: false };
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({ preventScroll: true });
  });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = at(event);
    if (!start) {
      over(x, y);
      return;
    }
    if (Math.hypot(x - start.x, y - start.y) > 4) start.dragged = true;
    if (start.dragged) {
      over(-1e6, -1e6);
      move(x - start.last[0], y - start.last[1], start, [x, y], event);
    }
    start.last = [x, y];
  });
  canvas.addEventListener("pointerup", (event) => {
    if (!start) return;
    const [x, y] = at(event);
    if (!start.dragged) click(x, y);
    else end(start);
    start = null;
  });
  canvas.addEventListener("pointercancel", () => {
    start = null;
    end(null);
  });
  canvas.addEventListener("pointerleave", () => over(-1e6, -1e6));
}

/** Zoom by the wheel, but let a page that scrolls under the pointer scroll on. */
function zoomByWheel(canvas, zoom) {
  let armed = false;
  canvas.addEventListener("pointermove", () => {
    armed = true;
  });
  canvas.addEventListener("pointerleave", () => {
    armed = false;
  });
  addEventListener("scroll", () => {
    armed = false;
  });
  canvas.addEventListener(
    "wheel",
    (event) => {
      if (!armed) return;
      event.preventDefault();
      const box = canvas.getBoundingClientRect();
      zoom(Math.exp(-event.deltaY * 0.0015), event.clientX - box.left, event.clientY - box.top);
    },
    { passive: false },
  );
}
