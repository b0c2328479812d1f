"""What pages and figures show, as plain text to compare with."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import matplotlib
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.text import Text

from reports import plots
from reports.cells import Section, Table
from reports.drawing import STYLE
from reports.findings import findings

Record = dict[str, Any]
Maker = Callable[..., tuple[Record, Record]]
PLAIN = str.maketrans({"\N{MULTIPLICATION SIGN}": "x", "\N{EN DASH}": "-", "\N{NO-BREAK SPACE}": " "})


def plain(text: str) -> str:
    """Return text in characters that keyboards have."""
    return text.translate(PLAIN)


def told(run: Record, summary: Record, question: str) -> list[str]:
    """Return what the first screen says to a question."""
    return [plain(one.text) for one in findings(run, summary) if one.question == question]


def said(run: Record, summary: Record, question: str) -> str:
    return " ".join(told(run, summary, question))


def lines(found: Table | Section | None) -> list[list[str]]:
    """Return the texts of a table's or section's rows."""
    assert found is not None
    sections = found.sections if isinstance(found, Table) else (found,)
    return [[plain(cell.text) for cell in row] for section in sections for row in section.rows]


def module_of(name: str) -> ModuleType:
    """Return the module of a figure."""
    return next(module for module in plots.figures() if module.__name__.endswith(f".{name}"))


def drawn(name: str, run: Record, summary: Record) -> Figure:
    """Return a figure, drawn as for the page; there must be something to draw."""
    with matplotlib.rc_context(STYLE):
        found = module_of(name).draw(run, summary)
        assert isinstance(found, Figure)
        found.set_dpi(72)  # at fewer, letters are as high as whole dots, and keys touch
        found.canvas.draw()
    return found


def words(artist: Artist) -> list[str]:
    """Return all texts in a figure or a panel."""
    return [plain(text.get_text()) for text in artist.findobj(Text) if isinstance(text, Text) and text.get_text()]
