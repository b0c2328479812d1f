"""``mlpbench run``: what was asked, what can run here, the plan, the measuring, the report."""

from __future__ import annotations

import hashlib
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import data, hardware, plan, runner, store, summary, workloads
from bench.case import Group
from bench.errors import BadInput
from bench.launch import Limits
from bench.plan import Plan
from bench.privacy import anonymous
from bench.store import Records, RunFolder
from bench.survey import Survey, survey
from mlpbench import machine, reporting
from mlpbench.asked import Asked, groups, needs_data
from mlpbench.console import ProgressLine, duration, error_console, output_console

__all__ = ["Asked", "run"]

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
    console = error_console()
    if out is not None and not resume and not dry_run:
        RunFolder.check(out)
    with _signals(signal.default_int_handler, signal.SIGTERM, signal.SIGHUP):
        prepared = _resumed(asked, data_root, out) if resume else _planned(asked, data_root, console, dry_run)
        if dry_run:
            _show_plan(prepared)
            return 0
        folder = _folder(prepared, asked, out, label, console)
        interrupted = _measure(prepared, folder, console)
    folder.close()
    # What is left takes seconds; a Ctrl-C now, and tox sends a second one by itself, must not cost the report.
    with _signals(signal.SIG_IGN, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        derived = reporting.rebuild(folder.path, console, interrupted=interrupted)
    return _conclude(derived, folder.path, interrupted=interrupted, strict=strict)


@contextmanager
def _signals(handler: Any, *numbers: signal.Signals) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in numbers}
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
        progress.note("looking at what can run here")
        seen = survey(case for group in found for case in group.cases)
    return _Prepared(plan.make(found, seen, asked.preset, asked.seed), source, seen)


def _data(found: list[Group], data_root: Path | None) -> data.DataSource:
    if needs_data(found):
        return data.find(data_root, os.environ)
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
    with ProgressLine(console) as progress:
        progress.note("recording the hardware and software")
        facts = machine.facts(asked.threads)
    name = hardware.machine_name(facts)
    record = {
        "command": anonymous(["mlpbench", *sys.argv[1:]]),
        "asked": asked.to_json(),
        "label": "".join(c if c.isprintable() else " " for c in label or name),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": asked.seed,
        "preset": asked.preset,
        "margin": asked.margin,
        "data": {"kind": prepared.source.kind, "note": anonymous(prepared.source.note)},
        "plan": prepared.plan.to_json(),
        "sources": _sources(prepared.plan),
        "machine": {"fingerprint": hardware.fingerprint(facts), "facts": facts},
        "versions": {"mlpbench": _version(), "python": platform.python_version()},
        "git": _git(),
    }
    return RunFolder.create(out or Path("runs", f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"), record)


def _measure(prepared: _Prepared, folder: RunFolder, console: Console) -> bool:
    """Carry out the plan; return whether it was interrupted."""
    expected = plan.expected_seconds(prepared.plan, prepared.survey)
    console.print(f"recording into {folder.path}; Ctrl-C keeps what was measured")
    if prepared.earlier is None:
        console.print(f"{_size(prepared.plan)}, about {duration(expected)}")
    limits = Limits(memory_bytes=runner.memory_limit())
    try:
        with ProgressLine(console) as progress:
            runner.measure(
                prepared.plan, folder, prepared.source.directory, limits, earlier=prepared.earlier, on_progress=progress
            )
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
    gone = [row for row in rows if row["status"] in {"skipped", "failed", "not equal", "too slow"}]
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
            f"{prepared.plan.launches[entry.group.study]} × {entry.rounds}",
            " to ".join(f"{value:.4g}" for value in dict.fromkeys((flops[0], flops[-1]))),
        )  # fmt: skip
    console.print(table)
    for case, _, reason in prepared.plan.skips:
        console.print(f"skipped: {case.id}: {reason}")
    expected = plan.expected_seconds(prepared.plan, prepared.survey)
    console.print(f"{_size(prepared.plan)}, expected to take about {duration(expected)}. Nothing was measured.")


def _size(planned: Plan) -> str:
    cases = sum(len(entry.group.cases) for entry in planned.groups)
    samples = sum(
        len(entry.group.cases) * entry.rounds * planned.launches[entry.group.study] for entry in planned.groups
    )
    return f"cases: {cases}, groups: {len(planned.groups)}, samples: {samples}"


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
