"""Signals that interrupt a command: the first is a KeyboardInterrupt, and one soon after it the same wish."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

__all__ = ["INTERRUPTED", "ignore", "interruptible", "uninterrupted"]

INTERRUPTED = 130  # the exit status
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")  # by name: Windows, which is told that it is not supported, lacks one
SAME_WISH_S = 10.0  # longer than ending workers takes; where that hangs, the next signal interrupts it


@contextmanager
def interruptible(clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Have SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt within the block, even where SIGINT was ignored before.

    For ten seconds after one that did so, others are ignored: people press Ctrl-C twice, and tox sends a second one by
    itself, while workers are being ended and what was measured is being written.
    """
    last = -math.inf

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal last
        if clock() - last > SAME_WISH_S:
            last = clock()
            raise KeyboardInterrupt

    with _handled(handle):
        yield


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignore these signals within the block: what it does takes seconds and would be lost."""
    with _handled(signal.SIG_IGN):
        yield


def ignore() -> None:
    """Ignore these signals from now on: the process is ending."""
    for number in _numbers():
        signal.signal(number, signal.SIG_IGN)


def _numbers() -> list[int]:
    return [getattr(signal, name) for name in SIGNALS if hasattr(signal, name)]


@contextmanager
def _handled(handler: Any) -> Iterator[None]:
    """Handle these signals so within the block; a hang-up that is ignored, as under nohup, stays so."""
    ignored = hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    chosen = [number for number in _numbers() if not (ignored and number == signal.SIGHUP)]
    before = {number: signal.signal(number, handler) for number in chosen}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
