"""All implementations learn the same from the same weights and batches: in float64 to the last digits, at lr 0.1."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pytest

from bench import synthetic
from bench.case import Case
from bench.workloads import training_epoch
from mlp_impls import numpy_scratch

TORCH = ("torch_scratch", "torch_manual", "torch_concise", "torch_compile")
EPOCHS = 3
PARAMETERS = {"inputs": 784, "hidden": [32], "outputs": 10, "batch": 64, "learning_rate": 0.1, "loss_divisor": None}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """3,000 synthetic images to train on, which leave a short last batch of 56, and 1,000 for tests."""
    found = tmp_path_factory.mktemp("data")
    for seed, (split, count) in enumerate((("train", 3000), ("test", 1000))):
        images, labels = synthetic.draw(count, seed)
        np.save(found / f"{split}-images.npy", images)
        np.save(found / f"{split}-labels.npy", labels)
    return found


def curve(provider, folder, dtype, learning_rate=0.1):
    parameters = PARAMETERS | {"learning_rate": learning_rate}
    case = Case("accuracy", "g", "n", "training_epoch", "p", "torch", parameters, dtype=dtype)
    prepared = training_epoch.prepare(case, provider, folder)
    told = []
    for _ in range(EPOCHS):
        prepared.wake()
        prepared.step()
        prepared.synchronize()
        told.append(prepared.tell())
    return {name: np.array([row[name] for row in told]) for name in ("train_loss", "train_accuracy", "test_accuracy")}


@pytest.fixture(scope="module")
def reference(folder):
    found = curve(numpy_scratch, folder, "float64")
    assert ((found["test_accuracy"] > 0.3) & (found["test_accuracy"] < 0.95)).any(), "nothing to tell curves apart by"
    return found


def module_of(name, dtype):
    pytest.importorskip("torch")
    module = import_module(f"mlp_impls.{name}")
    if reason := module.unsupported("cpu", dtype):
        pytest.skip(reason)
    return module


@pytest.mark.parametrize("name", TORCH)
def test_float64_losses_agree_to_a_billionth_at_every_epoch(name, folder, reference):
    found = curve(module_of(name, "float64"), folder, "float64")
    np.testing.assert_allclose(found["train_loss"], reference["train_loss"], rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["numpy_scratch", *TORCH])
def test_float32_accuracies_agree_to_three_thousandths_at_every_epoch(name, folder, reference):
    module = numpy_scratch if name == "numpy_scratch" else module_of(name, "float32")
    found = curve(module, folder, "float32")
    for column in ("train_accuracy", "test_accuracy"):
        np.testing.assert_allclose(found[column], reference[column], rtol=0, atol=0.003)


def test_another_learning_rate_is_told_apart(folder, reference):
    """What the tests above would miss if the curves were too flat to differ."""
    found = curve(numpy_scratch, folder, "float64", learning_rate=0.101)
    assert np.abs(found["train_loss"] - reference["train_loss"]).min() > 1e-6
