"""A run from options to report: what it leaves, what it shows beforehand, what it exits with."""

import json
import re
from pathlib import Path

from mlpbench import cli
from tests.mlpbench.conftest import BROKEN, SMALL


def test_a_run_is_not_overwritten(complaint, finished):
    before = (finished / "samples.jsonl").read_bytes()
    assert "--resume" in complaint("run", "throughput", *SMALL, "--out", str(finished))
    assert (finished / "samples.jsonl").read_bytes() == before


def test_a_run_leaves_what_the_contract_says(finished):
    assert {"run.json", "samples.jsonl", "outcomes.jsonl", "summary.json", "summary.csv", "report.html"} <= {
        path.name for path in finished.iterdir()
    }
    assert list((finished / "figures").glob("*.png"))
    summary = json.loads((finished / "summary.json").read_text())
    assert [row["case"] for row in summary["comparisons"]] == ["control"]


def test_synthetic_images_are_named_in_the_title(finished):
    page = (finished / "report.html").read_text()
    assert json.loads((finished / "run.json").read_text())["data"]["kind"] == "synthetic"
    assert "synthetic" in re.search("<title>(.*?)</title>", page, re.DOTALL).group(1)


def test_no_record_holds_the_home_folder(finished):
    text = "".join(path.read_text() for path in finished.glob("*.json*"))
    assert f"{Path.home()}/" not in text


def test_dry_run_shows_the_plan_and_writes_nothing(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", "throughput", *SMALL, "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "numpy_scratch" in shown
    assert "expected to take" in shown
    assert not list(tmp_path.iterdir())


def test_dry_run_refuses_a_folder_that_the_run_would_refuse_and_makes_none(complaint, finished, tmp_path, capsys):
    dry = ["run", "throughput", *SMALL, "--dry-run", "--out"]
    assert "holds a run already" in complaint(*dry, str(finished))
    assert cli.main([*dry, str(tmp_path / "new")]) == 0
    assert not (tmp_path / "new").exists()


def test_dry_run_says_each_reason_to_skip_once(capsys):
    arguments = [*SMALL, "--width", "16", "--device", "cuda", "--dry-run"]
    assert cli.main(["run", "throughput", *arguments]) == 0
    (said,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("skipped: ")]
    assert said.startswith("skipped: 4 cases of numpy_scratch in 2 groups: ")
    assert "CUDA" in said


def test_strict_makes_a_failure_count(tmp_path):
    broken = ["--impl", str(BROKEN / "update_skipped.py")]
    arguments = ["run", "throughput", *SMALL, *broken]
    assert cli.main([*arguments, "--out", str(tmp_path / "one"), "--strict"]) == 1


def test_a_device_that_is_not_there_is_a_skip_with_its_reason(tmp_path):
    assert cli.main(["run", "throughput", *SMALL, "--device", "cuda", "--out", str(tmp_path / "run")]) == 0
    rows = json.loads((tmp_path / "run" / "summary.json").read_text())["cases"]
    assert {row["status"] for row in rows} == {"skipped"}
    assert all("CUDA" in row["reason"] for row in rows)
