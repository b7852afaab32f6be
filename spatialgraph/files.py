"""Files that are written whole or not at all, folders that one process uses at a time, and digests of files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout


class InUseError(RuntimeError):
    """A folder is locked by another process."""


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` that takes its place when the block ends, and is removed if it fails.

    The file's bytes are on the disk before the name changes, so that whatever happens, also a loss of power, `path` is
    the old file or the new one, whole. Missing folders are made.

    Args:
        path: the file to write.

    Yields:
        a hidden path in the same folder, which the block must create.

    Raises:
        OSError: the disk is full, the folder cannot be written to; it names `path`, which is as it was.

    Example:
        >>> from tempfile import mkdtemp
        >>> path = Path(mkdtemp()) / "new" / "a.txt"
        >>> with atomic(path) as temporary:
        ...     _ = temporary.write_text("whole")
        >>> path.read_text(), [file.name for file in path.parent.iterdir()]
        ('whole', ['a.txt'])
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name[:40]}.{os.getpid()}-{uuid4().hex[:8]}.tmp"
    try:
        yield temporary
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        # A full disk is reported without a name, other faults with the name of a file that is gone by now.
        if isinstance(error, OSError) and error.errno and error.filename in (None, str(temporary)):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Put a folder's list of names on the disk, where the system lets a folder be opened."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def locked(folder: str | Path, purpose: str) -> Iterator[None]:
    """Hold a folder for this process until the block ends; the lock goes with the process if it is killed.

    Args:
        folder: the folder, made if it is missing; the lock is its file ``.lock``.
        purpose: what the block does, for the message, for example ``"training"``.

    Raises:
        InUseError: another process, or another block of this one, holds the folder.

    Example:
        >>> from tempfile import mkdtemp
        >>> folder = mkdtemp()
        >>> with locked(folder, "training"):
        ...     sorted(file.name for file in Path(folder).iterdir())
        ['.lock']
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise InUseError(
            f"{folder} is in use by another process (lock file {folder / '.lock'}), so {purpose} cannot start: "
            "wait for it or choose another folder"
        ) from None
    try:
        yield
    finally:
        lock.release()


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
