"""What pipelines feed is the images themselves, each once; what is timed is a whole pass, and nothing else runs on."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from bench import implementations, pipelines, plugins, survey
from bench.case import Case
from bench.data import flat
from bench.errors import BadInput
from bench.pipelines import Layout, Stopwatch
from bench.process import cpu_seconds, spawn
from bench.studies import Options, pipeline
from bench.workloads import fed_epoch, training_step
from mlpbench.asked import Asked, groups

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

from mlp_impls import numpy_scratch, torch_concise, torch_manual  # noqa: E402

# Two processes are what is tested, on a single core as well.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
PARAMETERS = {"inputs": 784, "hidden": [8], "outputs": 10, "batch": 8, "learning_rate": 0.1, "images": 32}
COUNT = 70
NAMES = [(name, kind) for name in plugins.names(pipelines) for kind in pipelines.variants(name) if kind != "pinned"]
IN_PROCESS = [pair for pair in NAMES if not pair[1]]
SHUFFLED = ["dataloader", "resident_copy", "resident_index"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder of random images, of which each has a number of its own in its first pixel."""
    folder = tmp_path_factory.mktemp("data")
    images = np.random.default_rng(0).integers(0, 256, (COUNT, 28, 28), dtype=np.uint8)
    images[:, 0, 0] = np.arange(COUNT)
    np.save(folder / "train-images.npy", images)
    np.save(folder / "train-labels.npy", (np.arange(COUNT) % 10).astype(np.uint8))
    return folder


def case(name="resident_index", kind="", provider="torch_concise", **changes):
    parameters = PARAMETERS | {"pipeline": name, "pipeline_variant": kind} | changes
    return Case("pipeline", "g", f"{name}:{kind}".rstrip(":"), "fed_epoch", provider, "torch", parameters, seed=3)


def numbers(batches):
    """The own numbers of the images in batches."""
    return [round(float(row.reshape(-1)[0]) * 255) for images, *_ in batches for row in images]


class Recorder:
    """torch_concise, with every batch that it is trained on kept."""

    def __init__(self):
        self.batches = []

    def build(self, *arguments, **keywords):
        model = torch_concise.build(*arguments, **keywords)
        train_step = model.train_step

        def kept(batch):
            self.batches.append(batch)
            return train_step(batch)

        model.train_step = kept
        return model


@pytest.mark.parametrize(("name", "kind"), NAMES)
def test_a_step_feeds_each_image_of_its_part_once_with_its_label_and_its_values(data, name, kind):
    recorder = Recorder()
    prepared = fed_epoch.prepare(case(name, kind), recorder, data)
    prepared.step()
    images, labels = np.load(data / "train-images.npy"), np.load(data / "train-labels.npy")
    found = numbers(recorder.batches)
    assert sorted(found) == list(range(32))
    assert [len(batch[1]) for batch in recorder.batches] == [8] * 4
    fed = torch.cat([batch[0] for batch in recorder.batches]).reshape(32, -1).numpy()
    np.testing.assert_array_equal(fed, flat(images[found]))
    np.testing.assert_array_equal(torch.cat([batch[1] for batch in recorder.batches]).numpy(), labels[found])


@pytest.mark.parametrize(("name", "kind"), NAMES)
def test_steps_take_one_part_after_another_and_begin_again(data, name, kind):
    recorder = Recorder()
    prepared = fed_epoch.prepare(case(name, kind), recorder, data)
    for first in (0, 32, 0):
        recorder.batches.clear()
        prepared.step()
        assert sorted(numbers(recorder.batches)) == list(range(first, first + 32))


@pytest.mark.parametrize("name", SHUFFLED)
def test_a_shuffled_pipeline_draws_another_order_each_time(data, name):
    recorder = Recorder()
    prepared = fed_epoch.prepare(case(name), recorder, data)
    orders = []
    for _ in range(3):  # the parts are two, so the third step sees the first one's images again
        recorder.batches.clear()
        prepared.step()
        orders.append(numbers(recorder.batches))
    assert orders[0] != orders[2]
    assert orders[0] != sorted(orders[0])


def test_the_ordered_one_does_not_shuffle(data):
    recorder = Recorder()
    fed_epoch.prepare(case("resident_ordered"), recorder, data).step()
    assert numbers(recorder.batches) == list(range(32))


@pytest.mark.parametrize("provider", [torch_concise, torch_manual])
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


def test_a_part_larger_than_the_images_is_bad_input(data):
    with pytest.raises(BadInput, match="70 images"):
        fed_epoch.prepare(case(images=80), torch_concise, data)


def test_waking_is_one_step_of_the_network(data):
    recorder = Recorder()
    prepared = fed_epoch.prepare(case(), recorder, data)
    prepared.wake()
    assert [len(batch[1]) for batch in recorder.batches] == [8]


@pytest.mark.parametrize(("name", "kind"), IN_PROCESS)
def test_stages_are_told_once_and_fill_the_time_of_a_pass(data, name, kind):
    prepared = fed_epoch.prepare(case(name, kind), torch_concise, data)
    prepared.step()
    told = prepared.tell()
    assert (told["images"], set(told["stages"])) == (32, set(pipelines.STAGES))
    assert told["stages"]["step"] > 0
    assert told["stages"]["collate"] > 0
    assert (told["stages"]["decode"] > 0) == (name == "dataloader")
    assert prepared.tell() == {}


def test_of_workers_only_their_start_is_told(data):
    told = fed_epoch.prepare(case("dataloader", "workers2"), torch_concise, data).tell()
    assert set(told) == {"start_s"}
    assert told["start_s"] > 0


def test_a_stopwatch_adds_up_and_waits_for_the_device_but_not_in_stages_of_the_host():
    ticks, waited = iter([1.0, 3.0, 10.0, 10.5, 20.0, 24.0]), []
    watch = Stopwatch(lambda: waited.append(1), clock=lambda: next(ticks))
    step, decode = watch("step", lambda value: value + 1), watch("decode", lambda: 7)
    assert (step(1), decode(), step(2)) == (2, 7, 3)
    assert watch.seconds == {"decode": 0.5, "collate": 0.0, "transfer": 0.0, "step": 6.0, "rest": 0.0}
    assert len(waited) == 2


@pytest.mark.parametrize("provider", [torch_concise, torch_manual])
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


def test_the_textbooks_data_set_is_torchvisions_own(data, monkeypatch):
    from torchvision.datasets import MNIST

    drawn = []
    item = MNIST.__getitem__
    monkeypatch.setattr(MNIST, "__getitem__", lambda self, index: drawn.append(index) or item(self, index))
    fed_epoch.prepare(case("dataloader"), torch_concise, data).step()
    assert sorted(drawn) == list(range(32))


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


def test_processes_of_a_loader_stop_and_end_with_their_worker(data, tmp_path):
    """They are the worker's children: stopped they use no CPU, continued they feed on, and they die with it."""
    fed = case("dataloader", "workers2")
    process = spawn(fed, tmp_path)
    try:
        process.receive(60)
        process.request({"do": "prepare", "case": fed.to_json(), "data_dir": str(data)}, 60)
        children = psutil.Process(process.pid).children()
        assert len(children) == 2
        process.stop()
        assert until(lambda: all(child.status() == psutil.STATUS_STOPPED for child in children))
        used = [cpu_seconds(child.pid) for child in children]
        process.request({"do": "sample", "case_id": fed.id, "steps": 1}, 60)
        assert all(cpu_seconds(child.pid) > before for child, before in zip(children, used, strict=True))
        process.stop()
    finally:
        process.end()
    assert until(lambda: not any(map(running, children)))


def test_processes_of_a_loader_die_with_a_worker_that_is_killed_while_stopped(data, tmp_path):
    fed = case("dataloader", "workers2")
    process = spawn(fed, tmp_path)
    try:
        process.receive(60)
        process.request({"do": "prepare", "case": fed.to_json(), "data_dir": str(data)}, 60)
        children = psutil.Process(process.pid).children()
        process.stop()
        os.kill(process.pid, signal.SIGKILL)
        assert children
        assert until(lambda: not any(map(running, children)))
    finally:
        process.end()


def running(process):
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def until(holds, limit_s=10.0):
    ends = time.monotonic() + limit_s
    while not holds() and time.monotonic() < ends:
        time.sleep(0.02)
    return holds()
