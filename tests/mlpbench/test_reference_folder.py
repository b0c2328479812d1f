"""The folder of a reference run: whose it is, what is damaged in it, and that two do not measure into it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.errors import BadInput
from mlpbench import reference, reference_folder
from mlpbench.reference_parts import PARTS
from tests.mlpbench.test_holding import Row
from tests.mlpbench.test_reference import a_run


@pytest.mark.parametrize(
    ("device", "preset", "damage", "words"),
    [
        ("cpu", "standard", None, "memory was begun with --preset quick --device cpu"),
        ("cpu", "quick", {"asked": None}, "memory/run.json: is damaged"),
        ("cpu", "quick", {"asked": {"preset": 5, "device": ["cpu"]}}, "memory/run.json: is damaged"),
        ("cpu", "quick", {"asked": {"preset": "quick", "device": "cpu"}}, "memory/run.json: is damaged"),
        ("cpu", "quick", {"asked": {"preset": "quick", "device": [5]}}, "memory/run.json: is damaged"),
        ("cpu", "quick", {"plan": {"launches": {"memory": "x"}, "groups": []}}, "memory/run.json: is damaged"),
    ],
)
def test_a_folder_of_another_run_or_a_damaged_one_is_bad_input(
    device: str, preset: str, damage: Row | None, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "_require", lambda device: None)
    monkeypatch.setattr(reference, "_run", lambda *_: 130)
    for part in PARTS:
        a_run(tmp_path / part.name, 5)
    path = tmp_path / "memory" / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | (damage or {})))
    if damage is None:
        for part in PARTS:
            if part.name != "memory":
                (tmp_path / part.name / "run.json").unlink()
    with pytest.raises(BadInput, match=words):
        reference.reference(device, tmp_path, 500.0, preset, as_json=False)


def test_a_foreign_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(BadInput, match=r"holds thesis\.tex"):
        reference.reference("cpu", tmp_path, 500.0, "quick", as_json=False)


@pytest.mark.parametrize("told", [[1], {"whole": True}])
def test_a_damaged_summary_is_bad_input_and_a_torn_one_is_made_anew(
    told: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "_require", lambda device: None)
    for part in PARTS:
        a_run(tmp_path / part.name, 5)
    (tmp_path / "memory" / "summary.json").write_text(json.dumps(told))
    with pytest.raises(BadInput, match="is damaged"):
        reference.reference("cpu", tmp_path, 500.0, "quick", as_json=False)
    (tmp_path / "memory" / "summary.json").write_text('{"torn')
    assert not reference_folder.is_whole(tmp_path / "memory")


DEEP = "[" * 200_000


@pytest.mark.parametrize("file", ["memory/run.json", "tests.json"])
@pytest.mark.parametrize("text", [DEEP, "[]", "{}", '{"whole": true}', "\x00"])
def test_a_damaged_file_is_named_and_nothing_else_is_to_be_removed(file: str, text: str, tmp_path: Path) -> None:
    a_run(tmp_path / "memory", 5)
    (tmp_path / file).write_text(text)
    with pytest.raises(BadInput, match=f"{file}: is damaged"):
        reference_folder.require_own(tmp_path, "cpu", "quick")


def test_two_do_not_measure_into_one_folder(tmp_path: Path) -> None:
    with (
        reference_folder.alone(tmp_path / "new"),
        pytest.raises(BadInput, match="another process measures into it"),
        reference_folder.alone(tmp_path / "new"),
    ):
        pytest.fail("both measure")
    with reference_folder.alone(tmp_path / "new"):
        pass


def test_a_folder_that_cannot_be_is_bad_input_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match=r"--out .*file/x"), reference_folder.alone(tmp_path / "file" / "x"):
        pytest.fail("it was made")
