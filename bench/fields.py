"""Which fields the records of a run have, and of which types: what all that reads them relies on, looked at once.

What records of earlier versions lack has a question mark, and must be of its type where it is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.errors import BadInput
from bench.jsonlines import WORDS, require

__all__ = ["NUMBER", "require_facts", "require_outcome", "require_sample"]

Types = Mapping[str, type | tuple[type, ...]]

NOTHING = type(None)
NUMBER = (int, float)
MAYBE = (int, float, NOTHING)
TEXT = (str, NOTHING)

SAMPLE: Types = {
    "case": str, "launch": int, "attempt": int, "round": int, "position": int, "steps": int, "elapsed_s": NUMBER,
    "at_s?": MAYBE, "device_s?": MAYBE, "telemetry?": (dict, NOTHING), "told?": (dict, NOTHING),
}  # fmt: skip
TOLD: Types = {
    "call_s?": NUMBER, "start_s?": NUMBER, "stages?": dict, "images?": int, "train_loss?": MAYBE,
    "train_accuracy?": MAYBE, "test_accuracy?": MAYBE, "predicted?": list,
}  # fmt: skip
START = dict.fromkeys(("interpreter_s?", "import_s?", "build_s?", "first_step_s?", "overhead_s"), NUMBER)
OUTCOMES: Mapping[str, Types] = {
    "launch": {"study": str, "launch": int, "attempt": int, "complete": bool, "wall_s?": MAYBE,
               "stopped_cpu_s?": MAYBE},
    "start": {"case": str, "launch": int, "attempt": int, "pilot": bool, "steps?": int, **START},
    "equality": {"case": str, "equal": bool, "deviation": MAYBE, "bound": MAYBE, "note": TEXT},
    "conditions": {"case": str, "conditions": dict, "reasons": dict},
    "calibration": {"case": str, "too_slow": bool, "step_s": MAYBE, "steps?": int, "reason?": TEXT},
    "skip": {"case": str, "reason": str},
    "failure": {"case": str, "reason": str, "phase": str},
    "planned": {"budget_s": NUMBER, "short": bool},
    "stopped": {"study": str, "launches": int, "planned": int},
    "interrupted": {},
}  # fmt: skip
CONDITIONS: Types = {"kernels?": (list, NOTHING), "kernel_s?": MAYBE, "copy_s?": MAYBE}  # the others are plain values


def require_sample(record: Any, where: str) -> None:
    """Raise BadInput, naming where and what, unless the record is a sample."""
    require(record, SAMPLE, where)
    _require_all(record.get("telemetry") or {}, MAYBE, f"{where} (telemetry)")
    told = record.get("told") or {}
    require(told, TOLD, f"{where} (told)")
    _require_all(told.get("stages") or {}, MAYBE, f"{where} (stages)")


def require_outcome(record: Any, where: str) -> None:
    """Raise BadInput, naming where and what, unless the record is an outcome; an unknown kind may hold anything."""
    require(record, {"kind": str}, where)
    require(record, OUTCOMES.get(record["kind"], {}), where)
    if record["kind"] == "conditions":
        _require_conditions(record["conditions"], f"{where} (conditions)")
        _require_all(record["reasons"], str, f"{where} (reasons)")


def require_facts(facts: Mapping[str, Any], where: str) -> None:
    """Raise BadInput, naming where and what, unless these are groups of facts on hardware and software."""
    _require_all(facts, dict, where)
    for group, found in facts.items():
        _require_all(found, dict, f"{where}, {group}")


def _require_conditions(told: Mapping[str, Any], where: str) -> None:
    require(told, CONDITIONS, where)
    _require_all({f"kernel {place}": name for place, name in enumerate(told.get("kernels") or [])}, str, where)
    for name, value in told.items():
        if isinstance(value, list | dict) and name != "kernels":
            raise BadInput(f"{where}: {name} is {WORDS[type(value)]}, expected a plain value; restore it from a copy")


def _require_all(record: Mapping[Any, Any], kinds: type | tuple[type, ...], where: str) -> None:
    require(record, dict.fromkeys(record, kinds), where)
