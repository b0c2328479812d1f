"""That a run was starved stands before everything else, and marks the verdicts that rest on it."""

from __future__ import annotations

import pytest

from reports import page, starved, tables
from reports.findings import FIRST, findings
from tests.reports.shown import Maker, Record, plain

ONE = {"study": "throughput", "slowness": [1.1, 1.2, 1.1, 1.0, 149.6], "starved": 1, "mostly": False}
MOST = {"study": "throughput", "slowness": [1.1, 40.2, 76.4, 55.0, 2.3], "starved": 4, "mostly": True}


def told(run: Record, summary: Record, *rows: Record) -> tuple[Record, Record]:
    return run, summary | {"starved": list(rows)}


def test_it_is_the_first_warning_with_number_factor_and_remedy(maker: Maker) -> None:
    first = findings(*told(*maker(steered=True), ONE))[0]
    assert (first.question, first.tone) == (FIRST, "warning")
    assert first.text.startswith("Training steps: in 1 of 5 launches the times were 150 times those of the fastest")
    assert "run it again on an idle machine" in first.text
    assert "(!)" not in first.text


def test_several_are_told_by_their_range_and_marks_are_explained() -> None:
    (text,) = starved.warnings({"starved": [MOST]})
    assert "in 4 of 5 launches the times were 2.3 to 76 times those" in text
    assert "marked (!)" in text


def test_a_run_without_them_and_older_records_say_nothing(maker: Maker) -> None:
    run, summary = maker(flawed=False)
    calm = ONE | {"starved": 0}
    assert findings(run, summary | {"starved": [calm]}) == findings(run, summary)
    assert not [one for one in findings(run, summary) if one.question == FIRST]


@pytest.mark.parametrize(("row", "marked"), [(ONE, False), (MOST, True)])
def test_verdicts_are_marked_where_they_rest_mostly_on_such_launches(maker: Maker, row: Record, marked: bool) -> None:
    run, summary = told(*maker(flawed=False), row)
    training, *others = tables.comparisons(summary)
    assert training.key == "comparisons-throughput"
    cells = [cell for section in training.sections for line in section.rows for cell in line if cell.kind == "verdict"]
    assert cells
    assert {(cell.text.endswith(" (!)"), cell.hint == starved.HINT) for cell in cells} == {(marked, marked)}
    assert "(!)" not in str(others)
    answers = [line for section in tables.answers(summary).sections for line in section.rows]
    verdicts = [cell.text for line in answers for cell in line if cell.kind == "verdict"]
    assert verdicts
    assert {text.endswith(" (!)") for text in verdicts} == {marked}
    assert ("mostly on such launches" in plain(page.render(run, summary, []))) == marked
