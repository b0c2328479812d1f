"""``mlpbench list``: implementations, studies and environments, each available or why not."""

from __future__ import annotations

import json
import os
from importlib import import_module
from typing import Any

from rich.table import Table

from bench import environments, implementations, plugins, studies, venvs
from bench.case import Case
from bench.environments import Environment
from bench.survey import Survey, library_case, survey
from mlpbench.console import LOOKING, ProgressLine, error_console, output_console

__all__ = ["found", "show"]

Row = dict[str, Any]


def found() -> dict[str, list[Row]]:
    """Return what there is, with availability on the CPU in float32."""
    known = implementations.built_in()
    places = environments.names()
    cases = {name: Case("list", "", name, "training_step", name, entry.framework, {}) for name, entry in known.items()}
    libraries = {name: case for name in places if (case := library_case(name)) is not None}
    with ProgressLine(error_console()) as progress:
        seen = survey([*cases.values(), *libraries.values()], places, progress.of_each(LOOKING))
    return {
        "implementations": [
            {
                "name": name,
                "framework": entry.framework,
                "available": cases[name].id not in seen.reasons,
                "reason": seen.reasons.get(cases[name].id),
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
        "environments": [_environment(name, libraries.get(name), seen) for name in places],
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


def _environment(name: str, library: Case | None, seen: Survey) -> Row:
    environment = environments.find(name)
    told = seen.environments.get(name, {})
    reason = seen.unanswered.get(name) or (library and seen.reasons.get(library.id))
    return {
        "name": name,
        "framework": environment.framework,
        "available": reason is None,
        "reason": reason,
        "python": told.get("python"),
        "version": told.get("packages", {}).get(environment.framework),
        "kind": environment.kind,
        "summary": _summary(environment, told),
    }


def _summary(environment: Environment, told: Row) -> str:
    """Say what an environment holds and where it comes from."""
    version = told.get("packages", {}).get(environment.framework)
    words = [f"{environment.framework} {version}" if version else "", environment.kind]
    words.insert(1, f"Python {told['python']}" if told else "")
    if environment.kind == environments.MADE and not environment.reason and venvs.is_old(environment.name, os.environ):
        words.append(f"not of this version's requirements: mlpbench env create {environment.name} makes it anew")
    return ", ".join(filter(None, words))
