"""Shares of so many tries, with their exact binomial bounds (Clopper & Pearson 1934), and what they count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scipy import stats as scipy_stats

__all__ = ["CONFIDENCE", "covers", "share"]

CONFIDENCE = 0.95


def covers(one: Mapping[str, Any]) -> bool:
    """Return whether the interval of a comparison or an effect holds the ratio that is known to be true."""
    return bool(one["ci_low"] <= one["truth"] <= one["ci_high"])


def share(count: int, of: int) -> dict[str, Any]:
    """Return a share with its two-sided interval (low, high) and its one-sided bounds, all at 95 %.

    The bounds take the tries as independent of one another.
    """
    if not of:
        return {"count": 0, "of": 0, "share": None, **dict.fromkeys(("low", "high", "at_least", "at_most"))}
    ends = {side: scipy_stats.binomtest(count, of, alternative=side).proportion_ci(CONFIDENCE, method="exact")
            for side in ("two-sided", "greater", "less")}  # fmt: skip
    return {
        "count": count,
        "of": of,
        "share": count / of,
        "low": float(ends["two-sided"].low),
        "high": float(ends["two-sided"].high),
        "at_least": float(ends["greater"].low),
        "at_most": float(ends["less"].high),
    }
