"""``mlpbench verify``: the equality check alone, over a grid of shapes."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from itertools import groupby, product
from pathlib import Path
from typing import Any

from rich.table import Table

from bench import implementations
from bench.case import Case
from bench.errors import BadInput
from bench.folders import cache_folder
from bench.hardware.cpu import usable_cores
from bench.launch import Limits
from bench.process import WorkerError, WorkerProcess, spawn
from bench.studies import LEARNING_RATE, network
from bench.survey import survey
from mlp_impls import Shape
from mlpbench import choices
from mlpbench.console import LOOKING, ProgressLine, error_console, output_console

__all__ = ["verify"]

DEPTHS = (0, 1, 2, 3)
WIDTHS = (1, 7, 256)
BATCHES = (256,)
DTYPES = ("float32", "float64")

Row = dict[str, Any]


def verify(
    impl: Sequence[str],
    widths: Sequence[int],
    depths: Sequence[int],
    batches: Sequence[int],
    dtypes: Sequence[str],
    devices: Sequence[str],
    *,
    as_json: bool,
) -> int:
    """Check the chosen implementations; 0 if all that can run are equal, 1 if one is not."""
    choices.positive("--width", widths)
    choices.positive("--depth", depths, least=0, most=100)
    choices.positive("--batch", batches)
    choices.among("--dtype", dtypes, choices.DTYPES)
    choices.among("--device", devices, choices.DEVICES)
    chosen = [(entry, variant) for entry, variant in implementations.resolve(impl) if impl or not variant]
    shapes = dict.fromkeys(
        Shape(hidden=(width,) * depth) for depth, width in product(depths or DEPTHS, widths or WIDTHS)
    )
    combinations = list(product(devices or ("cpu",), dtypes or DTYPES, batches or BATCHES, shapes))
    cases = [_case(entry, variant, *rest) for entry, variant in chosen for rest in combinations]
    console = error_console()
    with ProgressLine(console) as progress:
        reasons = survey(cases, told=progress.of_each(LOOKING)).reasons
        results = _check([case for case in cases if case.id not in reasons], progress)
    skipped = [_identity(case) | {"reason": reasons[case.id]} for case in cases if case.id in reasons]
    _show(results, skipped, as_json)
    if not results:
        raise BadInput(f"--impl: nothing asked for can run here ({skipped[0]['reason']}); see mlpbench list")
    unchecked = set(impl) and {case.implementation for case in cases} - {row["implementation"] for row in results}
    return 0 if all(row["equal"] for row in results) and not (unchecked and "all" not in impl) else 1


def _case(
    entry: implementations.Implementation, variant: str, device: str, dtype: str, batch: int, shape: Shape
) -> Case:
    parameters = network(shape, batch, LEARNING_RATE)
    return Case(
        "verify", f"{shape.name} batch {batch} {dtype} {device}", entry.spelled(variant), "training_step", entry.name,
        entry.framework, parameters, device, dtype, usable_cores(), source=entry.source, variant=variant,
        environment=entry.environment,
    )  # fmt: skip


def _check(cases: list[Case], progress: ProgressLine) -> list[Row]:
    results: list[Row] = []
    cache = cache_folder(os.environ) / "compilers"
    with tempfile.TemporaryDirectory(prefix="mlpbench-") as references:
        for _, members in groupby(cases, key=lambda case: case.worker):
            with _Checker(cache, references) as checker:
                for case in members:
                    progress.note(f"{case.name}, {case.group} ({len(results) + 1} of {len(cases)})")
                    results.append(_identity(case) | checker.answer(case))
    return results


class _Checker:
    """The worker of one implementation, started again where a case ended it."""

    def __init__(self, cache: Path, references: str) -> None:
        self.cache = cache
        self.references = references
        self.worker: WorkerProcess | None = None

    def __enter__(self) -> _Checker:
        return self

    def __exit__(self, *_: object) -> None:
        if self.worker is not None:
            self.worker.end()

    def answer(self, case: Case) -> Row:
        """Return what the check found, or the reason why it could not be made."""
        try:
            if self.worker is None:
                self.worker = spawn(case, self.cache)
                self.worker.receive(Limits().start_s)
            message = {"do": "check", "case": case.to_json(), "data_dir": "", "cache": self.references}
            reply = self.worker.request(message, Limits().start_s)
            return {**reply, "reason": reply.pop("note", None)}
        except WorkerError as error:
            if not error.alive and self.worker is not None:
                self.worker.end()
                self.worker = None
            return {
                "equal": False,
                "deviation": None,
                "bound": None,
                "worst": None,
                "failed": [],
                "reason": error.reason,
            }


def _identity(case: Case) -> Row:
    return {
        "implementation": case.implementation,
        "dtype": case.dtype,
        "device": case.device,
        "shape": "-".join(
            map(str, (case.parameters["inputs"], *case.parameters["hidden"], case.parameters["outputs"]))
        ),
        "batch": case.parameters["batch"],
    }


def _show(results: list[Row], skipped: list[Row], as_json: bool) -> None:
    if as_json:
        print(json.dumps({"results": results, "skipped": skipped}, indent=1))
        return
    table = Table(show_edge=False, pad_edge=False)
    for column in ("implementation", "dtype", "device", "shapes", "verdict", "largest deviation / bound"):
        table.add_column(column, overflow="fold")
    for (name, dtype, device), rows in _by_kind(results).items():
        bad = [row for row in rows if not row["equal"]]
        table.add_row(name, dtype, device, str(len(rows)), _words(bad), _worst(rows))
    console = output_console()
    if results:
        console.print(table)
    for line in _unchecked(skipped):
        console.print(line)
    verdicts = [all(row["equal"] for row in rows) for rows in _by_kind(results).values()]
    counts = verdicts.count(True), verdicts.count(False), len(_by_kind(skipped))
    console.print("{} equal, {} not equal, {} not checked".format(*counts))


def _unchecked(skipped: list[Row]) -> list[str]:
    """Return each reason once, with how many rows of a table it keeps out, and whose."""
    reasons: dict[str, list[Row]] = {}
    for row in skipped:
        reasons.setdefault(row["reason"], []).append(row)
    lines = []
    for reason, rows in reasons.items():
        count, names = len(_by_kind(rows)), ", ".join(dict.fromkeys(row["implementation"] for row in rows))
        lines.append(f"not checked: {count} row{'s' * (count > 1)} of {names}: {reason}")
    return lines


def _by_kind(rows: list[Row]) -> dict[tuple[str, str, str], list[Row]]:
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row["implementation"], row["dtype"], row["device"]), []).append(row)
    return found


def _words(bad: list[Row]) -> str:
    if not bad:
        return "equal"
    first = bad[0]
    why = first["reason"] or f"{first['worst']} deviates by {first['deviation']:.3g}, allowed {first['bound']:.3g}"
    return f"not equal at {first['shape']} batch {first['batch']}: {why}"


def _worst(rows: list[Row]) -> str:
    shares = [row["deviation"] / row["bound"] for row in rows if row["bound"] and row["deviation"] is not None]
    return f"{max(shares):.2g}" if shares else ""
