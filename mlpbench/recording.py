"""What every record begins with: the command, the machine, the versions, the state of the checkout."""

from __future__ import annotations

import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import hardware
from bench.case import Case
from bench.environments import DEFAULT_FRAMEWORKS
from bench.errors import BadInput
from bench.plan import Plan
from bench.privacy import anonymous
from bench.survey import Survey, survey
from mlpbench import machine
from mlpbench.console import ProgressLine

__all__ = ["Described", "describe", "require_same_frameworks"]


@dataclass(frozen=True)
class Described:
    """The record's beginning, and the machine's name."""

    record: dict[str, Any]
    name: str

    def folder(self, kind: str = "") -> Path:
        """Return where such a record goes unless the user says otherwise."""
        return Path("runs", f"{kind}{self.name}-{time.strftime('%Y%m%d-%H%M%S')}")


def describe(label: str | None, threads: int | None, console: Console, seen: Survey | None = None) -> Described:
    """Ask the machine what it is, and the environments that a survey found to answer what their frameworks are; without
    one those of the default frameworks.
    """
    with ProgressLine(console) as progress:
        places: Iterable[str] = DEFAULT_FRAMEWORKS if seen is None else seen.environments
        facts = machine.facts(threads, places, progress.of_each(machine.RECORDING))
    name = hardware.machine_name(facts)
    record = {
        "command": anonymous(["mlpbench", *sys.argv[1:]]),
        "label": "".join(c if c.isprintable() else " " for c in label or name),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "environments": {} if seen is None else seen.environments,
        "machine": {"fingerprint": hardware.fingerprint(facts), "facts": facts},
        "versions": {"mlpbench": _version(), "python": platform.python_version()},
        "git": _git(),
    }
    return Described(record, name)


def require_same_frameworks(planned: Plan, recorded: Mapping[str, Any]) -> None:
    """Raise BadInput where an environment of the plan does not hold what the record says it held."""
    cases: dict[str, Case] = {}
    for case in (case for entry in planned.groups for case in entry.group.cases if case.where in recorded):
        if case.where not in cases or case.source is None:
            cases[case.where] = case
    seen = survey(cases.values())
    for name, case in cases.items():
        was = recorded[name].get("packages", {}).get(case.framework)
        now = seen.environments.get(name, {}).get("packages", {}).get(case.framework)
        if was is not None and now != was:
            why = "" if now else f" ({seen.reasons.get(case.id, 'it is not there')})"
            raise BadInput(
                f"--resume: environment {name}: {case.framework} was {was} when the run began, and is now "
                f"{now or 'not available'}{why}; restore it, or begin a new run"
            )


def _version() -> str:
    with suppress(metadata.PackageNotFoundError):
        return metadata.version("mlpbench")
    return "not installed"


def _git() -> dict[str, Any] | None:
    """Return the commit of mlpbench's own checkout and whether it was changed, or None outside of one."""
    folder = Path(__file__).resolve().parent
    try:
        commit, status = (
            subprocess.run(
                ["git", "-C", str(folder), *words], capture_output=True, text=True, check=True
            ).stdout.strip()
            for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "--untracked-files=no", "--", ":/"))
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return {"commit": commit, "dirty": bool(status)}
