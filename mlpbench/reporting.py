"""``mlpbench report``, and the report at the end of a run or of a self-check."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from bench import store, summary
from bench.errors import BadInput
from bench.selfcheck import record
from mlpbench.console import error_console, output_console

if TYPE_CHECKING:
    from reports.findings import Finding

__all__ = ["DAMAGE", "damaged", "rebuild", "rebuild_selfcheck", "report"]

Row = dict[str, Any]

# What records that are JSON, but not such as a run writes, make of the code that reads them.
DAMAGE = (KeyError, TypeError, ValueError, IndexError, AttributeError, ArithmeticError, MemoryError)


def damaged(path: Path, error: BaseException) -> BadInput:
    """Return the complaint about records that cannot be what a run wrote; it says where that came to light."""
    what = f"{type(error).__name__}: {error}"[:200]
    places = traceback.extract_tb(error.__traceback__)
    where = f" in {Path(places[-1].filename).name}:{places[-1].lineno}" if places else ""
    return BadInput(
        f"{path}: run.json or another record is damaged ({what}{where}), expected what mlpbench writes; "
        "restore it from a copy"
    )


def report(source: Path, out: Path | None) -> int:
    """Make summary, figures and page anew from stored records."""
    if not source.exists():
        raise BadInput(f"{source}: no such file or folder; name a run folder or a pytest-benchmark JSON file")
    if out is not None and out.suffix not in {".html", ".htm"}:
        raise BadInput(f"--out {out}: a page's name ends in .html; add that, so that no record is overwritten")
    if source.is_dir() and record.is_selfcheck(source):
        rebuild_selfcheck(source, error_console(), page=out)
        return 0
    if source.is_dir():
        rebuild(source, error_console(), page=out)
        return 0
    try:
        from reports import pytest_benchmark

        run, derived = pytest_benchmark.read(source)
    except ImportError as error:
        raise BadInput(
            f"{source}: cannot be read here ({error}); install the extra `pages`, here or elsewhere"
        ) from None
    except DAMAGE as error:
        raise damaged(source, error) from None
    target = out or source.with_suffix(".html")
    _write_page(run, derived, target.with_suffix(""), target, run.get("banner"))
    return 0


def rebuild(folder: Path, console: Console, *, interrupted: bool = False, page: Path | None = None) -> Row:
    """Derive the summary of a run folder, draw it, say what was found and where; return the summary."""
    records = store.read(folder)
    console.print(f"deriving and drawing {folder}")
    try:
        derived = summary.write(records, folder)
    except OSError as error:
        raise BadInput(f"{folder}: cannot be written ({error.strerror}); copy the run to where it can be") from None
    except DAMAGE as error:
        raise damaged(folder, error) from None
    stopped = interrupted or bool(records.outcomes and records.outcomes[-1]["kind"] == "interrupted")
    banner = "This run was interrupted: only whole launches count." if stopped else None
    _write_page(records.run, derived, folder, page, banner)
    return derived


def rebuild_selfcheck(folder: Path, console: Console, *, page: Path | None = None, quiet: bool = False) -> Row:
    """Derive the rates of a self-check's folder, draw them, say what was found and where; return the summary.

    Args:
        folder: It holds run.json and tries.jsonl.
        console: Where notes go.
        page: Where the page goes; ``report.html`` in the folder unless told otherwise.
        quiet: Keep standard output free, as for ``--json``: the findings go to the console too.
    """
    from bench.selfcheck import rates

    tries = record.read(folder)
    console.print(f"deriving and drawing {folder}")
    try:
        derived = {
            "format_version": store.FORMAT_VERSION,
            "comparisons": [],
            "selfcheck": store.rounded(rates.derive(tries.lines, tries.run["margin"])),
            "notes": tries.notes,
        }
        store.write_json(folder / "summary.json", derived)
    except OSError as error:
        raise BadInput(f"{folder}: cannot be written ({error.strerror}); copy it to where it can be") from None
    except DAMAGE as error:
        raise damaged(folder, error) from None
    _tell_selfcheck(tries.run, derived, folder, page, console if quiet else output_console())
    return derived


def _tell_selfcheck(run: Row, derived: Row, folder: Path, page: Path | None, console: Console) -> None:
    try:
        from jinja2 import TemplateError

        from reports import selfcheck, selfcheck_tables

        written = selfcheck.write(run, derived, folder, target=page)
    except ImportError as error:
        console.print(f"- {derived['selfcheck']['sentence']}")
        console.print(_undrawn(error, folder))
        return
    except (*DAMAGE, TemplateError) as error:
        raise damaged(folder, error) from None
    _say(selfcheck.findings(derived), console)
    peers = selfcheck_tables.peers(derived["selfcheck"])
    if peers:
        console.print(f"\n{selfcheck_tables.markdown(peers)}")
    console.print(f"\nReport: {written}")


def _write_page(
    run: dict[str, Any], derived: dict[str, Any], folder: Path, page: Path | None, banner: str | None
) -> None:
    console = output_console()
    try:
        from jinja2 import TemplateError

        from reports import page as pages
        from reports.findings import findings

        written = pages.write(run, derived, folder, page=page, banner=banner)
    except ImportError as error:
        console.print(_undrawn(error, folder))
        return
    except OSError as error:
        raise BadInput(
            f"{page or folder}: cannot be written ({error.strerror}); name another file with --out"
        ) from None
    except (*DAMAGE, TemplateError) as error:
        raise damaged(folder, error) from None
    _say(findings(run, derived), console)
    console.print(f"\nReport: {written}")


def _say(found: Iterable[Finding], console: Console) -> None:
    """Print findings under the questions that they answer."""
    for question, answers in groupby(found, key=lambda one: one.question):
        console.print(f"\n{question}")
        for finding in answers:
            console.print(f"- {finding.text}")


def _undrawn(error: ImportError, folder: Path) -> str:
    return (
        f"No page was drawn ({error}), but the records are whole: install the extra `pages`, here or elsewhere, "
        f"then run `mlpbench report {folder}`"
    )
