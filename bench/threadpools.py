"""Which BLAS and OpenMP libraries this process has loaded, as threadpoolctl sees them."""

from __future__ import annotations

from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

__all__ = ["belongs", "loaded"]

PACKAGE_FOLDERS = ("site-packages", "dist-packages")


def loaded(api: str, package: str) -> dict[str, Any]:
    """Return threadpoolctl's record of the library that a package uses.

    Args:
        api: ``blas`` or ``openmp``.
        package: The package it was bundled with, unless it is the system's own.

    Raises:
        LookupError: Where none is loaded.
        ImportError: Where threadpoolctl is not installed.
    """
    for pool in import_module("threadpoolctl").threadpool_info():
        if pool["user_api"] == api and belongs(pool["filepath"], package):
            found: dict[str, Any] = pool
            return found
    raise LookupError(f"threadpoolctl sees no {api} library of {package}")


def belongs(path: str, package: str) -> bool:
    """Return whether a library lies in the package or its ``.libs`` folder, or outside of all packages."""
    for folder, inside in pairwise(Path(path).parts):
        if folder in PACKAGE_FOLDERS:
            return inside in (package, f"{package}.libs")
    return True
