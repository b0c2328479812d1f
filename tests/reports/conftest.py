"""Runs that are made up, as fixtures."""

from __future__ import annotations

import pytest

from tests.reports import made
from tests.reports.shown import Maker, Record


@pytest.fixture
def maker() -> Maker:
    """What makes a run, for tests that want another one."""
    return made.make


@pytest.fixture
def records() -> tuple[Record, Record]:
    """A flawed quick run on real images."""
    return made.make()
