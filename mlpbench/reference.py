"""``mlpbench reference``: a run of each kind on one device, in pieces that resume one another; what holds of them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.table import Table

from bench import series, store
from bench.errors import BadInput
from bench.plan import PRESETS
from bench.survey import library_case, survey
from mlpbench import choices, holding, reporting
from mlpbench.console import duration, error_console, output_console
from mlpbench.interrupts import INTERRUPTED
from mlpbench.reference_parts import NAMES, PARTS, TESTS, Part

__all__ = ["reference"]

REPORT_S = 45.0  # kept of a piece, for the run that is stopped to write its report
SHORTEST_S = 120.0
TESTED = f"{TESTS}.json"

Row = dict[str, Any]


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
    _require_own(out, device, preset)
    console = error_console()
    deadline = time.monotonic() + piece_s
    _require(device)
    wanted = parts or NAMES
    chosen = [part for part in PARTS if part.name in wanted]
    whole, refused = False, list[Path]()
    with suppress(KeyboardInterrupt):  # all is kept, and what holds so far is said
        if device != "cuda" or TESTS not in wanted or _test(out / TESTED, deadline, console):
            whole, refused = _measure(chosen, device, out, deadline, preset, console)
    try:
        found = holding.judge(_summaries(out), device)
    except reporting.DAMAGE as error:
        raise _damaged(out, error) from None
    if as_json:
        print(json.dumps([one.to_json() for one in found], indent=1))
    else:
        _show(found, output_console())
    if refused:
        raise BadInput(f"{refused[0]}: its run was refused or failed, for the reason above; mend that, or remove the "
                       f"folder{'; likewise ' + ', '.join(map(str, refused[1:])) if refused[1:] else ''}")  # fmt: skip
    if not whole:
        again = "".join(f" --part {name}" for name in parts)
        console.print("not everything is measured yet; the same command goes on: mlpbench reference --device "
                      f"{device} --preset {preset} --out {out}{again}")  # fmt: skip
        return INTERRUPTED
    return 1 if any(one.state == holding.MISSED for one in found) else 0


def _require_own(out: Path, device: str, preset: str) -> None:
    """Raise BadInput where the folder is not one that this command has begun for the same device and preset."""
    if out.exists() and not out.is_dir():
        raise BadInput(f"--out {out}: expected a folder; name another")
    names = {part.name for part in PARTS} | {TESTED}
    foreign = sorted(path.name for path in out.iterdir() if path.name not in names) if out.exists() else []
    if foreign:
        raise BadInput(f"--out {out}: holds {foreign[0]}, which is not of a reference run; name another folder")
    for part in PARTS:
        path = out / part.name / "run.json"
        if not path.exists():
            continue
        try:
            asked = json.loads(path.read_text(encoding="utf-8"))["asked"]
            before = ([asked["preset"]], asked["device"])
        except (OSError, *reporting.DAMAGE) as error:
            raise _damaged(path.parent, error) from None
        if before != ([preset], [device]):
            told = f"--preset {' '.join(before[0])} --device {' '.join(before[1])}"
            raise BadInput(f"--out {out}: {part.name} was begun with {told}; ask for that, or name another folder")


def _damaged(folder: Path, error: BaseException) -> BadInput:
    what = f"{type(error).__name__}: {error}"[:200]
    return BadInput(f"{folder}: is damaged ({what}); restore it from a copy, or remove it")


def _require(device: str) -> None:
    """Raise BadInput where torch, the baseline of every study, cannot use the device."""
    case = library_case("torch")
    if case is None:
        raise BadInput("--device: no library file for torch; restore bench/libraries/torch.py")
    case = replace(case, device=device)
    for reason in survey([case]).reasons.values():
        raise BadInput(f"--device {device}: {reason}; mend that, or name another device and another --out")


def _test(result: Path, deadline: float, console: Console) -> bool:
    """Run the tests that need a GPU, which lie in a clone only, unless their result is there; keep it.

    Returns whether they are done, which they are not where the piece is over before; raises BadInput where pytest
    does not tell what came of them.
    """
    tests = Path("tests/cuda")
    if result.exists() or not tests.is_dir():
        return True
    console.print(f"tests that need a GPU: {tests}")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests)]
    with tempfile.TemporaryFile("w+") as output:
        code = _run(command, deadline - time.monotonic(), output)
        output.seek(0)
        last = (output.read().strip().splitlines() or [""])[-1].strip("= ")
    if code == INTERRUPTED:
        return False
    if code not in (0, 1) or not any(word in last for word in ("passed", "failed", "error", "skipped")):
        raise BadInput(f"{tests}: pytest ended with status {code} and {last or 'told nothing'}; see above")
    result.parent.mkdir(parents=True, exist_ok=True)
    store.write_json(result, {"passed": code == 0 and "passed" in last, "told": last, "whole": True})
    return True


def _measure(
    parts: Sequence[Part], device: str, out: Path, deadline: float, preset: str, console: Console
) -> tuple[bool, list[Path]]:
    """Do one run after the other until the deadline; return whether all are whole, and the folders of those that were
    refused or failed, which cost the others nothing.
    """
    refused: list[Path] = []
    for part in parts:
        folder, began = out / part.name, time.monotonic()
        if _is_whole(folder):
            continue
        left = deadline - began - REPORT_S
        if left <= 0:
            return False, refused
        console.print(f"{part.name}, {NAMES.index(part.name)} of {len(PARTS)}; {duration(left)} of this piece are left")
        begun = (folder / "run.json").exists()
        chosen = ("--resume",) if begun else (*part.on(device), "--device", device, "--preset", preset)
        code = _run([sys.executable, "-m", "mlpbench", "run", *chosen, "--out", str(folder)], left)
        console.print(f"{part.name} took {duration(time.monotonic() - began)} of this piece")
        if code == INTERRUPTED:
            return False, refused
        if code != 0:
            refused.append(folder)
    return not refused, refused


def _run(command: list[str], seconds: float, output: IO[str] | None = None) -> int:
    """Return the status of a command, interrupted as by Ctrl-C when its time is over; its output goes to our errors."""
    with subprocess.Popen(command, stdout=output or sys.stderr) as process:
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


def _is_whole(folder: Path) -> bool:
    """Return whether every planned launch of a run is there, and a summary of them."""
    summary, outcomes = folder / "summary.json", folder / "outcomes.jsonl"
    if not (folder / "run.json").exists() or not summary.exists():
        return False
    if outcomes.exists() and summary.stat().st_mtime < outcomes.stat().st_mtime:
        return False  # interrupted in its report, which --resume makes up for
    try:
        json.loads(summary.read_text(encoding="utf-8"))
    except ValueError:
        return False  # which --resume makes up for as well
    records = store.read(folder)
    try:
        complete = series.complete_launches(records)
        planned = records.run["plan"]["launches"]
        return bool(planned) and all(len(complete.get(study, {})) >= count for study, count in planned.items())
    except reporting.DAMAGE as error:
        raise _damaged(folder, error) from None


def _summaries(out: Path) -> dict[str, Row]:
    """Return by part what was derived so far, with the facts of the machine; parts without a summary are left out."""
    found: dict[str, Row] = {}
    with suppress(OSError, ValueError):
        found[TESTS] = json.loads((out / TESTED).read_text(encoding="utf-8"))
    for part in PARTS:
        folder = out / part.name
        try:
            derived = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
            run = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        found[part.name] = derived | {"facts": run["machine"]["facts"], "whole": _is_whole(folder)}
    return found


def _show(found: list[holding.Judged], console: Console) -> None:
    table = Table(show_edge=False, pad_edge=False)
    for column in ("what should hold", "state", "measured"):
        table.add_column(column, overflow="fold")
    for one in found:
        table.add_row(one.wanted, one.state, one.measured)
    console.print(table)
