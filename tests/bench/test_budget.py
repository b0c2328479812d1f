"""Launches and rounds from a budget: what fits is taken, the smallest expected MDE wins, and only widths stop a run."""

from dataclasses import replace

import pytest

from bench import budget, series
from bench.budget import Cost, Noise
from bench.plan import Plan
from bench.stats import Comparison


def noise(between=1e-4, within=1e-4, family=1):
    return Noise(between, within, family)


@pytest.mark.parametrize("cost", [Cost(0.5, 0.02), Cost(3.0, 0.2), Cost(0.01, 0.5)])
def test_what_is_chosen_fits_the_budget(cost):
    launches, rounds = budget.choose([noise()], cost, 120.0)
    assert launches * (cost.launch_s + rounds * cost.round_s) <= 120.0


def test_noise_between_launches_asks_for_launches():
    cost = Cost(1.0, 0.05)
    many, few_rounds = budget.choose([noise(between=1e-3, within=1e-6)], cost, 120.0)
    few, many_rounds = budget.choose([noise(between=1e-6, within=1e-2)], cost, 120.0)
    assert many > few
    assert few_rounds < many_rounds


def test_dear_starts_ask_for_rounds():
    _, cheap = budget.choose([noise()], Cost(0.1, 0.05), 120.0)
    _, dear = budget.choose([noise()], Cost(10.0, 0.05), 120.0)
    assert dear > cheap


def test_no_other_choice_has_a_smaller_expected_mde():
    noises, cost = [noise(3e-4, 2e-3, 4), noise(1e-5, 1e-3, 4)], Cost(0.7, 0.03)
    chosen = budget.choose(noises, cost, 60.0)
    others = [
        (launches, int((60.0 / launches - cost.launch_s) / cost.round_s)) for launches in range(5, 80)
        if launches * (cost.launch_s + 20 * cost.round_s) <= 60.0
    ]  # fmt: skip
    expected = [sum(_log_mde(one, launches, rounds) for one in noises) for launches, rounds in others]
    assert others[expected.index(min(expected))] == chosen


def _log_mde(one, launches, rounds):
    import numpy as np
    from scipy import stats

    quantiles = stats.t.ppf([1 - 0.05 / (2 * one.family), 0.8], launches - 1).sum()
    return np.log(quantiles**2 * (one.between + np.pi / 2 * one.within / rounds) / launches) / 2


@pytest.mark.parametrize("seconds", [1e9, 2.6e6])
def test_rounds_have_an_end(seconds):
    launches, rounds = budget.choose([noise()], Cost(0.5, 0.02), seconds)
    assert rounds <= budget.MOST_ROUNDS
    assert launches <= budget.MOST_LAUNCHES


def test_rounds_that_took_no_time_are_no_division_by_zero():
    assert budget.choose([noise()], Cost(0.5, 0.0), 10.0)[1] <= budget.MOST_ROUNDS


def test_never_fewer_than_five_launches_of_twenty_rounds():
    assert budget.choose([noise()], Cost(60.0, 1.0), 10.0) == (5, 20)


def comparison(low, high, launches=10, p=1.0):
    return Comparison((low * high) ** 0.5, low, high, 1.0, p, 0.01, launches, 20)


def test_precision_looks_at_the_widest_interval():
    assert budget.precise([comparison(0.995, 1.004), comparison(1.1, 1.12)], 0.01)
    assert not budget.precise([comparison(0.995, 1.004), comparison(1.1, 1.13)], 0.01)
    assert not budget.precise([], 0.01)


def test_precision_never_stops_before_ten_launches():
    assert not budget.precise([comparison(0.9999, 1.0001, launches=9)], 0.01)


def test_precision_does_not_look_at_significance():
    """The same widths decide alike wherever the interval lies: p and the verdict have no say."""
    wide, narrow = 1.05, 1.005
    for centre in (0.5, 1.0, 2.0):
        assert budget.precise([comparison(centre / narrow, centre * narrow, p=0.5 / centre)], 0.01)
        assert not budget.precise([comparison(centre / wide, centre * wide, p=1e-9)], 0.01)


def test_a_budget_is_settled_by_launches_that_enter_no_result(run_of, small_group):
    group = small_group()
    records = run_of(group, launches=5, rounds=20, budget_s=4.0)
    plan = Plan.from_json(records.run["plan"], 0)
    assert plan.budget_s is None
    assert plan.launches["throughput"] >= 5
    negative = {sample["launch"] for sample in records.samples if sample["launch"] < 0}
    assert negative == {-2, -3, -4}
    rounds = {case.id: plan.groups[0].rounds for case in group.cases}
    assert {len(values) for values in series.times(records, rounds).values()} == {plan.launches["throughput"]}
    assert [outcome["budget_s"] for outcome in records.outcomes if outcome["kind"] == "planned"] == [4.0]


def test_an_interrupted_planning_is_done_again(run_of, small_group):
    def interrupt(progress):
        if progress.done == 50:
            raise KeyboardInterrupt

    group = small_group()
    with pytest.raises(KeyboardInterrupt):
        run_of(group, launches=5, rounds=20, budget_s=3.0, on_progress=interrupt)
    records = run_of(group, resume=True)
    plan = Plan.from_json(records.run["plan"], 0)
    assert plan.budget_s is None
    complete = [o["launch"] for o in records.outcomes if o["kind"] == "launch" and o["complete"] and o["launch"] >= 0]
    assert sorted(complete) == list(range(plan.launches["throughput"]))


def test_a_run_stops_once_it_is_precise_and_is_then_whole(run_of, small_group):
    group = small_group()
    records = run_of(group, launches=14, rounds=20, precision=0.99)
    plan = Plan.from_json(records.run["plan"], 0)
    assert plan.launches == {"throughput": 10}
    assert [o["planned"] for o in records.outcomes if o["kind"] == "stopped"] == [14]
    again = run_of(group, resume=True)
    assert again.samples == records.samples


def test_an_unsettled_plan_survives_its_record(small_group):
    from bench.plan import Planned

    plan = Plan(3, {"throughput": 5}, [Planned(small_group(), 30)], [])
    open_ended = replace(budget.unsettled(plan, 60.0), precision=0.01)
    assert Plan.from_json(open_ended.to_json(), 3) == open_ended
    assert open_ended.groups[0].rounds == 20
