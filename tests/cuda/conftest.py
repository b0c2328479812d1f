"""These tests need a CUDA device; without one each is skipped, with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

# What torch says of float32 that is computed in float32, and of the switch for it, in some of its versions.
EXPECTED_WARNINGS = ("TensorFloat32 tensor cores", "Please use the new API settings")


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
        for message in EXPECTED_WARNINGS:
            item.add_marker(pytest.mark.filterwarnings(f"ignore:{message}"))
