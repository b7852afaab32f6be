"""The terms of the page, each explained in a sentence or two where it is used and in the glossary."""

from __future__ import annotations

TERMS: dict[str, tuple[str, str]] = {
    "ablation": (
        "Ablation",
        "What a disabled neuron does. Its activation is set to 0; or its incoming weights, so that it goes on "
        "emitting what its bias makes; or its activation is held at its mean. The choice can change the "
        "conclusion.",
    ),
    "accuracy": (
        "Accuracy of the split network",
        "The share of held-out examples of a task that are answered rightly, with the neurons of the task's "
        "module alone.",
    ),
    "accuracy-drop": (
        "Accuracy drop",
        "The accuracy that a task loses when only the neurons of its own module are left: 0 means that the module "
        "does all of the task's work.",
    ),
    "adjusted-rand": (
        "Adjusted Rand index",
        "How far two splits agree on which pairs of neurons belong together: 1 if they are the same, 0 on average "
        "by chance.",
    ),
    "cut": (
        "Cut, strength that crosses",
        "The share of the strength of all connections between the split layers that runs between different "
        "modules, 0 to 1. It is computed from every connection, not from those that are drawn alone.",
    ),
    "degenerate": (
        "Degenerate split (†)",
        "A split that is no division into task modules: a task has hardly any neuron, or not its outputs, or "
        "nearly all neurons serve every task. It is left out of all comparisons.",
    ),
    "layout": (
        "Layout",
        "Where neurons are drawn. By their connections: neurons with common partners lie near each other, by the "
        "two leading eigenvectors of the strengths beyond expectation, as ranks; the split is never looked at. At "
        "learned positions: where training put them. In their order: as the layer counts them.",
    ),
    "leaked-accuracy": (
        "Accuracy with the other tasks' neurons",
        "The accuracy of a task without the neurons of its own module: what is known of it elsewhere.",
    ),
    "lesion": (
        "Lesion",
        "Neurons are disabled, and each task is asked what it still can do. Beside it stand random lesions of "
        "equally many neurons.",
    ),
    "modularity": (
        "Modularity",
        "How much more of the strength lies within modules than expected from the strengths of the neurons alone "
        "(Newman & Girvan 2004): 0 for none. Sparse networks and networks in space have much of it without any "
        "function.",
    ),
    "module": (
        "Module",
        "The neurons that a split method gives to one task. Whether they do what the task needs is what is measured.",
    ),
    "null": (
        "Null model",
        "Networks that chance makes with the same sizes, weights or strengths as this one; or random splits with "
        "as many neurons in each module. What is found in a trained network is worth what it exceeds them by.",
    ),
    "p": (
        "p",
        "How often chance does as well: of m draws, (b + 1) / (m + 1), where b do at least as well. A corrected p "
        "counts how many comparisons were made.",
    ),
    "selectivity": (
        "Selectivity",
        "The share of a neuron's task variance that one task's input makes (Yang et al. 2019). Its input varies "
        "while that of the others is held: 100 % if the neuron answers to that task alone.",
    ),
    "split": (
        "Split method",
        "A rule that gives every neuron of the split layers to a task, from the weights, the activations or the "
        "positions.",
    ),
    "strength": (
        "Strength",
        "The size of a connection: the absolute weight. Of a neuron, the sum over its connections.",
    ),
    "z": (
        "z",
        "How many standard deviations of the draws of a null model lie between their mean and the network.",
    ),
}
"""Each term's heading and explanation, by the key that the page names it by."""
