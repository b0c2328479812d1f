"""Which published effects hold here: their verdicts, from the comparisons of the study ``reproduction``.

The harness compares products per FLOP; where a source compares whole products, so does the verdict: 5 rows against 6
over a long inner dimension may take as long, which is no effect, though per FLOP the 5 are slower. The launches' log
ratios are moved by the logarithm of the FLOPs' ratio, which widens no interval, and judged by the rule of every other
comparison (``bench.stats.verdict``).

Of an effect, whose case is the slower one by its source:

- ``reproduced``: slower here, and the interval reaches half of what was published, in logarithms
- ``weaker``: slower here, and the whole interval is below that
- ``gone``: equivalent
- ``reversed``: faster

Of a negative control, a padding that gains nothing by its source: ``reproduced`` where it is equivalent or slower here
too, ``reversed`` where it is faster. Both are ``inconclusive`` where the comparison is, and ``not run`` where there is
none; ``reason`` says why. Other hardware, libraries and versions may each be why an effect is gone: which one it is,
no single run tells.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bench import stats
from bench.plan import Plan
from bench.published_effects import CONTROL, EFFECTS, NOT_RUN, PRODUCT, TABLE, Effect
from bench.stats import Comparison
from bench.studies.reproduction import STUDY

__all__ = ["HALF", "compared", "derive", "judge"]

Row = dict[str, Any]

HALF = 0.5
FAILED_CONTROL = "the control failed"


def derive(
    plan: Plan, found: Sequence[Row], lost: Mapping[str, tuple[str, str]], margin: float, facts: Mapping[str, Any]
) -> Row:
    """Return the table ``effects_published``, a row per effect that the run was to repeat.

    Args:
        plan: What was planned.
        found: The run's comparisons.
        lost: (status, reason) of the cases that something went wrong with, by id.
        margin: Within which a ratio does not matter.
        facts: Those of the machine.
    """
    reasons = {case.group: reason for case, _, reason in plan.skips if case.study == STUDY}
    for planned in plan.of(STUDY):
        reasons |= {case.group: lost[case.id][1] for case in planned.group.cases if case.id in lost}
    asked = {planned.group.name for planned in plan.of(STUDY)} | reasons.keys()
    rows = {row["group"]: row for row in found if row["study"] == STUDY and not row["control"]}
    return {
        TABLE: [
            _row(effect, rows.get(effect.name), reasons.get(effect.name, "no launch is complete"), margin, facts)
            for effect in EFFECTS
            if effect.name in asked
        ]
    }


def compared(effect: Effect, medians: Sequence[float]) -> Comparison:
    """Return the comparison on the scale of the source.

    Args:
        effect: What was published.
        medians: Log ratios per FLOP, one a launch.
    """
    moved = np.asarray(medians, dtype=np.float64) + (math.log(effect.per_product) if effect.per == PRODUCT else 0.0)
    interval = stats.mean_interval(moved)
    ratio, low, high = (math.exp(end) for end in (interval.mean, interval.low, interval.high))
    return Comparison(ratio, low, high, ratio, interval.p, interval.deviation, interval.launches, 0)


def judge(effect: Effect, comparison: Comparison, verdict: str) -> str:
    """Return the verdict on an effect from that on its comparison, both on the scale of the source."""
    if verdict == "inconclusive":
        return verdict
    if effect.kind == CONTROL:
        return "reversed" if verdict == "faster" else "reproduced"
    if verdict != "slower":
        return "gone" if verdict == "equivalent" else "reversed"
    reached = effect.ratio is None or math.log(comparison.ci_high) >= HALF * math.log(effect.ratio)
    return "reproduced" if reached else "weaker"


def _row(effect: Effect, row: Row | None, reason: str, margin: float, facts: Mapping[str, Any]) -> Row:
    told = {
        "effect": effect.name,
        "kind": effect.kind,
        "source": effect.source,
        "told": effect.told,
        "assumed": effect.assumed,
        "hardware": effect.hardware,
        "judged_on": _judged_on(effect.device, facts),
        "device": effect.device,
        "library": effect.library,
        "case": effect.case.name,
        "baseline": effect.baseline.name,
        "per": effect.per,
        "published": effect.ratio,
        "published_per_flop": effect.ratio_per_flop,
    }
    if row is None:
        figures = dict.fromkeys(("ratio", "ci_low", "ci_high", "share", "compared"))
        return told | figures | {"verdict": NOT_RUN, "reason": reason, "launches": 0}
    found = compared(effect, row["medians"])
    reason = FAILED_CONTROL if row["marked"] else row["reason"]
    verdict = "inconclusive" if reason else stats.verdict(found, found.p, margin)
    published = effect.ratio if effect.kind != CONTROL else None
    return told | {
        "ratio": found.ratio,
        "ci_low": found.ci_low,
        "ci_high": found.ci_high,
        "share": math.log(found.ratio) / math.log(published) if published else None,
        "compared": verdict,
        "verdict": judge(effect, found, verdict),
        "reason": reason,
        "launches": found.launches,
    }


def _judged_on(device: str, facts: Mapping[str, Any]) -> str | None:
    """Return the name of the processor, None where it is unknown."""
    group, name = ("cpu", "brand") if device == "cpu" else ("gpu", "gpu0_name")
    value = ((facts.get(group) or {}).get(name) or {}).get("value")
    return None if value is None else str(value)
