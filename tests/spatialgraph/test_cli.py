"""The command line as a user meets it: real processes, exit status, one line for every error."""

import csv
import os
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import commands
import networkx as nx
import numpy as np
import pytest
from scipy import sparse
from typer.testing import CliRunner

from spatialgraph import __version__, cli
from spatialgraph.cli import app, main
from spatialgraph.commit import commit
from spatialgraph.store import read_graph

ROOT = Path(__file__).parents[2]
COMMANDS = ("demo", "train", "analyze", "figures", "report", "check", "info", "export")

EXPERIMENT = """
tasks = ["digits", "letters"]
inputs = ["concatenate"]
seeds = "0:2"
hidden = [16, 12]
penalised_layers = ["hidden2", "output"]
initial_gain = 4
epochs = 6
batch_size = 64
"""


def spatialgraph(*arguments, status=0, **options):
    done = commands.run(*arguments, **options)
    assert done.returncode == status, done.stderr
    return done


def started(*arguments, **options):
    """Run a command in a process that has imported nothing yet; return what it wrote."""
    command = [sys.executable, "-m", "spatialgraph.cli", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr
    return done


def refused(*arguments, status):
    """Return the one line that a command says of an error."""
    done = spatialgraph(*arguments, status=status)
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    return line


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Return a folder with a run, its results and its figures, made by the three commands."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "small.toml").write_text(EXPERIMENT)
    trained = started("train", "small.toml", "--device", "cpu", cwd=folder)
    assert "runs/small: trained 4 networks in" in trained.stdout
    assert trained.stdout.endswith("next: spatialgraph analyze runs/small\n")
    assert "concatenate epoch 6/6 · accuracy spatial" in trained.stderr
    # Processes that work side by side are tested with analyses and figures; to start them takes longer than this.
    alone = {**os.environ, "LOKY_MAX_CPU_COUNT": "1"}
    analysed = started("analyze", "runs/small", "--nulls", "2", cwd=folder, env=alone)
    assert analysed.stdout.startswith("Before anything else\n• ")
    assert "\nWhat each split method is worth\n\nConcatenation " in analysed.stdout
    assert "p ≤ 0.05 needs at least 19 draws of a null model" in " ".join(analysed.stdout.split())
    *_, scores, summary, text, following = analysed.stdout.splitlines()
    assert scores.startswith("runs/small/results/scores.csv: ")
    assert summary.startswith("runs/small/results/summary.csv: ")
    assert text.startswith("runs/small/results/summary.md: ")
    assert following.startswith("next: spatialgraph report runs/small/results")
    assert following.endswith("spatialgraph figures runs/small/results")
    few = ("--only", "positions,methods")  # all are drawn in tests of figures
    # A notebook's way to show figures is not this program's, and need not be installed.
    notebook = {**alone, "MPLBACKEND": "no.such.backend"}
    drawn = started("figures", "runs/small/results", "--format", "png", *few, cwd=folder, env=notebook)
    assert "Accuracy before and after the split" in drawn.stdout
    lines = [line for line in drawn.stdout.splitlines() if line.startswith("runs/")]
    assert "runs/small/results/figures/positions.{png,csv,txt}" in lines
    for line in lines:
        stem, endings = line.rstrip("}").split(".{")
        for ending in endings.split(","):
            assert (folder / f"{stem}.{ending}").stat().st_size > 0
    written = started("report", "runs/small/results", cwd=folder)
    assert written.stdout == "runs/small/results/report.html: open it in a browser\n"
    return folder


def test_the_whole_way_from_images_to_figures(work):
    results = work / "runs" / "small" / "results"
    figures = {path.name for path in (results / "figures").iterdir()}
    assert (results / "report.html").read_text(encoding="utf-8").endswith("</html>\n")
    assert {"table1-incoming.md", "table1-zero.tex", "table1-mean.csv", "positions.png", "methods.png"} <= figures
    with (results / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["network"] for row in rows} == {path.stem for path in (work / "runs/small/networks").iterdir()}
    assert {row["ablation"] for row in rows} == {"", "zero", "incoming", "mean"}


def test_training_again_says_that_nothing_is_left_to_do(work):
    done = spatialgraph("train", "small.toml", "--device", "cpu", cwd=work)
    assert "runs/small: every network was trained already" in done.stdout


def test_info_shows_layers_and_accuracies(work):
    shown = spatialgraph("info", work / "runs/small/networks/concatenate-spatial-1.h5").stdout
    assert "hidden2" in shown
    assert "digits" in shown
    assert "kind spatial · inputs concatenate · seed 1" in shown
    assert "360 examples" in spatialgraph("info", work / "runs/small/evaluation-concatenate.h5").stdout


@pytest.mark.parametrize("to", ["graphml", "gexf", "npz"])
def test_export_writes_a_graph_that_other_programs_read(work, tmp_path, to):
    file = work / "runs/small/networks/concatenate-regular-0.h5"
    path = tmp_path / f"graph.{to}"
    run = started if to == "graphml" else spatialgraph
    assert run("export", file, "--to", to, "--out", path).stdout.strip() == str(path)
    graph = read_graph(file)
    weights = graph.split_connections[0].weight
    read = {"graphml": nx.read_graphml, "gexf": nx.read_gexf, "npz": sparse.load_npz}[to](path)
    edges = read.nnz if to == "npz" else read.number_of_edges()
    assert edges == (weights != 0).sum()


def test_check_lists_every_fault_and_ends_with_status_1(work, tmp_path):
    good = work / "runs/small/networks/concatenate-regular-0.h5"
    assert spatialgraph("check", good).stdout == f"{good}: good\n"
    broken = tmp_path / "broken.h5"
    broken.write_bytes(good.read_bytes()[:1000])
    done = spatialgraph("check", good, broken, status=1)
    assert f"{broken}: 1 fault" in done.stdout
    assert "expected" in done.stdout
    assert done.stderr == ""


def test_a_file_that_is_not_one_is_refused_in_one_line(tmp_path):
    text = tmp_path / "text.h5"
    text.write_text("hello")
    assert refused("info", text, status=1).startswith(f"error: {text}: ")
    assert "No such file" in refused("info", tmp_path / "none.h5", status=1)


def test_wrong_settings_end_with_status_2_and_one_line(tmp_path):
    line = refused("train", "demo", "--set", "hiden=[3]", "--out", tmp_path, status=2)
    assert line.startswith("error: unknown setting 'hiden'; did you mean hidden? Known: tasks, inputs, kinds")
    line = refused("train", "tabel1", status=2)
    known = "demo, modules, rivals, table1"
    assert line == f"error: experiment: expected one of {known}, or the path of a TOML file, found 'tabel1'"
    line = refused("train", "demo", "--device", "gpu7", "--out", tmp_path / "run", status=2)
    assert line.startswith("error: device: expected auto, cpu or a GPU that works, such as cuda; found 'gpu7'")


def test_data_that_cannot_be_had_are_named(tmp_path):
    # A proxy that is not there: the download fails at once, also where there is a network.
    nowhere = {**os.environ, "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    done = spatialgraph("train", "table1", "--data-dir", tmp_path, "--out", tmp_path / "run", status=1, env=nowhere)
    assert "Traceback" not in done.stderr
    line = done.stderr.splitlines()[-1]
    assert line.startswith("error: ")
    assert str(tmp_path) in line
    assert "train-images-idx3-ubyte" in line


def test_what_an_analysis_can_be_asked_for_is_listed():
    listed = spatialgraph("analyze", "--list").stdout
    for name in ("min-cut", "layered-modularity", "balanced", "distance"):
        assert re.search(rf"^  {name} +[A-Z].*\.$", listed, re.MULTILINE)


def test_an_analysis_of_nothing_is_refused():
    done = spatialgraph("analyze", status=2)
    assert "expected the folder of a training run, found nothing" in done.stderr


def test_unknown_names_are_refused_with_those_known(work):
    line = refused("analyze", work / "runs/small", "--strength", "magic", status=1)
    assert line == "error: unknown strength 'magic'; known: absolute, squared, activation, balanced"
    line = refused("analyze", work / "runs/small", "--nulls", "-1", status=1)
    assert line == "error: draws of the null models: expected at least 0, found -1"
    line = refused("analyze", work / "runs/small", "--splits", "gredy", status=1)
    assert line.startswith("error: unknown split method 'gredy'; known: greedy, greedy-shared")
    line = refused("figures", work / "runs/small/results", "--only", "figure9", status=1)
    assert "figure9" in line
    assert "positions" in line


def test_figures_and_tables_of_some_kinds_alone(work, tmp_path):
    results = work / "runs" / "small" / "results"
    drawn = spatialgraph(
        *("figures", results, "--kinds", "reg*", "--only", "masking,agreement", "--jobs", "1"),
        *("--format", "png", "--out", tmp_path),
    )
    assert "Regular" in drawn.stdout
    assert "Spatial" not in drawn.stdout
    numbers = sorted(tmp_path.glob("*.csv"))
    assert {"agreement", "masking", "methods-zero", "table1-zero"} <= {path.stem for path in numbers}
    for path in numbers:
        with path.open() as file:
            assert {row["kind"] for row in csv.DictReader(file)} == {"regular"}


def test_kinds_that_there_are_not_are_refused_and_nothing_is_written(work, tmp_path):
    for kinds, message in {
        "regular,spacial": "unknown kind 'spacial'; known: regular, spatial",
        "*β=3": "unknown kind '*β=3'; known: regular, spatial",
        ",": "kinds: expected names of kinds of network, found none",
    }.items():
        line = refused("figures", work / "runs/small/results", "--kinds", kinds, "--out", tmp_path / "out", status=1)
        assert line == f"error: {message}"
    assert not (tmp_path / "out").exists()


def test_an_unknown_reference_is_one_line(work, tmp_path):
    line = refused("analyze", work / "runs/small", "--reference", "spacial", "--out", tmp_path / "new", status=1)
    assert line == "error: reference: unknown kind 'spacial'; known: regular, spatial"


def test_debug_shows_where_an_error_came_from(tmp_path):
    done = spatialgraph("--debug", "info", tmp_path / "none.h5", status=1)
    assert "Traceback" in done.stderr


def test_the_version_is_shown_whatever_else_is_said():
    shown = [spatialgraph(*arguments).stdout for arguments in (["--version"], ["--version", "check"])]
    assert shown == [f"spatialgraph {__version__} (commit {commit()})\n"] * 2


def test_the_package_is_a_program():
    done = subprocess.run([sys.executable, "-m", "spatialgraph", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"spatialgraph {__version__} (commit {commit()})\n")


def test_a_shell_can_be_taught_the_commands():
    # As a shell asks for what may follow.
    environment = {**os.environ, "_SPATIALGRAPH_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "spatialgraph ch"}
    done = subprocess.run([sys.executable, "-m", "spatialgraph"], env=environment, capture_output=True, text=True)
    assert "check" in done.stdout


def test_a_command_without_memory_ends_in_one_line(monkeypatch, tmp_path):
    def faults(path):
        raise MemoryError("1 TiB")

    monkeypatch.setattr("spatialgraph.store.faults", faults)
    done = CliRunner().invoke(app, ["check", "network.h5"])
    assert (done.exit_code, done.output) == (1, "error: too little memory: 1 TiB\n")


@pytest.fixture
def outside(work, tmp_path):
    """Return the networks of a run, the files of its examples elsewhere, and what is soon analysed."""
    run, folder = tmp_path / "run", tmp_path / "outside"
    shutil.copytree(work / "runs/small/networks", run / "networks")
    folder.mkdir()
    examples = [shutil.copy(file, folder) for file in (work / "runs/small").glob("evaluation-*.h5")]
    few = ("--splits", "greedy", "--metrics", "accuracy-drop", "--ablations", "incoming", "--nulls", "0", "--jobs", "1")
    return run, [word for file in examples for word in ("--evaluation", file)], few


def test_examples_outside_the_run_are_used_only_if_they_are_named(outside):
    run, named, few = outside
    line = refused("analyze", run, *few, status=1)
    assert line.startswith(f"error: {run / 'evaluation-concatenate.h5'}: expected the evaluation that ")
    assert line.endswith("found nothing; `spatialgraph analyze --evaluation FILE` names one elsewhere")
    # What a terminal cannot show does not end an analysis that is done.
    done = spatialgraph("analyze", run, *few, *named, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert "next: spatialgraph report" in done.stdout
    assert "?" in done.stdout


def test_names_of_files_give_no_orders_to_the_terminal(work, tmp_path):
    hostile = tmp_path / "[red]\x1b[2J\nerror: forged"
    hostile.mkdir()
    file = hostile / "n.h5"
    shutil.copy(work / "runs/small/networks/concatenate-spatial-0.h5", file)
    outputs = [
        spatialgraph("check", file).stdout,
        spatialgraph("export", file, "--to", "npz").stdout,
        spatialgraph("info", hostile / "none.h5", status=1).stderr,
        spatialgraph("check", hostile / "none.h5", status=1).stderr,
        spatialgraph("analyze", hostile, status=1).stderr,
        spatialgraph("report", hostile, status=1).stderr,
        spatialgraph("--debug", "figures", hostile, status=1).stderr,
        spatialgraph("info", file).stdout,
    ]
    for text in outputs:
        assert "\x1b" not in text
        assert r"[red]\x1b[2J" in "".join(text.split())  # long ones are folded
    for text in outputs[:-2]:  # all but a traceback and what is folded
        assert not any(line.startswith("error: forged") for line in text.splitlines())


def test_a_terminal_that_lacks_a_character_is_shown_a_question_mark(work, tmp_path):
    file = tmp_path / "Ω_λ_中.h5"
    file.symlink_to(work / "runs/small/networks/concatenate-spatial-0.h5")
    for run, encoding in ((started, "ascii"), (spatialgraph, "ascii"), (spatialgraph, "cp1252")):
        how = {"env": {**os.environ, "PYTHONIOENCODING": encoding}}
        how |= {"encoding": encoding, "errors": "replace"} if run is started else {}
        assert "?_?_?.h5" in "".join(run("info", file, **how).stdout.split())  # folded
        run("check", file, **how)


def test_a_session_in_python_keeps_its_way_to_show_figures(monkeypatch, tmp_path):
    monkeypatch.setenv("MPLBACKEND", "module://of.the.session")
    with pytest.raises(SystemExit):
        main(["check", str(tmp_path / "none.h5")])
    assert os.environ["MPLBACKEND"] == "module://of.the.session"


# What is read is not written to.


@pytest.mark.parametrize("to", ["graphml", "gexf", "npz"])
def test_export_does_not_replace_the_network(work, tmp_path, to):
    file, link = tmp_path / "network.h5", tmp_path / f"link.{to}"
    shutil.copy(work / "runs/small/networks/concatenate-spatial-0.h5", file)
    link.symlink_to(file)
    before = file.read_bytes()
    for out in (file, link):
        line = refused("export", file, "--to", to, "--out", out, status=1)
        assert line == f"error: {out}: expected another file than {file}, which is read, found the same"
    assert file.read_bytes() == before


def test_reports_and_figures_do_not_replace_what_they_are_made_from(work):
    results = work / "runs/small/results"
    read = [results / "scores.csv", results / "splits.h5", next((results.parent / "networks").glob("*.h5"))]
    before = {file: file.read_bytes() for file in (*read, results / "nulls.csv", results / "agreement.csv")}
    for file in read:
        assert "expected another file than" in refused("report", results, "--out", file, status=1)
    line = refused("figures", results, "--only", "nulls", "--out", results / ".", status=1)
    assert line == f"error: --out: expected another folder than {results}, whose tables are read, found the same"
    assert {file: file.read_bytes() for file in before} == before


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command):
    done = CliRunner().invoke(app, [command, "--help"])
    assert done.exit_code == 0
    assert f"spatialgraph {command}" in done.stdout


def test_the_specification_curve_is_drawn_of_a_contrast_that_is_chosen(work, tmp_path):
    results = work / "runs/small/results"
    asked = ("--only", "specification", "--contrast", "regular,spatial", "--measure", "modularity", "--format", "png")
    spatialgraph("figures", results, *asked, "--out", tmp_path)
    assert "Modularity, regular minus spatial networks" in (tmp_path / "specification.txt").read_text(encoding="utf-8")
    line = refused("figures", results, *asked[:2], "--contrast", "regular", "--out", tmp_path / "no", status=1)
    assert line == "error: contrast: expected two kinds or families, found regular"


def test_figures_can_be_listed():
    listed = spatialgraph("figures", "--list").stdout.splitlines()
    assert any(line.startswith("positions ") for line in listed)
    assert listed[-1].startswith("tables ")


def test_tables_can_be_written_alone(work, tmp_path):
    spatialgraph("figures", work / "runs/small/results", "--only", "tables", "--out", tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert {"table1-zero.md", "table1-zero.tex", "methods-mean.csv"} <= names
    assert not any(name.endswith((".pdf", ".svg", ".png")) for name in names)


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_lists_break_between_words_on_a_terminal(monkeypatch, capsys, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    main_status(["analyze", "--list"])
    shown = capsys.readouterr().out
    assert max(len(line) for line in shown.splitlines() if line.startswith(" ")) <= columns  # others are titles
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False)
    main_status(["analyze", "--list"])
    assert shown.split() == capsys.readouterr().out.split()  # the same words


def main_status(arguments):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert not end.value.code


def test_parts_of_long_work_say_how_long_all_that_is_left_will_take(monkeypatch, capsys):
    clock = iter([100.0, 120.0])  # the first part takes twice as long as it should
    monkeypatch.setattr(cli.time, "monotonic", lambda: next(clock))
    assert list(cli._one_by_one({"one": 10, "two": 30}, [list, dict])) == [list, dict]
    lines = ["1 of 2: one · about 40 s until all is done", "2 of 2: two · about 60 s until all is done"]
    assert capsys.readouterr().err.splitlines() == lines


def test_the_demo_shows_table_one_before_all_else_and_draws_few_figures(work, tmp_path, monkeypatch, capsys):
    def train(experiment, run, **how):
        shutil.copytree(work / "runs/small", run, ignore=shutil.ignore_patterns("results", "*-1.h5"))

    monkeypatch.setattr(cli, "_train", train)
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")  # each process imports what it needs, longer than it works
    few = ("greedy", "ablation", "random")  # all are used on the whole way
    monkeypatch.setattr(cli, "_analyze", partial(cli._analyze, splits=few))
    monkeypatch.setattr(cli, "_DEMO_NULLS", 1)
    monkeypatch.setattr(cli, "_DEMO_FIGURES", ("positions", "methods"))  # a film needs more moments of training
    main_status(["demo", "--out", str(tmp_path)])
    said = capsys.readouterr()
    assert said.out.index("Accuracy before and after the split (greedy)") < said.out.index("What each split method")
    assert {path.name for path in (tmp_path / "figures").glob("*.png")} == {"positions.png", "methods.png"}
    assert (tmp_path / "report.html").is_file()
    parts = [line.split(" · ")[0] for line in said.err.splitlines() if " of 4: " in line]
    assert parts == [f"{number} of 4: {name}" for number, name in enumerate(cli._DEMO, 1)]


def test_a_checkout_that_is_not_installed_trains(tmp_path):
    for folder in ("spatialgraph", "train"):
        # With what is compiled; but another process may be writing more of it.
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("*.pyc.*"))
    (tmp_path / "small.toml").write_text(EXPERIMENT.replace('"digits"', '"other.npz"'))  # digits import scikit-learn
    other = {f"{part}_images": np.eye(64, dtype=np.uint8) for part in ("train", "test")}
    np.savez(tmp_path / "other.npz", **other, train_labels=np.arange(64) % 10, test_labels=np.arange(64) % 10)
    # The installation that runs this test is hidden from the process: what finds it, and its name.
    code = """
import runpy, sys
sys.meta_path[:] = [f for f in sys.meta_path if "editable" not in getattr(f, "__module__", str(f))]
sys.argv = ["train", "small.toml", "--epochs", "1", "--set", "inputs=['mix']", "--device", "cpu", "--out", "run"]
try:
    runpy.run_module("train", run_name="__main__")
finally:
    assert "train.run" in sys.modules and "spatialgraph.train" not in sys.modules, "the installation was used"
    assert "torch._dynamo" not in sys.modules, "PyTorch's compiler was imported, which takes longer than this training"
"""
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert len(list((tmp_path / "run" / "networks").iterdir())) == 4


def test_the_lines_of_the_readme_run(work, monkeypatch, capsys):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    [lines] = [block for part in text.split("```python\n")[1:] if "sg.read(" in (block := part.split("```")[0])]
    monkeypatch.chdir(work / "runs")
    (work / "runs" / "run").symlink_to("small")
    exec(compile(lines, "README.md", "exec"), {})
    graph, *frame = capsys.readouterr().out.splitlines()
    assert graph.startswith("DiGraph named 'concatenate-spatial-0' with 32 nodes")
    assert frame[0].split() == ["split", "ablation", "metric", "task", "value"]
    assert [line.split()[1] for line in frame[1:]] == ["none"] * 4 + ["greedy"] * 3
    assert (work / "runs" / "methods.png").stat().st_size > 0
