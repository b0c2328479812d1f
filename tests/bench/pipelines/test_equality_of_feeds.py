"""A pipeline that feeds anything else, or an implementation that is wrong, is not equal and not timed."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from bench import pipelines
from bench.workloads import fed_epoch, training_step
from tests.bench.pipelines.fed import IN_PROCESS, NAMES, NETWORKS, ON_ONE_CORE, Recorder, case, torch_concise

pytestmark = ON_ONE_CORE


@pytest.mark.parametrize("provider", NETWORKS)
@pytest.mark.parametrize(("name", "kind"), NAMES)
def test_what_ships_is_equal(data, name, kind, provider):
    found = fed_epoch.check(case(name, kind), provider, data)
    assert (found.equal, found.note) == (True, None)
    assert found.worst == f"the loss on what {f'{name}:{kind}'.rstrip(':')} feeds"


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float16"])
def test_equality_holds_in_other_dtypes(data, dtype):
    for name, kind in IN_PROCESS:
        assert fed_epoch.check(replace(case(name, kind), dtype=dtype), torch_concise, data).equal


def spoilt(monkeypatch, spoil):
    """Have every pipeline's feed pass its batches through a function of their list."""
    load = pipelines.load

    def loaded(name):
        module = load(name)

        def build(*arguments, **keywords):
            feed = module.build(*arguments, **keywords)
            return lambda start, stop: iter(spoil(list(feed(start, stop))))

        return SimpleNamespace(build=build)

    monkeypatch.setattr(pipelines, "load", loaded)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda batches: batches[:-1],
        lambda batches: [*batches[:-1], batches[0]],
        lambda batches: [(images, labels.flip(0)) for images, labels in batches],
        lambda batches: [(images * 1.0001, labels) for images, labels in batches],
        lambda batches: [(images - 0.5, labels) for images, labels in batches],
    ],
    ids=["a batch too few", "a batch twice", "others' labels", "other values", "normalised"],
)
def test_a_pipeline_that_feeds_something_else_is_not_equal(data, monkeypatch, spoil):
    spoilt(monkeypatch, spoil)
    found = fed_epoch.check(case(), torch_concise, data)
    assert not found.equal
    assert "each image once" in found.note


def test_losses_that_differ_are_not_equal(data, monkeypatch):
    """The images are right, but the network is trained on each batch with a loss that is off by a thousandth."""

    class Off(Recorder):
        def build(self, *arguments, **keywords):
            self.built = getattr(self, "built", 0) + 1
            model = super().build(*arguments, **keywords)
            read, factor = model.read, 1.001 if self.built % 2 else 1.0
            model.read = lambda loss: read(loss) * factor
            return model

    monkeypatch.setattr(training_step, "check", lambda *arguments: SimpleNamespace(equal=True, note=None))
    found = fed_epoch.check(case(), Off(), data)
    assert not found.equal
    assert found.deviation == pytest.approx(0.001, rel=0.01)


def test_an_implementation_that_is_not_equal_is_not_fed(data, monkeypatch):
    refused = SimpleNamespace(equal=False)
    monkeypatch.setattr(training_step, "check", lambda *arguments: refused)
    assert fed_epoch.check(case(), torch_concise, data) is refused


def test_work_is_that_of_its_batches_whatever_feeds_them():
    found = {fed_epoch.work(case(name, kind)) for name, kind in NAMES}
    assert len(found) == 1
    work, one = found.pop(), training_step.work(case())
    assert (work.flops, work.bytes, work.items, work.item) == (4 * one.flops, 4 * one.bytes, 32, "examples")
