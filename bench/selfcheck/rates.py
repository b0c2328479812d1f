"""From tries to rates: false verdicts, planted differences found and traced to their cause, the harness's cost, peers.

Pure: lines of tries.jsonl go in, a dictionary that is JSON as it stands comes out. A share comes with its exact
binomial bounds.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from statistics import median
from typing import Any

import numpy as np
from scipy import stats as scipy_stats

from bench import stats
from bench.selfcheck import attribution, sentence
from bench.selfcheck.shares import CONFIDENCE, covers, share
from bench.stats import Comparison

__all__ = ["derive"]

Row = dict[str, Any]

LEAST_RUNS = 5  # with four, chance alone moves a pair's variance ratio between 0.07 and 3.1
DIFFERENT = ("faster", "slower")
WORST: dict[str, Callable[[Iterable[float]], float]] = {"overhead": max, "in_samples": min, "stopped_cpu": max}
ASSUMES = (
    "runs of one pair are independent, their means normal around one value, and the squared standard errors known; "
    "degrees of freedom are reduced where runs differ in their noise (Satterthwaite 1946)"
)


def derive(lines: Sequence[Row], margin: float) -> Row:
    """Return what summary.json holds under ``selfcheck``.

    Args:
        lines: The lines of tries.jsonl.
        margin: The margin at which identical cases are judged anew, as an ordinary run would judge them.
    """
    own = [line for line in lines if line["kind"] in ("aa", "planted")]
    found = {
        "aa": _identical(own, margin),
        "planted": _planted([line for line in own if line["kind"] == "planted"]),
        "cost": _cost(own),
        "timers": _timers([line for line in lines if line["kind"] == "timers"]),
        "peers": _peers([line for line in lines if line["kind"] == "peer"]),
        "attribution": attribution.rates([line for line in lines if line["kind"] == "attribution"]),
    }
    return {"sentence": sentence.tell(found), "margin": margin, **found}


def _identical(own: Sequence[Row], margin: float) -> Row:
    compared = [(run, line, one) for run, line in enumerate(own) for one in line["comparisons"] if one["truth"] == 1.0]
    judged = [_judged_anew(run, line, one, margin) for run, line, one in compared]
    rows = [row for row in judged if row is not None]
    false = [row for row in rows if row["verdict"] in DIFFERENT]
    pairs = [_pair(members) for members in _grouped(rows, "setting", "provider", "group", "case")]
    return {
        "count": len(rows),
        "runs": len({row["run"] for row in rows}),
        "unusable": len(judged) - len(rows),
        "false": share(len(false), len(rows)),
        "excluding": share(sum(row["excludes"] for row in rows), len(rows)),
        "largest_false_ratio": max((_away(row["ratio"]) for row in false), default=None),
        "as_printed": share(sum(one["verdict"] in DIFFERENT for _, _, one in compared), len(compared)),
        "variance_ratio": _pooled(pairs),
        "providers": [_provider(members) for members in _grouped(rows, "provider")],
        "pairs": pairs,
        "comparisons": rows,
    }


def _judged_anew(run: int, line: Row, one: Row, margin: float) -> Row | None:
    """Judge as an ordinary case, in no family; None where there are too few launches for an interval."""
    medians = np.array([median for median in one["medians"] if median is not None], dtype=np.float64)
    if len(medians) < stats.LEAST_LAUNCHES:
        return None
    found = stats.mean_interval(medians)
    ratio, low, high = (float(np.exp(log)) for log in (found.mean, found.low, found.high))
    comparison = Comparison(
        ratio=ratio, ci_low=low, ci_high=high, mean_ratio=ratio, p=found.p, deviation=found.deviation,
        launches=found.launches, rounds=line["rounds"],
    )  # fmt: skip
    enough = found.launches >= stats.LEAST_JUDGED
    return {
        "run": run,
        "setting": line["setting"],
        "provider": one["provider"],
        "group": one["group"],
        "case": one["case"],
        "ratio": ratio,
        "ci_low": low,
        "ci_high": high,
        "log_mean": found.mean,
        "standard_error": found.deviation / math.sqrt(found.launches),
        "launches": found.launches,
        "excludes": not low <= 1 <= high,
        "verdict": stats.verdict(comparison, found.p, margin) if enough else "inconclusive",
    }


def _provider(rows: Sequence[Row]) -> Row:
    return {
        "provider": rows[0]["provider"],
        "false": share(sum(row["verdict"] in DIFFERENT for row in rows), len(rows)),
        "excluding": share(sum(row["excludes"] for row in rows), len(rows)),
    }


def _pair(rows: Sequence[Row]) -> Row:
    """Return one pair's tries, and its variance between runs over the mean squared standard error."""
    squares = np.array([row["standard_error"] ** 2 for row in rows])
    means = np.array([row["log_mean"] for row in rows])
    known = len(rows) >= LEAST_RUNS and squares.sum() > 0
    launches = np.array([row["launches"] for row in rows])
    return {
        **{name: rows[0][name] for name in ("setting", "provider", "group", "case")},
        "count": len(rows),
        "false": sum(row["verdict"] in DIFFERENT for row in rows),
        "excluding": sum(row["excludes"] for row in rows),
        "ratio": float(np.exp(means.mean())),
        "variance_ratio": float(means.var(ddof=1) / squares.mean()) if known else None,
        "degrees": _degrees(squares, launches) if known else None,
    }


def _degrees(squares: stats.Floats, launches: stats.Integers) -> float:
    """Return the degrees of freedom of a variance between runs whose squared standard errors differ.

    (sum v)^2 / (sum v^2 + sum over i != j of v_i v_j / (R-1)^2), which is R - 1 where all v are alike; an estimated
    v^2 is too large by (L+1)/(L-1) on average and is divided by that.
    """
    runs = len(squares)
    cross = squares.sum() ** 2 - (squares**2).sum()
    own = (squares**2 * (launches - 1) / (launches + 1)).sum()
    return float(min(squares.sum() ** 2 / (own + cross / (runs - 1) ** 2), runs - 1))


def _pooled(pairs: Sequence[Row]) -> Row:
    """Return the pairs' variance ratios as one, weighted by degrees of freedom, with a chi-square interval."""
    used = [pair for pair in pairs if pair["variance_ratio"] is not None]
    counts = {"pairs": len(used), "left_out": len(pairs) - len(used), "least_runs": LEAST_RUNS, "assumes": ASSUMES}
    if not used:
        return {"value": None, "low": None, "high": None, "degrees": None, **counts}
    degrees = sum(pair["degrees"] for pair in used)
    value = sum(pair["variance_ratio"] * pair["degrees"] for pair in used) / degrees
    lower, upper = scipy_stats.chi2.interval(CONFIDENCE, degrees)
    ends = {"low": float(value * degrees / upper), "high": float(value * degrees / lower)}
    return {"value": value, **ends, "degrees": degrees, **counts}


def _planted(lines: Sequence[Row]) -> Row:
    compared = [one for line in lines for one in line["comparisons"] if one["truth"] != 1.0]
    above = [one for one in compared if one["mde"] is not None and abs(math.log(one["truth"])) > math.log1p(one["mde"])]
    settings = _grouped(lines, "setting")
    told = [row for members in settings if (row := _setting(members)) is not None]
    return {
        "settings": sorted(told, key=lambda row: (row["provider"], -row["effect"], row["setting"])),
        "nothing_came_of": sorted({line["setting"] for line in lines} - {row["setting"] for row in told}),
        "covering": share(sum(map(covers, compared)), len(compared)),
        "above_mde": share(sum(map(_is_found, above)), len(above)),
        "wrong_direction": sum(map(_is_wrong, compared)),
    }


def _setting(lines: Sequence[Row]) -> Row | None:
    """Return one setting's tries, of which one that came to nothing counts as not found; None where all did."""
    compared = [one for line in lines for one in line["comparisons"] if one["truth"] != 1.0]
    if not compared:
        return None
    lost = sum(all(one["truth"] == 1.0 for one in line["comparisons"]) for line in lines)
    budgets = [line["budget_s"] for line in lines if line["budget_s"] is not None]
    seconds = [line["seconds"] for line in lines]
    truth = median(one["truth"] for one in compared)
    return {
        "setting": lines[0]["setting"],
        "provider": compared[0]["provider"],
        "truth": truth,
        "effect": _away(truth) - 1,
        "margin": median(line["margin"] for line in lines),
        "budget_s": median(budgets) if budgets else None,
        "tries": len(compared) + lost,
        "lost": lost,
        "found": share(sum(map(_is_found, compared)), len(compared) + lost),
        "wrong_direction": sum(map(_is_wrong, compared)),
        "covering": share(sum(map(covers, compared)), len(compared)),
        "half_width": median(math.sqrt(one["ci_high"] / one["ci_low"]) - 1 for one in compared),
        "seconds": median(seconds),
        "largest_seconds": max(seconds),
        "late": sum(line["budget_s"] is not None and line["seconds"] > line["budget_s"] for line in lines),
        "launches": sorted({line["launches"] for line in lines}),
        "rounds": sorted({line["rounds"] for line in lines}),
    }


def _cost(own: Sequence[Row]) -> Row:
    known = {name: [line["harness"][name] for line in own if line["harness"].get(name) is not None] for name in WORST}
    return {
        name: {"median": median(values), "worst": WORST[name](values), "tries": len(values)} if values else None
        for name, values in known.items()
    }


def _timers(lines: Sequence[Row]) -> list[Row]:
    """Return each broken timer as it was seen last, and in how many of its tries it was caught."""
    rows = [row for line in lines for row in line["rows"]]
    return [
        {
            **members[-1],
            "caught": all(row["caught"] for row in members),
            "caught_in": sum(row["caught"] for row in members),
            "tries": len(members),
        }
        for members in _grouped(rows, "timer")
    ]


def _peers(lines: Sequence[Row]) -> list[Row]:
    """Return a row per tool and truth, this one first."""
    rounded = [line | {"truth": round(line["truth"], 3)} for line in lines]
    rows = [_peer(members) for members in _grouped(rounded, "tool", "truth")]
    return sorted(rows, key=lambda row: (row["tool"] != "mlpbench", row["tool"], row["truth"]))


def _peer(lines: Sequence[Row]) -> Row:
    truth = lines[0]["truth"]
    said = Counter(line["verdict"] for line in lines)
    false = [_away(line["ratio"]) for line in lines if line["verdict"] in DIFFERENT]
    return {
        "tool": lines[0]["tool"],
        "truth": truth,
        "pairs": len(lines),
        "verdicts": dict(sorted(said.items())),
        "false": share(len(false), len(lines)) if truth == 1 else None,
        "found": share(sum(map(_is_found, lines)), len(lines)) if truth != 1 else None,
        "worst_false_ratio": max(false, default=None) if truth == 1 else None,
        "seconds": median(line["seconds"] for line in lines),
        "rule": lines[-1]["rule"],
    }


def _is_found(one: Row) -> bool:
    return bool(one["verdict"] == ("slower" if one["truth"] > 1 else "faster"))


def _is_wrong(one: Row) -> bool:
    return bool(one["verdict"] in DIFFERENT and not _is_found(one))


def _away(ratio: float) -> float:
    """Return a ratio turned over where it is below 1: how far from 1 it is, whichever side is the slower."""
    return max(ratio, 1 / ratio)


def _grouped(rows: Iterable[Row], *names: str) -> list[list[Row]]:
    """Return rows by the values of some columns, in the order in which those come first."""
    found: dict[Hashable, list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in names), []).append(row)
    return list(found.values())
