"""JSON of pytest-benchmark, ours and anyone's, as a run and a summary without verdicts."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.errors import BadInput
from mlpbench import cli
from reports import page, pytest_benchmark

STATS = {"median": 0.002, "q1": 0.0019, "q3": 0.0022, "rounds": 40, "iterations": 3, "data": [0.002]}
STEP = {
    "study": "throughput", "group": "784-16-10 batch 256 float32 cpu", "case": "torch_concise",
    "implementation": "torch_concise", "provider": "torch_concise", "device": "cpu", "dtype": "float32", "threads": 2,
    "batch": 256, "width": 16, "depth": 1, "shape": "784-16-10", "m": None, "k": None, "n": None, "stack": None,
    "flops": 13_000_000, "bytes": 1_000_000, "data": {"kind": "synthetic", "note": "no network"},
}  # fmt: skip
MATMUL = STEP | {
    "study": "alignment", "group": "numpy matmul float32 cpu", "case": "1025", "implementation": "numpy",
    "provider": "numpy", "batch": None, "width": None, "depth": None, "shape": None, "m": 1025, "k": 1025, "n": 1025,
    "stack": 1, "flops": 2 * 1025**3, "bytes": 12 * 1025**2, "data": None,
}  # fmt: skip
FACTS = {"cpu": {"brand": {"value": "Frobnicator 9", "unit": None, "source": "cpuinfo", "kind": "queried"}}}

Write = Callable[[dict[str, Any]], Path]


def content(*extra_infos: dict[str, Any], ours: bool = True) -> dict[str, Any]:
    info: dict[str, Any] = {"node": "secret-host", "cpu": {"brand_raw": "Frobnicator 8"}, "python_version": "3.12.1"}
    return {
        "machine_info": info | ({"mlpbench": FACTS} if ours else {}),
        "commit_info": {"id": "abc", "dirty": True},
        "benchmarks": [
            {"name": f"test_{index}", "group": None, "extra_info": extra, "stats": STATS}
            for index, extra in enumerate(extra_infos)
        ],
        "datetime": "2026-11-22T15:00:00+00:00",
        "version": "5.1.0",
    }


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(value: dict[str, Any]) -> Path:
        path = tmp_path / "benchmarks.json"
        path.write_text(json.dumps(value))
        return path

    return to_file


def test_rows_have_the_columns_and_rates_of_a_run(write: Write) -> None:
    _, summary = pytest_benchmark.read(write(content(STEP, MATMUL)))
    step, matmul = summary["cases"]
    identity = {name: value for name, value in STEP.items() if name != "data"}
    assert identity.items() <= step.items()
    assert (step["throughput"], step["throughput_unit"]) == (256 / 0.002, "examples/s")
    assert step["flop_rate"] == 13_000_000 / 0.002
    assert step["arithmetic_intensity"] == 13
    assert (step["rounds"], step["steps"], step["launches"], step["status"]) == (40, 3, 1, "measured")
    assert (matmul["throughput"], matmul["throughput_unit"]) == (MATMUL["flops"] / 0.002, "FLOP/s")


def test_the_time_is_the_median_and_has_no_interval(write: Write) -> None:
    _, summary = pytest_benchmark.read(write(content(STEP)))
    row = summary["cases"][0]
    assert (row["time_s"], row["time_low"], row["time_high"]) == (0.002, None, None)
    assert (row["time_q1"], row["time_q3"]) == (0.0019, 0.0022)


def test_there_are_no_verdicts_and_the_page_is_told_why(write: Write) -> None:
    run, summary = pytest_benchmark.read(write(content(STEP, MATMUL)))
    assert (summary["comparisons"], summary["crossovers"], summary["fixed_costs"]) == ([], [], [])
    assert run["banner"] == "measured one after the other by pytest-benchmark: no verdicts"


def test_the_run_says_when_where_on_what_and_from_which_commit(write: Write) -> None:
    run, _ = pytest_benchmark.read(write(content(MATMUL, STEP)))
    assert run["machine"]["facts"] == FACTS
    assert run["label"] == "frobnicator-9"
    assert run["created"] == "2026-11-22T15:00:00+00:00"
    assert run["data"] == {"kind": "synthetic", "note": "no network"}
    assert run["git"] == {"commit": "abc", "dirty": True}
    assert run["threads"] == 2


def test_benchmarks_of_anyone_else_have_a_time_and_a_name(write: Write) -> None:
    """Whatever lies in their ``extra_info`` is theirs: a column of the same name may mean something else."""
    run, summary = pytest_benchmark.read(write(content({"n": "many", "study": 3}, ours=False)))
    row = summary["cases"][0]
    assert (row["study"], row["group"], row["case"], row["time_s"]) == ("pytest-benchmark", "no group", "test_0", 0.002)
    assert row["n"] is None
    assert run["machine"]["facts"]["cpu"]["brand"]["value"] == "Frobnicator 8"


@pytest.mark.parametrize("ours", [True, False])
def test_the_host_name_is_not_taken_over(write: Write, ours: bool) -> None:
    assert "secret-host" not in json.dumps(pytest_benchmark.read(write(content(STEP, ours=ours))))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ({"benchmarks": []}, "benchmarks: List should have at least 1 item"),
        ({"machine_info": None}, "machine_info: "),
        ({"benchmarks": [{"name": "x", "stats": {"median": 1}}]}, "benchmarks.0.stats.q1: Field required"),
        ({"benchmarks": [{"name": "x", "stats": STATS | {"median": -1}}]}, "benchmarks.0.stats.median: "),
        ({"benchmarks": [{"name": "x", "stats": STATS | {"median": float("inf")}}]}, "benchmarks.0.stats.median: "),
        ({"benchmarks": [{"name": "x", "stats": STATS, "extra_info": {}}]}, "study: Field required"),
        ({"benchmarks": [{"name": "x", "stats": STATS, "extra_info": STEP | {"flops": -1}}]}, "flops: "),
    ],
)
def test_what_is_missing_or_wrong_is_said_in_one_line(write: Write, damage: dict[str, Any], said: str) -> None:
    path = write(content(STEP) | damage)
    with pytest.raises(BadInput) as caught:
        pytest_benchmark.read(path)
    assert f"{path}: expected JSON of pytest-benchmark, got {said}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "\0", '"text"'])
def test_another_file_is_bad_input(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(BadInput, match=r"x\.json: expected JSON of pytest-benchmark"):
        pytest_benchmark.read(tmp_path / "x.json")


def test_a_missing_file_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No such file"):
        pytest_benchmark.read(tmp_path / "none.json")


@pytest.mark.parametrize("ours", [True, False])
def test_the_page_renders_it_under_its_banner(write: Write, tmp_path: Path, ours: bool) -> None:
    run, summary = pytest_benchmark.read(write(content(STEP, MATMUL, ours=ours)))
    html = page.write(run, summary, tmp_path, banner=run["banner"]).read_text()
    assert pytest_benchmark.BANNER in html
    assert ("1025" if ours else "test_1") in html


@pytest.mark.parametrize("brand", [5, ["x"]])
def test_a_damaged_fact_of_ours_is_one_line_and_2(
    write: Write, brand: object, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = content(STEP)
    damaged["machine_info"]["mlpbench"] = {"cpu": {"brand": FACTS["cpu"]["brand"] | {"value": brand}}}
    assert cli.main(["report", str(write(damaged))]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "benchmarks.json" in said


def test_where_it_cannot_be_read_it_says_what_to_install(
    write: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import reports

    monkeypatch.delattr(reports, "pytest_benchmark")
    monkeypatch.setitem(sys.modules, "reports.pytest_benchmark", None)
    assert cli.main(["report", str(write(content(STEP)))]) == 2
    assert "install the extra `pages`" in capsys.readouterr().err
