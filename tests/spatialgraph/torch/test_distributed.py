"""The cost in training by several processes: each computes the same gradient, wrapped or not."""

import subprocess
import sys

import pytest
import torch

# Two processes train a model on examples of their own. The cost is left alone, wrapped by itself, or a part of the
# module that is wrapped; positions and weights are the same in both processes after each step, and for all three ways.
SCRIPT = """
import os
import sys
import torch
import torch._dynamo  # by optimisers, in each process, if not here
from torch import distributed, multiprocessing, nn
from torch.nn.parallel import DistributedDataParallel
from spatialgraph.torch import SpatialCost


class WithCost(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model, self.cost = model, SpatialCost(model, layers=["2"])

    def forward(self, inputs):
        return self.model(inputs).square().mean() + self.cost()


def losses(way):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 4), nn.Sigmoid(), nn.Linear(4, 3))
    if way == "part":
        whole = WithCost(model)
        return DistributedDataParallel(whole), list(whole.parameters())
    parallel = DistributedDataParallel(model)
    cost = SpatialCost(parallel, layers=["2"])
    parameters = [*model.parameters(), *cost.parameters()]
    called = DistributedDataParallel(cost) if way == "wrapped" else cost
    return lambda inputs: parallel(inputs).square().mean() + called(), parameters


def work(rank, file, out):
    distributed.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=2)
    draw = torch.Generator().manual_seed(rank)
    batches = torch.randn(5, 8, 5, generator=draw)
    ended = {}
    for way in ("alone", "wrapped", "part"):
        loss, parameters = losses(way)
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
    for way in ("wrapped", "part"):
        for one, other in zip(ended["alone"], ended[way], strict=True):
            torch.testing.assert_close(one, other)
    distributed.barrier()
    os._exit(0)  # threads of a group that ends in order may be ended before they are joined


if __name__ == "__main__":
    # Forked, which is safe on Linux, they need not import PyTorch each.
    method = "fork" if sys.platform == "linux" else "spawn"
    multiprocessing.start_processes(work, sys.argv[1:], nprocs=2, start_method=method)
"""


@pytest.mark.skipif(not torch.distributed.is_available(), reason="this PyTorch has no processes that train together")
def test_processes_that_train_together_agree(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    arguments = [sys.executable, script, tmp_path / "meeting", tmp_path]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
