"""What NVML is asked around a sample, and of which GPU; by a driver that is a stand-in."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench import environments, gpu_telemetry, launch
from bench.case import Case, Group
from bench.gpu_telemetry import Gpu
from bench.launch import Context, Launch, Limits
from bench.plan import Planned
from tests.bench.simulated import READY

UUIDS = ("GPU-4f3a0001", "GPU-4f3b0002", "GPU-77aa0003")
ROUNDS = 2


def refuse(*arguments: Any) -> Any:
    raise RuntimeError("GPU is lost")


def driver(gpus: int = 1, **changes: Any) -> SimpleNamespace:
    clocks = {"SM": 1755, "MEM": 3201}
    functions = {
        "NVML_CLOCK_SM": "SM",
        "NVML_CLOCK_MEM": "MEM",
        "NVML_TEMPERATURE_GPU": 0,
        "nvmlInit": lambda: None,
        "nvmlDeviceGetCount": lambda: gpus,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetUUID": lambda device: UUIDS[device],
        "nvmlDeviceGetMigMode": refuse,
        "nvmlDeviceGetClockInfo": lambda device, clock: clocks[clock],
        "nvmlDeviceGetPowerUsage": lambda device: 653_250,
        "nvmlDeviceGetTemperature": lambda device, sensor: 61,
        "nvmlDeviceGetCurrentClocksEventReasons": lambda device: 4,
    }
    return SimpleNamespace(**functions | changes)


def found(nvml: SimpleNamespace, visible: str | None = None, order: str | None = None) -> Any:
    gpu = gpu_telemetry.find(nvml, visible, order)
    return None if gpu is None else gpu.handle


def test_answers_are_in_base_units() -> None:
    told = {"sm_clock_hz": 1.755e9, "memory_clock_hz": 3.201e9, "power_w": 653.25, "temperature_c": 61.0}
    assert Gpu(driver(), 0).read() == pytest.approx(told)


@pytest.mark.parametrize(
    ("question", "lost"),
    [
        ("nvmlDeviceGetPowerUsage", {"power_w"}),
        ("nvmlDeviceGetClockInfo", {"sm_clock_hz", "memory_clock_hz"}),
        ("nvmlDeviceGetTemperature", {"temperature_c"}),
        ("nvmlDeviceGetCurrentClocksEventReasons", {"clock_reasons"}),
    ],
)
@pytest.mark.parametrize("lacking", [False, True])
def test_what_is_not_answered_is_left_out(question: str, lost: set[str], lacking: bool) -> None:
    nvml = driver(**{question: refuse})
    if lacking:
        delattr(nvml, question)
    names = {name for name, *_ in gpu_telemetry.QUESTIONS} | {gpu_telemetry.REASONS}
    assert set(gpu_telemetry.around(Gpu(nvml, 0), None)) == names - lost


def test_a_gpu_that_is_lost_midway_tells_nothing() -> None:
    nvml = driver()
    for name in vars(nvml):
        if name.startswith("nvmlDevice"):
            setattr(nvml, name, refuse)
    assert gpu_telemetry.around(Gpu(nvml, 0), None) == {}


def test_older_drivers_are_asked_under_the_older_name() -> None:
    nvml = driver(
        nvmlDeviceGetCurrentClocksEventReasons=refuse, nvmlDeviceGetCurrentClocksThrottleReasons=lambda device: 0x40
    )
    assert Gpu(nvml, 0).reasons() == 0x40


def test_reasons_before_and_after_count_alike() -> None:
    assert gpu_telemetry.around(Gpu(driver(), 0), 0x20)["clock_reasons"] == 0x24
    assert gpu_telemetry.around(Gpu(driver(), 0), None)["clock_reasons"] == 4
    lost = driver(nvmlDeviceGetCurrentClocksEventReasons=refuse)
    assert gpu_telemetry.around(Gpu(lost, 0), 0x20)["clock_reasons"] == 0x20


# Which GPU


@pytest.mark.parametrize(
    ("visible", "handle"), [(None, 0), ("0", 0), ("0,1", 0), ("1", None), ("", None), ("-1", None)]
)
def test_a_single_gpu_is_the_one_that_cuda_sees_if_it_sees_any(visible: str | None, handle: int | None) -> None:
    assert found(driver(), visible) == handle


@pytest.mark.parametrize(("visible", "handle"), [(None, 0), ("2", 2), (" 1 ,0", 1), ("3", None)])
def test_numbers_of_several_gpus_are_nvmls_in_the_order_of_the_bus(visible: str | None, handle: int | None) -> None:
    assert found(driver(3), visible, "PCI_BUS_ID") == handle


@pytest.mark.parametrize("order", [None, "FASTEST_FIRST"])
@pytest.mark.parametrize("visible", [None, "0", "2"])
def test_numbers_of_several_gpus_in_an_order_of_cudas_own_are_nobodys(visible: str | None, order: str | None) -> None:
    assert found(driver(3), visible, order) is None


@pytest.mark.parametrize(
    ("visible", "handle"),
    [
        (UUIDS[1], 1),
        ("GPU-77", 2),
        (f"{UUIDS[2]},{UUIDS[0]}", 2),
        ("GPU-4f3", None),
        ("GPU-99", None),
        ("MIG-4f3a", None),
    ],
)
def test_a_uuid_or_its_first_letters_name_one_gpu_or_none(visible: str, handle: int | None) -> None:
    assert found(driver(3), visible) == handle
    assert found(driver(3, nvmlDeviceGetUUID=lambda device: UUIDS[device].encode()), visible) == handle


def test_a_gpu_divided_into_instances_is_not_asked() -> None:
    assert found(driver(nvmlDeviceGetMigMode=lambda device: [1, 1])) is None
    assert found(driver(nvmlDeviceGetMigMode=lambda device: [0, 1])) == 0


# For a case


def case(device: str = "cuda", **variables: str | None) -> Case:
    sizes = {"m": 4, "k": 4, "n": 4, "stack": 1}
    return Case("alignment", "g", "1", "matmul", "torch", "torch", sizes, device=device, variables=variables)


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """A machine of three GPUs, numbered by their bus, of which CUDA sees the last one first."""
    stand_in = driver(3)
    monkeypatch.setitem(sys.modules, "pynvml", stand_in)
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,0")
    gpu_telemetry._found.cache_clear()
    yield stand_in
    gpu_telemetry._found.cache_clear()


def handle_of(one: Case) -> Any:
    gpu = gpu_telemetry.of(one)
    return None if gpu is None else gpu.handle


def test_a_case_uses_the_first_gpu_that_its_worker_sees(nvml: SimpleNamespace) -> None:
    assert handle_of(case()) == 2
    assert handle_of(case(CUDA_VISIBLE_DEVICES="1")) == 1
    assert handle_of(case(CUDA_VISIBLE_DEVICES=None)) == 0
    assert handle_of(case(CUDA_DEVICE_ORDER=None)) is None


def test_an_environments_variables_count(nvml: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "changes", lambda environment, of_case: {"CUDA_VISIBLE_DEVICES": "1"})
    assert handle_of(case()) == 1


def test_on_a_cpu_nothing_is_asked_or_even_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_telemetry, "_found", refuse)
    monkeypatch.setattr(environments, "find", refuse)
    assert gpu_telemetry.of(case(device="cpu")) is None


@pytest.mark.parametrize("absent", ["package", "driver"])
def test_without_nvml_there_is_no_telemetry(
    nvml: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, absent: str
) -> None:
    if absent == "package":
        monkeypatch.setitem(sys.modules, "pynvml", None)
    else:
        nvml.nvmlInit = refuse
    assert gpu_telemetry.of(case()) is None


# Around a sample


class Folder:
    """Stands for a run's records."""

    def __init__(self) -> None:
        self.samples: list[dict[str, Any]] = []

    def sample(self, record: dict[str, Any]) -> None:
        self.samples.append(record)

    def outcome(self, kind: str, **fields: Any) -> None:
        pass


class Process:
    """Stands for a worker; notes in ``diary`` when it is asked for a sample."""

    stopped_cpu_s = 0.0

    def __init__(self, diary: list[str], device: str) -> None:
        self.diary, self.device = diary, device

    def fileno(self) -> int:
        return READY

    def receive(self, limit_s: float) -> dict[str, Any]:
        return {}

    def request(self, message: dict[str, Any], limit_s: float) -> dict[str, Any]:
        if message["do"] != "sample":
            return {"steps": 7, "step_s": 1e-3, "build_s": 0.1}
        self.diary.append("sample")
        return {"elapsed_s": 0.007, "telemetry": {"cpu_s": 0.007}} | (
            {"device_s": 0.0069} if self.device == "cuda" else {}
        )

    def stop(self) -> None:
        pass

    def end(self) -> None:
        pass


def sampled(monkeypatch: pytest.MonkeyPatch, diary: list[str], device: str) -> list[dict[str, Any]]:
    monkeypatch.setattr(launch, "spawn", lambda one, *_: Process(diary, one.device))
    folder = Folder()
    context = Context(folder, Limits(), Path(), Path(), 0.0)  # type: ignore[arg-type]
    group = Planned(Group("alignment", "g", (case(device=device),), "1"), ROUNDS)
    with Launch(context, [group], np.random.default_rng(0), 0) as made:
        made.run()
    return folder.samples


def test_samples_on_a_gpu_have_its_clock_and_its_telemetry(
    nvml: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    diary: list[str] = []
    nvml.nvmlDeviceGetCurrentClocksEventReasons = lambda device: diary.append(f"reasons of {device}") or 4
    nvml.nvmlDeviceGetPowerUsage = lambda device: diary.append(f"power of {device}") or 300_000
    samples = sampled(monkeypatch, diary, "cuda")
    assert diary == ["reasons of 2", "sample", "reasons of 2", "power of 2"] * ROUNDS
    assert len(samples) == ROUNDS
    for sample in samples:
        assert (sample["elapsed_s"], sample["device_s"]) == (0.007, 0.0069)
        assert sample["telemetry"].items() >= {"cpu_s": 0.007, "power_w": 300.0, "clock_reasons": 4}.items()


def test_samples_on_a_cpu_have_neither(nvml: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in vars(nvml):
        setattr(nvml, name, refuse)
    samples = sampled(monkeypatch, [], "cpu")
    assert len(samples) == ROUNDS
    for sample in samples:
        assert "device_s" not in sample
        assert not {"power_w", "clock_reasons", "sm_clock_hz"} & set(sample["telemetry"])


def test_without_nvml_samples_on_a_gpu_have_its_clock_alone(
    nvml: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    samples = sampled(monkeypatch, [], "cuda")
    assert len(samples) == ROUNDS
    for sample in samples:
        assert sample["device_s"] == 0.0069
        assert not {"power_w", "clock_reasons", "sm_clock_hz"} & set(sample["telemetry"])


def test_no_uuid_is_recorded(nvml: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", UUIDS[0])
    samples = sampled(monkeypatch, [], "cuda")
    assert samples[0]["telemetry"]["temperature_c"] == 61
    assert "GPU-" not in str(samples)
