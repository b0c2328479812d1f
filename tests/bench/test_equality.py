from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bench import rounding
from bench.equality import Equality, check
from mlp_impls import Shape, initial_weights, numpy_scratch
from mlp_impls.numpy_scratch import NumpyModel

BROKEN = Path(__file__).parents[1] / "broken"
SQUARE = Shape(16, (16, 16), 16)  # a transposed weight fits


def checked(provider, shape=SQUARE, dtype="float32", batch=32, **settings):
    settings = {"device": "cpu", "learning_rate": 0.1, "seed": 0} | settings
    return check(provider, {}, shape=shape, dtype=dtype, batch=batch, **settings)


def from_file(name):
    spec = importlib.util.spec_from_file_location(name, BROKEN / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def provider(model_class, **changes):
    """An implementation whose models are of that class, built with changed keywords."""

    def build(shape, weights, *, learning_rate, loss_divisor, device, dtype):
        given = {"learning_rate": learning_rate, "loss_divisor": loss_divisor, "dtype": dtype}
        for name, change in changes.items():
            given[name] = change(given[name])
        return model_class(shape, weights, **given)

    return SimpleNamespace(build=build)


def to_bits(values, bits):
    """Values rounded to so many significant bits."""
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.rint(mantissa * 2.0**bits) / 2.0**bits, exponent)


class UpdateTwice(NumpyModel):
    def train_step(self, batch):
        loss = super().train_step(batch)
        for parameter, update in zip(self._parameters, self._gradients, strict=True):
            parameter -= update
        return loss


class StaleBatch(NumpyModel):
    stale = None

    def train_step(self, batch):
        batch, self.stale = self.stale or batch, batch
        return super().train_step(batch)


class Transposed(NumpyModel):
    def _forward(self, images, outputs):
        self._parameters[2] = self._parameters[2].T
        super()._forward(images, outputs)
        self._parameters[2] = self._parameters[2].T


class ReluGradientNegated(NumpyModel):
    def _backward(self, images, buffers):
        for hidden in buffers.activations[:-1]:
            np.negative(hidden, out=hidden)
        super()._backward(images, buffers)
        for gradient in self._gradients[2::2]:
            np.negative(gradient, out=gradient)


class ReluGradientIgnored(NumpyModel):
    def _backward(self, images, buffers):
        for hidden in buffers.activations[:-1]:
            hidden += 1e-30
        super()._backward(images, buffers)


class MissingBias(NumpyModel):
    def _forward(self, images, outputs):
        kept = [bias.copy() for bias in self._parameters[1::2]]
        for bias in self._parameters[1::2]:
            bias[:] = 0
        super()._forward(images, outputs)
        self._parameters[1::2] = kept


class BiasNotUpdated(NumpyModel):
    def _backward(self, images, buffers):
        super()._backward(images, buffers)
        self._gradients[-1][:] = 0


class Momentum(NumpyModel):
    velocity = None

    def _backward(self, images, buffers):
        super()._backward(images, buffers)
        if self.velocity is not None:
            for gradient, earlier in zip(self._gradients, self.velocity, strict=True):
                gradient += 0.1 * earlier
        self.velocity = [gradient.copy() for gradient in self._gradients]


class LastExampleIgnored(NumpyModel):
    def _loss(self, labels, buffers):
        loss = super()._loss(labels, buffers)
        buffers.activations[-1][-1] = 0
        return loss


class FewBitProducts(NumpyModel):
    """The forward products' operands rounded, as tensor cores do."""

    bits = 8

    def _forward(self, images, outputs):
        kept = self._parameters
        self._parameters = [to_bits(values, self.bits).astype(values.dtype) for values in kept]
        super()._forward(images, outputs)
        self._parameters = kept


class Tf32Products(FewBitProducts):
    bits = 11


class FewBitWeights(NumpyModel):
    def train_step(self, batch):
        loss = super().train_step(batch)
        self._parameters = [to_bits(values, 8).astype(values.dtype) for values in self._parameters]
        return loss


class UnshiftedSoftmax(NumpyModel):
    def shift(self, logits):
        return 0.0

    def _loss(self, labels, buffers):
        logits = buffers.activations[-1]
        with np.errstate(all="ignore"):
            exponentials = np.exp(logits - self.shift(logits))
            p = exponentials / exponentials.sum(axis=1, keepdims=True)
            loss = -np.log(p[buffers.rows, labels]).mean()
            logits[:] = p
            logits[buffers.rows, labels] -= 1
            logits /= len(labels)
        return loss

    def _backward(self, images, buffers):
        with np.errstate(all="ignore"):
            super()._backward(images, buffers)

    def train_step(self, batch):
        with np.errstate(all="ignore"):
            return super().train_step(batch)


class ShiftedByColumn(UnshiftedSoftmax):
    """The flaw that shift invariance conceals: a column's maximum stands for every row's."""

    def shift(self, logits):
        return logits.max(axis=0)[0]


class ShiftedByAll(UnshiftedSoftmax):
    def shift(self, logits):
        return logits.max()


class ShiftedAlongWrongAxis(UnshiftedSoftmax):
    def shift(self, logits):
        return logits.max(axis=0, keepdims=True)


class WrongLossOnly(NumpyModel):
    def _loss(self, labels, buffers):
        return super()._loss(labels, buffers) * 1.001


class LossNotANumber(NumpyModel):
    def read(self, loss):
        return float("nan")


class WrongPredictionOnly(NumpyModel):
    def predict(self, images):
        return 1.001 * super().predict(images)


class WeightsAsTheyCame(NumpyModel):
    def weights(self):
        return [values.T.copy() for values in super().weights()]


MUTATIONS = {
    "update twice": provider(UpdateTwice),
    "stale batch": provider(StaleBatch),
    "learning rate off by a thousandth": provider(NumpyModel, learning_rate=lambda rate: 1.001 * rate),
    "learning rate ignored": provider(NumpyModel, learning_rate=lambda rate: 0.1),
    "transposed weight": provider(Transposed),
    "ReLU's gradient negated": provider(ReluGradientNegated),
    "ReLU's gradient ignored": provider(ReluGradientIgnored),
    "missing bias": provider(MissingBias),
    "last bias not updated": provider(BiasNotUpdated),
    "momentum": provider(Momentum),
    "last example ignored": provider(LastExampleIgnored),
    "8-bit products": provider(FewBitProducts),
    "tf32 products": provider(Tf32Products),
    "8-bit weights": provider(FewBitWeights),
    "softmax not shifted": provider(UnshiftedSoftmax),
    "softmax shifted by a column's maximum": provider(ShiftedByColumn),
    "softmax shifted by the maximum of all": provider(ShiftedByAll),
    "softmax maximum along the wrong axis": provider(ShiftedAlongWrongAxis),
    "loss wrong, gradients right": provider(WrongLossOnly),
    "loss not a number": provider(LossNotANumber),
    "prediction wrong": provider(WrongPredictionOnly),
    "loss divisor wrong": provider(NumpyModel, loss_divisor=lambda _: 33),
}


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


@pytest.mark.parametrize("name", ["crashes", "hangs", "eats_memory", "prints", "raises"])
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
