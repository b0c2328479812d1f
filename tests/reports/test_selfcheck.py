"""The self-check's page: its sentence, figures and tables, of whatever there is, and `mlpbench report`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest

from bench.errors import BadInput
from bench.selfcheck import rates
from mlpbench import cli
from reports import plots, selfcheck, selfcheck_tables
from reports.cells import Cell, Section, Table
from reports.colours import MUTED
from reports.plots import selfcheck_aa, selfcheck_peers, selfcheck_power
from tests import selfcheck_tries as fake
from tests.reports.shown import Record, drawn, plain, words

PARTS: dict[str, Callable[[], list[Record]]] = {
    "aa": lambda: fake.identical(6, copies=1),
    "planted": lambda: fake.planted(6),
    "peers": lambda: fake.peers(6),
    "timers": fake.timers,
    "attribution": lambda: fake.attributions(3),
}
SUBSETS = [subset for size in range(len(PARTS) + 1) for subset in combinations(PARTS, size)]
RUN: Record = {"label": "a machine", "command": ["mlpbench", "selfcheck"], "machine": {"facts": {}}, "seed": 3}


def summary_of(lines: list[Record], **more: Any) -> Record:
    return {"format_version": 1, "comparisons": [], "selfcheck": rates.derive(lines, 0.02), **more}


def text_of(summary: Record) -> str:
    return "\n".join(finding.text for finding in selfcheck.findings(summary))


@pytest.mark.parametrize("subset", SUBSETS, ids="+".join)
def test_the_page_is_whole_whatever_there_is(subset: tuple[str, ...]) -> None:
    summary = summary_of([line for part in subset for line in PARTS[part]()])
    html = selfcheck.render(RUN, summary, [])
    assert html.rstrip().endswith("</html>")
    places = set(re.findall(r'href="#([^"]+)"', html))
    assert places <= set(re.findall(r'id="([^"]+)"', html))
    assert not re.search(r">(None|nan|inf)<|\bNone\b", html)
    for part, key in (("planted", "planted"), ("peers", "peers"), ("timers", "timers"), ("attribution", "attribution")):
        assert (f'id="{key}"' in html) == (part in subset)
    assert ('id="identical"' in html) == bool({"aa", "planted"} & set(subset))


@pytest.mark.parametrize("part", PARTS)
def test_a_figure_is_drawn_of_what_it_is_about_and_of_nothing_else(part: str) -> None:
    summary = summary_of(PARTS[part]())
    found = {name for name, module in FIGURES.items() if module.draw(RUN, summary) is not None}
    assert found == {"aa": {"aa"}, "planted": {"power", "aa"}, "peers": {"peers"}}.get(part, set())


FIGURES = {"power": selfcheck_power, "aa": selfcheck_aa, "peers": selfcheck_peers}


@pytest.mark.parametrize("name", FIGURES)
def test_an_ordinary_run_has_none_of_the_figures(name: str) -> None:
    assert FIGURES[name].draw({}, {"comparisons": [], "cases": []}) is None
    assert FIGURES[name] in plots.figures()


def test_the_power_figure_shows_each_share_with_its_exact_bounds() -> None:
    summary = summary_of(fake.planted(6))
    row = next(row for row in summary["selfcheck"]["planted"]["settings"] if row["setting"] == "numpy +1 % in 60 s")
    figure = drawn("selfcheck_power", RUN, summary)
    ends = [sorted(map(float, line.get_ydata())) for axes in figure.axes for line in axes.lines]  # type: ignore[arg-type]
    assert [100 * row["found"]["low"], 100 * row["found"]["high"]] in ends
    told = words(figure)
    assert f"{row['found']['count']} of 6\nin 60 s" in told
    assert "two PyTorch cases" in told


def test_false_verdicts_are_counted_and_in_the_picture() -> None:
    lines = fake.identical(12, between=0.03)
    summary = summary_of(lines)
    figure = drawn("selfcheck_aa", RUN, summary)
    rows = summary["selfcheck"]["aa"]["comparisons"]
    bottom, top = figure.axes[0].get_ylim()
    for verdict in ("faster", "slower"):
        found = [row for row in rows if row["verdict"] == verdict]
        assert found
        assert f"called {verdict}: {len(found)}" in words(figure)
        assert all(bottom < row["ci_low"] < row["ci_high"] < top for row in found)


def test_the_peers_figure_names_every_tool_and_count() -> None:
    summary = summary_of(fake.peers(6))
    told = " ".join(words(drawn("selfcheck_peers", RUN, summary)))
    for row in summary["selfcheck"]["peers"]:
        share = row["false"] or row["found"]
        assert row["tool"] in told
        assert f"{share['count']} of {share['of']}" in told
    assert "planted +5 %" in told


def test_the_peers_figure_sets_this_tool_apart() -> None:
    figure = drawn("selfcheck_peers", RUN, summary_of(fake.peers(6)))
    ours = {line.get_ydata()[0] for line in figure.axes[0].lines if line.get_color() != MUTED}  # type: ignore[index]
    assert ours == {0}


def test_the_sentence_comes_first() -> None:
    summary = summary_of(fake.planted(6))
    assert selfcheck.findings(summary)[0].text == summary["selfcheck"]["sentence"]


def test_few_tries_are_told_as_few_and_many_are_not() -> None:
    assert "say little of what is rare" in text_of(summary_of(fake.identical(2)))
    assert "say little of what is rare" not in text_of(summary_of(fake.identical(13)))


def test_a_variance_that_errors_do_not_explain_is_a_warning() -> None:
    said = selfcheck.findings(summary_of(fake.identical(13, between=0.02)))
    assert any(one.tone == "warning" and "missing from the intervals" in one.text for one in said)
    assert "The variance between runs" not in text_of(summary_of(fake.identical(13)))


def test_a_timer_that_got_through_is_a_warning() -> None:
    said = selfcheck.findings(summary_of(fake.timers(caught=False)))
    assert [one.text for one in said if one.tone == "warning"] == ["Not always: A then B got through."]


def test_lost_tries_and_notes_are_told() -> None:
    lines = fake.planted(3)
    lost = [lines[0] | {"comparisons": []}, *lines[1:3], lines[3] | {"comparisons": [], "setting": "of no use"}]
    told = text_of(summary_of(lost, notes=["tries.jsonl: the last line was torn"]))
    assert "1 planted tries came to nothing and count as not found; nothing at all of of no use" in told
    assert "the last line was torn" in told


def test_the_harness_cost_is_told_at_its_worst() -> None:
    lines = [fake.own_try("aa", n, [], harness={"overhead": x, "in_samples": 0.7, "stopped_cpu": None})
             for n, x in enumerate((0.0001, 0.0012))]  # fmt: skip
    assert "take 0.12 % of it at worst" in plain(text_of(summary_of(lines)))


def test_it_is_said_how_much_of_a_cost_was_traced_to_its_cause() -> None:
    lines = fake.attributions(6, deviation=0.0004)
    told = plain(text_of(summary_of(lines)))
    for factor in ("size", "leading dimension", "base address"):
        assert f"A cost of 20 % planted on the {factor} alone: of what is found of all causes, 100 % is found" in told
    assert (
        "(2 tries, at least 100 %), as 1.20x; of the intervals of the other causes and of interactions, 6 of 6" in told
    )
    lost = [line | {"effects": []} for line in lines[:1]]
    assert "planted on the size alone: none of 1 tries came to anything." in plain(text_of(summary_of(lost)))


def test_a_table_becomes_markdown() -> None:
    table = Table("k", "t", (("name", "name"), ("n", "number")), (Section("", ((Cell("a|b"), Cell("3", "number")),)),))
    assert selfcheck_tables.markdown(table) == "| name | n |\n| --- | ---: |\n| a\\|b | 3 |"


def test_everything_on_the_page_is_escaped() -> None:
    lines = fake.peers(1)
    lines[0]["rule"] = lines[0]["tool"] = "<script>"
    lines += fake.planted(1)
    lines[-1]["setting"] = "<script>"
    assert "<script>" not in selfcheck.render(RUN | {"label": "<script>"}, summary_of(lines), [])


def test_a_place_that_cannot_be_written_is_bad_input(tmp_path: Any) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="give another"):
        selfcheck.write(RUN, summary_of([]), tmp_path, target=tmp_path / "file" / "page.html")


def test_report_rebuilds_summary_figures_and_page(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    folder = fake.folder(tmp_path / "check", [line for part in PARTS.values() for line in part()])
    assert cli.main(["report", str(folder)]) == 0
    said = capsys.readouterr()
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["selfcheck"]["peers"]
    assert summary["comparisons"] == []
    assert sorted(path.stem for path in (folder / "figures").iterdir()) == [
        "selfcheck_aa",
        "selfcheck_peers",
        "selfcheck_power",
    ]
    html = (folder / "report.html").read_text()
    assert html.count("data:image/png;base64,") == 3
    assert "could not be drawn" not in html
    assert summary["selfcheck"]["sentence"] in said.out
    assert "| pyperf | " in said.out
    assert f"Report: {folder / 'report.html'}" in said.out


def test_report_writes_the_page_where_it_is_told(tmp_path: Any) -> None:
    folder = fake.folder(tmp_path / "check", fake.timers())
    assert cli.main(["report", str(folder), "--out", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "page.html").exists()
    assert not (folder / "report.html").exists()


def test_quiet_keeps_standard_output_free(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from mlpbench import reporting
    from mlpbench.console import error_console

    folder = fake.folder(tmp_path / "check", fake.timers())
    summary = reporting.rebuild_selfcheck(folder, error_console(), quiet=True)
    said = capsys.readouterr()
    assert said.out == ""
    assert summary["selfcheck"]["sentence"] in said.err


def test_a_damaged_record_is_one_line_and_2(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    folder = fake.folder(tmp_path / "check", fake.timers())
    (folder / "tries.jsonl").write_text("{}\n")
    assert cli.main(["report", str(folder)]) == 2
    assert "tries.jsonl:1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [(0.626, 0.953, "62-96 %"), (0.0237, 0.0601, "2.3-6.1 %"), (0.0, 0.119, "0.0-12 %"), (0.95, 1.0, "95-100 %")],
)
def test_bounds_are_rounded_outwards_as_in_the_sentence(low: float, high: float, told: str) -> None:
    shown = selfcheck_tables.bounds({"low": low, "high": high})
    assert shown.replace("\N{EN DASH}", "-").replace("\xa0", " ") == told
