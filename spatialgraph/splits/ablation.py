"""The split by ablation: a neuron belongs to the task that it affects most when it is disabled."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..faults import NotApplicableError
from ..graph.graph import BoolArray, Graph, IntArray
from ..graph.split import Split
from ..notes import Note
from ..runners.runner import Runner
from .counting import note_on_units
from .method import Counted, split_method
from .strengths import with_given

_SUFFERS = {"loss": "loss", "accuracy": "error"}


def _effects(
    graph: Graph, runner: Runner, ablation: str = "mean", measure: Literal["loss", "accuracy"] = "loss"
) -> Counted:
    effects = runner.single_ablation(ablation)
    if measure == "loss":
        return Counted("rise of each task's loss without it, in nats", effects.loss_increase)
    return Counted("drop of each task's accuracy without it", effects.accuracy_drop)


@split_method("ablation", sees="activations", counts=_effects)
def ablation_split(
    graph: Graph,
    runner: Runner,
    ablation: str = "mean",
    measure: Literal["loss", "accuracy"] = "loss",
    *,
    signed: bool = False,
) -> Split:
    """Give each neuron to the task whose loss changes most when that neuron alone is disabled.

    g(n) = argmax_t |L_t without n − L_t|,  L_t the cross-entropy of task t in nats; every neuron is disabled in turn,
    exactly; see `spatialgraph.runners.single.single_ablation`. Outputs have the tasks that they belong to.

    The size of the change counts, not its sign. Trained networks are overconfident, so that a task's loss on held-out
    examples often falls without a neuron that it uses; by the largest increase, that neuron would go to the task that
    needs it least. On the paper's regular networks with concatenated inputs (5 seeds, activation = 0), tasks keep an
    accuracy of 0.90 with the neurons that change their loss most, 0.69 with as many random neurons, and 0.32 with the
    neurons that increase it most, while 0.84 is left without the latter.

    A disabled neuron emits its mean by default. It may seldom or never emit 0, or its activation without input: such
    values shift the sums of the next layer by a constant, and the neurons with the largest constants then seem to
    matter most. The mean keeps these sums as they are on average, so that only the neuron's information about single
    examples is lost.

    Changes are compared in nats, without scaling, because a nat is as much information about one task's answer as about
    another's. Relative to the tasks' losses, a task that is solved perfectly would get every neuron. Losses are
    compared rather than accuracies, because disabling one neuron leaves most accuracies the same or nearly so.

    It cannot see joint effects of several neurons: if two neurons do the same, disabling one has no effect. A neuron
    whose removal changes nothing serves no task; such neurons, and neurons that go to a task that does no worse without
    them, are counted in notes.

    Args:
        graph: the graph.
        runner: runs the network on the examples that losses are measured on.
        ablation: the constant that a disabled neuron emits, one of `spatialgraph.runners.ABLATIONS`.
        measure: the quantity compared: the ``"loss"`` or the ``"accuracy"``; of equal tasks the first is taken, which
            is noted.
        signed: whether to take the largest increase of the loss (or drop of the accuracy), even if it is negative, in
            place of the largest change.

    Raises:
        NotApplicableError: a task has no labelled example.
        ValueError: there is no such ablation or measure.
    """
    if measure not in _SUFFERS:
        raise ValueError(f"measure: expected one of {', '.join(_SUFFERS)}, found {measure!r}")
    for task, labelled in zip(graph.tasks, runner.labelled.T, strict=False):
        if not labelled.any():
            raise NotApplicableError(f"split 'ablation': expected examples labelled for task {task!r}, found none")
    labels, notes = {}, list[Note]()
    for k, increase in _effects(graph, runner, ablation, measure).values.items():
        free = graph.task_of[k] < 0
        labels[k] = np.full(len(free), -1)
        labels[k][free], odd = _most_affected(increase[free], signed=signed)
        for code, which in odd.items():
            if which.any():
                more = {} if code == "no-effect" else {"measure": _SUFFERS[measure]}
                notes.append(note_on_units(code, graph, k, np.count_nonzero(which), of=len(which), **more))
    return Split.from_labels("ablation", with_given(graph, labels), len(graph.tasks), notes)


def _most_affected(increase: NDArray[np.float64], *, signed: bool) -> tuple[IntArray, dict[str, BoolArray]]:
    """Return the task of each neuron of a layer, ``(units,)``, -1 for none; and the odd neurons by the code of a note.

    Args:
        increase: ``(units, tasks)``.
        signed: whether the largest increase decides, and not the largest change.
    """
    effect = increase if signed else np.abs(increase)
    task = effect.argmax(axis=1)
    without_effect = (increase == 0).all(axis=1)
    odd = {
        "no-effect": without_effect,
        "harmful": (np.take_along_axis(increase, task[:, None], axis=1)[:, 0] <= 0) & ~without_effect,
        "tied-effects": ((effect == effect.max(axis=1)[:, None]).sum(axis=1) > 1) & ~without_effect,
    }
    return np.where(without_effect, -1, task).astype(np.int64), odd
