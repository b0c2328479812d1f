"""What pipelines feed is the images themselves, each once; what is timed is a whole pass."""

from __future__ import annotations

import numpy as np
import pytest

from bench import pipelines
from bench.data import flat
from bench.errors import BadInput
from bench.workloads import fed_epoch
from tests.bench.pipelines.fed import IN_PROCESS, NAMES, ON_ONE_CORE, SHUFFLED, Recorder, case, numbers, torch_concise

torch = pytest.importorskip("torch")
pytestmark = ON_ONE_CORE


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


def test_the_textbooks_data_set_is_torchvisions_own(data, monkeypatch):
    from torchvision.datasets import MNIST

    drawn = []
    item = MNIST.__getitem__
    monkeypatch.setattr(MNIST, "__getitem__", lambda self, index: drawn.append(index) or item(self, index))
    fed_epoch.prepare(case("dataloader"), torch_concise, data).step()
    assert sorted(drawn) == list(range(32))
