// What is picked. Everything that shows something listens here, and the address of the page follows, so that a link
// leads to what its sender saw.

const listeners = [];
const state = {
  network: 0,
  method: content.method,
  ablation: content.ablation,
  compare: "",
  share: 0.3, // of the slider of connections
  neuron: NONE,
  hovered: NONE,
  module: NONE,
  brushed: [],
  frame: 0,
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

function readAddress() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const index = networks.findIndex((network) => network.name === asked.get("network"));
  const values = {};
  if (index >= 0) values.network = index;
  for (const [key, known] of [["method", content.methods], ["ablation", content.ablations]]) {
    if (known.some(({ name }) => name === asked.get(key))) values[key] = asked.get(key);
  }
  const network = networks[values.network ?? state.network];
  const neuron = Number.parseInt(asked.get("neuron") ?? "", 10);
  if (neuron >= 0 && neuron < network.units) values.neuron = neuron;
  return values;
}

function writeAddress() {
  const values = { network: shown().name, method: state.method, ablation: state.ablation };
  if (state.neuron >= 0) values.neuron = state.neuron;
  history.replaceState(null, "", `#${new URLSearchParams(values)}`);
}
