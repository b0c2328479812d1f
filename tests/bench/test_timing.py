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


class Stream(Machine):
    """A device that takes each step's time by itself, beside a host that only hands it in; events tick in its time."""

    def __init__(self, step_s, host_s):
        super().__init__(host_s)
        self.device_step_s, self.device_now = step_s, 0.0
        self.events = []

    def step(self):
        super().step()
        self.device_now = max(self.device_now, self.now) + self.device_step_s

    def synchronize(self):
        self.now = max(self.now, self.device_now) + 1e-5

    def start(self):
        self.events = [max(self.device_now, self.now)]
        self.steps_at_start = self.steps

    def stop(self):
        self.events.append(max(self.device_now, self.now))
        self.now += 1e-6

    def seconds(self):
        before, after = self.events
        return after - before


def test_the_devices_clock_sees_the_steps_and_neither_the_waking_nor_the_waiting():
    stream = Stream(0.001, host_s=1e-6)
    sample = timing.sample(stream.step, stream.synchronize, 10, stream.clock, device_clock=stream)
    assert stream.steps_at_start == 1
    assert stream.seconds() == pytest.approx(0.010001)  # the device begins when the first step has been handed in
    assert sample.elapsed_s == pytest.approx(stream.seconds() + 1e-5)


def test_of_steps_shorter_than_their_launch_the_devices_clock_sees_the_launches():
    stream = Stream(1e-6, host_s=1e-5)
    timing.sample(stream.step, stream.synchronize, 100, stream.clock, device_clock=stream)
    assert stream.seconds() == pytest.approx(100 * 1e-5 + 1e-6)


def test_a_devices_clock_costs_a_sample_no_more_than_stopping_it():
    with_one, without = Stream(0.0, host_s=0.001), Stream(0.0, host_s=0.001)
    sample = timing.sample(with_one.step, with_one.synchronize, 10, with_one.clock, device_clock=with_one)
    plain = timing.sample(without.step, without.synchronize, 10, without.clock)
    assert sample.elapsed_s - plain.elapsed_s == pytest.approx(1e-6)
    assert sample.wake_s == pytest.approx(plain.wake_s)


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
    short, usual = Machine(1e-5), Machine(0.05)
    assert timing.warm_up(short.step, short.synchronize, short.clock) == 1000
    assert timing.warm_up(usual.step, usual.synchronize, usual.clock) == timing.WARM_UP_STEPS


def test_one_long_step_warms_up():
    long = Machine(0.5)
    assert timing.warm_up(long.step, long.synchronize, long.clock) == 1


def test_overhead_is_time_per_sample():
    ticks = iter(range(10**9))
    overhead = timing.call_overhead(100, lambda: next(ticks) * 1e-6)
    assert overhead == pytest.approx(3.01e-6, rel=0.01)  # three readings a sample, one more around all
