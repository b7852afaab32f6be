"""The release checklist: what it asks for."""

import importlib.util
import subprocess
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location("release", Path(__file__).with_name("release.py"))
release = importlib.util.module_from_spec(spec)
spec.loader.exec_module(release)

LOG = "# Changelog\n\n## 1.2.0 – 2030-01-02\n\n- a change\n\n## 1.1.0 – 2029-01-01\n"
CITATION = "version: 1.2.0\ndate-released: 2030-01-02\n"


@pytest.fixture
def checkout(tmp_path):
    def made(log=LOG, citation=CITATION):
        (tmp_path / "CHANGELOG.md").write_text(log, encoding="utf-8")
        (tmp_path / "CITATION.cff").write_text(citation, encoding="utf-8")
        git = ["git", "-c", "user.name=x", "-c", "user.email=x@x"]
        for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
            subprocess.run([*git, *arguments], cwd=tmp_path, check=True)
        return tmp_path

    return made


def test_a_checkout_that_is_ready_lacks_nothing(checkout):
    assert list(release.faults(checkout(), "1.2.0")) == []


def test_what_is_lacking_is_said(checkout):
    root = checkout("# Changelog\n\n## Unreleased\n\n- new\n\n## 1.1.0 – 2029-01-01\n")
    (root / "more").write_text("")
    subprocess.run(["git", "tag", "v1.2.0"], cwd=root, check=True)
    assert list(release.faults(root, "1.2.0")) == [
        "CHANGELOG.md: expected the first heading '## 1.2.0 – DATE', found '## 1.1.0 – 2029-01-01'",
        "CHANGELOG.md: expected nothing under 'Unreleased', found entries",
        "CITATION.cff: expected 'date-released: 2029-01-01', found another",
        "git: expected a clean checkout, found changes",
        "git: expected no tag v1.2.0, found one",
    ]
