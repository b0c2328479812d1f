"""Finding plug-ins: in each plug-in folder ``__init__.py`` is the contract and every other file one plug-in."""

from __future__ import annotations

from pkgutil import iter_modules
from types import ModuleType

__all__ = ["names"]


def names(package: ModuleType) -> list[str]:
    """Return the plug-ins of a folder by file name, nothing imported."""
    return sorted(module.name for module in iter_modules(package.__path__))
