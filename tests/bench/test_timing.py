"""Sampling and calibration, by a clock that moves only when a step does."""

import gc

import pytest

from bench import timing


class Machine:
    """A step that takes a known time and work that is finished by synchronising only."""

    def __init__(self, step_s, pending_s=0.0, first_s=0.0):
        self.now = 0.0
        self.step_s, self.pending_s, self.first_s = step_s, pending_s, first_s
        self.pending = 0
        self.steps = 0
        self.collecting = []

    def clock(self):
        return self.now

    def step(self):
        self.now += self.step_s + (self.first_s if self.steps == 0 else 0.0)
        self.pending += 1
        self.steps += 1
        self.collecting.append(gc.isenabled())

    def synchronize(self):
        self.now += self.pending * self.pending_s
        self.pending = 0


def test_a_sample_is_the_time_of_its_steps_alone():
    machine = Machine(0.002, first_s=5.0)
    sample = timing.sample(machine.step, machine.synchronize, 10, machine.clock)
    assert sample.elapsed_s == pytest.approx(0.02)
    assert sample.wake_s == pytest.approx(5.002)
    assert machine.steps == 11


def test_waking_is_done_in_place_of_a_discarded_step_and_not_timed():
    machine = Machine(0.002)
    woken = []
    sample = timing.sample(machine.step, machine.synchronize, 3, machine.clock, lambda: woken.append(machine.steps))
    assert woken == [0]
    assert machine.steps == 3
    assert sample.elapsed_s == pytest.approx(0.006)


def test_a_sample_ends_synchronised():
    """Without the last synchronisation the queued work would go missing."""
    machine = Machine(0.001, pending_s=0.004)
    sample = timing.sample(machine.step, machine.synchronize, 5, machine.clock)
    assert sample.elapsed_s == pytest.approx(5 * 0.005)


def test_no_garbage_is_collected_meanwhile():
    machine = Machine(0.001)
    timing.sample(machine.step, machine.synchronize, 3, machine.clock)
    assert machine.collecting == [False] * 4
    assert gc.isenabled()


def test_garbage_is_collected_again_after_a_step_that_raises():
    def broken():
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        timing.sample(broken, broken, 1, lambda: 0.0)
    assert gc.isenabled()


@pytest.mark.parametrize(("step_s", "steps"), [(1e-6, 5_000), (1e-4, 50), (0.002, 2), (0.02, 1), (2.0, 1)])
def test_calibration_reaches_the_target(step_s, steps):
    machine = Machine(step_s)
    calibration = timing.calibrate(machine.step, machine.synchronize, machine.clock, resolution_s=1e-9)
    assert calibration.steps == steps
    assert calibration.step_s == pytest.approx(step_s)


def test_calibration_is_at_least_a_thousand_ticks_of_a_coarse_clock():
    machine = Machine(1e-4)
    calibration = timing.calibrate(machine.step, machine.synchronize, machine.clock, resolution_s=1e-3)
    assert calibration.steps * calibration.step_s == pytest.approx(1000 * 1e-3)


def test_calibration_of_a_step_that_takes_no_time_ends():
    machine = Machine(0.0)
    calibration = timing.calibrate(machine.step, machine.synchronize, machine.clock, resolution_s=1e-9)
    assert calibration.steps == timing.MOST_STEPS


def test_a_long_step_is_calibrated_in_one_try():
    machine = Machine(3.0)
    timing.calibrate(machine.step, machine.synchronize, machine.clock, resolution_s=1e-9)
    assert machine.steps == 2


def test_warm_up_takes_steps_and_time():
    short, long = Machine(1e-5), Machine(1.0)
    assert timing.warm_up(short.step, short.synchronize, short.clock) == 1000
    assert timing.warm_up(long.step, long.synchronize, long.clock) == timing.WARM_UP_STEPS


def test_overhead_is_time_per_sample():
    ticks = iter(range(10**9))
    overhead = timing.call_overhead(100, lambda: next(ticks) * 1e-6)
    assert overhead == pytest.approx(3.01e-6, rel=0.01)  # three readings a sample, one more around all
