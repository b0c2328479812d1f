"""A whole run on a GPU, with as few launches and rounds as show that it can be measured, recorded and reported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import gpu_telemetry, store
from bench.case import Case
from bench.studies import devices
from mlpbench.cli import main

LAUNCHES, ROUNDS = 2, 4
ASKED = ["--width", "16", "--impl", "torch_cudagraph", "--baseline", "numpy_scratch"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one training step, on the CPU by NumPy and on the GPU from a graph."""
    out = tmp_path_factory.mktemp("runs") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(devices, "QUICK_LAUNCHES", LAUNCHES)
        patch.setattr(devices, "LEAST_ROUNDS", ROUNDS)
        for name in ("http_proxy", "https_proxy"):
            patch.setenv(name, "http://127.0.0.1:9")  # it refuses, so that no download is waited for
        assert main(["run", "devices", *ASKED, "--out", str(out)]) == 0
    return out


def test_both_devices_are_compared_and_reported(folder: Path) -> None:
    summary = json.loads((folder / "summary.json").read_text())
    rows = {row["case"]: row for row in summary["comparisons"]}
    resident, moved = (rows[f"torch_cudagraph cuda, {how}"] for how in ("resident", "end to end"))
    assert (resident["device"], moved["device"], rows["control"]["device"]) == ("cuda", "cuda", "cpu")
    assert resident["ratio"] < moved["ratio"]
    assert (folder / "report.html").is_file()


def test_what_a_gpu_tells_is_recorded(folder: Path) -> None:
    recorded = store.read(folder)
    samples = {of_gpu: [one for one in recorded.samples if (" cuda, " in one["case"].rpartition("/")[2]) == of_gpu]
               for of_gpu in (True, False)}  # fmt: skip
    assert samples[True]
    assert all(one["device_s"] > 0 for one in samples[True])
    assert not any("device_s" in one for one in samples[False])
    told = [one["conditions"] for one in recorded.outcomes if one["kind"] == "conditions"]
    assert any(one.get("kernels") for one in told if one["device"] == "cuda")
    if gpu_telemetry.of(Case("s", "g", "c", "training_step", "torch_cudagraph", "torch", {}, device="cuda")):
        assert all(one["telemetry"][gpu_telemetry.CLOCK] > 0 for one in samples[True])
