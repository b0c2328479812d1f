"""Records: one line a sample, nothing lost, damage named by file and line, nothing destroyed."""

import gzip
import json

import pytest

from bench import store
from bench.errors import BadInput

RUN = {
    "command": ["mlpbench", "run"],
    "label": "here",
    "seed": 0,
    "margin": 0.02,
    "data": {"kind": "synthetic"},
    "plan": {"launches": {}, "groups": [], "skips": []},
    "machine": {"fingerprint": "f", "facts": {}},
}
SAMPLE = {"case": "a/b/c", "launch": 0, "attempt": 0, "round": 0, "position": 0, "steps": 3, "elapsed_s": 0.5}


@pytest.fixture
def folder(tmp_path):
    made = store.RunFolder.create(tmp_path / "run", RUN)
    for number in range(3):
        made.sample(SAMPLE | {"round": number})
    made.outcome("skip", case="a/b/d", reason="no")
    made.close()
    return tmp_path / "run"


def test_what_is_written_is_read(folder):
    records = store.read(folder)
    assert [sample["round"] for sample in records.samples] == [0, 1, 2]
    assert records.outcomes == [{"kind": "skip", "case": "a/b/d", "reason": "no"}]
    assert records.run["format_version"] == store.FORMAT_VERSION


def test_each_sample_is_on_disk_at_once(tmp_path):
    made = store.RunFolder.create(tmp_path / "run", RUN)
    made.sample(SAMPLE)
    assert json.loads((tmp_path / "run" / "samples.jsonl").read_text()) == SAMPLE
    made.close()


def test_a_torn_last_line_is_dropped_with_a_note(folder):
    with open(folder / "samples.jsonl", "a") as file:
        file.write('{"case": "a/b')
    records = store.read(folder)
    assert len(records.samples) == 3
    assert "torn" in records.notes[0]


def test_appending_after_a_torn_line_starts_a_new_one(folder):
    with open(folder / "samples.jsonl", "a") as file:
        file.write('{"case": "a/b')
    again = store.RunFolder.reopen(folder)
    again.sample(SAMPLE | {"round": 3})
    again.close()
    records = store.read(folder)
    assert [sample["round"] for sample in records.samples] == [0, 1, 2, 3]
    assert not records.notes


@pytest.mark.parametrize("byte", range(12, 40, 3))
def test_a_damaged_byte_of_packed_records_is_bad_input(folder, byte):
    packed = bytearray(gzip.compress((folder / "samples.jsonl").read_bytes()))
    packed[byte] ^= 0xFF
    (folder / "samples.jsonl.gz").write_bytes(packed)
    (folder / "samples.jsonl").unlink()
    with pytest.raises(BadInput, match=r"samples\.jsonl\.gz: cannot be read"):
        store.read(folder)


def test_packed_records_are_read_and_not_appended_to(folder):
    file = folder / "samples.jsonl"
    (folder / "samples.jsonl.gz").write_bytes(gzip.compress(file.read_bytes()))
    file.unlink()
    assert len(store.read(folder).samples) == 3
    with pytest.raises(BadInput, match="packed"):
        store.RunFolder.reopen(folder)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("nonsense", "not a JSON record"),
        ("[1, 2]", "not a JSON record"),
        (json.dumps(SAMPLE | {"elapsed_s": "fast"}), "elapsed_s is text"),
        (json.dumps(SAMPLE | {"elapsed_s": -1.0}), "elapsed_s > 0"),
        (json.dumps(SAMPLE | {"steps": 0}), "steps >= 1"),
        (json.dumps(SAMPLE | {"round": True}), "round is true or false"),
        (json.dumps(SAMPLE | {"round": -1}), "round >= 0"),
        (json.dumps(SAMPLE | {"elapsed_s": float("inf")}), "not a JSON record"),
        (json.dumps(SAMPLE), "stands there twice"),
        (json.dumps({key: value for key, value in SAMPLE.items() if key != "case"}), "case missing"),
    ],
)
def test_a_damaged_line_is_named_and_left_alone(folder, line, complaint):
    file = folder / "samples.jsonl"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0], line, lines[2]]) + "\n")
    before = file.read_bytes()
    with pytest.raises(BadInput, match=complaint) as caught:
        store.read(folder)
    assert "samples.jsonl:2" in str(caught.value)
    assert file.read_bytes() == before


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format_version": "one"}'])
def test_a_damaged_run_json_is_bad_input(folder, text):
    (folder / "run.json").write_text(text)
    with pytest.raises(BadInput, match=r"run\.json"):
        store.read(folder)


def test_a_newer_format_asks_for_a_newer_mlpbench(folder):
    run = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(run | {"format_version": 99}))
    with pytest.raises(BadInput, match="update mlpbench"):
        store.read(folder)


def test_a_folder_that_holds_a_run_is_not_overwritten(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(BadInput, match="--resume"):
        store.RunFolder.create(folder, RUN)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_folder_with_other_files_is_not_used(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(BadInput, match="other files"):
        store.RunFolder.create(tmp_path, RUN)


def test_a_file_is_no_folder_to_write_to(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be written"):
        store.RunFolder.create(tmp_path / "file" / "run", RUN)


def test_json_is_replaced_whole_or_not_at_all(tmp_path):
    target = tmp_path / "summary.json"
    store.write_json(target, {"a": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.write_json(target, {"a": float("nan")})
    assert json.loads(target.read_text()) == {"a": 1}


def test_two_processes_do_not_record_into_one_folder(folder):
    first = store.RunFolder.reopen(folder)
    with pytest.raises(BadInput, match="another process"):
        store.RunFolder.reopen(folder)
    first.close()
    store.RunFolder.reopen(folder).close()


def used_for(folder, error, leaving=None):
    with store.RunFolder.reserved(folder):
        assert folder.is_dir()
        if leaving is not None:
            (folder / leaving).mkdir()
        raise error


def test_a_folder_that_was_made_for_nothing_goes_again_with_its_parents(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        used_for(tmp_path / "runs" / "one", KeyboardInterrupt())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_there_or_holds_something_stays(tmp_path):
    there, used = tmp_path / "there", tmp_path / "runs" / "used"
    there.mkdir()
    for folder, leaving in ((there, None), (used, "screen")):
        with pytest.raises(BadInput, match="too large"):
            used_for(folder, BadInput("too large"), leaving)
    assert (there.is_dir(), [path.name for path in used.iterdir()]) == (True, ["screen"])


def test_a_run_that_cannot_be_written_leaves_no_folder(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        store.RunFolder.create(tmp_path / "runs" / "one", RUN | {"margin": float("nan")})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["run", "files", "file"])
def test_where_a_run_must_not_be_recorded_is_told_without_making_anything(tmp_path, kind):
    path = tmp_path / "out"
    if kind == "file":
        path.write_text("mine")
    else:
        path.mkdir()
        (path / ("run.json" if kind == "run" else "mine.txt")).write_text("mine")
    said = {"run": "holds a run already", "files": "holds other files", "file": "a file; name a new"}[kind]
    with pytest.raises(BadInput, match=f"--out .*out: {said}"):
        store.RunFolder.require_vacant(path)
    store.RunFolder.require_vacant(tmp_path / "new" / "one")
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]


def test_derived_figures_are_rounded_wherever_they_stand_and_nothing_else_is():
    given = {"a": [1 / 3, (1e-300 / 3,)], "b": {"c": -200 / 3}, "n": 2**60 + 1, "t": "0.3333333333333"}
    expected = {"a": [0.3333333, [3.333333e-301]], "b": {"c": -66.66667}, "n": 2**60 + 1, "t": "0.3333333333333"}
    assert store.rounded(given) == expected
    assert store.rounded([True, None, float("inf")]) == [True, None, float("inf")]
