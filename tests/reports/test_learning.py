"""Learning curves on the page: published rows beside ours, verdicts per bound, spread, seconds that are not judged."""

from __future__ import annotations

import copy

import pytest

from bench import published
from reports import learning, learning_tables, page, plots, tables
from reports.cells import Table
from reports.findings import ALIKE, MIND, PUBLISHED, SOON, findings
from tests.reports.learnt import HIGH, LOW, TABLES, rederived
from tests.reports.shown import Maker, Record, drawn, lines, said


@pytest.fixture
def alone(maker: Maker) -> tuple[Record, Record]:
    """A run of accuracy alone: no comparisons, a case per implementation and recipe, samples of seconds."""
    run, summary = maker(flawed=False)
    cases = []
    for row in summary["learned"]:
        case = next(one for one in summary["cases"] if one["case"] == row["case"])
        cases.append(case | {"study": "accuracy", "group": row["group"], "baseline": "", "control": False})
    disturbed = [{"study": "accuracy", "samples": 20, "steal": 0.25, "pressure": 0.45, "switches": 0.35,
                  "frequency": 0.0, "any": 0.65}]  # fmt: skip
    return run, {name: summary[name] for name in TABLES} | {"cases": cases, "comparisons": [], "disturbed": disturbed}


def table_of(summary: Record, key: str) -> Table:
    return next(one for one in learning_tables.tables(summary) if one.key.startswith(key))


def section(table: Table, heading: str) -> list[list[str]]:
    return lines(next(one for one in table.sections if one.heading.startswith(heading)))


def test_a_run_is_reproduced_with_what_was_found_and_the_bound(maker: Maker) -> None:
    run, summary = maker()
    for row in summary["curves"]:
        if row["division"] == "nominal" and row["epoch"] == 10:
            row |= {"train_loss": 0.3131, "test_accuracy": 0.875}
    text = said(run, rederived(summary), PUBLISHED)
    assert (
        "d2l.ai MXNet edition, lr 0.5: reproduced by numpy_scratch, torch_compile, torch_concise, torch_manual and "
        "torch_scratch in float32 (mean of 3 seeds): train loss in the last epoch 0.313 (expected 0.310 ± 0.015) and "
        "test accuracy in the last epoch 0.875 (expected 0.882 ± 0.02)." in text
    )
    assert "test accuracy over the last 3 epochs" in text
    assert "not reproduced" not in text


def test_one_that_misses_a_bound_is_said_apart_and_as_a_warning(maker: Maker) -> None:
    run, summary = maker()
    for row in summary["curves"]:
        if row["implementation"] == "torch_manual" and row["division"] == "nominal":
            row["train_loss"] += 0.1
    found = [one for one in findings(run, rederived(summary)) if one.question == PUBLISHED]
    missed = next(one for one in found if "not reproduced by torch_manual in" in one.text)
    assert missed.tone == "warning"
    assert "train loss in the last epoch 0.41" in missed.text
    (others,) = [one.text for one in found if one.text.startswith(f"{HIGH.name}: reproduced")]
    assert "torch_manual" not in others


def test_verdicts_are_given_per_bound_with_the_found_value(maker: Maker) -> None:
    _, summary = maker()
    for row in summary["curves"]:
        if row["implementation"] == "torch_manual" and row["division"] == "nominal" and row["epoch"] == 10:
            row |= {"train_loss": 0.41, "test_accuracy": 0.881}
    found = [row for row in section(table_of(rederived(summary), "reproduced"), HIGH.name) if row[0] == "torch_manual"]
    assert [row[2:] for row in found] == [
        ["0.4100", "0.310", "± 0.015", "3", "not reproduced"],
        ["0.8810", "0.882", "± 0.02", "3", "reproduced"],
    ]


def test_runs_that_nothing_was_trained_like_are_named(maker: Maker) -> None:
    run, summary = maker()
    summary["curves"] = [row for row in summary["curves"] if row["learning_rate"] == 0.5]
    text = said(run, rederived(summary), PUBLISHED)
    assert f"Not compared with {LOW.name} (10 epochs, mean): nothing here was trained like that" in text
    assert "Not compared" not in said(*maker(), PUBLISHED)


@pytest.mark.parametrize(("name", "run"), [("lr 0.1 mean", LOW), ("lr 0.5 nominal", HIGH)])
def test_published_rows_stand_in_the_same_table_as_ours(name: str, run: published.Run, maker: Maker) -> None:
    _, summary = maker()
    group = next(one for one in learning.groups(summary) if one.title == name)
    table = next(one for one in learning_tables.tables(summary) if name in one.title)
    assert [heading for heading, _ in table.columns] == ["epoch", *map(str, range(1, 11))]
    first, *ours, _ = section(table, "Test accuracy")
    places = 4 if run is LOW else 3  # as printed, with the zeros at the end
    assert first[1:] == [f"{value:.{places}f}" for value in run.test_accuracy]
    assert first[0] == "published"
    assert [row[0] for row in ours] == group.implementations
    losses = section(table, "Train loss")[0][1:]
    assert losses == ([f"{value:.4f}" for value in run.train_loss] if run.train_loss else ["-"] * 10)


def test_ours_are_means_over_seeds(maker: Maker) -> None:
    _, summary = maker()
    mine = [row for row in summary["curves"] if row["implementation"] == "numpy_scratch" and row["epoch"] == 4]
    for row, value in zip((row for row in mine if row["division"] == "nominal"), (0.80, 0.81, 0.88), strict=True):
        row["test_accuracy"] = value
    table = next(one for one in learning_tables.tables(summary) if "nominal" in one.title)
    row = next(row for row in section(table, "Test accuracy") if row[0] == "numpy_scratch")
    assert row[4] == "0.8300"


def test_what_was_trained_like_no_published_run_has_no_published_row(maker: Maker) -> None:
    _, summary = maker()
    table = next(one for one in learning_tables.tables(summary) if "lr 0.5 mean" in one.title)
    assert "published" not in [row[0] for row in section(table, "Test accuracy")]
    for row in summary["curves"]:
        row["width"] = 128
    assert [group.run for group in learning.groups(summary)] == [None, None, None]


def test_the_spread_is_the_largest_difference_between_implementations_of_the_same_seed() -> None:
    rows = [
        {"implementation": name, "seed": seed, "epoch": 1, "test_accuracy": value}
        for name, seed, value in (("a", 0, 0.80), ("b", 0, 0.81), ("a", 1, 0.60), ("b", 1, 0.63), ("c", 2, 0.1))
    ]
    assert learning.spread(rows, "test_accuracy") == {1: pytest.approx(0.03)}
    assert learning.spread(rows[:1], "test_accuracy") == {}


def test_the_spread_is_in_the_sentence_and_below_each_column(maker: Maker) -> None:
    run, summary = maker()
    group = next(one for one in learning.groups(summary) if one.title == "lr 0.5 mean")
    for row in group.rows:
        row["test_accuracy"] = 0.8
    next(row for row in group.rows if (row["seed"], row["epoch"]) == (1, 3))["test_accuracy"] = 0.85
    assert "0.050 at lr 0.5 mean (epoch 3)" in said(run, summary, ALIKE)
    table = next(one for one in learning_tables.tables(summary) if "lr 0.5 mean" in one.title)
    last = section(table, "Test accuracy")[-1]
    assert last[0] == learning_tables.DIFFERENCE
    assert last[1:] == ["0.0000", "0.0000", "0.0500", *["0.0000"] * 7]


def test_one_implementation_has_nothing_to_agree_with(maker: Maker) -> None:
    run, summary = maker()
    summary["curves"] = [row for row in summary["curves"] if row["implementation"] == "numpy_scratch"]
    assert "implementations differ" not in said(run, summary, ALIKE)
    table = next(one for one in learning_tables.tables(summary) if one.key.startswith("curves"))
    assert learning_tables.DIFFERENCE not in [row[0] for row in section(table, "Test accuracy")]
    assert drawn("learning_over_epochs", run, summary).axes


def test_why_the_mean_is_jagged_is_said_with_how_much(maker: Maker) -> None:
    run, summary = maker()
    for row in summary["curves"]:
        row["test_accuracy"] = 0.8 + (0.04 * (row["epoch"] % 2) if row["division"] == "mean" else 0.001 * row["epoch"])
    text = said(run, summary, ALIKE)
    assert "the mean's test curve is jagged and moves by 0.040" in text
    assert "the nominal's, smooth, by 0.0010" in text
    assert "short last batch of 96 images" in text
    assert "0.38 times as far" in text


def test_a_curve_that_is_not_jagged_is_not_called_so(maker: Maker) -> None:
    run, summary = maker()
    for row in summary["curves"]:
        row["test_accuracy"] = 0.8 + 0.001 * row["epoch"]
    assert "jagged" not in said(run, summary, ALIKE)


def test_one_division_alone_needs_no_explanation(maker: Maker) -> None:
    run, summary = maker()
    summary["curves"] = [row for row in summary["curves"] if row["division"] == "nominal"]
    assert "short last batch" not in said(run, summary, ALIKE)


def test_times_are_told_and_not_judged(maker: Maker) -> None:
    run, summary = maker()
    for row in summary["learned"]:
        mine = row["implementation"] == "numpy_scratch"
        row |= {"seconds": 0.5 if mine else 0.7, "time_to_0.80": 1.5 if mine else 2.5, "time_to_0.85": None}
        row["time_to_0.87"] = 3.0 if mine else None
    text = said(run, summary, SOON)
    assert "lr 0.1 mean: test accuracy 0.80 after 1.50 s (numpy_scratch) to 2.50 s (torch_scratch); " in text
    assert "0.87 after 3.00 s (numpy_scratch), not in every seed by torch_concise, torch_scratch," in text
    assert (
        "no implementation reaches 0.85 in every seed. An epoch takes 500 ms (numpy_scratch) to 700 ms (torch_scratch)."
        in text
    )
    assert "shown, not judged" in text
    assert not any(word in text for word in ("faster", "slower", "fastest", "equivalent"))


def test_where_nothing_is_reached_that_is_all_that_is_said(maker: Maker) -> None:
    run, summary = maker()
    for row in summary["learned"]:
        row |= {"seconds": 0.5} | dict.fromkeys(("time_to_0.80", "time_to_0.85", "time_to_0.87"))
    lead = "lr 0.1 mean: no implementation reaches 0.80, 0.85 and 0.87 of test accuracy in every seed. An epoch takes"
    assert lead in said(run, summary, SOON)


def test_seconds_and_levels_are_in_the_table(maker: Maker) -> None:
    _, summary = maker()
    summary["learned"][0] |= {"seconds": 0.5, "time_to_0.80": 1.5, "time_to_0.85": None, "test_accuracy_low": 0.81}
    table = table_of(summary, "learned")
    assert {"to 0.80", "to 0.85", "to 0.87", "per epoch"} <= {heading for heading, _ in table.columns}
    published_row, row = section(table, "lr 0.1 mean")[:2]
    assert published_row[3] == "0.8348"
    assert row[5:7] == ["1.50 s", "-"]
    assert "500 ms" in row
    assert row[4].startswith("0.8100-")


def test_groups_of_several_networks_are_told_apart(maker: Maker) -> None:
    _, summary = maker()
    other = [copy.deepcopy(row) | {"dtype": "float64", "group": f"{row['group']} 64"} for row in summary["curves"]]
    titles = [group.title for group in learning.groups({"curves": [*summary["curves"], *other]})]
    assert len(set(titles)) == 6
    assert all("784-256-10" in title for title in titles)


def test_losses_that_are_not_known_are_left_out(maker: Maker) -> None:
    run, summary = maker()
    for row in summary["curves"]:
        if row["epoch"] > 4:
            row["train_loss"] = None
    summary = rederived(summary)
    pictures = page.draw(run, summary)
    assert {picture.problem for picture in pictures} == {""}
    assert "not finite" in said(run, summary, PUBLISHED)
    table = next(one for one in learning_tables.tables(summary) if "lr 0.5 mean" in one.title)
    assert section(table, "Train loss")[0][5:] == ["-"] * 6
    page.render(run, summary, pictures)


def test_the_page_of_accuracy_alone_complains_of_nothing_that_was_not_meant(alone: tuple[Record, Record]) -> None:
    run, summary = alone
    text = said(run, summary, MIND)
    assert "no verdicts" not in text
    assert "disturbed" not in text
    assert "intervals" not in text
    assert text.startswith("A single run is one run")
    assert tables.cases(summary)[0].title == "Learning"
    assert "time per epoch, 95 % interval" in [heading for heading, _ in tables.cases(summary)[0].columns]
    html = page.render(run, summary, [])
    assert 'id="learning"' in html
    assert 'href="#learning"' in html
    assert 'class="chip reproduced"' in html
    assert '<b class="reproduced">reproduced</b>' in html


def test_a_study_that_is_judged_keeps_its_notes_beside_accuracy(alone: tuple[Record, Record], maker: Maker) -> None:
    run, summary = alone
    _, other = maker(flawed=False)
    both = summary | {"cases": [*summary["cases"], *other["cases"]], "comparisons": other["comparisons"]}
    share = {"study": "throughput", "samples": 100, "steal": 0, "pressure": 0.1, "switches": 0, "frequency": 0}
    both["disturbed"] = [*summary["disturbed"], share | {"any": 0.1}]
    text = said(run, both, MIND)
    assert "Of all samples 10 % were disturbed" in text
    assert "not in these intervals" in text


def test_a_page_without_learning_says_nothing_of_it(maker: Maker) -> None:
    run, summary = maker()
    summary = {name: value for name, value in summary.items() if name not in TABLES}
    html = page.render(run, summary, [])
    assert not any(one.question in (PUBLISHED, ALIKE, SOON) for one in findings(run, summary))
    assert "earning" not in html
    assert learning_tables.tables(summary) == []
    ours = {"learning_over_epochs", "learning_over_seconds", "example_images"}
    assert ours <= set(plots.names())
    assert not ours & {picture.name for picture in page.draw(run, summary)}


def test_names_are_escaped_in_tables_of_learning(maker: Maker) -> None:
    run, summary = maker()
    evil = "<script>alert(1)</script>"
    for row in summary["curves"]:
        row |= {"implementation": evil, "case": evil} if row["implementation"] == "torch_manual" else {}
    html = page.render(run, rederived(summary), [])
    assert "<script" not in html
    assert html.count("&lt;script&gt;") > 10
