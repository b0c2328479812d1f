"""Images that can be told apart."""

import numpy as np
import pytest

COUNT = 70


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder of random images, of which each has a number of its own in its first pixel."""
    folder = tmp_path_factory.mktemp("data")
    images = np.random.default_rng(0).integers(0, 256, (COUNT, 28, 28), dtype=np.uint8)
    images[:, 0, 0] = np.arange(COUNT)
    np.save(folder / "train-images.npy", images)
    np.save(folder / "train-labels.npy", (np.arange(COUNT) % 10).astype(np.uint8))
    return folder
