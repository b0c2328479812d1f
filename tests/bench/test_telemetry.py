"""What is read of the host around a sample, from files like the kernel's."""

import os

import pytest

from bench import telemetry


@pytest.fixture
def kernel(tmp_path):
    """A /proc and a /sys with two seconds of steal time, half a second of pressure, and two clocks."""
    (tmp_path / "proc" / "pressure").mkdir(parents=True)
    ticks = 2 * os.sysconf("SC_CLK_TCK")
    (tmp_path / "proc" / "stat").write_text(f"cpu  1 2 3 4 5 6 7 {ticks} 9 0\n")
    (tmp_path / "proc" / "pressure" / "cpu").write_text("some avg10=0 avg60=0 avg300=0 total=500000\nfull total=1\n")
    return tmp_path


def with_clocks(kernel, monkeypatch, *clocks):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(len(clocks))), raising=False)
    for cpu, clock in enumerate(clocks):
        folder = kernel / "sys" / f"cpu{cpu}" / "cpufreq"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "scaling_cur_freq").write_text(f"{clock}\n")


def test_steal_time_and_pressure_are_in_seconds(kernel):
    found = telemetry.read(kernel / "proc", kernel / "sys")
    assert found == {"steal_s": 2.0, "pressure_s": 0.5}


def test_the_frequency_is_that_of_the_fastest_clock(kernel, monkeypatch):
    with_clocks(kernel, monkeypatch, 800_000, 3_500_000)
    assert telemetry.read(kernel / "proc", kernel / "sys")["frequency_hz"] == 3.5e9


def test_a_difference_is_of_times_and_the_frequency_is_the_later():
    before = {"steal_s": 1.0, "pressure_s": 0.2, "frequency_hz": 1e9}
    after = {"steal_s": 1.01, "pressure_s": 0.2005, "frequency_hz": 3e9}
    assert telemetry.difference(before, after) == {"steal_s": 0.01, "pressure_s": 0.0005, "frequency_hz": 3e9}


def test_a_kernel_that_tells_nothing_is_no_error(tmp_path):
    assert telemetry.read(tmp_path, tmp_path) == {}
