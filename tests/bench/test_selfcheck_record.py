"""The record of a self-check: appended line by line, read whole or not at all."""

from __future__ import annotations

import gzip
import json
import os

import pytest

from bench import jsonlines
from bench.errors import BadInput
from bench.selfcheck import record
from tests import selfcheck_tries as fake


def some():
    return [*fake.identical(1, copies=1), fake.planted(1)[0], fake.peers(1)[0], *fake.timers(), *fake.attributions(1)]


@pytest.fixture
def folder(tmp_path):
    return fake.folder(tmp_path / "check", some())


def test_lines_come_back_as_they_were_appended(folder):
    tries = record.read(folder)
    assert tries.lines == some()
    assert tries.notes == []
    assert tries.run["kind"] == "selfcheck"


def test_every_try_is_one_line_on_disk_at_once(tmp_path):
    fake.folder(tmp_path, [])
    file = record.open_tries(tmp_path)
    for number, line in enumerate(some(), 1):
        file.append(line)
        assert len((tmp_path / record.TRIES).read_bytes().splitlines()) == number
    file.close()


def test_a_folder_without_tries_is_an_empty_record(tmp_path):
    assert record.read(fake.folder(tmp_path, [])).lines == []


def test_a_torn_last_line_is_dropped_with_a_note_and_nothing_changed(folder):
    path = folder / record.TRIES
    torn = path.read_bytes()[:-10]
    path.write_bytes(torn)
    tries = record.read(folder)
    assert len(tries.lines) == len(some()) - 1
    assert "torn" in tries.notes[0]
    assert path.read_bytes() == torn


def test_a_line_after_a_torn_one_is_not_glued_to_it(folder):
    path = folder / record.TRIES
    path.write_bytes(path.read_bytes()[:-10])
    fake.add(folder, some()[-1])
    assert record.read(folder).lines == some()


def test_gzipped_tries_are_read_and_not_added_to(folder):
    path = folder / record.TRIES
    (folder / "tries.jsonl.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    assert record.read(folder).lines == some()
    with pytest.raises(BadInput, match="gunzip"):
        fake.add(folder, some()[0])


def test_numbers_that_are_not_finite_are_not_recorded(folder):
    with pytest.raises(ValueError, match="JSON"):
        fake.add(folder, some()[0] | {"seconds": float("nan")})
    assert record.read(folder).lines == some()


def test_nobody_else_adds_to_a_record_in_use(folder):
    file = record.open_tries(folder)
    with pytest.raises(BadInput, match="another process is recording there"):
        record.open_tries(folder)
    file.close()
    record.open_tries(folder).close()


def test_a_line_that_does_not_fit_is_an_error(folder, monkeypatch):
    """What a full disk took of it is cut off when the file is opened again."""
    file = record.open_tries(folder)
    monkeypatch.setattr(jsonlines.os, "write", lambda descriptor, data, write=os.write: write(descriptor, data[:50]))
    with pytest.raises(OSError, match="No space"):
        file.append(fake.planted(2)[1])
    file.close()
    monkeypatch.undo()
    fake.add(folder, fake.planted(2)[1])
    assert len(record.read(folder).lines) == len(some()) + 1


def damaged(line, **changes):
    return json.dumps(line | changes)


def in_comparison(**changes):
    line = fake.planted(1)[0]
    return json.dumps(line | {"comparisons": [line["comparisons"][0] | changes]})


@pytest.mark.parametrize(
    "bad",
    [
        "{",
        "[]",
        "{}",
        '{"kind": "else"}',
        damaged(fake.planted(1)[0], seconds="long"),
        damaged(fake.planted(1)[0], seconds=-1),
        damaged(fake.planted(1)[0], seconds=True),
        damaged(fake.planted(1)[0], margin=0),
        damaged(fake.planted(1)[0], budget_s="20"),
        damaged(fake.planted(1)[0], comparisons=[3]),
        damaged(fake.planted(1)[0], harness={"overhead": "none"}),
        damaged(fake.planted(1)[0], harness={}),
        damaged(fake.planted(1)[0], seconds=float("nan")),
        in_comparison(medians=["0.1"]),
        in_comparison(medians=[11.0]),
        in_comparison(truth=0),
        in_comparison(truth=None),
        in_comparison(ci_low=-1),
        in_comparison(group=7),
        in_comparison(ratio=1).replace('"ratio": 1,', '"ratio": 1e999,'),
        damaged(fake.attributions(1)[0], factor=None),
        damaged(fake.attributions(1)[0], effects=None),
        damaged(fake.attributions(1)[0], effects=[{"factor": "size"}]),
        damaged(fake.attributions(1)[0], effects=[fake.attributions(1)[0]["effects"][0] | {"ratio": 0}]),
        damaged(fake.peers(1)[0], ratio=0),
        damaged(fake.peers(1)[0], rule=None),
        damaged(fake.timers()[0], rows=[{"timer": "t", "caught": "yes", "by": "", "detail": ""}]),
    ],
)
def test_any_other_bad_line_is_bad_input_that_names_file_and_line(folder, bad):
    path = folder / record.TRIES
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], bad, *lines[1:]]) + "\n")
    with pytest.raises(BadInput, match=r"tries\.jsonl:2"):
        record.read(folder)


def test_the_same_try_twice_is_bad_input(folder):
    fake.add(folder, some()[1])
    with pytest.raises(BadInput, match=rf":{len(some()) + 1}: the same try"):
        record.read(folder)


@pytest.mark.parametrize(
    ("run", "told"),
    [
        ({"format_version": 99}, "update"),
        ({"kind": "run"}, "kind"),
        ({"margin": 2}, "margin"),
        ({"machine": 3}, "machine"),
    ],
)
def test_a_run_json_that_is_none_of_a_self_check_is_bad_input(tmp_path, run, told):
    with pytest.raises(BadInput, match=f"run.json.*{told}"):
        record.read(fake.folder(tmp_path, [], **run))


def test_a_folder_without_run_json_is_bad_input(tmp_path):
    with pytest.raises(BadInput, match=r"run\.json"):
        record.read(tmp_path)


def test_a_self_check_is_told_from_a_run(tmp_path):
    assert record.is_selfcheck(fake.folder(tmp_path / "a", []))
    assert not record.is_selfcheck(fake.folder(tmp_path / "b", [], kind="run"))
    assert not record.is_selfcheck(tmp_path / "nowhere")
    (tmp_path / "a" / "run.json").write_text("[]")
    assert not record.is_selfcheck(tmp_path / "a")
