// Colours, marks and small pieces of the page that several parts use.

const dark = matchMedia("(prefers-color-scheme: dark)");

/** Return a colour of the style sheet as it is now. */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** Return the colour of a task, of no task, of several, or of what crosses from one task to another. */
function taskColour(task, tasks) {
  if (task === NONE) return colour("unassigned");
  if (task === SEVERAL) return colour("shared");
  if (task === CROSSING) return colour("crossing");
  if (tasks <= 8) return colour(`task-${task}`);
  return `hsl(${Math.round((360 * task) / tasks)} 65% ${dark.matches ? 62 : 42}%)`;
}

/** Return a canvas's context, its size in CSS pixels and the drawing as sharp as the screen. */
function prepared(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

const MARKS = ["●", "▲", "■", "◆", "▼", "✚", "⬢", "★"];
const CORNERS = [
  [],
  [0, -1.2, 1.2, 0.96, -1.2, 0.96],
  [-0.9, -0.9, 0.9, -0.9, 0.9, 0.9, -0.9, 0.9],
  [0, -1.3, 1.3, 0, 0, 1.3, -1.3, 0],
  [0, 1.2, 1.2, -0.96, -1.2, -0.96],
  [-0.4, -1.2, 0.4, -1.2, 0.4, -0.4, 1.2, -0.4, 1.2, 0.4, 0.4, 0.4, 0.4, 1.2, -0.4, 1.2, -0.4, 0.4, -1.2, 0.4, -1.2, -0.4, -0.4, -0.4],
  [-0.55, -1, 0.55, -1, 1.15, 0, 0.55, 1, -0.55, 1, -1.15, 0],
  [0, -1.4, 0.34, -0.45, 1.33, -0.43, 0.54, 0.18, 0.82, 1.13, 0, 0.56, -0.82, 1.13, -0.54, 0.18, -1.33, -0.43, -0.34, -0.45],
];

/** Return the sign of a layer's mark in a text; of more than eight layers, marks return. */
const markOf = (layer) => MARKS[layer % MARKS.length];

/** Add the mark of a layer to a path. */
function addMark(path, layer, x, y, size) {
  const corners = CORNERS[layer % CORNERS.length];
  if (!corners.length) {
    addCircle(path, x, y, size);
    return;
  }
  for (let i = 0; i < corners.length; i += 2) {
    const [right, down] = [x + size * corners[i], y + size * corners[i + 1]];
    if (i) path.lineTo(right, down);
    else path.moveTo(right, down);
  }
  path.closePath();
}

/** Return an element with attributes, and children that are elements or texts. */
function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "style") for (const [key, text] of Object.entries(value)) made.style.setProperty(key, text);
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function makeSvg(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Return a number as tables write it; what rounds to nothing has no sign. */
function written(value, digits = 3) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const text = value.toFixed(digits).replace("-", "−");
  return /^−0\.?0*$/.test(text) ? text.slice(1) : text;
}

const many = (value) => value.toLocaleString("en").replaceAll(",", "\u202f");

function dotOf(network, label) {
  const kind = label === NONE ? "dot none" : "dot";
  return make("span", { class: kind, style: { "--colour": taskColour(label, network.tasks.length) } });
}

const taskName = (network, label) => (label === NONE ? "no task" : label === SEVERAL ? "several" : network.tasks[label]);

function nameOf(network, unit) {
  const layer = network.layers[layersOf(network)[unit]];
  const answer = answerOf(network, unit);
  return `${layer.name} ${layer.unit === "neuron" ? "" : `${layer.unit} `}${unit - layer.first}${answer && ` (${answer})`}`;
}

/** Return what the units of a network are called: "unit" if they are of several kinds. */
function unitWord(network) {
  const words = new Set(network.layers.map((layer) => layer.unit));
  return words.size === 1 ? [...words][0] : "unit";
}

/** Return the labels that neurons of a network have by the chosen method: tasks, and several and none where there are any. */
function labelsShown(network) {
  const labels = labelsOf(network, state.method);
  return [...network.tasks.keys(), ...[SEVERAL, NONE].filter((label) => labels.includes(label))];
}

/** Return a piece of line, as in a chart, for its key. */
function lineKey(dashed, shade = "var(--crossing)") {
  const line = makeSvg("line", { x1: 0, x2: 22, y1: 5, y2: 5, stroke: shade, "stroke-width": 2, "stroke-dasharray": dashed ? "5 3" : "none" });
  return makeSvg("svg", { viewBox: "0 0 22 10", width: 22, height: 10, class: "swatch", "aria-hidden": "true" }, line);
}

/** Return a number of units in words: "1 neuron", "12 channels". */
function counted(network, count) {
  return `${count} ${unitWord(network)}${count === 1 ? "" : "s"}`;
}

/** Return rows of bars: for each a text, a share from 0 to 1, a colour, and a reference to mark on it, if any. */
function bars(entries, most = 1) {
  const holder = make("div", { class: "bars" });
  const place = (value) => `${100 * Math.min(Math.max(value / most, 0), 1)}%`;
  for (const { text, value, shade, reference, say } of entries) {
    const bar = make("div", { class: "bar" }, make("i", { style: { "--colour": shade, width: place(value || 0) } }));
    if (reference !== undefined && !Number.isNaN(reference)) bar.append(make("b", { style: { left: place(reference) } }));
    holder.append(make("span", {}, text), bar, make("span", {}, say ?? written(value)));
  }
  return holder;
}

/** Replace what an element holds; what had the focus has it still, or if that is gone, the first button. */
function refill(holder, ...children) {
  const { activeElement } = document;
  const focused = activeElement instanceof HTMLElement && holder.contains(activeElement) ? activeElement : null;
  holder.replaceChildren(...children);
  if (!focused) return;
  const buttons = [...holder.querySelectorAll("button")];
  const next = buttons.find((button) => button.dataset.key === focused.dataset.key) ?? buttons[0];
  next?.focus({ preventScroll: true });
}

/** Fill a select with choices. */
function fill(select, choices, chosen) {
  select.replaceChildren(
    ...choices.map(({ name, label, about }) => {
      const option = make("option", { value: name, ...(about ? { title: about } : {}) }, label ?? name);
      option.selected = name === chosen;
      return option;
    }),
  );
}
