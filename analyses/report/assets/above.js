// The neurons of all split layers from above: a rectangle drawn over them chooses those under it, and their module.

const above = (() => {
  const [canvas, over] = [element("above"), element("above-over")];
  let places = new Float32Array(0);
  /** @type {{ x: number, y: number, width: number, height: number } | null} */
  let brush = null;

  function draw() {
    const { context, width, height } = prepared(canvas);
    drawAbove(canvasPen(context), shown(), width, height);
    places = onCanvas(placesOf(shown()), width, height);
    drawOver();
  }

  function drawOver() {
    const { context, width, height } = prepared(over);
    if (places.length !== 2 * shown().units) places = onCanvas(placesOf(shown()), width, height);
    const pen = canvasPen(context);
    for (const [unit, wide] of ringed(shown())) drawRing(pen, places, unit, 8, wide);
    if (!brush) return;
    const path = pen.path();
    path.rect(brush.x, brush.y, brush.width, brush.height);
    pen.stroke(path, colour("ink"), 1.2, 1, [5, 3]);
  }

  const redraw = atNextPicture(draw);
  const redrawOver = atNextPicture(drawOver);
  const scaleOf = () => scaleOnCanvas(over.clientWidth, over.clientHeight);

  function under({ x, y, width, height }) {
    const found = [];
    for (let unit = 0; unit < places.length / 2; unit++) {
      const inside = places[2 * unit] >= x && places[2 * unit] <= x + width;
      if (inside && places[2 * unit + 1] >= y && places[2 * unit + 1] <= y + height) found.push(unit);
    }
    return found;
  }

  /** Zoom, and keep a point of the canvas where it is. */
  function zoom(factor, x = over.clientWidth / 2, y = over.clientHeight / 2) {
    const { plane } = state;
    const next = Math.min(Math.max(plane.zoom * factor, 0.5), 20);
    const [right, up] = [x - over.clientWidth / 2, over.clientHeight / 2 - y];
    const moved = (1 - plane.zoom / next) / scaleOf();
    change({ plane: { zoom: next, x: plane.x + right * moved, y: plane.y + up * moved } });
  }

  /** Move the picture by pixels. */
  function pan(right, down) {
    const { plane } = state;
    change({ plane: { ...plane, x: plane.x - right / scaleOf(), y: plane.y + down / scaleOf() } });
  }

  onDrag(over, {
    move(dx, dy, start, [x, y], event) {
      if (event.shiftKey || element("move").getAttribute("aria-pressed") === "true") {
        pan(dx, dy);
        return;
      }
      brush = {
        x: Math.min(start.x, x),
        y: Math.min(start.y, y),
        width: Math.abs(x - start.x),
        height: Math.abs(y - start.y),
      };
      redrawOver();
    },
    end(start) {
      if (start && brush) choose(under(brush));
      brush = null;
      redrawOver();
    },
    click: (x, y) => change({ neuron: nearest(places, x, y, REACH), brushed: [], module: NONE }),
    hover: (x, y) => hover(shown(), nearest(places, x, y, REACH), x, y, over),
  });
  zoomByWheel(over, zoom);
  element("move").addEventListener("click", ({ currentTarget }) => {
    currentTarget.setAttribute("aria-pressed", String(currentTarget.getAttribute("aria-pressed") !== "true"));
  });

  const directions = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  over.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey) return;
    const acts = {
      "+": () => zoom(1.25),
      "=": () => zoom(1.25),
      "-": () => zoom(1 / 1.25),
      0: () => change({ plane: PLANE }),
      ".": () => walk(shown(), 1),
      ",": () => walk(shown(), -1),
      Enter: chooseModule,
      Escape: () => change({ neuron: NONE, module: NONE, brushed: [] }),
    };
    if (event.key in directions) {
      const [right, down] = directions[event.key];
      if (event.shiftKey) pan(-24 * right, -24 * down);
      else step(right, down);
    } else if (event.key in acts) acts[event.key]();
    else return;
    event.preventDefault();
  });

  function chooseModule() {
    const label = state.neuron === NONE ? NONE : labelsOf(shown(), state.method)[state.neuron];
    if (label >= 0) change({ module: state.module === label ? NONE : label, brushed: [] });
  }

  /** Choose the nearest neuron in a direction of the chosen one. */
  function step(right, down) {
    if (state.neuron === NONE) {
      walk(shown(), 1);
      return;
    }
    const [x, y] = [places[2 * state.neuron], places[2 * state.neuron + 1]];
    let [best, least] = [NONE, Infinity];
    for (let unit = 0; unit < places.length / 2; unit++) {
      const [dx, dy] = [places[2 * unit] - x, places[2 * unit + 1] - y];
      const along = dx * right + dy * down;
      const cost = along + 3 * Math.abs(dx * down - dy * right);
      if (unit !== state.neuron && along > 0.5 && cost < least) [best, least] = [unit, cost];
    }
    if (best !== NONE) change({ neuron: best });
  }
  return { redraw, redrawOver, places: () => places };
})();

/** Choose neurons, and the module that most of them serve. */
function choose(units) {
  const labels = labelsOf(shown(), state.method);
  const counts = new Map();
  for (const unit of units) if (labels[unit] >= 0) counts.set(labels[unit], (counts.get(labels[unit]) ?? 0) + 1);
  const [module] = [...counts.entries()].sort((a, b) => b[1] - a[1])[0] ?? [NONE];
  change({ brushed: units, module });
}

const scaleOnCanvas = (width, height) => (state.plane.zoom * Math.min(width, height)) / 2 / 1.12;

/** Return places between -1 and 1 in pixels of a canvas. */
function onCanvas(plane, width, height) {
  const scale = scaleOnCanvas(width, height);
  const places = new Float32Array(plane.length);
  for (let i = 0; i < plane.length; i += 2) {
    places[i] = width / 2 + scale * (plane[i] - state.plane.x);
    places[i + 1] = height / 2 - scale * (plane[i + 1] - state.plane.y);
  }
  return places;
}

/** Return whether two methods say different things of a neuron. */
function differing(network) {
  if (!state.compare || !network.methods.includes(state.compare)) return () => false;
  const [one, other] = [labelsOf(network, state.method), labelsOf(network, state.compare)];
  return (unit) => one[unit] !== other[unit];
}

/** Draw neurons from above: colour by task, mark by layer, the last layer's larger and on top. */
function drawAbove(pen, network, width, height) {
  const places = onCanvas(placesOf(network), width, height);
  const labels = labelsOf(network, state.method);
  const [emphasis, differs, alive] = [emphasisOf(network), differing(network), aliveOf(network)];
  network.layers.forEach(({ first, size }, layer) => {
    const output = layer === network.layers.length - 1;
    const radius = (output ? 5 : 3.4) * (size > 600 ? 0.75 : 1);
    const groups = new Map();
    const rings = pen.path();
    for (let unit = first; unit < first + size; unit++) {
      const faint = !alive[unit] || (emphasis && !emphasis(unit));
      const key = `${labels[unit]}:${faint}`;
      if (!groups.has(key)) groups.set(key, { label: labels[unit], faint, path: pen.path() });
      addMark(groups.get(key).path, layer, places[2 * unit], places[2 * unit + 1], radius);
      if (differs(unit)) addCircle(rings, places[2 * unit], places[2 * unit + 1], radius + 3);
    }
    for (const { label, faint, path } of groups.values()) {
      const alpha = faint ? 0.16 : 0.95;
      pen.fill(path, label === NONE ? colour("paper") : taskColour(label, network.tasks.length), alpha);
      pen.stroke(path, label === NONE ? colour("unassigned") : colour(output ? "rim" : "paper"), output ? 1.1 : 0.7, alpha);
    }
    pen.stroke(rings, colour("ink"), 1.2);
  });
}
