"""How long it takes to capture models of torchvision, and to split and measure their graphs; and how much memory.

    python benchmarks/capture.py [--models resnet18 …] [--out docs/benchmarks/capture.json]

Models have random weights and images of 224 × 224 pixels; the numbers do not depend on what they were trained for. The
1000 outputs are two tasks of 500. Each model is captured in a process of its own, whose peak of memory is read before
the capture (PyTorch and the model), after it, and at the end. The share of `torch.export` is told apart. Then the graph
is split by `greedy`, and modularity and cut of that split are measured. Weights of graphs of more than 67 million are
made when they are looked at, once by `greedy` and once by both measures. Seconds are of processor time, so that they
hold on a machine that does other things too; tracing and the products of large graphs run in one thread. The results
of models that are not asked for stay in the file as they are.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import checkout  # noqa: F401
import torch
import torchvision
from report import report

import spatialgraph as sg
from spatialgraph.threads import one_product_thread
from spatialgraph.torch import capture, program
from spatialgraph.torch.operators import OPERATORS

MODELS = ("resnet18", "resnet50", "mobilenet_v3_large", "densenet121", "convnext_tiny", "vit_b_16", "swin_t")
OTHERS = ("efficientnet_b0", "regnet_y_400mf", "vgg11_bn", "inception_v3", "googlenet", "squeezenet1_1")
SIZE, OUTPUTS = 224, 1000


def model_of(name: str) -> torch.nn.Module:
    """Return a model with random weights, also where torchvision begins with zeros."""
    torch.manual_seed(0)
    options = {"aux_logits": False, "init_weights": False} if name in ("inception_v3", "googlenet") else {}
    model: torch.nn.Module = getattr(torchvision.models, name)(weights=None, **options).eval()
    for parameter in model.parameters():
        if parameter.ndim > 1 and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.02)
    return model


def megabytes() -> int:
    """Return the most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def measured(name: str) -> dict[str, Any]:
    """Return what is measured of one model."""
    model, inputs = model_of(name), torch.randn(2, 3, SIZE, SIZE)
    with torch.no_grad():
        largest = float(model(inputs).abs().max())
    before, start = megabytes(), time.process_time()
    program.trace(model, inputs, set(OPERATORS))
    traced = time.process_time() - start
    start = time.process_time()
    found = capture(model, inputs, {"first": slice(0, OUTPUTS // 2), "second": slice(OUTPUTS // 2, OUTPUTS)})
    captured, after = time.process_time() - start, megabytes()
    connections = found.graph.connections
    numbers = {
        "populations": len(found.graph.populations),
        "units": sum(p.size for p in found.graph.populations),
        "connections": len(connections),
        "weights": sum(c.shape[0] * c.shape[1] for c in connections),
        "made on demand": connections[0].is_made,
        "error": found.error,
        "error, of the largest output": found.error / largest,
        "seconds": {"torch.export alone": traced, "capture": captured},
        "MB": {"before": before, "after the capture": after},
    }
    start = time.process_time()
    with one_product_thread():
        split = sg.split(found.graph, "greedy")
    greedy, start = time.process_time() - start, time.process_time()
    values = sg.measure(found.graph, split, ["modularity", "cut"]).set_index("metric")["value"]
    numbers["seconds"] |= {"greedy": greedy, "modularity and cut": time.process_time() - start}
    numbers["MB"] |= {"at the end": megabytes()}
    return numbers | {"modularity": float(values["modularity"]), "cut": float(values["cut"])}


def apart(name: str) -> dict[str, Any]:
    """Return what is measured of one model in a process of its own."""
    command = [sys.executable, __file__, "--one", name]
    result: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return result


def main() -> None:
    """Measure, print, and write as JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=[*MODELS, *OTHERS])
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if arguments.one:
        sys.stdout.write(json.dumps(measured(arguments.one)))
        return
    known = json.loads(arguments.out.read_text())["models"] if arguments.out and arguments.out.exists() else {}
    for name in arguments.models:
        known[name] = apart(name)
        versions = {"torch": torch.__version__, "torchvision": torchvision.__version__}
        report({"models": known}, versions, arguments.out)


if __name__ == "__main__":
    main()
