"""What a table of the page is made of; the template knows nothing else of it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Cell", "Section", "Table"]


@dataclass(frozen=True)
class Cell:
    """One cell; ``kind`` is text, number, name or verdict, and ``hint`` is shown on pointing at it."""

    text: str
    kind: str = "text"
    hint: str = ""


@dataclass(frozen=True)
class Section:
    """Rows under a heading of their own, as those of one group are; no heading where it is empty.

    ``warning`` is what makes the rows not to be relied on; it comes first.
    """

    heading: str
    rows: tuple[tuple[Cell, ...], ...]
    warning: str = ""


@dataclass(frozen=True)
class Table:
    """A table: ``columns`` are pairs of heading and kind; ``note`` is what holds for all of its rows."""

    key: str
    title: str
    columns: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    note: str = ""
