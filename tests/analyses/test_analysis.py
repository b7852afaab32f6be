"""Analyses of whole runs: every table, carrying on after a kill, files that are not what they should be."""

import dataclasses
import io
import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import time
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from pathlib import Path

import commands
import numpy as np
import pandas as pd
import pytest
from analysed_run import without_summary
from builders import UNITS, small_evaluation, two_module_network, write_run
from rich.console import Console

from spatialgraph import store, workers
from spatialgraph.analyses import analysis
from spatialgraph.analyses.analysis import AGREEMENT_COLUMNS, NULL_COLUMNS, UnfinishedError, analyze
from spatialgraph.analyses.chance import null_models
from spatialgraph.analyses.columns import COLUMNS, FULL, GUESSED
from spatialgraph.analyses.members import MEMBER_COLUMNS
from spatialgraph.analyses.report.measured import full_accuracy
from spatialgraph.analyses.results import Results
from spatialgraph.analyses.scoring import Plan
from spatialgraph.analyses.steps import all_drawn
from spatialgraph.files import InUseError, digest, locked
from spatialgraph.metrics import facts
from spatialgraph.network import Evaluation
from spatialgraph.notes import Note
from spatialgraph.nulls import chance
from spatialgraph.store import read_arrays, read_network, read_splits, write_evaluation, write_network

# Of a network: its scores, and each null model.
STEPS = 1 + len(null_models())
QUICK = {"splits": ["greedy"], "metrics": ["modularity", "accuracy"], "ablations": ["zero"]}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("written"))


@pytest.fixture
def run(written, tmp_path):
    return shutil.copytree(written, tmp_path, dirs_exist_ok=True)


def quietly(run, results, jobs=1, evaluations=(), **choices):
    how = {"jobs": jobs, "evaluations": evaluations, "console": Console(file=io.StringIO())}
    return analyze(run, results, plan=Plan.choose(**choices), **how)


@pytest.fixture
def unsummed(monkeypatch):
    """Write empty tables in place of those that only sum others up, which takes half of the time."""
    monkeypatch.setattr(analysis, "write_summary", without_summary)


def tables(results):
    """Return the bytes of everything that an analysis writes for others to read."""
    return {path.name: path.read_bytes() for path in sorted(results.iterdir()) if path.is_file() and path.suffix}


def test_analyze_writes_tidy_scores_splits_and_notes(run):
    count = quietly(run, run / "results")
    scores = pd.read_csv(run / "results" / "scores.csv")
    assert list(scores.columns) == list(COLUMNS)
    assert len(scores) == count
    assert set(scores["network"]) == {"net-0", "net-1"}
    assert set(scores["seed"]) == {0, 1}
    assert read_splits(run / "results" / "splits.h5")["net-1"]["greedy"].labels(1).tolist() == [0] * 4 + [1] * 4
    notes = pd.read_csv(run / "results" / "notes.csv")
    assert list(notes.columns) == ["network", "split", "note", "code", "values"]
    assert {"activation-mean"} <= set(notes["split"])
    for row in notes.to_dict("records"):
        assert str(Note(row["code"], json.loads(row["values"]))) == row["note"]
    assert (run / "results" / "summary.md").read_text().startswith("#")
    assert json.loads((run / "results" / "analysis.json").read_text())["nulls"] == 0


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Return results with draws of every null model, by methods of both kinds: communities of no task, and modules."""
    run = write_run(tmp_path_factory.mktemp("compared"))
    quietly(run, run / "results", splits=["greedy", "louvain"], ablations=["zero"], nulls=9)
    return run / "results"


def test_splits_keep_the_communities_that_were_found(compared):
    scores = pd.read_csv(compared / "scores.csv").query("metric == 'communities'").set_index("network")["value"]
    splits = read_splits(compared / "splits.h5")
    assert all(own["greedy"].communities is None for own in splits.values())
    for name, own in splits.items():
        found = np.concatenate(list(own["louvain"].communities.values()))
        assert set(found.tolist()) == set(range(int(scores[name])))
        assert sorted(own["louvain"].communities) == sorted(own["louvain"].membership)


def test_every_score_that_can_differ_by_chance_is_compared_with_every_null_model(compared):
    nulls = pd.read_csv(compared / "nulls.csv", keep_default_na=False, na_values={"z": "", "p": "", "sd": ""})
    scores = pd.read_csv(compared / "scores.csv", keep_default_na=False)
    assert list(nulls.columns) == list(NULL_COLUMNS)
    of = {metric: facts(metric.split(":")[0]) for metric in scores["metric"] if metric != GUESSED}
    for null in ("shuffle", "strength", "distance", "untrained", "random-split"):
        of_null = nulls[nulls["null"] == null]
        random = null == "random-split"
        want = {m for m, f in of.items() if (f.of == "function" if random else f.weights and f.of != "function")}
        assert set(of_null["metric"]) == want, null
        assert (of_null["draws"] <= (1 if null == "untrained" else 9)).all()
    assert nulls["p"].dropna().between(1 / 10, 1).all()
    greedy = nulls[(nulls["network"] == "net-0") & (nulls["split"] == "greedy")].set_index(["null", "metric"])
    # Two modules that hardly touch are more modular than anything that was shuffled.
    assert greedy.loc[("shuffle", "modularity"), "p"] == 1 / 10
    assert greedy.loc[("shuffle", "cut"), "tail"] == "low"
    assert greedy.loc[("shuffle", "cut"), "p"] == 1 / 10
    assert greedy.loc[("untrained", "modularity"), "mean"] < greedy.loc[("untrained", "modularity"), "value"]
    keys = ["network", "split", "ablation", "metric", "task"]
    both = nulls.merge(scores, on=keys, suffixes=("", "_score"))
    assert len(both) == len(nulls)
    assert np.array_equal(both["value"], both["value_score"])


def test_a_part_holds_the_values_of_all_draws(compared):
    arrays, known = read_arrays(compared / "parts" / "net-0" / "strength.h5", "analysis-part")
    nulls = pd.read_csv(compared / "nulls.csv", keep_default_na=False).query(
        "network == 'net-0' and null == 'strength'"
    )
    names = ["split", "ablation", "metric", "task"]
    assert sorted(known["rows"]) == sorted(nulls[names].to_numpy().tolist())
    assert arrays["values"].shape == (len(known["rows"]), 9)
    row = nulls.query("split == 'greedy' and metric == 'modularity'")
    values = arrays["values"][known["rows"].index(row[names].to_numpy()[0].tolist())]
    found = chance(row["value"].item(), values, "high")
    assert (found.p, found.mean, found.z) == tuple(row[["p", "mean", "z"]].to_numpy(float)[0])


def test_all_values_on_draws_of_a_network_can_be_had(compared):
    table = pd.read_csv(compared / "nulls.csv", keep_default_na=False)
    table = table[table["network"] == "net-0"].reset_index(drop=True)
    found = all_drawn(compared / "parts" / "net-0")
    names = ["split", "ablation", "metric", "task"]
    rows = table[["null", *names, "mean", "draws"]].to_dict("tight")["data"]
    assert sorted(row[:5] for row in rows) == sorted([drawn.null, *drawn.score.key] for drawn in found)
    means = {(drawn.null, *drawn.score.key): np.nanmean(drawn.values) for drawn in found}
    assert all(float(row[5]) == pytest.approx(means[tuple(row[:5])]) for row in rows)
    with pytest.raises(FileNotFoundError, match=r"scores\.h5: expected the scores that `spatialgraph analyze` wrote"):
        all_drawn(compared / "parts" / "net-9")


def test_a_network_without_a_snapshot_is_not_compared_with_itself_untrained(tmp_path, unsummed):
    run = write_run(tmp_path, seeds=[0], snapshots=False)
    quietly(run, run / "results", splits=["greedy"], nulls=2)
    notes = pd.read_csv(run / "results" / "notes.csv")
    assert (
        notes["note"].str.contains("null model 'untrained': expected a snapshot of epoch 0 in its file, found").sum()
        == 1
    )
    assert "untrained" not in set(pd.read_csv(run / "results" / "nulls.csv")["null"])


def test_agreement_is_that_of_every_two_methods_and_of_the_seeds_of_a_method(run, unsummed):
    quietly(run, run / "results", splits=["greedy", "random", "positions"])
    found = pd.read_csv(run / "results" / "agreement.csv")
    assert list(found.columns) == list(AGREEMENT_COLUMNS)
    pairs = set(zip(found["split"], found["other"], strict=True))
    assert pairs == {
        ("greedy", "random"),
        ("greedy", "positions"),
        ("random", "positions"),
        ("random", "random"),
        ("positions", "positions"),
    }
    rand = found[found["measure"] == "adjusted-rand"].set_index(["network", "split", "other"])["value"]
    assert rand["net-0", "greedy", "positions"] == 1
    assert rand["net-0", "positions", "positions"] == 1
    assert rand["net-0", "random", "random"] < 0.9


def test_the_same_analysis_gives_the_same_bytes_and_another_seed_other_random_splits(run):
    choices = {"splits": ["random", "spectral", "greedy"], "ablations": ["zero"], "nulls": 2}
    quietly(run, run / "one", **choices)
    quietly(run, run / "two", jobs=2, **choices)
    quietly(run, run / "three", seed=1, **choices | {"metrics": ["modularity"], "nulls": 0})
    assert tables(run / "one") == tables(run / "two")
    splits = {name: read_splits(run / name / "splits.h5") for name in ("one", "three")}
    drawn = [[s[f"net-{k}"]["random"].labels(1).tolist() for k in (0, 1)] for s in splits.values()]
    assert drawn[0] != drawn[1]
    assert drawn[0][0] != drawn[0][1]


def test_an_analysis_carries_on_and_another_plan_or_network_is_analysed_anew(run, monkeypatch, unsummed):
    made = []
    do = analysis.do

    def counted(step):
        made.append((step.file.stem, step.name))
        return do(step)

    monkeypatch.setattr(analysis, "do", counted)
    choices = QUICK | {"splits": ["greedy", "random"], "nulls": 2}
    steps = ["scores", *null_models()]
    quietly(run, run / "results", **choices)
    first = tables(run / "results")
    assert sorted(made) == sorted((f"net-{k}", step) for k in (0, 1) for step in steps)
    assert [step for _, step in made[:2]] == ["scores", "scores"]  # what the null models need comes first
    made.clear()
    quietly(run, run / "results", **choices)
    assert made == []
    (run / "results" / "parts" / "net-1" / "strength.h5").write_bytes(b"half")  # what cannot be read is made again
    (run / "results" / "parts" / "net-0" / "distance.h5").unlink()
    quietly(run, run / "results", **choices)
    assert sorted(made) == [("net-0", "distance"), ("net-1", "strength")]
    assert tables(run / "results") == first
    made.clear()
    write_run(run, seeds=[1, 2])  # net-1 is the same network, net-2 is new
    quietly(run, run / "results", **choices)
    assert {name for name, _ in made} == {"net-2"}
    made.clear()
    quietly(run, run / "results", **(choices | {"nulls": 3}))
    assert sorted(made) == sorted((f"net-{k}", step) for k in (0, 1, 2) for step in steps[1:])  # scores are of no draws


def test_an_evaluation_that_is_not_the_one_named_is_refused(run):
    kept = small_evaluation(UNITS)
    write_evaluation(run / "evaluation-mix.h5", Evaluation(kept.inputs, kept.labels[::-1].copy()))
    with pytest.raises(ValueError, match=r"evaluation-mix\.h5: expected SHA-256 [0-9a-f]{12}… that .*net-0\.h5 names"):
        quietly(run, run / "results")
    (run / "evaluation-mix.h5").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"expected the evaluation that .*net-0\.h5 names, found nothing; .* --evaluation"
    ):
        quietly(run, run / "results")


FEW = {"splits": ["greedy"], "ablations": ["incoming"], "metrics": ["accuracy", "modularity"]}


def without_evaluation(run):
    """Let the networks of a run name no held-out examples."""
    for file in (run / "networks").glob("*.h5"):
        network = read_network(file)
        known = {name: value for name, value in network.metadata.items() if name != "evaluation"}
        write_network(file, dataclasses.replace(network, metadata=known))


@pytest.mark.parametrize("named", [True, False])
def test_examples_outside_the_run_are_used_if_they_are_given(run, tmp_path_factory, named, unsummed):
    quietly(run, run / "results", **FEW)
    expected = tables(run / "results")
    if not named:
        without_evaluation(run)
    outside = tmp_path_factory.mktemp("outside") / "mine.h5"
    shutil.move(run / "evaluation-mix.h5", outside)
    quietly(run, run / "again", evaluations=[outside], **FEW)
    found = tables(run / "again")
    assert found.pop("analysis.json") != expected.pop("analysis.json")
    assert found == expected
    facts = json.loads((run / "again" / "analysis.json").read_text())
    assert facts["evaluations"] == {os.path.relpath(outside, run / "again"): digest(outside)}


def test_an_analysis_with_examples_is_another_than_one_without(run, unsummed):
    without_evaluation(run)
    quietly(run, run / "results", **FEW)
    assert "accuracy" not in (run / "results" / "scores.csv").read_text()
    quietly(run, run / "results", evaluations=[run / "evaluation-mix.h5"], **FEW)
    assert "accuracy" in (run / "results" / "scores.csv").read_text()


def test_examples_that_are_given_for_no_network_are_refused(run):
    write_evaluation(run / "other.h5", small_evaluation(UNITS + 2))
    with pytest.raises(
        ValueError, match=r"other\.h5: expected held-out examples of a network of the run, found SHA-256"
    ):
        quietly(run, run / "results", evaluations=[run / "other.h5"])
    with pytest.raises(FileNotFoundError, match=r"none\.h5: expected a file of held-out examples, found nothing"):
        quietly(run, run / "results", evaluations=[run / "none.h5"])
    without_evaluation(run)
    message = (
        r"net-0\.h5: expected one evaluation for a network that names none, found .*other\.h5, .*evaluation-mix\.h5"
    )
    with pytest.raises(ValueError, match=message):
        quietly(run, run / "results", evaluations=[run / "other.h5", run / "evaluation-mix.h5"])
    assert not (run / "results" / "analysis.json").exists()


def test_a_wrong_accuracy_in_the_run_of_the_specification_stops_the_analysis(tmp_path, monkeypatch):
    text = Path(store.__file__).with_name("FORMAT.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names = {"inputs": np.ones((1000, 3), np.float32), "labels": np.zeros((1000, 2), int)}
    for program in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        exec(compile(program, "FORMAT.md", "exec"), names)
    assert store.faults("run/networks/mine.h5") == []
    with pytest.raises(
        ValueError, match=r"expected the accuracies 0\.9000, 0\.8000 that .* states, found 1\.0000, 1\.0000"
    ):
        quietly(Path("run"), Path("run/results"), **FEW)


def test_a_folder_without_networks_is_refused(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"networks: expected networks \(\*\.h5\) of a training run, found none"
    ):
        quietly(tmp_path, tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_a_number_of_jobs_that_is_none_is_refused(run):
    with pytest.raises(ValueError, match=r"^jobs: expected a number of at least 1, or -1 .*, found 0$"):
        quietly(run, run / "results", jobs=0)


def test_results_that_another_process_writes_are_left_alone(run):
    with locked(run / "results", "another analysis"), pytest.raises(InUseError, match="so analysis cannot start"):
        quietly(run, run / "results")


def test_an_analysis_that_is_killed_again_and_again_ends_like_one_that_was_not(tmp_path):
    run = write_run(tmp_path, seeds=range(4))
    choices = QUICK | {"splits": ["greedy", "random", "louvain"], "nulls": 2}
    quietly(run, run / "whole", **choices)
    command = ["analyze", run, "--out", run / "killed", "--jobs", "2"]
    command += ["--splits", "greedy,random,louvain", "--metrics", "modularity,accuracy", "--nulls", "2"]
    command += ["--ablations", "zero"]
    parts = run / "killed" / "parts"
    for least in (0, 8):  # while it scores, and while it draws
        process = commands.Command(*command)
        while process.returncode is None and len(list(parts.glob("*/*.h5"))) <= least:
            time.sleep(0.01)
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert 8 < len(list(parts.glob("*/*.h5"))) < 4 * STEPS
    done = commands.run(*command)
    assert done.returncode == 0, done.stderr
    assert "summary.md" in done.stdout
    assert tables(run / "killed") == tables(run / "whole")


def workers_of(process):
    """Return the numbers of the processes that work for one, and are alive, of its group."""
    listed = subprocess.run(["ps", "-ww", "-eo", "pid,pgid,stat,args"], capture_output=True, text=True, check=True)
    rows = [line.split(None, 3) for line in listed.stdout.splitlines()[1:]]
    own = [row for row in rows if row[1] == str(process.pid) and "popen_loky" in row[3] and not row[2].startswith("Z")]
    return [int(row[0]) for row in own]


def analysis_of(run, *options, jobs=2):
    """Start the command."""
    return commands.Command("analyze", run, "--jobs", jobs, *options)


def test_workers_end_when_the_process_they_work_for_is_killed(tmp_path):
    run = write_run(tmp_path, seeds=range(2))
    process = analysis_of(run, "--nulls", "100000", "--splits", "greedy")
    try:
        wait_for(lambda: len(list(run.glob("results/parts/*/scores.h5"))) == 2, 60)
        assert len(workers_of(process)) == 2  # which draw now
    finally:
        process.kill()
        process.communicate()
    wait_for(lambda: not workers_of(process), 30)


def test_a_worker_that_is_killed_loses_its_step_and_the_same_command_does_it(tmp_path):
    run, options = write_run(tmp_path, seeds=range(3)), ("--splits", "greedy,random", "--nulls", "2")
    options += ("--metrics", "modularity,accuracy", "--ablations", "zero")
    quietly(run, run / "whole", **QUICK | {"splits": ["greedy", "random"], "nulls": 2})
    (run / "results" / "parts").mkdir(parents=True)  # no process starts before it has a step
    process = analysis_of(run, *options)
    wait_for(lambda: workers_of(process), 60)
    os.kill(workers_of(process)[0], signal.SIGKILL)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    lost = errors[: len("net-0")]
    said, end = errors.splitlines()  # neither a warning nor a traceback
    killed = "its process was killed (SIGKILL), perhaps for want of memory"
    assert said == f"{lost} · scores: not done, {killed}; the others go on"
    assert end == (
        f"error: {STEPS} of {3 * STEPS} steps are missing ({lost} · scores, {lost} · random-split, {lost} · shuffle, "
        f"{lost} · strength and {STEPS - 4} more), and with them the tables: the same command does what is missing; "
        "fewer --jobs take less memory"
    )
    parts = {part.relative_to(run / "results" / "parts").parts[0] for part in run.glob("results/parts/*/*.h5")}
    assert sorted([lost, *parts]) == ["net-0", "net-1", "net-2"]  # the rest was done
    assert not (run / "results" / "scores.csv").exists()
    again = analysis_of(run, *options, jobs=1)
    assert (again.communicate(timeout=120)[1], again.returncode) == ("", 0)
    assert tables(run / "results") == tables(run / "whole")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system does not tell which processes are stopped")
def test_a_worker_that_is_stopped_is_told_and_waited_for(run, monkeypatch, unsummed):
    monkeypatch.setattr(workers, "_LOOK", 0.05)
    monkeypatch.setattr(workers, "_PATIENCE", 0.2)
    stream = io.StringIO()
    (run / "results" / "parts").mkdir(parents=True)  # no process starts before it has a step
    others = set(multiprocessing.active_children())

    def workers_of_it():
        return [child for child in multiprocessing.active_children() if child not in others]

    def stop():
        wait_for(workers_of_it, 60)
        worker = workers_of_it()[0].pid
        os.kill(worker, signal.SIGSTOP)
        wait_for(lambda: "its process is stopped" in stream.getvalue(), 60)
        os.kill(worker, signal.SIGCONT)

    with ThreadPoolExecutor(1) as beside:
        done = beside.submit(stop)
        analyze(run, run / "results", plan=Plan.choose(**QUICK), jobs=2, console=Console(file=stream))
        done.result()
    pattern = (
        r"net-[01] · scores: its process is stopped; `kill -CONT (\d+)` lets it go on, `kill -KILL \1` gives it up\n"
    )
    assert re.match(pattern, stream.getvalue())
    quietly(run, run / "whole", **QUICK)
    assert tables(run / "results") == tables(run / "whole")


def test_a_step_without_memory_is_left_out_and_the_others_are_done(run, monkeypatch):
    do, stream = analysis.do, io.StringIO()

    def short(step):
        if str(step) == "net-1 · strength":
            raise MemoryError
        do(step)

    monkeypatch.setattr(analysis, "do", short)
    with pytest.raises(
        UnfinishedError, match=rf"^1 of {2 * STEPS} steps is missing \(net-1 · strength\), and with them"
    ):
        analyze(run, run / "results", plan=Plan.choose(**QUICK, nulls=2), console=Console(file=stream, width=200))
    assert stream.getvalue() == "net-1 · strength: not done, too little memory; the others go on\n"
    assert len(list(run.glob("results/parts/*/*.h5"))) == 2 * STEPS - 1


def test_an_executor_from_outside_does_the_steps_the_longest_first_and_what_it_loses_is_told(run, unsummed):
    quietly(run, run / "whole", **QUICK, nulls=1)
    given = []

    class Noting(ThreadPoolExecutor):
        def submit(self, function, step):
            given.append(step.name)
            return super().submit(function, step)

    with Noting(2) as executor:
        plan = Plan.choose(**QUICK, nulls=1)
        analyze(run, run / "results", plan=plan, executor=executor, console=Console(file=io.StringIO()))
    assert tables(run / "results") == tables(run / "whole")
    assert given[:4] == ["scores", "scores", "random-split", "random-split"]
    assert len(given) == 2 * STEPS

    class Broken(Executor):
        def submit(self, function, step):
            future = Future()
            future.set_exception(BrokenExecutor("the cluster is gone"))
            return future

    with pytest.raises(UnfinishedError, match=r"^2 of 2 steps are missing \(net-0 · scores, net-1 · scores\)"):
        analyze(run, run / "other", plan=Plan.choose(**QUICK), executor=Broken(), console=Console(file=io.StringIO()))


def wait_for(happens, seconds):
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_part_of_which_a_byte_was_changed_is_made_again(run, unsummed):
    quietly(run, run / "results", **QUICK, nulls=2)
    before = tables(run / "results")
    for part in sorted((run / "results" / "parts" / "net-0").glob("*.h5")):
        whole = part.read_bytes()
        middle = len(whole) * 2 // 3
        part.write_bytes(whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :])
    quietly(run, run / "results", **QUICK, nulls=2)
    assert tables(run / "results") == before


def test_hidden_files_beside_networks_are_no_networks(run, unsummed):
    (run / "networks" / "._net-0.h5").write_bytes(b"\0\5\x16\7Mac OS X")
    quietly(run, run / "results", splits=["greedy"], metrics=["modularity"])
    assert set(pd.read_csv(run / "results" / "scores.csv")["network"]) == {"net-0", "net-1"}


@pytest.mark.parametrize("name", analysis._TABLES)
def test_a_file_of_another_program_is_not_replaced(run, name):
    (run / "mine").mkdir()
    (run / "mine" / name).write_text("precious")
    with pytest.raises(FileExistsError, match=rf"{name}: expected a folder that is new or that an analysis wrote"):
        quietly(run, run / "mine", splits=["greedy"], metrics=["modularity"])
    assert [file.read_text() for file in (run / "mine").iterdir()] == ["precious"]


def test_a_file_beside_the_tables_that_none_is_called_like_is_left_alone(run):
    (run / "mine").mkdir()
    (run / "mine" / "notes.txt").write_text("precious")
    quietly(run, run / "mine", splits=["greedy"], metrics=["modularity"])
    assert (run / "mine" / "notes.txt").read_text() == "precious"
    assert set(analysis._TABLES) < {file.name for file in (run / "mine").iterdir()}


@pytest.fixture(scope="module")
def analysed(tmp_path_factory):
    run = write_run(tmp_path_factory.mktemp("analysed"), snapshots=False)
    # Each file is called like the other's network; a third has a network without a name.
    names = [run / "networks" / f"net-{seed}.h5" for seed in (0, 1)]
    names[0].rename(run / "networks" / "other.h5")
    names[1].rename(names[0])
    (run / "networks" / "other.h5").rename(names[1])
    nameless = dataclasses.replace(two_module_network(UNITS, seed=2), metadata={"tasks": ["left", "right"]})
    write_network(run / "networks" / "nameless.h5", nameless)
    quietly(run, run / "results", **QUICK)
    return run


@pytest.fixture
def finished(analysed, tmp_path):
    return shutil.copytree(analysed, tmp_path / "run") / "results"


def test_a_network_is_called_by_its_files_name_everywhere(analysed):
    results = Results.load(analysed / "results")
    scores = results.scores[(results.scores["split"] == FULL) & (results.scores["metric"] == "accuracy")]
    for name in ("net-0", "net-1", "nameless"):
        network = results.network(name)
        own = scores[scores["network"] == name].set_index("task")["value"]
        assert network.name == name
        assert full_accuracy(results, network) == [own.get(task) for task in network.tasks]
    assert results.network("net-0").metadata["seed"] == 1  # the other one's, by its metadata


def test_an_analysis_that_is_not_finished_is_not_read(finished, monkeypatch):
    before = Results.load(finished)
    monkeypatch.setattr(analysis, "_write", lambda *_: 1 / 0)  # as if it were killed
    with pytest.raises(ZeroDivisionError):
        quietly(finished.parent, finished, **QUICK | {"seed": 1})
    expected = "expected a finished analysis, found one that is running or was stopped: wait for it, or run"
    with pytest.raises(ValueError, match=expected):
        Results.load(finished)
    with pytest.raises(ValueError, match=expected):
        before.require_current()
    monkeypatch.undo()
    quietly(finished.parent, finished, **QUICK | {"seed": 1})
    assert Results.load(finished).facts["seed"] == 1
    with pytest.raises(ValueError, match="expected the analysis that was read, found another"):
        before.require_current()


@pytest.mark.parametrize("name", analysis._TABLES)
def test_a_table_of_another_analysis_is_refused(finished, name):
    (finished / name).write_bytes((finished / name).read_bytes() + b"\n")
    with pytest.raises(ValueError, match=rf"{name}: expected what the analysis wrote that .* run `spatial"):
        Results.load(finished)


def test_a_network_that_was_replaced_is_refused(finished):
    networks = finished.parent / "networks"
    shutil.copy(networks / "net-1.h5", networks / "net-0.h5")
    results = Results.load(finished)
    assert results.network("net-1").name == "net-1"
    with pytest.raises(ValueError, match=r"net-0\.h5: expected the network that was analysed, of SHA-256 .*, found"):
        results.network("net-0")


def test_results_of_older_versions_are_read_as_they_are(finished):
    facts = json.loads((finished / "analysis.json").read_text())
    old = {key: value for key, value in facts.items() if key not in ("finished", "networks", "tables")}
    (finished / "analysis.json").write_text(json.dumps(old))
    (finished / "notes.csv").write_text("network,split,note\n")
    assert Results.load(finished).network("net-0").name == "net-0"


@pytest.mark.parametrize("name", ["a\nb.h5", "a\x1b[31m.h5", "a .h5"])
def test_files_whose_names_no_network_can_have(run, name):
    (run / "networks" / "net-0.h5").rename(run / "networks" / name)
    with pytest.raises(ValueError, match="a file's name: expected a name in one line, without blanks around it, found"):
        quietly(run, run / "results", **QUICK)


def test_another_reference_writes_the_tables_again_and_does_no_step(run):
    for seed in (0, 1):  # two kinds more
        for kind in ("swap", "regular"):
            network = read_network(run / "networks" / f"net-{seed}.h5")
            named = dataclasses.replace(network, metadata=network.metadata | {"kind": kind, "name": f"{kind}-{seed}"})
            write_network(run / "networks" / f"{kind}-{seed}.h5", named)
    results = run / "results"
    quietly(run, results, **QUICK)
    assert json.loads((results / "analysis.json").read_text())["reference"] == "regular"
    before = {path: path.stat().st_mtime_ns for path in (results / "parts").rglob("*.h5")}
    analyze(run, results, plan=Plan.choose(**QUICK), reference="swap", console=Console(file=io.StringIO()))
    assert {path: path.stat().st_mtime_ns for path in (results / "parts").rglob("*.h5")} == before
    assert Results.load(results).reference == "swap"
    kinds = pd.read_csv(results / "comparisons.csv").query("comparison == 'kinds'")
    assert set(zip(kinds["one"], kinds["other"], strict=True)) == {("swap", "regular"), ("swap", "spatial")}
    assert "The reference is the kind swap: 2 other kinds are compared with it" in (results / "summary.md").read_text()


def l1_run(run):
    """Write networks of two doses of a family beside those of the run; each states how it was trained."""
    for dose in (0.5, 2.0):
        for seed in (0, 1):
            network = read_network(run / "networks" / f"net-{seed}.h5")
            known = {"kind": f"l1 λ={dose:g}", "name": f"l1-{dose:g}-{seed}", "family": "l1"}
            known |= {"settings": {"l1": dose, "learning_rate": 0.005}, "symbols": {"l1": "λ", "learning_rate": "η"}}
            known |= {"validation_accuracy": [0.9, 0.8]}
            made = dataclasses.replace(network, metadata=network.metadata | known)
            write_network(run / "networks" / f"{known['name']}.h5", made)


def test_networks_csv_has_the_dose_the_validation_accuracy_and_the_strength_of_each_network(run):
    l1_run(run)
    quietly(run, run / "results", **QUICK)
    table = pd.read_csv(run / "results" / "networks.csv").set_index("network")
    assert tuple(table.reset_index()[list(MEMBER_COLUMNS)].columns) == MEMBER_COLUMNS
    row = table.loc["l1-2-1"]
    assert (row["family"], row["line"], row["setting"], row["symbol"], row["dose"]) == ("l1", "l1", "l1", "λ", 2.0)
    assert json.loads(row["settings"]) == {"l1": 2.0, "learning_rate": 0.005}
    assert row["validation_accuracy"] == pytest.approx(0.85)
    assert pd.isna(table.loc["net-0", "validation_accuracy"])
    network = read_network(run / "networks" / "l1-2-1.h5")
    assert row["strength"] == pytest.approx(sum(np.abs(c.weight).sum() for c in network.connections))
    doses = pd.read_csv(run / "results" / "doses.csv")
    assert doses["kind"].tolist() == ["spatial", "l1 λ=0.5", "l1 λ=2"]
    assert set(doses["examples"]) == {"held-out"}  # as two networks have no validation accuracy


def test_parts_of_an_earlier_version_stay_right_and_give_the_same_tables(run, monkeypatch):
    l1_run(run)
    results = run / "results"
    quietly(run, results, **QUICK)
    expected = tables(results)
    for part in results.glob("parts/*/scores.h5"):
        arrays, known = read_arrays(part, "analysis-part")
        del known["known"]["strength"]
        store.write_arrays(part, "analysis-part", arrays, known)
    monkeypatch.setattr(analysis, "do", None)  # a step that is done again would fail
    quietly(run, results, **QUICK)
    assert tables(results) == expected


def test_an_unknown_reference_is_refused_before_any_step(run):
    with pytest.raises(ValueError, match=r"^reference: unknown kind 'regular'; known: spatial$"):
        analyze(run, run / "results", reference="regular", console=Console(file=io.StringIO()))
    assert not list((run / "results").rglob("*.h5"))
