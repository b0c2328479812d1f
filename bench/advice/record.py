"""The record of a check of advice: run.json as of a run, and checked.jsonl, to which every product adds a line.

A torn last line, of a killed check, is dropped with a note; anything else that is not a line of one is bad input.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench import jsonlines
from bench.advice.wide import WITHIN
from bench.errors import BadInput
from bench.jsonlines import Appender, loads

__all__ = ["ENOUGH", "KIND", "derive", "opened", "read"]

KIND = "advice-check"
LINES = "checked.jsonl"
ENOUGH = 0.95  # of the products: within wide.WITHIN of the best, and not padded for nothing
NUMBER = (int, float)
ROUNDING = 1e-9  # 5 % of 20 is one
# What holds for all products of a record.
KEPT: dict[str, type | tuple[type, ...]] = {
    "library": str, "dtype": str, "device": str, "threads": int, "preset": str, "margin": NUMBER, "seed": int,
}  # fmt: skip
FIELDS: dict[str, type | tuple[type, ...]] = {
    "number": int, "m": int, "k": int, "n": int, "outcome": str, "advised": list, "advised_ratio": list, "best": list,
    "best_ratio": list, "over_best": list, "gain": str, "within": bool, "needless": bool, "seconds": NUMBER,
}  # fmt: skip

Record = dict[str, Any]


def opened(folder: Path) -> Appender:
    """Open the record to add lines to it; raises BadInput where another process does, OSError where nobody can."""
    return Appender(folder / LINES)


def read(folder: Path) -> tuple[Record, list[Record], list[str]]:
    """Return run.json, the lines and what was dropped in reading them. Raises BadInput where it is no such record."""
    file = folder / "run.json"
    notes: list[str] = []
    try:
        run = loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise BadInput(f"{file}: missing or damaged ({error}); name a folder of `mlpbench advise --check`") from None
    jsonlines.require(run, {"format_version": int, "kind": str}, str(file))
    if run["kind"] != KIND:
        raise BadInput(f"{folder}: no check of advice; name a folder of `mlpbench advise --check`")
    jsonlines.require(run, KEPT, str(file))
    lines = jsonlines.read_lines(folder / LINES, notes)
    for number, line in enumerate(lines, 1):
        jsonlines.require(line, FIELDS, f"{folder / LINES}:{number}")
    return run, lines, notes


def derive(lines: list[Record]) -> Record:
    """Return how many products were checked, of how many advice was right, and whether that is enough.

    It goes by the ratios themselves; ``shown_beyond`` counts those whose interval, too, lies beyond what may be missed.
    """
    count = len(lines)
    within, needless = (sum(bool(line[name]) for line in lines) for name in ("within", "needless"))
    return {
        "count": count,
        "within": within,
        "share_within": within / count if count else None,
        "shown_beyond": sum(line["over_best"][1] > 1 + WITHIN for line in lines),
        "padded": sum(line["outcome"] == "pad" for line in lines),
        "needless": needless,
        "holds": count > 0 and within >= ENOUGH * count and needless <= (1 - ENOUGH) * count + ROUNDING,
    }
