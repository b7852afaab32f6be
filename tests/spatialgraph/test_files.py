import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from spatialgraph.files import InUseError, atomic, digest, locked


def run(code, *arguments):
    """Run Python code in another process, with its arguments in `sys.argv`."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, timeout=60
    )


def test_a_block_that_ends_leaves_its_file_and_nothing_else(tmp_path):
    path = tmp_path / "deep" / "down" / "a.bin"
    for text in ("old", "new"):
        with atomic(path) as temporary:
            assert temporary.parent == path.parent
            assert temporary.name.startswith(".")
            assert temporary.name.endswith(".tmp")
            temporary.write_text(text)
            assert not path.exists() or path.read_text() == "old"
        assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_block_that_fails_leaves_what_was_there(tmp_path, failure):
    path = tmp_path / "a.bin"
    path.write_text("old")

    def write():
        with atomic(path) as temporary:
            temporary.write_text("half")
            raise failure

    with pytest.raises(failure):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_who_has_the_old_file_open_keeps_it_whole(tmp_path):
    path = tmp_path / "a.bin"
    path.write_text("old")
    with path.open() as before:
        with atomic(path) as temporary:
            temporary.write_text("new")
        assert before.read() == "old"
    assert path.read_text() == "new"


def test_two_blocks_on_one_file_have_two_temporaries(tmp_path):
    with atomic(tmp_path / "a") as first, atomic(tmp_path / "a") as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert (tmp_path / "a").read_text() == "first"


def test_a_name_as_long_as_the_disk_takes_can_be_written(tmp_path):
    path = tmp_path / ("n" * 255)
    with atomic(path) as temporary:
        temporary.write_text("whole")
    assert path.read_text() == "whole"


def test_an_error_of_the_disk_names_the_file_that_was_to_be_written(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(IsADirectoryError) as error, atomic(tmp_path / "a") as temporary:
        temporary.write_text("whole")
    assert str(error.value) == f"[Errno 21] Is a directory: '{tmp_path / 'a'}'"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_a_full_disk_is_one_error_and_leaves_what_was_there(tmp_path):
    """A limit on the size of files stands for the full disk: both fail in the middle of a write."""
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    code = (
        "import resource, signal, sys; from spatialgraph.files import atomic\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))\n"
        "try:\n"
        "    with atomic(sys.argv[1]) as temporary: temporary.write_bytes(bytes(100_000))\n"
        "except OSError as error: print(error)"
    )
    done = run(code, path)
    assert done.stdout == f"[Errno 27] File too large: '{path}'\n", done.stderr
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


LOCK = (
    "import sys\n"
    "from spatialgraph.files import locked, InUseError\n"
    "try:\n"
    "    with locked(sys.argv[1], 'training'):\n"
    "        print('held', flush=True); sys.stdin.readline()\n"
    "except InUseError as error: print(error)"
)


def test_a_second_process_is_refused_and_a_third_follows(tmp_path):
    folder = tmp_path / "run"
    with locked(folder, "training"):
        assert run(LOCK, folder).stdout == (
            f"{folder} is in use by another process (lock file {folder}/.lock), so training cannot start: "
            "wait for it or choose another folder\n"
        )
    assert run(LOCK, folder).stdout == "held\n"


def test_the_lock_goes_with_a_process_that_is_killed(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", LOCK, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(InUseError), locked(tmp_path, "training"):
            pass
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
    with locked(tmp_path, "training"):
        pass


def test_a_block_within_the_block_is_refused_and_the_lock_is_free_after_a_failure(tmp_path):
    with locked(tmp_path, "training"), pytest.raises(InUseError), locked(tmp_path, "analysis"):
        pass
    with pytest.raises(ZeroDivisionError), locked(tmp_path, "training"):
        raise ZeroDivisionError
    with locked(tmp_path, "training"):
        pass


def test_the_digest_is_that_of_the_bytes(tmp_path):
    data = bytes(range(256)) * 5000
    Path(tmp_path / "a").write_bytes(data)
    assert digest(tmp_path / "a") == hashlib.sha256(data).hexdigest()
