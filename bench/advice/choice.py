"""From what was screened to what is confirmed, and from that to the answer.

Effects of dimensions are taken to multiply, so that a combination need not be measured to be predicted. Where padding
one copies an operand, the copy is paid once however many dimensions need it: its ratio, which the screen measures by
itself, is divided out of each and put in once.

The answer is to pad where a confirmed case is ``faster``, by the rules of ``mlpbench run``, and its ratio under
1 - margin; of several the fastest. From that, dimensions are left as they are where the time without them is longer by
the margin at most, all of them together: what costs memory is to be worth as much as padding at all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from bench.advice import stages
from bench.advice.candidates import Candidate, candidates
from bench.advice.problems import Problem, Sizes, changed, named, own, replaced
from bench.advice.stages import Result, Settings

__all__ = ["DO_NOT_PAD", "INCONCLUSIVE", "PAD", "Advice", "advise", "contenders", "predict"]

PAD, DO_NOT_PAD, INCONCLUSIVE = "pad", "do not pad", "inconclusive"
MOST_CONFIRMED = 6
OPTIONS = 2  # of a dimension that combinations are made of, beside leaving it as it is
SLACK = 0.01  # what looks slower by more than this in the screen is not worth a verdict
NEAR = 1.03  # nor what looks slower by more than this than the best: the screen's own noise is a third of it

Row = dict[str, Any]


@dataclass(frozen=True)
class Advice:
    """An answer and what it rests on.

    Attributes:
        problem: What was asked.
        outcome: ``pad``, ``do not pad`` or ``inconclusive``.
        sizes: What to pad to: the problem's own sizes unless the outcome is to pad.
        candidates: What prediction left over.
        screened: What the screen came to; None where there was no candidate.
        confirmed: What confirming came to, likewise.
        notes: What else should be known.
    """

    problem: Problem
    outcome: str
    sizes: Sizes
    candidates: Sequence[Candidate]
    screened: Result | None
    confirmed: Result | None
    notes: tuple[str, ...] = ()

    @property
    def row(self) -> Row | None:
        """The comparison of what to pad to, where the outcome is to pad."""
        return self.confirmed.rows[self.sizes] if self.outcome == PAD and self.confirmed else None


def advise(problems: Sequence[Problem], settings: Settings) -> list[Advice]:
    """Return an answer for each problem, all of them measured in the same launches.

    Raises stages.Unmeasurable where one cannot be measured as it is.
    """
    found = [candidates(problem) for problem in problems]
    screens = stages.screen(
        [(problem, [one.sizes for one in tried]) for problem, tried in zip(problems, found, strict=True)], settings
    )
    likely = [contenders(problem, seen) if seen else [] for problem, seen in zip(problems, screens, strict=True)]
    results = stages.confirm(list(zip(problems, likely, strict=True)), settings)
    return [
        _answer(problem, tried, seen, result, settings.margin)
        for problem, tried, seen, result in zip(problems, found, screens, results, strict=True)
    ]


def predict(problem: Problem, seen: Result, sizes: Sizes) -> float:
    """Return the ratio expected of a combination; each of its sizes must have been screened alone."""
    logs, copied = 0.0, False
    for index in changed(problem, sizes):
        logs += math.log(seen.rows[replaced(own(problem), index, sizes[index])]["ratio"])
        if problem.dimensions[index].copied:
            logs -= math.log(seen.copied)
            copied = True
    return math.exp(logs + copied * math.log(seen.copied))


def contenders(problem: Problem, seen: Result) -> list[Sizes]:
    """Return the sizes that are worth a verdict, most promising first: at least one, if any was measured at all.

    The best combination expected comes with each of its dimensions alone, so that what each adds can be told.
    """
    options = [[size] for size in own(problem)]
    for sizes in sorted(seen.rows, key=lambda sizes: float(seen.rows[sizes]["ratio"])):
        (index,) = changed(problem, sizes)
        if len(options[index]) <= OPTIONS:
            options[index].append(sizes[index])
    expected = {sizes: predict(problem, seen, sizes) for sizes in product(*options) if sizes != own(problem)}
    if not expected:
        return []
    ranked = sorted(expected, key=expected.__getitem__)
    parts = [replaced(own(problem), index, ranked[0][index]) for index in changed(problem, ranked[0])]
    near = [sizes for sizes in ranked if expected[sizes] <= NEAR * expected[ranked[0]]]
    likely = [sizes for sizes in (*parts, *near) if expected[sizes] < 1 + SLACK]
    return list(dict.fromkeys((ranked[0], *likely)))[:MOST_CONFIRMED]


def _answer(
    problem: Problem, tried: Sequence[Candidate], seen: Result | None, result: Result | None, margin: float
) -> Advice:
    sizes, outcome = own(problem), DO_NOT_PAD
    notes = _failures(problem, seen, result)
    if not tried:
        notes.append("no size near these changes how rows are aligned or how whole vectors and tiles fit")
    elif result is None:
        outcome = INCONCLUSIVE
        notes.append("no padded size could be measured")
    else:
        unsettled = _unsettled(problem, result, margin)
        notes += unsettled
        if result.control is not None and result.control["verdict"] in ("faster", "slower"):
            outcome = INCONCLUSIVE
            notes.append("the same problem twice came out different: something else disturbed this run; run it again")
        else:
            sizes = _chosen(problem, result, margin)
            outcome = PAD if sizes != own(problem) else INCONCLUSIVE if unsettled else DO_NOT_PAD
    return Advice(problem, outcome, sizes, tried, seen, result, tuple(notes))


def _chosen(problem: Problem, result: Result, margin: float) -> Sizes:
    """Return the fastest sizes shown to be faster by more than the margin, without what adds nothing to them."""
    good = [
        sizes for sizes, row in result.rows.items() if row["verdict"] == "faster" and float(row["ratio"]) < 1 - margin
    ]
    if not good:
        return own(problem)

    def ratio(sizes: Sizes) -> float:
        return float(result.rows[sizes]["ratio"])

    best = min(good, key=ratio)
    enough = [sizes for sizes in good if _is_part(problem, sizes, best) and _as_good(result, sizes, best, margin)]
    return min(enough, key=lambda sizes: (len(changed(problem, sizes)), ratio(sizes)), default=best)


def _is_part(problem: Problem, sizes: Sizes, whole: Sizes) -> bool:
    return set(changed(problem, sizes)) < set(changed(problem, whole))


def _as_good(result: Result, simpler: Sizes, best: Sizes, margin: float) -> bool:
    """Whether a simpler case takes no longer than the best by more than the margin."""
    compared = result.compare(simpler, best)
    return compared is not None and compared.ratio <= 1 + margin


def _failures(problem: Problem, *results: Result | None) -> list[str]:
    failed = {sizes: reason for result in results if result is not None for sizes, reason in result.failed.items()}
    return [f"{named(problem, sizes)} could not be measured: {reason}" for sizes, reason in failed.items()]


def _unsettled(problem: Problem, result: Result, margin: float) -> list[str]:
    """Say which sizes looked worth their padding and were not shown to be."""
    return [
        f"{named(problem, sizes)} took {row['ratio']:.3f} of the time ({row['ci_low']:.3f} to {row['ci_high']:.3f}): "
        "this run cannot tell; a longer --preset may"
        for sizes, row in result.rows.items()
        if row["verdict"] == "inconclusive" and row["ratio"] < 1 - margin
    ]
