"""How far the page's own lesions agree with the library's, and how many bytes the page takes to run networks.

    python benchmarks/lesions.py RESULTS [--out docs/benchmarks/lesions.json]

RESULTS is a folder that `spatialgraph analyze` wrote. Every network that the page can run is run in the Chromium that
is installed and by `DenseRunner`, on the same sample of held-out examples, under every ablation: whole, without each
module of the greedy split, and with random neurons disabled, outputs too. Counted are right answers to each task.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page, sync_playwright
from report import report

from spatialgraph.analyses.report import write_report
from spatialgraph.analyses.report.live import EXAMPLES, SAMPLE_SEED
from spatialgraph.analyses.results import Results
from spatialgraph.analyses.runs import graph_and_runner
from spatialgraph.graph import Graph
from spatialgraph.graph.graph import BoolArray
from spatialgraph.runners import ABLATIONS, DenseRunner
from spatialgraph.splits import Split

_STAY = (0.3, 0.6, 0.9, 0.97)
"""The shares of neurons that stay under random masks."""

_RUN = """([name, asked, ablation]) => {
  const { index } = spatialgraph.networks.find((network) => network.name === name);
  return asked.map((units) => spatialgraph.rightWithout(index, units, ablation));
}"""


def masks(graph: Graph, split: Split, seed: int) -> list[dict[int, BoolArray]]:
    """Return the masks that a network is run under: none, without each module's hidden neurons, random ones."""
    draw = np.random.default_rng(seed)
    hidden = {k: graph.task_of[k] < 0 for k in graph.split_populations}
    modules = [
        {k: ~(members[:, task] & hidden[k]) for k, members in split.membership.items()}
        for task in range(len(graph.tasks))
    ]
    sizes = {k: graph.populations[k].size for k in graph.split_populations}
    return [{}, *modules, *({k: draw.random(size) < stay for k, size in sizes.items()} for stay in _STAY)]


def units_of(graph: Graph, mask: Mapping[int, BoolArray]) -> list[int]:
    """Return the numbers that the page gives the neurons that a mask disables."""
    places = graph.places()
    return [int(places[k].start + unit) for k, keep in mask.items() for unit in np.flatnonzero(~keep)]


def differences(results: Results, name: str, page: Page, seed: int) -> NDArray[np.float64]:
    """Return by how many right answers page and library differ, ``(ablations, masks, tasks)``."""
    graph = results.network(name)
    evaluation = results.run / graph.metadata["evaluation"]["file"]
    _, runner = graph_and_runner(results.run / "networks" / f"{name}.h5", evaluation)
    if not isinstance(runner, DenseRunner):
        raise TypeError(f"{name}: expected a network that can be run")
    sample = runner.sample(EXAMPLES, SAMPLE_SEED)
    asked = masks(graph, results.splits[name]["greedy"], seed)
    found = []
    for ablation in ABLATIONS:
        right = page.evaluate(_RUN, [name, [units_of(graph, mask) for mask in asked], ablation])
        found.append(np.array(right) - sample.accuracy(asked, ablation) * sample.labelled.sum(axis=0))
    return np.rint(np.stack(found))


def bytes_of(page: str, part: str) -> int:
    """Return the characters that the elements of a part of the page hold: ``live``, ``examples`` or ``network``."""
    return sum(map(len, re.findall(rf'<script type="text/plain" id="{part}-\d+">(.*?)</script>', page, re.DOTALL)))


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    results = Results.load(options.results)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        path = write_report(options.results, Path(folder) / "report.html")
        text = path.read_text(encoding="utf-8")
        sizes = {part: bytes_of(text, part) for part in ("network", "live", "examples")} | {"page": len(text.encode())}
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.goto(path.resolve().as_uri())
        page.wait_for_selector("html[data-drawn]")
        running = page.evaluate("() => spatialgraph.networks.filter(({ live }) => !live.why).map(({ name }) => name)")
        found = [differences(results, name, page, seed) for seed, name in enumerate(running)]
        conditions = {"browser": browser.version, "playwright": importlib.metadata.version("playwright")}
        browser.close()
    size = np.abs(np.stack(found))  # (networks, ablations, masks, tasks)
    numbers = {
        "networks": len(running),
        "examples of a task": EXAMPLES,
        "comparisons": size.size,
        "equal": float((size == 0).mean()),
        "mean difference, right answers": float(size.mean()),
        "largest difference, right answers": float(size.max()),
        "mean by ablation": dict(zip(ABLATIONS, size.mean(axis=(0, 2, 3)).tolist(), strict=True)),
        "largest by network": dict(zip(running, size.max(axis=(1, 2, 3)).tolist(), strict=True)),
        "bytes": sizes,
    }
    report(numbers, conditions, options.out)


if __name__ == "__main__":
    main()
