from __future__ import annotations

import numpy as np
import pytest

from mlp_impls import Shape, initial_weights, numpy_scratch

POWER = 2.0**20  # a learning rate: weights before minus weights after, over it, are the gradients


def build(shape, weights, learning_rate=0.1, loss_divisor=None, dtype="float64"):
    return numpy_scratch.build(
        shape, weights, learning_rate=learning_rate, loss_divisor=loss_divisor, device="cpu", dtype=dtype
    )


def examples(shape, batch, seed=1):
    generator = np.random.default_rng(seed)
    return generator.random((batch, shape.inputs)), generator.integers(shape.outputs, size=batch)


def spread_weights(shape, seed=0):
    """Weights as large as 1, so that no unit is near ReLU's kink by smallness alone."""
    generator = np.random.default_rng(seed)
    return [generator.standard_normal(values.shape) for values in initial_weights(shape, 0)]


def loss_of(shape, weights, images, labels, loss_divisor):
    model = build(shape, weights, loss_divisor=loss_divisor)
    return model.read(model.train_step(model.place(images, labels)))


@pytest.mark.parametrize("loss_divisor", [None, 3.0])
@pytest.mark.parametrize("hidden", [(), (4,), (5, 3), (4, 3, 6)])
def test_gradients_are_those_of_central_differences(hidden, loss_divisor):
    shape = Shape(6, hidden, 3)
    weights = spread_weights(shape)
    images, labels = examples(shape, 5)
    model = build(shape, weights, POWER, loss_divisor)
    model.train_step(model.place(images, labels))
    step = 1e-6
    for index, (before, after) in enumerate(zip(weights, model.weights(), strict=True)):
        numeric = np.empty_like(before)
        for at in np.ndindex(before.shape):
            sides = []
            for sign in (1, -1):
                moved = [values.copy() for values in weights]
                moved[index][at] += sign * step
                sides.append(loss_of(shape, moved, images, labels, loss_divisor))
            numeric[at] = (sides[0] - sides[1]) / (2 * step)
        np.testing.assert_allclose((before - after) / POWER, numeric, rtol=1e-7, atol=1e-8)


def test_loss_is_the_mean_of_minus_log_softmax():
    shape = Shape(4, (), 3)
    weights, (images, labels) = spread_weights(shape), examples(shape, 7)
    p = np.exp(images @ weights[0] + weights[1])
    p /= p.sum(axis=1, keepdims=True)
    expected = -np.log(p[np.arange(7), labels]).mean()
    assert loss_of(shape, weights, images, labels, None) == pytest.approx(expected, rel=1e-14)


def test_one_step_subtracts_the_learning_rate_times_the_gradient():
    shape = Shape(4, (3,), 3)
    weights, batch = spread_weights(shape), examples(shape, 7)
    small, large = build(shape, weights, 0.25), build(shape, weights, POWER)
    for model in (small, large):
        model.train_step(model.place(*batch))
    for start, one, other in zip(weights, small.weights(), large.weights(), strict=True):
        np.testing.assert_allclose((start - one) / 0.25, (start - other) / POWER, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_logits_of_ten_thousand_give_the_exact_loss_and_gradient(dtype):
    shape = Shape(2, (), 3)
    weights = [np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 0.0]]), np.zeros(3)]
    # The last image's logits are all zero, far below the others' maxima.
    images, labels = np.array([[1.0, 0], [0, 1], [1, 0], [0, 0]]), np.array([0, 0, 1, 0])
    model = build(shape, weights, POWER, dtype=dtype)
    loss = model.read(model.train_step(model.place(images, labels)))
    assert loss == pytest.approx((0 + 2e4 + 2e4 + np.log(3)) / 4, rel=1e-7)
    # Only the wrong ones pull: the second example from class 1 to 0, the third from class 0 to 1.
    np.testing.assert_allclose((weights[0] - model.weights()[0]) / POWER * 4, [[1, -1, 0], [-1, 1, 0]], rtol=1e-2)


def test_a_short_last_batch_gives_what_a_fresh_model_gives():
    shape = Shape(5, (4,), 3)
    weights = spread_weights(shape)
    images, labels = examples(shape, 8)
    used = build(shape, weights, 0.0)
    used.train_step(used.place(images, labels))
    short = used.place(images[:3], labels[:3])
    assert used.read(used.train_step(short)) == loss_of(shape, weights, images[:3], labels[:3], None)


def test_a_step_does_not_change_its_batch_or_the_loss_of_the_step_before():
    shape = Shape(5, (4,), 3)
    model = build(shape, spread_weights(shape))
    batch = model.place(*examples(shape, 8))
    before = batch[0].copy()
    first = model.train_step(batch)
    value = float(first)
    model.train_step(batch)
    assert float(first) == value
    np.testing.assert_array_equal(batch[0], before)


def test_a_step_allocates_nothing_as_large_as_a_layer():
    import tracemalloc

    shape = Shape(400, (300,), 10)
    model = build(shape, initial_weights(shape, 0), dtype="float32")
    batch = model.place(*examples(shape, 200))
    model.train_step(batch)
    tracemalloc.start()
    model.train_step(batch)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200 * 300 * 4 / 2


def test_weights_are_copies():
    shape = Shape(5, (4,), 3)
    given = initial_weights(shape, 0)
    model = build(shape, given, dtype="float32")
    model.weights()[0][:] = 7
    given[0][:] = 7
    np.testing.assert_array_equal(model.weights()[0], initial_weights(shape, 0)[0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_logits_and_loss_have_the_dtype(dtype):
    shape = Shape(5, (4,), 3)
    model = build(shape, initial_weights(shape, 0), dtype=dtype)
    images, labels = examples(shape, 8)
    loss = model.train_step(model.place(images, labels))
    assert {str(values.dtype) for values in (*model.weights(), model.predict(images), loss)} == {dtype}


@pytest.mark.parametrize(
    ("device", "dtype", "reason"),
    [
        ("cpu", "float32", None),
        ("cpu", "float64", None),
        ("cpu", "bfloat16", "NumPy has no bfloat16"),
        ("cpu", "float16", "NumPy multiplies float16 matrices without BLAS"),
        ("cuda", "float32", "NumPy has no CUDA"),
    ],
)
def test_what_it_cannot_do_has_a_reason(device, dtype, reason):
    assert numpy_scratch.unsupported(device, dtype) == reason
