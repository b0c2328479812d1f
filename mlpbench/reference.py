"""``mlpbench reference``: a run of each kind on one device, in pieces that resume one another; what holds of them."""

from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.table import Table

from bench import store
from bench.errors import BadInput
from bench.outliving import end_with_parent
from bench.plan import PRESETS
from bench.survey import library_case, survey
from mlpbench import choices, holding, reference_folder
from mlpbench.console import duration, error_console, output_console
from mlpbench.interrupts import INTERRUPTED
from mlpbench.reference_folder import TESTED
from mlpbench.reference_parts import NAMES, PARTS, TESTS, Part

__all__ = ["reference"]

REPORT_S = 45.0  # kept of a piece, for the run that is stopped to write its report
PILOT_S = 60.0  # a part with less left is not begun: a pilot that is cut off begins anew
SHORTEST_S = 120.0
TESTS_SHARE = 0.4  # of a piece: tests that hang must not cost the measurements


def reference(
    device: str, out: Path, piece_s: float, preset: str, *, parts: Sequence[str] = (), as_json: bool = False
) -> int:
    """Measure what is still missing in the folder, for so many seconds at most, and say what holds.

    With ``parts`` only these are measured. Returns 0 where they are and nothing is missed, though some may stay open,
    1 where something is, 130 where another piece is needed. Raises BadInput at the end where a part was refused.
    """
    choices.among("--device", (device,), choices.DEVICES)
    choices.among("--preset", (preset,), tuple(PRESETS))
    choices.among("--part", parts, NAMES)
    choices.seconds("--piece", piece_s, least=SHORTEST_S)
    if TESTS in parts and device != "cuda":
        raise BadInput(f"--part {TESTS}: these need a GPU; add --device cuda, or leave this out")
    reference_folder.require_own(out, device, preset)
    console = error_console()
    deadline = time.monotonic() + piece_s
    _require(device)
    with reference_folder.alone(out):
        whole, failed = _take(parts or NAMES, device, out, deadline, preset, console)
        summaries = reference_folder.summaries(out)
        found = _judged(out, summaries, device)
    if as_json:
        print(json.dumps([one.to_json() for one in found], indent=1))
    else:
        _show(found, output_console())
        _show_parts(out, summaries, output_console())
    if failed:
        raise BadInput(f"{', '.join(failed)} of --out {out}: refused or failed, for the reason above; mend that")
    if not whole:
        again = [word for name in parts for word in ("--part", name)]
        command = ["mlpbench", "reference", "--device", device, "--preset", preset, "--out", str(out), *again]
        console.print(f"not everything is measured yet; this goes on: {shlex.join(command)}", soft_wrap=True)
        return INTERRUPTED
    return 1 if any(one.state == holding.MISSED for one in found) else 0


def _take(
    wanted: Sequence[str], device: str, out: Path, deadline: float, preset: str, console: Console
) -> tuple[bool, list[str]]:
    """Do what is missing of the parts wanted; return whether all is there, and which of them failed."""
    tested, failed = True, list[str]()
    with suppress(KeyboardInterrupt):  # all is kept, and what holds so far is said
        if device == "cuda" and TESTS in wanted:
            try:
                tested = _test(out / TESTED, TESTS_SHARE * (deadline - time.monotonic()), console)
            except BadInput as error:  # which costs no measurement
                console.print(str(error), soft_wrap=True)
                failed.append(TESTS)
        chosen = [part for part in PARTS if part.name in wanted]
        whole, others = _measure(chosen, device, out, deadline, preset, console)
        return tested and whole and not failed, failed + others
    return False, failed


def _judged(out: Path, summaries: dict[str, dict[str, Any]], device: str) -> list[holding.Judged]:
    try:
        return holding.judge(summaries, device)
    except reference_folder.DAMAGE as error:
        raise reference_folder.damaged(out / "*" / "summary.json", error) from None


def _require(device: str) -> None:
    """Raise BadInput where torch, the baseline of every study, cannot use the device."""
    case = library_case("torch")
    if case is None:
        raise BadInput("--device: no library file for torch; restore bench/libraries/torch.py")
    case = replace(case, device=device)
    for reason in survey([case]).reasons.values():
        other = "; or rehearse it with --device cpu" if device == "cuda" else ""
        raise BadInput(f"--device {device}: {reason}; mend that{other}")


def _test(result: Path, seconds: float, console: Console) -> bool:
    """Run the tests that need a GPU, which lie in a clone only, unless their result is there; keep it.

    Returns whether they are done, which they are not where they take longer than that; raises BadInput where pytest
    does not tell what came of them.
    """
    tests = Path("tests/cuda")
    if result.exists() or not tests.is_dir():
        return True
    console.print(f"tests that need a GPU: {tests}")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests)]
    with tempfile.TemporaryFile("w+") as output:
        code = _run(command, seconds, output)
        output.seek(0)
        told = output.read().strip()
        last = (told.splitlines() or [""])[-1].strip("= ")
    if code != 0:
        console.print(told, soft_wrap=True, markup=False, highlight=False)
    if code == INTERRUPTED:
        console.print(f"{tests}: not done in {duration(seconds)}; the next call runs them again")
        return False
    if code not in (0, 1) or not any(word in last for word in ("passed", "failed", "error", "skipped")):
        raise BadInput(f"{tests}: pytest ended with status {code} and {last or 'told nothing'}; see above")
    result.parent.mkdir(parents=True, exist_ok=True)
    store.write_json(result, {"passed": code == 0 and "passed" in last, "told": last, "whole": True})
    return True


def _measure(
    parts: Sequence[Part], device: str, out: Path, deadline: float, preset: str, console: Console
) -> tuple[bool, list[str]]:
    """Do one run after the other until the deadline; return whether all are whole, and those that were refused or
    failed, which cost the others nothing.
    """
    refused: list[str] = []
    for number, part in enumerate(parts, start=1):
        folder, began = out / part.name, time.monotonic()
        if reference_folder.is_whole(folder):
            continue
        left, begun = deadline - began - REPORT_S, (folder / "run.json").exists()
        if left <= (0 if begun else PILOT_S):
            return False, refused
        console.print(f"{part.name}, part {number} of {len(parts)}; this call may take {duration(left)} more")
        chosen = ("--resume",) if begun else (*part.on(device), "--device", device, "--preset", preset)
        code = _run([sys.executable, "-m", "mlpbench", "run", *chosen, "--out", str(folder)], left)
        console.print(f"{part.name}: {duration(time.monotonic() - began)}")
        if code == INTERRUPTED:
            return False, refused
        if code != 0:
            refused.append(part.name)
    return not refused, refused


def _run(command: list[str], seconds: float, output: IO[str] | None = None) -> int:
    """Return the status of a command, interrupted as by Ctrl-C when its time is over; its output goes to our errors."""
    ending = partial(end_with_parent, signal.SIGINT)  # or it would go on, and disturb whatever is measured next
    with subprocess.Popen(command, stdout=output or sys.stderr, preexec_fn=ending) as process:
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            process.wait()
            return INTERRUPTED
        except KeyboardInterrupt:  # which a terminal sends to both, others to this process alone
            process.send_signal(signal.SIGINT)
            process.wait()
            raise


def _show(found: list[holding.Judged], console: Console) -> None:
    table = Table(show_edge=False, pad_edge=False)
    for column in ("what should hold", "state", "measured"):
        table.add_column(column, overflow="fold")
    of_gpus = [one for one in found if one.measured == holding.NEEDS_CUDA]
    for one in found:
        if one not in of_gpus:
            table.add_row(one.wanted, one.state, one.measured)
    console.print(table)
    if of_gpus:
        console.print(f"{len(of_gpus)} more things should hold on a GPU.")


def _show_parts(out: Path, summaries: dict[str, dict[str, Any]], console: Console) -> None:
    """Say where each part's page is, and what is still to do."""
    whole = [part.name for part in PARTS if summaries.get(part.name, {}).get("whole")]
    for name in whole:
        console.print(f"{name}: {out / name / 'report.html'}")
    left = [part.name for part in PARTS if part.name not in whole]
    if left:
        console.print(f"Not whole yet: {', '.join(left)}")
