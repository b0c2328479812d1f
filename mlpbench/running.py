"""``mlpbench run``: what was asked, what can run here, the plan, the measuring, the report."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import budget, data, hardware, plan, runner, store, summary, workloads
from bench.case import Group
from bench.errors import BadInput
from bench.launch import Limits
from bench.plan import Plan
from bench.privacy import anonymous
from bench.slow import TOO_SLOW
from bench.store import Records, RunFolder
from bench.survey import Survey, survey
from bench.workloads.training_epoch import EXAMPLES
from mlpbench import recording, reporting
from mlpbench.asked import Asked, groups, left_out, needs_data, needs_real_data
from mlpbench.console import LOOKING, ProgressLine, duration, error_console, output_console

__all__ = ["INTERRUPTED", "Asked", "run", "signals"]

INTERRUPTED = 130


def run(
    asked: Asked,
    *,
    data_root: Path | None,
    out: Path | None,
    label: str | None,
    resume: bool,
    dry_run: bool,
    strict: bool,
) -> int:
    """Do one run, or finish one; return the exit status."""
    began = time.monotonic()
    console = error_console()
    if out is not None and not resume and not dry_run:
        RunFolder.check(out)
    with signals(signal.default_int_handler, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        prepared = _resumed(asked, data_root, out) if resume else _planned(asked, data_root, console, dry_run)
        if dry_run:
            _show_plan(prepared)
            return 0
        folder = _folder(prepared, asked, out, label, console)
        interrupted = _measure(prepared, folder, began, console)
    folder.close()
    # What is left takes seconds; a Ctrl-C now, and tox sends a second one by itself, must not cost the report.
    with signals(signal.SIG_IGN, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        derived = reporting.rebuild(folder.path, console, interrupted=interrupted)
    return _conclude(derived, folder.path, interrupted=interrupted, strict=strict)


@contextmanager
def signals(handler: Any, *numbers: signal.Signals) -> Iterator[None]:
    """Handle these signals so within the block; a hang-up that is ignored, as under nohup, stays so."""
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    before = {number: signal.signal(number, handler) for number in numbers if not (ignored and number == signal.SIGHUP)}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


class _Prepared:
    """A plan and what it needs to be carried out."""

    def __init__(self, plan: Plan, source: data.DataSource, survey: Survey, earlier: Records | None = None) -> None:
        self.plan = plan
        self.source = source
        self.survey = survey
        self.earlier = earlier


def _planned(asked: Asked, data_root: Path | None, console: Console, dry_run: bool) -> _Prepared:
    found = groups(asked)
    source = data.DataSource("none", Path(), "a dry run needs no images") if dry_run else _data(found, data_root)
    with ProgressLine(console) as progress:
        seen = survey((case for group in found for case in group.cases), told=progress.of_each(LOOKING))
    planned = replace(plan.make(found, seen, asked.preset, asked.seed), left_out=left_out(asked))
    if asked.budget is not None:
        if planned.groups and not budget.adjustable(planned):
            fixed = " and ".join(planned.launches)
            raise BadInput(
                f"--budget {asked.budget:g}: {fixed} fixes launches and rounds itself; leave this out, or add a study "
                "that takes a budget, such as throughput"
            )
        planned = budget.unsettled(planned, asked.budget)
    elif asked.precision is not None and max(planned.launches.values(), default=0) <= budget.LEAST_LAUNCHES_TO_STOP:
        raise BadInput(
            f"--precision {asked.precision}: a study may stop from {budget.LEAST_LAUNCHES_TO_STOP} launches on, and no "
            "more are planned; add --preset thorough or --budget"
        )
    return _Prepared(replace(planned, precision=asked.precision), source, seen)


def _data(found: list[Group], data_root: Path | None) -> data.DataSource:
    if needs_data(found):
        source = data.find(data_root, os.environ)
        if needs_real_data(found) and source.kind != "fashion-mnist":
            raise BadInput(
                f"accuracy: needs Fashion-MNIST, and {source.note}; point --data-root or MLPBENCH_DATA at a folder "
                "that holds FashionMNIST/raw/*.gz"
            )
        return source
    return data.DataSource("none", Path(), "no case of this run needs images")


def _resumed(asked: Asked, data_root: Path | None, out: Path | None) -> _Prepared:
    if out is None:
        raise BadInput("--resume: which run? name its folder with --out")
    records = store.read(out)
    stored = records.run.get("asked")
    if asked != Asked() and asked.to_json() != stored:
        raise BadInput(
            f"--resume: {out} was planned with other options ({_differences(asked, stored)}); leave them out"
        )
    try:
        summary.summarize(records)
        planned = Plan.from_json(records.run["plan"], records.run["seed"])
        if planned.budget_s is not None:
            budget.settle(planned, records, planned.budget_s)  # what it would be planned from must be sound
        recording.require_same_frameworks(planned, records.run.get("environments", {}))
    except reporting.DAMAGE as error:
        raise reporting.damaged(out, error) from None
    _require_same_sources(planned, records.run.get("sources", {}))
    if hardware.fingerprint(hardware.record()) != records.run["machine"]["fingerprint"]:
        raise BadInput(f"--resume: {out} was begun on another machine; finish it there, or begin a new run here")
    source = _data([entry.group for entry in planned.groups], data_root)
    if source.kind != records.run["data"].get("kind"):
        before = records.run["data"].get("kind")
        raise BadInput(f"--resume: {out} used {before} data, now there is {source.kind}; give the same --data-root")
    return _Prepared(planned, source, Survey(), records)


def _sources(planned: Plan) -> dict[str, str]:
    """Return digests of the user's implementation files by the paths that the plan holds."""
    paths = {case.source for entry in planned.groups for case in entry.group.cases if case.source}
    return {path: hashlib.sha256(Path(path).expanduser().read_bytes()).hexdigest() for path in sorted(paths)}


def _require_same_sources(planned: Plan, recorded: dict[str, str]) -> None:
    try:
        now = _sources(planned)
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


def _folder(prepared: _Prepared, asked: Asked, out: Path | None, label: str | None, console: Console) -> RunFolder:
    if prepared.earlier is not None and out is not None:
        return RunFolder.reopen(out)
    described = recording.describe(label, asked.threads, console, prepared.survey)
    record = {
        **described.record,
        "asked": asked.to_json(),
        "seed": asked.seed,
        "preset": asked.preset,
        "margin": asked.margin,
        "data": {"kind": prepared.source.kind, "note": anonymous(prepared.source.note)},
        "plan": prepared.plan.to_json(),
        "sources": _sources(prepared.plan),
    }
    if "accuracy" in prepared.plan.launches:
        record["examples"] = data.examples(prepared.source.directory, EXAMPLES)
    return RunFolder.create(out or described.folder(), record)


def _measure(prepared: _Prepared, folder: RunFolder, began: float, console: Console) -> bool:
    """Carry out the plan; return whether it was interrupted."""
    console.print(f"recording into {folder.path}; Ctrl-C keeps what was measured")
    if prepared.earlier is None:
        console.print(f"{_size(prepared.plan)}, {_expected(prepared)}")
    limits = Limits(memory_bytes=runner.memory_limit())
    try:
        with ProgressLine(console) as progress:
            runner.measure(
                prepared.plan, folder, prepared.source.directory, limits, earlier=prepared.earlier, began=began,
                on_progress=progress,
            )  # fmt: skip
    except KeyboardInterrupt:
        folder.outcome("interrupted")
        console.print("interrupted: writing the report on what was measured")
        return True
    except OSError as error:
        raise BadInput(
            f"{folder.path}: cannot be written any more ({error.strerror}); what was measured is kept: make room, then "
            "add --resume"
        ) from None
    return False


def _conclude(derived: dict[str, Any], path: Path, *, interrupted: bool, strict: bool) -> int:
    console = output_console()
    rows = derived["cases"]
    gone = [row for row in rows if row["status"] in {"skipped", "failed", "not equal", TOO_SLOW}]
    if gone:
        kinds = {row["status"]: sum(other["status"] == row["status"] for other in gone) for row in gone}
        counts = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        console.print(f"Of {len(rows)} cases: {counts}. The report gives the reasons.")
    if interrupted:
        console.print(f"Interrupted; finish it with: mlpbench run --resume --out {path}")
        return INTERRUPTED
    return 1 if strict and gone else 0


def _show_plan(prepared: _Prepared) -> None:
    console = output_console()
    table = Table(show_edge=False, pad_edge=False)
    for column in ("study", "group", "cases", "launches × rounds", "FLOPs per step"):
        table.add_column(column, overflow="fold")
    for entry in prepared.plan.groups:
        flops = sorted({workloads.work(case).flops for case in entry.group.cases})
        table.add_row(
            entry.group.study, entry.group.name, ", ".join(case.name for case in entry.group.cases),
            f"{prepared.plan.launches[entry.group.study]} × {entry.rounds}" if prepared.plan.budget_s is None else "?",
            " to ".join(f"{value:.4g}" for value in dict.fromkeys((flops[0], flops[-1]))),
        )  # fmt: skip
    if prepared.plan.groups:
        console.print(table)
    skipped = Counter((f"{case.study}/{case.group}", reason) for case, _, reason in prepared.plan.skips)
    for (group, reason), count in skipped.items():
        console.print(f"skipped: {group}, {count} case{'s' * (count > 1)}: {reason}")
    for sentence in prepared.plan.left_out:
        console.print(sentence)
    console.print(f"{_size(prepared.plan)}, {_expected(prepared)}. Nothing was measured.")


def _expected(prepared: _Prepared) -> str:
    """Say how long the plan takes."""
    if prepared.plan.budget_s is not None:
        return f"launches and rounds to be fixed by a pilot, in all {duration(prepared.plan.budget_s)}"
    return f"expected to take about {duration(plan.expected_seconds(prepared.plan, prepared.survey))}"


def _size(planned: Plan) -> str:
    cases = sum(len(entry.group.cases) for entry in planned.groups)
    samples = sum(
        len(entry.group.cases) * entry.rounds * planned.launches[entry.group.study] for entry in planned.groups
    )
    return f"cases: {cases}, groups: {len(planned.groups)}, samples: {samples}"
