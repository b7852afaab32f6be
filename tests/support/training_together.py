"""Two processes that train a model together, on examples of their own."""

import os
import traceback
from pathlib import Path

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from spatialgraph.torch import SpatialCost

WAYS = ("alone", "wrapped", "part")
"""The cost is left alone, wrapped by itself, or a part of the module that is wrapped."""


class _WithCost(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model, self.cost = model, SpatialCost(model, layers=["2"])

    def forward(self, inputs):
        return self.model(inputs).square().mean() + self.cost()


def _losses(way):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 4), nn.Sigmoid(), nn.Linear(4, 3))
    if way == "part":
        whole = _WithCost(model)
        return DistributedDataParallel(whole), list(whole.parameters())
    parallel = DistributedDataParallel(model)
    cost = SpatialCost(parallel, layers=["2"])
    parameters = [*model.parameters(), *cost.parameters()]
    called = DistributedDataParallel(cost) if way == "wrapped" else cost
    return lambda inputs: parallel(inputs).square().mean() + called(), parameters


def _train(rank, meeting):
    """Assert that positions and weights are the same in both processes after training, and for all three ways."""
    distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
    draw = torch.Generator().manual_seed(rank)
    batches = torch.randn(5, 8, 5, generator=draw)
    ended = {}
    for way in WAYS:
        loss, parameters = _losses(way)
        optimiser = torch.optim.SGD(parameters, lr=0.1)
        for inputs in batches:
            optimiser.zero_grad()
            loss(inputs).backward()
            optimiser.step()
        ended[way] = [parameter.detach() for parameter in parameters]
        for parameter in ended[way]:
            others = [torch.empty_like(parameter) for _ in range(2)]
            distributed.all_gather(others, parameter)
            assert torch.equal(*others), way
    for way in WAYS[1:]:
        for one, other in zip(ended["alone"], ended[way], strict=True):
            torch.testing.assert_close(one, other)
    distributed.barrier()


def work(rank, folder):
    """Train as one of the two, and write what went wrong, or nothing, into a file of the folder."""
    try:
        _train(rank, Path(folder) / "meeting")
        wrong = ""
    except BaseException:
        wrong = traceback.format_exc()
    (Path(folder) / f"wrong-{rank}").write_text(wrong, encoding="utf-8")
    os._exit(bool(wrong))  # threads of a group that ends in order may be ended before they are joined
