// The picks, and who draws what when something is picked.

function setUpPicks() {
  fill(element("pick-method"), content.methods, state.method);
  fill(element("pick-ablation"), content.ablations, state.ablation);
  element("pick-ablation").parentElement.hidden = !content.ablations.length;
  element("pick-method").addEventListener("change", (event) => change({ method: event.target.value }));
  element("pick-ablation").addEventListener("change", (event) => change({ ablation: event.target.value }));
  for (const id of ["pick-inputs", "pick-kind", "pick-seed"]) element(id).addEventListener("change", () => pickNetwork(id));
  follow(["network"], showPicks);
  follow(["method", "ablation"], () => {
    element("pick-method").value = state.method;
    element("pick-ablation").value = state.ablation;
  });
}

const seedName = (network) => (network.seed === null ? network.name : String(network.seed));

/** Show the picks of the network that is shown: of each, what there is beside the others. */
function showPicks() {
  const network = shown();
  const named = (list, name) => list.find((entry) => entry.name === name) ?? { name, label: name };
  const unique = (names) => [...new Set(names)];
  const modes = unique(networks.map((n) => n.inputs));
  const kinds = unique(networks.filter((n) => n.inputs === network.inputs).map((n) => n.kind));
  const same = networks.filter((n) => n.inputs === network.inputs && n.kind === network.kind);
  fill(element("pick-inputs"), modes.map((name) => named(content.inputs, name)), network.inputs);
  fill(element("pick-kind"), kinds.map((name) => named(content.kinds, name)), network.kind);
  fill(element("pick-seed"), same.map((n) => ({ name: String(n.index), label: seedName(n) })), String(network.index));
}

/** Show the network that the picks lead to: as near as there is to the one that was shown. */
function pickNetwork(id) {
  const before = shown();
  if (id === "pick-seed") {
    change({ network: Number(element(id).value) });
    return;
  }
  const inputs = element("pick-inputs").value;
  const kind = element("pick-kind").value;
  const likeness = (n) => 4 * (n.inputs === inputs) + 2 * (n.kind === kind) + (seedName(n) === seedName(before));
  change({ network: [...networks].sort((a, b) => likeness(b) - likeness(a))[0].index });
}

function drawFacts() {
  const network = shown();
  const accuracy = network.tasks.map((task, t) => `${task} ${written(network.accuracy[t])}`).join(", ");
  const { kept, total } = network.connections;
  const parts = [`${network.name}: accuracy ${accuracy}.`];
  if (kept < total) parts.push(`The page has the strongest ${many(kept)} of its ${many(total)} connections.`);
  if (network.dimensions === 0) parts.push(`It has no positions: its ${unitWord(network)}s are laid out in squares, in their order in the layer.`);
  if (network.dimensions > 2) parts.push(`Positions have ${network.dimensions} dimensions: shown are the first two principal coordinates.`);
  const degenerate = network.degenerate[state.method];
  if (degenerate) parts.push(`† The split by ${state.method} is degenerate, no division into task modules: ${degenerate.join("; ")}.`);
  if (!network.methods.includes(state.method)) parts.push(`${state.method} was not applied to it.`);
  element("network-note").textContent = parts.join(" ");
}

function drawLegend() {
  const network = shown();
  const labels = labelsOf(network, state.method);
  const present = [...network.tasks.keys(), ...[NONE, SEVERAL].filter((label) => labels.includes(label))];
  const marks = ["●", "▲", "■", "◆"];
  element("legend").replaceChildren(
    ...present.map((label) => make("span", {}, dotOf(network, label), taskName(network, label))),
    ...network.layers.map(({ name, size }, layer) => make("span", {}, `${marks[layer % 4]} ${name} (${size})`)),
    make("span", {}, make("span", { class: "line" }), "connection between modules"),
    make("span", { class: "note" }, "faint: switched off by training"),
  );
}

function drawWeakest() {
  const network = shown();
  const { count, least } = connectionsShown(network);
  element("weakest").value = Math.round(1000 * state.share);
  element("weakest-value").textContent = count ? `${least.toPrecision(2)} (${many(count)} lines)` : "none";
}

function drawCompare() {
  const network = shown();
  const others = network.methods.filter((method) => method !== state.method);
  const compare = others.includes(state.compare) ? state.compare : "";
  fill(element("compare"), [{ name: "", label: "no other method" }, ...others.map((name) => ({ name }))], compare);
}

/** Show so many connections at first that the structure is seen: about a thousand. */
function firstShare(network) {
  const weight = network.array("weight");
  if (weight.length < 2) return 1;
  const place = Math.min(1200, weight.length - 1);
  const all = Math.log(weight[weight.length - 1] / weight[0]);
  return all ? Math.log(weight[place] / weight[0]) / all : 1;
}

function setUp() {
  const first = networks.findIndex((network) => network.dimensions > 0);
  Object.assign(state, { network: Math.max(first, 0) }, readAddress());
  state.share = firstShare(shown());
  setUpTable();
  setUpPicks();
  setUpAgreement();
  element("weakest").addEventListener("input", (event) => change({ share: event.target.value / 1000 }));
  element("compare").addEventListener("change", (event) => change({ compare: event.target.value }));
  element("clear").addEventListener("click", () => change({ neuron: NONE, module: NONE, brushed: [] }));

  follow(["network"], () => change({ share: firstShare(shown()) }));
  follow(["network", "share"], drawWeakest);
  follow(["network", "method"], drawFacts);
  follow(["network", "method"], drawLegend);
  follow(["network", "method", "compare"], drawCompare);
  follow(["network", "method", "share", "neuron", "hovered", "module", "brushed"], scene.redraw);
  follow(["network", "method", "compare", "neuron", "hovered", "module", "brushed"], above.redraw);
  follow(["network", "method", "ablation", "neuron"], drawNeuron);
  follow(["network", "method", "ablation", "module", "brushed"], drawModules);
  follow(["network", "method", "ablation", "module", "brushed"], drawLesion);
  follow(["network"], () => setTimeout(machine, 200, shown())); // so that the first lesion need not wait for it
  follow(["network", "method", "ablation"], drawNulls);
  follow(["network", "method", "compare"], drawAgreement);
  follow(["network"], film.show);
  follow(["network", "method"], film.describe);
  follow(["method", "frame", "module", "brushed"], film.showFrame);
  follow(["network", "method", "ablation", "neuron"], writeAddress);

  const redrawAll = () => [scene.redraw, above.redraw, film.redraw].forEach((redraw) => redraw());
  dark.addEventListener("change", () => [redrawAll, drawLegend, drawNeuron, drawModules, drawLesion].forEach((redraw) => redraw()));
  new ResizeObserver(redrawAll).observe(element("networks"));
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => (part.open = true)));
  addEventListener("hashchange", () => change(readAddress()));
  // The first picture is there once the browser has drawn what was asked for.
  requestAnimationFrame(() => requestAnimationFrame(() => (document.documentElement.dataset.drawn = String(performance.now()))));
}

setUp();

// For the console, and for whoever tests the page: what is picked, where neurons are, the Python line of a number.
window.spatialgraph = {
  queryOf,
  state,
  change,
  networks,
  mapOf: (unit) => Array.from(mapOf(shown(), unit)),
  asManyAtRandom: (units, draw) => asManyAtRandom(shown(), units, draw),
  rightWithout: (index, units, ablation) => rightWithout(machine(networks[index]), units, ablation),
  places: () => ({ scene: Array.from(scene.places()), above: Array.from(above.places()) }),
};
