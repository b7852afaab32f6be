// The split layers as slices in space. The projection is parallel, so that slices keep their size and can be compared.

const GAP = 1.75; // between slices of half-width 1
const EDGE = 1.1; // of a slice, from its middle
const NAME = 20; // pixels below a slice for its name
const VIEW = { yaw: -0.62, pitch: 0.3, zoom: 1 };
const MOST_WHILE_TURNING = 2500;
const SHADES = 6;
const BASE_OPACITY = 0.05;
const TOP_OPACITY = 0.55;

/** Return where neurons lie in the plane of their layer: pairs of numbers, most of them between -1 and 1. */
function placesOf(network) {
  if (network.dimensions === 0) return once(network, "places", () => gridOf(network));
  return once(network, "places", () => {
    const position = network.array("position");
    const { centre, half } = rangeOf(position, aliveOf(network));
    const places = new Float32Array(position.length);
    for (let i = 0; i < places.length; i++) places[i] = (position[i] - centre[i % 2]) / half;
    return places;
  });
}

/** Return which neurons have input weights to speak of; all, where that is not known. */
function aliveOf(network) {
  return once(network, "alive", () => {
    const entering = network.array("entering");
    return Uint8Array.from(entering, (sum) => (Number.isNaN(sum) || sum > content.leastInput ? 1 : 0));
  });
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

/** Return places of neurons that lie nowhere: a square for each layer, in their order, which knows no split. */
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

/** Return how many of the connections are as strong as the slider asks; they come strongest first. */
function connectionsShown(network) {
  const weight = network.array("weight");
  if (!weight.length) return { count: 0, least: NaN };
  const least = Math.exp(Math.log(weight[0]) + state.share * Math.log(weight[weight.length - 1] / weight[0]));
  let [low, high] = [0, weight.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (weight[middle] >= least * (1 - 1e-6)) low = middle + 1;
    else high = middle;
  }
  return { count: low, least };
}

/** Return whether a neuron stands out by what is picked: null if nothing is. */
function emphasisOf(network) {
  if (state.brushed.length) {
    const brushed = new Set(state.brushed);
    return (unit) => brushed.has(unit);
  }
  if (state.module !== NONE) return (unit) => serves(network, state.method, unit, state.module);
  return null;
}

const scene = (() => {
  const canvas = element("scene");
  let view = { ...VIEW };
  let turning = false;
  let places = new Float32Array(0); // of neurons on the canvas

  /** Return the scale at which every slice is seen in the first view, and from side to side in every view. */
  function fitting(layers, width, height) {
    const half = ((layers - 1) * GAP) / 2;
    const deep = half * Math.abs(Math.sin(VIEW.yaw)) + EDGE * Math.cos(VIEW.yaw);
    const high = EDGE * Math.cos(VIEW.pitch) + deep * Math.sin(VIEW.pitch);
    return Math.min((width / 2 - 4) / Math.hypot(half, EDGE), (height / 2 - NAME) / high);
  }

  function projection(network, width, height) {
    const layers = network.layers.length;
    const scale = view.zoom * fitting(layers, width, height);
    const [cy, sy, cp, sp] = [Math.cos(view.yaw), Math.sin(view.yaw), Math.cos(view.pitch), Math.sin(view.pitch)];
    // A slice stands across the axis of the layers: its first coordinate leads into the page, the second one up.
    return (layer, across, up) => {
      const along = (layer - (layers - 1) / 2) * GAP;
      const x = along * cy + across * -sy;
      const depth = along * sy + across * cy;
      return [width / 2 + scale * x, height / 2 - scale * (up * cp - depth * sp), depth * cp + up * sp];
    };
  }

  function drawSlice(context, project, layer, network) {
    const corners = [[-EDGE, -EDGE], [EDGE, -EDGE], [EDGE, EDGE], [-EDGE, EDGE]].map(([x, y]) => project(layer, x, y));
    context.beginPath();
    corners.forEach(([x, y]) => context.lineTo(x, y));
    context.closePath();
    context.fillStyle = colour("slice");
    context.fill();
    context.strokeStyle = colour("slice-edge");
    context.lineWidth = 0.8;
    context.stroke();
    const bottom = corners.reduce((lowest, corner) => (corner[1] > lowest[1] ? corner : lowest));
    const middle = corners.reduce((sum, [x]) => sum + x / 4, 0);
    context.fillStyle = colour("quiet");
    context.font = "12px system-ui, sans-serif";
    context.textAlign = "center";
    context.fillText(network.layers[layer].name, middle, Math.min(bottom[1] + 15, canvas.clientHeight - 4));
  }

  /** Draw connections between layers: lines of one module, or those that cross, of one strength are one path. */
  function drawConnections(context, network, list, labels, strongest, emphasis) {
    const source = network.array("source");
    const target = network.array("target");
    const weight = network.array("weight");
    const paths = new Map();
    for (const i of list) {
      const out = emphasis && !(emphasis(source[i]) || emphasis(target[i]));
      const shade = out ? 0 : Math.min(SHADES, 1 + Math.floor((SHADES * weight[i]) / strongest));
      const label = linkLabel(labels[source[i]], labels[target[i]]);
      const key = `${label}:${shade}`;
      if (!paths.has(key)) paths.set(key, { label, shade, path: new Path2D() });
      const { path } = paths.get(key);
      path.moveTo(places[2 * source[i]], places[2 * source[i] + 1]);
      path.lineTo(places[2 * target[i]], places[2 * target[i] + 1]);
    }
    for (const { label, shade, path } of [...paths.values()].sort((a, b) => a.shade - b.shade)) {
      context.globalAlpha = shade ? BASE_OPACITY + (TOP_OPACITY * (shade - 0.5)) / SHADES : 0.02;
      context.strokeStyle = taskColour(label, network.tasks.length);
      context.lineWidth = 0.5 + (0.9 * shade) / SHADES;
      context.stroke(path);
    }
    context.globalAlpha = 1;
  }

  function drawNeurons(context, network, layer, labels, alive, emphasis) {
    const { first, size } = network.layers[layer];
    const output = layer === network.layers.length - 1;
    const radius = (output ? 4.4 : 3.1) * Math.min(Math.max(view.zoom, 0.8), 2) * (size > 600 ? 0.7 : 1);
    const groups = new Map();
    for (let unit = first; unit < first + size; unit++) {
      const faint = !alive[unit] || (emphasis && !emphasis(unit));
      const key = `${labels[unit]}:${faint}`;
      if (!groups.has(key)) groups.set(key, { label: labels[unit], faint, path: new Path2D() });
      const path = groups.get(key).path;
      path.moveTo(places[2 * unit] + radius, places[2 * unit + 1]);
      path.arc(places[2 * unit], places[2 * unit + 1], radius, 0, 2 * Math.PI);
    }
    for (const { label, faint, path } of groups.values()) {
      context.globalAlpha = faint ? 0.16 : 1;
      context.fillStyle = label === NONE ? colour("paper") : taskColour(label, network.tasks.length);
      context.fill(path);
      context.strokeStyle = label === NONE ? colour("unassigned") : colour("rim");
      context.lineWidth = output ? 0.9 : 0.5;
      context.stroke(path);
    }
    context.globalAlpha = 1;
  }

  /** Draw the connections of the chosen neuron over everything, and a ring around it. */
  function drawChosen(context, network, labels) {
    for (const [unit, line] of [[state.neuron, 2.4], [state.hovered, 1.6]]) {
      if (unit === NONE) continue;
      context.lineWidth = 1.3;
      for (const { other } of strongestOf(network, unit, 24)) {
        context.beginPath();
        context.moveTo(places[2 * unit], places[2 * unit + 1]);
        context.lineTo(places[2 * other], places[2 * other + 1]);
        context.strokeStyle = taskColour(linkLabel(labels[unit], labels[other]), network.tasks.length);
        context.globalAlpha = 0.8;
        context.stroke();
      }
      context.globalAlpha = 1;
      context.beginPath();
      context.arc(places[2 * unit], places[2 * unit + 1], 7.5, 0, 2 * Math.PI);
      context.strokeStyle = colour("ink");
      context.lineWidth = line;
      context.stroke();
    }
  }

  function draw() {
    const network = shown();
    const { context, width, height } = prepared(canvas);
    const project = projection(network, width, height);
    const plane = placesOf(network);
    const layerOf = layersOf(network);
    const labels = labelsOf(network, state.method);
    const emphasis = emphasisOf(network);
    places = new Float32Array(2 * network.units);
    for (let unit = 0; unit < network.units; unit++) {
      const [x, y] = project(layerOf[unit], plane[2 * unit], plane[2 * unit + 1]);
      places[2 * unit] = x;
      places[2 * unit + 1] = y;
    }
    // From the farthest slice to the nearest one; connections are drawn when the farther one of their layers is.
    const order = network.layers.map((_, layer) => layer).sort((a, b) => project(b, 0, 0)[2] - project(a, 0, 0)[2]);
    const rank = new Map(order.map((layer, place) => [layer, place]));
    const { count } = connectionsShown(network);
    const most = turning ? Math.min(count, MOST_WHILE_TURNING) : count;
    const lists = network.layers.map(() => []);
    const [source, target] = [network.array("source"), network.array("target")];
    for (let i = most - 1; i >= 0; i--) {
      const [one, other] = [rank.get(layerOf[source[i]]), rank.get(layerOf[target[i]])];
      lists[Math.min(one, other)].push(i);
    }
    const strongest = network.array("weight")[0] || 1;
    for (const layer of order) {
      drawSlice(context, project, layer, network);
      drawConnections(context, network, lists[rank.get(layer)], labels, strongest, emphasis);
      drawNeurons(context, network, layer, labels, aliveOf(network), emphasis);
    }
    drawChosen(context, network, labels);
  }

  const redraw = atNextPicture(draw);

  function turn(yaw, pitch) {
    view.yaw += yaw;
    view.pitch = Math.min(Math.max(view.pitch + pitch, -1.5), 1.5);
    redraw();
  }

  function zoom(factor) {
    view.zoom = Math.min(Math.max(view.zoom * factor, 0.4), 8);
    redraw();
  }

  function reset() {
    view = { ...VIEW };
    redraw();
  }

  let settle = 0;
  onDrag(canvas, {
    move(dx, dy) {
      turning = true;
      clearTimeout(settle);
      settle = setTimeout(() => {
        turning = false;
        redraw();
      }, 120);
      turn(dx * 0.008, dy * 0.008);
    },
    click: (x, y) => change({ neuron: nearest(places, x, y, 12) }),
    hover: (x, y) => hover(nearest(places, x, y, 12), x, y, canvas),
  });
  zoomByWheel(canvas, zoom);
  canvas.addEventListener("keydown", (event) => {
    const step = 0.09;
    const acts = {
      ArrowLeft: () => turn(-step, 0),
      ArrowRight: () => turn(step, 0),
      ArrowUp: () => turn(0, -step),
      ArrowDown: () => turn(0, step),
      "+": () => zoom(1.15),
      "=": () => zoom(1.15),
      "-": () => zoom(1 / 1.15),
      0: reset,
      ".": () => walk(1),
      ",": () => walk(-1),
      Escape: () => change({ neuron: NONE, module: NONE, brushed: [] }),
    };
    if (event.key in acts && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      acts[event.key]();
    }
  });
  element("turn-back").addEventListener("click", reset);
  return { redraw, places: () => places };
})();

/** Choose the next neuron, or the one before. */
function walk(step) {
  const { units } = shown();
  if (units === 0) return;
  change({ neuron: state.neuron === NONE ? (step > 0 ? 0 : units - 1) : (state.neuron + step + units) % units });
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
function onDrag(canvas, { move, click, hover: over, end }) {
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
      move(x - start.last[0], y - start.last[1], start, [x, y]);
    }
    start.last = [x, y];
  });
  canvas.addEventListener("pointerup", (event) => {
    if (!start) return;
    const [x, y] = at(event);
    if (!start.dragged) click(x, y);
    else if (end) end(start, [x, y]);
    start = null;
  });
  canvas.addEventListener("pointercancel", () => {
    start = null;
    if (end) end(null);
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
      zoom(Math.exp(-event.deltaY * 0.0015));
    },
    { passive: false },
  );
}
