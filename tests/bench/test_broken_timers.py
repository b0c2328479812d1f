"""The self-check's broken timers: by a clock that moves with the work alone, each check finds its fake and no other."""

import sys
from itertools import pairwise

import numpy as np
import pytest

from bench import audit, environments, steady, timing
from bench.selfcheck import broken, cold
from bench.workloads import Prepared

GENERATOR = np.random.default_rng(0)


class Machine:
    """A device that takes its time only when it is waited for; handing a step in costs the clock a little."""

    def __init__(self):
        self.now = 0.0
        self.pending_s = 0.0

    def clock(self):
        return self.now

    def device(self, step_s, handing_in_s=0.001):
        return Handed(self, step_s, handing_in_s)


class Handed:
    def __init__(self, machine, step_s, handing_in_s):
        self.machine, self.step_s, self.handing_in_s = machine, step_s, handing_in_s
        self.steps = 0

    def step(self):
        self.steps += 1
        self.machine.now += self.handing_in_s
        self.machine.pending_s += self.step_s

    def synchronize(self):
        self.machine.now += self.machine.pending_s
        self.machine.pending_s = 0.0


def scaling(heavy_s, synchronized=True):
    machine = Machine()
    light, heavy = machine.device(0.1), machine.device(heavy_s)
    return broken.scaling(light, heavy, synchronized=synchronized, clock=machine.clock)


def test_a_timer_that_waits_sees_the_work_scale():
    found = scaling(0.8)
    assert found.ratio == pytest.approx(0.801 / 0.101)
    assert found.step_s == pytest.approx(0.101)
    assert found.credible


def test_a_timer_that_does_not_wait_sees_no_work():
    found = scaling(0.8, synchronized=False)
    assert found.ratio == pytest.approx(1.0)
    assert found.step_s == pytest.approx(0.001)
    assert not found.credible


@pytest.mark.parametrize(("heavy_s", "credible"), [(0.55, False), (0.7, True), (0.95, True), (1.1, False)])
def test_time_must_grow_as_the_work_does(heavy_s, credible):
    assert scaling(heavy_s).credible is credible


def test_samples_of_both_hold_the_same_work_but_for_waking():
    machine = Machine()
    light, heavy = machine.device(0.1), machine.device(0.8)
    broken.scaling(light, heavy, synchronized=True, clock=machine.clock)
    assert (light.steps, heavy.steps) == (9 * broken.SCALING_ROUNDS, 2 * broken.SCALING_ROUNDS)


def test_what_was_not_waited_for_does_not_fall_on_the_next_sample():
    machine = Machine()
    light, heavy = machine.device(0.1), machine.device(0.8)
    broken.scaling(light, heavy, synchronized=False, clock=machine.clock)
    assert machine.pending_s == 0.0
    assert machine.now == pytest.approx(broken.SCALING_ROUNDS * (9 * 0.101 + 2 * 0.801))


def test_a_device_of_a_thread_does_its_work_in_order_and_is_done_when_waited_for():
    done = []
    with broken.ThreadPoolExecutor(1) as thread:
        device = broken.Device(lambda: done.append(len(done)), thread)
        device.synchronize()
        for _ in range(50):
            device.step()
        device.synchronize()
        assert done == list(range(50))


def test_a_device_of_a_thread_returns_before_its_work_is_done():
    """Work that waits for what comes after handing it in: a device that were not asynchronous would never return."""
    with broken.ThreadPoolExecutor(1) as thread, broken.ThreadPoolExecutor(1) as gate:
        opened = broken.Future()
        device = broken.Device(lambda: opened.result(timeout=20), thread)
        device.step()
        gate.submit(opened.set_result, None)
        device.synchronize()
        assert opened.done()


def launches(first=1.0, then=1.0, rounds=20):
    """Times of 12 launches with their own level and 2 % noise, the first step and the next three slower as told."""
    generator = np.random.default_rng(1)
    times = np.exp(0.1 * generator.standard_normal((12, 1)) + 0.02 * generator.standard_normal((12, rounds)))
    times[:, 0] *= first
    times[:, 1:4] *= then
    return times


def test_a_slow_first_step_is_found():
    found = broken.warmth(launches(first=1.9))
    assert found.first == "slower"
    assert found.ratio == pytest.approx(1.9, rel=0.03)


def test_a_first_step_like_the_others_is_passed():
    found = broken.warmth(launches())
    assert found.first == "equivalent"
    assert found.state == steady.STEADY


def test_one_slow_launch_is_no_cold_start():
    times = launches()
    times[3, 0] *= 14
    assert broken.warmth(times).first == "inconclusive"


def test_the_changepoint_test_is_told_of_what_lasts_longer():
    assert broken.warmth(launches(first=1.9, then=1.5)).state == "from round 4"


def test_too_few_to_judge_is_an_error():
    with pytest.raises(ValueError, match="at least 2 launches of 12 rounds"):
        broken.warmth(launches()[:1])


def test_the_timer_without_warm_up_reports_the_first_step_of_all():
    machine = Machine()
    lasting = iter([5.0, *[0.1] * 30])

    def step():
        machine.now += next(lasting)

    prepared = Prepared(step, lambda: None, wake=lambda: pytest.fail("woken"))
    assert cold.sampled(prepared, 4, machine.clock) == pytest.approx([5.0, 0.1, 0.1, 0.1])


def test_a_launch_of_it_is_a_process_of_its_own_that_answers_with_its_times(tmp_path):
    times = broken._cold_steps(environments.variables(1, tmp_path, {}))
    assert len(times) == broken.FIRST_STEPS
    assert min(times) > 0


def test_the_honest_worker_answers_with_as_many(tmp_path):
    times = broken._worker_steps(tmp_path)
    assert len(times) == broken.FIRST_STEPS
    assert min(times) > 0


def drifting(step_s=0.001, drift=0.0):
    """A product on a machine that gets slower as it goes."""
    machine = Machine()

    def step():
        machine.now += step_s * (1 + drift * machine.now)

    return Prepared(step, lambda: None), machine.clock


def sampled(order, drift):
    """Three pairs, with a little noise that is the same for both orders."""
    prepared, clock = drifting(drift=drift)
    samples = [line for number in range(3) for line in broken.pair(prepared, order, number, clock)]
    noise = np.random.default_rng(2).normal(1, 0.01, len(samples))
    return [line | {"elapsed_s": line["elapsed_s"] * factor} for line, factor in zip(samples, noise, strict=True)]


def test_one_after_the_other_is_found_by_its_order_and_by_its_false_verdicts():
    samples = sampled(broken.one_after_the_other(), drift=0.5)
    assert "did not take turns" in audit.interleaved(samples)
    assert broken.false_verdicts(samples) == 3


def test_in_turns_passes_under_the_same_drift():
    samples = sampled(broken.in_turns(GENERATOR), drift=0.5)
    assert audit.interleaved(samples) is None
    assert broken.false_verdicts(samples) == 0


def test_samples_say_when_they_were_taken():
    at = [line["at_s"] for line in sampled(broken.in_turns(GENERATOR), drift=0.0)]
    assert len(at) == 3 * 2 * broken.PAIR_ROUNDS
    assert all(before < after for before, after in pairwise(at))


def test_both_orders_sample_each_name_as_often():
    for order in (broken.one_after_the_other(), broken.in_turns(GENERATOR)):
        assert sorted((name, number) for name, (number, _) in order) == sorted(
            (name, number) for name in "AB" for number in range(broken.PAIR_ROUNDS)
        )


FINE = broken.Warmth("equivalent", 1.0, steady.STEADY)
COLD = broken.Warmth("slower", 1.9, steady.STEADY)


@pytest.mark.parametrize(
    ("unwarmed", "warmed", "caught"), [(COLD, FINE, True), (FINE, FINE, False), (COLD, COLD, False)]
)
def test_no_warm_up_is_caught_only_if_the_honest_workers_pass(monkeypatch, unwarmed, warmed, caught):
    monkeypatch.setattr(broken, "_cold_steps", lambda variables: [1.0])
    monkeypatch.setattr(broken, "_worker_steps", lambda cache: [2.0])
    monkeypatch.setattr(broken, "warmth", lambda times: unwarmed if times[0, 0] == 1.0 else warmed)
    assert broken.no_warm_up()["caught"] is caught


@pytest.mark.parametrize(("synchronized", "not_so", "caught"), [(8.0, 1.0, True), (8.0, 8.0, False), (1.0, 1.0, False)])
def test_no_synchronisation_is_caught_only_if_the_honest_timer_passes(monkeypatch, synchronized, not_so, caught):
    def found(light, heavy, *, synchronized):
        return broken.Scaling(ratios[synchronized], 0.001)

    ratios = {True: synchronized, False: not_so}
    monkeypatch.setattr(broken, "scaling", found)
    assert broken.no_synchronisation()["caught"] is caught


@pytest.mark.parametrize(("apart", "turns", "caught"), [("x", None, True), (None, None, False), ("x", "y", False)])
def test_a_then_b_is_caught_only_if_turns_pass(monkeypatch, apart, turns, caught):
    monkeypatch.setattr(broken, "PAIRS", 2)
    monkeypatch.setattr(broken, "pair", lambda prepared, order, launch: [{"round": number} for _, (number, _) in order])
    answers = iter([apart, turns])
    monkeypatch.setattr(broken.audit, "interleaved", lambda samples: next(answers))
    monkeypatch.setattr(broken, "false_verdicts", lambda samples: 0)
    assert broken.a_then_b()["caught"] is caught


@pytest.mark.parametrize(("false", "named"), [(4, False), (5, True)])
def test_false_verdicts_are_named_where_they_are_more_than_chance(monkeypatch, false, named):
    """At 5 % nominal, 5 or more of 40 happen in 4.8 % of tries, 4 or more in 13.8 %."""
    monkeypatch.setattr(broken, "pair", lambda prepared, order, launch: [])
    monkeypatch.setattr(broken.audit, "interleaved", lambda samples: None)
    monkeypatch.setattr(broken, "false_verdicts", lambda samples: false)
    assert ("false verdicts" in broken.a_then_b()["by"]) is named


def test_every_timer_gets_a_row_and_is_announced(monkeypatch):
    for name in ("no_synchronisation", "no_warm_up", "a_then_b"):
        monkeypatch.setattr(broken, name, lambda name=name: {"timer": name})
    announced = []
    assert [row["timer"] for row in broken.timers(announced.append)] == ["no_synchronisation", "no_warm_up", "a_then_b"]
    assert len(announced) == 3


def test_the_cold_process_loads_no_more_than_a_worker_does():
    """SciPy in it would make a launch three times as long."""
    code = "import sys; from bench.selfcheck import cold; sys.exit('scipy' in sys.modules)"
    root = str(broken.Path(broken.bench.__path__[0]).parent)
    done = broken.subprocess.run([sys.executable, "-c", code], cwd=root, check=False)
    assert done.returncode == 0


def test_pairs_are_calibrated_by_the_harness(monkeypatch):
    monkeypatch.setattr(timing, "calibrate", lambda *arguments: timing.Calibration(7, 0.001))
    prepared, clock = drifting()
    assert {line["steps"] for line in broken.pair(prepared, broken.in_turns(GENERATOR), 0, clock)} == {7}
