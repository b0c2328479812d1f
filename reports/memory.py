"""How fast memory moves, in sentences: beyond the last cache, and where the caches end.

Every figure comes from the summary's tables ``bandwidths`` and ``cache_steps``. A group whose control failed supports
no sentence.
"""

from __future__ import annotations

from reports.formats import binary, listing, si
from reports.rows import Row, marked_groups

__all__ = ["QUESTION", "passes", "sentences"]

QUESTION = "How fast does memory move?"
STUDY = "memory"
STEPS_OF = "copy"
Who = tuple[str, str, str, int]  # library, device, dtype, threads
LEVELS = {"l1d": "L1", "l2": "L2", "l3": "L3"}
PASSES = (
    "Bandwidths here are those of whole passes over memory, calls into the library included; limits of this machine, "
    "and where caches end, are told with the call taken off."
)


def sentences(summary: Row) -> list[str]:
    """Return a sentence on main memory and one on the caches, for each library and number of threads."""
    marked = {group for study, group in marked_groups(summary) if study == STUDY}
    curves: dict[Who, dict[str, list[Row]]] = {}
    for row in summary.get("bandwidths") or []:
        if row["group"] not in marked:
            kernels = curves.setdefault(_who(row), {})
            kernels.setdefault(row["kernel"], []).append(row)
    steps = [row for row in summary.get("cache_steps") or [] if row["group"] not in marked]
    said = [_beyond(who, kernels) for who, kernels in curves.items()]
    return said + [_caches(who, steps) for who in curves if _steps(who, steps)]


def passes(summary: Row) -> str:
    """Return what the bandwidths of single cases are; nothing where no memory was swept."""
    return PASSES if any(row.get("throughput_unit") == "B/s" for row in summary.get("cases") or []) else ""


def _beyond(who: Who, kernels: dict[str, list[Row]]) -> str:
    largest = {kernel: max(rows, key=lambda row: float(row["working_set"])) for kernel, rows in kernels.items()}
    rates = [f"{kernel} {si(row['bandwidth'], 'B/s')}{_interval(row)}" for kernel, row in largest.items()]
    size = max(row["working_set"] for row in largest.values())
    return f"Over {binary(size)}, beyond the caches, {_named(who)} moves: {listing(rates)}, by STREAM's count of bytes."


def _interval(row: Row) -> str:
    if row["low"] is None or row["high"] is None:
        return ""
    return f" ({si(row['low'], 'B/s')} to {si(row['high'], 'B/s')})"


def _caches(who: Who, steps: list[Row]) -> str:
    falls = [
        f"from {si(step['before'], 'B/s')} to {si(step['after'], 'B/s')} between {binary(step['from'])} and "
        f"{binary(step['to'])}{_holding(step)}"
        for step in _steps(who, steps)
    ]
    curve = f"the bandwidth of {STEPS_OF} in {_named(who)}"
    return f"Derived from its curve, calls into the library taken off: {curve} falls {listing(falls)}."


def _holding(step: Row) -> str:
    names = [LEVELS.get(level, level) for level in step["caches"]]
    return f", where {listing(names)} end{'s' if len(names) == 1 else ''}" if names else ""


def _steps(who: Who, steps: list[Row]) -> list[Row]:
    return [step for step in steps if step["kernel"] == STEPS_OF and _who(step) == who]


def _who(row: Row) -> Who:
    return row["provider"], row["device"], row["dtype"], row["threads"]


def _named(who: Who) -> str:
    library, device, dtype, threads = who
    where = f"with {threads} thread{'s' if threads > 1 else ''}" if device == "cpu" else f"on {device}"
    return f"{library} {where} in {dtype}"
