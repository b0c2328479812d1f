"""Learning curves on the page: published rows beside ours, verdicts per bound, spread, seconds that are not judged."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from matplotlib.figure import Figure

from bench import curves, published
from reports import learning, learning_tables, page, plots, tables
from reports.cells import Table
from reports.findings import ALIKE, MIND, PUBLISHED, SOON, findings
from reports.plots import example_images, learning_over_epochs, learning_over_seconds

Record = dict[str, Any]
Maker = Callable[..., tuple[Record, Record]]
LOW, HIGH = published.RUNS
ONLY = ("curves", "learned", "reproduced")


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
    return run, {name: summary[name] for name in ONLY} | {"cases": cases, "comparisons": [], "disturbed": disturbed}


def said(run: Record, summary: Record, question: str) -> str:
    return " ".join(one.text for one in findings(run, summary) if one.question == question).replace("\xa0", " ")


def rederived(summary: Record) -> Record:
    """The summary with what follows from its curves derived anew."""
    rows = summary["curves"]
    return summary | {"learned": curves.learned(rows), "reproduced": curves.reproduced(rows)}


def table_of(summary: Record, key: str) -> Table:
    return next(one for one in learning_tables.tables(summary) if one.key.startswith(key))


def lines(table: Table, heading: str) -> list[list[str]]:
    section = next(one for one in table.sections if one.heading.startswith(heading))
    return [[cell.text.replace("\xa0", " ") for cell in row] for row in section.rows]


def drawn(module: Any, run: Record, summary: Record) -> Figure:
    figure = module.draw(run, summary)
    assert isinstance(figure, Figure)
    figure.set_dpi(30)
    figure.canvas.draw()
    return figure


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
    assert not any("torch_manual" in one.text for one in found if one.text.startswith(f"{HIGH.name}: reproduced"))


def test_verdicts_are_given_per_bound_with_the_found_value(maker: Maker) -> None:
    _, summary = maker()
    for row in summary["curves"]:
        if row["implementation"] == "torch_manual" and row["division"] == "nominal" and row["epoch"] == 10:
            row |= {"train_loss": 0.41, "test_accuracy": 0.881}
    found = [row for row in lines(table_of(rederived(summary), "reproduced"), HIGH.name) if row[0] == "torch_manual"]
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
    first, *ours, _ = lines(table, "Test accuracy")
    places = 4 if run is LOW else 3  # as printed, with the zeros at the end
    assert first[1:] == [f"{value:.{places}f}" for value in run.test_accuracy]
    assert first[0] == "published"
    assert [row[0] for row in ours] == group.implementations
    losses = lines(table, "Train loss")[0][1:]
    assert losses == ([f"{value:.4f}" for value in run.train_loss] if run.train_loss else ["–"] * 10)


def test_ours_are_means_over_seeds(maker: Maker) -> None:
    _, summary = maker()
    mine = [row for row in summary["curves"] if row["implementation"] == "numpy_scratch" and row["epoch"] == 4]
    for row, value in zip((row for row in mine if row["division"] == "nominal"), (0.80, 0.81, 0.88), strict=True):
        row["test_accuracy"] = value
    table = next(one for one in learning_tables.tables(summary) if "nominal" in one.title)
    row = next(row for row in lines(table, "Test accuracy") if row[0] == "numpy_scratch")
    assert row[4] == "0.8300"


def test_what_was_trained_like_no_published_run_has_no_published_row(maker: Maker) -> None:
    _, summary = maker()
    table = next(one for one in learning_tables.tables(summary) if "lr 0.5 mean" in one.title)
    assert "published" not in [row[0] for row in lines(table, "Test accuracy")]
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
    last = lines(table, "Test accuracy")[-1]
    assert last[0] == learning_tables.DIFFERENCE
    assert last[1:] == ["0.0000", "0.0000", "0.0500", *["0.0000"] * 7]


def test_one_implementation_has_nothing_to_agree_with(maker: Maker) -> None:
    run, summary = maker()
    summary["curves"] = [row for row in summary["curves"] if row["implementation"] == "numpy_scratch"]
    assert "implementations differ" not in said(run, summary, ALIKE)
    table = next(one for one in learning_tables.tables(summary) if one.key.startswith("curves"))
    assert learning_tables.DIFFERENCE not in [row[0] for row in lines(table, "Test accuracy")]
    drawn(learning_over_epochs, run, summary)


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


def test_seconds_and_levels_are_in_the_table(maker: Maker) -> None:
    _, summary = maker()
    summary["learned"][0] |= {"seconds": 0.5, "time_to_0.80": 1.5, "time_to_0.85": None, "test_accuracy_low": 0.81}
    table = table_of(summary, "learned")
    assert {"to 0.80", "to 0.85", "to 0.87", "per epoch"} <= {heading for heading, _ in table.columns}
    published_row, row = lines(table, "lr 0.1 mean")[:2]
    assert published_row[3] == "0.8348"
    assert row[5:7] == ["1.50 s", "–"]
    assert "500 ms" in row
    assert row[4].startswith("0.8100–")


def test_groups_of_several_networks_are_told_apart(maker: Maker) -> None:
    _, summary = maker()
    other = [copy.deepcopy(row) | {"dtype": "float64", "group": f"{row['group']} 64"} for row in summary["curves"]]
    titles = [group.title for group in learning.groups({"curves": [*summary["curves"], *other]})]
    assert len(set(titles)) == 6
    assert all("784-256-10" in title for title in titles)


def test_the_figure_over_epochs_holds_the_published_points(maker: Maker) -> None:
    run, summary = maker()
    figure = drawn(learning_over_epochs, run, summary)
    curves_drawn = [tuple(line.get_ydata()) for axes in figure.axes for line in axes.get_lines()]
    assert LOW.test_accuracy in curves_drawn
    assert HIGH.test_accuracy in curves_drawn
    assert HIGH.train_loss in curves_drawn
    assert [axes.get_title() for axes in figure.axes if axes.get_title()] == [
        "lr 0.1 mean", "lr 0.5 nominal", "lr 0.5 mean",
    ]  # fmt: skip


def test_the_figure_over_seconds_is_drawn_at_the_seconds_so_far(maker: Maker) -> None:
    run, summary = maker()
    summary["curves"] = [row for row in summary["curves"] if row["seed"] == 0]
    figure = drawn(learning_over_seconds, run, summary)
    group = learning.groups(summary)[0]
    wanted = [row["total_s"] for row in group.rows if row["implementation"] == "torch_manual"]
    assert sum(list(line.get_xdata()) == wanted for line in figure.axes[0].get_lines()) == 2  # the seed and the mean


def test_losses_that_are_not_known_are_left_out(maker: Maker) -> None:
    run, summary = maker()
    for row in summary["curves"]:
        if row["epoch"] > 4:
            row["train_loss"] = None
    summary = rederived(summary)
    pictures = page.draw(run, summary)
    assert [picture.problem for picture in pictures if picture.problem] == []
    assert "not finite" in said(run, summary, PUBLISHED)
    table = next(one for one in learning_tables.tables(summary) if "lr 0.5 mean" in one.title)
    assert lines(table, "Train loss")[0][5:] == ["–"] * 6
    page.render(run, summary, pictures)


def test_one_epoch_of_one_seed_is_drawn(maker: Maker) -> None:
    run, summary = maker()
    summary["curves"] = [row for row in summary["curves"] if (row["seed"], row["epoch"]) == (0, 1)]
    summary = rederived(summary)
    for module in (learning_over_epochs, learning_over_seconds, example_images):
        drawn(module, run, summary)
    assert "moves by" not in said(run, {"curves": [], "learned": [], "reproduced": []}, ALIKE)


def test_nine_images_have_their_labels_and_what_they_are_taken_for(maker: Maker) -> None:
    run, summary = maker()
    figure = drawn(example_images, run, summary)
    assert [axes.get_title() for axes in figure.axes] == [
        "ankle boot", "pullover", "trouser", "trouser", "shirt", "trouser", "coat", "shirt", "sandal",
    ]  # fmt: skip
    told = [axes.get_xlabel() for axes in figure.axes]
    assert told[:8] == [axes.get_title() for axes in figure.axes][:8]
    assert told[8] == "× sneaker"
    assert figure.axes[8].xaxis.label.get_color() != figure.axes[0].xaxis.label.get_color()
    assert "torch_concise · lr 0.5 nominal · seed 0 · after epoch 10" in [text.get_text() for text in figure.texts]
    assert figure.axes[0].images[0].get_array().shape == (28, 28)


def test_images_are_those_on_record_and_a_record_without_them_has_no_figure(maker: Maker) -> None:
    run, summary = maker()
    figure = drawn(example_images, run, summary)
    assert figure.axes[3].images[0].get_array()[5, 7] == (17 * 3 + 5 * 7) % 256
    assert example_images.draw({name: value for name, value in run.items() if name != "examples"}, summary) is None


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
    summary = {name: value for name, value in summary.items() if name not in ONLY}
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
