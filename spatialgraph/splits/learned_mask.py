"""The split by learned masks: for each task, the units that it cannot do without, found by gradient descent."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..faults import NotApplicableError
from ..graph.graph import BoolArray, FloatArray, Graph, IntArray
from ..graph.split import Split
from ..notes import Note
from ..runners.runner import LEARNED, Runner, require_ablation
from .counting import hidden_word, note_on_units
from .method import split_method

Number = TypeVar("Number", np.float32, np.bool_)

_START = 2.0
"""The logit that masks start from, as in the source: each unit is kept with probability 0.88."""

_BATCH = 128
_RATE = 0.1
"""The learning rate of the first step; it falls to 0 along a line, so that masks settle."""

_TOLERANCE = 0.05
"""Accuracy, 0 to 1: a task that loses more with the units that serve it is noted."""


@split_method("learned-mask", sees="activations")
def learned_mask(
    graph: Graph,
    runner: Runner,
    seed: int,
    over: Literal["units", "weights"] = "units",
    sparsity: float = 0.5,
    steps: int = 300,
    ablation: str = "zero",
) -> Split:
    """Give each task the neurons that a mask learned for it keeps: a neuron may serve several tasks, or none.

    "Are Neural Nets Modular? Inspecting Functional Modularity Through Differentiable Weight Masks", Csordás, van
    Steenkiste & Schmidhuber 2021, arXiv 2010.02066. The network stays as it is. For each task, a logit l_n for each of
    N neurons is learned by Adam to minimise

        E[L(m)] + sparsity · mean_n p_n,      p_n = σ(l_n),      m_n = 1 with probability p_n, else 0,

    L(m) the cross-entropy of the task in nats if the neurons with m_n = 0 are disabled. A mask is drawn for each batch
    of 128 examples, m_n = [l_n + ε_n > 0] with logistic noise ε (a binary concrete variable at temperature 1); forwards
    the network sees m, backwards the derivative is that of σ(l_n + ε_n) ("straight through"). In the end a neuron is
    kept where p_n > ½.

    Two things differ from the source. It learns masks of weights and biases, and penalises the sum of the logits. The
    mean of the probabilities has a unit: a mask that keeps all costs `sparsity` nats, so that a neuron is kept if the
    task loses more than sparsity / N nats without it, given the others that are kept; whatever the size of the network.

    The default is the largest price, of those from 0 to 10 that were tried, which costs no accuracy: 18 networks of the
    paper's Table 1 lose 0.000 on average at 0.5, 0.002 at 1, 0.006 at 2, 0.031 at 5, and keep 22, 19, 16 and 13 % of
    the neurons for each task. Over weights, 2 costs nothing and 0.5 keeps nearly all neurons.

    How many neurons tasks share is therefore a matter of the price, and says nothing by itself: random networks share
    two thirds of their neurons at 0.5 and hardly any at 2. Masks are small sets that do the task, and there may be
    others: of several neurons that do the same, one is kept, and in trained networks half of all or more are in no
    mask. So it cannot say that a neuron which serves no task is not used, nor that tasks with different masks have
    modules: see whether a task can be done with the others' masks (``leaked-accuracy``). Masks fit the ablation that
    they are learned under, and may cost much accuracy under another. It cannot do without gradients of the network.

    Over weights, all weights that enter or leave split layers are masked, biases are not. A neuron serves a task if the
    task's mask keeps any weight that enters it and any that leaves it: without the former it is a constant, without the
    latter nothing depends on it. Longer detours need no rule: a weight on a path that ends nowhere is not worth its
    price, and is not kept. Where two units are connected by several numbers, such as the taps of a kernel, the mask has
    one value for all of them; two units whose weight is 0 have none. Connections without weights, such as identity
    shortcuts, are not masked: what enters their source enters their target, and what leaves their target leaves their
    source.

    Args:
        graph: the graph.
        runner: runs the network, and computes gradients.
        seed: determines batches and masks that are drawn.
        over: the parts of the network that are masked: ``"units"`` or ``"weights"``.
        sparsity: the price in nats of a mask that keeps everything, at least 0.
        steps: how many steps of gradient descent there are for each task, at least 1.
        ablation: the constant that disabled neurons emit, one of `spatialgraph.runners.ABLATIONS`; no matter over
            weights.

    Raises:
        NotApplicableError: a task has no labelled example, the runner computes no gradients, or a connection has no
            weights that can be told apart from those of others (`Runner.maskable`).
        ValueError: an argument is outside its range.
    """
    _require_arguments(over, sparsity, steps, ablation)
    for name, labelled in zip(graph.tasks, runner.labelled.T, strict=True):
        if not labelled.any():
            raise NotApplicableError(f"split 'learned-mask': expected examples labelled for task {name!r}, found none")
    members, notes = list[dict[int, BoolArray]](), list[Note]()
    for task in range(len(graph.tasks)):
        masked = _Units(graph, runner, task, ablation) if over == "units" else _Weights(graph, runner, task)
        examples, draw = np.flatnonzero(runner.labelled[:, task]), np.random.default_rng([seed, task])
        members.append(masked.serving(_learn(masked, examples, draw, sparsity, steps)))
        notes += _odd_mask(graph, runner, task, members[task], ablation)
    membership = {}
    for k in graph.split_populations:
        given, own = graph.task_of[k][:, None], np.stack([of_task[k] for of_task in members], axis=1)
        membership[k] = np.where(given < 0, own, given == np.arange(len(graph.tasks)))
        notes += _odd_units(graph, k, membership[k])
    return Split("learned-mask", membership, tuple(notes))


def _require_arguments(over: str, sparsity: float, steps: int, ablation: str) -> None:
    """Raise ValueError unless the arguments of `learned_mask` are in their ranges."""
    require_ablation(ablation)
    if over not in ("units", "weights"):
        raise ValueError(f"over of split 'learned-mask': expected one of units, weights, found {over!r}")
    if not (math.isfinite(sparsity) and sparsity >= 0):
        raise ValueError(f"sparsity of split 'learned-mask': expected a number of at least 0, found {sparsity}")
    if steps < 1:
        raise ValueError(f"steps of split 'learned-mask': expected at least 1, found {steps}")


class _Masked(ABC):
    """The parts of a network that a mask is learned for, and one task.

    Attributes:
        size: how many parts there are.
    """

    size: int

    @abstractmethod
    def slope(self, mask: FloatArray, examples: IntArray) -> FloatArray:
        """Return the gradient of the task's loss on some examples with respect to a mask, both ``(parts,)``."""

    @abstractmethod
    def serving(self, kept: BoolArray) -> dict[int, BoolArray]:
        """Return which units of the split populations serve the task, ``(units,)``, if some parts are kept."""


class _Units(_Masked):
    """The units of the split populations that are not outputs."""

    def __init__(self, graph: Graph, runner: Runner, task: int, ablation: str) -> None:
        self._runner, self._task, self._ablation = runner, task, ablation
        self._sizes = {k: graph.populations[k].size for k in graph.split_populations}
        self._free = {k: np.flatnonzero(graph.task_of[k] < 0) for k in graph.split_populations}
        self._free = {k: units for k, units in self._free.items() if len(units)}
        self.size = sum(map(len, self._free.values()))

    def slope(self, mask: FloatArray, examples: IntArray) -> FloatArray:
        keep = self._by_population(mask, list(self._free))
        _, slopes = self._runner.mask_gradient(keep, self._task, examples, self._ablation)
        return np.concatenate([slopes[k][units] for k, units in self._free.items()])

    def serving(self, kept: BoolArray) -> dict[int, BoolArray]:
        return self._by_population(kept, list(self._sizes))

    def _by_population(self, values: NDArray[Number], populations: Iterable[int]) -> dict[int, NDArray[Number]]:
        """Return values as population number to ``(units,)``, 1 for the outputs."""
        result, start = {k: np.ones(self._sizes[k], values.dtype) for k in populations}, 0
        for k, units in self._free.items():
            result[k][units] = values[start : (start := start + len(units))]
        return result


class _Weights(_Masked):
    """The weights of all connections that enter or leave a split population; between units without any is no part."""

    def __init__(self, graph: Graph, runner: Runner, task: int) -> None:
        self._graph, self._runner, self._task = graph, runner, task
        split = set(graph.split_populations)
        ends = [n for n, c in enumerate(graph.connections) if {c.source, c.target} & split]
        masked = runner.maskable(ends)  # which may refuse, and is faster than the weights
        there = {n: graph.connections[n].weight != 0 for n in ends}
        self._there = {n: there[n] for n in masked}
        self._passing = {n: there[n] for n in ends if n not in masked}
        self.size = sum(map(np.count_nonzero, self._there.values()))

    def slope(self, mask: FloatArray, examples: IntArray) -> FloatArray:
        _, slopes = self._runner.weight_mask_gradient(self._by_connection(mask), self._task, examples)
        return np.concatenate([slopes[number][there] for number, there in self._there.items()])

    def serving(self, kept: BoolArray) -> dict[int, BoolArray]:
        graph = self._graph
        entered, left = ({k: np.zeros(graph.populations[k].size, bool) for k in graph.split_populations} for _ in "io")
        for k in entered:
            # Units that no connection enters, such as those of an input, need none.
            entered[k][:] = all(graph.connections[number].target != k for number in (*self._there, *self._passing))
            left[k][:] = graph.task_of[k] == self._task
        for number, mask in self._by_connection(kept).items():
            source, target = graph.connections[number].source, graph.connections[number].target
            if target in entered:
                entered[target] |= mask.any(axis=1)
            if source in left:
                left[source] |= mask.any(axis=0)
        self._pass_on(entered, left)
        return {k: entered[k] & left[k] for k in entered}

    def _pass_on(self, entered: dict[int, BoolArray], left: dict[int, BoolArray]) -> None:
        """Let connections without weights pass on what enters their sources, and what leaves their targets."""
        # As often as there are populations, since there may be cycles.
        for _ in self._passing and self._graph.populations:
            for number, there in self._passing.items():
                source, target = self._graph.connections[number].source, self._graph.connections[number].target
                if target in entered:
                    entered[target] |= there[:, entered[source]].any(axis=1) if source in entered else there.any(axis=1)
                if source in left:
                    left[source] |= there[left[target]].any(axis=0) if target in left else there.any(axis=0)

    def _by_connection(self, values: NDArray[Number]) -> dict[int, NDArray[Number]]:
        """Return values as number of a connection to ``(target units, source units)``, 0 between units without any."""
        result, start = {}, 0
        for number, there in self._there.items():
            result[number] = np.zeros(there.shape, values.dtype)
            result[number][there] = values[start : (start := start + int(np.count_nonzero(there)))]
        return result


def _learn(masked: _Masked, examples: IntArray, draw: np.random.Generator, sparsity: float, steps: int) -> BoolArray:
    """Learn a mask, see `learned_mask`, by Adam ("Adam", Kingma & Ba 2015, arXiv 1412.6980) with its usual constants.

    Args:
        masked: what is masked.
        examples: the numbers of those labelled for the task.
        draw: draws batches, with replacement, and masks.
        sparsity: the price of a mask that keeps everything.
        steps: how many there are.

    Returns:
        ``(parts,)``, whether each is kept.
    """
    logits = np.full(masked.size, _START, np.float32)
    mean, square = np.zeros_like(logits), np.zeros_like(logits)
    for step in range(steps if masked.size else 0):
        batch = examples[draw.integers(len(examples), size=_BATCH)]
        noisy = logits + draw.logistic(size=masked.size).astype(np.float32)
        slope = masked.slope((noisy > 0).astype(np.float32), batch) * _sigmoid_slope(noisy)
        slope += sparsity / masked.size * _sigmoid_slope(logits)
        mean += (1 - 0.9) * (slope - mean)
        square += (1 - 0.999) * (slope**2 - square)
        size = np.sqrt(square / (1 - 0.999 ** (step + 1))) + 1e-8
        logits -= _RATE * (1 - step / steps) * mean / (1 - 0.9 ** (step + 1)) / size
    return logits > 0


def _sigmoid_slope(logits: FloatArray) -> FloatArray:
    """Return σ'(l) = σ(l) (1 − σ(l)) = (1 − tanh²(l / 2)) / 4, which cannot overflow."""
    tanh: FloatArray = np.tanh(0.5 * logits)
    return 0.25 * (1 - tanh * tanh)


def _odd_mask(
    graph: Graph, runner: Runner, task: int, serving: Mapping[int, BoolArray], ablation: str
) -> Iterator[Note]:
    """Yield what is odd about the units that serve a task by its mask."""
    name, full, guessed = graph.tasks[task], float(runner.full[task]), float(runner.guessed[task])
    if full - guessed <= LEARNED * (1 - guessed):
        yield Note("mask-of-nothing", {"task": name, "accuracy": full, "guessed": guessed})
    free = np.concatenate([serving[k][graph.task_of[k] < 0] for k in graph.split_populations])
    if len(free) and (free.all() or not free.any()):
        word = {"task": name, "of": len(free), "units": hidden_word(graph)}
        yield Note("mask-of-all" if free.all() else "mask-of-none", word)
    mask = {k: np.where(graph.task_of[k] < 0, keep, graph.task_of[k] == task) for k, keep in serving.items()}
    drop = full - float(runner.accuracy([mask], ablation)[0, task])
    if drop > _TOLERANCE:
        yield Note("mask-costs", {"task": name, "drop": drop, "limit": _TOLERANCE})


def _odd_units(graph: Graph, population: int, members: BoolArray) -> Iterator[Note]:
    """Yield how many units of a population that are not outputs are in several masks, and in none."""
    free = members[graph.task_of[population] < 0]
    for code, odd in (("shared", free.sum(axis=1) > 1), ("in-no-mask", ~free.any(axis=1))):
        if odd.any():
            yield note_on_units(code, graph, population, np.count_nonzero(odd), of=len(free))
