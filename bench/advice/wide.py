"""Advice against a wide measurement: on products of random sizes, is there anything much better than what is advised?

For each product advice is asked as a user asks it. Then each dimension alone is measured over a wide range of sizes,
and the best of these, and their combinations, meet what was advised in fresh launches: every ratio that is judged comes
from those, so that neither side is chosen by its own luck. The best is the fastest there, the product as it is among
them; that it is the fastest of several by luck too makes it look a little better than it is, never the advice.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from bench.advice import stages
from bench.advice.choice import Advice, advise, contenders
from bench.advice.problems import Place, Problem, Sizes, changed, own, replaced
from bench.advice.products import Product
from bench.advice.stages import Result, Settings, Unmeasurable

__all__ = ["WITHIN", "compare", "drawn", "widely"]

SMALLEST, LARGEST = 32, 700
PLUS = (*range(1, 17), 24, 32, 48, 64)
LAUNCHES, ROUNDS = 2, 10
WITHIN = 0.03  # of the best: what advice may miss
WIDE, FINAL = "wide", "final"
SEEDS_APART = 10_000

Row = dict[str, Any]


def drawn(number: int, seed: int, place: Place, library: str) -> Product:
    """Return the product of that number: m, k and n uniform from 32 to 700."""
    m, k, n = np.random.default_rng([seed, number]).integers(SMALLEST, LARGEST + 1, 3).tolist()
    return Product(place, m, k, n, library)


def widely(problem: Problem) -> list[Sizes]:
    """Return each dimension alone at every size of the wide measurement."""
    sizes = own(problem)
    return [replaced(sizes, index, size + plus) for index, size in enumerate(sizes) for plus in PLUS]


def compare(numbers: Sequence[int], problems: Sequence[Product], settings: Settings) -> list[Row]:
    """Return a line for each product, all of them measured in the same launches."""
    began, when = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    settings = replace(settings, seed=settings.seed + SEEDS_APART * numbers[0])
    answers = advise(problems, settings)
    seen = stages.screen([(problem, widely(problem)) for problem in problems], settings, WIDE, LAUNCHES, ROUNDS)
    asked = [(answer.problem, _finalists(answer, one)) for answer, one in zip(answers, seen, strict=True) if one]
    results = stages.confirm(asked, settings, FINAL, control=False)
    seconds = round((time.monotonic() - began) / len(numbers), 3)
    return [
        {"number": number, "began": when, "seconds": seconds} | _line(problem, answer, result, settings.margin)
        for number, problem, answer, result in zip(numbers, problems, answers, results, strict=True)
        if result is not None
    ]


def _finalists(answer: Advice, seen: Result) -> list[Sizes]:
    """Return what was advised, the best of each dimension alone, these together, and the best combination expected."""
    problem = answer.problem
    together = list(own(problem))
    best = []
    for index in range(len(problem.dimensions)):
        alone = [sizes for sizes in seen.rows if changed(problem, sizes) == (index,)]
        best += sorted(alone, key=lambda sizes: float(seen.rows[sizes]["ratio"]))[:1]
        if alone and seen.rows[best[-1]]["ratio"] < 1:
            together[index] = best[-1][index]
    chosen = dict.fromkeys((answer.sizes, *best, tuple(together), *contenders(problem, seen)[:1]))
    return [sizes for sizes in chosen if sizes != own(problem)]


def _line(problem: Product, answer: Advice, result: Result, margin: float) -> Row:
    advised = answer.sizes
    if advised in result.failed:
        raise Unmeasurable(f"{problem.title}: {result.failed[advised]}")
    best = min((own(problem), *result.rows), key=lambda sizes: _ratios(result, sizes)[0])
    over = 1.0, 1.0, 1.0
    if advised != best:
        compared = result.compare(advised, best)
        if compared is None:
            raise Unmeasurable(f"{problem.title}: too few launches to compare what was advised with the best")
        over = compared.ratio, compared.ci_low, compared.ci_high
    gain = _gain(_ratios(result, best), margin)
    return {
        "m": problem.m, "k": problem.k, "n": problem.n, "outcome": answer.outcome,
        "advised": list(advised), "advised_ratio": list(_ratios(result, advised)),
        "best": list(best), "best_ratio": list(_ratios(result, best)), "gain": gain,
        "over_best": list(over), "within": over[0] <= 1 + WITHIN,
        "needless": answer.outcome == "pad" and gain == "none",
        "medians": {" ".join(map(str, sizes)): row["medians"] for sizes, row in result.rows.items()},
        "notes": list(answer.notes),
    }  # fmt: skip


def _ratios(result: Result, sizes: Sizes) -> tuple[float, float, float]:
    """Return the ratio to the product as it is, with its interval; 1 of itself."""
    row = result.rows.get(sizes)
    return (1.0, 1.0, 1.0) if row is None else (row["ratio"], row["ci_low"], row["ci_high"])


def _gain(ratio: tuple[float, float, float], margin: float) -> str:
    """Return whether padding gains ``more`` than the margin, ``none``, or, where neither is shown, ``unsure``."""
    _, low, high = ratio
    return "more" if high < 1 - margin else "none" if low > 1 - margin else "unsure"
