"""From which size on a GPU is worth it, in sentences, and the rows that its figure is drawn from.

Every figure comes from the summary's rows of the study ``devices`` and from its table ``device_crossovers``. Where one
rests on a group whose control failed, that is said.
"""

from __future__ import annotations

from typing import NamedTuple

from reports import wording
from reports.formats import listing, span
from reports.rows import Row

__all__ = ["QUESTION", "REHEARSAL", "STUDY", "Who", "rows_of", "sentences", "size_of"]

QUESTION = "From which size on is a GPU worth it?"
STUDY = "devices"
REHEARSAL = "A rehearsal: both sides are the CPU, which says nothing of a GPU."
HANDED_OVER = {  # by whether it is a training step: what is where the data is resident, and end to end
    True: ("with its batches resident", "end to end, each batch handed over and each loss read back,"),
    False: ("with its operands resident", "end to end, operands handed over and the result handed back,"),
}


class Who(NamedTuple):
    """What is the same for all sizes: an implementation's step but for the width, or a library's square product."""

    implementation: str
    device: str
    dtype: str
    threads: int
    batch: int | None
    depth: int | None
    baseline: str

    @classmethod
    def of(cls, row: Row) -> Who:
        """Return what a comparison, or a row of ``device_crossovers``, is about."""
        return cls(*(row[name] for name in cls._fields))

    @property
    def trains(self) -> bool:
        """Whether it is a training step."""
        return self.depth is not None

    @property
    def what(self) -> str:
        """What is done on both devices, in words."""
        return f"{'training step' if self.trains else 'matrix product'} in {self.implementation}"

    @property
    def details(self) -> str:
        """The rest, in words: network and dtype, and how many threads the CPU has."""
        layers = [] if self.depth is None else [f"{self.depth} hidden layer{'s' * (self.depth != 1)}"]
        network = [*layers, f"batch {self.batch}"] if self.trains else []
        threads = f"{self.threads} thread{'s' * (self.threads != 1)}"
        return f"{', '.join([*network, self.dtype])}, the CPU with {threads}"


def rows_of(summary: Row, table: str = "comparisons") -> list[Row]:
    """Return the study's rows of a table, without controls."""
    return [row for row in summary.get(table) or [] if row.get("study") == STUDY and not row.get("control")]


def size_of(row: Row) -> int:
    """Return the width of a comparison's network, or the size of its product."""
    return int(row["n"] if row.get("width") is None else row["width"])


def sentences(summary: Row) -> list[str]:
    """Return from which size on a device is faster than the CPU: a sentence per implementation or library."""
    found: dict[Who, dict[bool, Row]] = {}
    for row in summary.get("device_crossovers") or []:
        found.setdefault(Who.of(row), {})[row["transfers"]] = row
    compared = {(Who.of(row), row["transfers"], size_of(row)): row for row in rows_of(summary)}
    told = []
    for who, crossings in found.items():
        parts = [
            f"{HANDED_OVER[who.trains][transfers]} it is {_from(who, row, compared[who, transfers, row['sizes'][-1]])}"
            for transfers, row in sorted(crossings.items())
        ]
        lead = f"A {who.what} on {who.device} against {who.baseline} ({who.details}): "
        told.append(_rehearsed(who) + lead + "; ".join(parts) + "." + _rests(who, list(crossings.values())))
    return told


def _from(who: Who, crossing: Row, largest: Row) -> str:
    """Say from which size on it is faster, with the ratio at the largest."""
    sizes, size, noun = crossing["sizes"], crossing["size"], _noun(who)
    figures = wording.figures(largest)
    if size is None:
        measured = f"{noun}{'s' * (len(sizes) > 1)} {span(sizes)}"
        return (
            f"not shown to be faster at what was measured, {measured}: at {sizes[-1]} {largest['verdict']} ({figures})"
        )
    if size == sizes[-1]:
        return f"faster at {noun} {size}, the largest measured ({figures})"
    start = f"at all {noun}s measured, {span(sizes)}" if size == sizes[0] else f"from {noun} {size} on"
    return f"faster {start} ({figures} at {sizes[-1]})"


def _rests(who: Who, crossings: list[Row]) -> str:
    """Name the sizes whose control failed, if what is said rests on them."""
    marked = {size for row in crossings for size in row["marked"] if size >= (row["size"] or row["sizes"][-1])}
    where = listing([str(size) for size in sorted(marked)])
    return f" This rests on {_noun(who)} {where}, where the control failed." if marked else ""


def _rehearsed(who: Who) -> str:
    return f"{REHEARSAL} " if who.device == "cpu" else ""


def _noun(who: Who) -> str:
    return "width" if who.trains else "size"
