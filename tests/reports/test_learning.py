"""What is said of learning: published runs beside ours, verdicts per bound, spread, seconds that are not judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench import published
from reports import learning, learning_tables
from reports.findings import ALIKE, PUBLISHED, SOON, findings
from reports.plots import learning_over_epochs
from tests.reports.learnt import rederived
from tests.reports.shown import lines, rendered, said

Record = dict[str, Any]
Maker = Callable[..., tuple[Record, Record]]
LOW, HIGH = published.RUNS


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


def test_runs_that_nothing_was_trained_like_are_named(maker: Maker) -> None:
    run, summary = maker()
    summary["curves"] = [row for row in summary["curves"] if row["learning_rate"] == 0.5]
    text = said(run, rederived(summary), PUBLISHED)
    assert f"Not compared with {LOW.name} (10 epochs, mean): nothing here was trained like that" in text
    assert "Not compared" not in said(*maker(), PUBLISHED)


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
    rendered(learning_over_epochs.draw(run, summary))


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
