// One time line: it moves the scenes, what crosses modules, and the marks on the curves, of both networks at once.

/** Return the film that the time line has: of the network that sections are about, or else of the one beside it.
 * @returns {Film | null} */
const filmed = () => shown().film ?? (state.beside === NONE ? null : networks[state.beside].film);

/** Return the epoch of the time line, null if it stands at the trained networks. */
function epochShown() {
  const epochs = filmed()?.epochs;
  return !epochs || state.frame === NONE || state.frame >= epochs.length - 1 ? null : epochs[state.frame];
}

/** Return the moment of a network that the time line shows, NONE for the trained network: that of the nearest epoch. */
function frameOf(network) {
  const epoch = epochShown();
  if (epoch === null || !network.film) return NONE;
  const { epochs } = network.film;
  const gaps = epochs.map((other) => Math.abs(other - epoch));
  const frame = gaps.indexOf(Math.min(...gaps));
  return frame === epochs.length - 1 ? NONE : frame;
}

/** Return where neurons lie at each moment, on one scale over all of them. */
function framesOf(network) {
  return once(network, "frames", () => {
    const position = network.array("film-position");
    const size = 2 * network.units;
    return network.film.epochs.map((_, frame) => scaled(position.subarray(frame * size, (frame + 1) * size), rangeOfNetwork(network)));
  });
}

/** Return where the strength leads at a moment, shares of all of it: what crosses modules, serves no task, and stays in each. */
function flowAt(network, frame) {
  const row = network.methods.indexOf(state.method);
  const flow = network.array("flow");
  const [wide, methods] = [2 + network.tasks.length, network.methods.length];
  if (row < 0 || !flow.length) return null;
  const moment = frame === NONE ? flow.length / wide / methods - 1 : frame;
  const start = (moment * methods + row) * wide;
  const [crossing, loose, ...within] = flow.subarray(start, start + wide);
  return Number.isNaN(crossing) ? null : { crossing, loose, within };
}

const flowOf = (network) => flowAt(network, frameOf(network));

/** Return an epoch with as many digits as tell it from its neighbours. */
function epochText(epoch) {
  return epoch === 0 || Number.isInteger(epoch) ? String(epoch) : epoch < 1 ? epoch.toPrecision(2) : epoch.toFixed(1);
}

const timeline = (() => {
  const scrubber = element("scrubber");
  let playing = 0;
  const last = () => (filmed()?.epochs.length ?? 1) - 1;
  const moment = () => (state.frame === NONE ? last() : Math.min(state.frame, last()));
  const go = (frame) => change({ frame: frame >= last() ? NONE : Math.max(frame, 0) });

  function stop() {
    cancelAnimationFrame(playing);
    playing = 0;
    element("play").textContent = "Play";
    element("play").setAttribute("aria-pressed", "false");
  }

  function play() {
    const length = last() + 1;
    const first = moment() >= last() ? 0 : moment();
    let started = NaN; // of the first picture, whose time may lie before that of the click
    const each = (1000 * Number(element("duration").value)) / length;
    element("play").textContent = "Pause";
    element("play").setAttribute("aria-pressed", "true");
    const next = (now) => {
      if (Number.isNaN(started)) started = now;
      const frame = Math.min(first + Math.floor((now - started) / each), last());
      go(frame);
      if (frame < last()) playing = requestAnimationFrame(next);
      else stop();
    };
    playing = requestAnimationFrame(next);
  }

  /** Show the time line of the networks that are shown, or say that there is none. */
  function show() {
    stop();
    const film = filmed();
    element("timeline").hidden = !film;
    const other = networks.find((one) => one.film);
    element("timeline-note").textContent = film
      ? sides().filter((one) => !one.film).map((one) => `${one.name} has no snapshots: it is shown as trained. `).join("")
      : other
        ? `No time line: these networks have no snapshots; ${other.name} has.`
        : "No time line: no network of this run has snapshots, which `spatialgraph train --snapshots 50` takes.";
    if (!film) return;
    scrubber.max = String(last());
    showMoment();
  }

  function showMoment() {
    const film = filmed();
    if (!film) return;
    const { epochs } = film;
    const trained = moment() === last();
    scrubber.value = String(moment());
    element("moment").textContent = `${epochText(epochs[moment()])}${trained ? " (trained)" : ""}`;
    const shares = sides().map((one) => `${sideName(one)} ${percentText(flowOf(one)?.crossing)}`);
    scrubber.setAttribute("aria-valuetext", `epoch ${epochText(epochs[moment()])}; strength that crosses: ${shares.join(", ")}`);
    drawStrip(epochs);
  }

  /** Draw what crosses modules over the moments, right above the slider that moves along them. */
  function drawStrip(epochs) {
    const [width, height] = [300, 30];
    const x = (frame) => (width * frame) / Math.max(epochs.length - 1, 1);
    const lines = crossingCurves();
    const most = Math.max(...lines.flatMap(({ points }) => points.map(([, value]) => value)), 0.01);
    const y = (value) => height - 2 - ((height - 4) * value) / most;
    const here = makeSvg("line", { x1: x(moment()), x2: x(moment()), y1: 0, y2: height, class: "here" });
    element("strip").replaceChildren(
      ...lines.map(({ points, dashed }) =>
        makeSvg("polyline", { points: points.map(([f, v]) => `${x(f)},${y(v)}`).join(" "), class: dashed ? "dashed" : "" }),
      ),
      here,
    );
    element("strip-key").replaceChildren(
      `strength that crosses, 0 to ${percentText(most)}: `,
      ...lines.flatMap(({ name, dashed }) => [lineKey(dashed), ` ${name} `]),
    );
  }

  scrubber.addEventListener("input", () => {
    stop();
    go(Number(scrubber.value));
  });
  element("play").addEventListener("click", () => (playing ? stop() : play()));
  return { show, showMoment, moment };
})();

/** Return the curves of what crosses modules, one for each network that is shown, over the moments of the time line. */
function crossingCurves() {
  const epochs = filmed()?.epochs ?? [];
  return sides()
    .filter((network) => network.film && flowOf(network))
    .map((network) => ({
      name: sideName(network),
      shade: "var(--crossing)",
      dashed: network !== shown(),
      points: epochs.map((epoch, frame) => [frame, crossingNear(network, epoch)]),
    }));
}

function crossingNear(network, epoch) {
  const gaps = network.film.epochs.map((other) => Math.abs(other - epoch));
  return flowAt(network, gaps.indexOf(Math.min(...gaps)))?.crossing ?? NaN;
}

/** Draw the curves over training: what crosses modules, and the accuracy of each task of each network that is shown. */
function drawTraining() {
  const film = filmed();
  element("training").hidden = !film;
  if (!film) return;
  const { epochs } = film;
  const charts = [{ title: "Strength that crosses modules", note: `by the ${state.method} split of the trained network`, lines: crossingCurves() }];
  for (const one of sides()) {
    const accuracy = one.film?.accuracy ?? [];
    if (!accuracy.length) continue;
    const lines = one.tasks.map((name, task) => ({
      name,
      shade: `color-mix(in srgb, ${taskColour(task, one.tasks.length)} 62%, var(--ink))`,
      dashed: task % 2 === 1, // so that tasks are told apart without their colours
      points: epochs.flatMap((epoch, frame) => {
        const value = accuracy[Math.min(Math.round(epoch), accuracy.length) - 1]?.[task];
        return epoch < 1 || value === undefined ? [] : [[frame, value]];
      }),
    }));
    charts.push({ title: `Accuracy: ${sideName(one)}`, note: "on held-out examples, after every epoch", lines });
  }
  element("training-curves").replaceChildren(
    ...charts.map(({ title, note, lines }) =>
      make(
        "figure",
        {},
        make("figcaption", {}, title, make("small", {}, note)),
        curve(lines, epochs, title),
        make("div", { class: "key" }, ...lines.map(({ name, shade, dashed }) => make("span", {}, lineKey(dashed, shade), name))),
      ),
    ),
  );
}

/** Return a chart of lines over the moments of training, with a mark at the present one. */
function curve(lines, epochs, title) {
  const all = lines.flatMap(({ points }) => points.map(([, value]) => value)).filter((value) => !Number.isNaN(value));
  const [low, high] = all.length ? [Math.min(...all), Math.max(...all)] : [0, 1];
  const left = 34;
  const x = (frame) => left + ((SVG.width - left - SVG.right) * frame) / Math.max(epochs.length - 1, 1);
  const y = (value) => SVG.top + ((SVG.height - SVG.top - SVG.bottom) * (high - value)) / (high - low || 1);
  const { ticks, digits } = ticksOf(low, high, 5);
  const marks = ticks.flatMap((tick) => [
    makeSvg("line", { x1: left, x2: SVG.width - SVG.right, y1: y(tick), y2: y(tick), stroke: "var(--line)" }),
    makeSvg("text", { x: left - 5, y: y(tick) + 4, "text-anchor": "end" }, written(tick, digits)),
  ]);
  const paths = lines.map(({ points, shade, dashed }) =>
    makeSvg("polyline", {
      points: points.map(([frame, value]) => `${x(frame)},${y(value)}`).join(" "),
      ...{ fill: "none", stroke: shade, "stroke-width": 1.8, "stroke-dasharray": dashed ? "5 3" : "none" },
    }),
  );
  const at = timeline.moment();
  const here = makeSvg("line", { x1: x(at), x2: x(at), y1: SVG.top - 6, y2: SVG.height - SVG.bottom, stroke: "var(--ink)" });
  const dots = lines.flatMap(({ points, shade }) =>
    points.filter(([frame]) => frame === at).map(([frame, value]) => makeSvg("circle", { cx: x(frame), cy: y(value), r: 3.5, fill: shade })),
  );
  const foot = SVG.height - 7;
  const ends = [
    makeSvg("text", { x: left, y: foot }, `epoch ${epochText(epochs[0])}`),
    makeSvg("text", { x: SVG.width - SVG.right, y: foot, "text-anchor": "end" }, `${epochText(epochs[epochs.length - 1])}, moments evenly`),
  ];
  const said = lines.map(({ name, points }) => `${name} ${written(points.find(([frame]) => frame === at)?.[1] ?? NaN)}`);
  const label = `${title} at epoch ${epochText(epochs[at])}: ${said.join(", ")}`;
  return makeSvg(
    "svg",
    { viewBox: `0 0 ${SVG.width} ${SVG.height}`, role: "img", "aria-label": label },
    ...[...marks, ...paths, here, ...dots, ...ends],
  );
}
