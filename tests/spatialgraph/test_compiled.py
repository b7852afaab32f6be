"""C is compiled once, loaded from then on, and done without where it cannot be had."""

import os
import shutil
import subprocess
import sys
import time
import types
from pathlib import Path

import numpy as np
import pytest

from spatialgraph import compiled
from spatialgraph.splits import moves

needs_compiler = pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc")


USED = "from spatialgraph.compiled import compiled; assert compiled('small_kernel', 'steps').climb() == 3"


def kernel():
    """Return a library of a package, made of C."""
    return compiled.compiled("small_kernel", "steps")


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """Return the folder of a package with C that is compiled in little time."""
    folder = tmp_path_factory.mktemp("packages")
    (folder / "small_kernel").mkdir()
    (folder / "small_kernel" / "__init__.py").touch()
    (folder / "small_kernel" / "steps.c").write_text("int climb(void) { return 3; }\n")
    return folder


@pytest.fixture(autouse=True)
def cache(package, tmp_path, monkeypatch):
    """Return an empty folder that is the user's cache, and forget which kernel this process has, before and after."""
    monkeypatch.syspath_prepend(package)
    monkeypatch.setenv("PYTHONPATH", str(package), prepend=os.pathsep)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    compiled.compiled.cache_clear()
    yield tmp_path / "cache"
    compiled.compiled.cache_clear()


def files(cache):
    """Return what lies in the kernel's folder, hidden files too."""
    folder = cache / "spatialgraph" / "compiled"
    return sorted(folder.iterdir()) if folder.exists() else []


def compiler(monkeypatch, tmp_path, script=None):
    """Put a folder in the place of PATH that holds a compiler of this script, or none."""
    folder = tmp_path / "bin"
    folder.mkdir()
    if script:
        (folder / "gcc").write_text(f"#!{shutil.which('sh')}\n{script}\n")
        (folder / "gcc").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


@needs_compiler
def test_the_kernel_is_compiled_once_and_then_loaded(cache):
    assert kernel() is kernel() is not None
    (library,) = files(cache)
    written = library.stat()
    compiled.compiled.cache_clear()
    assert kernel() is not None
    assert files(cache) == [library]
    assert (library.stat().st_mtime_ns, library.stat().st_ino) == (written.st_mtime_ns, written.st_ino)


@needs_compiler
def test_what_was_compiled_needs_no_working_compiler(monkeypatch, tmp_path):
    assert kernel() is not None
    compiled.compiled.cache_clear()
    compiler(monkeypatch, tmp_path, "exit 1")
    assert kernel() is not None


@needs_compiler
def test_other_source_flags_or_processors_have_kernels_of_their_own(cache, monkeypatch):
    assert kernel() is not None
    for name, value in (("_FLAGS", (*compiled._FLAGS, "-g")), ("_processor", lambda: b"another")):
        monkeypatch.setattr(compiled, name, value)
        compiled.compiled.cache_clear()
        assert kernel() is not None
    assert len(files(cache)) == 3


@pytest.mark.parametrize("name", ["clang", "cc"])
def test_other_compilers_are_asked_where_there_is_no_gcc(cache, monkeypatch, name):
    if shutil.which(name) is None:
        pytest.skip(f"there is no {name}")
    strengths = np.kron(np.eye(2), np.ones((3, 3))) / 18
    expected = moves.climb(strengths, np.random.default_rng(0), 1.0, refine=True)
    monkeypatch.setattr(compiled, "_COMPILERS", ("no-such-compiler", name))
    assert compiled.compiled("spatialgraph.splits", "moves").climb
    moves._loops.cache_clear()
    assert moves.climb(strengths, np.random.default_rng(0), 1.0, refine=True).tolist() == expected.tolist()
    moves._loops.cache_clear()
    assert len(files(cache)) == 1


@needs_compiler
def test_a_compiler_that_does_not_know_this_processor_is_asked_for_any(cache, monkeypatch, tmp_path):
    gcc = shutil.which("gcc")
    path = os.environ["PATH"]
    compiler(
        monkeypatch,
        tmp_path,
        f'case "$*" in *-march=native*) echo "unknown processor" >&2; exit 1;; esac\nPATH={path} exec {gcc} "$@"',
    )
    assert kernel() is not None
    assert len(files(cache)) == 1


def halved(content):
    return content[: len(content) // 2]


def altered(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


# A process that loads a file that was cut off is killed by a signal, not told of by an error.
@needs_compiler
@pytest.mark.parametrize(
    "damage", [lambda _: b"", lambda _: b"no library", halved, altered], ids=["empty", "text", "halved", "altered"]
)
def test_a_damaged_kernel_is_compiled_anew(cache, damage):
    assert kernel() is not None
    (library,) = files(cache)
    whole = library.read_bytes()
    library.unlink()  # this process still uses it
    library.write_bytes(damage(whole))
    subprocess.run([sys.executable, "-c", USED], check=True)
    assert files(cache) == [library]
    assert library.read_bytes() != damage(whole)
    assert compiled._load_checked(library) is not None
    compiled.compiled.cache_clear()
    assert kernel() is not None


def changed(monkeypatch, path, **facts):
    """Let a file or folder seem to have other facts than it has, as another user would have made it."""

    number = path.stat().st_ino
    for name in ("lstat", "fstat"):
        holder = Path if name == "lstat" else os
        original = getattr(holder, name)

        def told(asked, original=original):
            found = original(asked)
            if found.st_ino != number:
                return found
            return types.SimpleNamespace(**{"st_mode": found.st_mode, "st_uid": found.st_uid, **facts})

        monkeypatch.setattr(holder, name, told)


needs_owners = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="there are no owners of files")


@needs_compiler
@needs_owners
@pytest.mark.parametrize("part", ["file", "folder"])
def test_what_another_user_made_is_not_loaded(cache, monkeypatch, part):
    assert kernel() is not None
    (library,) = files(cache)
    monkeypatch.setattr(compiled, "_compile", lambda *_: None)
    changed(monkeypatch, library if part == "file" else library.parent, st_uid=os.geteuid() + 1)
    compiled.compiled.cache_clear()
    assert kernel() is None


@needs_compiler
@needs_owners
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
@pytest.mark.parametrize("part", ["file", "folder"])
def test_what_others_can_change_is_made_anew(cache, part, mode):
    assert kernel() is not None
    (library,) = files(cache)
    place = library if part == "file" else library.parent
    place.chmod(mode | 0o100)
    before = library.stat().st_ino, library.stat().st_mtime_ns
    compiled.compiled.cache_clear()
    assert kernel() is not None
    assert (library.stat().st_ino, library.stat().st_mtime_ns) != before
    assert library.stat().st_mode & 0o777 == 0o600
    assert library.parent.stat().st_mode & 0o777 == 0o700


def home(cache):
    """Return a folder that will be the third above the kernel's, where caches of other programs would lie."""
    cache.mkdir(mode=0o755)
    return cache


@needs_compiler
@needs_owners
@pytest.mark.parametrize(("mode", "loaded"), [(0o755, True), (0o777, False), (0o757, False), (0o1777, True)])
def test_a_folder_above_that_others_may_write_to_is_not_trusted(cache, mode, loaded):
    home(cache).chmod(mode)
    assert (kernel() is not None) == loaded


@needs_compiler
@needs_owners
@pytest.mark.parametrize("private", [True, False])
def test_a_group_may_write_to_a_folder_above_if_it_is_the_users_own(cache, monkeypatch, private):
    home(cache).chmod(0o775)
    user = types.SimpleNamespace(pw_gid=cache.stat().st_gid, pw_name="me")
    group = types.SimpleNamespace(gr_name="me", gr_mem=["me"] if private else ["me", "you"])
    monkeypatch.setattr("pwd.getpwuid", lambda _: user)
    monkeypatch.setattr("grp.getgrgid", lambda _: group)
    assert (kernel() is not None) == private


@needs_compiler
@needs_owners
def test_a_user_without_a_name_has_no_group_of_their_own(cache, monkeypatch):
    def unknown(_):
        raise KeyError

    home(cache).chmod(0o775)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    assert kernel() is None


@needs_compiler
@needs_owners
def test_a_folder_above_of_another_user_is_not_trusted(cache, monkeypatch):
    assert kernel() is not None
    number = cache.stat().st_ino
    original = Path.stat

    def told(path, **options):
        found = original(path, **options)
        facts = {"st_uid": os.geteuid() + 1, "st_gid": found.st_gid, "st_mode": found.st_mode, "st_ino": number}
        return types.SimpleNamespace(**facts) if found.st_ino == number else found

    monkeypatch.setattr(Path, "stat", told)
    monkeypatch.setattr(compiled, "_compile", lambda *_: None)
    compiled.compiled.cache_clear()
    assert kernel() is None


@needs_compiler
@needs_owners
def test_a_link_above_lies_in_a_folder_that_is_checked_too(cache, monkeypatch, tmp_path):
    elsewhere, open_to_all = tmp_path / "elsewhere", tmp_path / "open"
    elsewhere.mkdir()
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    (open_to_all / "cache").symlink_to(elsewhere)
    monkeypatch.setenv("XDG_CACHE_HOME", str(open_to_all / "cache"))
    assert kernel() is None
    monkeypatch.setenv("XDG_CACHE_HOME", str(elsewhere))
    compiled.compiled.cache_clear()
    assert kernel() is not None


@needs_compiler
def test_a_link_is_not_loaded_but_replaced(cache, tmp_path):
    assert kernel() is not None
    (library,) = files(cache)
    library.rename(tmp_path / "elsewhere.so")
    library.symlink_to(tmp_path / "elsewhere.so")
    compiled.compiled.cache_clear()
    assert kernel() is not None
    assert not library.is_symlink()


@needs_compiler
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="files have no names but their own")
def test_what_was_checked_is_loaded_though_the_name_leads_elsewhere_by_then(cache, monkeypatch):
    assert kernel() is not None
    (library,) = files(cache)
    load = compiled.ctypes.CDLL

    def swapped(name):
        library.unlink()
        library.write_bytes(b"another program")
        return load(name)

    monkeypatch.setattr(compiled.ctypes, "CDLL", swapped)
    compiled.compiled.cache_clear()
    assert kernel().climb


@needs_compiler
def test_processes_that_compile_at_once_leave_one_kernel(cache):
    processes = [subprocess.Popen([sys.executable, "-c", USED]) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert [file.suffix for file in files(cache)] == [".so"]


def test_without_a_compiler_there_is_no_kernel(cache, monkeypatch, tmp_path):
    compiler(monkeypatch, tmp_path)
    assert kernel() is None
    assert files(cache) == []


@pytest.mark.parametrize("script", ["exit 1", "kill -9 $$", "exit 0", "echo error >&2; exec /bin/false"])
def test_a_compiler_that_fails_is_done_without_and_leaves_nothing(cache, monkeypatch, tmp_path, script):
    compiler(monkeypatch, tmp_path, script)
    assert kernel() is None
    assert files(cache) == []


def test_a_compiler_that_makes_no_library_is_done_without(monkeypatch, tmp_path):
    # The output follows `-o`.
    compiler(monkeypatch, tmp_path, 'while [ "$1" != -o ]; do shift; done; echo text > "$2"')
    assert kernel() is None


def test_a_compiler_that_hangs_is_not_waited_for(cache, monkeypatch, tmp_path):
    monkeypatch.setattr(compiled, "_SECONDS", 0.2)
    compiler(monkeypatch, tmp_path, f"exec {shutil.which('sleep')} 30")
    start = time.monotonic()
    assert kernel() is None
    assert time.monotonic() - start < 10
    assert files(cache) == []


@needs_compiler
def test_a_cache_that_cannot_be_written_is_done_without(cache):
    cache.write_text("a file where the folder would be")
    assert kernel() is None


@needs_compiler
@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_cache_without_permission_is_done_without(cache):
    cache.mkdir(mode=0o555)
    assert kernel() is None


@needs_compiler
def test_a_user_without_a_home_folder_does_without(monkeypatch):
    def home():
        raise RuntimeError("Could not determine home directory.")  # as in a container with a user of a bare number

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", home)
    assert kernel() is None
