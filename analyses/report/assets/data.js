// What the page carries: facts as JSON, and arrays, which are read when something first asks for them.

/** Return an element of the page: whether there is one is known from page.html, and tests open all of it.
 * @type {(id: string) => any} */
const element = (id) => document.getElementById(id);
const content = JSON.parse(element("content").textContent);

const TYPES = { Uint8Array, Uint16Array, Uint32Array, Float32Array, Float64Array };
const MISSING = 65535;

/** Return an array as numbers; one that was quantised is spread out again, nan where a number is missing. */
function unpack(buffer, entry) {
  const length = entry.shape.reduce((product, size) => product * size, 1);
  const raw = new TYPES[entry.type](buffer, entry.offset, length);
  if (entry.step === undefined) return raw;
  const values = new Float32Array(length);
  for (let i = 0; i < length; i++) {
    const value = entry.low + entry.step * raw[i];
    values[i] = raw[i] === MISSING ? NaN : entry.logarithms ? Math.exp(value) : value;
  }
  return values;
}

/** Return a function from the name of an array to its numbers, null if the page does not have it. */
function arraysOf(id, entries) {
  const known = new Map();
  const array = (name) => {
    if (!(name in entries)) return null;
    if (!known.has(name)) known.set(name, read(name));
    return known.get(name);
  };
  const read = (name) => {
    const raw = unpack(packs.get(id), entries[name]);
    return "most" in entries[name] ? fromLevels(raw, entries[name], array(`${name}:centre`), array(`${name}:half`)) : raw;
  };
  return array;
}

/** Return rows of numbers that are stored as levels: c + h · sign(t) |t|^power, t from -1 to 1 in even steps. */
function fromLevels(raw, { shape: [planes, height, columns], most, power }, centre, half) {
  const values = new Float64Array(height * columns);
  for (let row = 0, i = 0; row < height; row++) {
    for (let column = 0; column < columns; column++, i++) {
      const level = (planes === 1 ? raw[i] : 256 * raw[i] + raw[values.length + i]) / most - 1;
      values[i] = centre[row] + half[row] * (power === 1 ? level : Math.sign(level) * Math.abs(level) ** power);
    }
  }
  return values;
}

/** A network: what the page says of it, see `portrait.py`; `array` returns one of its packed arrays, null if it has none.
 * @typedef {{ name: string, size: number, unit: string, first: number }} Layer
 * @typedef {{ epochs: number[], accuracy: number[][] }} Film
 * @typedef {{
 *   index: number, name: string, kind: string, inputs: string, seed: number | null, tasks: string[], units: number,
 *   accuracy: (number | null)[], layers: Layer[], methods: string[], degenerate: Record<string, string[]>,
 *   dimensions: number, connections: { kept: number, total: number }, lesions: boolean, selectivity: boolean,
 *   nulls: any[], agreement: string[], film: Film | null, arrays: Record<string, any>, live?: any,
 *   array: (name: string) => any, kept: Map<string, any>,
 * }} Network */

/** What is known of every network of the run, by its name, also of those that the page does not show. */
const memberOf = new Map(content.members.map((member) => [member.network, member]));

/** @type {Network[]} */
const networks = content.networks.map((facts, index) => ({
  ...memberOf.get(facts.name),
  ...facts,
  index,
  units: facts.layers.reduce((sum, layer) => sum + layer.size, 0),
  array: arraysOf(`network-${index}`, facts.arrays),
  kept: new Map(),
}));

/** Held-out examples, which networks that were evaluated on them share. */
const samples = content.examples.map((facts, index) => ({
  ...facts,
  array: arraysOf(`examples-${index}`, facts.arrays),
  kept: new Map(),
}));

/** Return what a function makes of a network, or of a sample, made once under a key. */
function once(network, key, made) {
  if (!network.kept.has(key)) network.kept.set(key, made());
  return network.kept.get(key);
}

/** Return the place in `network.layers` of each neuron. */
function layersOf(network) {
  return once(network, "layers", () => {
    const places = new Uint8Array(network.units);
    network.layers.forEach((layer, place) => places.fill(place, layer.first, layer.first + layer.size));
    return places;
  });
}

const labelOf = (list, name) => list.find((entry) => entry.name === name)?.label ?? name;

const NONE = -1;
const SEVERAL = -2;
const CROSSING = -3;

/** Return the task of each neuron by a split method: its number, NONE, or SEVERAL. */
function labelsOf(network, method) {
  return once(network, `labels:${method}`, () => {
    const labels = new Int8Array(network.units).fill(NONE);
    const row = network.methods.indexOf(method);
    if (row < 0) return labels;
    const members = network.array("membership");
    const tasks = network.tasks.length;
    for (let unit = 0; unit < network.units; unit++) {
      const start = (row * network.units + unit) * tasks;
      for (let task = 0; task < tasks; task++) {
        if (members[start + task]) labels[unit] = labels[unit] === NONE ? task : SEVERAL;
      }
    }
    return labels;
  });
}

/** Return the task that both ends of a connection serve, or else NONE, SEVERAL or CROSSING. */
function linkLabel(one, other) {
  if (one === other) return one;
  if (one === NONE || other === NONE) return NONE;
  return one === SEVERAL || other === SEVERAL ? SEVERAL : CROSSING;
}

/** Return whether a neuron serves a task by a split method; it may serve several. */
function serves(network, method, unit, task) {
  const row = network.methods.indexOf(method);
  if (row < 0) return false;
  return network.array("membership")[(row * network.units + unit) * network.tasks.length + task] === 1;
}

/** Return the rows of scores.csv behind the table: a function from an index to its values. */
const scoreRows = (() => {
  const array = arraysOf("rows-bytes", content.rows.arrays);
  const names = content.rows.names;
  const column = (name) => ({ codes: array(name), names: names[name] });
  return {
    /** Return the rows of a cell of the table, each with its line in the file. */
    of(cell) {
      const columns = Object.fromEntries(["network", "split", "ablation", "metric", "task"].map((n) => [n, column(n)]));
      const wanted = Object.entries({ split: cell.split, ablation: cell.ablation, metric: cell.metric }).map(
        ([name, value]) => [columns[name].codes, columns[name].names.indexOf(value)],
      );
      const found = [];
      const lines = array("line");
      for (let i = 0; i < lines.length; i++) {
        if (!wanted.every(([codes, code]) => codes[i] === code)) continue;
        const member = memberOf.get(columns.network.names[columns.network.codes[i]]);
        if (member.kind !== cell.kind || member.inputs !== cell.inputs) continue;
        found.push({ line: lines[i], ...member, task: columns.task.names[columns.task.codes[i]], value: array("value")[i] });
      }
      return found;
    },
  };
})();
