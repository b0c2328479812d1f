"""Figures of learning, and the page that has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from matplotlib.figure import Figure

from bench import published
from reports import learning, learning_tables, page, plots, tables
from reports.findings import ALIKE, MIND, PUBLISHED, SOON, findings
from reports.plots import example_images, learning_over_epochs, learning_over_seconds
from tests.reports.learnt import rederived
from tests.reports.shown import lines, rendered, said

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


def drawn(module: Any, run: Record, summary: Record) -> Figure:
    return rendered(module.draw(run, summary))


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
