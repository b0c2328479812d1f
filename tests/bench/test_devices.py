"""A device's own clock and what using the device costs, by libraries that are stand-ins."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from bench import devices, libraries, timing, worker
from bench.case import Case
from bench.worker import Worker
from bench.workloads import Prepared


class Ticks:
    """A host's clock and a device's: each kernel takes the host ``launch_s`` and the device ``kernel_s``."""

    def __init__(self, launch_s: float = 4e-6, kernel_s: float = 1e-6, wait_s: float = 1e-5) -> None:
        self.launch_s, self.kernel_s, self.wait_s = launch_s, kernel_s, wait_s
        self.now = self.device_now = 0.0
        self.marks = (0.0, 0.0)
        self.calls: list[str] = []

    def clock(self) -> float:
        return self.now

    def launch(self, *_: object) -> None:
        self.now += self.launch_s
        self.device_now = max(self.now, self.device_now) + self.kernel_s
        self.calls.append("launch")

    def synchronize(self, *_: object) -> None:
        self.now = max(self.now, self.device_now) + self.wait_s
        self.calls.append("synchronize")

    def start(self) -> None:
        self.marks = (max(self.now, self.device_now), 0.0)
        self.calls.append("start")

    def stop(self) -> None:
        self.now += 5e-7
        self.marks = (self.marks[0], max(self.now, self.device_now))
        self.calls.append("stop")

    def seconds(self) -> float:
        return self.marks[1] - self.marks[0]


def case(device: str = "cuda", framework: str = "torch", **parameters: Any) -> Case:
    sizes = {"m": 4, "k": 4, "n": 4, "stack": 1} | parameters
    return Case("alignment", "g", "c", "matmul", framework, framework, sizes, device=device)


def test_costs_are_those_of_a_launch_of_a_wait_of_both_and_of_an_event() -> None:
    ticks = Ticks()
    found = devices.measured(ticks.launch, ticks.synchronize, ticks, ticks.clock)
    assert tuple(found) == devices.COSTS
    assert found["launch_s"] == pytest.approx(4e-6, rel=0.02)  # among many, the one wait at the end hardly counts
    assert found["synchronize_s"] == pytest.approx(1e-5, rel=0.01)
    assert found["round_trip_s"] == pytest.approx(4e-6 + 1e-6 + 1e-5, rel=0.01)
    assert found["event_s"] == pytest.approx(5e-7, rel=0.02)


def test_where_kernels_outlast_their_launches_a_launch_costs_what_the_kernel_does() -> None:
    ticks = Ticks(launch_s=1e-6, kernel_s=3e-6)
    assert devices.measured(ticks.launch, ticks.synchronize, ticks, ticks.clock)["launch_s"] == pytest.approx(
        3e-6, 0.02
    )


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stands for the library file of torch, on a GPU that is none."""
    ticks = Ticks()
    found = SimpleNamespace(
        ticks=ticks, device_clock=lambda device: ticks, empty=lambda *_: [0.0], fill=ticks.launch,
        synchronize=ticks.synchronize, unsupported=lambda *_: None, matmul=ticks.launch,
    )  # fmt: skip
    monkeypatch.setattr(libraries, "load", lambda name: found)
    return found


def test_the_clock_is_that_of_the_cases_framework(library: SimpleNamespace) -> None:
    assert devices.clock(case()) is library.ticks


def test_on_a_cpu_no_library_is_asked_for_a_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "load", lambda name: pytest.fail("asked"))
    assert devices.clock(case(device="cpu")) is None


def test_a_framework_without_a_file_or_a_file_without_a_clock_has_none(library: SimpleNamespace) -> None:
    assert devices.clock(case(framework="own")) is None
    del library.device_clock
    assert devices.clock(case()) is None


def test_what_cannot_be_asked_costs_the_case_nothing(library: SimpleNamespace) -> None:
    del library.fill
    assert devices.costs(case(), library.ticks) == {}


# What a worker makes of it


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch, library: SimpleNamespace) -> dict[str, Any]:
    """The keywords that the workload's ``Prepared`` gets beside its step."""
    keywords: dict[str, Any] = {}
    ticks = library.ticks

    def prepare(*_: object) -> Prepared:
        return Prepared(ticks.launch, ticks.synchronize, **keywords)

    work = worker.workloads.load("matmul").work
    monkeypatch.setattr(worker.workloads, "load", lambda name: SimpleNamespace(prepare=prepare, work=work))
    clocked = SimpleNamespace(
        calibrate=partial(timing.calibrate, clock=ticks.clock, resolution_s=1e-9),
        sample=partial(timing.sample, clock=ticks.clock),
        warm_up=lambda step, wait: 0,
        TARGET_SAMPLE_S=timing.TARGET_SAMPLE_S,
    )
    monkeypatch.setattr(worker, "timing", clocked)
    monkeypatch.setattr(devices, "measured", partial(devices.measured, clock=ticks.clock))
    return keywords


def asked(verb: str, of: Worker, **request: Any) -> dict[str, Any]:
    reply: dict[str, Any] = getattr(of, verb)(request)
    return reply


def start(one: Case) -> tuple[Worker, dict[str, Any]]:
    made = Worker()
    return made, asked("prepare", made, case=one.to_json(), data_dir="")


def test_a_worker_tells_what_its_device_costs(prepared: dict[str, Any]) -> None:
    _, figures = start(case())
    assert set(devices.COSTS) | {"build_s", "first_step_s"} == set(figures)
    assert figures["round_trip_s"] == pytest.approx(1.5e-5, rel=0.01)


def test_it_asks_once(prepared: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    made, figures = start(case())
    monkeypatch.setattr(devices, "costs", lambda *_: pytest.fail("asked again"))
    again = asked("prepare", made, case=case(m=5).to_json(), data_dir="")
    assert {name: again[name] for name in devices.COSTS} == {name: figures[name] for name in devices.COSTS}


def test_a_sample_has_both_clocks(prepared: dict[str, Any], library: SimpleNamespace) -> None:
    made, _ = start(case())
    reply = asked("sample", made, case_id=case().id, steps=1000)
    assert reply["device_s"] == pytest.approx(1000 * 4e-6 + 1e-6)
    assert reply["elapsed_s"] == pytest.approx(1000 * 4e-6 + 1e-6 + 1e-5, rel=1e-3)


def test_on_a_cpu_a_sample_has_the_users_clock_alone(prepared: dict[str, Any], library: SimpleNamespace) -> None:
    made, figures = start(case(device="cpu"))
    reply = asked("sample", made, case_id=case().id, steps=10)
    assert set(reply) == {"elapsed_s", "telemetry"}
    assert set(figures) == {"build_s", "first_step_s"}
    assert not {"start", "stop"} & set(library.ticks.calls)


def test_a_clock_that_is_read_too_early_fails_the_case(prepared: dict[str, Any], library: SimpleNamespace) -> None:
    """Then the user's clock was stopped too early as well."""

    def unfinished() -> float:
        raise RuntimeError("synchronize() returned before the device was done with the steps")

    library.ticks.seconds = unfinished
    made, _ = start(case())
    with pytest.raises(RuntimeError, match="before the device was done"):
        asked("sample", made, case_id=case().id, steps=10)


def test_a_step_of_several_copies_counts_as_so_many(prepared: dict[str, Any], library: SimpleNamespace) -> None:
    """17 products to a replay: a sample's steps are replays times 17, and so many replays are made."""
    prepared |= {"copies": 17}
    library.ticks.launch_s, library.ticks.kernel_s = 1e-6, 50e-6
    made, _ = start(case())
    told = asked("calibrate", made, case_id=case().id)
    assert told["steps"] == 17 * 100  # 5 ms of replays of 50 µs
    assert told["step_s"] == pytest.approx(50e-6 / 17, rel=0.02)
    library.ticks.calls.clear()
    reply = asked("sample", made, case_id=case().id, steps=told["steps"])
    assert library.ticks.calls.count("launch") == 101  # one wakes
    assert reply["device_s"] / told["steps"] == pytest.approx(50e-6 / 17, rel=0.01)


def test_a_first_step_of_several_copies_is_told_per_step(
    prepared: dict[str, Any], library: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker.time, "perf_counter", library.ticks.clock)
    _, one = start(case())
    prepared |= {"copies": 5}
    _, several = start(case())
    assert several["first_step_s"] == pytest.approx(one["first_step_s"] / 5)


def test_long_replays_are_handed_in_several_at_a_time(prepared: dict[str, Any], library: SimpleNamespace) -> None:
    prepared |= {"copies": 2, "least_calls": 3}
    library.ticks.kernel_s = 0.5
    made, _ = start(case())
    assert asked("calibrate", made, case_id=case().id)["steps"] == 6


def test_samples_are_as_long_as_a_workload_wants_them(prepared: dict[str, Any], library: SimpleNamespace) -> None:
    prepared |= {"sample_s": 0.1}
    library.ticks.kernel_s = 1e-3
    made, _ = start(case())
    assert asked("calibrate", made, case_id=case().id)["steps"] == pytest.approx(100, abs=2)


def test_planted_steps_are_whole_replays(prepared: dict[str, Any], library: SimpleNamespace) -> None:
    prepared |= {"copies": 4}
    planted = replace(case(), planted=(3, 2))
    made, _ = start(planted)
    library.ticks.calls.clear()
    asked("sample", made, case_id=planted.id, steps=4 * 10)
    assert library.ticks.calls.count("launch") == 16
