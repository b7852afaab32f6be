// What is kept and sent: views as pictures, the table as text. A file is made in the page; nothing is asked of anyone.

/** Give the reader a file. */
function download(name, blob) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Return a name as a part of the name of a file. */
const slug = (text) => text.replace(/[^\w.-]+/g, "-").replace(/^-+|-+$/g, "") || "view";

/** Return words in lines of so many letters at most. */
function wrapped(text, most) {
  const lines = [""];
  for (const word of text.split(" ")) {
    if (lines[lines.length - 1].length + word.length >= most && lines[lines.length - 1]) lines.push("");
    lines[lines.length - 1] += (lines[lines.length - 1] ? " " : "") + word;
  }
  return lines;
}

const MARGIN = 16;
const LINE = 18;

/** Return the size of a picture that can be read alone, and what draws it with a pen: title, views, shares and key. */
function pictureOf(what) {
  const views = what === "above" ? [shown()] : sides();
  const canvas = element(what === "above" ? "above" : "scene-0");
  const [wide, high] = [Math.max(canvas.clientWidth, 320), Math.max(canvas.clientHeight, 240)];
  const width = MARGIN + views.length * (wide + MARGIN);
  const epoch = epochShown() === null ? "" : `, at epoch ${epochText(epochShown())}`;
  const title = wrapped(`${content.run}: ${views.map((one) => one.name).join(" beside ")}, split by ${state.method}${epoch}`, width / 8.2);
  const foot = views.map((network) => wrapped(footOf(network, what), wide / 6.4));
  const keys = keyRows(what, views[views.length - 1], width - 2 * MARGIN);
  const top = MARGIN + LINE * title.length + 28;
  const feet = LINE * Math.max(...foot.map((lines) => lines.length));
  const height = top + high + feet + LINE * (keys.length + 1) + MARGIN;
  return { width, height, draw };

  function draw(pen) {
    const ground = pen.path();
    ground.rect(0, 0, width, height);
    pen.fill(ground, colour("paper"));
    title.forEach((line, row) => pen.text(line, MARGIN, MARGIN + LINE * (row + 0.7), { size: 15, weight: 600 }));
    views.forEach((network, side) => {
      const left = MARGIN + side * (wide + MARGIN);
      const flow = flowOf(network);
      const crosses = flow ? `: ${percentText(flow.crossing)} of the strength crosses modules` : "";
      pen.text(`${sideName(network)}${crosses}`, left, top - 9, { size: 14, weight: 600 });
      pen.within(left, top, wide, high, () => {
        if (what === "above") drawAbove(pen, network, wide, high);
        else drawScene(pen, network, wide, high);
        const places = what === "above" ? onCanvas(placesOf(network), wide, high) : projected(network, wide, high);
        if (what === "scenes") drawChosen(pen, network, places);
        else for (const [unit, line] of ringed(network)) drawRing(pen, places, unit, 8, line);
      });
      foot[side].forEach((line, row) => pen.text(line, left, top + high + LINE * (row + 0.8), { shade: colour("quiet") }));
    });
    keys.forEach((row, line) => {
      for (const { x, text, mark } of row) {
        mark(pen, MARGIN + x + 6, top + high + feet + LINE * (line + 1) - 4);
        pen.text(text, MARGIN + x + 18, top + high + feet + LINE * (line + 1));
      }
    });
  }
}

/** Return what is said below a network in a picture. */
function footOf(network, what) {
  const parts = [countsSaid(network), layoutSaid(network)];
  if (what === "scenes") parts.push(`lines: the ${many(connectionsOf(network).count)} strongest connections`);
  if (network === shown() && state.neuron !== NONE) parts.push(`ring: ${nameOf(network, state.neuron)}`);
  return `${parts.join("; ")}.`;
}

/** Return the key of a picture in rows that fit a width: each a mark, and a text beside it. */
function keyRows(what, network, width) {
  const dot = (label) => (pen, x, y) => {
    const path = pen.path();
    addCircle(path, x, y, 5);
    pen.fill(path, label === NONE ? colour("paper") : taskColour(label, network.tasks.length));
    pen.stroke(path, label === NONE ? colour("unassigned") : colour("rim"), 0.8);
  };
  const line = (pen, x, y) => {
    const path = pen.path();
    path.moveTo(x - 6, y);
    path.lineTo(x + 8, y);
    pen.stroke(path, colour("crossing"), 2);
  };
  const mark = (layer) => (pen, x, y) => {
    const path = pen.path();
    addMark(path, layer, x, y, 5);
    pen.fill(path, colour("quiet"));
  };
  const entries = labelsShown(network).map((label) => ({ text: taskName(network, label), mark: dot(label) }));
  if (what === "above") network.layers.forEach(({ name }, layer) => entries.push({ text: name, mark: mark(layer) }));
  else entries.push({ text: "connection between modules", mark: line });
  /** @type {{ x: number, text: string, mark: (pen: any, x: number, y: number) => void }[][]} */
  const lines = [[]];
  let x = 0;
  for (const entry of entries) {
    const wide = 34 + 6.6 * entry.text.length;
    if (x + wide > width && x) {
      lines.push([]);
      x = 0;
    }
    lines[lines.length - 1].push({ ...entry, x });
    x += wide;
  }
  return lines;
}

const nameOfPicture = (what) => slug([...(what === "above" ? [shown()] : sides()).map(({ name }) => name), state.method, what].join("-"));

function savePicture(what, form) {
  const { width, height, draw } = pictureOf(what);
  if (form === "svg") {
    const pen = svgPen(Math.ceil(width), Math.ceil(height));
    draw(pen);
    download(`${nameOfPicture(what)}.svg`, new Blob([pen.svg()], { type: "image/svg+xml" }));
    return;
  }
  const canvas = document.createElement("canvas");
  const ratio = 2; // sharp when it is printed
  [canvas.width, canvas.height] = [Math.ceil(width * ratio), Math.ceil(height * ratio)];
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.scale(ratio, ratio);
  draw(canvasPen(context));
  canvas.toBlob((blob) => download(`${nameOfPicture(what)}.png`, blob), "image/png");
}

/** Return the table that is shown, in numbers: rows of a text and its cells, null where there is none. */
function tableShown() {
  return linesShown().filter(({ of }) => of).map(({ text, block, of }) => ({
    text: (block ? `${block}: ` : "") + text.trim(),
    cells: content.groups.map(([inputs, kind]) => cells.get(cellKey({ ...of, inputs, kind })) ?? null),
  }));
}

const groupLabels = () => content.groups.map(([inputs, kind]) => `${labelOf(content.inputs, inputs)} ${labelOf(content.kinds, kind)}`);

/** Return the table as CSV: a row for each cell; what a spreadsheet would compute has an apostrophe before it. */
function tableCsv() {
  const field = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    const safe = typeof value === "string" ? text.replace(/^'*[=+\-@]/, "'$&") : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const lines = tableShown().flatMap(({ text, cells: own }) =>
    own.flatMap((cell) => (cell ? [[text, cell.inputs, cell.kind, cell.split, cell.ablation, cell.metric, cell.n, cell.mean, cell.low, cell.high]] : [])),
  );
  const head = ["row", "inputs", "kind", "split", "ablation", "metric", "n", "mean", "low", "high"];
  return [head, ...lines].map((row) => row.map(field).join(",")).join("\n") + "\n";
}

/** Return text as LaTeX has it; the signs are those of `spatialgraph.escapes`. */
function latex(text) {
  const signs = { ...content.latex, "−": "$-$", "–": "--", "\u2003": "" };
  return [...text].map((sign) => signs[sign] ?? sign).join("");
}

/** Return the table as LaTeX, with the rules of the package booktabs. */
function tableLatex() {
  const shownRows = tableShown();
  const cellText = (cell) => {
    if (!cell) return "--";
    const interval = cell.low === null ? "" : ` {\\scriptsize [${latex(written(cell.low))}, ${latex(written(cell.high))}]}`;
    return latex(written(cell.mean)) + interval;
  };
  const n = [...new Set(shownRows.flatMap(({ cells: own }) => own.flatMap((cell) => (cell ? [cell.n] : []))))].sort((a, b) => a - b);
  const seeds = n.length > 1 ? `${n[0]} to ${n[n.length - 1]}` : String(n[0] ?? 0);
  return [
    "% \\usepackage{booktabs}",
    "\\begin{table}",
    "\\centering",
    "\\footnotesize",
    `\\caption{${latex(tableTitle())}. Means over ${seeds} seeds, with 95\\,\\% $t$ intervals in brackets.}`,
    `\\begin{tabular}{l${"r".repeat(content.groups.length)}}`,
    "\\toprule",
    ` & ${groupLabels().map(latex).join(" & ")} \\\\`,
    "\\midrule",
    ...shownRows.map(({ text, cells: own }) => `${latex(text)} & ${own.map(cellText).join(" & ")} \\\\`),
    "\\bottomrule",
    "\\end{tabular}",
    "\\end{table}",
    "",
  ].join("\n");
}

for (const what of ["scenes", "above"]) {
  for (const form of ["png", "svg"]) element(`save-${what}-${form}`).addEventListener("click", () => savePicture(what, form));
}
element("save-csv").addEventListener("click", () =>
  download(`${slug(`${content.run}-${tableTitle()}`)}.csv`, new Blob([tableCsv()], { type: "text/csv" })),
);
element("save-latex").addEventListener("click", () =>
  download(`${slug(`${content.run}-${tableTitle()}`)}.tex`, new Blob([tableLatex()], { type: "application/x-tex" })),
);
