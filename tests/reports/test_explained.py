"""What a page explains: the kinds of rows that it has, and no others."""

from __future__ import annotations

from tests.reports.shown import Record
from tests.reports.test_page import html


def test_what_is_compared_is_told_of_the_kinds_that_there_are(records: tuple[Record, Record]) -> None:
    run, summary = records
    both = "Training steps compare time per step and matrix products compare time per FLOP."
    assert both in html(run, summary)
    products = [row for row in summary["comparisons"] if row["study"] == "alignment"]
    text = html(run, summary | {"comparisons": products})
    assert "Matrix products compare time per FLOP." in text
    assert "Training steps compare" not in text


def test_fixed_costs_are_explained_where_there_are_some(records: tuple[Record, Record]) -> None:
    run, summary = records
    assert 'id="fixed"' in html(run, summary)
    assert 'id="fixed"' not in html(run, summary | {"fixed_costs": []})
