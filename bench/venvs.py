"""The environments that `mlpbench env create` makes: venvs with pinned packages, in the user's cache.

An environment counts only with its marker, which is written last: what was interrupted, killed or failed is none.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import pinned
from bench.errors import BadInput
from bench.folders import cache_folder
from bench.leash import Runner, run
from bench.pinned import Requirements, python_version

__all__ = ["Made", "MakingError", "create", "folder", "is_old", "remove", "trouble"]

MARKER = "mlpbench-environment.json"
# pip's index, proxies and certificates are the user's to choose; where to install to is not.
ELSEWHERE = ("PIP_DRY_RUN", "PIP_PREFIX", "PIP_PYTHON", "PIP_ROOT", "PIP_TARGET")

Say = Callable[[str], None]


class MakingError(Exception):
    """Why an environment could not be made: the last word of the tool that failed."""


@dataclass(frozen=True)
class Made:
    """What a marker holds: digests of the requirements and of the files, the Python, seconds taken, bytes on disk."""

    requirements: str
    python: str
    files: str
    seconds: float
    bytes: int


def folder(name: str, environ: Mapping[str, str]) -> Path:
    """Return where the environment of a framework lies, or would."""
    return cache_folder(environ) / "environments" / name


def trouble(name: str, environ: Mapping[str, str]) -> str | None:
    """Return why the environment of a framework cannot be used, with the remedy, or None."""
    place, remedy = folder(name, environ), f"make it with: mlpbench env create {name}"
    if not os.path.lexists(place):
        return f"no environment for {name}; {remedy}"
    if _marked(place) is None:
        return f"the environment for {name} was not finished; {remedy}"
    if not os.access(place / "bin" / "python", os.X_OK):
        return f"the Python of the environment for {name} is gone; {remedy}"
    return None


def is_old(name: str, environ: Mapping[str, str]) -> bool:
    """Return whether there is an environment of a framework that other requirements made."""
    made = _marked(folder(name, environ))
    return made is not None and made.requirements != pinned.read(name).digest


def create(name: str, environ: Mapping[str, str], say: Say, runner: Runner = run) -> tuple[Made, str | None]:
    """Make the environment of a framework; return what it is, and why it was made: None where it was up to date.

    Raises:
        Impossible: This machine cannot have it.
        BadInput: The cache cannot be written.
        MakingError: A tool failed; what was there before is there again.
    """
    place, wanted = folder(name, environ), pinned.read(name)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with _locked(place, say):
            _tidy(place)
            made, reason = _outdated(place, wanted)
            if made is not None and reason is None:
                return made, None
            return _replace(place, wanted, environ, say, runner), reason
    except OSError as error:
        raise _unwritable(place, error) from None


def remove(name: str, environ: Mapping[str, str], say: Say) -> bool:
    """Remove the environment of a framework; return whether there was one. Raises BadInput where it cannot be."""
    place = folder(name, environ)
    if not place.parent.is_dir():
        return False
    try:
        with _locked(place, say):
            there = os.path.lexists(place)
            _tidy(place)
            _remove(place)
            return there
    except OSError as error:
        raise _unwritable(place, error) from None


def _outdated(place: Path, wanted: Requirements) -> tuple[Made | None, str | None]:
    """Return what is there, if it is complete, and why it must be made, or None."""
    made = _marked(place)
    if made is None:
        return None, "there was none"
    if made.requirements != wanted.digest:
        return made, "its requirements changed since it was made"
    release = made.python.rpartition(".")[0]
    if not (python_version(str(place / "bin" / "python")) or "").startswith(f"{release}."):
        return made, f"its Python is no longer {release}"
    if _files(place) != made.files:
        return made, "its files changed since it was made"
    return made, None


def _replace(place: Path, wanted: Requirements, environ: Mapping[str, str], say: Say, runner: Runner) -> Made:
    """Make the environment in its place; what was there is kept aside until the new one is complete."""
    python = pinned.interpreter_for(wanted, environ)
    former = _former(place)
    if os.path.lexists(place):
        place.rename(former)
    try:
        made = _make(place, wanted, python, environ, say, runner)
    except BaseException:
        _remove(place)
        if os.path.lexists(former):
            former.rename(place)
        raise
    _remove(former)
    return made


def _make(place: Path, wanted: Requirements, python: str, environ: Mapping[str, str], say: Say, runner: Runner) -> Made:
    began = time.monotonic()
    variables = {name: value for name, value in environ.items() if not name.startswith("PYTHON")}
    for name in (*ELSEWHERE, "__PYVENV_LAUNCHER__"):
        variables.pop(name, None)
    variables["PIP_USER"] = "0"  # whatever a pip.conf says: a venv has no user's packages
    own = str(place / "bin" / "python")
    say("setting it up")
    _do(runner, [python, "-I", "-m", "venv", str(place)], variables, "venv")
    pip = ["install", "--disable-pip-version-check", "--no-input", "--no-deps", "--only-binary=:all:", "--compile"]
    _do(
        runner, [own, "-I", "-m", "pip", *pip, "--requirement", str(wanted.path)], variables, "pip",
        lambda line: say(f"installing, {found[1]}") if (found := re.match(r"Collecting (\S+)", line)) else None,
    )  # fmt: skip
    say("looking whether it imports")
    _do(runner, [own, "-I", "-c", f"import {', '.join(wanted.imports)}"], variables, "it was installed, but Python")
    version = python_version(own)
    if version is None:
        raise MakingError("its Python does not start")
    size = sum(entry.st_blocks * 512 for _, entry in _walk(place))
    made = Made(wanted.digest, version, _files(place), round(time.monotonic() - began, 1), size)
    (place / MARKER).write_text(json.dumps(asdict(made)), encoding="utf-8")
    return made


def _do(
    runner: Runner, command: list[str], variables: Mapping[str, str], who: str, heard: Say = lambda line: None
) -> None:
    """Run a tool; raises MakingError with its last error where it fails."""
    said: list[str] = []

    def listen(line: str) -> None:
        if line.strip():
            said.append(line.strip())
            heard(line)

    if not runner(command, variables, listen):
        errors = [line for line in said if line.upper().startswith("ERROR")] or said or ["it wrote no error"]
        raise MakingError(f"{who} failed: {re.sub('^ERROR: *', '', errors[-1])[:500]}")


def _marked(place: Path) -> Made | None:
    try:
        return Made(**json.loads((place / MARKER).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _files(place: Path) -> str:
    """Return a digest of names, sizes and times of an environment's files, but for what Python caches by itself."""
    digest = hashlib.sha256()
    for path, entry in sorted(_walk(place / "lib"), key=lambda found: found[0]):
        if "/__pycache__/" not in path:
            digest.update(
                f"{os.path.relpath(path, place)} {entry.st_size} {entry.st_mtime_ns}\n".encode(errors="surrogateescape")
            )
    return digest.hexdigest()


def _walk(place: Path) -> Iterator[tuple[str, os.stat_result]]:
    for parent, _, files in os.walk(place):
        for file in files:
            path = os.path.join(parent, file)
            yield path, os.lstat(path)


@contextmanager
def _locked(place: Path, say: Say) -> Iterator[None]:
    with place.with_name(f".{place.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another mlpbench that is at it")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _tidy(place: Path) -> None:
    """Take away what a killed process left: the lock says that no other is at it."""
    if place.is_file():
        raise BadInput(f"{place}: a file where a folder is to be; remove it")
    if _marked(place) is None:
        _remove(place)
    former = _former(place)
    if os.path.lexists(place):
        _remove(former)
    elif os.path.lexists(former):
        former.rename(place)


def _former(place: Path) -> Path:
    return place.with_name(f".{place.name}.former")


def _remove(place: Path) -> None:
    if place.is_symlink():
        place.unlink()
    elif place.exists():
        (place / MARKER).unlink(missing_ok=True)  # first, so that a part of an environment never counts as one
        shutil.rmtree(place)


def _unwritable(place: Path, error: OSError) -> BadInput:
    return BadInput(
        f"{error.filename or place}: expected a folder that can be written, got {error.strerror or error}; mend that, "
        "or set MLPBENCH_CACHE to a folder that can be"
    )
