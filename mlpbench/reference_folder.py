"""The folder of ``mlpbench reference``: a run folder for each part, and what came of the tests that need a GPU."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import series, store
from bench.errors import BadInput
from mlpbench import reporting
from mlpbench.reference_parts import PARTS, TESTS

__all__ = ["DAMAGE", "TESTED", "alone", "damaged", "is_whole", "require_own", "summaries"]

TESTED = f"{TESTS}.json"
DAMAGE = (*reporting.DAMAGE, RecursionError)

Row = dict[str, Any]


@contextmanager
def alone(out: Path) -> Iterator[None]:
    """Have the folder for this process alone, made where it is not there. Raises BadInput where that cannot be."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(out, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise BadInput(f"--out {out}: {error.strerror}; name a folder that can be written") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.access(out, os.W_OK):
            raise BadInput(f"--out {out}: cannot be written; name another folder")
        yield
    except BlockingIOError:
        raise BadInput(f"--out {out}: another process measures into it; wait for it, or end it") from None
    finally:
        os.close(descriptor)


def require_own(out: Path, device: str, preset: str) -> None:
    """Raise BadInput where the folder is not one that this command has begun for the same device and preset."""
    if out.exists() and not out.is_dir():
        raise BadInput(f"--out {out}: expected a folder; name another")
    names = {part.name for part in PARTS} | {TESTED}
    foreign = sorted(path.name for path in out.iterdir() if path.name not in names) if out.exists() else []
    if foreign:
        raise BadInput(f"--out {out}: holds {foreign[0]}, which is not of a reference run; name another folder")
    for part in PARTS:
        path = out / part.name / "run.json"
        if not path.exists():
            continue
        before, devices = _read(path, _asked)
        if (before, devices) != (preset, [device]):
            told = f"--preset {before} --device {' '.join(devices)}"
            raise BadInput(f"--out {out}: {part.name} was begun with {told}; ask for that, or name another folder")
    if (out / TESTED).exists():
        _read(out / TESTED, _tested)


def is_whole(folder: Path) -> bool:
    """Return whether every planned launch of a run is there, and a summary of them."""
    summary, outcomes = folder / "summary.json", folder / "outcomes.jsonl"
    if not (folder / "run.json").exists() or not summary.exists():
        return False
    if outcomes.exists() and summary.stat().st_mtime < outcomes.stat().st_mtime:
        return False  # interrupted in its report, which --resume makes up for
    try:
        json.loads(summary.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return False  # which --resume makes up for as well
    records = store.read(folder)
    try:
        complete = series.complete_launches(records)
        planned = records.run["plan"]["launches"]
        return bool(planned) and all(len(complete.get(study, {})) >= count for study, count in planned.items())
    except DAMAGE as error:
        raise damaged(folder / "run.json", error) from None


def summaries(out: Path) -> dict[str, Row]:
    """Return by part what was derived so far, with the facts of the machine; parts without a summary are left out."""
    found: dict[str, Row] = {}
    if (out / TESTED).exists():
        found[TESTS] = _read(out / TESTED, _tested)
    for part in PARTS:
        folder = out / part.name
        if (folder / "summary.json").exists() and (folder / "run.json").exists():
            facts = _read(folder / "run.json", lambda run: run["machine"]["facts"])
            try:
                derived = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
            except (OSError, ValueError, RecursionError):
                continue  # it is not whole, and made anew
            found[part.name] = _dictionary(folder / "summary.json", derived) | {
                "facts": facts,
                "whole": is_whole(folder),
            }
    return found


def damaged(path: Path, error: BaseException) -> BadInput:
    """Return the complaint about a file that cannot be what was written."""
    what = f"{type(error).__name__}: {error}"[:200]
    return BadInput(f"{path}: is damaged ({what}); restore it from a copy, or remove it")


def _read(path: Path, of: Callable[[Any], Any]) -> Any:
    """Return what a file of JSON says."""
    try:
        return of(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, *DAMAGE) as error:
        raise damaged(path, error) from None


def _asked(run: Any) -> tuple[str, list[str]]:
    preset, devices = run["asked"]["preset"], run["asked"]["device"]
    if not isinstance(preset, str) or not isinstance(devices, list) or not all(isinstance(one, str) for one in devices):
        raise ValueError("asked is no preset and devices")
    return preset, devices


def _tested(result: Any) -> Row:
    if not isinstance(result["passed"], bool) or not isinstance(result["told"], str) or result["whole"] is not True:
        raise ValueError("it says not whether tests passed")
    found: Row = result
    return found


def _dictionary(path: Path, value: Any) -> Row:
    if not isinstance(value, dict):
        raise damaged(path, ValueError("expected an object"))
    return value
