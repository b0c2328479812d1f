"""Figures of learning: published points among ours, seconds so far, and images with what they are taken for."""

from __future__ import annotations

from reports import learning
from reports.findings import ALIKE
from tests.reports.learnt import HIGH, LOW, rederived
from tests.reports.shown import Maker, drawn, module_of, said

EPOCHS, SECONDS, IMAGES = "learning_over_epochs", "learning_over_seconds", "example_images"


def test_the_figure_over_epochs_holds_the_published_points(maker: Maker) -> None:
    run, summary = maker()
    figure = drawn(EPOCHS, run, summary)
    curves_drawn = [tuple(line.get_ydata()) for axes in figure.axes for line in axes.get_lines()]
    assert LOW.test_accuracy in curves_drawn
    assert HIGH.test_accuracy in curves_drawn
    assert HIGH.train_loss in curves_drawn
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert [title for title in titles if title] == [
        "lr 0.1 mean", "lr 0.5 nominal", "lr 0.5 mean",
    ]  # fmt: skip


def test_the_figure_over_seconds_is_drawn_at_the_seconds_so_far(maker: Maker) -> None:
    run, summary = maker()
    summary["curves"] = [row for row in summary["curves"] if row["seed"] == 0]
    figure = drawn(SECONDS, run, summary)
    group = learning.groups(summary)[0]
    wanted = [row["total_s"] for row in group.rows if row["implementation"] == "torch_manual"]
    assert sum(list(line.get_xdata()) == wanted for line in figure.axes[0].get_lines()) == 2  # the seed and the mean


def test_one_epoch_of_one_seed_is_drawn(maker: Maker) -> None:
    run, summary = maker()
    summary["curves"] = [row for row in summary["curves"] if (row["seed"], row["epoch"]) == (0, 1)]
    summary = rederived(summary)
    for name in (EPOCHS, SECONDS, IMAGES):
        assert drawn(name, run, summary).axes
    assert said(run, summary, ALIKE)
    assert "moves by" not in said(run, summary, ALIKE)


def test_nine_images_have_their_labels_and_what_they_are_taken_for(maker: Maker) -> None:
    run, summary = maker()
    figure = drawn(IMAGES, run, summary)
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
    figure = drawn(IMAGES, run, summary)
    assert figure.axes[3].images[0].get_array()[5, 7] == (17 * 3 + 5 * 7) % 256
    assert module_of(IMAGES).draw({name: value for name, value in run.items() if name != "examples"}, summary) is None
