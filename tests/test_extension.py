"""A plugin with one entry of each kind goes through the contract tests: no list of any test names its entries."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ENTRIES = ("propagation", "inside", "renumbered", "networks-by-kind")
CONTRACTS = (
    *("spatialgraph/splits/test_splits.py", "spatialgraph/splits/test_any_graph.py"),
    *("spatialgraph/metrics/test_metrics.py", "spatialgraph/metrics/test_community.py"),
    *("spatialgraph/metrics/test_any_graph.py", "spatialgraph/nulls/test_any_graph.py"),
    *("spatialgraph/nulls/test_draws.py", "analyses/figures/test_figures.py"),
)


@pytest.fixture
def installed(tmp_path):
    """Return a folder of packages that holds the plugin, as pip would install it."""
    shutil.copy(TESTS / "support" / "one_of_each.py", tmp_path)
    about = tmp_path / "one_of_each-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: one-of-each\nVersion: 1\n", encoding="utf-8")
    (about / "entry_points.txt").write_text("[spatialgraph.plugins]\none_of_each = one_of_each\n", encoding="utf-8")
    return tmp_path


def test_contract_tests_hold_for_a_plugin_with_one_entry_of_each_kind(installed):
    chosen = " or ".join(ENTRIES)
    command = [sys.executable, "-m", "pytest", "-p", "one_of_each", "-n", "0", "-v", "-p", "no:cacheprovider"]
    command += ["-k", chosen, *(TESTS / contract for contract in CONTRACTS)]
    environment = os.environ | {"PYTHONPATH": f"{installed}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=TESTS.parent)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    passed = re.findall(r"\[(.*)\] PASSED", done.stdout)
    for entry in ENTRIES:
        assert any(entry in parameters for parameters in passed), entry
