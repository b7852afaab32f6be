"""The split by ablation: a neuron belongs to the task that misses it most."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..ablation import single_ablation
from ..network import Evaluation, IntArray, Network, NotApplicableError
from .split import Split, split_method

_SUFFERS = {"loss": "loss", "accuracy": "error"}


@split_method("ablation", sees="activations")
def ablation_split(
    network: Network, evaluation: Evaluation, ablation: str = "mean", measure: Literal["loss", "accuracy"] = "loss"
) -> Split:
    """Give each neuron to the task whose loss increases most when that neuron alone is disabled.

    g(n) = argmax_t [L_t without n − L_t],  L_t the cross-entropy of task t in nats; every neuron is disabled in turn,
    exactly; see `spatialgraph.ablation.single_ablation`. Outputs have the tasks that they belong to.

    A disabled neuron emits its mean by default. 0, or what it emits without input, are values that it may seldom or
    never have: they shift the sums of the next layer by a constant, and the neurons that are missed most are then those
    with the largest constant. The mean leaves these sums as they are on average, so that what is missed is what the
    neuron knows of an example.

    Increases are compared as they are, in nats, for a nat is as much information about one task's answer as about
    another's. Relative to the tasks' losses, a task that is solved without fault would get every neuron. Losses and not
    accuracies, because the accuracies of most tasks are the same to the last example without most neurons.

    It cannot see what several neurons do together: of two that do the same neither is missed. A neuron without which
    nothing changes serves no task. One without which every task does better, or as well, still goes to the task with
    the largest increase: that which gains least. Both are noted.

    Args:
        network: the network.
        evaluation: the examples that losses are measured on.
        ablation: what a disabled neuron emits, one of `spatialgraph.ablation.ABLATIONS`.
        measure: what is compared: the increase of the ``"loss"``, or the drop of the ``"accuracy"``; of equal tasks the
            first is taken, which is noted.

    Raises:
        NotApplicableError: the network cannot be run, or a task has no labelled example.
        ValueError: the evaluation does not fit the network, or there is no such ablation or measure.
    """
    if measure not in _SUFFERS:
        raise ValueError(f"measure: expected one of {', '.join(_SUFFERS)}, found {measure!r}")
    for task, labelled in zip(network.tasks, (evaluation.labels >= 0).T, strict=False):
        if not labelled.any():
            raise NotApplicableError(f"split 'ablation': expected examples labelled for task {task!r}, found none")
    found = single_ablation(network, evaluation, ablation)
    labels, notes = {}, []
    for k, increase in (found.loss_increase if measure == "loss" else found.accuracy_drop).items():
        labels[k], noted = _most_missed(increase, _SUFFERS[measure])
        notes += [f"{network.layers[k].name}: {note}" for note in noted]
    if network.output_layer in network.split_layers:
        labels[network.output_layer] = network.output_task
    return Split.from_labels("ablation", labels, len(network.tasks), tuple(notes))


def _most_missed(increase: NDArray[np.float64], word: str) -> tuple[IntArray, list[str]]:
    """Return the task of each neuron of a layer, ``(units,)``, -1 for none, and notes.

    Args:
        increase: ``(units, tasks)``.
        word: what increases.
    """
    largest = increase.max(axis=1)
    without_effect = (increase == 0).all(axis=1)
    unmissed = (largest <= 0) & ~without_effect
    tied = ((increase == largest[:, None]).sum(axis=1) > 1) & ~without_effect
    says = {
        "change nothing when they are disabled and serve no task": without_effect,
        f"are missed by no task: no {word} increases without them, and they go to the task that gains least": unmissed,
        f"are missed alike by several tasks ({word}) and go to the first of them": tied,
    }
    notes = [f"{np.count_nonzero(which)} of {len(which)} neurons {what}" for what, which in says.items() if which.any()]
    return np.where(without_effect, -1, increase.argmax(axis=1)).astype(np.int64), notes
