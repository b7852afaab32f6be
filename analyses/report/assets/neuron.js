// What is known of one neuron: beside the pointer in short, in the panel in full.

const TOWARDS = "strength to each task's neurons in later layers";

/** Return the strongest connections of a neuron that the page has: the other neuron, the weight, and the direction. */
function strongestOf(network, unit, most) {
  const [source, target] = [network.array("source"), network.array("target")];
  const [weight, negative] = [network.array("weight"), network.array("negative")];
  const found = [];
  for (let i = 0; i < weight.length && found.length < most; i++) {
    if (source[i] !== unit && target[i] !== unit) continue;
    const own = source[i] === unit ? "out" : "in";
    found.push({ other: own === "out" ? target[i] : source[i], own, weight: negative[i] ? -weight[i] : weight[i] });
  }
  return found;
}

/** Return a neuron's strength to each task's neurons of later layers, by the chosen split; nan without later layers. */
function strengthsOf(network, unit) {
  const row = network.methods.indexOf(state.method);
  const tasks = network.tasks.length;
  const strength = network.array("strength");
  return network.tasks.map((_, task) => (row < 0 ? NaN : strength[(row * network.units + unit) * tasks + task]));
}

function strengthBars(network, unit) {
  const strengths = strengthsOf(network, unit);
  if (strengths.every(Number.isNaN)) return quiet("none: no later layer is split");
  const total = strengths.reduce((sum, value) => sum + value, 0) || 1;
  return bars(
    strengths.map((value, task) => ({
      text: network.tasks[task],
      value: value / total,
      say: strengthText(value),
      shade: taskColour(task, network.tasks.length),
    })),
  );
}

function selectivityBars(network, unit) {
  const selectivity = network.array("selectivity");
  if (!selectivity) return null;
  const tasks = network.tasks.length;
  return bars(
    network.tasks.map((text, task) => {
      const value = selectivity[unit * tasks + task];
      const percent = Number.isNaN(value) ? "–" : `${Math.round(100 * value)} %`;
      return { text, value, say: percent, shade: taskColour(task, tasks) };
    }),
  );
}

/** Return a strength, or a weight, with two digits or more: training leaves some a thousand times weaker than others. */
function strengthText(value) {
  const digits = Math.abs(value) >= 0.1 || value === 0 || Number.isNaN(value) ? 2 : 1 - Math.floor(Math.log10(Math.abs(value)));
  return written(value, Math.min(digits, 8));
}

const quiet = (text) => make("div", { class: "note" }, text);

function drawNeuron() {
  const network = shown();
  const unit = state.neuron;
  const panel = element("neuron");
  if (unit === NONE) {
    const word = unitWord(network);
    element("neuron-title").textContent = word[0].toUpperCase() + word.slice(1);
    panel.replaceChildren(quiet(`Click a ${word} for its strengths, its selectivity, what each method says of it, and its strongest connections.`));
    return;
  }
  const labels = labelsOf(network, state.method);
  const isNeuron = network.layers[layersOf(network)[unit]].unit === "neuron";
  element("neuron-title").textContent = `${isNeuron ? "Neuron " : ""}${nameOf(network, unit)}`;
  const entering = network.array("entering")[unit];
  const selectivity = selectivityBars(network, unit);
  const links = strongestOf(network, unit, 12).map(({ other, own, weight }) =>
    make(
      "li",
      {},
      make(
        "button",
        { "data-key": other, onclick: () => change({ neuron: other }) },
        dotOf(network, labels[other]),
        ` ${own === "out" ? "→" : "←"} ${nameOf(network, other)}  ${weight > 0 ? "+" : ""}${strengthText(weight)}`,
      ),
    ),
  );
  refill(
    panel,
    quiet(`${state.method}: ${taskName(network, labels[unit])}. Its input weights sum to ${strengthText(entering)}.`),
    quiet(`By ${state.method}: ${TOWARDS}, the sum of absolute weights`),
    strengthBars(network, unit),
    ...(selectivity ? [quiet("Selectivity: each task's share of its task variance"), selectivity] : []),
    quiet("What each method says"),
    make(
      "ul",
      { class: "facts" },
      ...network.methods.map((method) => {
        const label = labelsOf(network, method)[unit];
        return make("li", {}, dotOf(network, label), `${method}: ${taskName(network, label)}`);
      }),
    ),
    quiet(links.length ? "Strongest connections" : "None of its connections is among the strongest that this page has."),
    make("ul", { class: "links" }, ...links),
  );
  element("spoken").textContent = `${nameOf(network, unit)}, ${taskName(network, labels[unit])}`;
}
