"""Progress and notes, on standard error; nothing is drawn while a sample is being taken."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from bench.progress import Progress

__all__ = ["LOOKING", "ProgressLine", "duration", "error_console", "output_console"]

LOOKING = "looking at what can run here"
REDRAW_S = 1.0  # drawing takes CPU from the machine under test, if only between samples


def error_console() -> Console:
    """Return the console for progress and notes."""
    return Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def output_console() -> Console:
    """Return the console for what was asked for."""
    return Console(highlight=False, markup=False, soft_wrap=True)


def duration(seconds: float) -> str:
    """Return seconds as people say them: 45 s, 4 min, 1 h 20 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


class ProgressLine:
    """A bar on a terminal, else a line whenever another launch begins; a context manager."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._drawn_at = 0.0
        self._last = ""
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}", markup=False),
        )
        self._bar = Bar(*columns, console=console, auto_refresh=False, transient=True)
        self._task: Any = None

    def __enter__(self) -> ProgressLine:
        if self.console.is_terminal:
            self._bar.start()
            self._task = self._bar.add_task("", total=None, left="")
        return self

    def __exit__(self, *_: object) -> None:
        if self.console.is_terminal:
            self._bar.stop()

    def note(self, text: str) -> None:
        """Say what is going on where nothing is counted yet."""
        self(Progress(text, 0, 0, None), now=True)

    def of_each(self, text: str) -> Callable[[str], None]:
        """Return what says this of one environment after the other: seconds pass with each."""
        return lambda name: self.note(f"{text}: {name}")

    def __call__(self, progress: Progress, *, now: bool = False) -> None:
        """Show progress, at most once a second unless a new phase begins."""
        left = "" if progress.left_s is None else f"about {duration(progress.left_s)} left"
        phase = progress.text.partition(",")[0]
        fresh = phase != self._last
        if self.console.is_terminal:
            if now or fresh or time.monotonic() - self._drawn_at > REDRAW_S:
                total = progress.total or None
                self._bar.update(self._task, description=progress.text, completed=progress.done, total=total, left=left)
                self._bar.refresh()
                self._drawn_at = time.monotonic()
        elif fresh and (now or "launch" in phase or "checking" in phase):
            self.console.print(f"{phase}{'; ' + left if left else ''}")
        self._last = phase
