"""How far rounding alone may go."""

from __future__ import annotations

import numpy as np
import pytest

from bench import rounding
from mlp_impls import initial_weights
from tests.bench.wrong_models import SQUARE, to_bits


def test_an_example_is_near_the_kink_in_float32_and_clear_of_it_in_float64():
    weights = [np.array([[1.0], [-1.0]]), np.zeros(1), np.ones((1, 2)), np.zeros(2)]
    images = np.array([[1.0, 1.0 - 1e-9], [1.0, 0.5]])
    near = {name: rounding.forward(weights, images, rounding.PRECISIONS[name]).clear for name in ("float32", "float64")}
    assert (near["float32"].tolist(), near["float64"].tolist()) == ([False, True], [True, True])


def test_errors_of_like_examples_add_up():
    """The mean over copies of an example is off by as much as the example; over unlike ones errors cancel."""
    precision, weights = rounding.PRECISIONS["float32"], initial_weights(SQUARE, 0)
    generator = np.random.default_rng(0)

    def allowed(images):
        passed, labels = rounding.forward(weights, images, precision), np.zeros(len(images), np.int64)
        found = rounding.allowed(weights, passed, labels, [0.0] * len(weights), precision)
        return np.array([found.loss, *found.gradients[4:]])

    image = generator.random((1, 16))
    assert (allowed(np.repeat(image, 64, axis=0)) > 0.9 * allowed(image)).all()
    assert (allowed(generator.random((64, 16)))[1:] < 0.5 * allowed(image)[1:]).all()


def test_a_unit_that_is_exactly_zero_is_no_doubt():
    """Dead inputs and no bias: no rounding can make it anything else."""
    weights = [np.ones((2, 1)), np.zeros(1), np.ones((1, 2)), np.zeros(2)]
    assert rounding.forward(weights, np.zeros((1, 2)), rounding.PRECISIONS["float32"]).clear.all()


@pytest.mark.parametrize(("dtype", "bits"), [("bfloat16", 8), ("float16", 11)])
def test_rounding_to_a_dtype_is_to_nearest_and_ties_to_even(dtype, bits):
    values = np.arange(1, 5000, dtype=np.float32)  # ties among them
    np.testing.assert_array_equal(rounding.PRECISIONS[dtype].round(values), to_bits(values, bits).astype(np.float32))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_unit_roundoffs_and_limits_are_those_of_numpy(dtype):
    information, precision = np.finfo(dtype), rounding.PRECISIONS[dtype]
    assert (precision.unit, precision.largest) == (float(information.eps) / 2, float(information.max))
    assert precision.smallest == float(information.smallest_subnormal)
