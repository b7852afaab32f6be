// The picks, and who draws what when something is picked.

const seedName = (network) => (network.seed === null ? network.name : String(network.seed));
const unique = (names) => [...new Set(names)];
const named = (list, name) => list.find((entry) => entry.name === name) ?? { name, label: name };

/** Return the networks that the page opens with, or those that go with a network: those that the finding is about. */
function opening(index = NONE) {
  const { kind, inputs } = content.opening;
  const told = networks.findIndex((one) => one.kind === kind && (!inputs || one.inputs === inputs));
  const placed = networks.findIndex((one) => one.dimensions > 0 && (!inputs || one.inputs === inputs));
  const network = index >= 0 ? index : Math.max(told >= 0 ? told : placed, 0);
  const own = networks[network];
  const there = (name) => name && name !== own.kind && partnerOf(own, name) !== NONE;
  const other = [content.reference, kind, ...content.kinds.map(({ name }) => name)].find(there);
  return { network, beside: other === undefined ? NONE : partnerOf(own, other) };
}

function setUpPicks() {
  fill(element("pick-method"), content.methods, state.method);
  fill(element("pick-ablation"), content.ablations, state.ablation);
  element("pick-ablation").parentElement.hidden = !content.ablations.length;
  for (const key of ["method", "ablation"]) {
    element(`pick-${key}`).addEventListener("change", (event) => change({ [key]: event.target.value }));
  }
  for (const id of ["pick-inputs", "pick-kind", "pick-seed"]) element(id).addEventListener("change", () => pickNetwork(id));
  element("pick-beside").addEventListener("change", (event) => {
    change({ beside: event.target.value ? partnerOf(shown(), event.target.value) : NONE });
  });
  follow(["network", "beside"], showPicks);
  follow(["method", "ablation"], () => {
    element("pick-method").value = state.method;
    element("pick-ablation").value = state.ablation;
  });
}

/** Show the picks of the network that is shown: of each, what there is beside the others. */
function showPicks() {
  const network = shown();
  const modes = unique(networks.map((n) => n.inputs));
  const kinds = unique(networks.filter((n) => n.inputs === network.inputs).map((n) => n.kind));
  const same = networks.filter((n) => n.inputs === network.inputs && n.kind === network.kind);
  fill(element("pick-inputs"), modes.map((name) => named(content.inputs, name)), network.inputs);
  fill(element("pick-kind"), kinds.map((name) => named(content.kinds, name)), network.kind);
  fill(element("pick-seed"), same.map((n) => ({ name: String(n.index), label: seedName(n) })), String(network.index));
  const others = kinds.filter((kind) => kind !== network.kind).map((name) => named(content.kinds, name));
  const beside = state.beside === NONE ? "" : networks[state.beside].kind;
  fill(element("pick-beside"), [...others, { name: "", label: "no other" }], beside);
  element("pick-beside").parentElement.hidden = !others.length;
}

/** Show the networks that the picks lead to: as near as there are to those that were shown. */
function pickNetwork(id) {
  const before = shown();
  const kind = element("pick-kind").value;
  const inputs = element("pick-inputs").value;
  const likeness = (n) => 4 * Number(n.inputs === inputs) + 2 * Number(n.kind === kind) + Number(seedName(n) === seedName(before));
  const next = id === "pick-seed" ? networks[Number(element(id).value)] : [...networks].sort((a, b) => likeness(b) - likeness(a))[0];
  const wanted = state.beside === NONE ? null : networks[state.beside].kind;
  const swapped = wanted === next.kind ? before.kind : wanted; // the kind that stood beside it was picked
  change({ network: next.index, beside: wanted === null ? NONE : partnerOf(next, swapped) });
}

function drawFacts() {
  const network = shown();
  const accuracy = network.tasks.map((task, t) => `${task} ${written(network.accuracy[t])}`).join(", ");
  const { kept, total } = network.connections;
  const measured = network.accuracy.some((value) => value !== null);
  const parts = [`${network.name}: accuracy ${measured ? accuracy : "not measured"}.`];
  if (kept < total) parts.push(`The page has the strongest ${many(kept)} of its ${many(total)} connections.`);
  if (network.dimensions === 0) parts.push("It has no positions.");
  if (network.dimensions > 2) parts.push(`Positions have ${network.dimensions} dimensions: shown are the first two principal coordinates.`);
  const degenerate = network.degenerate[state.method];
  if (degenerate) parts.push(`† The split by ${state.method} is degenerate, no division into task modules: ${degenerate.join("; ")}.`);
  if (!network.methods.includes(state.method)) parts.push(`${state.method} was not applied to it.`);
  if (networks.length < memberOf.size) {
    parts.push(`The page shows ${many(networks.length)} of ${many(memberOf.size)} networks, those of the first seeds; its tables are of all.`);
  }
  element("network-note").textContent = parts.join(" ");
}

/** Call the units of the network what they are, wherever the page speaks of them. */
function nameUnits() {
  const word = unitWord(shown());
  const forms = { one: word, many: `${word}s`, Many: `${word[0].toUpperCase()}${word.slice(1)}s` };
  for (const part of document.querySelectorAll("[data-unit]")) part.textContent = forms[part.getAttribute("data-unit") ?? ""];
}

/** Say what each colour, line, mark and ring is, beside the pictures that have them. */
function drawLegend() {
  const network = shown();
  const tasks = () => labelsShown(network).map((label) => make("span", {}, dotOf(network, label), taskName(network, label)));
  const line = (name) => make("span", { class: `line ${name}` });
  const ring = (name) => make("span", { class: `ring ${name}` });
  const chosen = () => [make("span", {}, ring("chosen"), "chosen"), make("span", {}, ring(""), "under the pointer")];
  element("legend").replaceChildren(
    ...tasks(),
    make("span", {}, line("crossing"), "connection between modules"),
    make("span", {}, line(""), "within one: in its colour; the stronger, the darker"),
    ...chosen(),
    make("span", { class: "note" }, "faint: switched off by training, or not picked; larger: outputs"),
  );
  const layers = network.layers.map(({ name, size }, layer) => make("span", {}, `${markOf(layer)} ${name} (${size})`));
  element("legend-above").replaceChildren(
    ...tasks(),
    ...layers,
    ...(layers.length > MARKS.length ? [make("span", { class: "note" }, `marks return after ${MARKS.length} layers`)] : []),
    ...chosen(),
    make("span", {}, ring(""), `${state.compare || "another method"} differs: a ring close around it`),
  );
}

/** Return the largest number of connections that the page has of a network that is shown. */
const mostLines = () => Math.max(...sides().map((network) => network.array("weight").length), 1);
const LEAST_LINES = 10;

/** Return the number of connections at a place of the slider, 0 to 1: the same factor is the same way on it. */
function linesAt(share) {
  const most = mostLines();
  const least = Math.min(LEAST_LINES, most);
  return Math.round(least * (most / least) ** share);
}

function drawLines() {
  const most = mostLines();
  const least = Math.min(LEAST_LINES, most);
  const lines = Math.min(Math.max(state.lines, least), most);
  element("weakest").value = String(Math.round((1000 * Math.log(lines / least)) / (Math.log(most / least) || 1)));
  const counts = unique(sides().map((network) => connectionsOf(network).count));
  const each = sides().length > 1 && counts.length === 1 ? " of each" : "";
  const said = `the ${counts.map(many).join(" and ")} strongest${each}`;
  element("weakest-value").textContent = said;
  element("weakest").setAttribute("aria-valuetext", `${said} connections`);
}

function drawCompare() {
  const network = shown();
  const others = network.methods.filter((method) => method !== state.method);
  const compare = others.includes(state.compare) ? state.compare : "";
  fill(element("compare"), [{ name: "", label: "no other method" }, ...others.map((name) => ({ name }))], compare);
}

function setUpViews() {
  element("weakest").addEventListener("input", (event) => change({ lines: linesAt(event.target.value / 1000) }));
  const choices = LAYOUTS.filter(({ name }) => name !== "positions" || networks.some(({ dimensions }) => dimensions > 0));
  fill(element("layout"), choices, state.layout);
  element("layout").addEventListener("change", (event) => change({ layout: event.target.value }));
  element("turn-back").addEventListener("click", () => change({ camera: CAMERA }));
  element("plane-back").addEventListener("click", () => change({ plane: PLANE }));
  element("compare").addEventListener("change", (event) => change({ compare: event.target.value }));
  element("clear").addEventListener("click", () => change({ neuron: NONE, module: NONE, brushed: [] }));
  follow(["layout"], () => {
    element("layout").value = state.layout;
  });
}

/** Go to a part of the page, and leave what is picked in the address. */
function goToPart(event) {
  const link = event.target instanceof Element ? event.target.closest("a[href^='#']") : null;
  const part = link && document.getElementById(link.getAttribute("href").slice(1));
  if (!part) return;
  event.preventDefault();
  if (part instanceof HTMLDetailsElement) part.open = true;
  part.tabIndex = -1;
  part.focus({ preventScroll: true });
  part.scrollIntoView();
}

function setUp() {
  Object.assign(state, opening());
  if (sides().every(({ dimensions }) => dimensions > 0)) state.layout = "positions";
  Object.assign(state, readAddress());
  setUpTable();
  setUpPicks();
  setUpAgreement();
  setUpViews();
  const redrawScenes = () => scenes.forEach(({ redraw }) => redraw());
  const [nets, picked] = [["network", "beside"], ["module", "brushed"]];

  follow([...nets, "method", "lines", "frame"], drawLines);
  follow(["network", "method"], drawFacts);
  follow(["network", "method", "compare"], drawLegend);
  follow(["network", "method", "compare"], drawCompare);
  follow(["network"], fillFind);
  follow(["network"], nameUnits);
  follow([...nets, "method", "layout", "lines", "frame", "camera", ...picked], redrawScenes);
  follow(["neuron", "hovered", "hoveredIn"], () => scenes.forEach(({ redrawOver }) => redrawOver()));
  follow(["network", "method", "compare", "layout", "frame", "plane", ...picked], above.redraw);
  follow(["neuron", "hovered", "hoveredIn"], above.redrawOver);
  follow([...nets, "method", "layout", "lines", "frame", "neuron", ...picked], atNextPicture(drawSides));
  follow([...nets, "method", "frame", "module"], say);
  follow(["network", "method", "ablation", "neuron"], drawNeuron);
  follow(["network", "method", "ablation", ...picked], drawModules);
  follow(["network", "method", "ablation", ...picked], drawLesion);
  follow(["network"], () => setTimeout(machine, 200, shown())); // so that the first lesion need not wait for it
  follow(["network", "method", "ablation"], drawNulls);
  follow(["network", "method", "compare", "measure"], drawAgreement);
  follow(["method", "ablation", "table"], drawTable);
  follow([...nets], timeline.show);
  follow(["method", "frame"], timeline.showMoment);
  follow([...nets, "method", "frame"], atNextPicture(drawTraining));
  follow([...nets, "method", "ablation", "compare", "measure", "layout", "table"], writeAddress);
  follow(["neuron", "lines", "camera", "plane", "frame", ...picked], afterwards(writeAddress, 150));

  const redrawAll = () => [redrawScenes, above.redraw].forEach((redraw) => redraw());
  const coloured = [redrawAll, drawLegend, drawNeuron, drawModules, drawLesion, drawSides, drawTraining];
  dark.addEventListener("change", () => coloured.forEach((redraw) => redraw()));
  new ResizeObserver(redrawAll).observe(element("pair"));
  new ResizeObserver(redrawAll).observe(element("one"));
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => (part.open = true)));
  addEventListener("hashchange", () => change(readAddress()));
  document.addEventListener("click", goToPart);
  // The first picture is there once the browser has drawn what was asked for.
  requestAnimationFrame(() => requestAnimationFrame(() => (document.documentElement.dataset.drawn = String(performance.now()))));
}

setUp();

// For the console, and for whoever tests the page: what is picked, where neurons are, the Python line of a number.
Object.assign(window, {
  spatialgraph: {
    queryOf,
    state,
    change,
    networks,
    content,
    mapOf: (unit) => Array.from(mapOf(shown(), unit)),
    asManyAtRandom: (units, draw) => asManyAtRandom(shown(), units, draw),
    rightWithout: (index, units, ablation) => rightWithout(machine(networks[index]), units, ablation),
    sides: () => sides().map(({ index }) => index),
    flowOf: (index) => flowOf(networks[index]),
    places: () => ({ "scene-0": Array.from(scenes[0].places()), "scene-1": Array.from(scenes[1].places()), above: Array.from(above.places()) }),
  },
});
