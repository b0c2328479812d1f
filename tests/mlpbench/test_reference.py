"""What a reference run does in pieces, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench.errors import BadInput
from mlpbench import reference, reference_folder, running
from mlpbench.asked import Asked, groups
from mlpbench.cli import main
from mlpbench.reference_parts import NAMES, PARTS, Part
from tests.mlpbench.test_holding import state
from tests.waiting import until


@pytest.mark.parametrize(("body", "expected"), [("", "holds"), ("assert False", "missed")])
def test_the_tests_that_need_a_gpu_are_run_once(
    body: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tests/cuda").mkdir(parents=True)
    Path("tests/cuda/test_one.py").write_text(f"def test_one():\n    {body or 'pass'}\n")
    result = tmp_path / "out" / reference_folder.TESTED
    for _ in range(2):
        assert reference._test(result, 60.0, Console(file=sys.stderr))
        Path("tests/cuda/test_one.py").write_text("syntax error")
    assert state(reference_folder.summaries(result.parent), "tests that need a GPU") == expected
    assert ("FAILED tests/cuda/test_one.py::test_one" in capsys.readouterr().err) == (expected == "missed")


@pytest.mark.parametrize(("body", "words"), [("import pytest\npytest.skip(allow_module_level=True)\n", "status 5"),
                                             ("import no_such_module\n", "status 2")])  # fmt: skip
def test_tests_that_tell_nothing_are_no_result(
    body: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tests/cuda").mkdir(parents=True)
    Path("tests/cuda/test_one.py").write_text(body)
    with pytest.raises(BadInput, match=words):
        reference._test(tmp_path / "out" / reference_folder.TESTED, 60.0, Console(file=sys.stderr))
    assert not (tmp_path / "out").exists()


def test_tests_that_the_piece_has_no_time_for_are_left_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tests/cuda").mkdir(parents=True)
    Path("tests/cuda/test_one.py").write_text("import time\ndef test_one():\n    time.sleep(60)\n")
    assert not reference._test(tmp_path / "out" / reference_folder.TESTED, 2.0, Console(file=sys.stderr))
    assert not (tmp_path / "out").exists()


def a_run(folder: Path, complete: int, planned: int = 5) -> None:
    folder.mkdir(parents=True)
    run = {
        "format_version": 1, "command": [], "label": "", "seed": 0, "margin": 0.02, "data": {},
        "plan": {"launches": {"memory": planned}, "groups": []}, "machine": {"fingerprint": "", "facts": {}},
        "asked": {"preset": "quick", "device": ["cpu"]},
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(run))
    outcomes = [
        {"kind": "launch", "study": "memory", "launch": number, "attempt": 0, "complete": number < complete}
        for number in range(planned)
    ]
    (folder / "outcomes.jsonl").write_text("".join(json.dumps(one) + "\n" for one in outcomes))
    (folder / "samples.jsonl").write_text("")
    (folder / "summary.json").write_text("{}")


def test_what_is_whole_is_not_run_again_and_what_is_begun_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], seconds: float) -> int:
        commands.append(command)
        return 0

    monkeypatch.setattr(reference, "_run", run)
    a_run(tmp_path / PARTS[0].name, 5)
    a_run(tmp_path / PARTS[1].name, 4)
    a_run(tmp_path / PARTS[2].name, 5)
    (tmp_path / PARTS[2].name / "summary.json").unlink()
    console = Console(file=sys.stderr)
    assert reference._measure(PARTS, "cpu", tmp_path, time.monotonic() + 1e6, "quick", console) == (True, [])
    assert [command[command.index("--out") + 1] for command in commands] == [
        str(tmp_path / part.name) for part in PARTS[1:]
    ]
    assert "--resume" in commands[0]
    assert "--device" not in commands[0]
    assert "--resume" in commands[1]  # whole, but interrupted in its report
    assert all("--device" in command and "--resume" not in command for command in commands[2:])


def test_a_piece_that_is_over_starts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "_run", lambda command, seconds: pytest.fail("it was started"))
    begun = reference._measure(PARTS, "cpu", tmp_path, time.monotonic() + 1, "quick", Console(file=sys.stderr))
    assert begun == (False, [])


def test_what_is_begun_goes_on_where_there_is_no_time_to_begin_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[str] = []
    monkeypatch.setattr(reference, "_run", lambda command, seconds: runs.append(Path(command[-1]).name) or 0)  # type: ignore[func-returns-value]
    deadline = time.monotonic() + reference.REPORT_S + 0.9 * reference.PILOT_S
    a_run(tmp_path / PARTS[0].name, 4)
    assert reference._measure(PARTS, "cpu", tmp_path, deadline, "quick", Console(file=sys.stderr)) == (False, [])
    assert runs == [PARTS[0].name]


def test_a_run_whose_time_is_over_is_interrupted_as_by_a_person(tmp_path: Path) -> None:
    told = tmp_path / "told"
    program = (
        "import pathlib, signal, sys, time\n"
        f"signal.signal(signal.SIGINT, lambda *_: (pathlib.Path({str(told)!r}).touch(), sys.exit(130)))\n"
        "time.sleep(60)\n"
    )
    assert reference._run([sys.executable, "-c", program], 1.0) == 130
    assert told.exists()


@pytest.mark.parametrize("status", [1, 2])
def test_a_run_that_cannot_be_costs_no_other_and_is_told_in_the_end(
    status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[str] = []

    def run(command: list[str], seconds: float) -> int:
        folder = Path(command[command.index("--out") + 1])
        runs.append(folder.name)
        if folder.name == "memory":
            return status
        a_run(folder, 5)
        return 0

    monkeypatch.setattr(reference, "_require", lambda device: None)
    monkeypatch.setattr(reference, "_run", run)
    monkeypatch.setattr(reference.holding, "judge", lambda found, device: [])
    with pytest.raises(BadInput, match=r"memory of --out .*: refused or failed, for the reason above"):
        reference.reference("cpu", tmp_path, 500.0, "quick", as_json=False)
    assert runs == [part.name for part in PARTS]


def test_after_ctrl_c_it_is_said_what_holds_so_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(reference, "_require", lambda device: None)
    monkeypatch.setattr(reference, "_run", interrupt)
    assert reference.reference("cpu", tmp_path, 500.0, "quick", as_json=False) == 130
    assert "what should hold" in capsys.readouterr().out


@pytest.mark.parametrize(("chosen", "tested"), [(("memory", "wide"), False), (("tests", "memory"), True), ((), True)])
def test_only_the_parts_asked_for_are_measured(
    chosen: tuple[str, ...], tested: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[str] = []
    monkeypatch.setattr(reference, "_require", lambda device: None)
    monkeypatch.setattr(reference, "_test", lambda *_: not runs.append("tests"))  # type: ignore[func-returns-value]
    monkeypatch.setattr(reference, "_run", lambda command, seconds: runs.append(Path(command[-1]).name) or 0)  # type: ignore[func-returns-value]
    assert reference.reference("cuda", tmp_path, 500.0, "quick", parts=chosen, as_json=False) == 0
    assert runs == [name for name in NAMES if name in (chosen or NAMES)]
    assert ("tests" in runs) == tested


def test_a_part_has_arguments_of_its_own_on_a_cpu_only_where_the_gpus_would_take_too_long() -> None:
    part = Part("wide", ("a",), ("b",))
    assert (part.on("cuda"), part.on("cpu"), Part("c", ("a",)).on("cpu")) == (("a",), ("b",), ("a",))


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("name", [part.name for part in PARTS])
def test_a_part_is_what_mlpbench_run_takes(name: str, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Asked] = []
    monkeypatch.setattr(running, "run", lambda one, **_: asked.append(one) or 0)  # type: ignore[func-returns-value]
    (part,) = (part for part in PARTS if part.name == name)
    assert main(["run", *part.on(device), "--device", device, "--preset", "quick"]) == 0
    assert {case.device for group in groups(asked[0]) for case in group.cases} <= {device, "cpu"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("gpu", 500.0, "quick"), "--device gpu"),
        (("cpu", 5.0, "quick"), "--piece 5"),
        (("cpu", 500.0, "slow"), "--preset slow"),
        (("cpu", 500.0, "quick"), "--out"),
        (("cpu", 500.0, "quick", "wild"), "--part wild: expected one of tests, throughput"),
    ],
)
def test_bad_input(arguments: tuple[Any, ...], words: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    device, piece, preset, *parts = arguments
    with pytest.raises(BadInput, match=words):
        reference.reference(device, tmp_path / "file", piece, preset, parts=parts, as_json=False)


def test_tests_that_need_a_gpu_are_not_for_a_cpu(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--part tests: these need a GPU"):
        reference.reference("cpu", tmp_path, 500.0, "quick", parts=["tests"], as_json=False)


@pytest.mark.parametrize("hang", [False, True])
def test_tests_that_hang_or_tell_nothing_cost_no_measurement(
    hang: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[float] = []

    def test(result: Path, seconds: float, console: Console) -> bool:
        limits.append(seconds)
        if hang:
            return False
        raise BadInput("tests/cuda: pytest ended with status 2")

    def run(command: list[str], seconds: float) -> int:
        a_run(Path(command[-1]), 5)
        return 0

    monkeypatch.setattr(reference, "_test", test)
    monkeypatch.setattr(reference, "_run", run)
    console = Console(file=sys.stderr)
    done = reference._take(["tests", "memory"], "cuda", tmp_path, time.monotonic() + 500, "quick", console)
    assert done == (False, [] if hang else ["tests"])
    assert 0 < limits[0] < 250
    assert reference_folder.is_whole(tmp_path / "memory")


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells a process that its parent died")
def test_a_run_ends_as_by_ctrl_c_when_what_started_it_is_killed(tmp_path: Path) -> None:
    told, ready = tmp_path / "told", tmp_path / "ready"
    child = (
        "import pathlib, signal, sys, time\n"
        f"signal.signal(signal.SIGINT, lambda *_: (pathlib.Path({str(told)!r}).touch(), sys.exit(130)))\n"
        f"pathlib.Path({str(ready)!r}).touch()\n"
        "time.sleep(60)\n"
    )
    parent = f"import sys; from mlpbench import reference; reference._run([sys.executable, '-c', {child!r}], 60.0)"
    with subprocess.Popen([sys.executable, "-c", parent], cwd=Path(__file__).parents[2]) as process:
        assert until(ready.exists)
        process.kill()
    assert until(told.exists)
