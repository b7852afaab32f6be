"""The Python on the pages about models and costs runs, each page in one namespace."""

import re
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from torch import nn

from spatialgraph.torch import COSTS

DOCS = Path(__file__).parents[3] / "docs"
PAGES = [
    page
    for folder in ("models", "methods")
    for page in sorted((DOCS / folder).glob("*.md"))
    if "```python" in page.read_text(encoding="utf-8")
]


@pytest.fixture
def own_costs():
    """Take out what a page enters."""
    known = {*COSTS}
    yield
    for name in {*COSTS} - known:
        COSTS.forget(name)


@pytest.mark.usefixtures("own_costs")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_python_of_a_page_runs(page, capsys):
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert blocks
    with torch.random.fork_rng():
        names = {}
        for block in blocks:
            exec(compile(block, page.name, "exec"), names)
    said = capsys.readouterr().out.split("\n")[:-1]
    assert said == re.findall(r"^print\(.*\) +# (.*)$", "".join(blocks), re.MULTILINE)


def test_the_table_of_costs_is_that_of_the_registry():
    page = (DOCS / "methods" / "costs.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(.+?)` \| (.+?) = (.+?) \|", page, re.MULTILINE)
    shipped = [(name, COSTS.facts(name)) for name in COSTS if COSTS[name].__module__.startswith("spatialgraph.")]
    assert rows == [(name, facts.symbol, f"{facts.default:g}") for name, facts in shipped]


def test_the_lines_of_the_readme_on_models_run(tmp_path, monkeypatch, capsys):
    text = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    [lines] = [block for part in text.split("```python\n")[1:] if "capture(" in (block := part.split("```")[0])]
    monkeypatch.chdir(tmp_path)
    with torch.random.fork_rng():
        parts = OrderedDict(
            fc1=nn.Linear(6, 8), act=nn.ReLU(), fc3=nn.Linear(8, 8), last=nn.ReLU(), out=nn.Linear(8, 20)
        )
        inputs, labels = torch.rand(40, 6), torch.randint(10, (40, 2))
        exec(
            compile(lines, "README.md", "exec"),
            {"model": nn.Sequential(parts), "inputs": inputs, "batches": [(inputs, labels)]},
        )
    assert "Population(name='fc1', size=8" in capsys.readouterr().out
    assert (tmp_path / "mine" / "scores.csv").is_file()
    assert (tmp_path / "run" / "networks" / "mine-0.h5").is_file()
