"""Waiting for what other processes do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import psutil

LIMIT_S = 20.0
T = TypeVar("T")


def until(holds: Callable[[], T], limit_s: float = LIMIT_S) -> T:
    """Return what holds, as soon as it is true, or what it is when the time is over."""
    ends = time.monotonic() + limit_s
    while not (found := holds()) and time.monotonic() < ends:
        time.sleep(0.01)
    return found


def running(process: psutil.Process) -> bool:
    """Return whether a process is there and has not ended; what nobody has waited for yet has."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
