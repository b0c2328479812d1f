"""Causes apart: what each factor of a factorial design costs by itself, with intervals and verdicts.

The cells of a design are cases of one group that say in ``levels`` what they have of each factor. In each launch a cell
is its median over rounds of log(time per FLOP / the baseline's in that round), as in any comparison. An effect is a
contrast of these, one number a launch (Box, Hunter & Hunter 2005, "Statistics for Experimenters", 5.4 and 5.5):

    main         a level against its factor's reference: the mean over all pairs of cells that differ in that alone
    simple       the same where there is a single such pair
    interaction  what levels of two factors together cost beyond the product of what each costs: difference of
                 differences, mean over what the other factors are
    conditional  a main effect among the cells that have one level of another factor alone (``given``)

Where an interaction is faster or slower, the main effects of its two factors are means of what is not alike: then each
is told at both levels of the other too. All these conditional effects of a group are a family of their own.

Contrasts add up to 0 over the cells, so that the baseline's own noise enters as any cell's does and no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import stats, steady, workloads
from bench.case import Case, Group
from bench.plan import Planned
from bench.stats import Comparison

__all__ = ["Contrast", "conditionals", "contrasts", "derive", "estimates"]

Floats = NDArray[np.float64]
Row = dict[str, Any]
Levels = Mapping[str, Any]  # factor to level

UNSTEADY = f"{steady.NEVER}: the ratio of a cell that it rests on moves within every launch"


@dataclass(frozen=True)
class Contrast:
    """One effect: ``weights`` by cell, which add up to 0; ``kind`` is main, simple, interaction or conditional."""

    factor: str
    level: Any
    reference: Any
    kind: str
    weights: Mapping[str, float]
    given: Levels = field(default_factory=dict)
    parts: Levels = field(default_factory=dict)  # of an interaction, its two factors with their second levels


def contrasts(cells: Mapping[str, Levels], reference: Levels) -> list[Contrast]:
    """Return the effects that these cells can tell: main and simple ones first, factor by factor.

    Args:
        cells: The levels of each cell, by its name.
        reference: The reference level of each factor.
    """
    factors = list(reference)
    found = []
    for factor in factors:
        for level in _others(cells, factor, reference):
            weights = _weights(cells, {factor: (level, reference[factor])})
            kind = "main" if len(weights) > 2 else "simple"
            found += [Contrast(factor, level, reference[factor], kind, weights)] if weights else []
    for pair in combinations(factors, 2):
        for levels in product(*(_others(cells, factor, reference) for factor in pair)):
            together = _interaction(cells, reference, dict(zip(pair, levels, strict=True)))
            found += [together] if together.weights else []
    return found


def conditionals(cells: Mapping[str, Levels], reference: Levels, decided: Sequence[Contrast]) -> list[Contrast]:
    """Return the effects of both factors of each of these interactions, at both levels of the other; each once."""
    found: dict[frozenset[str], Contrast] = {}
    for interaction in decided:
        for factor, level in interaction.parts.items():
            (other,) = interaction.parts.keys() - {factor}
            for given in (reference[other], interaction.parts[other]):
                there = {name: has for name, has in cells.items() if has[other] == given}
                weights = _weights(there, {factor: (level, reference[factor])})
                one = Contrast(factor, level, reference[factor], "conditional", weights, {other: given})
                found.setdefault(frozenset(weights), one)
    return list(found.values())


def estimates(found: Sequence[Contrast], medians: Mapping[str, Floats]) -> Floats:
    """Return each effect in each launch as a log ratio, (..., effects, launches); NaN where a cell it needs is missing.

    Args:
        found: The effects.
        medians: Log ratios of each cell to the baseline, (..., launches).
    """
    return np.stack([sum(weight * medians[cell] for cell, weight in one.weights.items()) for one in found], axis=-2)


def derive(groups: Sequence[Planned], times: Mapping[str, Floats], lost: Mapping[str, object],
           compared: Sequence[Row], margin: float) -> list[Row]:  # fmt: skip
    """Return a row per effect of every group that is a factorial design.

    Args:
        groups: The groups of a run.
        times: Seconds per step by case id, (launches, rounds).
        lost: The ids of cases that something went wrong with.
        compared: The comparisons, which say what is marked by its control and what is never steady.
        margin: Within which an effect does not matter.
    """
    rows = []
    for planned in groups:
        cells = _cells(planned.group, times, lost)
        if planned.group.baseline in cells:
            own = [row for row in compared if (row["study"], row["group"]) == (planned.group.study, planned.group.name)]
            rows += _effects(planned, cells, times, own, margin)
    return rows


def _interaction(cells: Mapping[str, Levels], reference: Levels, levels: Levels) -> Contrast:
    weights = _weights(cells, {factor: (level, reference[factor]) for factor, level in levels.items()})
    names = (levels.keys(), levels.values(), (reference[factor] for factor in levels))
    factor, level, base = (" × ".join(map(str, each)) for each in names)
    return Contrast(factor, level, base, "interaction", weights, parts=levels)


def _others(cells: Mapping[str, Levels], factor: str, reference: Levels) -> list[Any]:
    """Return the levels of a factor beside its reference, in the order of the cells."""
    return [level for level in dict.fromkeys(has[factor] for has in cells.values()) if level != reference[factor]]


def _weights(cells: Mapping[str, Levels], changes: Mapping[str, tuple[Any, Any]]) -> dict[str, float]:
    """Return the weights of a contrast: the mean over all sets of cells that differ in these factors alone.

    ``changes`` is factor to (level, reference). A set has a cell for each choice of one or the other; it counts 1 where
    an even number of these factors is at its reference, else -1. A set that lacks a cell is left out.
    """
    names = {frozenset(has.items()): name for name, has in cells.items()}
    sets = []
    for has in cells.values():
        if any(has[factor] != level for factor, (level, _) in changes.items()):
            continue
        corners = {}
        for at_reference in product((False, True), repeat=len(changes)):
            chosen = zip(changes.items(), at_reference, strict=True)
            corner = {**has, **{factor: levels[flag] for (factor, levels), flag in chosen}}
            corners[frozenset(corner.items())] = (-1.0) ** sum(at_reference)
        if corners.keys() <= names.keys():
            sets.append({names[key]: sign for key, sign in corners.items()})
    return {name: sign / len(sets) for one in sets for name, sign in one.items()}


def _cells(group: Group, times: Mapping[str, Floats], lost: Mapping[str, object]) -> dict[str, Case]:
    return {
        case.name: case
        for case in group.cases
        if case.parameters.get("levels") and not case.control and case.id in times and case.id not in lost
    }


def _effects(planned: Planned, cells: Mapping[str, Case], times: Mapping[str, Floats], compared: Sequence[Row],
             margin: float) -> list[Row]:  # fmt: skip
    group = planned.group
    levels = {name: case.parameters["levels"] for name, case in cells.items()}
    found = contrasts(levels, levels[group.baseline])
    if not found:
        return []
    per_flop = {name: times[case.id] / workloads.work(case).amount for name, case in cells.items()}
    base = per_flop[group.baseline]
    medians = {name: stats.launch_medians(stats.log_ratios(own, base)) for name, own in per_flop.items()}
    unsteady = {row["case"] for row in compared if row.get("steady") == steady.NEVER}
    marked = any(row["marked"] for row in compared)

    def told(chosen: Sequence[Contrast]) -> list[Row]:
        rows = [
            _row(one, launches, group.case(group.baseline))
            | {"reason": _reason(one, launches, planned.rounds, unsteady), "marked": marked}
            for one, launches in zip(chosen, estimates(chosen, medians), strict=True)
            if np.isfinite(launches).sum() >= stats.LEAST_LAUNCHES
        ]
        return _adjusted(rows, margin)

    rows = told(found)
    by_name = {(one.factor, one.level): one for one in found}
    decided = [row for row in rows if row["kind"] == "interaction" and row["verdict"] in ("faster", "slower")]
    unlike = [by_name[row["factor"], row["level"]] for row in decided]
    return rows + (told(conditionals(levels, levels[group.baseline], unlike)) if unlike else [])


def _reason(contrast: Contrast, launches: Floats, rounds: int, unsteady: set[str]) -> str | None:
    """Return why there can be no verdict, or None."""
    if np.isfinite(launches).sum() < stats.LEAST_JUDGED:
        return f"fewer than {stats.LEAST_JUDGED} launches"
    if rounds < stats.LEAST_ROUNDS:
        return f"fewer than {stats.LEAST_ROUNDS} rounds"
    return UNSTEADY if unsteady & contrast.weights.keys() else None


def _row(contrast: Contrast, launches: Floats, baseline: Case) -> Row:
    interval = stats.mean_interval(launches)
    ratio, low, high = (float(np.exp(log)) for log in (interval.mean, interval.low, interval.high))
    return {
        "study": baseline.study,
        "group": baseline.group,
        "provider": baseline.provider,
        "device": baseline.device,
        "dtype": baseline.dtype,
        "threads": baseline.threads,
        "factor": contrast.factor,
        "level": contrast.level,
        "reference": contrast.reference,
        "kind": contrast.kind,
        "given": contrast.given,
        "ratio": ratio,
        "ci_low": low,
        "ci_high": high,
        "verdict": None,
        "reason": None,
        "mde": None,
        "launches": interval.launches,
        "cells": len(contrast.weights),
        "p": interval.p,
        "p_adjusted": None,
        "deviation": interval.deviation,
        "medians": launches[np.isfinite(launches)].tolist(),
    }


def _adjusted(rows: list[Row], margin: float) -> list[Row]:
    """Give the effects of one family their verdicts and what they could have told."""
    for row, p_adjusted in zip(rows, stats.holm([row["p"] for row in rows]), strict=True):
        found = Comparison(row["ratio"], row["ci_low"], row["ci_high"], row["ratio"], row["p"], row["deviation"],
                           row["launches"], 0)  # fmt: skip
        verdict = "inconclusive" if row["reason"] else stats.verdict(found, p_adjusted, margin)
        row |= {"verdict": verdict, "p_adjusted": p_adjusted,
                "mde": stats.mde(row["deviation"], row["launches"], len(rows), margin)}  # fmt: skip
    return rows
