"""A traced program under masks: only the part that changes is run, for many masks at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.fx import Node
from torch.utils import _pytree as pytree

from .program import Inputs, Program, first_examples
from .sites import Edit, Layout, RecurrentSite, Site

if TYPE_CHECKING:
    from .captured import Captured

Replacement = Callable[[Mapping[Node, Any]], Any]


@dataclass(frozen=True)
class Part:
    """The part of a program that changes if some populations do.

    Attributes:
        before: the operators that lead to what it starts from.
        starts: the values that it starts from.
        nodes: its operators.
    """

    before: tuple[Node, ...]
    starts: tuple[Node, ...]
    nodes: tuple[Node, ...]


class MaskedProgram:
    """The program of a captured model, with constants in place of what some units emit.

    Args:
        captured: the model.
        sample: some examples, on its device.

    Attributes:
        bytes: how many bytes the values of one example take while the program runs.
        populations: the numbers of the populations that units emit in the program; outputs are read off it.

    Raises:
        ValueError: the examples do not lie along one dimension of what units emit.
    """

    def __init__(self, captured: Captured, sample: Inputs) -> None:
        self.captured, self.program = captured, captured.program
        self._numbers = tuple(n for n in self.program.nodes if isinstance(n.meta.get("val"), int | torch.SymInt))
        self._count = self.program.batch or 2
        self._sample = first_examples(sample, self._count)
        self._layouts, self.bytes = self._measure(sample)
        self._sites = self._placed_sites()
        self._parts: dict[tuple[frozenset[int], frozenset[Node]], Part] = {}

    @property
    def populations(self) -> tuple[int, ...]:
        """The numbers of the populations whose units emit in the program."""
        return tuple(sorted(self._sites))

    def _measure(self, sample: Inputs) -> tuple[dict[Node, Any], float]:
        """Return how the examples lie in every value, and how many bytes the values of one example take."""
        counts = [self._count] if self.program.batch else [2, 3]
        measured = [_shapes(self.program, first_examples(sample, count)) for count in counts]
        shapes = [of for of, _ in measured]
        layouts = {node: _layout([of[node] for of in shapes], counts) for node in shapes[0]}
        return layouts, measured[-1][1] / counts[-1]

    def _placed_sites(self) -> dict[int, Site | tuple[RecurrentSite, int]]:
        """Return where the units of each population emit: population number to the place in the program."""
        sites: dict[int, Site | tuple[RecurrentSite, int]] = {}
        at: dict[Node, list[int]] = {}
        for k, found in enumerate(self.captured.found):
            if found.index.numel():
                at.setdefault(found.node, []).append(k)
        for node, populations in at.items():
            here, layout = [self.captured.found[k] for k in populations], self._layouts[node]
            if here[0].unit == "state" and isinstance(layout, list):
                recurrent = RecurrentSite(here, self.captured.device)
                sites |= {k: (recurrent, number) for number, k in enumerate(populations)}
            elif isinstance(layout, Layout):
                sites |= {k: Site(f, layout, self.captured.device) for k, f in zip(populations, here, strict=True)}
            else:
                raise ValueError(
                    f"model: expected examples along one dimension of what {here[0].name!r} emits, found another shape"
                )
        return sites

    # What changes

    def part(self, changed: frozenset[int], operators: frozenset[Node] = frozenset()) -> Part:
        """Return the part of the program that changes if some populations do, or some operators."""
        if (changed, operators) not in self._parts:
            self._parts[changed, operators] = self._find_part(changed, operators)
        return self._parts[changed, operators]

    def _find_part(self, changed: frozenset[int], operators: frozenset[Node]) -> Part:
        program = self.program
        sites = {self.captured.found[k].node for k in changed}
        again = operators | {self.captured.found[k].node for k in changed if isinstance(self._sites[k], tuple)}
        after: set[Node] = set()
        for node in program.nodes:
            if node in again or any(used in after or used in sites for used in node.all_input_nodes):
                after.add(node)
        needed = leading_to(program.outputs)
        nodes = tuple(n for n in program.nodes if n in after and n in needed and n not in self._numbers)
        wanted = dict.fromkeys([*program.outputs, *(used for node in nodes for used in node.all_input_nodes)])
        elsewhere = {*nodes, *program.fixed, *self._numbers}
        starts = tuple(node for node in wanted if node not in elsewhere)
        before = leading_to(starts)
        return Part(tuple(node for node in program.nodes if node in before), starts, nodes)

    def start(self, part: Part, inputs: Inputs) -> dict[Node, Any]:
        """Run what leads to a part, and return the values that it starts from."""
        return self.program.run(self.program.leaves(inputs), part.before, set(part.starts))

    def outputs(
        self,
        part: Part,
        starts: Mapping[Node, Any],
        inputs: Inputs,
        edits: Mapping[int, Edit],
        masks: int,
        instead: Mapping[Node, Replacement] | None = None,
    ) -> Tensor:
        """Return the outputs of all heads under some masks.

        Args:
            part: the part of the program that changes.
            starts: what `start` returned.
            inputs: the inputs, of which the numbers of examples are taken.
            edits: population number to what replaces its emissions.
            masks: how many masks they are of.
            instead: functions that are called in place of other operators.

        Returns:
            ``(masks × places, outputs)``, all places under the first mask first.
        """
        values = {node: _repeated(self._layouts.get(node), value, masks) for node, value in starts.items()}
        values |= self._sizes(inputs, masks)
        replacements = self._instead(edits, values) | dict(instead or {})
        wanted = self.program.outputs
        ended = self.program.run(values, part.nodes, set(wanted), replacements)
        return torch.cat([head.columns(ended[wanted[head.place]]) for head in self.captured.heads], dim=1)

    def _instead(self, edits: Mapping[int, Edit], values: dict[Node, Any]) -> dict[Node, Replacement]:
        """Return what is run in place of the operators whose units are masked; values that are there are replaced."""
        instead: dict[Node, Replacement] = {}
        recurrent: dict[Node, dict[int, Edit]] = {}
        for k, edit in edits.items():
            site, node = self._sites[k], self.captured.found[k].node
            if isinstance(site, tuple):
                recurrent.setdefault(node, {})[site[1]] = edit
                instead[node] = self._recurring(node, site[0], recurrent[node])
            elif node in values:
                values[node] = site.replaced(values[node], edit)
            else:
                instead[node] = self._replacing(node, site, edit)
        return instead

    def _replacing(self, node: Node, site: Site, edit: Edit) -> Replacement:
        return lambda values: site.replaced(self.program.value_of(node, values), edit)

    def _recurring(self, node: Node, site: RecurrentSite, edits: Mapping[int, Edit]) -> Replacement:
        return lambda values: site.replaced(site.recurrence(self.program, node, values), edits)

    def _sizes(self, inputs: Inputs, masks: int) -> dict[Node, Any]:
        """Return the numbers in the program that depend on how many examples there are."""
        if not self._numbers or not masks:
            return {}
        leaves = {
            node: _repeated(self._layouts.get(node), leaf.to("meta"), masks) if isinstance(leaf, Tensor) else leaf
            for node, leaf in self.program.leaves(inputs).items()
        }
        return self.program.run(leaves, self._numbers, set(self._numbers))

    # What units emit

    def emissions(self, inputs: Inputs, populations: Iterable[int]) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Yield what the units of some populations emit.

        Yields:
            the number of the population; ``(examples, *places)``; and ``(*places)``, the element that each number is,
            -1 for those of no unit.
        """
        wanted, program = set(populations), self.program
        values: dict[Node, Any] = program.leaves(inputs)
        for node in list(values):
            yield from self._emitted_at(node, wanted, values)
        for node in program.steps(values, program.nodes, ()):
            yield from self._emitted_at(node, wanted, values)

    def _emitted_at(
        self, node: Node, wanted: set[int], values: Mapping[Node, Any]
    ) -> Iterator[tuple[int, Tensor, Tensor]]:
        populations = [k for k in self._at.get(node, ()) if k in wanted]
        states: Sequence[Tensor] = ()
        for k in populations:
            site = self._sites[k]
            if isinstance(site, tuple):
                states = states or site[0].recurrence(self.program, node, values).states()
                state = states[site[1]].transpose(0, 1)
                yield k, state, site[0].units[site[1]].expand(state.shape[1:])
            else:
                yield k, site.emitted(values[node]), torch.where(site.there, site.element, -1)

    @cached_property
    def _at(self) -> dict[Node, list[int]]:
        """The populations whose units each operator emits."""
        at: dict[Node, list[int]] = {}
        for k in self._sites:
            at.setdefault(self.captured.found[k].node, []).append(k)
        return at

    def elements(self, k: int, of_element: Tensor) -> Tensor:
        """Return a number for each element of a population at the places where it is emitted, for `Edit.constant`."""
        site = self._sites[k]
        return of_element if isinstance(site, tuple) else of_element[site.element]

    @cached_property
    def without_inputs(self) -> tuple[dict[int, Tensor], Tensor]:
        """What units emit if everything that enters them is 0 but their biases, as `Edit.constant`; and the outputs."""
        program = self.program
        values = {n: _blank(v) if isinstance(v, Tensor) else v for n, v in program.leaves(self._sample).items()}
        constants = {k: _blank(values[node][:1]).flatten()[:1].sum() for node in values for k in self._at.get(node, ())}
        outputs: dict[Node, Tensor] = {}
        with torch.no_grad():
            for node in program.steps(values, program.nodes, set(program.outputs)):
                if node in program.outputs:
                    outputs[node] = values[node]
                if node in self._at:
                    constants |= {k: self._alone(k, node, values) for k in self._at[node]}
                    values[node] = pytree.tree_map(torch.zeros_like, values[node])
        heads = [head.columns(outputs[program.outputs[head.place]]) for head in self.captured.heads]
        return constants, torch.cat([h[: len(h) // self._count].float().mean(dim=0) for h in heads]).cpu()

    def _alone(self, k: int, node: Node, values: Mapping[Node, Any]) -> Tensor:
        """Return what the units of a population emit in the first example, at its places."""
        site = self._sites[k]
        if isinstance(site, tuple):
            recurrence = site[0].recurrence(self.program, node, values).without_connections()
            return recurrence.states()[site[1]][:, 0]
        emitted = site.emitted(values[node])[0]
        return torch.zeros_like(emitted) if self.captured.found[k].is_input else emitted


def _shapes(program: Program, inputs: Inputs) -> tuple[dict[Node, Any], float]:
    """Return the shape of every value, a list for several; and the most bytes that values take at a time."""
    values: dict[Node, Any] = program.leaves(inputs)
    shapes = {node: _shape(value) for node, value in values.items()}
    most = 0
    with torch.no_grad():
        for node in program.steps(values, program.nodes, ()):
            shapes[node] = _shape(values[node])
            tensors = (leaf for leaf in pytree.tree_leaves(list(values.values())) if isinstance(leaf, Tensor))
            most = max(most, sum(tensor.nbytes for tensor in tensors))
    return shapes, most


def _shape(value: Any) -> Any:
    if isinstance(value, Tensor):
        return tuple(value.shape)
    return [_shape(part) for part in value] if isinstance(value, tuple | list) else None


def _layout(shapes: Sequence[Any], counts: Sequence[int]) -> Any:
    """Return how the examples lie in a value, by its shapes for some numbers of examples; None if it is the same.

    A program that is traced for one number of examples has them along the first dimension.
    """
    first = shapes[0]
    if isinstance(first, list):
        return [_layout(parts, counts) for parts in zip(*shapes, strict=True)]
    if not first:
        return None
    if len(shapes) == 1:
        return Layout(0, first[0] // counts[0]) if first[0] % counts[0] == 0 else None
    differs = [axis for axis, (one, other) in enumerate(zip(*shapes, strict=True)) if one != other]
    if len(differs) != 1 or first[differs[0]] % counts[0]:
        return None
    return Layout(differs[0], first[differs[0]] // counts[0])


def _repeated(layout: Any, value: Any, masks: int) -> Any:
    """Return a value for all examples under each mask, one mask after the other."""
    if isinstance(layout, list):
        return [_repeated(at, part, masks) for at, part in zip(layout, value, strict=True)]
    return value if layout is None or masks == 1 else torch.cat([value] * masks, dim=layout.axis)


def leading_to(ends: Iterable[Node]) -> set[Node]:
    """Return some operators, and all whose results they use."""
    found: set[Node] = set()
    waiting = list(ends)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += node.all_input_nodes
    return found


def _blank(value: Tensor) -> Tensor:
    return torch.zeros_like(value) if value.dtype.is_floating_point else value
