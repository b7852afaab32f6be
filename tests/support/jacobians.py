"""The strengths of a captured model by another way: derivatives of its program, and nothing of how it was captured.

What each population emits is put in place of what the program computes, as a variable of its own. The strength of a
connection is then the Frobenius norm of the derivatives of what a unit reads at one place, in the middle of all that
it is at, with respect to all numbers that a unit of the source emits.

Where the graph deliberately says something else than a derivative does, the program is changed to what the graph
means: pooling and means over places take one of the places, and layer norms do nothing but multiply by the gain.
"""

from collections import defaultdict

import numpy as np
import torch

from spatialgraph.torch import capture

# Which argument of an operator a label means.
ARGUMENT = {"": 0, "factor1": 0, "factor2": 1, "query": 0, "key": 1, "value": 2}


def _pool(x, size):
    places = [torch.arange(o) * (i // o) + (i // o) // 2 for o, i in zip(size, x.shape[-len(size) :], strict=True)]
    for k, place in enumerate(places):
        x = x.index_select(x.ndim - len(size) + k, place)
    return x


def _changed(node, args, kwargs, output):
    """Return what the graph means in place of an operator; None for those that it takes as they are."""
    name = str(node.target)
    if "pool" in name:
        grid = int(name.split("d.")[0][-1]) if "d." in name else int(name.split("d_with")[0][-1])
        return _pool(args[0], output.shape[-grid:])
    if name == "aten.mean.dim" and args[0].ndim == 4:
        return args[0].mean(args[1], keepdim=bool(args[2:] and args[2])) * 0 + _first(args[0], args[1], args[2:])
    if name == "aten.layer_norm.default":
        return args[0] * (1 if args[2] is None else args[2])
    if name == "aten.copy.default":  # which has no derivative
        return args[1].expand(output.shape)
    if name == "aten.group_norm.default":
        return args[0] * args[2].reshape(-1, *[1] * (args[0].ndim - 2))
    return None


def _first(x, dims, keepdim):
    for d in dims:
        x = x.narrow(d, x.shape[d] // 2, 1)
    return x if keepdim and keepdim[0] else x.flatten(1)


def strengths_by_derivatives(captured, inputs):
    """Return the strength of every connection that is not 0: by source, target and label, ``(target, source)``."""
    program, found = captured.program, captured.found
    values = dict(program.leaves(inputs))
    emitters = defaultdict(list)
    for number, of in enumerate(found):
        if of.index.numel():
            emitters[of.node].append(number)
    leaves = {}
    for node in program.inputs:
        for number in emitters.get(node, ()):
            values[node] = leaves[number] = values[node].detach().double().requires_grad_()
    read = {}
    for node in program.nodes:
        args, kwargs = program.arguments(node, values)
        output = node.target(*args, **kwargs)
        changed = _changed(node, args, kwargs, output[0] if isinstance(output, tuple) else output)
        if changed is not None:
            output = (changed, *output[1:]) if isinstance(output, tuple) else changed
        for number in emitters.get(node, ()):
            read[number] = _read(node, args)
            output = leaves[number] = output.detach().requires_grad_()
        values[node] = output
    result = {}
    for target, of in enumerate(found):
        if of.is_input:
            continue
        # Outputs that no nonlinearity acts on are what they read.
        streams = read.get(target) or {"": values[of.node]}
        index = of.index if of.index.numel() else _output_index(values[of.node], of.size)
        for label, stream in streams.items():
            for source, weight in _norms(stream, index, of, leaves, found).items():
                result[found[source].name, of.name, label] = weight
    return result


def _read(node, args):
    """Return what an operator reads, by label."""
    name = str(node.target)
    if name == "aten.glu.default":
        half, gate = args[0].chunk(2, args[1] if len(args) > 1 else -1)
        return {"factor1": half, "factor2": gate}
    if "attention" in name:
        return dict(zip(("query", "key", "value"), args, strict=False))
    flowing = [a for a in args if isinstance(a, torch.Tensor) and a.requires_grad]
    return {"": flowing[0]} if len(flowing) == 1 else {"factor1": flowing[0], "factor2": flowing[1]}


def _output_index(output, size):
    """Return the unit of each output: every number of an example, or those along the one dimension of that size."""
    if output[0].numel() == size:
        return torch.arange(size).reshape(output[0].shape).expand(output.shape)
    axis = 1 + list(output.shape[1:]).index(size)
    return torch.arange(size).reshape([-1 if d == axis else 1 for d in range(output.ndim)]).expand(output.shape)


def _norms(stream, index, of, leaves, found):
    """Return the norm of the derivatives of what each unit reads, by source, ``(units, units of the source)``."""
    if not stream.requires_grad:
        return {}
    if of.width > 1:  # a head reads all its dimensions at a place
        index = index[..., 0] // of.width
    else:
        stream = stream.expand(index.shape)[..., None]
    squares = {s: np.zeros((of.size, found[s].size)) for s in leaves}
    for unit in range(of.size):
        for number in stream[_middle(index == unit)]:
            grads = torch.autograd.grad(number, list(leaves.values()), retain_graph=True, allow_unused=True)
            for source, grad in zip(leaves, grads, strict=True):
                if grad is not None:
                    element = found[source].index.expand(grad.shape)
                    of_units = element >= 0
                    number_of = element[of_units] // found[source].width
                    squares[source][unit] += torch.bincount(number_of, grad[of_units] ** 2, found[source].size).numpy()
    return {s: np.sqrt(square) for s, square in squares.items() if square.any()}


def _middle(here):
    """Return the place of the first example that is nearest to the middle of all that are true."""
    places = torch.nonzero(here[0]).double()
    nearest = ((places - places.mean(0)) ** 2).sum(1).argmin()
    return (0, *places[nearest].long().tolist())


def captured_strengths(captured):
    """Return the size of the strengths in the graph, as `strengths_by_derivatives` does."""
    names = [p.name for p in captured.graph.populations]
    return {
        (names[c.source], names[c.target], c.label): np.abs(c.weight)
        for c in captured.graph.connections
        if c.weight.any()
    }


def assert_exact(model, inputs, tasks=None, atol=1e-5):
    """Capture a model in float64, compare every strength with derivatives, and return what was captured."""
    model = model.double().eval()
    captured = capture(model, inputs, tasks)
    expected, found = strengths_by_derivatives(captured, inputs), captured_strengths(captured)
    assert found.keys() == expected.keys()
    for key, weight in expected.items():
        np.testing.assert_allclose(found[key], weight, atol=atol, rtol=1e-5, err_msg=str(key))
    return captured
