// The table: means over seeds with intervals, of one split method or of all, and the rows behind every number.

const cellKey = (cell) => [cell.metric, cell.split, cell.ablation, cell.inputs, cell.kind].join("\u0000");
const cells = new Map(content.cells.map((cell) => [cellKey(cell), cell]));

/** Return the measures that all methods can be shown of. */
const tableChoices = () => content.measures.filter(({ name }) => name && content.cells.some((cell) => cell.metric === name));

function setUpTable() {
  const choices = tableChoices().map(({ name, label }) => ({ name, label: `all methods: ${label.toLowerCase()}` }));
  fill(element("table-what"), [{ name: ONE_METHOD, label: "the split method picked above, all measures" }, ...choices], state.table);
  element("table-what").addEventListener("change", (event) => change({ table: event.target.value }));
}

/** Return whether the cells of the table that is shown are of one ablation, which is picked above. */
const isPerAblation = () => content.cells.some((cell) => cell.metric === state.table && cell.ablation);

const DEGENERATE_KEY = "some of its splits are degenerate, no division into task modules, and count in the number";

const isOneMethod = () => !tableChoices().some(({ name }) => name === state.table);

const linesShown = () => (isOneMethod() ? linesOfMethod(state.method) : linesOfMeasure(state.table, isPerAblation() ? state.ablation : ""));

/** Return what the table that is shown has, in words. */
function tableTitle() {
  if (isOneMethod()) return `Split method ${state.method}`;
  const ablation = isPerAblation() ? `, ${labelOf(content.ablations, state.ablation)}` : "";
  return labelOf(content.measures, state.table) + ablation;
}

function drawTable() {
  element("table-what").value = isOneMethod() ? ONE_METHOD : state.table;
  const table = tableOf(linesShown());
  const degenerate = table.querySelector(".degenerate") ? ` †: ${DEGENERATE_KEY}.` : "";
  element("table-caption").textContent = `${tableTitle()}.${degenerate}`;
  refill(element("table-holder"), table);
}

/** Return the rows of the table of one method: each a title, or a text and what its cells are of. */
function linesOfMethod(method) {
  /** @type {any[]} */
  const lines = [{ text: "Whole network: accuracy", of: { metric: "accuracy", split: "none", ablation: "" } }];
  for (const { name, label } of content.measures) {
    const own = content.cells.filter((cell) => cell.metric === name && cell.split === method);
    if (!name || !own.length) continue;
    const ablations = content.ablations.filter((ablation) => own.some((cell) => cell.ablation === ablation.name));
    if (!ablations.length) lines.push({ text: label, metric: name, of: { metric: name, split: method, ablation: "" } });
    else lines.push({ title: label, metric: name });
    for (const ablation of ablations) {
      lines.push({ text: `\u2003${ablation.label}`, block: label, of: { metric: name, split: method, ablation: ablation.name } });
    }
  }
  return lines;
}

const linesOfMeasure = (metric, ablation) =>
  content.methods.map(({ name, about }) => ({ text: name, about, of: { metric, split: name, ablation } }));

function tableOf(lines) {
  const modes = content.inputs.map(({ name, label }) => ({
    label,
    span: content.groups.filter(([inputs]) => inputs === name).length,
  }));
  const head = make(
    "thead",
    {},
    make("tr", {}, make("td"), ...modes.map(({ label, span }) => make("th", { colspan: span, scope: "colgroup" }, label))),
    make("tr", {}, make("td"), ...content.groups.map(([, kind]) => make("th", { scope: "col" }, labelOf(content.kinds, kind)))),
  );
  const body = make("tbody");
  for (const { title, text, metric, about, of } of lines) {
    const explained = metric && element(`term-${metric}`) ? [term(metric, title ?? text)] : [title ?? text];
    if (title) {
      body.append(make("tr", { class: "block" }, make("th", { colspan: content.groups.length + 1, scope: "rowgroup" }, ...explained)));
      continue;
    }
    const heading = make("th", { scope: "row", ...(about ? { title: about } : {}) }, ...explained);
    body.append(make("tr", {}, heading, ...content.groups.map(([inputs, kind]) => cellOf({ ...of, inputs, kind }))));
  }
  return make("table", { class: "numbers" }, head, body);
}

function cellOf(of) {
  const cell = cells.get(cellKey(of));
  if (!cell) return make("td", {}, "–");
  const interval = cell.low === null ? "" : `[${written(cell.low)}, ${written(cell.high)}]`;
  const button = make(
    "button",
    { class: "number", "data-key": cellKey(cell), onclick: () => showRows(cell), "aria-haspopup": "dialog" },
    written(cell.mean),
    " ",
    make("small", {}, interval),
    ...(cell.degenerate ? [degenerateMark(cell)] : []),
  );
  return make("td", {}, button);
}

/** Return the mark of a number in which degenerate splits count. */
function degenerateMark(cell) {
  const count = content.members.filter(({ kind, inputs }) => kind === cell.kind && inputs === cell.inputs).length;
  return make("span", { class: "degenerate", title: `degenerate in ${cell.degenerate} of ${count} networks` }, " †");
}

/** Show the rows of scores.csv that a number is the mean of, with their lines. */
function showRows(cell) {
  const found = scoreRows.of(cell);
  const seeds = new Set(found.map((row) => row.seed)).size;
  const measure = cell.split === "none" ? "Accuracy of the whole network" : labelOf(content.measures, cell.metric);
  const where = [labelOf(content.inputs, cell.inputs), labelOf(content.kinds, cell.kind)];
  if (cell.split !== "none") where.push(cell.split);
  if (cell.ablation) where.push(labelOf(content.ablations, cell.ablation));
  element("rows-title").textContent = `${measure}: ${written(cell.mean)}`;
  element("rows-note").textContent =
    `${where.join(" · ")}. ${found.length} rows of scores.csv: the mean over the tasks of each network, ` +
    `then over ${seeds} seed${seeds === 1 ? "" : "s"}.`;
  const head = ["line", "network", "seed", "task", "value"];
  const table = make(
    "table",
    {},
    make("thead", {}, make("tr", {}, ...head.map((name) => make("th", { scope: "col" }, name)))),
    make(
      "tbody",
      {},
      ...found.map((row) =>
        make("tr", {}, ...[row.line, row.network, row.seed ?? "", row.task || "all", row.value].map((v) => make("td", {}, String(v)))),
      ),
    ),
  );
  element("rows-holder").replaceChildren(table);
  element("rows-query").textContent = queryOf(cell);
  element("rows").showModal();
}

/** Return what gives the rows in Python; whatever is in a name stays a name. */
function queryOf(cell) {
  // As scores.csv has it: see `escapes.cell`.
  const inFile = (name) => name.replace(/^'*[=+\-@]/, "'$&");
  const escaped = (text, quote) => text.replace(/[\\'"]/g, (sign) => (sign === "\\" || sign === quote ? `\\${sign}` : sign));
  const columns = ["kind", "inputs", "split", "ablation", "metric"];
  const wanted = columns.map((column) => `${column} == '${escaped(inFile(cell[column]), "'")}'`).join(" and ");
  return `pandas.read_csv("scores.csv", keep_default_na=False).query("${escaped(wanted, '"')}")`;
}
