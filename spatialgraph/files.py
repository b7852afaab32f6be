"""Files that are written whole or not at all, folders that one process uses at a time, and digests of files."""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import re
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from .marks import Mark, beating, duration, mark_of, read_mark

try:
    import fcntl
except ImportError:  # Windows: what a killed process leaves there stays
    fcntl = None  # type: ignore[assignment]

# A temporary file says the machine that it was made on, and that this program made it.
_TEMPORARY = re.compile(r"\..*\.([0-9a-f]{8})-[0-9a-f]{8}\.spatialgraph\.tmp", re.DOTALL)

# What file systems answer that cannot put a folder's list of names on the disk at once, or may not.
_CANNOT = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF, errno.EACCES, errno.EPERM)


class InUseError(RuntimeError):
    """A folder is locked by another process."""


# On Windows an open file can neither be renamed nor removed, and what it holds is no lock.
_KEEPS_OPEN = os.name == "posix"


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its place when the block ends, and is removed if it fails.

    The file's bytes are on the disk before the name changes, so that whatever happens, also a loss of power, `path` is
    the old file or the new one, whole. The new file has the old one's permissions; where `path` is a link, the file it
    leads to is replaced and the link stays. Missing folders are made. Temporary files that processes of this program
    left in the folder when they were killed are removed.

    Args:
        path: the file to write.

    Yields:
        a hidden, empty file in the same folder, for the block to write.

    Raises:
        OSError: the disk is full, the folder cannot be written to, `path` is a device, a pipe or a folder; it names
            `path`, which is as it was.

    Example:
        >>> from tempfile import mkdtemp
        >>> path = Path(mkdtemp()) / "new" / "a.txt"
        >>> with atomic(path) as temporary:
        ...     _ = temporary.write_text("whole")
        >>> path.read_text(), [file.name for file in path.parent.iterdir()]
        ('whole', ['a.txt'])
    """
    path, named = Path(os.path.realpath(path)), Path(path)
    old = _regular(named)
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep_once(path.parent)
    temporary, held = _reserved(path, named, 0o666 if old is None else stat.S_IMODE(old.st_mode) | 0o600)
    if not _KEEPS_OPEN:
        os.close(held)
    try:
        yield temporary
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())
        if old is not None:
            _permit_as(old, temporary)
        temporary.replace(path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        # A full disk is reported without a name, other faults with the name of a file that is gone by now.
        if isinstance(error, OSError) and error.errno and error.filename in (None, str(temporary)):
            raise OSError(error.errno, error.strerror, str(named)) from error
        raise
    finally:
        if _KEEPS_OPEN:
            os.close(held)
    _sync_folder(path.parent)


def _regular(path: Path) -> os.stat_result | None:
    """Return what is known of the file that will be replaced, None if there is none.

    Raises:
        OSError: a folder, a device or a pipe has this name, which renaming would replace by a file.
    """
    try:
        old = path.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(old.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(old.st_mode):
        raise OSError(f"{path}: expected a file or a name that is free, found a device or a pipe")
    return old


def _reserved(path: Path, named: Path, mode: int) -> tuple[Path, int]:
    """Make an empty temporary file beside a path; return it, and a descriptor that holds it while a process lives."""
    while True:
        temporary = path.parent / f".{path.name[:40]}.{_machine()}-{uuid4().hex[:8]}.spatialgraph.tmp"
        try:
            held = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(named)) from error
        _hold(held)
        with suppress(OSError):  # another process may have taken it for a dead one's before it was held
            if os.path.samestat(os.fstat(held), temporary.lstat()):
                return temporary, held
        os.close(held)


def _hold(descriptor: int) -> bool:
    """Lock an open file, which lasts as long as its process; return whether it is now this process's."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (OSError, AttributeError):  # another process has it, or the file system or the system has no locks
        return False
    return True


def _permit_as(old: os.stat_result, path: Path) -> None:
    """Give a file the owner and the permissions of another, as far as the system lets this user do so."""
    if hasattr(os, "chown"):
        with suppress(OSError):
            os.chown(path, old.st_uid, old.st_gid)
    with suppress(OSError):  # some file systems have no permissions
        path.chmod(stat.S_IMODE(old.st_mode))


_swept: set[Path] = set()


def _sweep_once(folder: Path) -> None:
    """Sweep a folder when this process first writes into it: a folder of thousands of files is listed once."""
    if folder not in _swept:
        _swept.add(folder)
        sweep(folder)


def sweep(folder: str | Path) -> None:
    """Remove the temporary files that killed processes of this program left in a folder, and nothing else.

    A file of a living process is locked; one of another machine may be, which not every file system tells. Both stay.

    Args:
        folder: where to look; not in its subfolders.

    Example:
        >>> from tempfile import mkdtemp
        >>> folder = Path(mkdtemp())
        >>> with atomic(folder / "a.txt") as temporary:
        ...     _ = (folder / ".b.tmp").write_text("of another program"), temporary.write_text("in use")
        ...     sweep(folder)
        >>> sorted(file.name for file in folder.iterdir())
        ['.b.tmp', 'a.txt']
    """
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            made = _TEMPORARY.fullmatch(entry.name)
            if made and made[1] == _machine() and entry.is_file(follow_symlinks=False):
                _remove_if_left(Path(entry.path))


def _remove_if_left(path: Path) -> None:
    """Remove a temporary file unless a process holds it."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
        try:
            if _hold(descriptor):
                path.unlink()
        finally:
            os.close(descriptor)


def _machine() -> str:
    """Return eight digits that tell machines apart."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _sync_folder(folder: Path) -> None:
    """Put a folder's list of names on the disk, where the system lets a folder be opened and can do that."""
    if os.name != "posix":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise


def require_other(out: str | Path, inputs: Iterable[str | Path]) -> None:
    """Make sure that a file to write is none of the files that it is made from.

    Raises:
        ValueError: it is one of them, by whatever name.

    Example:
        >>> require_other("graph.npz", ["network.h5"])
    """
    for path in map(Path, inputs):
        with suppress(OSError):  # what is not there is not lost
            if path.samefile(out):
                raise ValueError(f"{out}: expected another file than {path}, which is read, found the same")


@contextmanager
def locked(folder: str | Path, purpose: str) -> Iterator[None]:
    """Hold a folder for this process until the block ends; the lock goes with the process if it is killed.

    Args:
        folder: the folder, made if it is missing; the lock is its file ``.lock``, beside which a mark says who has it.
        purpose: what the block does, for the message, for example ``"training"``.

    Raises:
        InUseError: another process, or another block of this one, holds the folder; also one of another machine that
            gives signs of life, where locks do not reach from machine to machine.
        OSError: the file system has no locks, or the folder cannot be written to.

    Example:
        >>> from tempfile import mkdtemp
        >>> folder = mkdtemp()
        >>> with locked(folder, "training"):
        ...     sorted(file.name for file in Path(folder).iterdir())
        ['..lock.unit', '.lock']
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock, holder = FileLock(folder / ".lock", timeout=0), mark_of(folder / ".lock")
    try:
        lock.acquire()
    except Timeout:
        raise InUseError(_in_use_line(folder, read_mark(holder), purpose)) from None
    except (OSError, NotImplementedError) as error:
        if getattr(error, "errno", None) not in (None, errno.ENOLCK, errno.ENOTSUP, errno.EINVAL):
            raise
        raise OSError(
            f"{folder}: expected a file system with locks, found one without ({error}), so {purpose} cannot know that "
            "it is alone: choose --out on a disk of this machine, or let the disk be mounted with locks"
        ) from error
    try:
        mark = read_mark(holder)
        if mark is not None and mark.is_alive and not mark.is_here:
            raise InUseError(
                f"{folder} is in use by {mark.by}, which gave a sign {mark.age:.0f} s ago, though its lock does not "
                f"reach this machine, so {purpose} cannot start: wait two minutes if that process is gone"
            )
        _sweep_once(folder)
        with beating(holder, Mark(purpose)):
            yield
    finally:
        lock.release()


def _in_use_line(folder: Path, mark: Mark | None, purpose: str) -> str:
    """Say who has the lock of a folder."""
    lock = folder / ".lock"
    if mark is None:
        return (
            f"{folder} is in use by another process (lock file {lock}), so {purpose} cannot start: "
            "wait for it or choose another folder"
        )
    since = f"{mark.work} for {duration(time.time() - mark.since)}"
    if mark.is_alive:
        return (
            f"{folder} is in use by another process, {mark.by}, {since} (lock file {lock}), so {purpose} cannot start: "
            "wait for it or choose another folder"
        )
    return (
        f"{folder} is locked for {mark.by}, {since}, which is gone or stopped, so {purpose} cannot start: if nobody "
        f"works there, remove {lock}, whose lock the file system did not give back"
    )


def leader_of(folder: Path) -> Mark | None:
    """Return who holds a folder, see `locked`; None if nobody who lives does."""
    mark = read_mark(mark_of(Path(folder) / ".lock"))
    return mark if mark is not None and mark.is_alive else None


def is_written(path: Path) -> bool:
    """Return whether there is a file with something in it; a copy that a full disk cut short may be empty."""
    return path.exists() and path.stat().st_size > 0


def digest(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, as 64 hexadecimal digits; the file is read in pieces.

    Example:
        >>> from tempfile import mkdtemp
        >>> path = Path(mkdtemp()) / "empty"
        >>> path.touch()
        >>> digest(path)[:8]
        'e3b0c442'
    """
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache_folder() -> Path:
    """Return the user's folder for what can be had again, such as downloaded data sets."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "spatialgraph"
