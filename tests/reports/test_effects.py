"""Sentences and the table of causes say what the effects say, with verdicts, and no more."""

from __future__ import annotations

from typing import Any

import pytest

from bench import alignments
from reports import effects, page, products
from reports.findings import ODD, findings
from tests.reports import wide
from tests.reports.shown import Record, plain


@pytest.fixture
def summary() -> Record:
    return wide.make(("numpy", "torch", "jax"))[1]


def joined(texts: list[str]) -> str:
    return plain(" ".join(texts))


def effect(summary: Record, level: Any, library: str = "numpy") -> Record:
    rows: list[Record] = summary["effects"]
    return next(row for row in rows if row["level"] == level and row["provider"] == library)


def set_to(row: Record, ratio: float, verdict: str) -> None:
    row.update(ratio=ratio, ci_low=ratio - 0.02, ci_high=ratio + 0.02, verdict=verdict)


def test_each_cause_is_told_with_cost_verdict_ratio_and_interval(summary: Record) -> None:
    set_to(effect(summary, "misaligned"), 1.2, "slower")
    set_to(effect(summary, 1025), 1.005, "equivalent")
    set_to(effect(summary, 4), 0.85, "faster")
    assert joined(effects.causes(summary)[:1]) == (
        "In numpy float32, per unit of arithmetic: size 1025 instead of 1024 makes no difference (equivalent, 1.005x, "
        "0.985-1.025); a misaligned leading dimension (1041 instead of 1040) costs 20 % (slower, 1.20x, 1.18-1.22); a "
        "base address 4 bytes beyond a boundary saves 15 % (faster, 0.85x, 0.83-0.87)."
    )


def under(row: Record, given: Record, ratio: float, verdict: str) -> Record:
    found = row | {"kind": "conditional", "given": given}
    set_to(found, ratio, verdict)
    return found


def test_what_cannot_be_told_is_undecided(summary: Record) -> None:
    set_to(effect(summary, "misaligned"), 1.03, "inconclusive")
    text = joined(effects.causes(summary)[:1])
    assert "a misaligned leading dimension (1041 instead of 1040) is undecided (inconclusive, 1.030x" in text
    assert "together" not in text


def test_a_cause_that_depends_on_another_is_told_under_each_condition_and_not_by_its_mean(summary: Record) -> None:
    main = effect(summary, "misaligned")
    set_to(main, 1.0, "equivalent")
    summary["effects"] += [
        under(main, {"base address": 0}, 1.15, "slower"),
        under(main, {"base address": 4}, 0.87, "faster"),
    ]
    text = joined(effects.causes(summary)[:1])
    assert (
        "a misaligned leading dimension (1041 instead of 1040) costs 15 % (slower, 1.15x, 1.13-1.17) where the base "
        "address is 0 bytes and saves 13 % (faster, 0.87x, 0.85-0.89) where the base address is 4 bytes;" in text
    )
    assert "1.000x, 0.980-1.020" not in text


@pytest.mark.parametrize(
    ("ratio", "verdict", "said"),
    [
        (
            1.04,
            "slower",
            "is slower than 1040 (1.040x, 1.020-1.060): a matrix 1024 wide is faster in a buffer 1040 wide.",
        ),
        (1.0, "equivalent", "is equivalent to 1040 (1.000x, 0.980-1.020): no trap."),
        (0.85, "faster", "is faster than 1040 (0.85x, 0.83-0.87): no trap."),
        (1.02, "inconclusive", "against 1040 is inconclusive (1.020x, 1.000-1.040)."),
    ],
)
def test_the_trap_is_shown_or_refuted_with_its_verdict(summary: Record, ratio: float, verdict: str, said: str) -> None:
    set_to(effect(summary, "power of two"), ratio, verdict)
    text = joined(effects.traps(summary))
    assert f"In numpy float32, 1024 as leading dimension, rows 4096 bytes apart, {said}" in text


def test_where_nothing_can_be_placed_the_trap_is_judged_by_sizes_and_that_is_said(summary: Record) -> None:
    for row in summary["comparisons"]:
        if row["provider"] == "jax" and row["group"] == "jax matmul float32 cpu" and row["case"] == "1032":
            set_to(row, 0.85, "faster")
        elif row["provider"] == "jax":
            row["verdict"] = "equivalent"
    (text,) = [joined([one]) for one in effects.traps(summary) if "places its arrays" in one]
    assert "1032 against 1024 per unit of arithmetic" in text
    assert "the wider one is faster, so that the trap shows, in jax float32 (0.85x, 0.83-0.87)" in text
    assert "no trap shows (equivalent) in jax float64 (" in text
    assert "numpy" not in text


def test_a_size_that_is_no_trap_in_a_dtype_is_not_judged_as_one(summary: Record) -> None:
    assert not alignments.is_stride_trap(1024, 1)
    for row in (*summary["comparisons"], *summary["cases"]):
        if row["provider"] == "jax":
            row["dtype"] = "int8"
    assert "jax" not in joined(effects.traps(summary))


def test_a_failed_control_supports_no_sentence_and_is_a_warning_in_the_table(summary: Record) -> None:
    for row in summary["effects"]:
        row["marked"] = row["provider"] == "numpy"
    assert "numpy" not in joined([*effects.causes(summary), *effects.traps(summary)])
    table = effects.table(summary)
    assert table is not None
    assert [bool(section.warning) for section in table.sections] == [True, False]
    assert all("(!)" in line[5].text for line in table.sections[0].rows)


def test_the_table_has_every_effect(summary: Record) -> None:
    table = effects.table(summary)
    assert table is not None
    assert [len(section.rows) for section in table.sections] == [7, 7]
    cells = [[cell.text for cell in line] for line in table.sections[0].rows]
    assert [line[0] for line in cells][:4] == [
        "size: 1025 instead of 1024",
        "leading dimension: misaligned instead of aligned",
        "leading dimension: power of two instead of aligned",
        "base address: 4 instead of 0 bytes",
    ]
    assert [line[1] for line in cells].count("both together") == 3


def test_a_run_without_designs_says_nothing_of_causes() -> None:
    run, summary = wide.make()
    del summary["effects"]
    assert (effects.causes(summary), effects.traps(summary), effects.table(summary)) == ([], [], None)
    assert "What each cause costs" not in page.render(run, summary, [])


def test_causes_and_traps_are_on_the_page() -> None:
    run, summary = wide.make()
    html = page.render(run, summary, [])
    asked = {finding.question for finding in findings(run, summary)}
    assert {effects.CAUSES, effects.TRAPS} <= asked
    assert "What each cause costs by itself" in html
    assert "leading dimension: misaligned instead of aligned" in html


def test_one_dimension_alone_has_sentences_of_its_own(summary: Record) -> None:
    for row in summary["comparisons"]:
        row["verdict"] = "equivalent"
    for row in summary["comparisons"]:
        if row["group"] == "torch matmul float64 cpu, k alone" and row["k"] == 1025:
            set_to(row, 1.2, "slower")
    assert "torch float64" not in joined([one for one in products.odd(summary) if "slower" in one])
    told = joined(products.alone(summary))
    assert "torch float64 with k alone — slower per unit of arithmetic than 1024: 1025 (1.20x, 1.18-1.22)" in told
    assert "numpy float32 with m alone" in told
    assert "one odd dimension costs nothing extra there" in told


def test_each_base_size_has_a_sentence_of_its_own(summary: Record) -> None:
    told = products.odd(summary)
    assert len([one for one in told if one.startswith("numpy float32 —")]) == 3
    assert any("than 4096: 4097" in joined([one]) for one in told)


def test_many_sizes_are_told_with_the_range_of_their_ratios(summary: Record) -> None:
    (text,) = [joined([one]) for one in products.odd(summary) if one.startswith("torch bfloat16")]
    assert "slower per unit of arithmetic than 1024: 1020, 1022, 1023, 1025, 1026 and 1028 (1.0" in text


def test_what_is_too_slow_is_told_with_its_rate_and_no_verdict() -> None:
    run, summary = wide.make()
    text = joined([one.text for one in findings(run, summary) if one.question == ODD])
    assert "torch float16 is too slow to be judged: one product of 1024 takes" in text
    assert "GFLOP/s" in text
