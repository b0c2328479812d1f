"""These tests need a CUDA device; without one each is skipped, with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest


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
        if missing and Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=missing))
