"""Files in which the workers of a run share what the reference comes to; one that cannot be read or written is none."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

__all__ = ["load", "store"]

STORED_BYTES = 2**33  # that a folder may hold; an expectation has about 28 bytes per weight
SPARED = 0.5  # of what is free on the disk

T = TypeVar("T")


def load(path: Path, of: Callable[[Any], T]) -> T | None:
    """Return what is made of a file's arrays by name; None where there is none, or it is damaged."""
    try:
        # Opened here, as np.load leaves open what turns out to be no such file.
        with path.open("rb") as stream, np.load(stream) as file:
            return of(file)
    except Exception:  # there is no telling what reading a damaged file raises, and all it costs is time
        return None


def store(arrays: Mapping[str, Any], path: Path) -> None:
    """Write named arrays, none of objects, unless the folder, or the disk, would hold too much."""
    with contextlib.suppress(OSError):  # a full disk must not cost the check
        path.parent.mkdir(parents=True, exist_ok=True)
        present = sum(entry.stat().st_size for entry in path.parent.glob("*.npz"))
        most = min(STORED_BYTES, present + SPARED * shutil.disk_usage(path.parent).free)
        if present + sum(array.nbytes for array in arrays.values()) > most:
            return
        with tempfile.TemporaryDirectory(dir=path.parent) as own:  # whoever reads at the same time sees all or nothing
            whole = Path(own, path.name)
            np.savez(whole, **arrays)
            whole.replace(path)
