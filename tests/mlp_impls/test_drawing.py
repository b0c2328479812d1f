"""Weights and operands that are too many to be drawn one by one."""

from __future__ import annotations

import numpy as np
import pytest

import mlp_impls
from bench import values
from mlp_impls import Shape, initial_weights, repeated


def test_as_many_as_are_drawn_are_what_the_generator_gives() -> None:
    expected = np.random.default_rng(3).standard_normal((4, 5))
    np.testing.assert_array_equal(values.drawn("normal", np.random.default_rng(3), (4, 5)), expected)


def test_more_repeat_in_row_major_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlp_impls, "MOST_DRAWN", 7)
    found = repeated(lambda size: np.arange(float(np.prod(size))), (2, 3, 3))
    np.testing.assert_array_equal(found.ravel(), np.arange(18) % 7)
    assert found.shape == (2, 3, 3)


def test_no_two_rows_of_what_repeats_are_alike() -> None:
    most = mlp_impls.MOST_DRAWN
    assert all(most % factor for factor in range(2, int(most**0.5) + 1)), "not a prime"
    for columns in (4096, 8192, 16384):
        starts = {row * columns % most for row in range(columns)}
        assert len(starts) == columns


def test_huge_weights_and_operands_repeat_in_their_dtype(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlp_impls, "MOST_DRAWN", 11)
    first, _, second, _ = initial_weights(Shape(4, (3,), 5), 0)
    assert (first.dtype, second.dtype) == (np.float32, np.float32)
    assert first.ravel()[0] == first.ravel()[11]
    assert not np.array_equal(first.ravel()[:11], second.ravel()[:11])
    drawn = values.drawn("bytes", np.random.default_rng(0), (6, 4))
    assert drawn.dtype == np.float64
    assert drawn.ravel()[12] == drawn.ravel()[1]
