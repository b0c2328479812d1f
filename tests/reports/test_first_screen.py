"""The first screen of a page, the order in which it tells things, and what it says of its own making."""

from __future__ import annotations

import re

import pytest

from reports import findings, page, tables
from tests.reports.shown import Maker, Record


def html(run: Record, summary: Record) -> str:
    """The page without its figures, which have tests of their own."""
    return page.render(run, summary, [])


def test_who_is_fastest_stands_first_and_what_a_figure_shows_is_not_said_again(maker: Maker) -> None:
    run, summary = maker(crowded=True)
    text = html(run, summary)
    assert text.index("Fastest at each size") < text.index("Which is fastest?")
    assert "ratio to torch_concise" in text
    assert findings.RANKS in {one.question for one in findings.findings(run, summary)}
    assert findings.RANKS not in text


def test_a_warning_stands_before_the_answers(records: tuple[Record, Record], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "findings", lambda *_: [findings.Finding(findings.FIRST, "Mind the gap.", "warning")])
    text = html(*records)
    assert text.index("Mind the gap.") < text.index("Fastest at each size")


def test_what_is_known_of_the_making_is_told_and_nothing_else(records: tuple[Record, Record]) -> None:
    run, summary = records
    run = run | {"versions": {"mlpbench": "not installed", "python": "3.11.7"}, "plan": {"left_out": ["matmul: 1040"]}}
    text = html(run, summary)
    assert "not installed" not in text
    assert re.search(r"What the preset leaves out</h3>\s*<ul[^>]*>\s*<li>matmul: 1040</li>", text)
    assert "What the preset leaves out" not in html(run | {"plan": {}}, summary)


def test_no_line_ends_between_a_number_and_its_unit() -> None:
    assert page.tight("62 of 62 in 36 s, 5 % and 3 samples") == "62 of 62 in 36\xa0s, 5\xa0% and 3 samples"


def test_groups_are_compared_in_the_order_of_the_plan(maker: Maker) -> None:
    _, summary = maker()
    found = next(one for one in tables.comparisons(summary) if one.key == "comparisons-throughput")
    planned = [row["group"] for row in summary["comparisons"] if row["study"] == "throughput"]
    assert [one.heading.partition(" · ")[0] for one in found.sections] == list(dict.fromkeys(planned))
    ratios = [[line[1].text for line in section.rows if line[0].text != "control"] for section in found.sections]
    assert all(one == sorted(one, key=lambda text: float(text.partition("×")[0])) for one in ratios)


def test_how_ratios_are_read_stands_beside_the_first_of_them(maker: Maker) -> None:
    run, summary = maker()
    assert html(run, summary).index("Ratios are times") < html(run, summary).index("Which is fastest?")
    alone = summary | {"comparisons": [row for row in summary["comparisons"] if row["study"] == "alignment"]}
    text = html(run, alone)
    assert text.index("Do odd matrix sizes cost anything?") < text.index("Ratios are times")
    assert text.count("Ratios are times") == 1


def test_only_training_is_timed_by_the_step(maker: Maker) -> None:
    _, summary = maker()
    headings = {one.title: [heading for heading, _ in one.columns] for one in tables.comparisons(summary)}
    assert "time per step" in headings["Training steps"]
    assert "time per product" in headings["Matrix products"]
