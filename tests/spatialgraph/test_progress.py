"""The bar of long work: one line on terminals of any width, nothing in files."""

import io

import pytest
from rich.console import Console

from spatialgraph.progress import progress_bar

LONG = "concatenate · regular 0.913 to 0.950 · spatial 0.900 to 0.951"


def shown(width, description, terminal=True):
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None)
    bar = progress_bar(console)
    bar.add_task(description, total=10, completed=5)
    console.print(bar.get_renderable())
    return console.file.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("description", ["training", LONG, "日本 " * 60, "[red]·[/nothing]"])
def test_the_bar_is_one_line_that_fits(width, description):
    lines = shown(width, description).splitlines()
    assert len(lines) == 1
    assert lines[0].rstrip().endswith("left")
    assert " 50% " in lines[0]
    assert "━" in lines[0]
    assert lines[0].startswith(description[:5])


def test_at_80_columns_the_accuracies_of_a_run_can_be_read():
    assert shown(80, "concatenate · regular 0.913 · spatial 0.951").startswith(
        "concatenate · regular 0.913 · spatial 0.951 ━"
    )


def test_a_file_gets_no_bar():
    console = Console(file=io.StringIO())
    with progress_bar(console) as bar:
        bar.add_task("training", total=10)
    assert console.file.getvalue() == ""
