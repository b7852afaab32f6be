"""What an analysis was asked: how its steps stand, and single steps, done by any scheduler."""

import io
import json

import pytest
from builders import write_run
from rich.console import Console
from typer.testing import CliRunner

from spatialgraph.analyses.analysis import analyze
from spatialgraph.analyses.asked import Asked
from spatialgraph.analyses.scoring import Plan
from spatialgraph.cli import app
from spatialgraph.files import locked
from spatialgraph.marks import mark_of

QUICK = {"splits": ["greedy"], "metrics": ["modularity", "accuracy"], "ablations": ["zero"], "nulls": 2}


def quietly(run, results, **more):
    return analyze(run, results, plan=Plan.choose(**QUICK), console=Console(file=io.StringIO()), **more)


def asked(*arguments):
    """Return what the command says, and how it ends."""
    found = CliRunner().invoke(app, list(map(str, arguments)))
    return found.output, found.exit_code


def commands(run):
    return [line.split()[-1] for line in asked("steps", run)[0].splitlines()]


def tables(results):
    return {path.name: path.read_bytes() for path in sorted(results.iterdir()) if path.is_file() and path.suffix}


def test_a_prepared_analysis_is_done_step_by_step_in_any_order_and_ends_with_the_same_bytes(tmp_path):
    run = write_run(tmp_path)
    results = run / "results"
    quietly(run, run / "whole")
    assert quietly(run, results, prepare=True) == 0
    assert asked("status", run)[0] == (
        f"{results}: analysis: nobody leads it; `spatialgraph analyze`, given again, does what is missing\n"
        "  12 missing\n"
    )
    units = commands(run)
    assert len(units) == 12
    assert units[:2] == ["net-0/scores", "net-0/shuffle"]
    for unit in reversed(units):
        assert asked("step", results, unit)[1] == 0
    assert commands(run) == []
    assert asked("step", results, units[0]) == (f"{units[0]}: was done already\n", 0)
    assert not (results / "scores.csv").exists()
    quietly(run, results)
    assert asked("status", results)[0] == f"{results}: analysis: tables are written\n  12 done\n"
    assert tables(results) == tables(run / "whole")


def test_what_failed_is_said_with_its_reason_and_what_is_done_is_opened(tmp_path):
    run = write_run(tmp_path)
    results = run / "results"
    quietly(run, results)
    part = results / "parts" / "net-1" / "scores.h5"
    whole = part.read_bytes()
    part.write_bytes(whole[:-100])  # listed, and not whole
    (run / "evaluation-mix.h5").rename(run / "elsewhere.h5")
    said, status = asked("step", results, "net-1/scores")
    assert (status, "expected the evaluation that" in said) == (1, True)
    with locked(results, "analysis"):
        said = asked("status", run)[0].splitlines()
    assert "analysis: led by process " in said[0]
    assert said[1] == "  11 done, 1 failed"
    assert said[2].startswith("  failed   net-1/scores  FileNotFoundError: ")
    (run / "elsewhere.h5").rename(run / "evaluation-mix.h5")
    quietly(run, results)
    assert not mark_of(part).exists()
    assert part.read_bytes() == whole


def test_what_is_no_step_or_no_analysis_is_refused_in_a_line(tmp_path):
    run = write_run(tmp_path / "run", seeds=[0])
    results = run / "results"
    quietly(run, results, prepare=True)
    for unit in ("net-0/nothing", "net-9/scores", "/scores"):
        said, status = asked("step", results, unit)
        assert said.startswith(f"error: {unit}: expected NETWORK/STEP (")
        assert (len(said.splitlines()), status) == (1, 1)
    assert asked("status", tmp_path) == (
        f"error: {tmp_path}: expected a run or results that were begun, found none\n",
        1,
    )
    facts = json.loads((results / "analysis.json").read_text())
    (results / "analysis.json").write_text(json.dumps(facts | {"plugins": ["mine.py"]}))
    with pytest.raises(ValueError, match=r"expected --plugin .*mine\.py, which it was asked with"):
        Asked.read(results)
    (results / "analysis.json").write_text(json.dumps(facts | {"models": "mine.py"}))
    with pytest.raises(ValueError, match=r"expected --models .*mine\.py, which it was asked with"):
        Asked.read(results)
    (results / "analysis.json").write_text("[]")
    with pytest.raises(ValueError, match=r"analysis\.json: expected what an analysis was asked, found a fault"):
        Asked.read(results)
