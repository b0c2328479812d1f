"""What is said, tabled and drawn of published effects comes from their table, and nothing is where there is none."""

from __future__ import annotations

from typing import Any

import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.published_effects import CONTROL, EFFECT
from reports import page, reproduction
from reports.findings import findings
from reports.plots import reproduction as figure_of
from tests.reports.shown import Record, drawn, plain, words


def row(effect: str, verdict: str, ratio: float | None, published: float | None = 4.0, **more: Any) -> Record:
    compared = {"reproduced": "slower", "weaker": "slower", "gone": "equivalent", "reversed": "faster"}
    told = {
        "effect": effect, "kind": EFFECT, "source": "a/b#1", "told": "told", "assumed": "", "hardware": "H100, locked",
        "judged_on": "NVIDIA H200", "device": "cuda", "library": "torch", "case": "k 7", "baseline": "k 8",
        "per": "product", "published": published, "published_per_flop": published, "verdict": verdict,
    }  # fmt: skip
    if ratio is None:
        told |= dict.fromkeys(("ratio", "ci_low", "ci_high", "share", "compared"))
        return told | {"reason": "no such device", "launches": 0} | more
    figures = {"ratio": ratio, "ci_low": 0.98 * ratio, "ci_high": 1.02 * ratio, "share": 0.5, "reason": None}
    return told | figures | {"compared": compared.get(verdict, "inconclusive"), "launches": 5} | more


def summary_of(*found: Record) -> Record:
    return {"format_version": 1, "comparisons": [], "cases": [], "effects_published": list(found)}


EVERY = summary_of(
    row("padding", "reproduced", 1.0, 1.01, kind=CONTROL, compared="equivalent"),
    row("one", "reproduced", 3.9, per="FLOP"),
    row("two", "weaker", 1.2, 90.0),
    row("three", "gone", 1.0),
    row("four", "reversed", 0.5),
    row("five", "inconclusive", 1.1, reason="the control failed"),
    row("six", "not run", None),
    row("padding too", "reversed", 0.8, None, kind=CONTROL, compared="faster"),
)


def said(summary: Record) -> list[str]:
    return [plain(text) for text in reproduction.sentences(summary)]


def picture(summary: Record) -> Figure:
    return drawn("reproduction", {"margin": 0.02}, summary)


def marks(figure: Figure, marker: str) -> list[Line2D]:
    """Those of the panel, from top to bottom."""
    found = figure.axes[0].findobj(Line2D)
    lines = [line for line in found if isinstance(line, Line2D) and line.get_marker() == marker]
    return sorted(lines, key=lambda line: float(line.get_ydata()[0]))


def test_effects_are_counted_by_verdict_and_those_not_run_named_with_the_reason() -> None:
    assert said(EVERY)[0] == (
        "Of 6 published effects, 5 could be judged: 1 reproduced, 1 weaker, 1 gone, 1 reversed and 1 inconclusive. "
        "Not run: six (no such device)."
    )


def test_each_verdict_names_its_effects_with_both_ratios_the_interval_and_the_source() -> None:
    texts = said(EVERY)
    assert "Reproduced: one (published 4.00x, here 3.90x, 3.82-3.98 per FLOP; a/b#1)." in texts
    assert "Gone: three (published 4.00x, here 1.000x, 0.980-1.020; a/b#1)." in texts
    assert "Reversed: four (published 4.00x, here 0.500x, 0.490-0.510; a/b#1)." in texts
    assert "Inconclusive: five (published 4.00x, here 1.10x, 1.078-1.122, the control failed; a/b#1)." in texts


def test_negative_controls_are_told_apart_and_last() -> None:
    texts = said(EVERY)
    place = texts.index("Of 2 negative controls, 2 could be judged: 1 reproduced and 1 reversed.")
    assert all(text.startswith(("Padding", "None of them")) for text in texts[place + 1 :])
    assert texts[place + 1].startswith(
        "Padding, copying included, gains nothing here either: padding (published 1.010x,"
    )
    assert texts[place + 2].startswith(
        "Padding gains here what it did not there, copying included: padding too (here 0."
    )


def test_it_is_said_that_effects_were_published_for_other_hardware() -> None:
    first = "is known to be published for the processor that they are judged on here"
    assert said(EVERY)[-1].startswith(f"None of them {first}, NVIDIA H200: sources that")
    same = row("one", "gone", 1.0, hardware="h200, locked")
    assert said(summary_of(same, row("two", "gone", 1.0)))[-1].startswith(f"Only 1 of these 2 {first}")
    assert not any(first in text for text in said(summary_of(same)))
    assert "an unknown processor" in said(summary_of(row("one", "gone", 1.0, judged_on=None)))[-1]


@pytest.mark.parametrize("summary", [{}, summary_of()])
def test_without_the_study_nothing_is_said_tabled_or_drawn(summary: Record) -> None:
    assert reproduction.sentences(summary) == []
    assert reproduction.table(summary) is None
    assert figure_of.draw({}, summary) is None


def test_the_table_has_a_line_per_effect_those_of_controls_in_sections_of_their_own() -> None:
    table = reproduction.table(EVERY)
    assert table is not None
    names = {section.heading: [line[0].text for line in section.rows] for section in table.sections}
    assert [list(found) for found in names.values()] == [
        ["one", "two", "three", "four", "five", "six"], ["padding", "padding too"],
    ]  # fmt: skip
    assert all("cuda · judged on NVIDIA H200" in heading for heading in names)
    assert all(len(line) == len(table.columns) for section in table.sections for line in section.rows)
    place = [heading for heading, _ in table.columns].index("verdict")
    cells = {line[0].text: line[place] for section in table.sections for line in section.rows}
    assert (cells["one"].text, cells["one"].kind) == ("reproduced", "verdict")
    assert (cells["six"].text, cells["six"].kind, cells["six"].hint) == ("not run", "text", "no such device")


def test_the_page_has_the_sentences_the_table_and_arrives_at_it() -> None:
    html = page.render({"margin": 0.02}, EVERY, [])
    assert 'href="#published"' in html
    assert 'id="published"' in html
    assert '<span class="chip reversed">reversed</span>' in html
    assert any(one.question == reproduction.QUESTION for one in findings({}, EVERY))
    assert 'id="published"' not in page.render({"margin": 0.02}, summary_of(), [])


def test_what_is_published_and_what_is_measured_are_drawn_at_their_places() -> None:
    figure = picture(EVERY)
    labels = [str(artist.get_text()) for artist in figure.axes[0].get_yticklabels()]
    assert labels == ["one", "two", "three", "four", "five", "padding", "padding too"]
    published = {labels[round(float(line.get_ydata()[0]))]: float(line.get_xdata()[0]) for line in marks(figure, "D")}
    assert published == {"one": 4, "two": 90, "three": 4, "four": 4, "five": 4, "padding": 1.01}
    here = {labels[round(float(line.get_ydata()[0]))]: float(line.get_xdata()[0]) for line in marks(figure, "o")}
    assert here == {"one": 3.9, "two": 1.2, "three": 1.0, "four": 0.5, "five": 1.1}
    assert [float(line.get_xdata()[0]) for line in marks(figure, "s")] == [1.0, 0.8]
    undecided = [line for line in (*marks(figure, "o"), *marks(figure, "s")) if line.get_fillstyle() != "full"]
    assert [float(line.get_xdata()[0]) for line in undecided] == [1.1]


def test_everything_drawn_is_within_the_axes_whose_ticks_are_round() -> None:
    axes = picture(EVERY).axes[0]
    low, high = axes.get_xlim()
    assert low < 0.5
    assert high > 90
    assert axes.get_xscale() == "log"
    ticks = [plain(label.get_text()) for label in axes.get_xticklabels()]
    assert ticks == ["0.5x", "1x", "2x", "5x", "10x", "20x", "50x", "100x"]


def test_the_key_names_negative_controls_only_where_there_are_some() -> None:
    assert "here, a negative control" in words(picture(EVERY))
    assert "here, a negative control" not in words(picture(summary_of(row("one", "gone", 1.0))))
