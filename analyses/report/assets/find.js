// Find a neuron by its name, or the one that is most selective for a task.

const MOST_SELECTIVE = "most selective for ";

/** Return the neuron whose task variance is most of one task's, among those that training has not switched off. */
function mostSelective(network, task) {
  const selectivity = network.array("selectivity");
  const [alive, tasks] = [aliveOf(network), network.tasks.length];
  let best = NONE;
  if (!selectivity) return best;
  const of = (unit) => selectivity[unit * tasks + task];
  for (let unit = 0; unit < network.units; unit++) {
    if (alive[unit] && of(unit) > (best === NONE ? -1 : of(best))) best = unit;
  }
  return best;
}

/** Return the neuron that a text names, NONE if it names none. */
function foundBy(network, text) {
  const wanted = text.trim().toLowerCase();
  const task = network.tasks.findIndex((name) => wanted === (MOST_SELECTIVE + name).toLowerCase());
  if (task >= 0) return mostSelective(network, task);
  const named = (unit) => {
    const name = nameOf(network, unit).toLowerCase();
    return name === wanted || name.startsWith(`${wanted} (`); // the class that an output answers need not be named
  };
  return Array.from({ length: network.units }, (_, unit) => unit).find(named) ?? NONE;
}

function fillFind() {
  const network = shown();
  const tasks = network.array("selectivity") ? network.tasks.map((task) => MOST_SELECTIVE + task) : [];
  const names = Array.from({ length: network.units }, (_, unit) => nameOf(network, unit));
  element("names").replaceChildren(...[...tasks, ...names].map((value) => make("option", { value })));
  element("find").value = "";
  element("find-note").textContent = "";
}

function find() {
  const text = element("find").value;
  const unit = foundBy(shown(), text);
  if (!text.trim()) return;
  const [first] = shown().layers;
  element("find-note").textContent =
    unit === NONE ? `No ${unitWord(shown())} “${text}”: expected a name such as ${first ? nameOf(shown(), first.first) : "–"}.` : "";
  if (unit !== NONE) change({ neuron: unit, brushed: [], module: NONE });
}

element("find").addEventListener("change", find);
element("find").addEventListener("keydown", (event) => {
  if (event.key === "Enter") find();
});
