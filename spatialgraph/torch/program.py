"""A model as a program of ATen operators, traced by `torch.export`, that can be run from any place on."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind
from torch.fx import Node
from torch.utils import _pytree as pytree

from ..faults import shown

Inputs = Tensor | tuple[Any, ...] | dict[str, Any]
"""What a model is called with: one tensor, a tuple of positional arguments, or a dict of named ones. The first
dimension of every tensor is the examples."""


Instead = Mapping[Node, Callable[[Mapping[Node, Any]], Any]]
"""Operators, and functions of the values so far that are called in their place."""

_AS_IT_IS: Instead = MappingProxyType({})

# What leaves values of models that are not training as they are.
_UNCHANGED = ("aten.dropout.default", "aten.feature_dropout.default", "aten.alpha_dropout.default")

# Operators that consist of others, and return memory of their own.
_APART = {
    getattr(getattr(torch.ops.aten, name), overload)
    for names, overload in (("linear conv1d conv2d conv3d batch_norm", "default"), ("conv1d conv2d conv3d", "padding"))
    for name in names.split()
}


@dataclass(frozen=True, eq=False)
class Program:
    """A traced model.

    Attributes:
        nodes: its operators, in the order in which they run; inputs and parameters are none.
        fixed: the values of parameters, buffers and constants.
        inputs: the places of the inputs, in the order of their leaves.
        outputs: the values that it returns.
        names: of the outputs: the keys of a dict, else ``""``.
        batch: the number of examples that it runs on at a time; None for any number.
        in_spec: how the leaves make the arguments.
    """

    nodes: tuple[Node, ...]
    fixed: Mapping[Node, Any]
    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    names: tuple[str, ...]
    batch: int | None
    in_spec: Any = field(repr=False)

    def leaves(self, inputs: Inputs) -> dict[Node, Any]:
        """Return the value of each input of the program.

        Raises:
            ValueError: the inputs are others than the program was traced with.
        """
        values, spec = pytree.tree_flatten(_arguments(inputs))
        if spec != self.in_spec:
            known, found = (_described(pytree.tree_unflatten([0] * s.num_leaves, s)) for s in (self.in_spec, spec))
            raise ValueError(f"inputs: expected {known}, as the model was captured with, found {found}")
        for node, value in zip(self.inputs, values, strict=True):
            traced = node.meta.get("val")
            if isinstance(value, Tensor) and isinstance(traced, Tensor) and value.shape[1:] != _sizes(traced):
                expected, found = (", ".join(map(str, of)) for of in (_sizes(traced), value.shape[1:]))
                raise ValueError(f"inputs: expected shape (examples, {expected}), found (examples, {found})")
        return dict(zip(self.inputs, values, strict=True))

    def run(
        self, values: dict[Node, Any], nodes: Sequence[Node], keep: Collection[Node], instead: Instead = _AS_IT_IS
    ) -> dict[Node, Any]:
        """Run some operators and return the values of those to keep; others are forgotten after their last use.

        Args:
            values: the values of all that the operators use and that is not fixed; it is changed.
            nodes: the operators, in their order.
            keep: the operators whose values are wanted.
            instead: functions of the values so far that are called in place of operators.
        """
        for _ in self.steps(values, nodes, keep, instead):
            pass
        return {node: self.fixed[node] if node in self.fixed else values[node] for node in keep}

    def steps(
        self, values: dict[Node, Any], nodes: Sequence[Node], keep: Collection[Node], instead: Instead = _AS_IT_IS
    ) -> Iterator[Node]:
        """Run some operators, as `run` does; yield each after it has run."""
        last = {used: node for node in nodes for used in node.all_input_nodes}
        free: dict[Node, list[Node]] = {}
        for used, node in last.items():
            if used not in keep:
                free.setdefault(node, []).append(used)
        for node in nodes:
            values[node] = instead[node](values) if node in instead else self.value_of(node, values)
            yield node
            for used in free.get(node, ()):
                values.pop(used, None)

    def value_of(self, node: Node, values: Mapping[Node, Any]) -> Any:
        """Return the value of an operator whose arguments have values."""
        args, kwargs = self.arguments(node, values)
        return node.target(*args, **kwargs)  # type: ignore[operator]

    def arguments(self, node: Node, values: Mapping[Node, Any]) -> tuple[Any, Any]:
        """Return the arguments of an operator, positional and named."""

        def value(used: Node) -> Any:
            return self.fixed[used] if used in self.fixed else values[used]

        return torch.fx.map_arg((node.args, node.kwargs), value)

    def __call__(self, inputs: Inputs) -> list[Any]:
        """Return the outputs, in order."""
        values: dict[Node, Any] = self.leaves(inputs)
        found = self.run(values, self.nodes, set(self.outputs))
        return [found[node] for node in self.outputs]


def module_of(node: Node) -> str:
    """Return the name of the user's module that an operator is in; ``""`` for the model itself."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    path = str(stack[-1][0]) if stack else ""
    return path.removeprefix("L['self']").lstrip(".")


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the model that was compiled, or is wrapped to run on several devices."""
    while True:
        inner = getattr(model, "_orig_mod", None)
        if inner is None and isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            inner = model.module
        if inner is None:
            return model
        model = inner


def require_evaluation_mode(model: nn.Module) -> None:
    """Raise ValueError if any module of a model is in training mode."""
    for name, module in model.named_modules():
        if module.training:
            where = f"module {shown(name)}" if name else "the model"
            raise ValueError(
                f"model: expected evaluation mode, found training mode in {where}: call model.eval() first"
            )


def trace(model: nn.Module, inputs: Inputs, keep: Collection[str]) -> Program:
    """Trace a model, for any number of examples if it can be had so, else for those that are given.

    Args:
        model: the model, in evaluation mode.
        inputs: some examples.
        keep: the names of the operators that are left as they are; a program that has others, or writes into what may
            be part of another value, is taken apart into core ATen operators and these.

    Raises:
        ValueError: the model cannot be traced; the message says why.
    """
    try:
        with warnings.catch_warnings(), torch.no_grad(), _quiet(), _written_out():
            warnings.simplefilter("ignore")
            exported, batch, strict = _export(model, inputs)
            if not strict:
                _return_new_values(exported, keep)
            # Code that was traced itself has its parameters in the order of their use: taken apart, in the model's.
            if strict or not _is_of(exported, keep):
                exported = _taken_apart(exported, keep)
            return _program(exported, batch)
    except Exception as error:  # what export raises has no common class
        raise ValueError(
            "model: expected one that torch.export traces, whose control flow does not depend on the values of "
            f"tensors, found {_first_line(error)}"
        ) from error


def _export(model: nn.Module, inputs: Inputs) -> tuple[ExportedProgram, int | None, bool]:
    """Return the exported model, the number of examples that it runs on, None for any, and whether code was traced."""
    # One example would be taken for a size that never changes.
    args, kwargs = _arguments(first_examples(inputs, 2))
    shapes = torch.export.ShapesCollection()
    for leaf in pytree.tree_leaves((args, kwargs)):
        if isinstance(leaf, Tensor):
            shapes[leaf] = {0: Dim.AUTO}
    # Python's len(x) fixes the number of examples unless the code itself is traced, which takes longer.
    for strict in (False, True):
        try:
            exported = torch.export.export(model, args, kwargs or None, dynamic_shapes=shapes, strict=strict)
        except Exception:  # noqa: S112  # it fails again below if not for the number of examples
            continue
        if not _is_for_one_number(exported):
            return exported, None, strict
    args, kwargs = _arguments(inputs)
    count = next(len(leaf) for leaf in pytree.tree_leaves((args, kwargs)) if isinstance(leaf, Tensor))
    return torch.export.export(model, args, kwargs or None), count, False


def _return_new_values(exported: ExportedProgram, keep: Collection[str]) -> None:
    """Replace operators that write into a value by operators to keep that return one, where nothing else is written.

    ``relu_`` of a convolution becomes ``relu``, and what uses the convolution after it uses that.
    """
    before: set[Node] = set()

    def is_after(user: Node) -> bool:
        return user not in before

    for node in list(exported.graph.nodes):
        returning = _returning(node, keep)
        if returning is not None and (
            str(returning) in _UNCHANGED or all(map(_is_apart, (node.args[0], *(before & node.args[0].users.keys()))))
        ):
            with exported.graph.inserting_before(node):
                new = exported.graph.call_function(returning, node.args, node.kwargs)
            new.meta = node.meta
            before |= {node, new}
            for old in (node, node.args[0]):
                old.replace_all_uses_with(new, is_after)
                exported.graph_signature.replace_all_uses(old.name, new.name)
            exported.graph.erase_node(node)
        before.add(node)
    exported.graph_module.recompile()


def _returning(node: Node, keep: Collection[str]) -> Any:
    """Return the operator that returns what an operator writes into its first argument; None if none is to keep."""
    target = node.target
    if not isinstance(target, torch._ops.OpOverload) or not target._schema.is_mutable or target.namespace != "aten":
        return None
    name, overload = target._schema.name.removeprefix("aten::"), target._overloadname
    if not name.endswith("_") or f"aten.{name[:-1]}.{overload}" not in keep:
        return None
    # What is written keeps its type; what is returned has that of the widest argument.
    values = [used.meta.get("val") for used in node.all_input_nodes]
    types = {value.dtype for value in values if isinstance(value, Tensor)}
    return getattr(getattr(torch.ops.aten, name[:-1]), overload) if len(types) == 1 else None


def _is_apart(node: Node) -> bool:
    """Return whether an operator is known to return memory of its own, which is no part of an argument or parameter."""
    target = node.target
    if not isinstance(target, torch._ops.OpOverload) or any(value.alias_info for value in target._schema.returns):
        return False
    # Operators that consist of others do not say what they return: dropout of a model in use, its argument.
    consists = torch._C._dispatch_has_kernel_for_dispatch_key(target.name(), "CompositeImplicitAutograd")
    return not consists or target in _APART


def _is_of(exported: ExportedProgram, keep: Collection[str]) -> bool:
    """Return whether all that a program does with tensors is done by some operators, none of which writes into one."""
    for node in exported.graph.nodes:
        if node.op != "call_function" or not isinstance(node.target, torch._ops.OperatorBase):
            continue
        if not isinstance(node.target, torch._ops.OpOverload) or node.target._schema.is_mutable:
            return False
        of_tensors = any(isinstance(used.meta.get("val"), Tensor) for used in node.all_input_nodes)
        if of_tensors and node.target is not torch.ops.aten.sym_size.int and str(node.target) not in keep:
            return False
    return True


def _taken_apart(exported: ExportedProgram, keep: Collection[str]) -> ExportedProgram:
    """Return a program whose operators are core ATen operators and those to keep; nothing is written into a value."""
    table = torch.export.default_decompositions()
    for operator in [operator for operator in table if str(operator) in keep]:
        del table[operator]
    apart: ExportedProgram = exported.run_decompositions(table)
    return apart


def _is_for_one_number(exported: ExportedProgram) -> bool:
    """Return whether a program runs on one number of examples alone."""
    names = set(exported.graph_signature.user_inputs)
    values = [node.meta.get("val") for node in exported.graph.nodes if node.name in names]
    sizes: list[Any] = [value.shape[0] for value in values if isinstance(value, Tensor) and value.ndim]
    return any(isinstance(size, int) or size.node.maybe_as_int() is not None for size in sizes)


def _program(exported: ExportedProgram, batch: int | None) -> Program:
    for node in exported.graph.nodes:
        # A value under masks may lie in memory in an order that has no view of another shape.
        if node.target in (torch.ops.aten.view.default, torch.ops.aten._unsafe_view.default):
            node.target = torch.ops.aten.reshape.default
    places = {node.name: node for node in exported.graph.nodes}
    fixed: dict[Node, Any] = {}
    inputs: list[Node] = []
    for spec in exported.graph_signature.input_specs:
        node = places[spec.arg.name]
        if spec.kind == InputKind.USER_INPUT:
            inputs.append(node)
        elif spec.target in exported.state_dict:
            fixed[node] = exported.state_dict[spec.target].detach()
        else:
            fixed[node] = exported.constants[spec.target]
    fixed |= {n: getattr(exported.graph_module, str(n.target)) for n in places.values() if n.op == "get_attr"}
    outputs = tuple(
        places[spec.arg.name]
        for spec in exported.graph_signature.output_specs
        if spec.kind == OutputKind.USER_OUTPUT and hasattr(spec.arg, "name")
    )
    spec = exported.call_spec
    return Program(
        tuple(node for node in exported.graph.nodes if node.op == "call_function"),
        fixed,
        tuple(inputs),
        outputs,
        _names(spec.out_spec, len(outputs)),
        batch,
        spec.in_spec,
    )


def _names(out_spec: Any, count: int) -> tuple[str, ...]:
    """Return the name of each output, ``""`` where it has none."""
    made = pytree.tree_unflatten([0] * out_spec.num_leaves, out_spec)
    paths = [path for path, _ in pytree.tree_flatten_with_path(made)[0]]
    names = [".".join(str(getattr(key, "key", getattr(key, "idx", ""))) for key in path).strip(".") for path in paths]
    return tuple(names) if len(names) == count else ("",) * count


def _sizes(traced: Tensor) -> torch.Size:
    """Return the shape of one example of an input, as it was traced."""
    return torch.Size(int(size) for size in traced.shape[1:])


def _described(arguments: Any) -> str:
    """Return what a model is called with, for messages."""
    positional, named = arguments
    parts = [f"{len(positional)} tensor{'' if len(positional) == 1 else 's'}"] if positional else []
    return " and ".join([*parts, *([f"a dict of {', '.join(named)}"] if named else [])]) or "nothing"


def _arguments(inputs: Inputs) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if isinstance(inputs, Mapping):
        return (), dict(inputs)
    return tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,), {}


def first_examples(inputs: Inputs, count: int) -> Inputs:
    """Return the first examples of inputs; of fewer, some of them twice."""

    def some(leaf: Any) -> Any:
        if not isinstance(leaf, Tensor) or not leaf.ndim:
            return leaf
        return leaf[torch.arange(count, device=leaf.device) % len(leaf)]

    result: Inputs = pytree.tree_map(some, inputs)
    return result


def call(model: nn.Module, inputs: Inputs) -> list[Any]:
    """Return the leaves of what a model returns, without gradients.

    Raises:
        ValueError: the model cannot be called with these inputs.
    """
    args, kwargs = _arguments(inputs)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            return pytree.tree_leaves(model(*args, **kwargs))
    except Exception as error:  # whatever a model of anyone's raises
        raise ValueError(
            f"inputs: expected some that the model can be called with, found {_first_line(error)}"
        ) from error


@contextlib.contextmanager
def _written_out() -> Iterator[None]:
    """Have transformers run the operators that they consist of, and not one that does a whole layer."""
    enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(enabled)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the compiler logs off the terminal: what went wrong is in the error."""
    logger = logging.getLogger("torch")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)


def _first_line(error: Exception) -> str:
    """Return what kind of error it is, and its first line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:300] if lines else 'no reason'}"
