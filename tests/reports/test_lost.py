"""What was not measured is told by reason, not case by case."""

from __future__ import annotations

from reports import lost, tables
from reports.findings import MIND, findings
from tests.reports.shown import Maker, Record, lines

REASON = "no environment for jax; make it with: mlpbench env create jax"


def without_jax(maker: Maker) -> Record:
    _, summary = maker(crowded=True, flawed=False)
    for row in summary["cases"]:
        if row["framework"] == "jax":
            row.update(status="skipped", reason=REASON)
    return summary


def test_a_missing_environment_is_one_line(maker: Maker) -> None:
    summary = without_jax(maker)
    count = sum(row["framework"] == "jax" for row in summary["cases"])
    assert lines(lost.table(summary)) == [
        ["skipped", f"jax: {count} cases", "9 groups of training steps and matrix products", REASON]
    ]


def test_the_cases_of_a_line_are_named_on_pointing_at_it(maker: Maker) -> None:
    table = lost.table(without_jax(maker))
    assert table is not None
    assert "jax_scratch, jax_scratch:eager, flax_concise" in table.sections[0].rows[0][1].hint


def test_it_is_said_in_a_sentence(maker: Maker) -> None:
    summary = without_jax(maker)
    count = sum(row["framework"] == "jax" for row in summary["cases"])
    texts = [one.text for one in findings({}, summary) if one.question == MIND]
    assert f"jax: {count} cases skipped: {REASON}." in texts


def test_other_reasons_have_lines_of_their_own(maker: Maker) -> None:
    summary = without_jax(maker)
    for row in summary["cases"]:
        if row["case"] == "flax_concise":
            row["reason"] = "No module named 'flax'"
    assert [line[3] for line in lines(lost.table(summary))] == [REASON, "No module named 'flax'"]


def test_few_cases_are_named_one_by_one(records: tuple[Record, Record]) -> None:
    _, summary = records
    found = lines(lost.table(summary))
    assert ["failed", "numpy_scratch"] in [line[:2] for line in found]
    assert ["not equal", "torch_manual"] in [line[:2] for line in found]
    assert len(found) == 3
    assert lost.sentences(summary) == []


def test_skipped_cases_are_not_listed_among_those_that_were_tried(records: tuple[Record, Record]) -> None:
    _, summary = records
    shown = [section.heading for table in tables.cases(summary) for section in table.sections]
    assert not any("bfloat16" in heading and "numpy" in heading for heading in shown)
    assert "failed" in [line[1].text for table in tables.cases(summary) for section in table.sections
                        for line in section.rows]  # fmt: skip


def test_a_run_that_lost_nothing_has_no_table(maker: Maker) -> None:
    assert lost.table(maker(flawed=False)[1]) is None
