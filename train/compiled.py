"""Kernels that are compiled where there is a compiler: of the costs for this processor (`costs.c`), and for a GPU."""

from __future__ import annotations

import ctypes
import platform
from types import ModuleType

import torch
from torch import Tensor

from spatialgraph.compiled import compiled

# No `errno` and no traps, which would forbid vectors; the widest ones, where the processor has them.
_FLAGS = ("-fno-math-errno", "-fno-trapping-math", "-fopenmp")
_WIDE = ("-mprefer-vector-width=512",) if platform.machine() == "x86_64" else ()

_LONG, _INT, _FLOAT, _POINTER = ctypes.c_long, ctypes.c_int, ctypes.c_float, ctypes.c_void_p


class CompiledLayer(ctypes.Structure):
    """A penalised layer, as declared in `costs.c`."""

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
    """The data that all layers share, as declared in `costs.c`."""

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


def kernel() -> ctypes.CDLL | None:
    """Return the kernel, compiled on first use and kept in the user's cache; None if it is not available.

    It does the same arithmetic as PyTorch's operations in `spatialgraph.torch.costs.pairs`, several times as fast. A
    machine without a compiler uses those operations.
    """
    library = compiled(__package__, "costs", _FLAGS + _WIDE)
    if library is not None:
        library.costs.argtypes = [ctypes.POINTER(CompiledBatch), ctypes.POINTER(CompiledLayer), _LONG]
        library.costs.restype = _INT
    return library


def gpu_kernels(like: Tensor) -> ModuleType | None:
    """Return the kernels for the GPU where a tensor lies (`gpu`); None if there are none.

    That is so on a processor, for numbers other than float32, without Triton, and without the compiler that it calls.
    """
    if like.device.type != "cuda" or like.dtype != torch.float32:
        return None
    try:
        from . import gpu

        gpu.try_out(like)
    except Exception:  # Triton and the compilers that it calls raise many kinds
        return None
    return gpu
