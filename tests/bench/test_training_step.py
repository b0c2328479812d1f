from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from bench import equality
from bench.case import Case
from bench.errors import BadInput
from bench.workloads import training_step
from mlp_impls import Shape, initial_weights, numpy_scratch

PARAMETERS = {"inputs": 784, "hidden": [256], "outputs": 10, "batch": 256, "learning_rate": 0.1}


def case(**parameters):
    return Case("throughput", "g", "n", "training_step", "p", "numpy", PARAMETERS | parameters, seed=4)


@pytest.fixture
def data(tmp_path):
    """A folder of 200 images, each of which holds its own number in its first two pixels."""
    images = np.zeros((200, 28, 28), np.uint8)
    images[:, 0, 0], images[:, 0, 1] = np.arange(200), 255
    np.save(tmp_path / "train-images.npy", images)
    np.save(tmp_path / "train-labels.npy", (np.arange(200) % 10).astype(np.uint8))
    return tmp_path


class Spy:
    """A provider that keeps what it is given."""

    def __init__(self):
        self.VARIANTS = {"fast": {"trick": 7}}
        self.built, self.placed, self.stepped = None, [], []

    def build(self, shape, weights, **keywords):
        self.built = SimpleNamespace(shape=shape, weights=weights, **keywords)
        return self

    def place(self, images, labels):
        self.placed.append((images, labels))
        return len(self.placed) - 1

    def train_step(self, batch):
        self.stepped.append(batch)

    def synchronize(self):
        self.stepped.append("synchronized")


def test_the_default_step_needs_the_flops_that_the_design_names():
    assert training_step.work(case()).flops == 209_453_056


@pytest.mark.parametrize("hidden", [[], [7], [16, 5], [8, 9, 10]])
def test_flops_are_what_the_counter_of_torch_counts(hidden):
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    sizes = [12, *hidden, 4]
    layers = [torch.nn.Linear(rows, columns) for rows, columns in pairwise(sizes)]
    with FlopCounterMode(display=False) as counter:
        torch.nn.Sequential(*layers)(torch.zeros(6, 12)).sum().backward()
    assert training_step.work(case(inputs=12, hidden=hidden, outputs=4, batch=6)).flops == counter.get_total_flops()


def test_bytes_are_batch_parameters_twice_and_activations_twice():
    found = training_step.work(case(inputs=3, hidden=[2], outputs=4, batch=5))
    parameters, activations = (3 + 1) * 2 + (2 + 1) * 4, 5 * (2 + 4)
    assert found.bytes == 4 * (2 * parameters + 5 * 3 + 2 * activations) + 5 * 8


@pytest.mark.parametrize(("dtype", "size"), [("float16", 2), ("bfloat16", 2), ("float64", 8)])
def test_bytes_follow_the_dtype_and_labels_stay_int64(dtype, size):
    single = training_step.work(case()).bytes - 256 * 8
    assert training_step.work(replace(case(), dtype=dtype)).bytes - 256 * 8 == single * size // 4


def test_items_are_the_examples_of_the_batch():
    found = training_step.work(case(batch=33))
    assert (found.items, found.item) == (33, "examples")


def test_steps_cycle_over_the_resident_batches(data):
    spy = Spy()
    prepared = training_step.prepare(case(batch=5), spy, data)
    for _ in range(training_step.RESIDENT_BATCHES + 2):
        prepared.step()
    assert spy.stepped == [*range(training_step.RESIDENT_BATCHES), 0, 1]


def test_batches_hold_images_in_unit_range_beside_their_own_labels(data):
    spy = Spy()
    training_step.prepare(case(batch=5), spy, data)
    assert len(spy.placed) == training_step.RESIDENT_BATCHES
    for images, labels in spy.placed:
        assert (images.shape, images.dtype, labels.dtype) == ((5, 784), np.float32, np.int64)
        np.testing.assert_array_equal(np.rint(images[:, 0] * 255).astype(int) % 10, labels)
        assert images.max() == 1


def test_no_image_is_used_twice_while_there_are_others(data):
    spy = Spy()
    training_step.prepare(case(batch=12), spy, data)
    numbers = np.rint(np.concatenate([images[:, 0] for images, _ in spy.placed]) * 255)
    assert len(set(numbers)) == 12 * training_step.RESIDENT_BATCHES


def test_more_examples_than_there_are_images_repeat_them(data):
    spy = Spy()
    training_step.prepare(case(batch=100), spy, data)
    assert [len(labels) for _, labels in spy.placed] == [100] * training_step.RESIDENT_BATCHES


def test_the_seed_of_the_case_draws_images_and_weights(data):
    spies = [Spy(), Spy(), Spy()]
    for spy, seed in zip(spies, (4, 4, 5), strict=True):
        training_step.prepare(replace(case(batch=5), seed=seed), spy, data)
    first, same, other = (spy.placed[0][0] for spy in spies)
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(spies[2].built.weights[0], initial_weights(Shape(), 5)[0])


def test_the_model_is_built_as_the_case_says_with_its_variant(data):
    spy = Spy()
    training_step.prepare(replace(case(hidden=[3, 2], batch=5), dtype="float64", variant="fast"), spy, data)
    assert spy.built.shape == Shape(784, (3, 2), 10)
    assert (spy.built.dtype, spy.built.device, spy.built.learning_rate) == ("float64", "cpu", 0.1)
    assert (spy.built.loss_divisor, spy.built.trick) == (None, 7)


def test_synchronize_is_that_of_the_model(data):
    spy = Spy()
    training_step.prepare(case(batch=5), spy, data).synchronize()
    assert spy.stepped == ["synchronized"]


@pytest.mark.parametrize(("parameters", "named"), [({"inputs": 100}, "inputs 100"), ({"outputs": 9}, "outputs 9")])
def test_a_shape_that_does_not_fit_the_data_is_bad_input(data, parameters, named):
    with pytest.raises(BadInput, match=named):
        training_step.prepare(case(batch=5, **parameters), Spy(), data)


def test_the_check_takes_the_images_of_the_case(data, monkeypatch):
    asked = {}
    monkeypatch.setattr(equality, "check", lambda *arguments, **keywords: asked.update(keywords))
    training_step.check(case(batch=5), numpy_scratch, data)
    assert asked["images"].shape == (50, 784)
    assert set(asked["images"][:, 1]) == {1.0}


def test_the_check_goes_without_images_where_there_are_none(tmp_path):
    assert training_step.check(case(batch=5, hidden=[3]), numpy_scratch, tmp_path).equal


@pytest.mark.parametrize("divisor", [None, 4.0])
def test_a_batch_that_the_reference_would_take_too_long_for_is_compared_in_part(tmp_path, monkeypatch, divisor):
    whole = case(batch=4, loss_divisor=divisor)
    flops = training_step.needed(training_step.shape_of(whole), 1, "float32").flops
    assert training_step.check(whole, numpy_scratch, tmp_path).note is None
    monkeypatch.setattr(training_step, "CHECK_FLOPS", 2.5 * flops * training_step.CHECK_STEPS)
    seen = []

    def build(*arguments, **keywords):
        model = numpy_scratch.build(*arguments, **keywords)
        step = model.train_step
        model.train_step = lambda batch: (seen.append(len(batch[1])), step(batch))[1]
        return model

    found = training_step.check(whole, SimpleNamespace(build=build), tmp_path)
    assert found.equal
    assert set(seen) == {2}
    assert "batches of 2" in found.note
    assert "4 examples" in found.note
