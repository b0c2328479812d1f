"""The pinned packages of each framework's environment, and the Python that they can be had for.

Each file of ``bench/requirements`` is one framework, named after it: pinned packages below comments that say which
Pythons and platforms have them, and what must import once they are installed.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import bench
from bench.errors import BadInput

__all__ = ["FOLDER", "Impossible", "Requirements", "interpreter_for", "names", "python_version", "read"]

FOLDER = Path(bench.__path__[0]) / "requirements"
ANSWER_LIMIT_S = 60.0
VERSION = "import platform; print('version', platform.python_version())"


class Impossible(BadInput):
    """What this machine cannot have; its text says what it lacks."""


@dataclass(frozen=True)
class Requirements:
    """A file of requirements: its digest, and what its comments say."""

    name: str
    path: Path
    digest: str
    pythons: tuple[str, ...]
    platforms: tuple[str, ...]
    imports: tuple[str, ...]


def names() -> list[str]:
    """Return the frameworks there are requirements for."""
    return sorted(path.stem for path in FOLDER.glob("*.txt"))


def read(name: str) -> Requirements:
    """Return the requirements of a framework."""
    text = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    told = {key: tuple(values.split(", ")) for key, values in re.findall(r"^# (\w+): (\S.*)$", text, re.MULTILINE)}
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Requirements(name, FOLDER / f"{name}.txt", digest, told["python"], told["platforms"], told["imports"])


def interpreter_for(wanted: Requirements, environ: Mapping[str, str]) -> str:
    """Return a Python that the requirements can be had for: this one, else one on the path.

    Raises Impossible where this machine has none.
    """
    here = f"{platform.system()} {platform.machine()}"
    if here not in wanted.platforms:
        raise Impossible(f"{wanted.name} needs one of {', '.join(wanted.platforms)}: it has no packages for {here}")
    folders = os.get_exec_path(dict(environ))
    latest_first = wanted.pythons[::-1]
    candidates = [sys.executable, *(os.path.join(place, f"python{name}") for name in latest_first for place in folders)]
    for candidate in candidates:
        found = python_version(candidate, needs="ensurepip, venv") if os.access(candidate, os.X_OK) else None
        if found is not None and found.startswith(tuple(f"{name}." for name in wanted.pythons)):
            return candidate
    needs, best = " or ".join(wanted.pythons), f"python{latest_first[0]}"
    raise Impossible(f"{wanted.name} needs Python {needs}: install it so that {best} is on the path, its venv included")


def python_version(python: str, needs: str = "sys") -> str | None:
    """Return the version of a Python that has these modules; None of one that has not, or does not answer."""
    command = [python, "-I", "-c", f"import {needs}; {VERSION}"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=ANSWER_LIMIT_S)
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(rb"^version ([\w.+]+)$", done.stdout, re.MULTILINE)
    return found[1].decode() if found and done.returncode == 0 else None
