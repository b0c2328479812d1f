"""All implementations learn the same from the same weights and batches: in float64 to the last digits, at lr 0.1."""

from __future__ import annotations

import numpy as np
import pytest

from bench import synthetic
from tests.frameworks.conftest import BUILT_IN, Row

EPOCHS = 3


@pytest.fixture(scope="session")
def folder(folder_of):
    """3,000 synthetic images to train on, which leave a short last batch of 56, and 1,000 for tests."""
    return folder_of(train=synthetic.draw(3000, 0), test=synthetic.draw(1000, 1))


def curve(row, folder, dtype, learning_rate=0.1):
    case = row.case("training_epoch", dtype, hidden=[32], batch=64, learning_rate=learning_rate)
    row.workers.ask(case, "prepare", data_dir=str(folder))
    told = [row.workers.ask(case, "sample", steps=1)["told"] for _ in range(EPOCHS)]
    row.workers.ask(case, "release")
    return {name: np.array([one[name] for one in told]) for name in ("train_loss", "train_accuracy", "test_accuracy")}


@pytest.fixture(scope="session")
def reference(workers, folder):
    return curve(Row(BUILT_IN["numpy_scratch"], "", workers), folder, "float64")


def test_the_reference_learns(reference):
    accuracy = reference["test_accuracy"]
    assert ((accuracy > 0.3) & (accuracy < 0.95)).any(), "nothing to tell curves apart by"


def test_float64_losses_agree_to_a_billionth_at_every_epoch(row, folder, reference):
    found = curve(row, folder, "float64")
    np.testing.assert_allclose(found["train_loss"], reference["train_loss"], rtol=0, atol=1e-9)


def test_float32_accuracies_agree_to_three_thousandths_at_every_epoch(row, folder, reference):
    if row.compiles_for_seconds:
        pytest.skip("its losses in float64 say more")
    found = curve(row, folder, "float32")
    for column in ("train_accuracy", "test_accuracy"):
        np.testing.assert_allclose(found[column], reference[column], rtol=0, atol=0.003)


def test_another_learning_rate_is_told_apart(workers, folder, reference):
    """What the tests above would miss if the curves were too flat to differ."""
    found = curve(Row(BUILT_IN["numpy_scratch"], "", workers), folder, "float64", learning_rate=0.101)
    assert np.abs(found["train_loss"] - reference["train_loss"]).min() > 1e-6
