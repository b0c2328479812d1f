"""A whole run on a GPU, from survey to page, rehearsed where there is none: with a stand-in for CUDA in torch.

One launch of small networks and products: enough for whatever needs no verdict. Times mean nothing here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from bench import gpu_telemetry
from tests import standing_in

pytest.importorskip("torch")

GPU = "NVIDIA Stand-in H200"
STUDIES = ("throughput", "data_effect")
CHOSEN = ("--impl", "torch_cudagraph", "--impl", "triton_fused", "--dtype", "float32", "--threads", "1")
SMALL = ("--width", "16", "--batch", "32", "--size", "64")

Row = dict[str, Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    arguments = ("-m", "mlpbench", "run", *STUDIES, *CHOSEN, *SMALL, "--device", "cuda", "--out", str(out))
    status, _, errors = standing_in.python(*arguments)
    assert status == 0, errors
    return out


@pytest.fixture(scope="module")
def cases(folder: Path) -> list[Row]:
    found: list[Row] = json.loads((folder / "summary.json").read_text())["cases"]
    return found


def of_torch(cases: Iterable[Row]) -> list[Row]:
    return [row for row in cases if row["framework"] == "torch" and row["implementation"] != "triton_fused"]


def lines(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_everything_in_torch_is_equal_and_measured(cases: list[Row]) -> None:
    assert {row["study"] for row in of_torch(cases)} == set(STUDIES)
    assert {(row["status"], row["reason"]) for row in of_torch(cases)} == {("measured", None)}


def test_what_cannot_run_is_skipped_with_its_reason(cases: list[Row]) -> None:
    reasons = {row["implementation"]: row["reason"] for row in cases if row["status"] == "skipped"}
    assert "TRITON_INTERPRET" in reasons["triton_fused"]


def test_every_case_has_the_devices_time_and_its_kernels(cases: list[Row]) -> None:
    for row in of_torch(cases):
        assert 0 < row["device_time_s"] <= row["time_s"]
        assert row["control"] or (row["kernel_s"] > 0 and row["kernels"])


def test_each_sample_has_both_clocks_and_what_the_gpu_says(folder: Path) -> None:
    samples = lines(folder / "samples.jsonl")
    told = {gpu_telemetry.CLOCK, gpu_telemetry.POWER, gpu_telemetry.REASONS, "memory_clock_hz", "temperature_c"}
    assert samples
    for sample in samples:
        assert 0 < sample["device_s"] <= sample["elapsed_s"]
        assert told <= sample["telemetry"].keys()


def test_using_the_gpu_has_its_cost(folder: Path) -> None:
    for row in json.loads((folder / "summary.json").read_text())["harness"]:
        assert all(row[name] > 0 for name in ("launch_s", "synchronize_s", "round_trip_s", "event_s"))


def test_products_are_replayed_over_more_than_the_cache_holds(folder: Path) -> None:
    told = [one for one in lines(folder / "outcomes.jsonl") if one["kind"] == "conditions"]
    graphs = {one["conditions"]["graph"] for one in told if one["case"].startswith("data_effect")}
    [graph] = graphs
    assert graph.startswith("graph of 43 steps over 2.114 MB of operands (L2 1.049 MB)")
    steps = {one["steps"] for one in lines(folder / "samples.jsonl") if one["case"].startswith("data_effect")}
    assert all(count % 43 == 0 and count >= 3 * 43 for count in steps)
    assert not any(one["reasons"] for one in told)


def test_the_record_knows_the_gpu(folder: Path) -> None:
    facts = json.loads((folder / "run.json").read_text())["machine"]["facts"]
    assert facts["gpu"]["gpu0_name"]["value"] == facts["torch"]["gpu0_name"]["value"] == GPU
    assert facts["gpu"]["gpu0_implied_bandwidth"]["value"] == 2 * 3_201_000_000 * 6016 // 8


def test_the_page_tells_of_the_gpu(folder: Path) -> None:
    page = (folder / "report.html").read_text()
    for text in (GPU, "s clock", "in kernels", "met the power limit of a GPU", "CUDA graph of the whole step"):
        assert text in page, text
    assert "start_up.png" in {path.name for path in (folder / "figures").iterdir()}
