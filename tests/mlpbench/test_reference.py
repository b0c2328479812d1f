"""What a reference run does in pieces, and what it says holds."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench.errors import BadInput
from mlpbench import holding, reference
from mlpbench.reference import PARTS

Row = dict[str, Any]


def comparison(case: str, verdict: str, study: str = "throughput") -> Row:
    return {"study": study, "group": "g", "case": case, "verdict": verdict, "control": False}


def step(provider: str, time_s: float, **fields: Any) -> Row:
    named = {"study": "throughput", "control": False, "status": "measured", "provider": provider, "depth": 1}
    return named | {
        "implementation": provider, "time_s": time_s, "flop_rate": 1 / time_s, "width": 256, "batch": 256,
        "dtype": "float32", "group": "g",
    } | fields  # fmt: skip


def whole(**parts: Row) -> dict[str, Row]:
    empty: Row = {"comparisons": [], "cases": [], "facts": {}, "whole": True, "curves": [], "reproduced": []}
    return {part.name: empty | parts.get(part.name.replace("-", "_"), {}) for part in PARTS}


def judged(found: dict[str, Row], device: str = "cuda") -> dict[str, holding.Judged]:
    claims = holding.judge(found, device)
    assert len({one.wanted for one in claims}) == len(claims)
    return {one.wanted: one for one in claims}


def state(found: dict[str, Row], words: str, device: str = "cuda") -> str:
    (one,) = (one for wanted, one in judged(found, device).items() if words in wanted)
    return one.state


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("faster", "slower", "missed"),
        ("slower", "faster", "missed"),
        ("faster", "equivalent", "holds"),
        ("slower", "slower", "holds"),
    ],
)
def test_a_reversed_verdict_is_missed(first: str, second: str, expected: str) -> None:
    found = whole(
        throughput={"comparisons": [comparison("a", first)]},
        throughput_again={"comparisons": [comparison("a", second), comparison("b", "faster")]},
    )
    assert state(found, "no verdict of throughput") == expected


def test_a_study_is_compared_with_itself_alone() -> None:
    found = whole(
        throughput={"comparisons": [comparison("a", "faster", "roofline"), comparison("b", "faster")]},
        throughput_again={"comparisons": [comparison("a", "slower", "roofline"), comparison("b", "faster")]},
    )
    assert state(found, "no verdict of throughput") == "holds"


def test_what_is_not_measured_yet_is_open() -> None:
    assert {one.state for one in judged({}).values()} == {"open"}
    half = whole(throughput={"whole": False})
    assert "throughput" in next(one for key, one in judged(half).items() if "captured step" in key).measured


def test_what_needs_a_gpu_is_open_without_one() -> None:
    found = whole(throughput={"cases": [step("torch_cudagraph", 1.0)]})
    assert state(found, "captured step") == "missed"
    assert state(found, "captured step", "cpu") == "open"


@pytest.mark.parametrize(("seconds", "expected"), [(14e-6, "holds"), (16e-6, "missed")])
def test_a_captured_step(seconds: float, expected: str) -> None:
    cases = [step("torch_cudagraph", seconds), step("torch_concise", 1e-6), step("torch_cudagraph", 1e-6, width=16)]
    assert state(whole(throughput={"cases": cases}), "captured step") == expected


@pytest.mark.parametrize(("rate", "expected"), [(0.76, "holds"), (0.74, "missed")])
def test_the_share_of_the_peak_of_the_same_dtype(rate: float, expected: str) -> None:
    large = {"width": 8192, "depth": 3, "batch": 8192, "dtype": "bfloat16"}
    peaks = [{"dtype": "bfloat16", "flop_rate": 1.0}, {"dtype": "float32", "flop_rate": 0.1}]
    found = whole(throughput={"peaks": peaks, "cases": [step("torch_compile", 1.0, **large | {"flop_rate": rate})]})
    assert state(found, "bfloat16 peak") == expected


@pytest.mark.parametrize(("other", "expected"), [(1.6e-6, "holds"), (1.4e-6, "missed")])
def test_the_fused_step_must_be_faster_at_every_narrow_width(other: float, expected: str) -> None:
    narrow, wide = {"width": 16, "group": "16"}, {"width": 1024, "group": "1024"}
    cases = [
        *(step("triton_fused", 1e-6, **size) for size in (narrow, wide)),
        step("torch_cudagraph", other, **narrow),
        step("torch_cudagraph", 1e-7, **wide),
    ]
    assert state(whole(throughput={"cases": cases}), "triton_fused") == expected


@pytest.mark.parametrize(
    ("total", "verdict", "expected"),
    [(0.9, "reproduced", "holds"), (1.1, "reproduced", "missed"), (0.9, "not reproduced", "missed")],
)
def test_ten_epochs_count_by_their_longest_seed_and_only_if_they_learn(
    total: float, verdict: str, expected: str
) -> None:
    curves = [{"group": "g", "case": "a", "total_s": seconds} for seconds in (0.1, total)]
    accuracy = {"curves": curves, "reproduced": [{"group": "g", "case": "a", "verdict": verdict}]}
    assert state(whole(accuracy=accuracy), "ten epochs") == expected


@pytest.mark.parametrize(("name", "implied", "expected"), [
    ("NVIDIA H200", 4.9e12, "holds"), ("NVIDIA H200", 3.3e12, "missed"), ("NVIDIA A10", 4.9e12, "open"),
    ("NVIDIA H200", None, "open"),
])  # fmt: skip
def test_implied_bandwidth_is_judged_where_a_data_sheet_is_known(
    name: str, implied: float | None, expected: str
) -> None:
    facts = {"gpu": {"gpu0_name": {"value": name}, "gpu0_implied_bandwidth": {"value": implied}}}
    assert state(whole(memory={"facts": facts}), "data sheet") == expected


@pytest.mark.parametrize(("rate", "expected"), [(0.86, "holds"), (0.84, "missed")])
def test_triad_is_that_of_the_largest_working_set_on_the_gpu(rate: float, expected: str) -> None:
    def row(device: str, size: int, bandwidth: float) -> Row:
        return {"kernel": "triad", "device": device, "working_set": size, "bandwidth": bandwidth}

    facts = {"gpu": {"gpu0_implied_bandwidth": {"value": 1.0}}}
    rows = [row("cpu", 9, 5.0), row("cuda", 1, 5.0), row("cuda", 2, rate)]
    assert state(whole(memory={"facts": facts, "bandwidths": rows}), "triad") == expected


def square(size: int, event_s: float, kernel_s: float | None = 1.0, dtype: str = "float32", **fields: Any) -> Row:
    return {"study": "roofline", "m": size, "k": size, "n": size, "stack": 1, "device": "cuda", "dtype": dtype,
            "device_time_s": event_s, "kernel_s": kernel_s} | fields  # fmt: skip


@pytest.mark.parametrize(
    ("cases", "expected"),
    [
        ([square(2048, 1.029)], "holds"),
        ([square(2048, 0.971)], "holds"),
        ([square(2048, 1.031)], "missed"),
        ([square(2048, 0.969), square(4096, 1.0)], "missed"),
        ([square(2048, 1.01), square(1024, 1.5)], "holds"),
        ([square(1024, 1.0)], "open"),
        ([square(4096, 1.5, None)], "open"),
        ([square(4096, 1.5, k=4000), square(4096, 1.5, stack=4), square(4096, 1.5, device="cpu")], "open"),
        ([], "open"),
    ],
)
@pytest.mark.parametrize("part", ["throughput", "alignment"])
def test_event_time_agrees_with_kernel_time_for_large_squares(cases: list[Row], expected: str, part: str) -> None:
    training = step("torch_concise", 1e-6) | {"device": "cuda", "device_time_s": 2.0, "kernel_s": 1.0}
    assert state(whole(**{part: {"cases": [*cases, training]}}), "profiler kernel time") == expected


def test_how_far_the_clocks_are_apart_is_told_of_large_and_smaller_squares() -> None:
    found = whole(
        throughput={"cases": [square(4096, 1.004), square(8192, 0.99, dtype="bfloat16")]},
        alignment={"cases": [square(1024, 1.2), square(1, 11.0)]},
    )
    (told,) = (one.measured for wanted, one in judged(found).items() if "profiler kernel time" in wanted)
    assert told == (
        "2 large products -1.0% to +0.4%, most for 8192 in bfloat16; "
        "2 smaller products +20.0% to +1000.0%, most for 1 in float32"
    )


@pytest.mark.parametrize(("body", "expected"), [("", "holds"), ("assert False", "missed")])
def test_the_tests_that_need_a_gpu_are_run_once(
    body: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tests/cuda").mkdir(parents=True)
    Path("tests/cuda/test_one.py").write_text(f"def test_one():\n    {body or 'pass'}\n")
    result = tmp_path / "out" / reference.TESTS
    for _ in range(2):
        assert reference._test(result, time.monotonic() + 60, Console(file=sys.stderr))
        Path("tests/cuda/test_one.py").write_text("syntax error")
    assert state(reference._summaries(result.parent), "tests that need a GPU") == expected


@pytest.mark.parametrize(("body", "words"), [("import pytest\npytest.skip(allow_module_level=True)\n", "status 5"),
                                             ("import no_such_module\n", "status 2")])  # fmt: skip
def test_tests_that_tell_nothing_are_no_result(
    body: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tests/cuda").mkdir(parents=True)
    Path("tests/cuda/test_one.py").write_text(body)
    with pytest.raises(BadInput, match=words):
        reference._test(tmp_path / "out" / reference.TESTS, time.monotonic() + 60, Console(file=sys.stderr))
    assert not (tmp_path / "out").exists()


def test_tests_that_the_piece_has_no_time_for_are_left_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tests/cuda").mkdir(parents=True)
    Path("tests/cuda/test_one.py").write_text("import time\ndef test_one():\n    time.sleep(60)\n")
    assert not reference._test(tmp_path / "out" / reference.TESTS, time.monotonic() + 2, Console(file=sys.stderr))
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
    assert reference._measure("cpu", tmp_path, time.monotonic() + 1e6, "quick", console)
    assert [command[command.index("--out") + 1] for command in commands] == [
        str(tmp_path / part.name) for part in PARTS[1:]
    ]
    assert "--resume" in commands[0]
    assert "--device" not in commands[0]
    assert "--resume" in commands[1]  # whole, but interrupted in its report
    assert all("--device" in command and "--resume" not in command for command in commands[2:])


def test_a_piece_that_is_over_starts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "_run", lambda command, seconds: pytest.fail("it was started"))
    assert not reference._measure("cpu", tmp_path, time.monotonic() + 1, "quick", Console(file=sys.stderr))


def test_a_run_whose_time_is_over_is_interrupted_as_by_a_person(tmp_path: Path) -> None:
    told = tmp_path / "told"
    program = (
        "import pathlib, signal, sys, time\n"
        f"signal.signal(signal.SIGINT, lambda *_: (pathlib.Path({str(told)!r}).touch(), sys.exit(130)))\n"
        "time.sleep(60)\n"
    )
    assert reference._run([sys.executable, "-c", program], 1.0) == 130
    assert told.exists()


@pytest.mark.parametrize(("status", "words"), [(2, "refused"), (1, "status 1")])
def test_a_run_that_cannot_be_is_told(status: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "_run", lambda command, seconds: status)
    with pytest.raises(BadInput, match=words):
        reference._measure("cpu", tmp_path, time.monotonic() + 1e6, "quick", Console(file=sys.stderr))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("gpu", 500.0, "quick"), "--device gpu"),
        (("cpu", 5.0, "quick"), "--piece 5"),
        (("cpu", 500.0, "slow"), "--preset slow"),
        (("cpu", 500.0, "quick"), "--out"),
    ],
)
def test_bad_input(arguments: tuple[str, float, str], words: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    device, piece, preset = arguments
    with pytest.raises(BadInput, match=words):
        reference.reference(device, tmp_path / "file", piece, preset, as_json=False)


@pytest.mark.parametrize(
    ("device", "preset", "damage", "words"),
    [
        ("cpu", "standard", None, "memory was begun with --preset quick --device cpu"),
        ("cpu", "quick", {"asked": None}, "memory: is damaged"),
        ("cpu", "quick", {"plan": {"launches": {"memory": "x"}, "groups": []}}, "memory: is damaged"),
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
    assert not reference._is_whole(tmp_path / "memory")
