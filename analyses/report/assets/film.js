// The film of training: the neurons from above at every stored moment, with curves that a mark moves along.

const film = (() => {
  const canvas = element("screen");
  const scrubber = element("scrubber");
  let playing = 0;

  /** Return what the frames need: where neurons lie in each, on one scale over all of them. */
  function framesOf(network) {
    return once(network, "film", () => {
      const position = network.array("film-position");
      const alive = aliveOf(network);
      // The range is that of the neurons that are left: others drift away while training switches them off.
      const { centre, half } = rangeOf(position, alive);
      const size = 2 * network.units;
      const frames = network.film.epochs.map((_, frame) => {
        const plane = new Float32Array(size);
        for (let i = 0; i < size; i++) plane[i] = (position[frame * size + i] - centre[i % 2]) / half;
        return plane;
      });
      return { frames, lines: network.array("film-source").length / network.film.epochs.length };
    });
  }

  function draw() {
    const network = shown();
    if (!network.film) return;
    const { context, width, height } = prepared(canvas);
    const { frames, lines } = framesOf(network);
    const places = onCanvas(frames[state.frame], width, height);
    const labels = labelsOf(network, state.method);
    const [source, target, weight] = ["source", "target", "weight"].map((name) => network.array(`film-${name}`));
    const strongest = Math.max(...weight.slice((frames.length - 1) * lines)) || 1;
    for (let i = (state.frame + 1) * lines - 1; i >= state.frame * lines; i--) {
      context.globalAlpha = Math.min(0.7, 0.06 + 0.5 * Math.sqrt(weight[i] / strongest));
      context.strokeStyle = taskColour(linkLabel(labels[source[i]], labels[target[i]]), network.tasks.length);
      context.lineWidth = 0.9;
      context.beginPath();
      context.moveTo(places[2 * source[i]], places[2 * source[i] + 1]);
      context.lineTo(places[2 * target[i]], places[2 * target[i] + 1]);
      context.stroke();
    }
    context.globalAlpha = 1;
    drawFromAbove(context, network, places, labels, emphasisOf(network), () => false);
    context.fillStyle = colour("ink");
    context.font = "600 14px system-ui, sans-serif";
    context.textAlign = "left";
    context.fillText(`epoch ${epochText(network, state.frame)}`, 12, 22);
    drawCurves(network);
  }

  const redraw = atNextPicture(draw);

  /** Return an epoch with as many digits as tell it from its neighbours. */
  function epochText(network, frame) {
    const epoch = network.film.epochs[frame];
    return epoch === 0 || Number.isInteger(epoch) ? String(epoch) : epoch < 1 ? epoch.toPrecision(2) : epoch.toFixed(1);
  }

  /** Draw the curves of modularity and of accuracy over frames, each with a mark at the present one. */
  function drawCurves(network) {
    const { epochs, accuracy } = network.film;
    const curves = [];
    const modularity = network.array("film-modularity");
    if (modularity) {
      const points = Array.from(modularity, (value, frame) => [frame, value]);
      curves.push({ title: `Modularity of the final ${content.method} split`, lines: [{ points, shade: "var(--accent)" }] });
    }
    if (accuracy.length) {
      const lines = network.tasks.map((_, task) => ({
        points: epochs.flatMap((epoch, frame) => (epoch < 1 ? [] : [[frame, accuracy[Math.min(Math.round(epoch), accuracy.length) - 1][task]]])),
        shade: `color-mix(in srgb, ${taskColour(task, network.tasks.length)} 62%, var(--ink))`,
      }));
      curves.push({ title: "Accuracy of each task", lines });
    }
    element("film-curves").replaceChildren(
      ...curves.map(({ title, lines }) => make("figure", {}, make("figcaption", {}, title), curve(lines, epochs.length))),
    );
  }

  function curve(lines, frames) {
    const all = lines.flatMap(({ points }) => points.map(([, value]) => value)).filter((value) => !Number.isNaN(value));
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const left = 34;
    const x = (frame) => left + ((SVG.width - left - SVG.right) * frame) / Math.max(frames - 1, 1);
    const y = (value) => SVG.top + ((SVG.height - SVG.top - SVG.bottom) * (high - value)) / (high - low || 1);
    const { ticks, digits } = ticksOf(low, high, 5);
    const marks = ticks.flatMap((tick) => [
      makeSvg("line", { x1: left, x2: SVG.width - SVG.right, y1: y(tick), y2: y(tick), stroke: "var(--line)" }),
      makeSvg("text", { x: left - 5, y: y(tick) + 4, "text-anchor": "end" }, written(tick, digits)),
    ]);
    const paths = lines.map(({ points, shade }) =>
      makeSvg("polyline", {
        points: points.map(([frame, value]) => `${x(frame)},${y(value)}`).join(" "),
        fill: "none",
        stroke: shade,
        "stroke-width": 1.8,
      }),
    );
    const here = makeSvg("line", {
      ...{ x1: x(state.frame), x2: x(state.frame), y1: SVG.top - 6, y2: SVG.height - SVG.bottom },
      stroke: "var(--ink)",
    });
    const dots = lines.flatMap(({ points, shade }) =>
      points
        .filter(([frame]) => frame === state.frame)
        .map(([frame, value]) => makeSvg("circle", { cx: x(frame), cy: y(value), r: 3.5, fill: shade })),
    );
    const foot = makeSvg("text", { x: SVG.width - SVG.right, y: SVG.height - 7, "text-anchor": "end" }, "moments of training");
    return makeSvg("svg", { viewBox: `0 0 ${SVG.width} ${SVG.height}`, role: "img" }, ...marks, ...paths, here, ...dots, foot);
  }

  function stop() {
    cancelAnimationFrame(playing);
    playing = 0;
    element("play").textContent = "Play";
    element("play").setAttribute("aria-pressed", "false");
  }

  function play() {
    const { length } = shown().film.epochs;
    const first = state.frame >= length - 1 ? 0 : state.frame;
    let started = null; // of the first picture, whose time may lie before that of the click
    const each = (1000 * Number(element("duration").value)) / length;
    element("play").textContent = "Pause";
    element("play").setAttribute("aria-pressed", "true");
    const next = (now) => {
      started ??= now;
      const frame = Math.min(first + Math.floor((now - started) / each), length - 1);
      change({ frame });
      if (frame < length - 1) playing = requestAnimationFrame(next);
      else stop();
    };
    playing = requestAnimationFrame(next);
  }

  const toggle = () => (playing ? stop() : play());

  function describe() {
    const network = shown();
    const filmed = networks.filter((one) => one.film);
    element("film-note").textContent = network.film
      ? `${network.name} at ${network.film.epochs.length} moments of its training, closer together at first; coloured by ` +
        `the ${state.method} split of the trained network; lines: the ${framesOf(network).lines} strongest connections of the moment.`
      : filmed.length
        ? `This network has no film: pick one that has, such as ${filmed[0].name}.`
        : "No network of this run has a film: train with --snapshots 50.";
  }

  function show() {
    stop();
    const network = shown();
    element("film-holder").hidden = !network.film;
    if (!network.film) return;
    scrubber.max = network.film.epochs.length - 1;
    change({ frame: network.film.epochs.length - 1 });
    showFrame();
  }

  function showFrame() {
    const network = shown();
    if (!network.film) return;
    scrubber.value = state.frame;
    element("moment").textContent = epochText(network, state.frame);
    scrubber.setAttribute("aria-valuetext", `epoch ${epochText(network, state.frame)}`);
    redraw();
  }

  scrubber.addEventListener("input", () => {
    stop();
    change({ frame: Number(scrubber.value) });
  });
  element("play").addEventListener("click", toggle);
  canvas.addEventListener("keydown", (event) => {
    const last = (shown().film?.epochs.length ?? 1) - 1;
    const acts = {
      " ": toggle,
      ArrowLeft: () => change({ frame: Math.max(state.frame - 1, 0) }),
      ArrowRight: () => change({ frame: Math.min(state.frame + 1, last) }),
      Home: () => change({ frame: 0 }),
      End: () => change({ frame: last }),
    };
    if (!(event.key in acts)) return;
    event.preventDefault();
    acts[event.key]();
  });
  return { describe, show, showFrame, redraw };
})();
