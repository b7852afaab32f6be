// The modules of the chosen split, and what each task loses without each of them.

/** Return the accuracy of each task without a module: of the network, and the mean of random controls. */
function without(network, module) {
  const row = network.methods.indexOf(state.method);
  const column = content.ablations.findIndex(({ name }) => name === state.ablation);
  const tasks = network.tasks.length;
  const start = ((row * content.ablations.length + column) * tasks + module) * tasks;
  const [found, control] = [network.array("without"), network.array("without-control")];
  return network.tasks.map((_, task) => ({
    left: found ? found[start + task] : NaN,
    control: control ? control[start + task] : NaN,
  }));
}

function drawModules() {
  const network = shown();
  const applied = network.methods.includes(state.method);
  const labels = labelsOf(network, state.method);
  const note = element("modules-note");
  if (!applied) {
    note.textContent = `${state.method} was not applied to this network.`;
    refill(element("modules"));
    return;
  }
  const none = labels.filter((label) => label === NONE).length;
  note.textContent = network.lesions
    ? `Accuracy that each task loses without a module (${labelOf(content.ablations, state.ablation)}). The mark is what ` +
      `it loses without as many random ${unitWord(network)}s.`
    : "What tasks lose without a module was not measured.";
  const cards = network.tasks.map((name, module) => moduleCard(network, name, module));
  if (none) cards.push(quiet(`${counted(network, none)} ${none === 1 ? "serves" : "serve"} no task.`));
  if (state.brushed.length) cards.unshift(brushedCard(network, labels));
  refill(element("modules"), ...cards);
}

/** Return the units that are disabled with a task's module: all that serve the task, also those that serve others too.
 *
 * The outputs stay, as in the analysis: without them a task could not answer at all.
 */
function moduleOf(network, method, task) {
  const members = [...Array(network.units).keys()].filter((unit) => serves(network, method, unit, task));
  const units = members.filter((unit) => !answerOf(network, unit));
  const labels = labelsOf(network, method);
  return { units, shared: units.filter((unit) => labels[unit] === SEVERAL).length, stay: members.length - units.length };
}

/** Return how many outputs of a module are not disabled with it, in words. */
const staying = ({ stay }) => `its ${stay === 1 ? "output stays" : `${stay} outputs stay`}`;

/** Return of how many units a module is, how many of them are other tasks' too, and how many outputs stay. */
function sizeOf(network, module) {
  const parts = [` (${counted(network, module.units.length)}`];
  if (module.shared) parts.push(", ", dotOf(network, SEVERAL), `${module.shared} of them shared with other tasks`);
  if (module.stay) parts.push(`; ${staying(module)}`);
  return [...parts, ")"];
}

function moduleCard(network, name, module) {
  const tasks = network.tasks.length;
  const entries = without(network, module).map(({ left, control }, task) => ({
    text: network.tasks[task],
    value: (network.accuracy[task] ?? NaN) - left,
    reference: (network.accuracy[task] ?? NaN) - control,
    shade: taskColour(task, tasks),
  }));
  return make(
    "button",
    {
      class: "module",
      "data-key": module,
      style: { "--colour": taskColour(module, tasks) },
      "aria-pressed": String(state.module === module),
      onclick: () => change({ module: state.module === module ? NONE : module, brushed: [] }),
    },
    make("b", {}, `without ${name}`),
    ...sizeOf(network, moduleOf(network, state.method, module)),
    ...(network.lesions ? [bars(entries)] : []),
  );
}

function brushedCard(network, labels) {
  const counts = new Map();
  for (const unit of state.brushed) counts.set(labels[unit], (counts.get(labels[unit]) ?? 0) + 1);
  const parts = [...counts].sort((a, b) => b[1] - a[1]).map(([label, count]) => `${taskName(network, label)} ${count}`);
  const chosen = state.module === NONE ? "" : ` Their module: ${network.tasks[state.module]}.`;
  return make("p", { id: "brushed" }, `${counted(network, state.brushed.length)} chosen: ${parts.join(", ")}.${chosen}`);
}
