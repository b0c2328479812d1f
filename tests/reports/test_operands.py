"""What operands hold is told from comparisons that can be relied on, with what a GPU was seen to do meanwhile."""

from __future__ import annotations

from typing import Any

from reports import operands
from reports.findings import findings
from tests.reports.shown import Record, plain

GROUP = "torch 8192 bfloat16 cuda"
RATIOS = {"ones": ("faster", 0.93), "zeros": ("faster", 0.91), "control": ("equivalent", 1.0)}
POWERS = {"normal": (1.65e9, 698.0), "zeros": (1.98e9, 412.4), "control": (1.65e9, 697.0)}


def row(case: str, **fields: Any) -> Record:
    told = {"study": "data_effect", "group": GROUP, "case": case, "control": case == "control", "baseline": "normal"}
    return told | {"provider": "torch", "n": 8192, "dtype": "bfloat16", "device": "cuda", "marked": False} | fields


def made(**fields: Any) -> Record:
    compared = [
        row(case, verdict=verdict, ratio=ratio, ci_low=ratio - 0.01, ci_high=ratio + 0.01, **fields)
        for case, (verdict, ratio) in RATIOS.items()
    ]
    seen = [row(case, last_sm_clock_hz=clock, last_power_w=power) for case, (clock, power) in POWERS.items()]
    return {"comparisons": compared, "sustained": seen}


def test_each_kind_is_told_with_its_verdict_and_what_the_gpu_did() -> None:
    [text] = [plain(one) for one in operands.sentences(made())]
    assert "a product of 8192 in torch, bfloat16 on cuda, against normal operands" in text
    assert "ones faster (0.930x, 0.920-0.940) and zeros faster (0.910x, 0.900-0.920)" in text
    assert text.endswith("normal 1.65 GHz at 698 W and zeros 1.98 GHz at 412 W.")
    assert "control" not in text
    assert operands.QUESTION in {one.question for one in findings({}, made() | {"cases": []})}


def test_without_a_gpu_nothing_is_said_of_one() -> None:
    [text] = operands.sentences(made() | {"sustained": [row("zeros", last_sm_clock_hz=None, last_power_w=None)]})
    assert "GPU" not in text


def test_a_group_whose_control_failed_says_nothing() -> None:
    assert operands.sentences(made(marked=True)) == operands.sentences({}) == []
