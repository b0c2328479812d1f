"""Phrases that sentences share: which panel is meant, at which widths, a ratio with its interval."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reports.formats import interval, ratio, span
from reports.rows import Panel, Row

__all__ = [
    "CONTROL_FAILED",
    "NOT_RELIABLE",
    "at",
    "capital",
    "figures",
    "from_width",
    "interval_of",
    "lead",
    "ratio_of",
    "where",
]

CONTROL_FAILED = "control failed"
NOT_RELIABLE = f"{CONTROL_FAILED}, not to be relied on"


def where(panel: Panel, others: Iterable[Panel]) -> str:
    """Name what tells this panel from the others, as the beginning of a sentence; nothing where it is the only one."""
    kept = set(others)
    words: dict[str, Any] = {"device": panel.device, "dtype": panel.dtype, "batch": f"batch {panel.batch}"}
    words["depth"] = panel.title.partition(" · ")[0]
    told = [str(text) for field, text in words.items() if len({getattr(one, field) for one in kept}) > 1]
    return f"with {', '.join(reversed(told))} " if told else ""


def lead(panel: Panel, others: Iterable[Panel]) -> str:
    """Name what tells this panel from the others, before a colon; nothing where it is the only one."""
    told = where(panel, others).strip()
    return f"{told}: " if told else ""


def at(widths: list[int]) -> str:
    """Name the widths, as the beginning of a sentence."""
    return f"at width {widths[0]}, " if len(widths) == 1 else f"at widths {span(widths)}, "


def from_width(start: int, widest: int) -> str:
    """Name the width from which on something holds up to the widest."""
    return f"at width {widest}, the widest measured" if start == widest else f"from width {start} on"


def figures(row: Row | None) -> str:
    """Return a comparison's ratio and interval."""
    return f"{ratio_of(row)}, {interval_of(row)}" if row else ""


def ratio_of(row: Row) -> str:
    """Return a comparison's ratio, as precise as its interval."""
    return ratio(row["ratio"], row.get("ci_low"), row.get("ci_high"))


def interval_of(row: Row) -> str:
    """Return a comparison's interval."""
    return interval(row.get("ci_low"), row.get("ci_high"))


def capital(text: str) -> str:
    """Begin with a capital, unless with the name of something, which has its own spelling."""
    first = text.partition(" ")[0]
    return text if "_" in first else text[:1].upper() + text[1:]
