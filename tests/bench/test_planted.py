"""Cases of known truth: the steps really done, and processes of their own."""

from dataclasses import replace

import pytest

from bench import timing
from bench.case import Case
from bench.selfcheck import pairs, tries
from bench.worker import Worker

CASE = Case("s", "g", "a", "matmul", "numpy", "numpy", {"m": 8, "k": 8, "n": 8, "stack": 1}, planted=(105, 100))


@pytest.fixture
def counted(monkeypatch):
    """Steps of each sample that a worker takes."""
    taken = []
    real = timing.sample

    def sample(step, synchronize, steps, *rest, **named):
        taken.append(steps)
        return real(step, synchronize, steps, *rest, **named)

    monkeypatch.setattr(timing, "sample", sample)
    return taken


def prepared(case):
    worker = Worker()
    worker.prepare({"case": case.to_json(), "data_dir": ""})
    return worker


def test_a_planted_case_does_more_steps_than_it_is_asked_for(counted):
    prepared(CASE).sample({"case_id": CASE.id, "steps": 300})
    assert counted == [315]


def test_an_ordinary_case_does_what_it_is_asked_for(counted):
    prepared(replace(CASE, planted=(1, 1))).sample({"case_id": CASE.id, "steps": 300})
    assert counted == [300]


def test_the_steps_of_a_planted_case_hold_its_ratio_exactly():
    steps = prepared(CASE).calibrate({"case_id": CASE.id})["steps"]
    assert steps >= 100
    assert steps % 100 == 0


@pytest.mark.parametrize("setting", pairs.SETTINGS, ids=lambda setting: setting.name)
@pytest.mark.parametrize("number", range(3))
def test_planted_pairs_differ_in_their_steps_alone(setting, number):
    group = pairs.planted(number, setting, 2)
    base, slower, control = group.cases
    assert replace(slower, name=base.name, apart="", planted=base.planted) == base
    assert slower.planted[0] / slower.planted[1] == pytest.approx(setting.done / 100)
    assert base.planted[0] == base.planted[1] >= 100
    assert len({case.worker for case in (base, slower, control)}) == 3


def test_identical_pairs_differ_in_their_process_alone():
    numbers = range(len(pairs.FAMILIES))
    groups = [group for number in numbers for group in pairs.identical(number, 2, ("numpy", "torch"))]
    assert len({group.name for group in groups}) == len(groups) >= 20
    for group in groups:
        base, again = group.cases
        assert replace(again, name=base.name, apart="") == base
        assert base.worker != again.worker
        assert not again.control


def test_identical_pairs_keep_to_the_frameworks_there_are():
    groups = [group for number in range(8) for group in pairs.identical(number, 1, ("numpy",))]
    assert {case.framework for group in groups for case in group.cases} == {"numpy"}


def test_a_try_measures_and_tells_the_truth(images):
    """A whole try with real workers: its planted case, 60 % slower, is judged against its own truth."""
    setting = pairs.Setting("numpy", 160, 3.0, 0.02)
    line = tries.attempt(
        [pairs.planted(0, setting, 1)], seed=1, margin=setting.margin, budget_s=setting.budget_s, data_directory=images
    )
    found = {one["case"]: one for one in line["comparisons"]}
    assert {name: one["truth"] for name, one in found.items()} == {"planted": 1.6, "control": 1.0}
    assert len(found["planted"]["medians"]) == line["launches"] >= 5
    assert found["planted"]["ratio"] > found["control"]["ratio"]
    assert line["seconds"] > 0
    assert line["problems"] == []


def test_what_fails_in_a_try_is_told(images):
    group = pairs.identical(0, 1, ("numpy",))[0]
    broken = replace(group, cases=tuple(replace(case, framework="none") for case in group.cases))
    line = tries.attempt([broken], seed=1, margin=0.02, budget_s=None, data_directory=images)
    assert line["comparisons"] == []
    assert "no environment" in line["problems"][0]
