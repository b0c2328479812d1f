"""The plan: skips with reasons, whole Williams squares, and orders that come from the seed alone."""

from dataclasses import replace
from itertools import pairwise

import pytest

from bench import plan
from bench.case import Case, Group
from bench.studies import with_control
from bench.survey import Survey


def group(count=3, framework="numpy", baseline="10"):
    cases = tuple(
        Case(
            "alignment", "products", str(10 + n), "matmul", "numpy", framework, {"m": 10, "k": 10, "n": 10, "stack": 1}
        )
        for n in range(count)
    )
    return with_control(Group("alignment", "products", cases, baseline))


@pytest.mark.parametrize(
    ("rounds", "cases", "expected"), [(20, 6, 24), (25, 6, 30), (20, 5, 20), (25, 5, 30), (20, 7, 28)]
)
def test_rounds_are_rounded_up_to_whole_squares(rounds, cases, expected):
    assert plan.whole_squares(rounds, cases) == expected


def test_cheap_starts_get_more_launches():
    cheap = plan.make([group()], Survey(start_s={"numpy": 0.4}), "quick", 0)
    dear = plan.make([group()], Survey(start_s={"numpy": 2.0}), "quick", 0)
    assert (cheap.launches["alignment"], dear.launches["alignment"]) == (8, 5)
    assert (cheap.groups[0].rounds, dear.groups[0].rounds) == (20, 24)  # whole squares of four


@pytest.mark.parametrize("preset", plan.PRESETS.values())
def test_no_preset_has_fewer_than_five_launches_of_twenty_rounds(preset):
    assert min(preset.launches, preset.cheap_launches) >= 5
    assert min(preset.rounds, preset.cheap_rounds) >= 20


def test_what_cannot_run_is_a_skip_with_its_reason_and_the_rest_goes_on():
    whole = group()
    survey = Survey(reasons={"alignment/products/11": "no such thing"})
    made = plan.make([whole], survey, "quick", 0)
    assert [case.name for case in made.groups[0].group.cases] == ["10", "12", "control"]
    assert [(case.name, base, reason) for case, base, reason in made.skips] == [("11", "10", "no such thing")]


def test_a_group_of_which_nothing_is_left_is_dropped():
    whole = group()
    survey = Survey(reasons={case.id: "no" for case in whole.cases})
    made = plan.make([whole], survey, "quick", 0)
    assert not made.groups
    assert not made.launches
    assert len(made.skips) == 4


def test_a_plan_survives_its_record():
    made = plan.make([group()], Survey(reasons={"alignment/products/11": "no"}), "standard", 7)
    assert plan.Plan.from_json(made.to_json(), 7) == made


def test_orders_are_drawn_from_seed_study_launch_and_attempt():
    def drawn(*key):
        return plan.order(30, 6, plan.launch_generator(*key))

    same = drawn(1, "throughput", 2, 0)
    assert same == drawn(1, "throughput", 2, 0)
    for other in ((2, "throughput", 2, 0), (1, "alignment", 2, 0), (1, "throughput", 3, 0), (1, "throughput", 2, 1)):
        assert same != drawn(*other)


def test_squares_are_relabelled_in_every_block():
    rows = plan.order(12, 6, plan.launch_generator(0, "throughput", 0, 0))
    pairs = [{pair for row in block for pair in pairwise(row)} for block in (rows[:6], rows[6:])]
    assert all(len(found) == 30 for found in pairs)
    assert rows[:6] != rows[6:]


def test_the_control_is_the_baseline_in_a_worker_of_its_own():
    whole = group()
    control, baseline = whole.case("control"), whole.case("10")
    assert control.parameters == baseline.parameters
    assert control.worker != baseline.worker
    assert control.id != baseline.id


def test_expected_time_grows_with_the_plan():
    survey = Survey(start_s={"numpy": 2.0}, rate=1e11)
    quick, standard = (plan.make([group()], survey, preset, 0) for preset in ("quick", "standard"))
    assert 0 < plan.expected_seconds(quick, survey) < plan.expected_seconds(standard, survey)


@pytest.mark.parametrize(
    "damage", [{"budget_s": -3}, {"precision": 2.0}, {"precision": "x"}, {"launches": {"alignment": 0}}]
)
def test_a_plan_that_cannot_be_is_none(damage):
    record = plan.make([group()], Survey(), "quick", 0).to_json() | damage
    with pytest.raises((TypeError, ValueError)):
        plan.Plan.from_json(record, 0)


@pytest.mark.parametrize(("rounds", "launches", "expected"), [(20, None, 20), (4, None, 4), (5, None, 8), (5, 3, 5)])
def test_rounds_of_a_studys_own_are_whole_squares_unless_launches_are_its_own_too(rounds, launches, expected):
    """Four cases, the control among them. Epochs, which come with their seeds, are as many as were asked for."""
    made = plan.make([replace(group(), rounds=rounds, launches=launches)], Survey(), "standard", 0)
    assert made.groups[0].rounds == expected
    assert made.launches["alignment"] == (launches or 10)
    assert plan.Plan.from_json(made.to_json(), 0) == made


def test_cases_that_cannot_run_do_not_spoil_squares_of_a_studys_own_rounds():
    survey = Survey(reasons={"alignment/products/11": "no"})
    made = plan.make([replace(group(), rounds=20)], survey, "quick", 0)
    assert (len(made.groups[0].group.cases), made.groups[0].rounds) == (3, 24)


def test_what_is_left_out_is_on_record():
    made = replace(plan.make([group()], Survey(), "quick", 0), left_out=("alignment, quick: left out: much",))
    assert made.to_json()["left_out"] == ["alignment, quick: left out: much"]
    assert plan.Plan.from_json(made.to_json(), 0) == made


def test_records_of_before_are_read():
    """A group that was fixed had its launches fixed too; nothing was said of what is left out."""
    for launches in (None, 5):
        made = plan.make([replace(group(), rounds=launches and 20, launches=launches)], Survey(), "quick", 0)
        record = made.to_json()
        del record["left_out"]
        for entry in record["groups"]:
            del entry["fixed_launches"]
        assert plan.Plan.from_json(record, 0) == made


def test_long_steps_are_expected_to_take_longer_in_every_phase():
    def seconds(size, dtype="float32"):
        whole = group()
        sizes = dict.fromkeys("mkn", size) | {"stack": 1}
        cases = tuple(replace(case, parameters=sizes, dtype=dtype) for case in whole.cases)
        survey = Survey(rate=2e11)
        return plan.expected_seconds(plan.make([replace(whole, cases=cases)], survey, "standard", 0), survey)

    assert seconds(4096) > 10 * (30 + 3) * 4 * 2 * 4096**3 / 2e11
    assert 1.9 < seconds(4096, "float64") / seconds(4096) < 2.1


def test_samples_that_are_to_last_longer_are_expected_to():
    """As on a GPU, where a study may let its power settle: each sample, and the three that calibrate a case."""

    def seconds(**parameters):
        whole = group()
        cases = tuple(replace(case, parameters={**case.parameters, **parameters}) for case in whole.cases)
        survey = Survey(rate=1e12)
        return plan.expected_seconds(plan.make([replace(whole, cases=cases)], survey, "standard", 0), survey)

    longer = 0.1 - 0.005
    assert seconds(sample_s=None) == seconds()
    assert seconds(sample_s=0.1) - seconds() == pytest.approx(longer * (10 * 4 * (32 + 3) + 3 * 3))


@pytest.mark.parametrize(("cores", "expected"), [(1, 1), (2, 2), (4, 2), (16, 4)])
def test_two_workers_start_together_and_more_only_where_cores_are_many(cores, expected, monkeypatch):
    monkeypatch.setattr(plan, "usable_cores", lambda: cores)
    assert plan.starting_at_once() == expected
