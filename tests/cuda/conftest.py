"""These tests need a CUDA device; without one each is skipped, with the reason.

They are to take little time: what compiles is tried on few networks and dtypes, and what a run measures is left to runs
(``mlpbench reference --device cuda``).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

# Shown, no errors: what torch, Triton and their compilers warn of differs from version to version and from GPU to GPU.
WARNINGS = "default"
OF_OUR_OWN = "triton_fused"


def reason() -> str | None:
    """Return why CUDA cannot be used here, or None."""
    try:
        import torch
    except ImportError:
        return "torch is not installed"
    if torch.cuda.is_available():
        return None
    return "torch finds no CUDA device" if torch.version.cuda else "this torch was built without CUDA"


@pytest.fixture(autouse=True)
def _waited_for() -> Iterator[None]:
    """So that what goes wrong on the device does so in the test that it is of."""
    import torch

    yield
    torch.cuda.synchronize()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = reason()
    for item in filter(_is_ours, items):
        if missing:
            item.add_marker(pytest.mark.skip(reason=missing))
        item.add_marker(pytest.mark.filterwarnings(WARNINGS))
    # Kernels of our own come last: after an access of one to no memory, nothing of CUDA works in this process.
    items.sort(key=lambda item: _is_ours(item) and OF_OUR_OWN in item.name)


def _is_ours(item: pytest.Item) -> bool:
    return Path(__file__).parent in item.path.parents
