// What is picked. Everything that shows something listens here, and the address of the page follows, so that a link
// leads to what its sender saw.

/** @typedef {{ yaw: number, pitch: number, zoom: number, x: number, y: number }} Camera */
/** @typedef {{ zoom: number, x: number, y: number }} Plane */

const ONE_METHOD = "one";
const LAYOUTS = [
  { name: "connections", label: "by their connections" },
  { name: "positions", label: "at learned positions" },
  { name: "order", label: "in their order" },
];
const CAMERA = Object.freeze({ yaw: -0.62, pitch: 0.3, zoom: 1, x: 0, y: 0 }); // x, y: half-widths of a slice it is moved by
const PLANE = Object.freeze({ zoom: 1, x: 0, y: 0 }); // x, y: the place, from -1 to 1, in the middle of the view
const LINES = 1000;

/** @type {{ keys: string[], listener: () => void }[]} */
const listeners = [];
/** What is picked. */
const state = {
  network: 0, // the sections are about it
  beside: NONE, // the network that is shown beside it
  method: content.method,
  ablation: content.ablation,
  compare: "",
  layout: "connections", // or positions, or order
  lines: LINES, // connections shown of each network, the strongest
  neuron: NONE,
  hovered: NONE,
  hoveredIn: NONE, // the network of the neuron under the pointer
  module: NONE,
  /** @type {number[]} */ brushed: [],
  frame: NONE, // of the time line; NONE is the trained network
  /** @type {Camera} */ camera: CAMERA,
  /** @type {Plane} */ plane: PLANE,
  table: ONE_METHOD,
  measure: "", // of agreement
};

/** Call a function now, and again whenever one of some values has changed. */
function follow(keys, listener) {
  listeners.push({ keys, listener });
  listener();
}

/** Change values, and tell those who follow them. */
function change(values) {
  const changed = Object.keys(values).filter((key) => state[key] !== values[key]);
  if (!changed.length) return;
  if (changed.includes("network")) values = { neuron: NONE, hovered: NONE, module: NONE, brushed: [], ...values };
  else if (changed.includes("method")) values = { module: NONE, ...values };
  const before = { ...state };
  Object.assign(state, values);
  const all = Object.keys(state).filter((key) => state[key] !== before[key]);
  for (const { keys, listener } of listeners) if (keys.some((key) => all.includes(key))) listener();
}

const shown = () => networks[state.network];

/** Return the networks that are shown side by side: that of the reference kind first, or of the kind that tables have first.
 * @returns {Network[]} */
function sides() {
  if (state.beside === NONE) return [shown()];
  const rank = ({ kind }) => (kind === content.reference ? -1 : content.kinds.findIndex(({ name }) => name === kind));
  return [shown(), networks[state.beside]].sort((a, b) => rank(a) - rank(b));
}

/** Make the sections be about a network that is shown. */
function focusOn(network, values = {}) {
  if (network.index === state.network) change(values);
  else change({ network: network.index, beside: state.network, ...values });
}

/** Return the network that is shown beside a network in some input mode: of a kind, of the same seed if there is one. */
function partnerOf(network, kind) {
  const near = networks.filter((other) => other.kind === kind && other.inputs === network.inputs);
  return (near.find((other) => other.seed === network.seed && other.seed !== null) ?? near[0])?.index ?? NONE;
}

/** Return a function that draws at most once for each picture of the screen. */
function atNextPicture(draw) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      draw();
    });
  };
}

/** Return numbers of neurons as ranges, such as "3-7.9", and read them again. */
function rangesOf(units) {
  const parts = [];
  for (const unit of [...units].sort((a, b) => a - b)) {
    const last = parts[parts.length - 1];
    if (last && unit === last[1] + 1) last[1] = unit;
    else parts.push([unit, unit]);
  }
  return parts.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(".");
}

function unitsOf(text, most) {
  const found = [];
  for (const part of text.split(".")) {
    const [from, to = from] = part.split("-").map(Number);
    for (let unit = from; unit <= Math.min(to, most - 1); unit++) if (unit >= 0) found.push(unit);
  }
  return found;
}

/** Return finite numbers with the keys of an object, of a text that has them with a _ between; null of any other. */
function numbersOf(text, keys) {
  const found = (text ?? "").split("_").map(Number);
  if (text === null || found.length !== keys.length || !found.every(Number.isFinite)) return null;
  return Object.fromEntries(keys.map((key, place) => [key, found[place]]));
}

/** Return what the address says of the picks; what it does not say is as the page opens. */
function readAddress() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const values = {};
  const indexOf = (name) => networks.findIndex((network) => network.name === name);
  const [index, other] = [indexOf(asked.get("network")), indexOf(asked.get("beside"))];
  if (index >= 0) {
    values.network = index;
    values.beside = other >= 0 && other !== index ? other : asked.get("beside") === "" ? NONE : opening(index).beside;
  }
  const among = { method: content.methods, ablation: content.ablations, compare: content.methods, layout: LAYOUTS };
  for (const [key, known] of Object.entries(among)) {
    if (known.some(({ name }) => name === asked.get(key))) values[key] = asked.get(key);
  }
  const network = networks[values.network ?? state.network];
  const whole = (key, most) => {
    const number = Number.parseInt(asked.get(key) ?? "", 10);
    if (number >= 0 && number < most) values[key] = number;
  };
  whole("neuron", network.units);
  whole("module", network.tasks.length);
  whole("lines", 1e9);
  whole("frame", 1e6);
  if (asked.get("brushed")) values.brushed = unitsOf(asked.get("brushed"), network.units);
  for (const [key, start] of Object.entries({ camera: CAMERA, plane: PLANE })) {
    const found = numbersOf(asked.get(key), Object.keys(start));
    if (found && found.zoom > 0) values[key] = found;
  }
  for (const key of ["table", "measure"]) if (asked.get(key)) values[key] = asked.get(key);
  return values;
}

function writeAddress() {
  const said = { network: shown().name, method: state.method, ablation: state.ablation, layout: state.layout };
  if (networks.length > 1) said.beside = state.beside === NONE ? "" : networks[state.beside].name;
  for (const key of ["compare", "measure"]) if (state[key]) said[key] = state[key];
  for (const key of ["neuron", "module", "frame"]) if (state[key] !== NONE) said[key] = state[key];
  if (state.lines !== LINES) said.lines = state.lines;
  if (state.table !== ONE_METHOD) said.table = state.table;
  if (state.brushed.length) said.brushed = rangesOf(state.brushed);
  for (const [key, start] of Object.entries({ camera: CAMERA, plane: PLANE })) {
    if (state[key] !== start) said[key] = Object.values(state[key]).join("_");
  }
  history.replaceState(null, "", `#${new URLSearchParams(said)}`);
}

/** Return a function that is called once nothing has called it for a while: browsers refuse addresses that change often. */
function afterwards(act, milliseconds) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(act, milliseconds);
  };
}
