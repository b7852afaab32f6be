"""How well two splits of a network agree on which neurons belong together."""

from __future__ import annotations

import numpy as np

from .contingency import adjusted_rand, contingency, entropy
from .graph.graph import IntArray
from .graph.split import Split


def agreement(one: Split, other: Split) -> dict[str, float]:
    """Compare which neurons two splits put together, whatever the tasks are called.

    The class of a neuron is its community, if the split has communities, or else the set of tasks that it serves:
    neurons that serve the same set of tasks are together, and so are those of no community or task. All neurons of the
    split layers count equally, whichever their layer.

    Args:
        one: a split.
        other: a split of the same layers, for the same tasks or others.

    Returns:
        three measures, with H₁ and H₂ the entropies of the splits and I their mutual information.

        ``adjusted-rand``: the share of the pairs of neurons on which the splits agree, corrected for the share expected
        with classes of these sizes. 1 for equal splits, 0 by chance, at least −0.5. "Comparing partitions", Hubert &
        Arabie 1985, doi:10.1007/BF01908075.

        ``mutual-information``: 2 I / (H₁ + H₂), the shared information. From 0 to 1 for equal splits. Not adjusted:
        its value by chance grows with the number of classes. "Cluster ensembles", Strehl & Ghosh 2002, Journal of
        Machine Learning Research 3, with the arithmetic mean of the entropies.

        ``variation-of-information``: H₁ + H₂ − 2 I in nats, the information that is not shared. 0 for equal splits; a
        metric. "Comparing clusterings – an information based distance", Meilă 2007, doi:10.1016/j.jmva.2006.11.013.

    Raises:
        ValueError: the splits are not of the same neurons, or of none.

    Example:
        >>> one = Split.from_labels("one", {1: [0, 0, 1, 1]}, tasks=2)
        >>> agreement(one, Split.from_labels("renamed", {1: [1, 1, 0, 0]}, tasks=2))
        {'adjusted-rand': 1.0, 'mutual-information': 1.0, 'variation-of-information': 0.0}
        >>> agreement(one, Split.from_labels("across", {1: [0, 1, 0, 1]}, tasks=2))["adjusted-rand"]
        -0.5
    """
    have = [{k: len(members) for k, members in split.membership.items()} for split in (one, other)]
    if have[0] != have[1] or not have[0]:
        raise ValueError(
            f"agreement of splits {one.method!r} and {other.method!r}: expected as many neurons in the same layers, "
            f"found {have[0]} and {have[1]}"
        )
    table = contingency(_classes(one), _classes(other))
    own, others, both = (entropy(sizes) for sizes in (table.sum(axis=1), table.sum(axis=0), table.ravel()))
    mutual = max(own + others - both, 0.0)
    # Two splits with one class each have no entropy to share, and are equal.
    shared = 1.0 if own + others == 0 else min(2 * mutual / (own + others), 1.0)
    return {
        "adjusted-rand": adjusted_rand(table),
        "mutual-information": shared,
        "variation-of-information": max(2 * both - (own + others), 0.0),
    }


def _classes(split: Split) -> IntArray:
    """Return a number for the set of groups that each neuron is of, ``(neurons,)``."""
    members = np.packbits(np.concatenate(list(split.groups.values())), axis=1)
    # Rows of bytes as one item each: sets of any number of tasks, compared at once.
    sets = np.ascontiguousarray(members).view(f"V{members.shape[1]}").ravel()
    return np.unique(sets, return_inverse=True)[1].astype(np.int64)
