"""The published runs as typed in, against the text of their sources, copied."""

from __future__ import annotations

import numpy as np
import pytest

from bench import published

LOW, HIGH = published.RUNS
TENTH = "0.7668 0.7882 0.8054 0.8247 0.8022 0.8392 0.8022 0.8257 0.8480 0.8348"
HALF = """
0.8394/0.687/0.818, 0.5035/0.812/0.844, 0.4309/0.840/0.859, 0.4022/0.850/0.859, 0.3712/0.864/0.867,
0.3612/0.866/0.875, 0.3479/0.872/0.870, 0.3311/0.879/0.880, 0.3248/0.880/0.880, 0.3104/0.886/0.882
"""


def test_the_last_three_epochs_of_the_run_at_a_tenth_have_the_mean_that_its_bound_is_around() -> None:
    assert np.mean(LOW.test_accuracy[-3:]) == pytest.approx(0.836, abs=5e-4)
    assert [(bound.column, bound.epochs, bound.wanted, bound.within) for bound in LOW.bounds] == [
        ("test_accuracy", 3, 0.836, 0.015)
    ]


def test_the_run_at_a_half_ends_where_its_bounds_are() -> None:
    ends = {"train_loss": HIGH.train_loss[-1], "test_accuracy": HIGH.test_accuracy[-1]}
    assert {bound.column: (bound.epochs, bound.within) for bound in HIGH.bounds} == {
        "train_loss": (1, 0.015), "test_accuracy": (1, 0.02),
    }  # fmt: skip
    assert all(ends[bound.column] == pytest.approx(bound.wanted, abs=5e-4) for bound in HIGH.bounds)


def test_the_run_at_a_tenth_is_as_the_source_prints_it() -> None:
    assert LOW.test_accuracy == tuple(map(float, TENTH.split()))
    assert (LOW.train_loss, LOW.train_accuracy) == ((), ())


def test_the_run_at_a_half_is_as_the_source_prints_it() -> None:
    rows = [tuple(map(float, row.split("/"))) for row in HALF.split(",")]
    assert list(zip(HIGH.train_loss, HIGH.train_accuracy, HIGH.test_accuracy, strict=True)) == rows


@pytest.mark.parametrize("values", [LOW.test_accuracy, HIGH.test_accuracy, HIGH.train_accuracy, HIGH.train_loss])
def test_a_column_has_ten_epochs(values: tuple[float, ...]) -> None:
    assert len(values) == 10


def test_recipes_are_those_of_the_sources() -> None:
    assert (LOW.recipe.learning_rate, LOW.recipe.division) == (0.1, "mean")
    assert (HIGH.recipe.learning_rate, HIGH.recipe.division) == (0.5, "nominal")
    assert published.Recipe(0.5, "mean") in published.RECIPES


def test_rows_have_none_where_the_source_prints_nothing() -> None:
    assert LOW.rows()[8] == {"epoch": 9, "train_loss": None, "train_accuracy": None, "test_accuracy": 0.8480}
    assert HIGH.rows()[0] == {"epoch": 1, "train_loss": 0.8394, "train_accuracy": 0.687, "test_accuracy": 0.818}
