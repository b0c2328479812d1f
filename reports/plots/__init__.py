"""The figures: one file is one figure, named after itself.

The contract of a figure's file:

``TITLE``
    What it shows, as a heading.
``CAPTION``
    One or two sentences on how to read it, for someone who does not do statistics.
``caption(summary) -> str``
    Optional: what stands in its place where that depends on what there is to draw.
``ORDER``
    An integer: figures stand on the page in this order.
``draw(run, summary) -> Figure | None``
    The figure, made of ``run.json`` and ``summary.json`` alone, or None where there is nothing to draw.

Intervals are always drawn, axes have units, and colours come from ``reports.colours``. What figures share is in
``reports.drawing``.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

__all__ = ["figures", "names"]


def names() -> list[str]:
    """Return the figures there is a file for."""
    return sorted(module.name for module in iter_modules(__path__))


def figures() -> list[ModuleType]:
    """Return the figures' modules in the order of the page; matplotlib is imported with them."""
    modules = [import_module(f"{__name__}.{name}") for name in names()]
    return sorted(modules, key=lambda module: (module.ORDER, module.__name__))
