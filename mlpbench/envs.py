"""``mlpbench env``: makes and removes the environments in which frameworks other than NumPy and torch run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from bench import environments, pinned, venvs
from bench.errors import BadInput
from bench.folders import environments_file
from mlpbench.console import ProgressLine, error_console, output_console
from mlpbench.interrupts import INTERRUPTED

__all__ = ["create", "remove"]


def create(asked: Sequence[str]) -> int:
    """Make environments; 1 where one of them failed. With ``all``, what this machine cannot have is left out."""
    names = _chosen(asked)
    failed = False
    done: list[str] = []
    try:
        for name in names:
            failed |= not _create(name, skip="all" in asked)
            done.append(name)
    except KeyboardInterrupt:
        left = " ".join(name for name in names if name not in done)
        error_console().print(f"interrupted; nothing half made is kept; go on with: mlpbench env create {left}")
        return INTERRUPTED
    return 1 if failed else 0


def remove(asked: Sequence[str]) -> int:
    """Remove environments; those that are not there are none to remove."""
    for name in _chosen(asked):
        with _progress(name) as say:
            there = venvs.remove(name, os.environ, say)
        output_console().print(f"{name}: removed" if there else f"{name}: there is no environment to remove")
    return 0


def _chosen(asked: Sequence[str]) -> list[str]:
    """Return the frameworks that names and ``all`` stand for, each once."""
    environments.names()  # complains of the user's file before minutes are spent
    known = pinned.names()
    for name in asked:
        if name in environments.DEFAULT_FRAMEWORKS:
            raise BadInput(f"NAME {name}: lives where mlpbench is installed; name one of {', '.join(known)}, all")
        if name not in (*known, "all"):
            raise BadInput(f"NAME {name}: expected one of {', '.join(known)}, all")
    return known if "all" in asked else list(dict.fromkeys(asked))


def _create(name: str, *, skip: bool) -> bool:
    """Make one environment and say what became of it; return whether it can be used or was left out."""
    try:
        with _progress(name) as say:
            made, reason = venvs.create(name, os.environ, say)
    except pinned.Impossible as error:
        if not skip:
            raise
        output_console().print(f"skipped: {error}")
        return True
    except venvs.MakingError as error:
        again = f"nothing half made is kept; try again with: mlpbench env create {name}"
        error_console().print(f"mlpbench: {name}: {error}; {again}")
        return False
    size = f"{made.bytes / 1e6:.0f} MB on disk"
    if reason is None:
        output_console().print(f"{name}: up to date, {size}; nothing to do")
    else:
        output_console().print(f"{name}: made in {made.seconds:.0f} s, {size}, Python {made.python} ({reason})")
    if environments.find(name).kind != environments.MADE:
        error_console().print(f"note: {environments_file(os.environ)} names another environment for {name}")
    return True


@contextmanager
def _progress(name: str) -> Iterator[Callable[[str], None]]:
    with ProgressLine(error_console()) as progress:
        yield lambda text: progress.note(f"{name}: {text}")
