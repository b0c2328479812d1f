"""These tests need a CUDA device; without one each is skipped, with the reason.

They take a minute and a half: what compiles is tried on few networks and dtypes, and what a run measures is left to
runs (``mlpbench reference --device cuda``).
"""

from __future__ import annotations

from pathlib import Path

import pytest

# Shown, no errors: what torch, Triton and their compilers warn of differs from version to version and from GPU to GPU.
WARNINGS = "default"


def reason() -> str | None:
    """Return why CUDA cannot be used here, or None."""
    try:
        import torch
    except ImportError:
        return "torch is not installed"
    if torch.cuda.is_available():
        return None
    return "torch finds no CUDA device" if torch.version.cuda else "this torch was built without CUDA"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = reason()
    for item in items:
        if Path(__file__).parent not in item.path.parents:
            continue
        if missing:
            item.add_marker(pytest.mark.skip(reason=missing))
        item.add_marker(pytest.mark.filterwarnings(WARNINGS))
