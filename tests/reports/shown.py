"""What a page shows, as tests read it: its figures, tables and sentences."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure
from matplotlib.text import Text

from reports.cells import Table
from reports.findings import findings

Record = dict[str, Any]


def rendered(figure: Figure | None) -> Figure:
    """Return a figure once its parts have their places."""
    assert isinstance(figure, Figure)
    figure.set_dpi(30)
    figure.canvas.draw()
    return figure


def words(figure: Figure) -> list[str]:
    found = figure.findobj(Text)
    return [artist.get_text().replace("\xa0", " ") for artist in found if isinstance(artist, Text)]


def lines(table: Table, heading: str) -> list[list[str]]:
    """Return the texts of a section's rows."""
    section = next(one for one in table.sections if one.heading.startswith(heading))
    return [[cell.text.replace("\xa0", " ") for cell in row] for row in section.rows]


def said(run: Record, summary: Record, question: str) -> str:
    return " ".join(one.text for one in findings(run, summary) if one.question == question).replace("\xa0", " ")
