"""What the self-check does next: the part that was tried least so far, as long as it fits into the time left."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from bench import peers, plugins
from bench.peers import Pair
from bench.progress import Progress
from bench.selfcheck import attribution, broken, pairs, tries

__all__ = ["PARTS", "Job", "Surroundings", "following", "jobs", "missing"]

PARTS = ("aa", "planted", "timers", "peers", "attribution")
PEER_BUDGET_S = 20.0
PEER_PAIRS = (("numpy", 128, (1, 1)), ("numpy", 256, (1, 1)), ("numpy", 512, (1, 1)), ("numpy", 256, (110, 100)))
AA_SECONDS = 30.0  # what a run of identical pairs takes, before one has been taken; likewise the next
TIMERS_SECONDS = 45.0
ATTRIBUTION_SECONDS = 60.0

Row = dict[str, Any]
Report = Callable[[Progress], None]


@dataclass(frozen=True)
class Surroundings:
    """What every try needs to know."""

    seed: int
    threads: int
    margin: float
    frameworks: tuple[str, ...]
    data_directory: Path


@dataclass(frozen=True)
class Job:
    """Something that can be tried again and again: how long a try takes, and what it yields, one line or several."""

    part: str
    name: str
    seconds: float
    once: bool
    do: Callable[[int, Report], Iterable[Row]]


def jobs(parts: Sequence[str], around: Surroundings) -> list[Job]:
    """Return what the parts asked for consist of."""
    found: list[Job] = []
    if "timers" in parts:
        found.append(Job("timers", "deliberately broken timers", TIMERS_SECONDS, True, _timers))
    if "aa" in parts:
        found.append(Job("aa", "A/A", AA_SECONDS, False, lambda number, report: [_aa(number, around, report)]))
    if "planted" in parts:
        found += [_planted_job(one, around) for one in pairs.SETTINGS if one.framework in around.frameworks]
    if "peers" in parts:
        found.append(
            Job("peers", "peers", PEER_BUDGET_S * len(tools()), False, lambda number, _: _peers(number, around))
        )
    if "attribution" in parts and attribution.PROVIDER in around.frameworks:
        found.append(Job("attribution", "attribution", ATTRIBUTION_SECONDS, False,
                         lambda number, report: [_attribution(number, around, report)]))  # fmt: skip
    return found


def following(found: Sequence[Job], lines: Sequence[Row], left_s: float) -> tuple[Job, int] | None:
    """Return, of the jobs that fit into the seconds left, the one tried least so far, and its number; None for none."""
    counts = {job.name: count(job, lines) for job in found}
    fit = [job for job in found if lasts(job, lines) <= left_s and not (job.once and counts[job.name])]
    if not fit:
        return None
    job = min(fit, key=lambda job: counts[job.name])
    return job, counts[job.name]


def count(job: Job, lines: Sequence[Row]) -> int:
    """Return how many tries of a job are on record; the tools of one pair are one try."""
    numbers = [line["number"] for line in of(job, lines) if "number" in line]
    return max(numbers) + 1 if numbers else len(of(job, lines))


def lasts(job: Job, lines: Sequence[Row]) -> float:
    """Return the seconds that a try of the job takes: what the last took, where there is one and no budget rules it."""
    done = of(job, lines)
    return done[-1]["seconds"] if job.part in ("aa", "timers", "attribution") and done else job.seconds


def of(job: Job, lines: Sequence[Row]) -> list[Row]:
    """Return the lines that a job left."""
    if job.part == "planted":
        return [line for line in lines if line["kind"] == "planted" and line["setting"] == job.name]
    return [line for line in lines if line["kind"] == {"peers": "peer"}.get(job.part, job.part)]


def tools() -> list[Any]:
    """Return the modules of the tools that are installed, this project's among them."""
    return [module for module in _modules() if peers.missing(module.REQUIRES) is None]


def missing() -> list[str]:
    """Return which tools cannot be asked, each with the reason."""
    reasons = {module.TOOL: peers.missing(module.REQUIRES) for module in _modules()}
    return [f"{tool}: {reason}" for tool, reason in reasons.items() if reason is not None]


def _modules() -> list[Any]:
    return [import_module(f"bench.peers.{name}") for name in plugins.names(peers)]


def _timers(number: int, report: Report) -> list[Row]:
    began, when = time.monotonic(), _now()
    rows = broken.timers(lambda text: report(Progress(text, 0, 0, None)))
    return [{"kind": "timers", "began": when, "seconds": round(time.monotonic() - began, 3), "rows": rows}]


def _aa(number: int, around: Surroundings, report: Report) -> Row:
    groups = pairs.identical(number, around.threads, around.frameworks)
    line = tries.attempt(
        groups, seed=around.seed + number, margin=around.margin, budget_s=None,
        data_directory=around.data_directory, on_progress=report,
    )  # fmt: skip
    return {"kind": "aa", "setting": "A/A", "number": number, **line}


def _attribution(number: int, around: Surroundings, report: Report) -> Row:
    factor, group = attribution.cells(number, around.threads)
    line = tries.attempt(
        [group], seed=around.seed + number, margin=around.margin, budget_s=None,
        data_directory=around.data_directory, on_progress=report,
    )  # fmt: skip
    told = {"effects": attribution.effects(line["effects"], factor)}
    return {"kind": "attribution", "setting": f"cost on {factor}", "factor": factor, "number": number, **line, **told}


def _planted_job(setting: pairs.Setting, around: Surroundings) -> Job:
    def do(number: int, report: Report) -> list[Row]:
        line = tries.attempt(
            [pairs.planted(number, setting, around.threads)], seed=around.seed + number, margin=setting.margin,
            budget_s=setting.budget_s, data_directory=around.data_directory, on_progress=report,
        )  # fmt: skip
        return [{"kind": "planted", "setting": setting.name, "number": number, **line}]

    return Job("planted", setting.name, setting.budget_s, False, do)


def _peers(number: int, around: Surroundings) -> Iterator[Row]:
    library, size, planted = PEER_PAIRS[number % len(PEER_PAIRS)]
    pair = Pair(library, size, around.threads, planted)
    return _in_turn(pair, number, random.Random(around.seed + number))


def _in_turn(pair: Pair, number: int, generator: random.Random) -> Iterator[Row]:
    """The tools one after the other, in an order drawn for the pair; one that fails leaves no line."""
    modules = tools()
    generator.shuffle(modules)
    for module in modules:
        when = _now()
        with tempfile.TemporaryDirectory(prefix="mlpbench-") as name:
            try:
                decision = module.decide(pair, PEER_BUDGET_S, Path(name))
            except peers.PeerError:
                continue
        yield {
            "kind": "peer", "tool": module.TOOL, "number": number, "began": when, "pair": pair.name,
            "truth": pair.truth, "ratio": decision.ratio, "ci_low": decision.ci_low, "ci_high": decision.ci_high,
            "verdict": decision.verdict, "rule": module.RULE, "seconds": round(decision.seconds, 3),
        }  # fmt: skip


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
