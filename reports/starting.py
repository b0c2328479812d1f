"""What starting up costs, and from which step on a greater start-up has paid for itself, as a table."""

from __future__ import annotations

from reports import formats
from reports.cells import Cell, Table
from reports.rows import Row
from reports.tables import per_study

__all__ = ["BREAKEVEN", "cold", "pays", "tables"]

PARTS = ("interpreter_s", "import_s", "build_s", "compile_s", "first_step_s")
COLD = (
    "Cold is a case's first start in this run, in the pilot before all launches: files may have to be read from "
    "disk{}. Warm is the median over the launches, when caches are filled."
)
COMPILERS = ", and compilers find nothing in their caches"
BREAKEVEN = (
    "Compiling is part of the first step: what it takes beyond a steady one, in rows whose step is compiled. A row "
    "pays from the step by whose end it is no later than the row it is compared with: its own eager variant where "
    "there is one, else the baseline. Both are counted from where building begins, with compilers' caches filled: a "
    "cold start is not weighed. At 1 it is ahead from the start; a dash means that it is not faster per step, so that "
    "it never pays."
)


def tables(summary: Row) -> list[Table]:
    """Return what starting costs, cold (in the pilot) and warm (the median over launches)."""
    names = [f"{cold}{part}" for cold in ("cold_", "") for part in PARTS]
    timed = [row for row in summary.get("cases") or [] if any(row.get(name) is not None for name in names)]
    columns = [("case", "name"), ("pays from step", "number"), ("compared with", "text")]
    columns += [(f"{_spoken(part)}, cold / warm", "number") for part in PARTS]
    return per_study("start-up", timed, tuple(columns), _line)


def cold(summary: Row) -> str:
    """Return what cold and warm mean, with compilers where a row has one."""
    compiled = any(row.get("cold_compile_s") is not None for row in summary.get("cases") or [])
    return COLD.format(COMPILERS if compiled else "")


def pays(summary: Row) -> bool:
    """Return whether the tables say from which step on a start-up pays."""
    return any(row.get("breakeven_against") for row in summary.get("cases") or [])


def _line(row: Row) -> tuple[Cell, ...]:
    steps = row.get("breakeven_steps")
    return (
        Cell(str(row.get("case")), "name"),
        Cell(formats.MISSING if steps is None else f"{steps:,}", "number"),
        Cell(str(row.get("breakeven_against") or formats.MISSING)),
        *(Cell(_both(row.get(f"cold_{part}"), row.get(part)), "number") for part in PARTS),
    )


def _both(cold: float | None, warm: float | None) -> str:
    told = cold is not None or warm is not None
    return f"{formats.seconds(cold)} / {formats.seconds(warm)}" if told else formats.MISSING


def _spoken(part: str) -> str:
    return part.removesuffix("_s").replace("_", " ")
