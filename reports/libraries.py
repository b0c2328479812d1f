"""How fast each library multiplies at the base size, and its share of the best one's rate in the same run."""

from __future__ import annotations

from typing import NamedTuple

from reports import formats, rows, wording
from reports.cells import Cell, Section, Table
from reports.matmuls import DTYPES
from reports.rows import Row

__all__ = ["Rate", "compared", "rate_of", "rates", "table"]

NO_VERDICT = "no other"


class Rate(NamedTuple):
    """A library's best rate at the base size: FLOP/s with interval, and its share of the best library's rate."""

    library: str
    version: str
    device: str
    dtype: str
    size: int
    rate: float
    low: float
    high: float
    share: float

    @property
    def named(self) -> str:
        """The library with its version."""
        return f"{self.library} {self.version}".rstrip()


def rates(run: Row, summary: Row) -> list[Rate]:
    """Return each library's best rate by device and dtype, the best library first."""
    best: dict[tuple[str, str, str], Rate] = {}
    for row in _base_rows(summary):
        found = _rate(run, row)
        key = (row["device"], row["dtype"], row["provider"])
        if found is not None and (key not in best or found.rate > best[key].rate):
            best[key] = found
    most = {key[:2]: max(rate.rate for other, rate in best.items() if other[:2] == key[:2]) for key in best}
    shared = [rate._replace(share=rate.rate / most[key[:2]]) for key, rate in best.items()]
    return sorted(shared, key=lambda rate: (rate.device, _place(rate.dtype), rate.dtype, -rate.rate))


def rate_of(found: list[Rate], library: str, device: str, dtype: str) -> Rate | None:
    """Return a library's rate on a device in a dtype, None where it was not measured."""
    return next((rate for rate in found if (rate.library, rate.device, rate.dtype) == (library, device, dtype)), None)


def compared(summary: Row, library: str, other: str, device: str, dtype: str) -> Row | None:
    """Return the comparison of a library with another one, the baseline, where they took turns and it has a verdict."""
    for row in rows.libraries(summary, "comparisons"):
        here = (row["case"], row["baseline"], row["device"], row["dtype"]) == (library, other, device, dtype)
        if here and row.get("verdict") and not row.get("marked"):
            return row
    return None


def table(run: Row, summary: Row) -> Table | None:
    """Return how much of this machine each library uses; None where no product was measured."""
    found = rates(run, summary)
    if not found:
        return None
    kinds = list(dict.fromkeys((rate.device, rate.dtype) for rate in found))
    sections = tuple(
        Section(
            f"{dtype} · {device} · products of {sizes}",
            tuple(_line(rate, summary) for rate in found if (rate.device, rate.dtype) == (device, dtype)),
        )
        for device, dtype in kinds
        for sizes in [_sizes([rate for rate in found if (rate.device, rate.dtype) == (device, dtype)])]
    )
    columns = (
        ("library", "name"),
        ("version", "text"),
        ("arithmetic", "number"),
        ("95 % interval", "number"),
        ("share of the best", "number"),
        ("in turns with", "text"),
        ("ratio of times", "number"),
        ("verdict", "verdict"),
    )
    return Table("libraries", "Which library uses how much of this machine", columns, sections)


def _line(rate: Rate, summary: Row) -> tuple[Cell, ...]:
    return (
        Cell(rate.library, "name"),
        Cell(rate.version or "unknown"),
        Cell(formats.si(rate.rate, "FLOP/s"), "number"),
        Cell(formats.si_interval(rate.low, rate.high, "FLOP/s"), "number"),
        Cell(formats.percent(rate.share), "number"),
        *_turns(rate, summary),
    )


def _turns(rate: Rate, summary: Row) -> tuple[Cell, ...]:
    """Return the verdict of the group in which libraries took turns, where there is one for this dtype."""
    for row in rows.libraries(summary, "comparisons"):
        if (row["case"], row["device"], row["dtype"]) == (rate.library, rate.device, rate.dtype) and row["verdict"]:
            marked = " (!)" if row.get("marked") else ""
            return (
                Cell(str(row["baseline"])),
                Cell(f"{wording.ratio_of(row)} ({wording.interval_of(row)})", "number"),
                Cell(f"{row['verdict']}{marked}", "verdict"),
            )
    is_base = any(
        (row["baseline"], row["device"], row["dtype"]) == (rate.library, rate.device, rate.dtype)
        for row in rows.libraries(summary, "comparisons")
    )
    return Cell("is the baseline" if is_base else NO_VERDICT), Cell(formats.MISSING, "number"), Cell(formats.MISSING)


def _base_rows(summary: Row) -> list[Row]:
    """Return the cases of one product of the base size: those that sizes are compared with, and the libraries'."""
    base = [row for row in rows.alignment(summary, "cases") if row.get("case") == row.get("baseline")]
    found = [row for row in (*base, *rows.libraries(summary, "cases")) if (row.get("stack") or 1) == 1]
    return [row for row in found if row.get("status", "measured") == "measured" and row.get("provider")]


def _rate(run: Row, row: Row) -> Rate | None:
    ends = rows.rate_bounds(row, "flop_rate")
    if ends is None:
        return None
    asked = (row.get("conditions") or {}).get("version")
    version = str(asked or rows.fact_value(run, row["provider"], "version") or "")
    return Rate(row["provider"], version, row["device"], row["dtype"], row["n"], *ends, 1.0)


def _sizes(members: list[Rate]) -> str:
    return formats.listing([str(size) for size in sorted({rate.size for rate in members})])


def _place(dtype: str) -> int:
    return DTYPES.index(dtype) if dtype in DTYPES else len(DTYPES)
