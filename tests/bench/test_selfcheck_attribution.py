"""A cost of known size on one factor of three: cells differ in nothing else, and what lands elsewhere is counted."""

from dataclasses import replace

import pytest

from bench.selfcheck import attribution, rates, schedule
from bench.selfcheck.schedule import Surroundings
from tests import selfcheck_tries as fake


@pytest.mark.parametrize("number", range(3))
def test_cells_do_the_same_work_but_for_the_planted_steps(number):
    factor, group = attribution.cells(number, 2)
    cells = [case for case in group.cases if not case.control]
    base = group.case(group.baseline)
    assert len({tuple(case.parameters["levels"].values()) for case in cells}) == len(cells) == 8
    assert len({case.worker for case in cells}) == 1
    for case in cells:
        parameters = {**case.parameters, "levels": base.parameters["levels"]}
        assert replace(case, name=base.name, parameters=parameters, planted=base.planted) == base
        costs = case.parameters["levels"][factor] == "second"
        assert case.planted[0] / case.planted[1] == pytest.approx(1.2 if costs else 1.0)


def test_every_factor_has_its_turn():
    assert tuple(attribution.cells(number, 1)[0] for number in range(3)) == attribution.FACTORS


def rate(lines, place=0):
    return rates.derive(lines, 0.02)["attribution"][place]


def test_what_lands_elsewhere_is_counted():
    assert rate(fake.attributions(1, deviation=0.0004))["landed"] == pytest.approx(1, abs=0.01)
    most = rate(fake.attributions(1, share=0.7, deviation=0.0004))
    assert most["landed"] == pytest.approx(0.7, abs=0.01)
    assert (most["enough"]["count"], most["enough"]["of"]) == (0, 1)
    assert (most["others"]["count"], most["others"]["of"], most["others_decided"]) == (2, 3, 1)
    assert most["covering"]["count"] == 0


def test_interactions_are_no_causes_but_their_intervals_count():
    line = fake.attributions(1, deviation=0.0004)[0]
    effects = [one | ({"ratio": 1.1, "ci_low": 1.09, "ci_high": 1.11} if one["kind"] == "interaction" else {})
               for one in line["effects"]]  # fmt: skip
    found = rate([line | {"effects": effects}])
    assert found["landed"] == pytest.approx(1, abs=0.01)
    assert (found["others"]["count"], found["others"]["of"]) == (2, 3)


def test_effects_under_conditions_are_told_by_those_they_are_part_of():
    derived = [{"kind": kind, "factor": "size", **dict.fromkeys(
        ("level", "ratio", "ci_low", "ci_high", "p_adjusted", "verdict", "mde", "launches", "medians"))}
        for kind in ("main", "conditional", "interaction")]  # fmt: skip
    assert [one["kind"] for one in attribution.effects(derived, "size")] == ["main", "interaction"]


def test_a_try_that_came_to_nothing_counts_as_not_found():
    lines = fake.attributions(4, deviation=0.0004)
    lines[0]["effects"] = []
    found = rate(lines)
    assert (found["tries"], found["lost"]) == (2, 1)
    assert (found["enough"]["count"], found["enough"]["of"]) == (1, 2)
    assert (found["found"]["count"], found["found"]["of"]) == (1, 2)
    assert rate([line | {"effects": []} for line in lines])["landed"] is None


def test_a_try_measures_real_cells(images, monkeypatch):
    """A whole try with real workers, shorter, and with a cost that no other load hides: each effect has its truth."""
    monkeypatch.setattr(attribution, "DONE", 10)
    monkeypatch.setattr(attribution, "TRUTH", 2.0)
    factor, group = attribution.cells(1, 1)
    monkeypatch.setattr(attribution, "cells", lambda *_: (factor, replace(group, launches=5, rounds=18)))
    (job,) = schedule.jobs(("attribution",), Surroundings(0, 1, 0.02, ("numpy",), images))
    (line,) = job.do(1, lambda progress: None)
    truths = {one["factor"]: one["truth"] for one in line["effects"]}
    assert line["problems"] == []
    assert (line["launches"], line["rounds"], len(truths)) == (5, 18, 6)
    assert {name for name, truth in truths.items() if truth == 2.0} == {"leading dimension"}
    assert max(line["effects"], key=lambda one: one["ratio"])["factor"] == "leading dimension"
