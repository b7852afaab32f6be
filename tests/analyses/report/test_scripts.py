"""The page's scripts: their types, by TypeScript over JSDoc, and what a linter finds in the whole.

The tools are those of `make lint`, which npm puts beside the Python environment, or those on the path; where there are
none, nothing is checked.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from spatialgraph.analyses import report

_BESIDE = Path(sys.prefix) / "scripts" / "node_modules" / ".bin"
_SCRIPTS = [report._ASSETS / f"{name}.js" for name in ("inflate", *report._SCRIPTS)]
# Parameters without a type may be anything; all else is strict.
_STRICT = ["--strict", "--noImplicitAny", "false", "--noUnusedLocals", "--noUnusedParameters"]
_STRICT += ["--noFallthroughCasesInSwitch", "--target", "es2023", "--lib", "es2023,dom,dom.iterable"]


def tool(name):
    """Return where a program is, or leave the test out."""
    found = shutil.which(name, path=_BESIDE) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: `make lint` installs it where npm is at hand")
    return found


def checked(command, **options):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    return done.returncode, done.stdout + done.stderr


def types_of(scripts):
    return checked([tool("tsc"), "--noEmit", "--allowJs", "--checkJs", *_STRICT, *map(str, scripts)])


def lint(text, folder):
    """Lint scripts as the page has them, together in one function."""
    shutil.copy(Path(__file__).with_name("eslint.config.mjs"), folder)
    (folder / "page.js").write_text(f'"use strict";\n(() => {{\n{text}\n}})();\n', encoding="utf-8")
    return checked([tool("eslint"), "page.js"], cwd=folder)


def test_types_are_right():
    assert types_of(_SCRIPTS) == (0, "")


def test_the_linter_finds_nothing(tmp_path):
    first, *rest = (path.read_text(encoding="utf-8") for path in _SCRIPTS)
    code, said = lint("\n".join([first, "inflateAll().then(() => {", *rest, "});"]), tmp_path)
    assert code == 0, said


def test_a_wrong_type_is_found(tmp_path):
    wrong = tmp_path / "wrong.js"
    wrong.write_text("/** @type {number} */\nconst wrong = shown().name;\nconsole.log(wrong);\n", encoding="utf-8")
    code, said = types_of([*_SCRIPTS, wrong])
    assert code != 0
    assert "Type 'string' is not assignable to type 'number'" in said


@pytest.mark.parametrize(
    ("text", "rule"),
    [("const a = 1;", "no-unused-vars"), ("nowhere();", "no-undef"), ("let a = 1; f(a);", "prefer-const")],
)
def test_a_fault_is_found(tmp_path, text, rule):
    code, said = lint(text, tmp_path)
    assert code != 0
    assert rule in said
