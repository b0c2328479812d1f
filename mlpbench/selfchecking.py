"""``mlpbench selfcheck``: what this machine and this harness can resolve, measured on cases of known truth."""

from __future__ import annotations

import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import data, hardware
from bench.errors import BadInput
from bench.hardware.cpu import usable_cores
from bench.jsonlines import Appender
from bench.progress import Progress
from bench.selfcheck import pairs, record, schedule
from bench.selfcheck.schedule import Job, Surroundings
from bench.store import FORMAT_VERSION, RunFolder, write_json
from bench.survey import survey
from mlpbench import choices, recording, reporting
from mlpbench.console import LOOKING, ProgressLine, duration, error_console
from mlpbench.interrupts import INTERRUPTED, uninterrupted

__all__ = ["Asked", "selfcheck"]

DEFAULT_PARTS = ("timers", "aa", "planted")
FRAMEWORKS = ("numpy", "torch")
DEFAULT_MARGIN = 0.02
MOST_FALSE = 0.01
LEAST_TRACED = 0.9  # of tries with a cost planted on one factor, in which it was found there

Row = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """The options of ``mlpbench selfcheck``; empty or None where nothing was said."""

    budget: float
    parts: tuple[str, ...] = ()
    frameworks: tuple[str, ...] = ()
    threads: int | None = None
    seed: int | None = None
    margin: float | None = None

    def check(self) -> None:
        """Raise BadInput, with the remedy, for the first option that cannot be."""
        choices.among("--part", self.parts, schedule.PARTS)
        choices.among("--framework", self.frameworks, FRAMEWORKS)
        choices.positive("--threads", () if self.threads is None else (self.threads,), most=4096)
        choices.positive("--seed", () if self.seed is None else (self.seed,), least=0, most=2**31 - 1)
        choices.seconds("--budget", self.budget)
        if self.margin is not None:
            choices.fraction("--margin", self.margin, "0.02 for 2 %")

    def kept(self) -> Row:
        """Return what holds for all tries of a folder."""
        return {"threads": self.threads, "seed": self.seed, "margin": self.margin}


def selfcheck(asked: Asked, out: Path | None, *, resume: bool, as_json: bool) -> int:
    """Try identical and planted pairs for so many seconds; 0 if the promise holds, 1 if not, 130 if interrupted."""
    asked.check()
    if resume and out is None:
        raise BadInput("--resume: which self-check? name its folder with --out")
    console = error_console()
    folder = _resumed(asked, out) if resume and out is not None else _begun(asked, out, console)
    console.print(f"recording into {folder}; Ctrl-C keeps the tries that are complete")
    interrupted = _try(folder, asked, console)
    with uninterrupted():
        summary = reporting.rebuild_selfcheck(folder, console, quiet=as_json)
    if as_json:
        print(json.dumps(summary["selfcheck"], indent=1))
    if interrupted:
        console.print(f"interrupted; go on with: mlpbench selfcheck --resume --out {folder}")
        return INTERRUPTED
    return 0 if _holds(summary["selfcheck"]) else 1


def _begun(asked: Asked, out: Path | None, console: Console) -> Path:
    threads = asked.threads or usable_cores()
    margin = DEFAULT_MARGIN if asked.margin is None else asked.margin
    kept = {"seed": asked.seed or 0, "margin": margin, "threads": threads}
    with RunFolder.reserved(out):
        described = recording.describe(None, threads, console)
        folder = out or described.folder("selfcheck-")
        run = {"format_version": FORMAT_VERSION, "kind": record.KIND, **described.record, **kept}
        with RunFolder.reserved(folder):
            write_json(folder / "run.json", run)
    return folder


def _resumed(asked: Asked, out: Path) -> Path:
    if not record.is_selfcheck(out):
        raise BadInput(f"--out {out}: no self-check's folder; name one that `mlpbench selfcheck` wrote, or begin anew")
    stored = record.read(out).run
    for name, value in asked.kept().items():
        if value not in (None, stored[name]):
            raise BadInput(f"--resume: {out} was begun with --{name} {stored[name]}; leave --{name} {value} out")
    if hardware.fingerprint(hardware.record()) != stored["machine"].get("fingerprint"):
        raise BadInput(f"--resume: {out} was begun on another machine; go on there, or begin a new one here")
    return out


def _try(folder: Path, asked: Asked, console: Console) -> bool:
    """Try one thing after the other until the time is used; return whether that was interrupted."""
    file = record.open_tries(folder)
    try:
        with ProgressLine(console) as progress:
            found = record.read(folder)
            jobs = schedule.jobs(asked.parts or DEFAULT_PARTS, _surroundings(found.run, asked.frameworks, progress))
            for absent in schedule.missing() if "peers" in asked.parts else ():
                console.print(absent)
            _until(time.monotonic() + asked.budget, jobs, found.lines, file, progress)
            if not found.lines:
                raise _too_short(asked.budget, jobs)
    except KeyboardInterrupt:
        return True
    except OSError as error:
        raise BadInput(
            f"{error.filename or f'{folder} or {tempfile.gettempdir()}'}: cannot be written ({error.strerror}); the "
            "tries that are complete are kept: make room, or set TMPDIR, then add --resume"
        ) from None
    finally:
        file.close()
    return False


def _until(ends: float, jobs: list[Job], lines: list[Row], file: Appender, progress: ProgressLine) -> None:
    while (following := schedule.following(jobs, lines, ends - time.monotonic())) is not None:
        job, number = following
        text = f"{job.name} ({number + 1})"
        progress(Progress(text, 0, 0, ends - time.monotonic()), now=True)
        for line in job.do(number, lambda told, text=text: progress(_within(text, told))):  # type: ignore[misc]
            file.append(line)
            lines.append(line)


def _too_short(budget: float, jobs: list[Job]) -> BadInput:
    shortest = min(jobs, key=lambda job: job.seconds)
    return BadInput(
        f"--budget {budget:g}: too short for a single try; the shortest that was asked for, {shortest.name}, takes "
        f"about {duration(shortest.seconds)}"
    )


def _within(text: str, told: Progress) -> Progress:
    return Progress(f"{text}, {told.text}", told.done, told.total, told.left_s)


def _surroundings(stored: Row, asked: tuple[str, ...], progress: ProgressLine) -> Surroundings:
    """Return what tries need; raises BadInput for a framework that was asked for and cannot run here."""
    threads = int(stored["threads"])
    cases = [
        case
        for family in pairs.FAMILIES
        for case in (make(threads) for make in family)
        if case.framework in (asked or FRAMEWORKS)
    ]
    reasons = survey(cases, told=progress.of_each(LOOKING)).reasons
    without = {case.framework: reasons[case.id] for case in cases if case.id in reasons}
    for name in asked:
        if name in without:
            raise BadInput(f"--framework {name}: cannot run here ({without[name]}); install it, or name another")
    frameworks = tuple(dict.fromkeys(case.framework for case in cases if case.framework not in without))
    if not frameworks:
        raise BadInput(f"selfcheck: nothing can run here ({next(iter(without.values()))}); install NumPy or torch")
    directory = data.drawn(os.environ).directory
    return Surroundings(int(stored["seed"]), threads, float(stored["margin"]), frameworks, directory)


def _holds(found: Row) -> bool:
    """Whether nothing speaks against the promise: few false verdicts, broken timers caught, costs traced to causes."""
    false = found["aa"]["false"]["at_least"]
    traced = all(row["enough"]["at_most"] >= LEAST_TRACED for row in found["attribution"])
    return (false is None or false <= MOST_FALSE) and all(row["caught"] for row in found["timers"]) and traced
