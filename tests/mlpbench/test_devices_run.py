"""The study of both devices from the command line: rehearsed on the CPU, and refused case by case without a GPU."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mlpbench import cli

SMALL = ["--width", "8", "--batch", "32", "--impl", "numpy_scratch"]


@pytest.fixture(autouse=True)
def _synthetic_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No data, and a proxy that refuses, so that no download is waited for."""
    monkeypatch.setenv("MLPBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("MLPBENCH_DATA", raising=False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")


def test_a_rehearsal_ends_in_verdicts_and_a_report(tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert cli.main(["run", "devices", "--device", "cpu", *SMALL, "--out", str(out)]) == 0
    summary = json.loads((out / "summary.json").read_text())
    compared = {(row["case"], row["transfers"]): row for row in summary["comparisons"]}
    assert set(compared) == {
        ("numpy_scratch cpu, resident", False), ("numpy_scratch cpu, end to end", True), ("control", False),
    }  # fmt: skip
    assert all(row["verdict"] and row["launches"] == 5 and row["rounds"] == 20 for row in compared.values())
    assert {row["status"] for row in summary["cases"]} == {"measured"}
    assert {(row["transfers"], *row["sizes"]) for row in summary["device_crossovers"]} == {(False, 8), (True, 8)}
    assert "A rehearsal: both sides are the CPU" in (out / "report.html").read_text()
    assert (out / "figures" / "device_ratio.png").is_file()


def test_without_a_gpu_a_dry_run_says_why_nothing_would_be_measured(capsys: pytest.CaptureFixture[str]) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    assert cli.main(["run", "devices", "--size", "64", "--width", "8", "--dry-run"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "skipped: 2 cases of torch in 1 group: nothing to compare it with on cuda: " in shown
    assert shown.count("nothing to compare it with on cuda: ") == 2
    assert "run this where cuda can be used" in shown
    assert "cases: 0, groups: 0" in shown
