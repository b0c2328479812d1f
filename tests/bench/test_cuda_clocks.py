"""Both clocks, graphs and telemetry on a real GPU; the logic behind them is tested without one elsewhere."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from bench import devices, gpu_telemetry, libraries, replays, timing
from bench.case import Case
from bench.workloads import matmul

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device")


@pytest.fixture
def library() -> ModuleType:
    return libraries.load("torch")


def case(size: int, dtype: str = "float32", **parameters: Any) -> Case:
    sizes = {"m": size, "k": size, "n": size, "stack": 1} | parameters
    return Case("alignment", "g", "c", "matmul", "torch", "torch", sizes, device="cuda", dtype=dtype)


def test_the_devices_clock_runs_within_the_users(library: ModuleType) -> None:
    prepared = matmul.prepare(case(2048), library, Path())
    clock = library.device_clock("cuda")
    taken = timing.sample(prepared.step, prepared.synchronize, 20, wake=prepared.wake, device_clock=clock)
    assert 0 < clock.seconds() < taken.elapsed_s + taken.wake_s


def test_a_clock_that_is_read_before_the_device_is_done_is_an_error(library: ModuleType) -> None:
    prepared = matmul.prepare(case(4096), library, Path())
    clock = library.device_clock("cuda")
    prepared.step()
    prepared.synchronize()
    with pytest.raises(RuntimeError, match="before the device was done"):
        timing.sample(prepared.step, lambda: None, 50, device_clock=clock) and clock.seconds()
    prepared.synchronize()


def test_a_replay_computes_what_was_captured_for_each_set(library: ModuleType) -> None:
    a, b = (torch.randn(64, 64, device="cuda") for _ in range(2))
    outs = [torch.zeros(64, 64, device="cuda") for _ in range(3)]
    turns = iter(2 * [0, 1, 2])
    replay = library.captured(lambda: torch.matmul(a, b, out=outs[next(turns)]), "cuda", 3)
    for out in outs:
        out.fill_(-1)
    replay()
    library.synchronize("cuda")
    for out in outs:
        np.testing.assert_allclose(library.host(out), library.host(a) @ library.host(b), atol=1e-3)


def test_the_l2_is_known_and_operands_exceed_it(library: ModuleType) -> None:
    cache = library.last_cache("cuda")
    assert cache > 1 << 20
    prepared = matmul.prepare(case(256, clock=replays.DEVICE), library, Path())
    assert prepared.copies * 3 * 4 * 256**2 > 2 * cache
    prepared.step()
    prepared.synchronize()


def test_using_the_device_costs_something(library: ModuleType) -> None:
    found = devices.costs(case(8), library.device_clock("cuda"))
    assert set(found) == set(devices.COSTS)
    assert min(found.values()) > 0
    assert found["round_trip_s"] > found["synchronize_s"]


def test_nvml_tells_of_the_gpu_in_use() -> None:
    pytest.importorskip("pynvml")
    gpu = gpu_telemetry.of(case(8))
    if gpu is None:
        pytest.skip("NVML does not tell which GPU is in use here")
    told = gpu_telemetry.around(gpu, gpu.reasons())
    assert told["sm_clock_hz"] > 1e8
