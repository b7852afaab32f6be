// The neurons of all split layers from above: a rectangle drawn over them chooses those under it, and their module.

const above = (() => {
  const canvas = element("above");
  let places = new Float32Array(0);
  let brush = null;

  /** Return whether two methods say different things of a neuron. */
  function differs(network) {
    if (!state.compare || !network.methods.includes(state.compare)) return () => false;
    const [one, other] = [labelsOf(network, state.method), labelsOf(network, state.compare)];
    return (unit) => one[unit] !== other[unit];
  }

  function draw() {
    const network = shown();
    const { context, width, height } = prepared(canvas);
    places = onCanvas(placesOf(network), width, height);
    const labels = labelsOf(network, state.method);
    drawFromAbove(context, network, places, labels, emphasisOf(network), differs(network));
    for (const [unit, line] of [[state.neuron, 2.4], [state.hovered, 1.6]]) {
      if (unit === NONE) continue;
      context.beginPath();
      context.arc(places[2 * unit], places[2 * unit + 1], 8, 0, 2 * Math.PI);
      context.strokeStyle = colour("ink");
      context.lineWidth = line;
      context.stroke();
    }
    if (brush) {
      context.setLineDash([5, 3]);
      context.lineWidth = 1.2;
      context.strokeStyle = colour("ink");
      context.strokeRect(brush.x, brush.y, brush.width, brush.height);
      context.setLineDash([]);
    }
  }

  const redraw = atNextPicture(draw);

  function under({ x, y, width, height }) {
    const found = [];
    for (let unit = 0; unit < places.length / 2; unit++) {
      const inside = places[2 * unit] >= x && places[2 * unit] <= x + width;
      if (inside && places[2 * unit + 1] >= y && places[2 * unit + 1] <= y + height) found.push(unit);
    }
    return found;
  }

  onDrag(canvas, {
    move(_dx, _dy, start, [x, y]) {
      brush = {
        x: Math.min(start.x, x),
        y: Math.min(start.y, y),
        width: Math.abs(x - start.x),
        height: Math.abs(y - start.y),
      };
      redraw();
    },
    end(start) {
      if (start && brush) choose(under(brush));
      brush = null;
      redraw();
    },
    click: (x, y) => change({ neuron: nearest(places, x, y, 12), brushed: [], module: NONE }),
    hover: (x, y) => hover(nearest(places, x, y, 12), x, y, canvas),
  });

  const directions = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  canvas.addEventListener("keydown", (event) => {
    if (event.key in directions) step(directions[event.key]);
    else if (event.key === ".") walk(1);
    else if (event.key === ",") walk(-1);
    else if (event.key === "Enter" && state.neuron !== NONE) {
      const label = labelsOf(shown(), state.method)[state.neuron];
      if (label >= 0) change({ module: state.module === label ? NONE : label, brushed: [] });
    } else if (event.key === "Escape") change({ neuron: NONE, module: NONE, brushed: [] });
    else return;
    event.preventDefault();
  });

  /** Choose the nearest neuron in a direction of the chosen one. */
  function step([right, down]) {
    if (state.neuron === NONE) {
      walk(1);
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
  return { redraw, places: () => places };
})();

/** Choose neurons, and the module that most of them serve. */
function choose(units) {
  const labels = labelsOf(shown(), state.method);
  const counts = new Map();
  for (const unit of units) if (labels[unit] >= 0) counts.set(labels[unit], (counts.get(labels[unit]) ?? 0) + 1);
  const [module] = [...counts.entries()].sort((a, b) => b[1] - a[1])[0] ?? [NONE];
  change({ brushed: units, module });
}

/** Return places between -1 and 1 in pixels of a canvas. */
function onCanvas(plane, width, height) {
  const scale = Math.min(width, height) / 2 / 1.12;
  const places = new Float32Array(plane.length);
  for (let i = 0; i < plane.length; i += 2) {
    places[i] = width / 2 + scale * plane[i];
    places[i + 1] = height / 2 - scale * plane[i + 1];
  }
  return places;
}

/** Draw neurons from above: colour by task, mark by layer, the last layer's larger and on top. */
function drawFromAbove(context, network, places, labels, emphasis, ringed) {
  const alive = aliveOf(network);
  network.layers.forEach(({ first, size }, layer) => {
    const output = layer === network.layers.length - 1;
    const radius = (output ? 5 : 3.4) * (size > 600 ? 0.75 : 1);
    const groups = new Map();
    const rings = new Path2D();
    for (let unit = first; unit < first + size; unit++) {
      const faint = !alive[unit] || (emphasis && !emphasis(unit));
      const key = `${labels[unit]}:${faint}`;
      if (!groups.has(key)) groups.set(key, { label: labels[unit], faint, path: new Path2D() });
      addMark(groups.get(key).path, layer, places[2 * unit], places[2 * unit + 1], radius);
      if (ringed(unit)) {
        rings.moveTo(places[2 * unit] + radius + 3, places[2 * unit + 1]);
        rings.arc(places[2 * unit], places[2 * unit + 1], radius + 3, 0, 2 * Math.PI);
      }
    }
    for (const { label, faint, path } of groups.values()) {
      context.globalAlpha = faint ? 0.16 : 0.95;
      context.fillStyle = label === NONE ? colour("paper") : taskColour(label, network.tasks.length);
      context.fill(path);
      context.strokeStyle = label === NONE ? colour("unassigned") : colour(output ? "rim" : "paper");
      context.lineWidth = output ? 1.1 : 0.7;
      context.stroke(path);
    }
    context.globalAlpha = 1;
    context.strokeStyle = colour("ink");
    context.lineWidth = 1.2;
    context.stroke(rings);
  });
}
