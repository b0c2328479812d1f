"""Equal before fast: what is right passes at every size, what is wrong in any way does not."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from bench.equality import Equality, check
from mlp_impls import Shape, initial_weights, numpy_scratch
from mlp_impls.numpy_scratch import NumpyModel
from tests.bench.wrong_models import MUTATIONS, SQUARE, WeightsAsTheyCame, checked, from_file, provider


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_not_equal(name, dtype):
    assert not checked(MUTATIONS[name], dtype=dtype).equal


def test_float32_claimed_as_float64_is_not_equal():
    assert not checked(provider(NumpyModel, dtype=lambda _: "float32"), dtype="float64").equal


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("hidden", [(), (16,), (7, 7, 7)])
@pytest.mark.parametrize("name", ["wrong_bias_gradient", "update_skipped", "sum_for_mean", "weights_ignored"])
def test_a_broken_implementation_is_not_equal(name, hidden, dtype):
    assert not checked(from_file(name), Shape(64, hidden, 10), dtype).equal


@pytest.mark.parametrize("name", ["crashes", "hangs", "eats_memory", "loses_gpu", "prints", "raises"])
def test_one_that_only_misbehaves_is_equal(name):
    assert checked(from_file(name)).equal


@pytest.mark.parametrize("batch", [1, 5, 64])
@pytest.mark.parametrize("width", [1, 7, 64])
@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_the_reference_in_float32_is_equal(depth, width, batch):
    found = checked(numpy_scratch, Shape(100, (width,) * depth, 10), batch=batch)
    assert found.equal, found


def test_the_reference_deviates_from_itself_by_nothing():
    assert checked(numpy_scratch, dtype="float64").deviation == 0


def test_a_large_batch_of_like_examples_is_equal():
    """Where units are dead all examples round alike, and their errors add up instead of cancelling."""
    assert checked(numpy_scratch, Shape(20, (1, 1), 10), batch=4096).equal


@pytest.mark.parametrize("learning_rate", [0.5, 2.0])
def test_a_learning_rate_that_magnifies_rounding_is_allowed_for(learning_rate):
    """Bright images and a step beyond the edge of stability: errors grow from step to step, in the reference too."""
    images = np.random.default_rng(2).random((320, 400), dtype=np.float32)
    labels = np.arange(320) % 10
    for seed in range(3):
        found = checked(
            numpy_scratch, Shape(400, (), 10), seed=seed, learning_rate=learning_rate, images=images, labels=labels
        )
        assert found.equal, found


@pytest.mark.parametrize(("dtype", "limit"), [("float32", 1e-4), ("float64", 1e-12)])
def test_bounds_of_the_default_network_are_tight(dtype, limit):
    """Far below what tf32 (5e-4) or float32 (6e-8) products would deviate by."""
    assert checked(provider(NumpyModel), Shape(), dtype, batch=64).bound < limit


def test_fewer_images_than_ten_batches_are_used_again():
    images = np.random.default_rng(0).random((40, 16), dtype=np.float32)
    assert checked(numpy_scratch, images=images, labels=np.arange(40) % 16).equal


def test_what_is_not_finite_is_named_and_null_in_json():
    found = checked(MUTATIONS["loss not a number"])
    assert found.note == "loss is not finite"
    record = found.to_json()
    assert (record["deviation"], record["equal"]) == (None, False)
    json.dumps(record, allow_nan=False)


def test_weights_of_another_shape_are_not_equal():
    found = checked(provider(WeightsAsTheyCame), Shape(6, (), 3))
    assert (found.equal, found.worst) == (False, "W1 as built of shape (3, 6), not (6, 3),")


def test_what_deviates_is_named_with_its_bound():
    found = checked(from_file("wrong_bias_gradient"), Shape(64, (), 10))
    assert found.worst.startswith("gradient of b1")
    assert found.deviation == pytest.approx(0.5, rel=1e-3)
    assert found.note == f"{found.worst} deviates by {found.deviation:.3g}, allowed {found.bound:.3g}"


def test_variant_keywords_reach_build():
    seen = {}

    def build(*arguments, trick, **keywords):
        seen["trick"] = trick
        return numpy_scratch.build(*arguments, **keywords)

    settings = {"dtype": "float32", "device": "cpu", "batch": 2, "learning_rate": 0.1, "seed": 0}
    check(SimpleNamespace(build=build), {"trick": 7}, shape=Shape(4, (), 3), **settings)
    assert seen == {"trick": 7}


def kinked():
    """Ten batches of 8 for 16 inputs; in the first image of each, the first hidden unit's input cancels to 1e-9."""
    first = initial_weights(SQUARE, 0)[0][:, 0].astype(np.float64)
    images = np.random.default_rng(0).random((80, 16))
    return images, first


def test_examples_within_rounding_of_the_kink_are_left_out():
    images, first = kinked()
    for image in images[:20]:
        rest = image[1:] @ first[1:]
        image[0] = -rest / first[0]
    single = images.astype(np.float32)
    found = checked(numpy_scratch, images=single, labels=np.arange(80) % 16, batch=80)
    assert found.equal, found
    assert "left out" in found.note


def test_a_result_is_frozen():
    found = Equality(True, 0.0, 1.0, "loss", None)
    assert replace(found, equal=False).to_json() == {
        "equal": False,
        "deviation": 0.0,
        "bound": 1.0,
        "worst": "loss",
        "note": None,
        "failed": (),
    }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_reference_is_equal_in_a_network_whose_logits_vanish(dtype):
    """Twenty narrow layers: to make their logits extreme takes a factor beyond float32's range."""
    found = checked(numpy_scratch, shape=Shape(784, (7,) * 20, 10), dtype=dtype, batch=5)
    assert found.equal, found
