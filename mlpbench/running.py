"""``mlpbench run``: what was asked, what can run here, the plan, the measuring, the report."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import data, runner
from bench.case import TOO_SLOW
from bench.errors import BadInput
from bench.launch import Limits
from bench.privacy import anonymous
from bench.store import RunFolder
from bench.workloads.training_epoch import EXAMPLES
from mlpbench import plan_text, preparing, recording, reporting
from mlpbench.asked import Asked
from mlpbench.console import ProgressLine, error_console, output_console
from mlpbench.interrupts import INTERRUPTED, uninterrupted
from mlpbench.preparing import Prepared

__all__ = ["Asked", "run"]


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
    if dry_run:
        if out is not None and not resume:
            RunFolder.require_vacant(out)
        prepared = _prepared(asked, data_root, out, console, resume=resume, dry_run=True)
        plan_text.show(prepared.plan, prepared.survey, output_console())
        return 0
    with RunFolder.reserved(None if resume else out):
        prepared = _prepared(asked, data_root, out, console, resume=resume)
        folder = _folder(prepared, asked, out, label, console)
        interrupted = _measure(prepared, folder, began, console)
    folder.close()
    with uninterrupted():
        derived = reporting.rebuild(folder.path, console, interrupted=interrupted)
    return _conclude(derived, folder.path, interrupted=interrupted, strict=strict)


def _prepared(
    asked: Asked, data_root: Path | None, out: Path | None, console: Console, *, resume: bool, dry_run: bool = False
) -> Prepared:
    if resume:
        return preparing.resumed(asked, data_root, out)
    return preparing.planned(asked, data_root, console, dry_run=dry_run)


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
        command = f"mlpbench run --resume --out {shlex.quote(str(path))}"
        console.print(f"Interrupted; finish it with: {command}", soft_wrap=True)
        return INTERRUPTED
    return 1 if strict and gone else 0
