"""What all tests share: one thread for each process, less garbage collection, and the files that take longest first."""

import gc
import os
import sys
from pathlib import Path

import pytest

# Threads of several processes that wait for one another on the same cores make each many times slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Kernels for a GPU are run by Python where there is none, which Triton asks for before it is imported.
if not Path("/dev/nvidiactl").exists():
    os.environ.setdefault("TRITON_INTERPRET", "1")

# What only a failure of the power would show is not waited for.
os.fsync = lambda _: None

# A plugin: imported while its examples are looked for, it would enter its functions for all tests.
collect_ignore = ["support/one_of_each.py"]

# Two thirds of the time. Begun last, one of them would leave all processes but its own without work.
_LONGEST = (
    *("spatialgraph/test_cli.py", "train/test_run.py", "analyses/test_analysis.py", "analyses/figures/test_figures.py"),
    *("analyses/report/test_page.py", "analyses/report/test_first_screen.py", "analyses/report/test_kept_views.py"),
    *("train/test_grid.py", "analyses/test_chance.py", "benchmarks/test_gpu.py"),
    *("analyses/report/test_neuron.py", "analyses/report/test_lesions.py"),
    *("train/test_kinds.py", "examples/test_examples.py", "analyses/test_any_graph.py", "analyses/test_steps.py"),
    *("spatialgraph/torch/test_models.py", "spatialgraph/torch/test_traced_runner.py", "spatialgraph/test_front.py"),
    *(
        "spatialgraph/torch/test_zoo.py",
        "spatialgraph/torch/test_exact_streams.py",
        "spatialgraph/torch/test_captured.py",
    ),
)
_PLACES = {Path(__file__).parent / name: place for place, name in enumerate(_LONGEST)}
assert all(path.is_file() for path in _PLACES), "a file that is named here is there no more"


@pytest.fixture(scope="module", autouse=True)
def small_numbers_are_kept():
    """Undo what training in this process does to numbers so small that processors are slow at them."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_flush_denormal(False)


def pytest_collection_modifyitems(items):
    """Let the files that take longest begin first."""
    items.sort(key=lambda item: _PLACES.get(item.path, len(_PLACES)))


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Look for garbage neither while tests are collected, a third of the time, nor later in what is imported then."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(100_000, 20, 20)  # looked for every 700 new objects, it takes a tenth of what traces models
        gc.enable()
