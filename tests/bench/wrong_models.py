"""Models in NumPy that are wrong in one way each, and what checks them."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from bench.equality import check
from mlp_impls import Shape
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
