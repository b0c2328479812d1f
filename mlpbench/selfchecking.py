"""``mlpbench selfcheck``: what this machine and this harness can resolve, measured on cases of known truth."""

from __future__ import annotations

import json
import math
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import data
from bench.errors import BadInput
from bench.hardware.cpu import usable_cores
from bench.progress import Progress
from bench.selfcheck import pairs, record, schedule
from bench.selfcheck.schedule import Surroundings
from bench.store import FORMAT_VERSION, RunFolder, write_json
from bench.survey import survey
from mlpbench import choices, recording, reporting
from mlpbench.console import ProgressLine, error_console
from mlpbench.running import INTERRUPTED, signals

__all__ = ["DEFAULT_PARTS", "selfcheck"]

DEFAULT_PARTS = ("timers", "aa", "planted")
FRAMEWORKS = ("numpy", "torch")
LEAST_BUDGET_S = 15.0
MOST_FALSE = 0.01

Row = dict[str, Any]


def selfcheck(
    budget: float,
    parts: Sequence[str],
    frameworks: Sequence[str],
    threads: int | None,
    seed: int,
    margin: float,
    out: Path | None,
    *,
    resume: bool,
    as_json: bool,
) -> int:
    """Try identical and planted pairs for so many seconds; 0 if the promise holds, 1 if not, 130 if interrupted."""
    _check(budget, parts, frameworks, threads, seed, margin, out, resume)
    console = error_console()
    with signals(signal.default_int_handler, signal.SIGTERM, signal.SIGHUP):
        folder = _resumed(out) if resume and out is not None else _begun(out, threads, seed, margin, console)
        console.print(f"recording into {folder}; Ctrl-C keeps the tries that are complete")
        stored = record.read(folder).run
        interrupted = _try(folder, parts, frameworks, stored, budget, console)
    with signals(signal.SIG_IGN, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        summary = reporting.rebuild_selfcheck(folder, console, quiet=as_json)
    if as_json:
        print(json.dumps(summary["selfcheck"], indent=1))
    if interrupted:
        console.print(f"interrupted; go on with: mlpbench selfcheck --resume --out {folder}")
        return INTERRUPTED
    return 0 if _holds(summary["selfcheck"]) else 1


def _check(
    budget: float, parts: Sequence[str], frameworks: Sequence[str], threads: int | None, seed: int, margin: float,
    out: Path | None, resume: bool,
) -> None:  # fmt: skip
    choices.among("--part", parts, schedule.PARTS)
    choices.among("--framework", frameworks, FRAMEWORKS)
    choices.positive("--threads", () if threads is None else (threads,), most=4096)
    choices.positive("--seed", (seed,), least=0, most=2**31 - 1)
    if not LEAST_BUDGET_S <= budget < math.inf:
        raise BadInput(f"--budget {budget}: expected at least {LEAST_BUDGET_S:g} seconds, such as 300")
    if not 0 < margin < 1:
        raise BadInput(f"--margin {margin}: expected a fraction between 0 and 1, such as 0.02 for 2 %")
    if resume and out is None:
        raise BadInput("--resume: which self-check? name its folder with --out")


def _begun(out: Path | None, threads: int | None, seed: int, margin: float, console: Console) -> Path:
    if out is not None:
        RunFolder.check(out)
    threads = threads or usable_cores()
    described = recording.describe(None, threads, console)
    folder = out or described.folder("selfcheck-")
    RunFolder.check(folder)
    content = {**described.record, "kind": record.KIND, "seed": seed, "margin": margin, "threads": threads}
    write_json(folder / "run.json", {"format_version": FORMAT_VERSION, **content})
    return folder


def _resumed(out: Path) -> Path:
    if not record.is_selfcheck(out):
        raise BadInput(f"--out {out}: no self-check's folder; name one that `mlpbench selfcheck` wrote, or begin anew")
    record.read(out)
    return out


def _try(
    folder: Path, parts: Sequence[str], frameworks: Sequence[str], stored: Row, budget: float, console: Console
) -> bool:
    """Try one thing after the other until the time is used; return whether that was interrupted."""
    lines = record.read(folder).lines
    try:
        with ProgressLine(console) as progress:
            progress.note("looking at what can run here")
            around = _surroundings(stored, frameworks or FRAMEWORKS)
            found = schedule.jobs(parts or DEFAULT_PARTS, around)
            ends = time.monotonic() + budget
            while (following := schedule.following(found, lines, ends - time.monotonic())) is not None:
                job, number = following
                text = f"{job.name} ({number + 1})"
                progress(Progress(text, 0, 0, ends - time.monotonic()), now=True)
                for line in job.do(number, lambda told, text=text: progress(_within(text, told))):  # type: ignore[misc]
                    record.append(folder, line)
                    lines.append(line)
    except KeyboardInterrupt:
        return True
    return False


def _within(text: str, told: Progress) -> Progress:
    return Progress(f"{text}, {told.text}", told.done, told.total, told.left_s)


def _surroundings(stored: Row, asked: Sequence[str]) -> Surroundings:
    threads = int(stored["threads"])
    cases = [
        case for family in pairs.FAMILIES for case in (make(threads) for make in family) if case.framework in asked
    ]
    reasons = survey(cases).reasons
    without = {case.framework for case in cases if case.id in reasons}
    frameworks = tuple(dict.fromkeys(case.framework for case in cases if case.framework not in without))
    directory = data.drawn(os.environ).directory
    return Surroundings(int(stored["seed"]), threads, float(stored["margin"]), frameworks, directory)


def _holds(found: Row) -> bool:
    """Whether nothing speaks against the promise: few enough false verdicts, and every broken timer caught."""
    false = found["aa"]["false"]["at_least"]
    return (false is None or false <= MOST_FALSE) and all(row["caught"] for row in found["timers"])
