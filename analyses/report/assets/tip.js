// What appears beside the pointer: a neuron in short, and what a term means.

/** Show a neuron of a network beside the pointer. */
function hover(network, unit, x, y, canvas) {
  const tip = element("tooltip");
  change({ hovered: unit, hoveredIn: unit === NONE ? NONE : network.index });
  canvas.style.cursor = unit === NONE ? "" : "pointer";
  if (unit === NONE) {
    tip.hidden = true;
    return;
  }
  const label = labelsOf(network, state.method)[unit];
  const votes = new Map();
  for (const method of network.methods) {
    const said = labelsOf(network, method)[unit];
    votes.set(said, [...(votes.get(said) ?? []), method]);
  }
  const said = [...votes].sort((a, b) => b[1].length - a[1].length).map(([task, methods]) => {
    const few = methods.length <= 3 ? ` (${methods.join(", ")})` : "";
    return `${taskName(network, task)} ${methods.length}${few}`;
  });
  const selectivity = selectivityBars(network, unit);
  tip.replaceChildren(
    make("b", {}, dotOf(network, label), ` ${nameOf(network, unit)} · ${taskName(network, label)}`),
    quiet(aliveOf(network)[unit] ? TOWARDS : `hardly any input weight is left · ${TOWARDS}`),
    strengthBars(network, unit),
    ...(selectivity ? [quiet("selectivity: share of its task variance"), selectivity] : []),
    quiet(`methods: ${said.join(", ")}`),
  );
  const box = canvas.getBoundingClientRect();
  showTip(box.left + x + 16, box.top + y + 16, box.top + y - 12);
}

/** Show the tip with its corner at a point of the window, or where it has room: above the other height. */
function showTip(left, top, otherwise) {
  const tip = element("tooltip");
  tip.hidden = false;
  tip.style.left = `${Math.max(4, Math.min(left, innerWidth - tip.offsetWidth - 8))}px`;
  tip.style.top = `${Math.max(4, top + tip.offsetHeight > innerHeight - 8 ? otherwise - tip.offsetHeight : top)}px`;
}

/** Return a term that is explained where the pointer or the focus is on it; the glossary has the same words. */
function term(key, text) {
  return make("dfn", { class: "term", tabindex: 0, "data-term": key, "aria-describedby": `term-${key}` }, text);
}

function explain(event) {
  const found = event.target instanceof Element ? event.target.closest("[data-term]") : null;
  if (!found) return;
  const words = element(`term-${found.getAttribute("data-term")}`).textContent;
  element("tooltip").replaceChildren(make("span", { class: "explained" }, words));
  const box = found.getBoundingClientRect();
  showTip(box.left, box.bottom + 6, box.top - 6);
}

function hideTerm(event) {
  if (event.target instanceof Element && event.target.closest("[data-term]")) element("tooltip").hidden = true;
}

document.addEventListener("pointerover", explain);
document.addEventListener("focusin", explain);
document.addEventListener("pointerout", hideTerm);
document.addEventListener("focusout", hideTerm);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") element("tooltip").hidden = true;
});
