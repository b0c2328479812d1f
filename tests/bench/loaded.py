"""Library files as tests take them: where the framework is there, with something exchanged; and how arrays lie."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from bench import libraries

numpy_library = libraries.load("numpy")


def load(name: str) -> ModuleType:
    """Return a library file; skip where its framework is not installed."""
    if name != "numpy":
        pytest.importorskip(name)
    return libraries.load(name)


def changed(**changes: Any) -> SimpleNamespace:
    """Return NumPy's library file with something exchanged."""
    return SimpleNamespace(**{name: getattr(numpy_library, name) for name in numpy_library.__all__} | changes)


def address(array: Any) -> int:
    return int(array.data_ptr() if hasattr(array, "data_ptr") else array.ctypes.data)


def strides(array: Any) -> tuple[int, ...]:
    """In elements."""
    if hasattr(array, "data_ptr"):
        return tuple(array.stride())
    return tuple(step // array.itemsize for step in array.strides)
