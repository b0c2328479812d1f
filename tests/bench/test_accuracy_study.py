"""What the study `accuracy` plans: recipes, rates and seeds."""

from __future__ import annotations

import pytest

from bench import implementations
from bench.case import Group
from bench.studies import Options, accuracy


def planned(**options):
    entries = ((implementations.Implementation("mine", "numpy", ""), ""),)
    return accuracy.groups(Options(implementations=entries, **options))


def test_the_study_has_three_recipes_of_three_seeds_and_ten_epochs_and_compares_nothing():
    found: list[Group] = planned()
    assert [group.name for group in found] == [
        f"784-256-10 batch 256 lr {recipe} float32 cpu" for recipe in ("0.1 mean", "0.5 nominal", "0.5 mean")
    ]
    assert {(group.launches, group.rounds, group.baseline) for group in found} == {(3, 10, "")}
    assert [group.cases[0].parameters["loss_divisor"] for group in found] == [None, 256.0, None]
    assert all(one.reseeded for group in found for one in group.cases)


def test_rates_choose_recipes_and_a_rate_of_ones_own_is_a_mean():
    assert [group.name.split(" lr ")[1] for group in planned(rates=(0.5,))] == [
        "0.5 nominal float32 cpu", "0.5 mean float32 cpu",
    ]  # fmt: skip
    assert [group.name.split(" lr ")[1] for group in planned(rates=(0.03,))] == ["0.03 mean float32 cpu"]
    assert {(group.launches, group.rounds) for group in planned(seeds=1, epochs=2)} == {(1, 2)}


@pytest.mark.parametrize(("preset", "seeds"), [("standard", 5), ("thorough", 10)])
def test_a_longer_preset_has_more_seeds_unless_they_are_asked_for(preset, seeds):
    assert {(group.launches, group.rounds) for group in planned(preset=preset)} == {(seeds, 10)}
    assert {group.launches for group in planned(preset=preset, seeds=2)} == {2}
