// What is said of the networks side by side: which they are, what crosses their modules, and what a picture of them shows.

const percentText = (share) => {
  if (share === undefined || share === null || Number.isNaN(share)) return "–";
  return share > 0 && share < 0.01 ? `${(100 * share).toFixed(1)} %` : `${Math.round(100 * share)} %`;
};

/** Return what a network is called beside the other: its kind, or its name if that does not tell them apart. */
function sideName(network) {
  const [one, other] = sides();
  return !other || one.kind === other.kind ? network.name : labelOf(content.kinds, network.kind);
}

/** Return how many neurons serve each task, several and none: pairs of a label and a number. */
function countsOf(network) {
  const counts = new Map();
  for (const label of labelsOf(network, state.method)) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...network.tasks.keys(), SEVERAL, NONE].map((label) => [label, counts.get(label) ?? 0]).filter(([, count]) => count);
}

const countsSaid = (network) => countsOf(network).map(([label, count]) => `${taskName(network, label)} ${count}`).join(", ");

/** Return the parts of the strength as a bar, and its legend in words: each a share, a colour and a text. */
function flowParts(network) {
  const flow = flowOf(network);
  if (!flow) return [];
  const within = flow.within.map((share, task) => ({
    share,
    shade: taskColour(task, network.tasks.length),
    text: `within ${network.tasks[task]} ${percentText(share)}`,
  }));
  return [
    ...within,
    { share: flow.loose, shade: colour("unassigned"), text: `at ${unitWord(network)}s of no task ${percentText(flow.loose)}` },
    { share: flow.crossing, shade: colour("crossing"), text: `crosses ${percentText(flow.crossing)}` },
  ].filter(({ share }) => share > 0);
}

/** Return how the neurons of a network are laid out, in words. */
function layoutSaid(network) {
  const word = `${unitWord(network)}s`;
  const layout = layoutOf(network);
  if (layout === "positions") {
    return network.dimensions > 2
      ? `${word} at their learned positions: the first two principal coordinates of ${network.dimensions} dimensions`
      : `${word} at their learned positions`;
  }
  const none = state.layout === "positions" ? "no positions: " : "";
  return layout === "order" ? `${none}${word} in their order in the layer` : `${none}${word} placed by their connections alone`;
}

/** Return what is drawn of a network, for those who do not see it. */
function pictureSaid(network) {
  const { source, target, start, count } = connectionsOf(network);
  const labels = labelsOf(network, state.method);
  let crossing = 0;
  for (let i = start; i < start + count; i++) crossing += Number(linkLabel(labels[source[i]], labels[target[i]]) === CROSSING);
  const parts = [
    `${sideName(network)}, ${network.name}: ${network.layers.length} layers, ${counted(network, network.units)}`,
    network.methods.includes(state.method)
      ? `by ${state.method}: ${countsSaid(network)}; ${percentText(flowOf(network)?.crossing)} of the strength crosses modules`
      : `${state.method} was not applied to it`,
    `${many(count)} strongest connections drawn, ${many(crossing)} of them cross`,
    layoutSaid(network),
  ];
  if (epochShown() !== null) parts.push(`at epoch ${epochText(epochShown())}`);
  if (network === shown() && state.neuron !== NONE) parts.push(`chosen: ${nameOf(network, state.neuron)}, ${taskName(network, labels[state.neuron])}`);
  if (network === shown() && state.brushed.length) parts.push(`${counted(network, state.brushed.length)} brushed`);
  if (state.module !== NONE) parts.push(`the module ${shown().tasks[state.module]} stands out`);
  return `${parts.join(". ")}.`;
}

function drawSides() {
  const both = sides();
  element("pair").classList.toggle("alone", both.length === 1);
  both.forEach((network, side) => {
    const flow = flowOf(network);
    const degenerate = state.method in network.degenerate;
    const crosses = flow
      ? [make("b", {}, percentText(flow.crossing)), " of the strength ", term("cut", "crosses"), degenerate ? " (degenerate split †)" : ""]
      : [network.methods.includes(state.method) ? "no connection has any strength" : `${state.method} does not apply to it`];
    const focused = network === shown();
    element(`side-${side}-name`).textContent = sideName(network);
    element(`side-${side}-name`).setAttribute("aria-pressed", String(focused));
    element(`side-${side}-name`).hidden = false;
    element(`side-${side}`).hidden = false;
    element(`side-${side}`).classList.toggle("focused", focused && both.length > 1);
    element(`side-${side}-share`).replaceChildren(...crosses);
    element(`side-${side}-flow`).replaceChildren(
      ...flowParts(network).map(({ share, shade, text }) =>
        make("i", { style: { "--colour": shade, "flex-grow": String(Math.max(share, 0.004)) }, title: text }),
      ),
    );
    element(`side-${side}-facts`).textContent = `${network.name}: ${flowParts(network).map(({ text }) => text).join(", ")}; ${layoutSaid(network)}.`;
    element(`scene-${side}-over`).setAttribute("aria-label", pictureSaid(network));
  });
  if (both.length === 1) element("side-1").hidden = true;
  element("above-over").setAttribute("aria-label", `From above. ${pictureSaid(shown())}`);
}

for (const side of [0, 1]) element(`side-${side}-name`).addEventListener("click", () => focusOn(sides()[side]));

/** Say what has changed for those who do not see it. */
const say = afterwards(() => {
  element("spoken-picture").textContent = sides()
    .map((network) => `${sideName(network)}: ${percentText(flowOf(network)?.crossing)} of the strength crosses`)
    .concat(epochShown() === null ? [] : [`epoch ${epochText(epochShown())}`])
    .concat(state.module === NONE ? [] : [`module ${shown().tasks[state.module]}`])
    .join("; ");
}, 400);
