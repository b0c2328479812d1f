"""Records that are there: packed, damaged, changed or of other options; none of them is ever destroyed."""

import gzip
import re
import shutil
import subprocess
import sys

import pytest

from mlpbench import cli
from tests.mlpbench.conftest import BROKEN, SMALL


def test_the_summary_can_be_rebuilt(copy):
    before = (copy / "summary.json").read_bytes()
    for name in ("summary.json", "summary.csv", "report.html"):
        (copy / name).unlink()
    shutil.rmtree(copy / "figures")
    assert cli.main(["report", str(copy)]) == 0
    assert (copy / "summary.json").read_bytes() == before
    assert (copy / "report.html").exists()


def test_packed_records_give_the_same_summary(copy):
    before = (copy / "summary.json").read_bytes()
    for name in ("samples.jsonl", "outcomes.jsonl"):
        (copy / f"{name}.gz").write_bytes(gzip.compress((copy / name).read_bytes()))
        (copy / name).unlink()
    assert cli.main(["report", str(copy)]) == 0
    assert (copy / "summary.json").read_bytes() == before


def test_resuming_with_other_options_is_bad_input(complaint, finished):
    said = complaint("run", "alignment", "--out", str(finished), "--resume")
    assert "other options" in said


@pytest.mark.parametrize("file", ["run.json", "samples.jsonl", "outcomes.jsonl"])
def test_damaged_records_are_bad_input_and_left_alone(complaint, copy, file):
    data = (copy / file).read_bytes()
    (copy / file).write_bytes(b"\x00\xff" + data[2:])
    before = {path.name: path.read_bytes() for path in copy.iterdir() if path.is_file()}
    assert file in complaint("report", str(copy))
    assert file in complaint("run", "--out", str(copy), "--resume")
    assert {path.name: path.read_bytes() for path in copy.iterdir() if path.is_file()} == before


@pytest.mark.parametrize("name", ["run.json", "samples.jsonl", "summary.csv", "page"])
def test_a_page_never_overwrites_a_record(complaint, copy, name):
    before = {path.name: path.read_bytes() for path in copy.iterdir() if path.is_file()}
    assert "ends in .html" in complaint("report", str(copy), "--out", str(copy / name))
    assert {path.name: path.read_bytes() for path in copy.iterdir() if path.is_file()} == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("run.json", '"launches": {', '"launches": {"x": "many", '),
        ("run.json", '"parameters": {', '"parameters": 5, "was": {'),
        ("outcomes.jsonl", '"complete"', '"incomplete"'),
        ("outcomes.jsonl", '"too_slow"', '"slow"'),
        ("run.json", '"provider": ', '"provider": 5, "was": '),
        ("run.json", '"commit"', '"was"'),  # that the page alone reads
    ],
)
def test_records_of_another_shape_are_bad_input(complaint, copy, file, old, new):
    text = (copy / file).read_text()
    assert old in text
    (copy / file).write_text(text.replace(old, new))
    for arguments in (("report", str(copy)), ("run", "--out", str(copy), "--resume")):
        assert re.search(r"damaged|missing, expected .*; restore", complaint(*arguments))


def test_a_check_of_advice_is_no_run_and_says_how_to_read_it(complaint, tmp_path):
    (tmp_path / "run.json").write_text('{"format_version": 1, "kind": "advice-check"}')
    assert "mlpbench advise --resume" in complaint("report", str(tmp_path))


def test_the_shell_may_name_a_backend_that_is_not_installed(copy, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "nope")
    code = "import sys; from mlpbench import cli; sys.exit(cli.main(['report', sys.argv[1]]))"
    assert subprocess.run([sys.executable, "-c", code, str(copy)], check=False).returncode == 0


def test_a_changed_implementation_is_not_resumed(complaint, tmp_path):
    mine = tmp_path / "mine.py"
    shutil.copy(BROKEN / "update_skipped.py", mine)
    folder = str(tmp_path / "run")
    assert cli.main(["run", "throughput", *SMALL, "--impl", str(mine), "--out", folder]) == 0
    mine.write_text(mine.read_text() + "\n")
    assert "has changed" in complaint("run", "--resume", "--out", folder)
    mine.unlink()
    assert "not there" in complaint("run", "--resume", "--out", folder)
