"""A case that slows the next one down is found in balanced orders; without one, nobody is accused."""

import numpy as np
import pytest

from bench import plan, predecessors
from bench.case import Case, Group
from bench.plan import Planned

LAUNCHES, MARGIN = 8, 0.02


def group_of(cases):
    made = tuple(Case("throughput", "g", name, "training_step", name, "numpy", {}) for name in "abcdef"[:cases])
    return Planned(Group("throughput", "g", made, "a"), plan.whole_squares(20, cases))


def measured(cases, seed, polluter=None, effect=0.03, noise=0.01):
    """Times in which each round has a drift of its own and whoever follows the polluter takes longer."""
    generator = np.random.default_rng(seed)
    planned = group_of(cases)
    shape = (cases, LAUNCHES, planned.rounds)
    logs = noise * generator.standard_normal(shape) + 0.1 * generator.standard_normal(shape[1:])
    logs += np.arange(cases)[:, None, None]
    positions = np.empty(shape)
    for launch in range(LAUNCHES):
        before = None
        for number, row in enumerate(plan.order(planned.rounds, cases, generator)):
            for place, index in enumerate(row):
                positions[index, launch, number] = place
                logs[index, launch, number] += effect * (before == polluter and polluter is not None)
                before = index
    named = [case.id for case in planned.group.cases]
    times, places = dict(zip(named, np.exp(logs), strict=True)), dict(zip(named, positions, strict=True))
    return [planned], times, places


@pytest.mark.parametrize("cases", [3, 4, 6])
def test_a_planted_polluter_is_named_with_its_effect(cases):
    rows = predecessors.after_effects(*measured(cases, 0, polluter=2), MARGIN)
    assert [row["predecessor"] for row in rows if row["flagged"]] == ["c"]
    row = rows[2]
    assert row["low"] < 1.03 < row["high"]
    assert row["effect"] == pytest.approx(np.exp(0.03), abs=0.01)


def test_a_case_that_speeds_the_next_one_up_is_named_as_well():
    rows = predecessors.after_effects(*measured(6, 0, polluter=1, effect=-0.03), MARGIN)
    assert [row["predecessor"] for row in rows if row["flagged"]] == ["b"]


def test_without_a_polluter_flags_are_rare():
    """At 1 % over the predecessors of a run, one of 100 runs."""
    flags = [
        any(row["flagged"] for row in predecessors.after_effects(*measured(6, seed, noise=0.05), MARGIN))
        for seed in range(100)
    ]
    assert sum(flags) <= 4


def test_many_predecessors_are_adjusted_together():
    rows = predecessors.after_effects(*measured(6, 3), MARGIN)
    assert min(row["p_adjusted"] for row in rows) == pytest.approx(min(1, 6 * min(row["p"] for row in rows)))


def test_an_effect_of_a_tenth_of_the_margin_is_no_flag():
    groups, times, places = measured(6, 0, polluter=2, effect=0.002)
    flat = {case: found**0.05 for case, found in times.items()}  # without the noise it would be significant
    rows = predecessors.after_effects(groups, flat, places, MARGIN)
    assert [row["flagged"] for row in rows] == [False] * 6
    polluted, places = measured(6, 0, polluter=2)[1:]
    small = {case: found**0.1 for case, found in polluted.items()}
    row = predecessors.after_effects(groups, small, places, MARGIN)[2]
    assert row["p_adjusted"] < predecessors.ALPHA
    assert not row["flagged"]


def test_a_pair_has_nothing_to_tell_an_effect_from():
    assert predecessors.after_effects(*measured(2, 0, polluter=0), MARGIN) == []


def test_missing_samples_and_launches_are_passed_over():
    groups, times, places = measured(6, 0, polluter=2)
    times["throughput/g/a"][0] = np.nan
    times["throughput/g/b"][1, 5:] = np.nan
    for found in times.values():
        found[3] = np.nan
    rows = predecessors.after_effects(groups, times, places, MARGIN)
    assert [row["predecessor"] for row in rows if row["flagged"]] == ["c"]
    assert rows[2]["launches"] == LAUNCHES - 1
