"""Every implementation is equal to the reference, whatever the network, the batch, the dtype and the images.

Of all combinations, which ``mlpbench verify`` can go through, those here have every pair of depth, width and batch.
"""

from __future__ import annotations

import numpy as np
import pytest

ALL_PAIRS = [  # depth, width, batch: an orthogonal array of three levels, and no hidden layer at all
    *((depth, width, (1, 5, 256)[(depth + i) % 3]) for depth in (1, 2, 3) for i, width in enumerate((1, 7, 256))),
    *((0, 1, batch) for batch in (1, 5, 256)),
]
ALL_VALUES = [(0, 1, 5), (1, 256, 1), (2, 1, 256), (3, 7, 5)]
SIDE = 8


def name_of(sizes):
    return "{} hidden of {}, batch {}".format(*sizes)


@pytest.mark.parametrize(
    ("dtype", "sizes"),
    [
        pytest.param(dtype, sizes, id=f"{dtype}, {name_of(sizes)}")
        for dtype, some in (("float32", ALL_PAIRS), ("float64", ALL_VALUES))
        for sizes in some
    ],
)
def test_equal(row, workers, dtype, sizes):
    if row.compiles_for_seconds and (dtype == "float64" or sizes not in ALL_VALUES):
        pytest.skip("it compiles for seconds: left to mlpbench verify")
    depth, width, batch = sizes
    found = workers.check(row.case(dtype=dtype, hidden=[width] * depth, batch=batch))
    assert found["equal"], found


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_equal_in_half_the_bits(row, workers, dtype):
    if row.compiles_for_seconds:
        pytest.skip("it compiles for seconds: left to mlpbench verify")
    found = workers.check(row.case(dtype=dtype, inputs=64, hidden=[16], batch=32))
    assert found["equal"], found
    assert found["bound"] < 1, "a bound of 1 checks nothing"


@pytest.fixture(scope="session")
def extreme(folder_of):
    """Folders of 64 images, by what is extreme about them."""
    generator = np.random.default_rng(0)
    shape = (64, SIDE, SIDE)
    labels = generator.integers(10, size=64, dtype=np.uint8)
    images = {
        "all zeros": np.zeros(shape, np.uint8),
        "all ones": np.full(shape, 255, np.uint8),
        "zeros and ones": generator.integers(2, size=shape, dtype=np.uint8) * 255,
    }
    noise = generator.integers(256, size=shape, dtype=np.uint8)
    folders = {name: folder_of(train=(values, labels)) for name, values in images.items()}
    return folders | {"one class": folder_of(train=(noise, np.full_like(labels, 9)))}


@pytest.mark.parametrize("kind", ["all zeros", "all ones", "zeros and ones", "one class"])
def test_equal_on_extreme_images(row, workers, extreme, kind):
    found = workers.check(row.case(inputs=SIDE**2, hidden=[16, 16], batch=32), extreme[kind])
    assert found["equal"], found
