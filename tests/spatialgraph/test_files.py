import errno
import fcntl
import hashlib
import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from spatialgraph.files import InUseError, atomic, digest, locked, require_other, sweep


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
        assert re.fullmatch(
            rf"{folder} is in use by another process, process {os.getpid()} on \S+, training for \d+ s "
            rf"\(lock file {folder}/.lock\), so training cannot start: wait for it or choose another folder\n",
            run(LOCK, folder).stdout,
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


# What another program made is not replaced.


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/null"), Path.mkdir])
def test_what_is_no_file_is_refused_and_stays(tmp_path, make):
    path = tmp_path / "a"
    make(path)
    before = path.lstat()
    with pytest.raises(OSError, match=r"a device or a pipe|Is a directory") as error, atomic(path) as temporary:
        temporary.write_text("whole")
    assert str(path) in str(error.value)
    assert (path.lstat().st_ino, path.lstat().st_mode) == (before.st_ino, before.st_mode)
    assert list(tmp_path.iterdir()) == [path]


def test_a_descriptor_that_is_a_pipe_is_refused(tmp_path):
    ends = os.pipe()
    with pytest.raises(OSError, match="a device or a pipe"), atomic(f"/dev/fd/{ends[1]}") as temporary:
        temporary.write_text("whole")
    for end in ends:
        os.close(end)


@pytest.mark.parametrize("dangling", [True, False])
def test_a_link_stays_and_the_file_it_leads_to_is_written(tmp_path, dangling):
    target, link = tmp_path / "data" / "a", tmp_path / "link"
    if not dangling:
        target.parent.mkdir()
        target.write_text("old")
    link.symlink_to("data/a")
    with atomic(link) as temporary:
        assert temporary.parent == target.parent
        temporary.write_text("new")
    assert (link.is_symlink(), target.is_symlink(), target.read_text()) == (True, False, "new")


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o755])
def test_permissions_stay_and_what_is_private_is_never_open_to_others(tmp_path, mode):
    path = tmp_path / "a"
    path.write_text("old")
    path.chmod(mode)
    with atomic(path) as temporary:
        assert temporary.stat().st_mode & 0o777 & ~(mode | 0o600) == 0
        temporary.write_text("new")
    assert (path.stat().st_mode & 0o777, path.read_text()) == (mode, "new")


def test_a_new_file_has_the_permissions_that_the_user_gives_new_files(tmp_path):
    (tmp_path / "plain").touch()
    with atomic(tmp_path / "a") as temporary:
        temporary.write_text("whole")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_an_output_that_is_an_input_is_refused_by_any_name(tmp_path):
    path = tmp_path / "a"
    path.touch()
    (tmp_path / "hard").hardlink_to(path)
    (tmp_path / "soft").symlink_to(path)
    for out in (path, tmp_path / "hard", tmp_path / "soft", tmp_path / ".." / tmp_path.name / "a"):
        with pytest.raises(ValueError, match="expected another file than"):
            require_other(out, [tmp_path / "missing", path])
    require_other(tmp_path / "b", [path])


# What killed processes leave is removed, and nothing else.

KILLED = (
    "import os, signal, sys\n"
    "from spatialgraph.files import atomic\n"
    "with atomic(sys.argv[1]) as temporary:\n"
    "    temporary.write_text('half'); print(temporary, flush=True)\n"
    "    sys.stdin.readline()\n"
)


def test_the_next_writer_removes_what_a_killed_one_left_and_nothing_else(tmp_path):
    for name in (".a.tmp", ".a.1234-aabbccdd.tmp", "a.00000000-00000000.spatialgraph.tmp", "notes.txt"):
        (tmp_path / name).write_text("of another program")
    (tmp_path / ".a.00000000-00000000.spatialgraph.tmp").write_text("of another machine, perhaps in use")
    kept = set(tmp_path.iterdir())
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, tmp_path / "a"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        left = Path(other.stdout.readline().strip())
        sweep(tmp_path)
        assert left.exists()  # its process lives
        other.kill()
        other.wait()
    assert set(tmp_path.iterdir()) == kept | {left}
    with atomic(tmp_path / "b") as temporary:
        temporary.write_text("whole")
    assert set(tmp_path.iterdir()) == kept | {tmp_path / "b"}


def test_a_link_or_a_folder_with_the_name_of_a_temporary_file_stays(tmp_path):
    with atomic(tmp_path / "a") as temporary:
        name = temporary.name
        temporary.write_text("whole")
    (tmp_path / "data").write_text("precious")
    (tmp_path / name).symlink_to(tmp_path / "data")
    (tmp_path / name.replace(".a.", ".b.")).mkdir()
    before = sorted(tmp_path.iterdir())
    sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == before


# File systems that lack something.


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.EPERM])
def test_a_file_system_that_cannot_put_a_folder_on_the_disk_is_written_to(tmp_path, monkeypatch, code):
    monkeypatch.setattr(os, "fsync", refusing_folders(os.fsync, code))
    with atomic(tmp_path / "a") as temporary:
        temporary.write_text("whole")
    assert (tmp_path / "a").read_text() == "whole"


def test_a_disk_that_fails_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", refusing_folders(os.fsync, errno.EIO))
    with pytest.raises(OSError, match="Input/output error"), atomic(tmp_path / "a") as temporary:
        temporary.write_text("whole")


def refusing_folders(fsync, code):
    """Return a function that fails for folders and is `fsync` for files."""

    def refuse(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(code, os.strerror(code))
        fsync(descriptor)

    return refuse


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOTSUP])
def test_a_file_system_without_locks_is_written_to_but_not_worked_in(tmp_path, monkeypatch, code):
    def flock(descriptor, operation):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", flock)
    with atomic(tmp_path / "a") as temporary:
        temporary.write_text("whole")
        sweep(tmp_path)  # cannot know that nobody uses it
    assert (tmp_path / "a").read_text() == "whole"
    with pytest.raises(OSError, match="choose --out on a disk of this machine"), locked(tmp_path, "training"):
        pass
