"""Adam of a batch of networks: the steps of PyTorch's class, bit for bit."""

import torch

from spatialgraph.train.adam import Adam, Group


def test_parameters_of_every_group_move_as_by_pytorchs_class():
    draw = torch.Generator().manual_seed(0)
    shapes, rates = [[(2, 3), (4,)], [(5,)]], [0.05, 0.002]
    groups = [[torch.randn(shape, generator=draw) for shape in own] for own in shapes]
    expected = [[own.clone().requires_grad_() for own in group] for group in groups]
    gradients = [[torch.zeros_like(own) for own in group] for group in groups]
    for group, own in zip(expected, gradients, strict=True):
        for parameter, gradient in zip(group, own, strict=True):
            parameter.grad = gradient
    ours = Adam([Group(*own) for own in zip(rates, groups, gradients, strict=True)])
    theirs = torch.optim.Adam([{"params": own, "lr": lr} for own, lr in zip(expected, rates, strict=True)], fused=True)
    for _ in range(5):
        for gradient in (own for group in gradients for own in group):
            gradient.copy_(torch.randn(gradient.shape, generator=draw))
        ours.step()
        theirs.step()
    for group, other in zip(groups, expected, strict=True):
        assert all(torch.equal(one, two) for one, two in zip(group, other, strict=True))
    kept = {
        f"{number}/{place}/{name}": value
        for number, group in enumerate(expected)
        for place, parameter in enumerate(group)
        for name, value in theirs.state[parameter].items()
    }
    state = dict(ours.state())
    assert list(state) == list(kept)
    assert all(torch.equal(value, kept[name]) for name, value in state.items())
