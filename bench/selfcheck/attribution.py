"""Is a cost traced to its cause? A factorial design whose cells do the same work, but for a cost planted on one factor.

All cells are one product with the same operands: their levels are names. Those with the second level of one factor do
six steps for every five that they report, so that this factor costs 20 % and nothing else costs anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import product
from statistics import median
from typing import Any

from bench.case import Case, Group
from bench.selfcheck.shares import covers, share
from bench.studies import with_control

__all__ = ["DONE", "ENOUGH", "FACTORS", "PROVIDER", "REPORTED", "TRUTH", "cells", "effects", "rates"]

Row = dict[str, Any]

FACTORS = ("size", "leading dimension", "base address")
FIRST, SECOND = "first", "second"
PROVIDER = "numpy"
SIZE = 256
DONE, REPORTED = 6, 5  # few, so that a sample need not last longer than 5 ms to hold the ratio exactly
TRUTH = DONE / REPORTED
ENOUGH = 0.8  # of what is found of all causes, on the one it was planted on


def cells(number: int, threads: int) -> tuple[str, Group]:
    """Return the factor that a try plants a cost on, each in turn, and the cells of the design."""
    factor = FACTORS[number % len(FACTORS)]
    name = f"{PROVIDER} matmul {SIZE} float32, a cost on the {factor}"
    cases = []
    for chosen in product((FIRST, SECOND), repeat=len(FACTORS)):
        levels = dict(zip(FACTORS, chosen, strict=True))
        parameters = {"m": SIZE, "k": SIZE, "n": SIZE, "stack": 1, "levels": levels}
        done = DONE if levels[factor] == SECOND else REPORTED
        cell = Case("selfcheck", name, " ".join(chosen), "matmul", PROVIDER, PROVIDER, parameters, threads=threads)
        cases.append(replace(cell, planted=(done, REPORTED)))
    return factor, with_control(Group("selfcheck", name, tuple(cases), cases[0].name))


def effects(derived: Iterable[Row], factor: str) -> list[Row]:
    """Return what a try's line says of each effect of its summary, with the truth."""
    kept = (
        "factor",
        "level",
        "kind",
        "ratio",
        "ci_low",
        "ci_high",
        "p_adjusted",
        "verdict",
        "mde",
        "launches",
        "medians",
    )
    return [
        {"truth": TRUTH if row["factor"] == factor else 1.0} | {column: row[column] for column in kept}
        for row in derived
        if row["kind"] != "conditional"
    ]


def rates(lines: Sequence[Row]) -> list[Row]:
    """Return, for each factor that a cost was planted on, how much of it landed there over its tries."""
    found = {factor: [line["effects"] for line in lines if line["factor"] == factor] for factor in FACTORS}
    seconds = {factor: [line["seconds"] for line in lines if line["factor"] == factor] for factor in FACTORS}
    return [_of_factor(factor, tries, seconds[factor]) for factor, tries in found.items() if tries]


def _of_factor(factor: str, tries: Sequence[Sequence[Row]], seconds: Sequence[float]) -> Row:
    """Return the rates of one factor from the effects of its tries; one that came to nothing counts as not found."""
    planted = [one for effects in tries for one in effects if one["truth"] != 1.0]
    others = [one for effects in tries for one in effects if one["truth"] == 1.0]
    landed = [_landed(effects) for effects in tries if any(one["truth"] != 1.0 for one in effects)]
    return {
        "factor": factor,
        "truth": TRUTH,
        "tries": len(tries),
        "lost": len(tries) - len(landed),
        "ratio": median(one["ratio"] for one in planted) if planted else None,
        "landed": median(landed) if landed else None,
        "least": min(landed, default=None),
        "enough": share(sum(one >= ENOUGH for one in landed), len(tries)),
        "found": share(sum(one["verdict"] == "slower" for one in planted), len(tries)),
        "covering": share(sum(covers(one) for one in planted), len(planted)),
        "others": share(sum(covers(one) for one in others), len(others)),
        "others_decided": sum(one["verdict"] in ("faster", "slower") for one in others),
        "seconds": median(seconds),
    }


def _landed(found: Sequence[Row]) -> float:
    """Return the share of the planted cause in what was found of all causes, as logarithms; interactions left out."""
    causes = {one["factor"]: (one["truth"], math.log(one["ratio"])) for one in found if one["kind"] != "interaction"}
    planted = sum(max(0.0, size) for truth, size in causes.values() if truth != 1.0)  # a gain is no cost found
    total = sum(abs(size) for _, size in causes.values())
    return planted / total if total else 0.0
