"""The machine as tables: every fact with its source, and the variables that steer libraries."""

from __future__ import annotations

from reports import formats, rows
from reports.cells import Cell, Section, Table
from reports.rows import Row

__all__ = ["facts", "named", "steering"]


def facts(run: Row) -> Table | None:
    """Return what is known of the machine, each fact with where it is from; None where nothing is."""
    groups = ((run.get("machine") or {}).get("facts") or {}).items()
    sections = tuple(
        Section(name, tuple(_fact(key, fact) for key, fact in found.items() if not _is_variable(fact)))
        for name, found in groups
        if found
    )
    columns = ("fact", "name"), ("value", "long"), ("kind", "text"), ("source", "long")
    return Table("facts", "Hardware and software", columns, sections) if sections else None


def named(run: Row, label: str) -> str:
    """Return the processor with its cores and memory, and the GPU; no name that the label says already."""
    brand, gpu = rows.fact_value(run, "cpu", "brand"), rows.fact_value(run, "gpu", "_name")
    cores, memory = rows.fact_value(run, "cpu", "physical_cores"), rows.fact_value(run, "memory", "total")
    told = [
        brand if str(brand) not in label else None,
        f"{cores} core{'s' * (cores != 1)}" if cores else None,
        f"{formats.binary(memory)} of memory" if memory else None,
        gpu if str(gpu) not in label else None,
    ]
    return ", ".join(str(part) for part in told if part)


def steering(run: Row) -> Table | None:
    """Return the environment variables that steer libraries; None where none was set."""
    software = (((run.get("machine") or {}).get("facts") or {}).get("software") or {}).items()
    lines = tuple((Cell(name, "name"), Cell(_value(fact), "long")) for name, fact in software if _is_variable(fact))
    columns = ("variable", "name"), ("value", "long")
    return Table("steering", "Variables that steer libraries", columns, (Section("", lines),)) if lines else None


def _fact(name: str, fact: Row) -> tuple[Cell, ...]:
    return (
        Cell(name.replace("_", " "), "name"),
        Cell(_value(fact), "long"),
        Cell(str(fact.get("kind"))),
        Cell(str(fact.get("source") or ""), "long"),
    )


def _is_variable(fact: Row) -> bool:
    return str(fact.get("source")).startswith("environment")


def _value(fact: Row) -> str:
    value, unit = fact.get("value"), fact.get("unit")
    if value is None:
        return "unknown"
    if unit in ("B", "bytes") and isinstance(value, int | float):
        return formats.binary(value)
    if unit in ("Hz", "B/s") and isinstance(value, int | float):
        return formats.si(value, unit)
    if unit == "T/s" and isinstance(value, int | float):
        return f"{value / 1e6:,.0f}{formats.NO_BREAK}MT/s"
    if unit == "bit" and isinstance(value, int):
        return f"{value:,}{formats.NO_BREAK}bit"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value}{formats.NO_BREAK}{unit}" if unit else str(value)
