"""The run folder: append-only records, flushed line by line, and the reading of them.

    run.json        what was asked, the plan, the machine
    samples.jsonl   one sample a line
    outcomes.jsonl  what else became of a case: equality, calibration, start-up, skip, failure; and of a launch
    summary.json    what stats derived; report.html and figures/ beside it

A line is written with one system call, so that a killed run loses at most the sample in flight. A torn last line is
dropped with a note; anything else that is not a record is bad input, and nothing is changed on disk.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.errors import BadInput
from bench.fields import NUMBER, require_facts, require_outcome, require_sample
from bench.jsonlines import Appender, existing, loads, read_lines, require

__all__ = ["FORMAT_VERSION", "Records", "RunFolder", "read", "rounded", "write_json"]

FORMAT_VERSION = 1
Record = dict[str, Any]

LONGEST_S = 1e9
DIGITS = 7
RUN_FIELDS: dict[str, type | tuple[type, ...]] = {
    "command": list,
    "label": str,
    "seed": int,
    "margin": NUMBER,
    "data": dict,
    "plan": dict,
    "machine": dict,
}


@dataclass
class Records:
    """A run folder's records in memory; ``notes`` says what was dropped in reading them."""

    run: Record
    samples: list[Record]
    outcomes: list[Record]
    notes: list[str] = field(default_factory=list)


class RunFolder:
    """The writing side: appends to one run folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files = {name: Appender(path / f"{name}.jsonl") for name in ("samples", "outcomes")}

    @classmethod
    def create(cls, path: Path, run: Mapping[str, Any]) -> RunFolder:
        """Make a new run folder; raises BadInput where it cannot be written or holds a run already."""
        with cls.reserved(path):
            write_json(path / "run.json", {"format_version": FORMAT_VERSION, **run})
            return cls(path)

    @classmethod
    def reopen(cls, path: Path) -> RunFolder:
        """Open a run folder to append to it; raises BadInput where it cannot be written."""
        for name in ("samples", "outcomes"):
            if (path / f"{name}.jsonl.gz").exists():
                raise BadInput(f"--resume: {path} is a reference run, its records are packed; gunzip them in a copy")
        try:
            return cls(path)
        except OSError as error:
            raise BadInput(f"--out {path}: cannot be written ({error.strerror}); copy it to where it can be") from None

    @staticmethod
    def require_vacant(path: Path) -> None:
        """Raise BadInput where something lies that a run must not be recorded beside; makes nothing."""
        if (path / "run.json").exists():
            raise BadInput(f"--out {path}: holds a run already; add --resume to finish it, or name another folder")
        if path.is_dir() and any(path.iterdir()):
            raise BadInput(f"--out {path}: holds other files; name a new or an empty folder")
        if path.exists() and not path.is_dir():
            raise BadInput(f"--out {path}: a file; name a new or an empty folder")

    @classmethod
    def check(cls, path: Path) -> None:
        """Raise BadInput unless a run can be recorded there; makes the folder."""
        cls.require_vacant(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
            probe = path / ".writable"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise BadInput(f"--out {path}: cannot be written ({error.strerror}); name a folder that can be") from None

    @classmethod
    @contextmanager
    def reserved(cls, path: Path | None) -> Iterator[None]:
        """Make sure that a run can be recorded there, as ``check`` does, or raise BadInput; None is nothing to reserve.

        Where the block fails, what was made for it, parents too, goes again, unless something was written there.
        """
        made = [] if path is None else [folder for folder in (path, *path.parents) if not folder.exists()]
        try:
            if path is not None:
                cls.check(path)
            yield
        except BaseException:
            for folder in made:
                with suppress(OSError):  # it holds something, or was not made
                    folder.rmdir()
            raise

    def sample(self, record: Mapping[str, Any]) -> None:
        """Append a sample."""
        self._files["samples"].append(record)

    def outcome(self, kind: str, **fields: Any) -> None:
        """Append an outcome."""
        self._files["outcomes"].append({"kind": kind, **fields})

    def replan(self, plan: Mapping[str, Any]) -> None:
        """Put another plan in place of the recorded one: a budget's, once it is fixed, or one that stops early."""
        run = json.loads((self.path / "run.json").read_text(encoding="utf-8"))
        write_json(self.path / "run.json", run | {"plan": plan})

    def close(self) -> None:
        """Close the files; the folder can be opened again."""
        for file in self._files.values():
            file.close()
        self._files = {}


def read(path: Path) -> Records:
    """Read a run folder, its samples plain or gzipped.

    Raises:
        BadInput: It is no run folder, or a record in it is damaged; the text names file and line.
    """
    notes: list[str] = []
    run = _read_run(path)
    samples = read_lines(existing(path / "samples.jsonl"), notes)
    outcomes = read_lines(existing(path / "outcomes.jsonl"), notes)
    for number, sample in enumerate(samples, 1):
        where = f"{path / 'samples.jsonl'}:{number}"
        require_sample(sample, where)
        if not (0 < sample["elapsed_s"] < LONGEST_S and sample["steps"] >= 1 and sample["round"] >= 0):
            raise BadInput(f"{where}: a sample needs elapsed_s > 0, steps >= 1 and round >= 0; restore it from a copy")
    _require_unlike(samples, path / "samples.jsonl")
    for number, outcome in enumerate(outcomes, 1):
        require_outcome(outcome, f"{path / 'outcomes.jsonl'}:{number}")
    return Records(run, samples, outcomes, notes)


def rounded(value: Any) -> Any:
    """Return derived figures to ``DIGITS`` significant digits: libraries of other versions differ in the last ones, and
    a summary made anew from kept records should be the same file.
    """
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(one) for one in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) and math.isfinite(value) else value


def write_json(path: Path, value: Any) -> None:
    """Write JSON so that a reader sees the old file or the whole new one."""
    temporary = path.with_name(path.name + ".part")
    try:
        temporary.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _read_run(path: Path) -> Record:
    file = path / "run.json"
    if not file.is_file():
        raise BadInput(f"{path}: no run folder (it has no run.json); name a folder that `mlpbench run` wrote")
    try:
        run = loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise BadInput(f"{file}: damaged ({error}); restore the file from a copy") from None
    require(run, {"format_version": int}, str(file))
    if run["format_version"] > FORMAT_VERSION:
        newer = run["format_version"]
        raise BadInput(f"{file}: format version {newer}, this mlpbench reads up to {FORMAT_VERSION}; update mlpbench")
    if run.get("kind") == "advice-check":
        raise BadInput(f"{path}: a check of advice, not a run; it has no page, `mlpbench advise --resume` prints it")
    if run.get("kind") == "selfcheck":
        raise BadInput(f"{path}: a self-check, not a run; use `mlpbench selfcheck --resume` or `mlpbench report`")
    require(run, RUN_FIELDS, str(file))
    if not 0 < run["margin"] < 1:
        raise BadInput(f"{file}: margin is no fraction between 0 and 1; restore the file from a copy")
    require(run["plan"], {"launches": dict, "groups": list}, f"{file} (plan)")
    require(run["machine"], {"fingerprint": str, "facts": dict}, f"{file} (machine)")
    require_facts(run["machine"]["facts"], f"{file} (facts)")
    return dict(run)


def _require_unlike(samples: list[Record], path: Path) -> None:
    seen = set()
    for number, sample in enumerate(samples, 1):
        key = (sample["case"], sample["launch"], sample["attempt"], sample["round"])
        if key in seen:
            raise BadInput(f"{path}:{number}: the same sample stands there twice; restore the file from a copy")
        seen.add(key)
