"""``mlpbench run``: what was asked, what can run here, the plan, the measuring, the report."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import data, runner
from bench.errors import BadInput
from bench.launch import Limits
from bench.privacy import anonymous
from bench.slow import TOO_SLOW
from bench.store import RunFolder
from bench.workloads.training_epoch import EXAMPLES
from mlpbench import plan_text, preparing, recording, reporting
from mlpbench.asked import Asked
from mlpbench.console import ProgressLine, error_console, output_console
from mlpbench.preparing import Prepared

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
        if resume:
            prepared = preparing.resumed(asked, data_root, out)
        else:
            prepared = preparing.planned(asked, data_root, console, dry_run=dry_run)
        if dry_run:
            plan_text.show(prepared.plan, prepared.survey, output_console())
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


def _folder(prepared: Prepared, asked: Asked, out: Path | None, label: str | None, console: Console) -> RunFolder:
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
        "sources": preparing.sources(prepared.plan),
    }
    if "accuracy" in prepared.plan.launches:
        record["examples"] = data.examples(prepared.source.directory, EXAMPLES)
    return RunFolder.create(out or described.folder(), record)


def _measure(prepared: Prepared, folder: RunFolder, began: float, console: Console) -> bool:
    """Carry out the plan; return whether it was interrupted."""
    console.print(f"recording into {folder.path}; Ctrl-C keeps what was measured")
    if prepared.earlier is None:
        console.print(plan_text.extent(prepared.plan, prepared.survey))
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
