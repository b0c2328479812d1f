"""What pipelines share, what they refuse, and the study of them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from bench import implementations, pipelines, plugins, survey
from bench.pipelines import Layout, Stopwatch
from bench.studies import Options, pipeline
from bench.workloads import fed_epoch, training_step
from mlp_impls import numpy_scratch
from mlpbench.asked import Asked, groups
from tests.bench.pipelines.fed import NAMES, NETWORKS, case

torch = pytest.importorskip("torch")


def test_a_stopwatch_adds_up_and_waits_for_the_device_but_not_in_stages_of_the_host():
    ticks, waited = iter([1.0, 3.0, 10.0, 10.5, 20.0, 24.0]), []
    watch = Stopwatch(lambda: waited.append(1), clock=lambda: next(ticks))
    step, decode = watch("step", lambda value: value + 1), watch("decode", lambda: 7)
    assert (step(1), decode(), step(2)) == (2, 7, 3)
    assert watch.seconds == {"decode": 0.5, "collate": 0.0, "transfer": 0.0, "step": 6.0, "rest": 0.0}
    assert len(waited) == 2


@pytest.mark.parametrize("provider", NETWORKS)
def test_tensors_in_the_layout_are_handed_over_without_a_copy(provider):
    model = training_step.build(case(), provider)
    layout = Layout(model, 784)
    images, labels = torch.rand(8, 1, 28, 28), torch.arange(8)
    moved, placed = layout.moved(images, labels), model.place(images.reshape(8, -1).numpy(), labels.numpy())
    assert moved[0].data_ptr() == images.data_ptr()
    assert [part.shape for part in moved] == [part.shape for part in placed]
    assert all(torch.equal(one, other) for one, other in zip(moved, placed, strict=True))


def test_an_implementation_without_tensors_in_a_tuple_is_refused():
    model = SimpleNamespace(place=lambda images, labels: [images, labels])
    with pytest.raises(TypeError, match="tuple"):
        Layout(model, 784)


def test_pinned_memory_is_skipped_on_the_cpu_and_a_missing_torchvision_says_so(monkeypatch):
    module = pipelines.load("dataloader")
    assert "CUDA" in module.unsupported("cpu", **module.VARIANTS["pinned"])
    assert module.unsupported("cuda", **module.VARIANTS["pinned"]) is None
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert "torchvision" in module.unsupported("cpu")


def test_another_framework_is_refused_before_the_pipeline_is_imported(monkeypatch):
    monkeypatch.setattr(pipelines, "load", None)
    reason = fed_epoch.unsupported(replace(case(), framework="numpy", provider="numpy_scratch"))
    assert reason == "resident_index feeds implementations in torch; numpy_scratch is in numpy"
    assert numpy_scratch.FRAMEWORK == "numpy"


def test_variants_are_read_without_an_import_as_they_are():
    for name in plugins.names(pipelines):
        module = pipelines.load(name)
        assert pipelines.variants(name) == {"": {}} | getattr(module, "VARIANTS", {})
        assert pipelines.framework(name) == module.FRAMEWORK


def test_a_survey_asks_about_each_pipeline():
    [group] = groups(Asked(studies=("pipeline",), threads=1))
    reasons = survey.survey(group.cases).reasons
    assert [key.rpartition("/")[2] for key in reasons] == ["dataloader:pinned"]


def test_the_study_feeds_one_network_in_processes_of_their_own():
    [group] = groups(Asked(studies=("pipeline",), threads=1))
    names = [f"{name}:{kind}".rstrip(":") for name, kind in (*NAMES, ("dataloader", "pinned"))]
    assert sorted(one.name for one in group.cases) == sorted([*names, "control"])
    assert group.baseline == "dataloader"
    assert {one.implementation for one in group.cases} == {"torch_concise"}
    assert len({one.worker for one in group.cases}) == len(group.cases)
    assert {one.parameters["images"] for one in group.cases} == {23 * 256}


def test_named_implementations_have_groups_of_their_own():
    found = groups(Asked(studies=("pipeline",), impl=("torch_manual", "torch_concise"), threads=1))
    assert {one.provider for group in found for one in group.cases} == {"torch_concise", "torch_manual"}
    assert len({group.name for group in found}) == 2


@pytest.mark.parametrize(("batch", "images"), [(7, 5999), (6000, 6000), (7000, 7000)])
def test_a_step_is_whole_batches_of_any_size(batch, images):
    entry = implementations.built_in()["torch_concise"]
    [group] = pipeline.groups(Options(implementations=((entry, ""),), batches=(batch,)))
    assert {one.parameters["images"] for one in group.cases} == {images}
