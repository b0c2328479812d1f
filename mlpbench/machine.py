"""``mlpbench hardware``, and the machine record of a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from rich.table import Table

from bench import environments, hardware
from bench.hardware import Facts
from bench.hardware.cpu import usable_cores
from bench.hardware.gpu import prefer_torch
from bench.privacy import anonymous
from bench.survey import framework_facts
from mlpbench.console import ProgressLine, error_console, output_console

__all__ = ["RECORDING", "facts", "show"]

RECORDING = "recording the hardware and software"


def facts(
    threads: int | None = None,
    places: Iterable[str] = environments.DEFAULT_FRAMEWORKS,
    told: Callable[[str], None] = lambda name: None,
) -> dict[str, Facts]:
    """Return every fact of this machine by group: the probes', then what the framework of each environment named says
    of itself; ``told`` hears which one is asked next.
    """
    of_frameworks: dict[str, Facts] = anonymous(framework_facts(places, threads or usable_cores(), told))
    found = hardware.record() | of_frameworks
    return found | {"gpu": prefer_torch(found)}


def show(as_json: bool) -> int:
    """Print the facts."""
    with ProgressLine(error_console()) as progress:
        found = facts(None, environments.names(), progress.of_each(RECORDING))
    if as_json:
        print(json.dumps(found, indent=1))
        return 0
    console = output_console()
    for group, members in found.items():
        table = Table(title=group, title_justify="left", show_edge=False, pad_edge=False)
        for column in ("fact", "value", "kind", "source"):
            table.add_column(column, overflow="fold")
        for name, fact in members.items():
            value = "unknown" if fact["value"] is None else f"{fact['value']} {fact['unit'] or ''}".strip()
            table.add_row(name, value, fact["kind"], fact["source"])
        console.print(table)
        console.print()
    return 0
