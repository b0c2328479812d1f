"""Finding plug-ins: in each plug-in folder ``__init__.py`` is the contract and every other file one plug-in."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

__all__ = ["load_all", "names"]


def names(package: ModuleType) -> list[str]:
    """Return the plug-ins of a folder by file name, nothing imported."""
    return sorted(module.name for module in iter_modules(package.__path__))


def load_all(package: ModuleType) -> dict[str, ModuleType]:
    """Return every plug-in of a folder, imported, by name."""
    return {name: import_module(f"{package.__name__}.{name}") for name in names(package)}
