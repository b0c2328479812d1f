"""The one sentence: what this machine can resolve in which time, as far as the tries so far can tell."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["OFTEN", "PEOPLE_SAY", "tell"]

Row = dict[str, Any]

OFTEN = 0.8  # of its tries; the power at which an MDE is stated
DEFAULT_MARGIN = 0.02
PEOPLE_SAY = {"numpy": "NumPy", "numpy_scratch": "NumPy", "torch": "PyTorch"}


def tell(found: Row) -> str:
    """Return the sentence, from what ``rates.derive`` found; every share has its 95 % bounds beside it."""
    by_provider: dict[str, list[Row]] = {}
    for row in found["planted"]["settings"]:
        by_provider.setdefault(row["provider"], []).append(row)
    clauses = [_resolved(provider, rows) for provider, rows in by_provider.items()]
    resolved = f"On this machine {' and '.join(clauses)}" if clauses else ""
    identical = _identical(found["aa"])
    if not resolved and not identical:
        return "Nothing was measured yet, so it is not known what this machine can resolve."
    if not resolved:
        return f"On this machine, {identical}; no difference was planted yet, so it is not known what would be found."
    return f"{resolved}; {identical or 'identical pairs were not measured yet'} (in brackets: 95 % bounds)."


def _resolved(provider: str, rows: list[Row]) -> str:
    """Name the smallest effect found in four of five tries, in the least time; else the largest that was tried."""
    pair = f"two {PEOPLE_SAY.get(provider, provider)} cases"
    often = [row for row in rows if row["found"]["share"] >= OFTEN]
    if often:
        best = min(often, key=lambda row: (round(row["effect"], 3), _time(row)))
        return f"a difference of {_effect(best)} between {pair} is found in {_tries(best)}"
    best = max(rows, key=lambda row: (row["effect"], _time(row)))
    return f"no planted difference between {pair} is found in four of five tries ({_effect(best)}: {_tries(best)})"


def _tries(row: Row) -> str:
    found = row["found"]
    late = f", {row['late']} of them late" if row["late"] else ""
    low, high = math.floor(100 * found["low"]), math.ceil(100 * found["high"])
    return f"{found['count']} of {found['of']} tries of {_time(row):.0f} s{late} [{low} to {high} %]"


def _effect(row: Row) -> str:
    margin = "" if row["margin"] == DEFAULT_MARGIN else f" (margin {100 * row['margin']:g} %)"
    return f"{100 * row['effect']:.2g} %{margin}"


def _time(row: Row) -> float:
    return float(row["seconds"] if row["budget_s"] is None else row["budget_s"])


def _identical(aa: Row) -> str:
    if not aa["count"]:
        return ""
    count, false = aa["count"], aa["false"]
    told = f"{false['count'] or 'none'} {'were' if false['count'] > 1 else 'was'} called different"
    low, high = math.floor(1000 * false["low"]) / 10, math.ceil(1000 * false["high"]) / 10
    return f"of {count} identical {'pair' if count == 1 else 'pairs'} {told} [{low:g} to {high:g} %]"
