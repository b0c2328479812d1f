"""A plan and what it needs to be carried out: of what was asked, or of a run that is to be finished."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import budget, data, hardware, plan, store, summary
from bench.case import Group
from bench.errors import BadInput
from bench.plan import Plan
from bench.store import Records
from bench.survey import Survey, survey
from mlpbench import recording, reporting
from mlpbench.asked import Asked, groups, left_out, needs_data, needs_real_data
from mlpbench.console import LOOKING, ProgressLine

__all__ = ["Prepared", "planned", "resumed", "sources"]


@dataclass(frozen=True)
class Prepared:
    """A plan, its images, what can run here, and the records of a run that is to be finished."""

    plan: Plan
    source: data.DataSource
    survey: Survey
    earlier: Records | None = None


def planned(asked: Asked, data_root: Path | None, console: Console, *, dry_run: bool) -> Prepared:
    """Return what was asked; BadInput where it cannot be. A dry run looks for no images but those named."""
    found = groups(asked)
    skips_images = dry_run and data_root is None
    source = data.DataSource("none", Path(), "a dry run needs no images") if skips_images else _images(found, data_root)
    with ProgressLine(console) as progress:
        seen = survey((case for group in found for case in group.cases), told=progress.of_each(LOOKING))
    made = replace(plan.make(found, seen, asked.preset, asked.seed), left_out=left_out(asked))
    if asked.budget is not None:
        if made.groups and not budget.adjustable(made):
            fixed = " and ".join(made.launches)
            raise BadInput(
                f"--budget {asked.budget:g}: {fixed} fixes launches and rounds itself; leave this out, or add a study "
                "that takes a budget, such as throughput"
            )
        made = budget.unsettled(made, asked.budget)
    elif asked.precision is not None and max(made.launches.values(), default=0) <= budget.LEAST_LAUNCHES_TO_STOP:
        raise BadInput(
            f"--precision {asked.precision}: a study may stop from {budget.LEAST_LAUNCHES_TO_STOP} launches on, and no "
            "more are planned; add --preset thorough or --budget"
        )
    return Prepared(replace(made, precision=asked.precision), source, seen)


def resumed(asked: Asked, data_root: Path | None, out: Path | None) -> Prepared:
    """Return the plan of a run that was begun; BadInput where it cannot be finished here as it was begun."""
    if out is None:
        raise BadInput("--resume: which run? name its folder with --out")
    records = store.read(out)
    stored = records.run.get("asked")
    if asked != Asked() and asked.to_json() != stored:
        raise BadInput(
            f"--resume: {out} was planned with other options ({_differences(asked, stored)}); leave them out"
        )
    begun = _sound(out, records)
    _require_same_sources(begun, records.run.get("sources", {}))
    if hardware.fingerprint(hardware.record()) != records.run["machine"]["fingerprint"]:
        raise BadInput(f"--resume: {out} was begun on another machine; finish it there, or begin a new run here")
    source = _images([entry.group for entry in begun.groups], data_root)
    if source.kind != records.run["data"].get("kind"):
        before = records.run["data"].get("kind")
        raise BadInput(f"--resume: {out} used {before} data, now there is {source.kind}; give the same --data-root")
    return Prepared(begun, source, Survey(), records)


def sources(made: Plan) -> dict[str, str]:
    """Return digests of the user's implementation files by the paths that the plan holds."""
    paths = {case.source for entry in made.groups for case in entry.group.cases if case.source}
    return {path: hashlib.sha256(Path(path).expanduser().read_bytes()).hexdigest() for path in sorted(paths)}


def _sound(out: Path, records: Records) -> Plan:
    """Return the plan on record; raises BadInput where a summary of these records could not be derived."""
    try:
        summary.summarize(records)
        begun = Plan.from_json(records.run["plan"], records.run["seed"])
        if begun.budget_s is not None:
            budget.settle(begun, records, begun.budget_s)  # what it would be planned from must be sound
        recording.require_same_frameworks(begun, records.run.get("environments", {}))
    except reporting.DAMAGE as error:
        raise reporting.damaged(out, error) from None
    return begun


def _images(found: list[Group], data_root: Path | None) -> data.DataSource:
    if needs_data(found):
        source = data.find(data_root, os.environ)
        if needs_real_data(found) and source.kind != "fashion-mnist":
            raise BadInput(
                f"accuracy: needs Fashion-MNIST, and {source.note}; point --data-root or MLPBENCH_DATA at a folder "
                "that holds FashionMNIST/raw/*.gz"
            )
        return source
    return data.DataSource("none", Path(), "no case of this run needs images")


def _require_same_sources(begun: Plan, recorded: dict[str, str]) -> None:
    try:
        now = sources(begun)
    except OSError as error:
        raise BadInput(f"--resume: {error.filename} is not there; resume from the folder the run began in") from None
    for path, digest in now.items():
        if recorded.get(path) != digest:
            raise BadInput(f"--resume: {path} has changed since the run began; restore it, or begin a new run")


def _differences(asked: Asked, stored: Any) -> str:
    if not isinstance(stored, dict):
        return "not recorded"
    return ", ".join(
        f"{name} {stored.get(name)}" for name, value in asked.to_json().items() if value != stored.get(name)
    )
