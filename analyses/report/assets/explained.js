// What a neuron does, in pictures: what it reads in the input, and the held-out examples that excite it most.

const SHOWN_EXAMPLES = 8;
const NOTHING_EXCITES = 65535;

/** Return what a class is called: its name, or its number and task where it has none. */
function className(network, task, number) {
  return network.classes[task]?.[number] ?? `class ${number} of ${network.tasks[task]}`;
}

/** Return what an output stands for, "" for a neuron that is none. */
function answerOf(network, unit) {
  const answers = once(network, "answers", () => new Map(network.answers.map(([output, ...answer]) => [output, answer])));
  return answers.has(unit) ? className(network, ...answers.get(unit)) : "";
}

/** Return what a neuron reads in every entry of the input, from -1 to 1, 0 where nothing leads to it. */
function mapOf(network, unit) {
  const { array, sample } = machine(network);
  const [mixture, common] = [array("map:mixture"), array("map:common")];
  const rank = common.length / sample.inputs;
  const values = new Float64Array(sample.inputs);
  for (let part = 0; part < rank; part++) {
    const share = mixture[unit * rank + part];
    for (let i = 0; i < values.length; i++) values[i] += share * common[part * values.length + i];
  }
  const most = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0) || 1;
  return values.map((value) => value / most);
}

/** Return the parts of an input that are images, each with its first entry; none if they are not known. */
function imagesOf(sample) {
  let first = 0;
  return sample.images.map(([height, width]) => {
    const image = { height, width, first };
    first += height * width;
    return image;
  });
}

/** Return a canvas of an image, a pixel for each entry: the style sheet enlarges it. */
function imageCanvas(values, { height, width, first }, shadeOf, label) {
  const canvas = make("canvas", { width, height, role: "img", "aria-label": label, class: "image" });
  const context = canvas.getContext("2d");
  const picture = context.createImageData(width, height);
  for (let i = 0; i < height * width; i++) picture.data.set([...shadeOf(values[first + i]), 255], 4 * i);
  context.putImageData(picture, 0, 0);
  return canvas;
}

/** Return red, green and blue of a colour of the style sheet that is written as #rrggbb. */
const rgbOf = (name) => [1, 3, 5].map((place) => Number.parseInt(colour(name).slice(place, place + 2), 16));

/** Return a function from -1 to 1 to a colour: from that of what lowers a neuron, by nothing, to what raises it. */
function diverging() {
  const [low, none, high] = ["lowers", "neither", "raises"].map(rgbOf);
  return (value) => none.map((part, i) => Math.round(part + Math.min(Math.abs(value), 1) * ((value < 0 ? low : high)[i] - part)));
}

/** Return a picture of what a neuron reads, with its key. */
function mapFigure(network, unit) {
  const { array, sample, facts } = machine(network);
  const values = mapOf(network, unit);
  const images = imagesOf(sample);
  const shadeOf = diverging();
  const name = nameOf(network, unit);
  const total = values.reduce((sum, value) => sum + value * value, 0);
  const own = images.map(({ first, height, width }) => {
    const part = values.subarray(first, first + height * width);
    return Math.round((100 * part.reduce((sum, value) => sum + value * value, 0)) / (total || 1));
  });
  const several = images.length > 1 && images.length === network.tasks.length;
  const holder = make("div", { class: "images" });
  images.forEach((image, place) => {
    const where = several ? ` in the image of ${network.tasks[place]}: ${own[place]} % of the map` : "";
    const canvas = imageCanvas(values, image, shadeOf, `What ${name} reads${where}`);
    const caption = several ? [make("figcaption", {}, `${network.tasks[place]}: ${own[place]} %`)] : [];
    holder.append(make("figure", {}, canvas, ...caption));
  });
  if (!images.length) holder.append(entriesCanvas(values, shadeOf, `What ${name} reads in ${values.length} entries of the input`));
  const direct = facts.weighed[layersOf(network)[unit]];
  const kept = array("map:kept")[unit];
  const how = direct ? "its weights" : `mean gradient of its input sum over ${many(sample.count)} held-out examples, through the layers before`;
  return make(
    "div",
    { id: "reads" },
    quiet(`What it reads: ${how}${kept < 100 ? `; the page keeps ${kept} % of the map` : ""}.`),
    holder,
    make("div", { class: "key" }, make("span", {}, "lowers it"), make("i", {}), make("span", {}, "raises it")),
  );
}

/** Return a canvas with a bar for each entry of an input that is no image, upwards for what raises a neuron. */
function entriesCanvas(values, shadeOf, label) {
  const height = 64;
  const canvas = make("canvas", { width: Math.max(values.length, 2) * 4, height, role: "img", "aria-label": label, class: "entries" });
  const context = canvas.getContext("2d");
  values.forEach((value, i) => {
    context.fillStyle = `rgb(${shadeOf(Math.sign(value)).join()})`;
    context.fillRect(4 * i, height / 2, 3, (-value * height) / 2);
  });
  context.fillStyle = colour("slice-edge");
  context.fillRect(0, height / 2 - 0.5, canvas.width, 1);
  return canvas;
}

/** Return what an example shows: the names of its classes. */
function exampleText(network, sample, example) {
  const labels = sample.array("labels");
  const classes = network.tasks.map((_, task) => labels[example * network.tasks.length + task] - 1);
  return classes.flatMap((label, task) => (label < 0 ? [] : [className(network, task, label)])).join(" · ");
}

/** Return the examples that excite a neuron most, as small pictures with the names of their classes. */
function excitingFigure(network, unit) {
  const { array, sample } = machine(network);
  const exciting = array("exciting");
  const width = exciting.length / network.units;
  const found = Array.from(exciting.subarray(unit * width, (unit + 1) * width)).slice(0, SHOWN_EXAMPLES);
  if (!found.length || found[0] === NOTHING_EXCITES) return quiet("No held-out example excites it more than another.");
  const images = sample.drawn ? imagesOf(sample) : [];
  const inputs = images.length ? sample.array("inputs") : null;
  const most = inputs ? once(sample, "most", () => inputs.reduce((largest, value) => Math.max(largest, value), 0) || 1) : 1;
  const grey = (value) => Array(3).fill(Math.round((255 * Math.max(value, 0)) / most));
  const items = found.map((example) => {
    const text = exampleText(network, sample, example);
    const values = inputs?.subarray(example * sample.inputs, (example + 1) * sample.inputs);
    return make("li", {}, make("div", { class: "images" }, ...images.map((image) => imageCanvas(values, image, grey, text))), make("span", {}, text));
  });
  return make(
    "div",
    { id: "exciting" },
    quiet(`What excites it most, of ${many(sample.count)} held-out examples, the most exciting first.`),
    make("ol", { class: images.length > 1 ? "examples wide" : "examples" }, ...items),
  );
}

/** Return the numbers by which the chosen method gave a neuron to a task, as bars; or a note that it has none. */
function countedBars(network, unit) {
  const row = network.methods.indexOf(state.method);
  if (row < 0) return [];
  const what = network.counted[state.method];
  if (!what) return [quiet(`${state.method} has no number for a single ${unitWord(network)}.`)];
  const tasks = network.tasks.length;
  const values = network.tasks.map((_, task) => network.array(`counted:${row}`)[unit * tasks + task]);
  if (values.every(Number.isNaN)) return [quiet(`${state.method} has no number for it: ${answerOf(network, unit) ? "the task of an output is given" : "no later layer is split"}.`)];
  const most = values.reduce((largest, value) => Math.max(largest, Math.abs(value) || 0), 0) || 1;
  const entries = values.map((value, task) => ({
    text: network.tasks[task],
    value: Math.abs(value) / most,
    say: strengthText(value),
    shade: taskColour(task, tasks),
  }));
  return [quiet(`What ${state.method} counts: ${what}.`), bars(entries)];
}

/** Return how many methods give a neuron to which task, the most first, in words. */
function agreementText(network, unit) {
  const votes = new Map();
  for (const method of network.methods) {
    const said = labelsOf(network, method)[unit];
    votes.set(said, (votes.get(said) ?? 0) + 1);
  }
  const said = [...votes].sort((a, b) => b[1] - a[1]).map(([task, count]) => `${count} ${count === 1 ? "says" : "say"} ${taskName(network, task)}`);
  return `What each of ${network.methods.length} methods says: ${said.join(", ")}.`;
}

/** Return what tasks can do without a neuron, run now; or why the page cannot say. */
function neuronLesion(network, unit, spoken) {
  if (network.live.why) return [quiet(`The page cannot try it without this ${unitWord(network)}, nor show what it reads. ${network.live.why}`)];
  if (!state.ablation) return [];
  const result = make("div", { id: "neuron-lesion" });
  showLesion(result, network, [unit], performance.now(), (text) => {
    element("spoken").textContent = `${spoken}. ${text}`;
  });
  const ablation = labelOf(content.ablations, state.ablation);
  return [quiet(`Accuracy without it (${ablation}), on ${many(samples[network.live.examples].count)} held-out examples; ${LESION_KEY.replace("lesions", `${unitWord(network)}s of its layer`)}.`), result];
}
