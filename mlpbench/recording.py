"""What every record begins with: the command, the machine, the versions, the state of the checkout."""

from __future__ import annotations

import platform
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import hardware
from bench.privacy import anonymous
from mlpbench import machine
from mlpbench.console import ProgressLine

__all__ = ["Described", "describe"]


@dataclass(frozen=True)
class Described:
    """The record's beginning, and the machine's name."""

    record: dict[str, Any]
    name: str

    def folder(self, kind: str = "") -> Path:
        """Return where such a record goes unless the user says otherwise."""
        return Path("runs", f"{kind}{self.name}-{time.strftime('%Y%m%d-%H%M%S')}")


def describe(label: str | None, threads: int | None, console: Console) -> Described:
    """Ask the machine what it is."""
    with ProgressLine(console) as progress:
        progress.note("recording the hardware and software")
        facts = machine.facts(threads)
    name = hardware.machine_name(facts)
    record = {
        "command": anonymous(["mlpbench", *sys.argv[1:]]),
        "label": "".join(c if c.isprintable() else " " for c in label or name),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"fingerprint": hardware.fingerprint(facts), "facts": facts},
        "versions": {"mlpbench": _version(), "python": platform.python_version()},
        "git": _git(),
    }
    return Described(record, name)


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
