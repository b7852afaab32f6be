// What is known of one neuron: beside the pointer in short, in the panel in full.

const TOWARDS = "strength to each task's neurons in later layers";
const MOST_LINKS = 6; // of each direction

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
    panel.replaceChildren(quiet(`Click a ${word} for what it reads, what excites it, what each method says of it, and what is lost without it.`));
    return;
  }
  const label = labelsOf(network, state.method)[unit];
  const isNeuron = network.layers[layersOf(network)[unit]].unit === "neuron";
  const spoken = `${nameOf(network, unit)}, ${taskName(network, label)}`;
  element("neuron-title").textContent = `${isNeuron ? "Neuron " : ""}${nameOf(network, unit)}`;
  element("spoken").textContent = spoken;
  refill(
    panel,
    make("p", { class: "note" }, dotOf(network, label), ` ${taskName(network, label)} by ${state.method}. Its input weights sum to ${strengthText(network.array("entering")[unit])}.`),
    ...(network.live.why ? [] : [make("div", { class: "pictures" }, mapFigure(network, unit), excitingFigure(network, unit))]),
    ...neuronLesion(network, unit, spoken),
    ...countedBars(network, unit),
    ...measuredBars(network, unit),
    quiet(agreementText(network, unit)),
    make(
      "ul",
      { class: "facts" },
      ...network.methods.map((method) => {
        const said = labelsOf(network, method)[unit];
        return make("li", {}, dotOf(network, said), `${method}: ${taskName(network, said)}`);
      }),
    ),
    ...linkLists(network, unit),
  );
}

/** Return what is measured of a neuron whatever the method: strengths, unless the method counts them, and selectivity. */
function measuredBars(network, unit) {
  const selectivity = selectivityBars(network, unit);
  const strengths = network.counted[state.method] === TOWARDS ? [] : [quiet(`Its ${TOWARDS}, the sum of absolute weights.`), strengthBars(network, unit)];
  return [...strengths, ...(selectivity ? [quiet("Selectivity: each task's share of its task variance."), selectivity] : [])];
}

/** Return the strongest connections that enter a neuron, and those that leave it: buttons that choose the other neuron. */
function linkLists(network, unit) {
  const labels = labelsOf(network, state.method);
  const links = strongestOf(network, unit, Infinity);
  if (!links.length) return [quiet("None of its connections is among the strongest that this page has.")];
  const button = ({ other, own, weight }) =>
    make(
      "button",
      { "data-key": other, onclick: () => change({ neuron: other }) },
      dotOf(network, labels[other]),
      ` ${own === "out" ? "→" : "←"} ${nameOf(network, other)}  ${weight > 0 ? "+" : ""}${strengthText(weight)}`,
    );
  return [["in", "Strongest connections that enter it"], ["out", "Strongest connections that leave it"]].flatMap(([way, title]) => {
    const own = links.filter((link) => link.own === way).slice(0, MOST_LINKS);
    if (!own.length) return [quiet(`${title}: none of those that this page has.`)];
    return [quiet(`${title}.`), make("ul", { class: "links" }, ...own.map((link) => make("li", {}, button(link))))];
  });
}
