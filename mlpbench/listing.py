"""``mlpbench list``: implementations, studies and environments, each available or why not."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

from rich.table import Table

from bench import environments, implementations, libraries, plugins, studies
from bench.case import Case
from bench.survey import survey
from mlpbench.console import output_console

__all__ = ["found", "show"]


def found() -> dict[str, list[dict[str, Any]]]:
    """Return what there is, with availability on the CPU in float32."""
    known = implementations.built_in()
    cases = {name: Case("list", "", name, "training_step", name, entry.framework, {}) for name, entry in known.items()}
    probes = {name: Case("list", "library", name, "matmul", name, name, {}) for name in libraries.names()}
    reasons = survey([*cases.values(), *probes.values()]).reasons
    return {
        "implementations": [
            {
                "name": name,
                "framework": entry.framework,
                "available": cases[name].id not in reasons,
                "reason": reasons.get(cases[name].id),
                "variants": sorted(entry.variants),
                "summary": entry.summary,
            }
            for name, entry in known.items()
        ],
        "studies": [
            {
                "name": name,
                "default": name in studies.DEFAULT,
                "question": import_module(f"bench.studies.{name}").QUESTION,
            }
            for name in plugins.names(studies)
        ],
        "environments": [
            {
                "name": name,
                "available": probe.id not in reasons,
                "reason": reasons.get(probe.id) or environments.for_framework(name).reason,
            }
            for name, probe in probes.items()
        ],
    }


def show(as_json: bool) -> int:
    """Print what there is."""
    listing = found()
    if as_json:
        print(json.dumps(listing, indent=1))
        return 0
    console = output_console()
    for title, rows in listing.items():
        table = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
        for column in ("name", "available", "what"):
            table.add_column(column, overflow="fold")
        for row in rows:
            available = "yes" if row.get("available", True) else f"no: {row['reason']}"
            table.add_row(row["name"], available, row.get("summary") or row.get("question") or "")
        console.print(table)
        console.print()
    return 0
