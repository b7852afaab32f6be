// What each task can still do without some neurons: run in the page, beside the whole network and random lesions.

const RANDOM_LESIONS = 20;
const LESION_KEY = "bar: right answers that are left; line: of the whole network; band: of 20 random lesions";

/** Return a network that can be run, null if the page cannot run it. */
const machine = (network) => (network.live.why ? null : once(network, "machine", () => machineOf(network)));

/** Return which examples a network is run on, in words. */
function sampleText(network) {
  const { count, labelled } = samples[network.live.examples];
  const each = new Set(labelled).size === 1 ? `${many(labelled[0])} of each task` : labelled.map(many).join(", ");
  return `${many(count)} held-out examples (${each}), drawn at random, always the same`;
}

/** Return the lesion that is chosen of a network that can be run: its neurons, and what they are called; null if none is. */
function chosenLesion(network) {
  if (state.brushed.length) return { units: state.brushed, name: `the ${counted(network, state.brushed.length)} chosen` };
  if (state.module === NONE || !network.methods.includes(state.method)) return null;
  const module = moduleOf(network, state.method, state.module);
  const outputs = module.stay ? ` (${staying(module)})` : "";
  return { units: module.units, name: `the ${counted(network, module.units.length)} of ${network.tasks[state.module]}${outputs}` };
}

/** Return the accuracies of numbers of right answers. */
const shares = (network, right) => right.map((count, task) => count / samples[network.live.examples].labelled[task]);

/** Show in an element what tasks can do without some neurons: the lesion at once, random ones as they are done, as long as
 * the element is there.
 *
 * @param holder a new element; its data say when it is done, and how long the lesion took.
 * @param network the network, which can be run.
 * @param units the numbers of the neurons.
 * @param started when it was asked for.
 * @param speak is called with what a screen reader says in the end.
 */
function showLesion(holder, network, units, started, speak) {
  const ablation = state.ablation;
  const key = `lesion:${ablation}:${units.join()}`;
  const whole = shares(network, machine(network).right);
  const found = once(network, key, () => ({ left: shares(network, rightWithout(machine(network), units, ablation)), random: [] }));
  const next = () => {
    if (!holder.isConnected) return;
    if (found.random.length < RANDOM_LESIONS) { // or the same lesion, shown elsewhere, has had them all
      const others = asManyAtRandom(network, units, found.random.length);
      found.random.push(shares(network, rightWithout(machine(network), others, ablation)));
    }
    goOn();
  };
  const goOn = () => {
    const done = found.random.length === RANDOM_LESIONS;
    holder.dataset.random = String(found.random.length);
    if (!done) setTimeout(next);
    if (!done && holder.firstChild) return;
    holder.replaceChildren(lesionBars(network, whole, found, done));
    if (done) speak(lesionText(network, whole, found));
  };
  goOn();
  holder.dataset.milliseconds = String(performance.now() - started);
}

/** Return the least, the mean and the greatest of a task's accuracies after random lesions. */
function rangeOfRandom(found, task) {
  const values = found.random.map((accuracies) => accuracies[task]);
  return { low: Math.min(...values), mean: values.reduce((sum, value) => sum + value, 0) / values.length, high: Math.max(...values) };
}

function lesionBars(network, whole, found, done) {
  const holder = make("div", { class: "lesions" });
  holder.append(make("span", {}), make("span", { class: "gap" }), ...["without", "whole", "random"].map((text) => make("span", { class: "note" }, text)));
  network.tasks.forEach((name, task) => {
    const place = (value) => `${100 * value}%`;
    const shade = taskColour(task, network.tasks.length);
    const bar = make("div", { class: "bar" }, make("i", { style: { "--colour": shade, width: place(found.left[task] || 0) } }));
    if (done) {
      const { low, high } = rangeOfRandom(found, task);
      bar.append(make("u", { style: { left: place(low), width: place(high - low) } }));
    }
    bar.append(make("b", { style: { left: place(whole[task]) } }));
    const { low, high } = done ? rangeOfRandom(found, task) : {};
    const random = done ? `${written(low, 2)} to ${written(high, 2)}` : "…";
    holder.append(make("span", {}, name), bar, ...[written(found.left[task], 2), written(whole[task], 2), random].map((text) => make("span", {}, text)));
  });
  return holder;
}

/** Return what a lesion does, for a screen reader. */
function lesionText(network, whole, found) {
  const parts = network.tasks.map((name, task) => {
    const { low, high } = rangeOfRandom(found, task);
    return `${name} ${written(found.left[task], 2)}, whole ${written(whole[task], 2)}, random lesions ${written(low, 2)} to ${written(high, 2)}`;
  });
  return `Accuracy that is left: ${parts.join("; ")}.`;
}

/** Show the lesion that is chosen in the panel of modules. */
function drawLesion() {
  const started = performance.now();
  const network = shown();
  const holder = element("lesion");
  if (network.live.why) {
    holder.replaceChildren(quiet(`The page cannot try lesions of this network. ${network.live.why} The modules below were measured by the analysis.`));
    return;
  }
  const lesion = chosenLesion(network);
  if (!lesion || !lesion.units.length || !state.ablation) {
    const words = `${unitWord(network)}s`;
    holder.replaceChildren(quiet(`Brush ${words} in the picture from above, or press a module: the page runs the network without them.`));
    return;
  }
  const ablation = labelOf(content.ablations, state.ablation);
  const result = make("div");
  holder.replaceChildren(
    make("h4", {}, `Accuracy without ${lesion.name}`),
    result,
    quiet(`Disabled neurons: ${ablation}. Run now on ${sampleText(network)}. In the picture, ${LESION_KEY} with as many ${unitWord(network)}s in each layer.`),
  );
  showLesion(result, network, lesion.units, started, (text) => {
    element("spoken").textContent = `Without ${lesion.name}. ${text}`;
  });
}
