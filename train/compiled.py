"""The costs' kernel (`costs.c`), compiled for this processor where there is a compiler."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import platform
import shutil
import subprocess
from contextlib import suppress
from importlib import resources
from pathlib import Path

from spatialgraph.files import atomic, cache_folder, digest

# Vectors as the processor has them; no `errno` and no traps, which would forbid vectors.
_FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fopenmp", "-fPIC", "-shared")
_WIDE = ("-mprefer-vector-width=512",) if platform.machine() == "x86_64" else ()  # where the processor has them
_SECONDS = 60.0
_DIGITS = 64  # of a digest

_LONG, _INT, _FLOAT, _POINTER = ctypes.c_long, ctypes.c_int, ctypes.c_float, ctypes.c_void_p


class CompiledLayer(ctypes.Structure):
    """A penalised layer, as `costs.c` has it."""

    _fields_ = (
        ("weight", _POINTER),
        ("gradient", _POINTER),
        ("sources", _LONG),
        ("targets", _LONG),
        ("source", _LONG),
        ("target", _LONG),
        ("transport_share", _FLOAT),
        ("density_share", _FLOAT),
    )


class CompiledBatch(ctypes.Structure):
    """What all layers share, as `costs.c` has it."""

    _fields_ = (
        ("networks", _LONG),
        ("units", _LONG),
        ("dim", _LONG),
        ("squared", _INT),
        ("threads", _INT),
        ("transport", _POINTER),
        ("density", _POINTER),
        ("position", _POINTER),
        ("gradient", _POINTER),
        ("plane", _POINTER),
        ("transport_pull", _POINTER),
        ("density_pull", _POINTER),
        ("transport_cost", _POINTER),
        ("density_cost", _POINTER),
    )


@functools.cache
def kernel() -> ctypes.CDLL | None:
    """Return the kernel, compiled when first asked for and kept in the user's cache; None if it cannot be had.

    It is the same arithmetic as PyTorch's operations do in `costs`, several times as fast. A machine without a compiler
    has those.
    """
    with suppress(OSError, RuntimeError, subprocess.SubprocessError):
        library = ctypes.CDLL(str(_library()))
        library.costs.argtypes = [ctypes.POINTER(CompiledBatch), ctypes.POINTER(CompiledLayer), _LONG]
        library.costs.restype = _INT
        return library
    return None


def _library() -> Path:
    """Return the file of the compiled kernel; compile it if there is none for this source and this processor.

    Raises:
        OSError: there is no compiler, or no folder to write into.
        RuntimeError: the user has no home folder.
        SubprocessError: the source cannot be compiled.
    """
    compiler = shutil.which("gcc")
    if compiler is None:
        raise FileNotFoundError("gcc")
    flags = (*_FLAGS, *_WIDE)
    source = resources.files(__package__).joinpath("costs.c").read_bytes()
    # A home folder may be shared by machines whose processors differ.
    key = hashlib.sha256(b"\0".join([source, *(flag.encode() for flag in flags), _processor()])).hexdigest()[:16]
    library = cache_folder() / "compiled" / f"costs-{key}.so"
    if not _whole(library):
        with atomic(library) as temporary:
            command = [compiler, *flags, "-x", "c", "-", "-o", str(temporary), "-lm"]
            subprocess.run(command, input=source, check=True, capture_output=True, timeout=_SECONDS)  # noqa: S603
            ending = digest(temporary)
            with temporary.open("a") as file:  # loaders take no notice of what follows the code
                file.write(ending)
    return library


def _whole(library: Path) -> bool:
    """Return whether a file is there and ends with the digest of all before: loading half a library kills a process."""
    content = library.read_bytes() if library.exists() else b""
    return content.endswith(hashlib.sha256(content[:-_DIGITS]).hexdigest().encode())


def _processor() -> bytes:
    """Return what tells processors apart for which code differs."""
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_bytes().splitlines()
        return b"\n".join(sorted({line for line in lines if line.startswith((b"model name", b"flags", b"Features"))}))
    return f"{platform.machine()} {platform.processor()}".encode()
