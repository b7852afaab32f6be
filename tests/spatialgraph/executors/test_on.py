"""Who does the work, as ``--on`` says it."""

import subprocess
import sys

import pytest

from spatialgraph import executors
from spatialgraph.executors import Dask, Local, Slurm, executor_of, on


def test_forms_that_are_known():
    assert on("local") == Local()
    assert on("dask") == Dask("")
    assert on("dask:tcp://node7:8786") == Dask("tcp://node7:8786")
    assert on("slurm") == Slurm()
    text = "slurm:partition=gpu,minutes=90,gpus=1,cpus=4,memory=16,array=8,account=me,qos=low,constraint=a100"
    assert on(text) == Slurm("gpu", 90, 1, 4, 16, 8, "me", "low", "a100")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ray", r"^--on: expected local, dask, dask:tcp://HOST:PORT or slurm:partition=…,minutes=…; found 'ray'$"),
        ("local:4", "found 'local:4'"),
        ("dask:node7", "^--on: expected dask:tcp://HOST:PORT, found dask:node7$"),
        ("slurm:minutes=soon", "^--on slurm: minutes: expected a whole number, found 'soon'$"),
        ("slurm:minutes=0", "^--on slurm: minutes: expected at least 1, found 0$"),
        ("slurm:hours=3", r"^--on slurm: expected partition=…, minutes=…, .*; found 'hours=3'$"),
        ("slurm:gpu", "found 'gpu'$"),
    ],
)
def test_other_forms_are_refused_in_a_line(text, message):
    with pytest.raises(ValueError, match=message):
        on(text)


@pytest.mark.parametrize(("name", "package"), [("dask", "distributed"), ("slurm", "submitit")])
def test_a_package_that_is_missing_is_named_with_what_installs_it(name, package, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, package, None)
    expected = rf'^--on {name} needs the package \'{package}\', found none: pip install "spatialgraph\[cluster\]"$'
    with pytest.raises(RuntimeError, match=expected), executor_of(on(name), tmp_path, print):
        pass


def test_processes_of_this_machine_need_no_executor(tmp_path):
    with executor_of(Local(), tmp_path, print) as executor:
        assert executor is None


def test_nothing_of_a_cluster_is_imported_before_it_is_asked_for():
    code = "import sys, spatialgraph.cli, spatialgraph.executors; spatialgraph.executors.on('slurm'); "
    code += "sys.exit(any(name in sys.modules for name in ('dask', 'distributed', 'submitit')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert executors.INSTALL == 'pip install "spatialgraph[cluster]"'
