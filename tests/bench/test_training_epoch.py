"""One epoch: which batches, what is timed, what is told of it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench import timing
from bench.case import Case
from bench.errors import BadInput
from bench.workloads import training_epoch, training_step
from mlp_impls import Shape, initial_weights, numpy_scratch

IMAGES, BATCH = 50, 16  # three batches and one of two
PARAMETERS = {"inputs": 4, "hidden": [8], "outputs": 3, "batch": BATCH, "learning_rate": 0.1, "loss_divisor": None}


def case(**parameters):
    return Case("accuracy", "g", "n", "training_epoch", "p", "numpy", PARAMETERS | parameters, seed=4)


def saved(folder, count=IMAGES):
    """A folder of random images of 2 x 2, of which the first pixel is the image's own number."""
    generator = np.random.default_rng(1)
    for split, number in (("train", count), ("test", 20)):
        images = generator.integers(0, 256, (number, 2, 2), dtype=np.uint8)
        images[:, 0, 0] = np.arange(number)
        np.save(folder / f"{split}-images.npy", images)
        np.save(folder / f"{split}-labels.npy", generator.integers(0, 3, number).astype(np.uint8))
    return folder


@pytest.fixture
def data(tmp_path):
    return saved(tmp_path)


class Spy:
    """A provider whose models write down what is done with them, and when by a clock that only it moves."""

    def __init__(self):
        self.done, self.now, self.placed, self.models = [], 0.0, [], 0

    def build(self, shape, weights, **keywords):
        self.models += 1
        return SpyModel(self, self.models)

    def clock(self):
        return self.now


class SpyModel:
    def __init__(self, spy, number):
        self.spy, self.number = spy, number

    def note(self, what, seconds):
        self.spy.done.append((what, self.number))
        self.spy.now += seconds

    def place(self, images, labels):
        self.note("place", 1000.0)
        if self.number == 2:
            self.spy.placed.append((np.rint(images[:, 0] * 255).astype(int), labels))
        return len(labels)

    def train_step(self, batch):
        self.note("step", 1.0)
        return batch

    def read(self, loss):
        self.note("read", 1000.0)
        return float(loss)

    def predict(self, images):
        self.note("predict", 1000.0)
        return np.eye(3)[np.zeros(len(images), int)]

    def synchronize(self):
        self.note("synchronize", 0.25)


def order(data, seed=4, epochs=1):
    """The numbers of the images by epoch and batch."""
    spy = Spy()
    prepared = training_epoch.prepare(replace(case(), seed=seed), spy, data)
    for _ in range(epochs):
        spy.placed.clear()
        prepared.wake()
    return [numbers.tolist() for numbers, _ in spy.placed]


def test_an_epoch_is_every_image_once_with_the_short_last_batch_kept(data):
    batches = order(data)
    assert [len(batch) for batch in batches] == [16, 16, 16, 2]
    assert sorted(number for batch in batches for number in batch) == list(range(IMAGES))


def test_the_order_is_that_of_the_seed_and_the_epoch(data):
    first = order(data)
    assert order(data) == first
    assert order(data, seed=5) != first
    assert order(data, epochs=2) != first
    assert order(data, epochs=2) == order(data, epochs=2)


def test_the_order_is_the_same_for_every_model(data):
    """What a model draws or is told between epochs changes nothing: the order comes from seed and epoch alone."""
    spy = Spy()
    prepared = training_epoch.prepare(case(), spy, data)
    np.random.default_rng(0).random(10)
    prepared.wake()
    prepared.step()
    prepared.tell()
    spy.placed.clear()
    prepared.wake()
    assert [numbers.tolist() for numbers, _ in spy.placed] == order(data, epochs=2)


def test_images_keep_their_labels(data):
    spy = Spy()
    training_epoch.prepare(case(), spy, data).wake()
    labels = np.load(data / "train-labels.npy")
    for numbers, placed in spy.placed:
        np.testing.assert_array_equal(placed, labels[numbers])


def test_batches_that_go_in_evenly_have_no_empty_one_behind_them(tmp_path):
    spy = Spy()
    training_epoch.prepare(case(), spy, saved(tmp_path, 32)).wake()
    assert [len(labels) for _, labels in spy.placed] == [16, 16]


def test_nothing_but_steps_and_the_wait_for_them_is_timed(data):
    spy = Spy()
    prepared = training_epoch.prepare(case(), spy, data)
    taken = timing.sample(prepared.step, prepared.synchronize, 1, spy.clock, prepared.wake)
    assert taken.elapsed_s == 4 * 1.0 + 0.25
    assert taken.wake_s == 4 * 1000 + 0.25


def test_a_step_is_one_pass_over_the_batches_in_their_order(data):
    spy = Spy()
    prepared = training_epoch.prepare(case(), spy, data)
    prepared.wake()
    spy.done.clear()
    prepared.step()
    assert spy.done == [("step", 2)] * 4


def test_another_model_rehearses_a_step_of_each_size(data):
    spy = Spy()
    training_epoch.prepare(case(), spy, data)
    assert spy.done == [("place", 1), ("place", 1), ("step", 1), ("step", 1), ("synchronize", 1)]
    assert spy.models == 2


def test_the_rehearsal_leaves_the_model_at_its_first_weights(data):
    training = training_epoch._Training(case(), numpy_scratch, data)
    for found, wanted in zip(training.model.weights(), initial_weights(Shape(4, (8,), 3), 4), strict=True):
        np.testing.assert_array_equal(found, wanted.astype(np.float32))


def by_hand(data, divisor, learning_rate=0.1):
    """An epoch in float64 written out for one hidden layer: loss per example and the weights after it."""
    images, labels = (np.load(data / f"train-{what}.npy") for what in ("images", "labels"))
    images = (images.reshape(len(images), -1).astype(np.float32) / np.float32(255)).astype(np.float64)
    w1, b1, w2, b2 = (np.array(values, dtype=np.float64) for values in initial_weights(Shape(4, (8,), 3), 4))
    total = 0.0
    numbers = np.random.default_rng((4, 0)).permutation(len(labels))
    for start in range(0, len(labels), BATCH):
        part = numbers[start : start + BATCH]
        x, y = images[part], np.eye(3)[labels[part]]
        before = x @ w1 + b1
        hidden = np.maximum(before, 0)
        logits = hidden @ w2 + b2
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        total -= float(np.log((shares * y).sum(axis=1)).sum())
        delta = (shares - y) / (divisor or len(part))
        back = (delta @ w2.T) * (before > 0)
        gradients = x.T @ back, back.sum(axis=0), hidden.T @ delta, delta.sum(axis=0)
        for values, gradient in zip((w1, b1, w2, b2), gradients, strict=True):
            values -= learning_rate * gradient
    return total / len(labels), (w1, b1, w2, b2)


def accuracy_by_hand(data, split, weights):
    images, labels = (np.load(data / f"{split}-{what}.npy") for what in ("images", "labels"))
    w1, b1, w2, b2 = weights
    logits = np.maximum(images.reshape(len(images), -1) / 255 @ w1 + b1, 0) @ w2 + b2
    return float(np.mean(logits.argmax(axis=1) == labels)), logits[: training_epoch.EXAMPLES].argmax(axis=1).tolist()


@pytest.mark.parametrize("divisor", [None, float(BATCH)])
def test_what_is_told_is_what_comes_out_by_hand_in_both_divisions(data, divisor):
    prepared = training_epoch.prepare(replace(case(loss_divisor=divisor), dtype="float64"), numpy_scratch, data)
    prepared.wake()
    prepared.step()
    told = prepared.tell()
    loss, weights = by_hand(data, divisor)
    assert told["train_loss"] == pytest.approx(loss, rel=1e-12)
    assert told["train_accuracy"] == accuracy_by_hand(data, "train", weights)[0]
    assert (told["test_accuracy"], told["predicted"]) == accuracy_by_hand(data, "test", weights)


def test_the_two_divisions_train_alike_until_the_short_batch_and_not_after_it(data):
    ends = {}
    for divisor in (None, float(BATCH)):
        training = training_epoch._Training(replace(case(loss_divisor=divisor), dtype="float64"), numpy_scratch, data)
        training.place()
        training.batches, short = training.batches[:-1], training.batches[-1]
        training.epoch()
        before = training.model.weights()
        training.model.train_step(short)
        ends[divisor] = before, training.model.weights()
    (mean, mean_after), (nominal, nominal_after) = ends.values()
    for index in range(4):
        np.testing.assert_allclose(mean[index], nominal[index], rtol=1e-12)
        moved, less = mean_after[index] - mean[index], nominal_after[index] - nominal[index]
        np.testing.assert_allclose(less, moved * 2 / BATCH, rtol=1e-6, atol=1e-12)
        assert np.abs(moved).max() > 1e-4


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_loss_that_is_not_finite_is_told_as_none(data):
    """JSON has no NaN, and a record that has one cannot be read again."""
    prepared = training_epoch.prepare(case(learning_rate=3e38), numpy_scratch, data)
    prepared.wake()
    prepared.step()
    assert prepared.tell()["train_loss"] is None


def test_batches_are_let_go_once_told(data):
    training = training_epoch._Training(case(), numpy_scratch, data)
    training.place()
    training.epoch()
    training.tell()
    assert training.batches == []


def test_images_that_do_not_fit_the_shape_are_bad_input(data):
    with pytest.raises(BadInput, match="inputs 5"):
        training_epoch.prepare(case(inputs=5), Spy(), data)


# Epochs at once


class AtOnce:
    """NumPy's implementation with epochs at once, which a test may spoil."""

    def __init__(self, spoil=lambda batches, number: batches, graph="captured"):
        self.spoil, self.graph, self.epochs = spoil, graph, []

    def build(self, *given, **settings):
        model = numpy_scratch.build(*given, **settings)
        model.graph, train_step, count = self.graph, model.train_step, itertools.count()

        def train_epoch(batches):
            self.epochs.append([len(labels) for _, labels in batches])
            return [train_step(batch) for batch in self.spoil(list(batches), next(count))]

        model.train_epoch = train_epoch
        return model


def test_a_model_that_takes_epochs_at_once_is_given_all_batches_in_one_call(data):
    provider = AtOnce()
    prepared = training_epoch.prepare(case(), provider, data)
    assert provider.epochs == [[16, 2]]  # rehearsed
    prepared.wake()
    prepared.step()
    assert provider.epochs[1:] == [[16, 16, 16, 2]]


def test_epochs_at_once_are_told_as_those_step_by_step(data):
    told = []
    for provider in (numpy_scratch, AtOnce()):
        prepared = training_epoch.prepare(case(), provider, data)
        for _ in range(2):
            prepared.wake()
            prepared.step()
        told.append(prepared.tell())
    assert told[0] == told[1]


def test_what_is_captured_says_that_epochs_are_taken_at_once(data):
    graphs = [training_epoch.prepare(case(), AtOnce(graph=graph), data).graph for graph in ("captured", None)]
    assert graphs == ["captured; an epoch at once", None]
    assert training_epoch.prepare(case(), numpy_scratch, data).graph == "none"


def test_epochs_at_once_that_come_to_the_same_are_equal(data):
    provider = AtOnce()
    assert training_epoch.check(case(), provider, data).equal
    assert provider.epochs == [[16, 16, 60_000 % 16 or 16]] * 2


def kept(batches, number, first=[]):  # noqa: B006
    """What a graph does whose buffers are not filled anew."""
    if number == 0:
        first[:] = batches
    return first


@pytest.mark.parametrize(
    "spoil",
    [
        kept,
        lambda batches, number: batches[::-1],
        lambda batches, number: [batches[0], batches[0], batches[2]],
        lambda batches, number: batches if number == 0 else [batches[1], batches[0], batches[2]],
    ],
)
def test_epochs_at_once_that_come_to_something_else_are_not_equal(data, spoil):
    found = training_epoch.check(case(), AtOnce(spoil), data)
    assert not found.equal
    assert found.deviation > found.bound
    assert "an epoch at once" in found.note


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_losses_that_are_not_finite_are_not_equal(data):
    def spoil(batches, number):
        images, labels = batches[-1]
        return [*batches[:-1], (images * np.float32("nan"), labels)]

    provider = AtOnce(spoil)
    assert not training_epoch.check(case(), provider, data).equal


def test_work_is_that_of_234_whole_batches_and_one_of_96():
    asked = Case("accuracy", "g", "n", "training_epoch", "p", "numpy", PARAMETERS | {
        "inputs": 784, "hidden": [256], "outputs": 10, "batch": 256})  # fmt: skip
    found = training_epoch.work(asked)
    assert found.flops == 234 * 209_453_056 + 209_453_056 * 96 // 256
    assert (found.items, found.item) == (60_000, "examples")
    step = training_step.needed(Shape(), 256, "float32").bytes, training_step.needed(Shape(), 96, "float32").bytes
    assert found.bytes == 234 * step[0] + step[1]


def test_batches_that_go_in_evenly_have_no_rest_of_work():
    asked = case(batch=60)
    assert training_epoch.work(asked).flops == 1000 * training_step.work(asked).flops


def test_a_folder_without_images_is_no_training(tmp_path):
    with pytest.raises(OSError, match="train-images"):
        training_epoch.prepare(case(), Spy(), Path(tmp_path))
