"""The self-check's folder: run.json as of a run, and tries.jsonl, to which every finished try adds a line.

A line is written with one system call and any process may add the next one, so that a self-check can be spread over
days and resumed. A torn last line is dropped with a note; anything else that is not a try is bad input.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import jsonlines, store
from bench.errors import BadInput
from bench.fields import require_facts
from bench.jsonlines import Appender, loads, require

__all__ = ["KIND", "TRIES", "Tries", "is_selfcheck", "open_tries", "read"]

Record = dict[str, Any]
Types = Mapping[str, type | tuple[type, ...]]

KIND = "selfcheck"
TRIES = "tries.jsonl"
LARGEST_LOG = 10.0  # a ratio of 22,000; identical cases and planted effects are never that far apart
NUMBER = (int, float)
OPTIONAL = (int, float, type(None))
RUN: Types = {"format_version": int, "kind": str, "command": list, "label": str, "margin": NUMBER, "machine": dict,
             "created": str, "seed": int, "threads": int}  # fmt: skip
OURS: Types = {
    "tool": str, "setting": str, "number": int, "began": str, "seconds": NUMBER, "budget_s": OPTIONAL, "launches": int,
    "rounds": int, "margin": NUMBER, "comparisons": list, "harness": dict,
}  # fmt: skip
FIELDS: Mapping[str, Types] = {
    "aa": OURS,
    "planted": OURS,
    "peer": {
        "tool": str, "number": int, "began": str, "pair": str, "truth": NUMBER, "ratio": NUMBER, "ci_low": OPTIONAL,
        "ci_high": OPTIONAL, "verdict": str, "rule": str, "seconds": NUMBER,
    },
    "timers": {"began": str, "seconds": NUMBER, "rows": list},
    "attribution": {**OURS, "factor": str, "effects": list},
}  # fmt: skip
COMPARISON: Types = {
    "group": str, "provider": str, "case": str, "control": bool, "truth": NUMBER, "medians": list, "ratio": NUMBER,
    "ci_low": NUMBER, "ci_high": NUMBER, "verdict": (str, type(None)), "mde": OPTIONAL,
}  # fmt: skip
EFFECT: Types = {
    "factor": str, "kind": str, "truth": NUMBER, "ratio": NUMBER, "ci_low": NUMBER, "ci_high": NUMBER, "verdict": str,
    "medians": list,
}  # fmt: skip
HARNESS: Types = dict.fromkeys(("in_samples", "overhead", "stopped_cpu"), OPTIONAL)
TIMER: Types = {"timer": str, "caught": bool, "by": str, "detail": str}


@dataclass(frozen=True)
class Tries:
    """A self-check's records: ``run`` is run.json, ``lines`` the tries; ``notes`` says what was dropped in reading."""

    run: Record
    lines: list[Record]
    notes: list[str]


def is_selfcheck(folder: Path) -> bool:
    """Whether the folder is a self-check's and not a run's; a damaged run.json is left to whoever reads it next."""
    try:
        run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError):
        return False
    return isinstance(run, dict) and run.get("kind") == KIND


def open_tries(folder: Path) -> Appender:
    """Open the folder's record to add finished tries to it; nobody else can until it is closed.

    Raises BadInput where the record is packed, in use, or cannot be written.
    """
    path = folder / TRIES
    if path.with_name(f"{TRIES}.gz").exists():
        raise BadInput(f"{folder}: a reference record, its tries are packed; gunzip them in a copy to add more")
    try:
        return Appender(path)
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error.strerror}); name a folder that can be") from None


def read(folder: Path) -> Tries:
    """Read a self-check's folder, its tries plain or gzipped.

    Raises:
        BadInput: It is no self-check's folder, or a record is damaged; the text names file and line.
    """
    notes: list[str] = []
    run = _read_run(folder / "run.json")
    path = jsonlines.existing(folder / TRIES)
    lines = jsonlines.read_lines(path, notes)
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        _check(line, f"{path}:{number}")
        if seen.setdefault(json.dumps(line, sort_keys=True), number) != number:
            raise BadInput(f"{path}:{number}: the same try stands there twice; restore the file from a copy")
    return Tries(run, lines, notes)


def _read_run(file: Path) -> Record:
    try:
        run = loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise BadInput(f"{file}: missing or damaged ({error}); restore the file from a copy") from None
    require(run, RUN, str(file))
    require(run["machine"], {"facts": dict}, f"{file} (machine)")
    require_facts(run["machine"]["facts"], f"{file} (facts)")
    if run["format_version"] > store.FORMAT_VERSION:
        raise BadInput(
            f"{file}: format version {run['format_version']}, this mlpbench reads up to {store.FORMAT_VERSION}; "
            "update mlpbench"
        )
    if run["kind"] != KIND or not 0 < run["margin"] < 1 or run["seed"] < 0 or not 1 <= run["threads"] <= 4096:
        raise BadInput(
            f"{file}: expected kind {KIND}, a margin between 0 and 1, a seed and threads; restore it from a copy"
        )
    return dict(run)


def _check(line: Record, where: str) -> None:
    kind = line.get("kind")
    if not isinstance(kind, str) or kind not in FIELDS:
        raise BadInput(
            f"{where}: kind is none of {', '.join(FIELDS)}; restore the file from a copy, or remove that line"
        )
    require(line, FIELDS[kind], where)
    good = 0 <= line["seconds"] < math.inf
    if kind == "timers":
        for row in line["rows"]:
            require(row, TIMER, f"{where} (rows)")
    elif kind == "peer":
        good = good and _are_ratios(line, "truth", "ratio", "ci_low", "ci_high")
    else:
        good = good and line["launches"] >= 0 and line["rounds"] >= 0 and 0 < line["margin"] < 1
        require(line["harness"], HARNESS, f"{where} (harness)")
        for table, fields in (("comparisons", COMPARISON), ("effects", EFFECT)):
            for one in line.get(table, []):
                require(one, fields, f"{where} ({table})")
                good = good and _are_ratios(one, "truth", "ratio", "ci_low", "ci_high")
                good = good and all(_is_log(median) for median in one["medians"])
    if not good:
        raise BadInput(
            f"{where}: ratios must be above 0, medians logarithms of such, seconds and counts not negative; "
            "restore the file from a copy, or remove that line"
        )


def _are_ratios(record: Record, *names: str) -> bool:
    return all(record[name] is None or 0 < record[name] < math.inf for name in names)


def _is_log(value: Any) -> bool:
    return isinstance(value, NUMBER) and not isinstance(value, bool) and abs(value) <= LARGEST_LOG
