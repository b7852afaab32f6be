// Distributions of null models with what was observed, and the matrix of agreement between methods.

const NULLS = {
  shuffle: "weights shuffled",
  strength: "shuffled, each neuron's strength kept",
  distance: "shuffled among connections of equal length",
  "random-split": "random splits with equally large modules",
};

const SVG = { width: 260, height: 130, left: 6, right: 6, top: 12, bottom: 22 };

/** Return round numbers for an axis. */
function ticksOf(low, high, most = 4) {
  const raw = (high - low || 1) / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= raw) ?? raw;
  const ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) ticks.push(k * step);
  return { ticks, digits: Math.max(0, -Math.floor(Math.log10(step))) };
}

function axisOf(low, high, x) {
  const { ticks, digits } = ticksOf(low, high);
  const y = SVG.height - SVG.bottom;
  return [
    makeSvg("line", { x1: SVG.left, x2: SVG.width - SVG.right, y1: y, y2: y, stroke: "var(--line)" }),
    ...ticks.map((tick) =>
      makeSvg("text", { x: x(tick), y: SVG.height - 7, "text-anchor": "middle" }, written(tick, digits)),
    ),
  ];
}

/** Return a histogram of values on draws, with a line at the observed one. */
function histogram(values, observed, shade) {
  const low = Math.min(observed, ...values);
  const high = Math.max(observed, ...values);
  const margin = 0.06 * (high - low || Math.abs(high) || 1);
  const [from, to] = [low - margin, high + margin];
  const x = (value) => SVG.left + ((SVG.width - SVG.left - SVG.right) * (value - from)) / (to - from);
  const count = Math.max(12, Math.min(40, Math.round(2 * Math.sqrt(values.length) * ((to - from) / (spread(values) || to - from)))));
  const counts = new Array(count).fill(0);
  for (const value of values) counts[Math.min(count - 1, Math.floor((count * (value - from)) / (to - from)))] += 1;
  const top = Math.max(...counts, 1);
  const floor = SVG.height - SVG.bottom;
  const wide = (SVG.width - SVG.left - SVG.right) / count;
  const columns = counts.map((n, k) =>
    makeSvg("rect", {
      x: SVG.left + k * wide + 0.5,
      width: Math.max(wide - 1, 0.5),
      y: floor - ((floor - SVG.top) * n) / top,
      height: ((floor - SVG.top) * n) / top,
      fill: "var(--chance)",
    }),
  );
  const at = x(observed);
  const line = makeSvg("line", { x1: at, x2: at, y1: SVG.top - 8, y2: floor, stroke: shade, "stroke-width": 2.5 });
  const head = makeSvg("circle", { cx: at, cy: SVG.top - 6, r: 4, fill: shade });
  return makeSvg("svg", { viewBox: `0 0 ${SVG.width} ${SVG.height}`, role: "img" }, ...columns, line, head, ...axisOf(from, to, x));
}

function spread(values) {
  return Math.max(...values) - Math.min(...values);
}

function drawNulls() {
  const network = shown();
  const row = network.methods.indexOf(state.method);
  const entries = network.nulls.filter(({ metric, ablation, observed }) => {
    return state.method in observed && (metric === "modularity" || ablation === state.ablation);
  });
  const note = element("chance-note");
  if (!network.nulls.length) note.textContent = "No null model was run: what chance would give is not known.";
  else if (!entries.length) note.textContent = `No null model of ${state.method} splits of this network was run.`;
  else {
    note.replaceChildren(
      `What ${state.method} splits of ${network.name} are worth (line with a dot) beside what chance gives (grey columns): `,
      "the distribution over draws of each ",
      ...[term("null", "null model"), ", ", term("z", "z"), " = (observed − mean) / deviation, and "],
      ...[term("p", "p"), " = (b + 1) / (m + 1), where b of the m draws are at least as modular, or lose as little accuracy."],
    );
  }
  const charts = entries.map((entry) => {
    const [observed, z, p] = entry.observed[state.method];
    const all = network.array(entry.array);
    const draws = all.length / network.methods.length;
    const values = Array.from(all.slice(row * draws, (row + 1) * draws)).filter((value) => !Number.isNaN(value));
    const measure = entry.metric === "modularity" ? "Modularity" : "Accuracy drop";
    const facts = `observed ${written(observed)} · z ${written(z, 1)} · p ${p === null ? "–" : written(p, p < 0.1 ? 3 : 2)}`;
    const chart = histogram(values, observed, "var(--accent)");
    chart.setAttribute("aria-label", `${measure}, ${entry.null}: ${facts}, ${values.length} draws`);
    return make(
      "figure",
      {},
      make("figcaption", {}, measure, make("small", {}, `${NULLS[entry.null] ?? entry.null} · ${values.length} draws`)),
      chart,
      quiet(facts),
    );
  });
  element("nulls").replaceChildren(...charts);
}

const AGREEMENT = {
  "adjusted-rand": "adjusted Rand index: 1 for equal splits, 0 by chance",
  "mutual-information": "mutual information, normalised: from 0 to 1 for equal splits",
  "variation-of-information": "variation of information, in nats: 0 for equal splits",
};

function setUpAgreement() {
  const measures = [...new Set(networks.flatMap((network) => network.agreement))];
  if (!measures.includes(state.measure)) change({ measure: measures[0] ?? "" });
  fill(element("agreement-measure"), measures.map((name) => ({ name, label: (AGREEMENT[name] ?? name).split(":")[0] })), state.measure);
  element("agreement-measure").parentElement.hidden = !measures.length;
  element("agreement-measure").addEventListener("change", (event) => change({ measure: event.target.value }));
}

/** Return which splits of a network are degenerate, and why; nothing if none is. */
function degenerateText(network) {
  const splits = Object.entries(network.degenerate).map(([method, reasons]) => `${method} (${reasons.join("; ")})`);
  return splits.length ? ` † Degenerate, and no agreement of modules: ${splits.join("; ")}.` : "";
}

function drawAgreement() {
  const network = shown();
  const { measure } = state;
  element("agreement-measure").value = measure;
  const values = network.array(`agreement:${measure}`);
  const count = network.methods.length;
  const note = element("agreement-note");
  if (!values) {
    note.textContent = "How far methods agree was not measured.";
    refill(element("agreement-holder"));
    return;
  }
  note.textContent =
    `Of ${network.name}; ${AGREEMENT[measure] ?? measure}. On the diagonal, runs of one method with different seeds. ` +
    "A cell marks the neurons on which its two methods differ, above. Arrow keys move between cells." +
    degenerateText(network);
  const named = (method) => (method in network.degenerate ? `${method} †` : method);
  const high = measure === "variation-of-information" ? Math.max(...Array.from(values).filter((v) => v > 0), 1) : 1;
  const head = make("tr", {}, make("td"), ...network.methods.map((m) => make("th", { scope: "col" }, make("span", {}, named(m)))));
  const body = network.methods.map((one, i) =>
    make("tr", {}, make("th", { scope: "row" }, named(one)), ...network.methods.map((other, j) => make("td", {}, cellButton(one, other, i, j)))),
  );
  refill(element("agreement-holder"), make("table", { class: "matrix" }, make("thead", {}, head), make("tbody", {}, ...body)));

  function cellButton(one, other, i, j) {
    const value = values[i * count + j];
    const share = Number.isNaN(value) ? 0 : Math.min(Math.max(value / high, 0), 1);
    const degenerate = one in network.degenerate || other in network.degenerate;
    const said = `${one} and ${other}: ${written(value)}${degenerate ? " (degenerate)" : ""}`;
    // So little of the accent that the text can be read on all of it.
    const shade = `color-mix(in srgb, var(--accent) ${4 + 41 * share}%, var(--paper))`;
    const button = make(
      "button",
      {
        ...(degenerate ? { class: "degenerate" } : { style: { background: shade } }),
        "data-key": `${i},${j}`,
        tabindex: i === 0 && j === 0 ? 0 : -1,
        "aria-label": said,
        "aria-pressed": String(state.method === one && state.compare === other),
        title: said,
        onclick: () => change({ method: one, compare: i === j ? "" : other }),
      },
      Number.isNaN(value) ? "" : written(value, 2).replace(/^(−?)0\./, "$1."),
    );
    button.addEventListener("keydown", (event) => {
      const [down, right] = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }[event.key] ?? [0, 0];
      if (!down && !right) return;
      event.preventDefault();
      const next = [(i + down + count) % count, (j + right + count) % count];
      const buttons = element("agreement-holder").querySelectorAll("button");
      buttons[next[0] * count + next[1]].focus();
    });
    return button;
  }
}
