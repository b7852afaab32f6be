// The page runs a network on held-out examples, some of its neurons disabled, as the library's dense runner does: the
// neurons that stay are a smaller network, and what disabled ones emit is a part of its biases.

/** Return the error function; off by less than 2e-7, as float32 is (Abramowitz & Stegun 1964, 7.1.26). */
function errorFunction(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const sum = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(x) * (1 - sum * Math.exp(-x * x));
}

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

const ACTIVATIONS = {
  "": (x) => x,
  sigmoid,
  tanh: Math.tanh,
  relu: (x) => Math.max(x, 0),
  "clipped-relu": (x) => Math.min(Math.max(x, 0), 1),
  "leaky-relu": (x) => Math.max(x, 0.01 * x),
  elu: (x) => (x > 0 ? x : Math.expm1(x)),
  gelu: (x) => (x * (1 + errorFunction(x / Math.SQRT2))) / 2,
  silu: (x) => x * sigmoid(x),
  softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
};

/** Add the products of some values, (examples, sources), with weights, (targets, sources), to sums. */
function addProducts(sums, values, weights, examples, sources, targets) {
  for (let example = 0; example < examples; example++) {
    const from = example * sources;
    const to = example * targets;
    let target = 0;
    // Four targets at a time: their sums do not wait for one another, and share the values that are read.
    for (; target + 4 <= targets; target += 4) {
      let [a, b, c, d] = [0, 0, 0, 0];
      let first = target * sources;
      let second = first + sources;
      let third = second + sources;
      let fourth = third + sources;
      for (let i = from; i < from + sources; i++) {
        const value = values[i];
        a += value * weights[first++];
        b += value * weights[second++];
        c += value * weights[third++];
        d += value * weights[fourth++];
      }
      sums[to + target] += a;
      sums[to + target + 1] += b;
      sums[to + target + 2] += c;
      sums[to + target + 3] += d;
    }
    for (; target < targets; target++) {
      let sum = 0;
      for (let i = 0; i < sources; i++) sum += values[from + i] * weights[target * sources + i];
      sums[to + target] += sum;
    }
  }
}

/** Return some columns of a matrix, which are in ascending order; the matrix itself if `columns` is null. */
function columnsOf(matrix, width, columns) {
  if (columns === null) return matrix;
  const height = matrix.length / width;
  const found = new Float64Array(height * columns.length);
  for (let row = 0, i = 0; row < height; row++) {
    for (const column of columns) found[i++] = matrix[row * width + column];
  }
  return found;
}

/** Return some rows of a matrix. */
function rowsOf(matrix, width, chosen) {
  const found = new Float64Array(chosen.length * width);
  chosen.forEach((row, place) => found.set(matrix.subarray(row * width, (row + 1) * width), place * width));
  return found;
}

/** Return a matrix with rows and columns exchanged. */
function transposed(matrix, height) {
  const columns = matrix.length / height;
  const found = new Float64Array(matrix.length);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < columns; column++) found[column * height + row] = matrix[row * columns + column];
  }
  return found;
}

/** Return a network that can be run: its weights, and the activations of the whole network on the sample. */
function machineOf(network) {
  const facts = network.live;
  const sample = samples[facts.examples];
  const array = arraysOf(`live-${network.index}`, facts.arrays);
  const units = new Map(facts.known.map((layer) => [layer, array(`known:${layer}`).length / sample.count]));
  for (const { layer } of facts.computed) units.set(layer, array(`bias:${layer}`).length);
  const machine = {
    facts,
    sample,
    array,
    tasks: network.tasks.length,
    units,
    // Which layer of the network each layer of the page is.
    pageLayers: new Map(facts.numbers.map((number, place) => [number, network.layers[place]])),
    values: new Map(facts.known.map((layer) => [layer, transposed(array(`known:${layer}`), units.get(layer))])),
    outputs: Array.from({ length: network.tasks.length }, (_, task) =>
      Array.from(array("task").keys()).filter((output) => array("task")[output] === task),
    ),
  };
  for (const step of facts.computed) machine.values.set(step.layer, runLayer(machine, step, machine.values, new Map(), ""));
  machine.right = rightAnswers(machine, machine.values.get(facts.output), null, "");
  return machine;
}

/** Return what a page's layer's neurons emit when they are disabled. */
function constantsOf(machine, layer, ablation) {
  const constants = machine.array("constants");
  const row = machine.facts.ablations.indexOf(ablation);
  const width = constants.length / machine.facts.ablations.length;
  const { first, size } = machine.pageLayers.get(layer);
  return constants.subarray(row * width + first, row * width + first + size);
}

/** Return the activations of a layer, (examples, units that stay), from those of layers before it.
 *
 * @param machine the network.
 * @param step the layer and its activation function.
 * @param values layer to (examples, units that stay).
 * @param removed layer to { kept, gone }, numbers of neurons; a layer that is missing is whole.
 * @param ablation what disabled neurons emit.
 */
function runLayer(machine, { layer, activation }, values, removed, ablation) {
  const { facts, array, sample, units } = machine;
  const staying = layer === facts.output ? null : (removed.get(layer)?.kept ?? null);
  const targets = staying === null ? units.get(layer) : staying.length;
  const biases = array(`bias:${layer}`);
  const bias = staying === null ? Float64Array.from(biases) : Float64Array.from(staying, (row) => biases[row]);
  const sums = new Float64Array(sample.count * targets);
  for (const { number, source } of facts.entering.filter(({ target }) => target === layer)) {
    const width = units.get(source);
    const all = array(`weight:${number}`);
    const own = staying === null ? all : rowsOf(all, width, staying);
    const lost = removed.get(source);
    if (lost) {
      const constants = constantsOf(machine, source, ablation);
      for (let target = 0; target < targets; target++) {
        for (const unit of lost.gone) bias[target] += own[target * width + unit] * constants[unit];
      }
    }
    const kept = lost ? lost.kept : null;
    addProducts(sums, values.get(source), columnsOf(own, width, kept), sample.count, kept?.length ?? width, targets);
  }
  const act = ACTIVATIONS[activation];
  for (let i = 0; i < sums.length; i++) sums[i] = act(sums[i] + bias[i % targets]);
  return sums;
}

/** Return how many examples of each task are answered rightly; outputs that are gone emit their constants. */
function rightAnswers(machine, outputs, gone, ablation) {
  const { sample, tasks } = machine;
  const width = machine.units.get(machine.facts.output);
  const labels = sample.array("labels");
  const constants = gone ? constantsOf(machine, machine.facts.output, ablation) : null;
  const absent = new Set(gone ?? []);
  return machine.outputs.map((own, task) => {
    let right = 0;
    for (let example = 0; example < sample.count; example++) {
      const label = labels[example * tasks + task] - 1;
      if (label < 0) continue;
      let [answer, most] = [-1, -Infinity];
      own.forEach((output, place) => {
        const value = absent.has(output) ? constants[output] : outputs[example * width + output];
        if (value > most) [answer, most] = [place, value];
      });
      if (answer === label) right++;
    }
    return right;
  });
}

/** Return how many examples of each task a network answers rightly without some of the page's neurons. */
function rightWithout(machine, units, ablation) {
  const { facts } = machine;
  const removed = new Map();
  for (const [layer, { first, size }] of machine.pageLayers) {
    const gone = units.filter((unit) => unit >= first && unit < first + size).map((unit) => unit - first);
    if (!gone.length) continue;
    const absent = new Set(gone);
    removed.set(layer, { gone, kept: Array.from({ length: size }, (_, unit) => unit).filter((unit) => !absent.has(unit)) });
  }
  // Layers that nothing changes, before the first disabled neuron or beside it, are not run again.
  const values = new Map(machine.values);
  const changes = new Set();
  for (const [layer, { kept }] of removed) {
    if (layer !== facts.output) values.set(layer, columnsOf(machine.values.get(layer), machine.units.get(layer), kept));
  }
  for (const step of facts.computed) {
    const sources = facts.entering.filter(({ target }) => target === step.layer).map(({ source }) => source);
    if (!sources.some((source) => changes.has(source) || removed.has(source))) continue;
    changes.add(step.layer);
    values.set(step.layer, runLayer(machine, step, values, removed, ablation));
  }
  return rightAnswers(machine, values.get(facts.output), removed.get(facts.output)?.gone ?? null, ablation);
}

/** Return a generator of numbers from 0 to 1, the same for the same seed (mulberry32, Tommy Ettinger 2017). */
function randomNumbers(seed) {
  let step = seed >>> 0;
  return () => {
    step = (step + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(step ^ (step >>> 15), step | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Return as many neurons of each layer as there are in a list, at random. */
function asManyAtRandom(network, units, draw) {
  const random = randomNumbers(draw);
  return network.layers.flatMap(({ first, size }) => {
    const count = units.filter((unit) => unit >= first && unit < first + size).length;
    const pool = Array.from({ length: size }, (_, unit) => first + unit);
    for (let i = 0; i < count; i++) {
      const other = i + Math.floor(random() * (size - i));
      [pool[i], pool[other]] = [pool[other], pool[i]];
    }
    return pool.slice(0, count);
  });
}
