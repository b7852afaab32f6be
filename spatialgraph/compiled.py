"""C that is compiled on this machine, where there is a compiler, and kept in the user's cache."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import resources
from pathlib import Path

from .files import atomic, cache_folder

_COMPILERS = ("gcc", "clang", "cc")
"""The compilers that are asked, the first that is installed."""

_FLAGS = ("-O3", "-fPIC", "-shared")
_NATIVE = "-march=native"
"""Vectors as the processor has them; some compilers do not know this for some processors."""

_SECONDS = 60.0
_TRIES = 3  # another process that compiles, too, may replace the file before it is loaded
_DIGITS = 64  # of a digest

_OPENED: list[int] = []


EXACT = ("-ffp-contract=off",)
"""No multiplications fused with additions: sums are those of Python, to the last bit."""


@functools.cache
def compiled(package: str, name: str, flags: tuple[str, ...] = EXACT) -> ctypes.CDLL | None:
    """Return the functions of a C file, compiled on first use; None if they cannot be had, and Python has to do.

    A library is loaded from the cache only if this user wrote it and nobody else can change it.

    Args:
        package: the package that the file lies in.
        name: the file's name, without ``.c``.
        flags: of the compiler, beside those for vectors and for a library.
    """
    with suppress(OSError, RuntimeError, subprocess.SubprocessError):
        return _load(package, name, flags)
    return None


def _load(package: str, name: str, flags: tuple[str, ...]) -> ctypes.CDLL:
    """Load a library from the cache; compile it first if none is there for this source and this processor.

    Raises:
        OSError: there is no compiler, or no folder to write into.
        RuntimeError: the user has no home folder.
        SubprocessError: the source cannot be compiled.
    """
    compiler = next(filter(shutil.which, _COMPILERS), None)
    if compiler is None:
        raise FileNotFoundError(" or ".join(_COMPILERS))
    source = resources.files(package).joinpath(f"{name}.c").read_bytes()
    # A home folder may be shared by machines whose processors differ.
    command = (compiler, *_FLAGS, *flags)
    parts = [source, *(part.encode() for part in command), _processor()]
    key = hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]
    library = cache_folder() / "compiled" / f"{name}-{key}.so"
    for _ in range(_TRIES):
        if (loaded := _load_checked(library)) is not None:
            return loaded
        try:
            _compile((*command, _NATIVE), source, library)
        except subprocess.CalledProcessError:
            _compile(command, source, library)
    if (loaded := _load_checked(library)) is not None:
        return loaded
    raise PermissionError(f"{library}: expected a file that its owner alone can change")


def _compile(command: Sequence[str], source: bytes, library: Path) -> None:
    """Write a library into the cache, followed by the digest of its bytes."""
    library.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    library.parent.chmod(0o700)  # if it is another user's, it is not to be used
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder, library.name)
        options = ("-x", "c", "-", "-o", str(built), "-lm")
        subprocess.run((*command, *options), input=source, check=True, capture_output=True, timeout=_SECONDS)  # noqa: S603
        content = built.read_bytes()
    library.unlink(missing_ok=True)  # with its owner and permissions, which the new file would have
    with atomic(library) as temporary:
        temporary.chmod(0o600)
        # Loaders take no notice of what follows the code.
        temporary.write_bytes(content + hashlib.sha256(content).hexdigest().encode())


def _load_checked(library: Path) -> ctypes.CDLL | None:
    """Load a library if this user owns it and its folder, nobody else can change or move them, and it is complete.

    The file is opened once, so that the file checked is the file loaded, whatever happens to its name meanwhile.
    Loading half a library would kill the process.

    Returns:
        None if the library is not to be loaded.
    """
    if not _own(library.parent.lstat() if library.parent.exists() else None, stat.S_ISDIR):
        return None
    # What a link leads to can be replaced, and so can the link.
    if not all(map(_keeps_names, {*library.parent.absolute().parents, *library.parent.resolve().parents})):
        return None
    try:
        descriptor = os.open(library, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return None
    try:
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read() if _own(os.fstat(descriptor), stat.S_ISREG) else b""
        if not content.endswith(hashlib.sha256(content[:-_DIGITS]).hexdigest().encode()):
            return None
        opened = Path(f"/proc/self/fd/{descriptor}")
        return ctypes.CDLL(str(opened if opened.exists() else library))
    finally:
        _OPENED.append(descriptor)  # a second library under the number of the first would be taken for the first


def _own(status: os.stat_result | None, is_kind: Callable[[int], bool]) -> bool:
    """Return whether a file or folder is this user's, and others cannot write to it."""
    if status is None or not is_kind(status.st_mode):
        return False
    return not hasattr(os, "geteuid") or (status.st_uid == os.geteuid() and not status.st_mode & 0o022)


def _keeps_names(folder: Path) -> bool:
    """Return whether nobody but this user and the superuser can rename or replace what lies in a folder.

    The owner can, and whoever may write to it, unless it is sticky, as ``/tmp`` is.
    """
    if not hasattr(os, "geteuid"):
        return True
    status = folder.stat()
    writers = status.st_mode & (0o002 if _is_private(status.st_gid) else 0o022)
    return status.st_uid in (0, os.geteuid()) and bool(status.st_mode & stat.S_ISVTX or not writers)


def _is_private(group: int) -> bool:
    """Return whether a group is that of this user alone, who may then let it write, as some systems do by default."""
    import grp
    import pwd

    with suppress(KeyError):
        user, entry = pwd.getpwuid(os.geteuid()), grp.getgrgid(group)
        return group == user.pw_gid and entry.gr_name == user.pw_name and set(entry.gr_mem) <= {user.pw_name}
    return False


def _processor() -> bytes:
    """Return bytes that differ between processors that need different code."""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_bytes().splitlines()
        return b"\n".join(sorted({line for line in lines if line.startswith((b"model name", b"flags", b"Features"))}))
    return f"{platform.machine()} {platform.processor()}".encode()
