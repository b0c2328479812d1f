"""Tables of learning: published rows among ours, means over seeds, bounds, and the groups that rows belong to."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from bench import published
from reports import learning, learning_tables
from reports.cells import Table
from tests.reports.learnt import rederived
from tests.reports.shown import lines

Record = dict[str, Any]
Maker = Callable[..., tuple[Record, Record]]
LOW, HIGH = published.RUNS


def table_of(summary: Record, key: str) -> Table:
    return next(one for one in learning_tables.tables(summary) if one.key.startswith(key))


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
