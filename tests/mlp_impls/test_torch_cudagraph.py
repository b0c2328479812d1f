"""Steps that are captured by hand, with graphs that replay by calling; ``tests/cuda`` has CUDA's own."""

from __future__ import annotations

import gc
import importlib
import warnings
import weakref
from types import SimpleNamespace

import numpy as np
import pytest

from bench.equality import check
from mlp_impls import Shape, initial_weights
from tests.frameworks.inside import BEHAVIOURS, failures

torch = pytest.importorskip("torch")

from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from mlp_impls import torch_cudagraph  # noqa: E402
from mlp_impls.cuda import steps  # noqa: E402
from mlp_impls.cuda.graphs import Uncaptured  # noqa: E402
from mlp_impls.cuda.steps import Steps  # noqa: E402

SHAPE = Shape(9, (8, 6), 4)
VARIANTS = {"": {}} | torch_cudagraph.VARIANTS


class Recorded:
    """Graphs that note what is asked of them; with ``idle``, a replay does nothing."""

    def __init__(self, idle=False):
        self.idle = idle
        self.warmed = self.captured = 0

    def warm_up(self, function):
        self.warmed += 1
        return [function() for _ in range(3)][-1]

    def capture(self, function):
        self.captured += 1
        return Replay((lambda: None) if self.idle else function)


class Replay:
    def __init__(self, function):
        self.replay = function


class Late:
    """A branch whose parts are done as late as they may be."""

    def __init__(self):
        self.parts = []

    def run(self, part):
        self.parts.append(part)

    def join(self):
        while self.parts:
            self.parts.pop(0)()


class Adder:
    """A step that adds the sum of its images to a total, which is its loss."""

    def __init__(self, recorded):
        self.total = torch.zeros(())
        self.losses = {}
        self.recorded = recorded
        self.steps = Steps(self.step, [self.total], recorded)

    def step(self, images, labels):
        loss = self.losses.setdefault(len(labels), torch.empty(()))
        return loss.copy_(self.total.add_(images.sum()))

    def placed(self, value, size=2):
        return self.steps.placed(torch.full((size, 1), float(value)), torch.zeros(size, dtype=torch.int64))


@pytest.fixture
def recorded(monkeypatch):
    found = Recorded()
    monkeypatch.setattr(torch_cudagraph, "CudaGraphs", lambda: found)
    monkeypatch.setattr(torch_cudagraph, "Branch", Late)
    return found


@pytest.fixture
def adder():
    return Adder(Recorded())


def model_of(shape=SHAPE, dtype="float32", loss_divisor=None):
    settings = {"learning_rate": 0.1, "loss_divisor": loss_divisor, "device": "cpu", "dtype": dtype}
    return torch_cudagraph.build(shape, initial_weights(shape, 0), **settings)


def examples(batch=8, seed=0):
    generator = np.random.default_rng(seed)
    return generator.random((batch, SHAPE.inputs), dtype=np.float32), generator.integers(SHAPE.outputs, size=batch)


# float32 has fewer layers: MKL adds a product to what it updates term by term, where cuBLAS adds the sum.
@pytest.mark.parametrize(
    ("dtype", "hidden"),
    [
        ("float32", ()), ("float32", (7,)), ("float32", (32, 16)),
        ("float64", ()), ("float64", (7,)), ("float64", (16, 16, 16)),
        ("bfloat16", (16,)), ("float16", (16, 16)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("variant", VARIANTS)
def test_equal(recorded, variant, dtype, hidden):
    settings = {"dtype": dtype, "device": "cpu", "batch": 32, "learning_rate": 0.1, "seed": 0}
    found = check(torch_cudagraph, VARIANTS[variant], shape=Shape(64, hidden, 10), **settings)
    assert found.equal, found


@pytest.mark.parametrize("behaviour", sorted(set(BEHAVIOURS) - {"what it cannot do has a reason"}))
@pytest.mark.parametrize("variant", VARIANTS)
def test_behaviour(recorded, variant, behaviour):
    module = SimpleNamespace(build=torch_cudagraph.build, unsupported=lambda device, dtype: None)
    wrong = failures(module, VARIANTS[variant])[behaviour]
    assert wrong is None, wrong


@pytest.mark.parametrize("size", [8, 5])
def test_warming_up_and_capturing_change_no_weight(recorded, size):
    recorded.idle = True
    model = model_of()
    model.train_step(model.place(*examples(size)))
    assert recorded.warmed == recorded.captured == 1
    for value, start in zip(model.weights(), initial_weights(SHAPE, 0), strict=True):
        np.testing.assert_array_equal(value, start)


@pytest.mark.parametrize("divisor", [None, 3.0])
def test_a_replay_writes_to_nothing_but_memory_that_is_there(recorded, divisor):
    class NothingNew(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            returned = function._schema.returns
            assert all(one.alias_info is not None for one in returned), f"{function} returns new memory"
            return function(*args, **kwargs or {})

    model = model_of(loss_divisor=divisor)
    batch = model.place(*examples())
    for _ in range(2):
        model.train_step(batch)
    with NothingNew():
        model.train_step(batch)
    assert recorded.captured == 2


def test_a_size_is_captured_once_for_all_batches_that_do_not_come_back(adder):
    for value in range(1, 6):
        assert adder.steps(adder.placed(value)).value.item() == value * (value + 1)
    assert (adder.recorded.warmed, adder.recorded.captured) == (1, 1)
    adder.steps(adder.placed(1, size=3))
    assert (adder.recorded.warmed, adder.recorded.captured) == (2, 2)


def test_a_batch_that_comes_back_has_a_graph_that_reads_it_where_it_lies(adder):
    batches = [adder.placed(1), adder.placed(2)]
    for batch in batches:
        adder.steps(batch)
    assert adder.recorded.captured == 1
    for batch in [*batches, *batches]:
        adder.steps(batch)
    assert adder.recorded.captured == 3
    assert adder.total.item() == 18
    batches[0][0].fill_(100)
    assert adder.steps(batches[0]).value.item() == 218


def test_tensors_that_were_not_placed_are_copied_at_each_step(adder):
    other = Adder(adder.recorded)
    for batch in (tuple(adder.placed(1)), other.placed(1)):
        for _ in range(3):
            adder.steps(batch)
    assert adder.total.item() == 12
    assert adder.recorded.captured == 1


def test_graphs_of_batches_are_bounded_and_go_with_their_batches(adder, monkeypatch):
    monkeypatch.setattr(steps, "OWN_GRAPHS", 3)
    batches = [adder.placed(1) for _ in range(5)]
    for batch in batches * 3:
        adder.steps(batch)
    assert adder.recorded.captured == 1 + 3
    assert adder.total.item() == 30
    del batches[:2], batch
    gc.collect()
    for batch in batches:
        adder.steps(batch)
    assert adder.recorded.captured == 1 + 5


def test_a_loss_that_is_held_outlives_later_steps_and_one_that_is_not_costs_no_copy(adder):
    batch = adder.placed(1)
    held = [adder.steps(batch) for _ in range(4)]
    assert [loss.value.item() for loss in held] == [2, 4, 6, 8]
    shared = adder.losses[2]
    assert [loss.value is shared for loss in held] == [False, False, False, True]
    del held
    copies = []
    adder.losses[2].clone = lambda: copies.append(1)
    adder.steps(batch)
    adder.steps(batch)
    assert copies == []


# Epochs at once


def test_an_epoch_is_its_steps_in_their_order_with_a_loss_each(adder):
    values = [1, 2, 3, 4]
    losses = adder.steps.epoch([adder.placed(value, size) for value, size in zip(values, (2, 2, 3, 2), strict=True)])
    assert [loss.value.item() for loss in losses] == [2, 6, 15, 23]
    assert adder.total.item() == 23
    assert adder.steps.epoch([]) == []


def test_epochs_of_the_same_sizes_are_one_capture_whatever_is_in_them(adder):
    sizes = (2, 2, 3)
    for number in range(1, 4):
        adder.steps.epoch([adder.placed(number, size) for size in sizes])
        assert (adder.recorded.warmed, adder.recorded.captured) == (2, 1)
    assert adder.total.item() == 7 * (1 + 2 + 3)
    adder.steps.epoch([adder.placed(1, size) for size in (2, 3, 2)])
    assert adder.recorded.captured == 2
    assert adder.total.item() == 42 + 7


def test_capturing_an_epoch_changes_nothing():
    adder = Adder(Recorded(idle=True))
    adder.steps.epoch([adder.placed(1), adder.placed(2, size=3)])
    assert adder.total.item() == 0


def test_losses_of_an_epoch_outlive_what_comes_after(adder):
    first = adder.steps.epoch([adder.placed(1), adder.placed(1)])
    second = adder.steps.epoch([adder.placed(1), adder.placed(1)])
    last = adder.steps(adder.placed(1))
    after = adder.steps.epoch([adder.placed(1), adder.placed(1)])
    adder.steps(adder.placed(1))
    assert [loss.value.item() for loss in (*first, *second, last, *after)] == [2, 4, 6, 8, 10, 12, 14]


def test_batches_of_an_epoch_stay_as_they_are_and_may_lie_anywhere(adder):
    batches = [adder.placed(1), adder.placed(2)]
    strided = torch.full((2, 4), 3.0)[:, ::4], torch.zeros(2, dtype=torch.int64)
    adder.steps.epoch([*batches, strided])
    adder.steps.epoch([strided, strided, strided])
    assert [float(images.sum()) for images, _ in batches] == [2, 4]
    assert adder.total.item() == 2 + 4 + 6 + 3 * 6


def test_buffers_of_an_epoch_of_other_sizes_are_let_go(adder):
    adder.steps.epoch([adder.placed(1), adder.placed(1)])
    alive = weakref.ref(adder.steps._epoch.images[0])
    adder.steps.epoch([adder.placed(1)])
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize("divisor", [None, 8.0])
@pytest.mark.parametrize("variant", VARIANTS)
def test_training_on_whole_epochs_is_training_step_by_step(recorded, variant, divisor):
    settings = {"learning_rate": 0.1, "loss_divisor": divisor, "device": "cpu", "dtype": "float64"}
    whole, stepped = (
        torch_cudagraph.build(SHAPE, initial_weights(SHAPE, 0), **settings, **VARIANTS[variant]) for _ in range(2)
    )
    for epoch in range(3):
        batches = [examples(size, seed=10 * epoch + number) for number, size in enumerate((8, 8, 8, 5))]
        losses = whole.train_epoch([whole.place(*one) for one in batches])
        expected = [stepped.train_step(stepped.place(*one)) for one in batches]
        assert [whole.read(loss) for loss in losses] == [stepped.read(loss) for loss in expected]
    for value, other in zip(whole.weights(), stepped.weights(), strict=True):
        np.testing.assert_array_equal(value, other)


def test_what_stands_in_for_graphs_calls_at_each_replay():
    calls = []
    stand_in = Uncaptured()
    assert stand_in.warm_up(lambda: calls.append(1) or 7) == 7
    graph = stand_in.capture(lambda: calls.append(2))
    assert calls == [1]
    graph.replay()
    graph.replay()
    assert calls == [1, 2, 2]


def test_it_needs_a_cuda_device(monkeypatch):
    assert torch_cudagraph.unsupported("cpu", "float32") == "torch_cudagraph needs a CUDA device"
    assert torch_cudagraph.unsupported("cuda", "int8") == "torch_cudagraph has no int8"
    for there, reason in ((False, "torch sees no CUDA device"), (True, None)):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert torch_cudagraph.unsupported("cuda", "float32") == reason


@pytest.fixture
def careless():
    """Have torch multiply in as few bits as it can be asked to, as its environment may."""
    switches = torch.backends.cuda.matmul

    def ask(precision, reduced):
        with warnings.catch_warnings(action="ignore"):
            torch.set_float32_matmul_precision(precision)
        switches.allow_fp16_reduced_precision_reduction = switches.allow_bf16_reduced_precision_reduction = reduced

    ask("high", True)
    yield switches
    ask("highest", True)


@pytest.mark.parametrize("name", ["torch_scratch", "torch_manual", "torch_concise", "torch_compile", "torch_cudagraph"])
def test_no_product_is_in_fewer_bits_than_its_dtype(recorded, careless, name):
    assert careless.allow_tf32
    settings = {"learning_rate": 0.1, "loss_divisor": None, "device": "cpu", "dtype": "float32"}
    importlib.import_module(f"mlp_impls.{name}").build(SHAPE, initial_weights(SHAPE, 0), **settings)
    assert not careless.allow_tf32
    assert not careless.allow_fp16_reduced_precision_reduction
    assert not careless.allow_bf16_reduced_precision_reduction
