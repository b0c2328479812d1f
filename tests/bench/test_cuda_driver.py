"""The CUDA driver asked through ctypes; a stand-in writes its answers as libcuda does, through pointers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench import cuda_driver
from bench.cuda_driver import ask_devices, devices
from bench.hardware import ask

INVALID_VALUE = 1
NO_DEVICE = 100


class Driver:
    """libcuda with GPUs of a name, a clock in kHz and a width in bits."""

    def __init__(self, gpus: list[tuple[str, int, int]], broken: str | None = None) -> None:
        self.gpus = gpus
        self.broken = broken

    def __getattribute__(self, name: str) -> Any:
        if name == object.__getattribute__(self, "broken"):
            return lambda *arguments: NO_DEVICE
        return object.__getattribute__(self, name)

    def cuInit(self, flags: int) -> int:  # noqa: N802
        return INVALID_VALUE if flags else 0

    def cuDeviceGetCount(self, count: Any) -> int:  # noqa: N802
        count._obj.value = len(self.gpus)
        return 0

    def cuDeviceGet(self, device: Any, ordinal: int) -> int:  # noqa: N802
        device._obj.value = 7 + ordinal  # a handle is not the ordinal
        return 0

    def cuDeviceGetName(self, name: Any, size: int, device: Any) -> int:  # noqa: N802
        name.value = self.gpus[device.value - 7][0].encode()[: size - 1]
        return 0

    def cuDeviceGetAttribute(self, value: Any, attribute: int, device: Any) -> int:  # noqa: N802
        _, clock, width = self.gpus[device.value - 7]
        value._obj.value = {36: clock, 37: width}[attribute]
        return 0


def test_each_device_has_its_name_width_and_clock() -> None:
    driver = Driver([("NVIDIA H200", 3_201_000, 6144), ("NVIDIA L4", 6_251_000, 192)])
    assert devices(driver) == [
        {"name": "NVIDIA H200", "memory_bus_width": 6144, "memory_clock": 3_201_000_000},
        {"name": "NVIDIA L4", "memory_bus_width": 192, "memory_clock": 6_251_000_000},
    ]


def test_no_device_is_an_empty_list() -> None:
    assert devices(Driver([])) == []


def test_an_attribute_that_is_refused_or_nothing_is_none() -> None:
    assert devices(Driver([("x", 0, 0)])) == [{"name": "x", "memory_bus_width": None, "memory_clock": None}]
    refused = devices(Driver([("x", 1, 64)], broken="cuDeviceGetAttribute"))
    assert refused == [{"name": "x", "memory_bus_width": None, "memory_clock": None}]


@pytest.mark.parametrize("function", ["cuInit", "cuDeviceGetCount", "cuDeviceGet", "cuDeviceGetName"])
def test_a_call_that_fails_is_named_with_its_error(function: str) -> None:
    with pytest.raises(RuntimeError, match=f"{function}: CUDA error 100"):
        devices(Driver([("x", 1, 64)], broken=function))


def standing_in(tmp_path: Path, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make ``ask_devices`` run this code in place of the module."""
    script = tmp_path / "stand_in.py"
    script.write_text(code)
    monkeypatch.setattr(cuda_driver, "__file__", str(script))


def test_a_process_of_its_own_answers_and_sees_every_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    standing_in(tmp_path, "import json, os\nprint(json.dumps([dict(os.environ)]))", monkeypatch)
    (seen,) = ask_devices({"CUDA_VISIBLE_DEVICES": "1", "CUDA_CACHE_PATH": "/tmp"})
    assert "CUDA_VISIBLE_DEVICES" not in seen
    assert seen["CUDA_CACHE_PATH"] == "/tmp"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise SystemExit('libcuda.so.1: no such file')", "libcuda.so.1: no such file"),
        ("import os; os.kill(os.getpid(), 11)", "ended with status -11"),
    ],
)
def test_a_process_that_fails_or_crashes_is_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, reason: str
) -> None:
    standing_in(tmp_path, code, monkeypatch)
    with pytest.raises(RuntimeError, match=reason):
        ask_devices()


def test_the_module_runs_by_itself() -> None:
    """With a driver here it answers; without, it says in one line what is missing."""
    answer = ask("CUDA driver", ask_devices)
    assert answer["value"] is not None or "libcuda.so.1" in answer["source"] or "CUDA error" in answer["source"]
