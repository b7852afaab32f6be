"""What TF32 matrix products do to the accuracies of Table 1, cell by cell, against float32.

    python benchmarks/precision.py RUN --data-dir data [--seeds 0:10] [--float32 docs/table1/summary.csv]

Trains the shipped experiment `table1` with TF32 products into the folder RUN, and compares the accuracy of every cell,
kind × inputs, with those of networks trained in float32, paired by seed: the mean difference with its 95 % t interval.
The float32 networks are those of a summary that `analyze` wrote; of the one named here, if no other is. A processor has
no TF32 products; there they are emulated: the factors of every product of training, forward and backward, lose the 13
bits that TF32 does not have (cut off, which is worse than rounding), and sums are float32, as on a GPU. Held-out
accuracies are measured in float32 in both.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import checkout
import pandas as pd
import torch
from cells import Cells, compare, trained_cells
from report import report
from torch import Tensor
from torch.overrides import TorchFunctionMode

from train import run, settings

_PRODUCTS = {torch.bmm: 0, torch.baddbmm: 1}  # and the place of the first factor
_LOST = ~((1 << 13) - 1)  # float32 has 23 bits after the point, TF32 has 10


def truncated(tensor: Tensor) -> Tensor:
    """Return float32 numbers without the bits that TF32 does not have."""
    return tensor.view(torch.int32).bitwise_and(_LOST).view(torch.float32)


class EmulatedTF32(TorchFunctionMode):
    """Gives the batched products that write into memory of their own, those of training, factors of TF32."""

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if function in _PRODUCTS and "out" in kwargs:
            first = _PRODUCTS[function]
            factors = (truncated(factor) for factor in args[first : first + 2])
            args = (*args[:first], *factors, *args[first + 2 :])
        return function(*args, **kwargs)


def train(folder: Path, seeds: str, data: Path, device: str) -> None:
    """Train Table 1 with products of TF32."""
    emulated = run.choose_device(device).type == "cpu"
    experiment = settings.read_experiment("table1", {"precision": "tf32", "seeds": seeds})
    with EmulatedTF32() if emulated else nullcontext():
        run.train(experiment, folder, device=device, data=data)


def summarised_cells(file: Path) -> Cells:
    """Return the accuracies of the networks that a summary tells of."""
    table = pd.read_csv(file)
    whole = table[(table["metric"] == "accuracy") & (table["split"] == "none")]
    return {
        f"{row.kind} {row.inputs}": dict(
            zip(map(int, row.seeds.split()), map(float, row.accuracies.split()), strict=True)
        )
        for row in whole.rename(columns={"values": "accuracies"}).itertuples()
    }


def main() -> None:
    """Train, compare, print, and write as JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--seeds", default="0:10")
    parser.add_argument("--float32", type=Path, default=checkout.ROOT / "docs" / "table1" / "summary.csv")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    train(arguments.run, arguments.seeds, arguments.data_dir, arguments.device)
    one, other = summarised_cells(arguments.float32), trained_cells(arguments.run)
    cells = {cell: compare(one[cell], other[cell]) for cell in other}
    device = run.choose_device(arguments.device)
    how = torch.cuda.get_device_name() if device.type == "cuda" else "emulated on a CPU"
    report({"float32 and TF32": cells}, {"TF32": how, "torch": torch.__version__}, arguments.out)


if __name__ == "__main__":
    main()
