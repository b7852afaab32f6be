"""The Python on the pages about models runs, each page in one namespace."""

import re
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parents[3] / "docs" / "models"
PAGES = [page for page in sorted(FOLDER.glob("*.md")) if "```python" in page.read_text(encoding="utf-8")]


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
