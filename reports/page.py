"""One run as one file: sentences first, then figures, tables, the machine and the method.

The page holds its pictures and its style and asks for nothing else; a policy in its head forbids any request.
"""

from __future__ import annotations

import base64
import io
import os
import re
import shlex
import tempfile
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from bench.errors import BadInput
from reports import (
    checks,
    conditions,
    effects,
    learning_tables,
    libraries,
    lost,
    machine,
    memory,
    plots,
    reproduction,
    roofline,
    rows,
    starting,
    tables,
)
from reports.findings import FIRST, RANKS, findings
from reports.formats import NO_BREAK, listing, margin
from reports.rows import VERDICTS, Row

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

__all__ = ["Picture", "again", "draw", "environment", "made", "replace", "save", "title", "write"]

TEMPLATES = Path(__file__).parent / "templates"
VERDICT_WORDS = re.compile(rf"\b({'|'.join((*VERDICTS, 'not reproduced', 'reproduced'))})\b")
UNITS = re.compile(r"(\d) (%|s\b)")
CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Picture:
    """A figure as it stands on the page: ``png`` is empty where it could not be drawn, and ``problem`` says why."""

    name: str
    title: str
    caption: str
    png: bytes
    problem: str = ""

    @property
    def source(self) -> str:
        """The picture as a data URL."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode()}"


def write(run: Row, summary: Row, folder: Path, *, page: Path | None = None, banner: str | None = None) -> Path:
    """Write ``figures/*.png`` into the folder and the page; return the page's path.

    Args:
        run: What run.json holds.
        summary: What summary.json holds.
        folder: The run folder.
        page: Where the page goes; ``report.html`` in the folder unless told otherwise.
        banner: A line to show above everything, as that the run was interrupted.

    Raises BadInput where the files cannot be written.
    """
    pictures = draw(run, summary)
    target = page or folder / "report.html"
    try:
        save(pictures, folder / "figures")
        target.parent.mkdir(parents=True, exist_ok=True)
        replace(target, render(run, summary, pictures, banner).encode())
    except OSError as error:
        where = error.filename or target
        told = f"{where}: expected a place for the report that can be written to, got {error.strerror}; give another"
        raise BadInput(told) from None
    return target


def save(pictures: list[Picture], figures: Path) -> None:
    """Write the pictures as PNG into a folder, and take away those of figures with nothing to draw."""
    figures.mkdir(parents=True, exist_ok=True)
    for name in plots.names():
        (figures / f"{name}.png").unlink(missing_ok=True)  # one from an earlier page may have nothing to draw now
    for picture in pictures:
        if picture.png:
            replace(figures / f"{picture.name}.png", picture.png)


def draw(run: Row, summary: Row) -> list[Picture]:
    """Return the figures there is something to draw for; one that fails is a picture with its problem."""
    os.environ["MPLBACKEND"] = "agg"  # what a notebook's shell hands on may not be installed here
    found = (_picture(module, run, summary) for module in plots.figures())
    return [picture for picture in found if picture is not None]


def render(run: Row, summary: Row, pictures: list[Picture], banner: str | None = None) -> str:
    """Return the page's HTML."""
    return environment().get_template("report.html.j2").render(_context(run, summary, pictures, banner))


def environment() -> Environment:
    """Return what renders the templates: every value is escaped, and a name that is not there is an error."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    found = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"emphasised": emphasised, "tight": tight}
    return found


def emphasised(text: str) -> Markup:
    """Return a sentence as HTML, escaped, with verdict words and `code` set apart."""
    from markupsafe import Markup, escape

    safe = VERDICT_WORDS.sub(r'<b class="\1">\1</b>', str(escape(tight(text))))
    return Markup(CODE.sub(r"<code>\1</code>", safe))


def tight(text: str) -> str:
    """Return text in which no line ends between a number and its per cent sign or seconds."""
    return UNITS.sub(rf"\1{NO_BREAK}\2", text)


def _context(run: Row, summary: Row, pictures: list[Picture], banner: str | None) -> dict[str, Any]:
    said = [
        (question, list(found))
        for question, found in groupby(findings(run, summary), key=lambda one: one.question)
        if question != RANKS  # which a figure and a table show
    ]
    return {
        "banner": banner or run.get("banner"),
        "synthetic": rows.is_synthetic(run),
        "trains": bool(rows.throughput(summary, "cases")),
        "title": title(run, summary),
        "machine": machine.named(run, _label(run)),
        "run": run,
        "made": made(run),
        "command": again(run),
        "left_out": (run.get("plan") or {}).get("left_out") or [],
        "margin": margin(run.get("margin")),
        "before": [one for one in said if one[0] == FIRST],
        "findings": [one for one in said if one[0] != FIRST],
        "pictures": pictures,
        "facts": machine.facts(run),
        "steering": machine.steering(run),
        **_tables(run, summary),
    }


def _tables(run: Row, summary: Row) -> dict[str, Any]:
    """Return the tables that a summary gives, with what explains them."""
    return {
        "answers": tables.answers(summary),
        "learning": learning_tables.tables(summary),
        "effects": effects.table(summary),
        "comparisons": tables.comparisons(summary),
        "compared_per": tables.compared_per(summary),
        "fits": any(row.get("fixed_s") is not None for row in summary.get("fixed_costs") or []),
        "cases": tables.cases(summary),
        "start_up": starting.tables(summary),
        "cold": starting.cold(summary),
        "breakeven": starting.BREAKEVEN if starting.pays(summary) else "",
        "conditions": conditions.table(summary),
        "timed": conditions.timed(summary),
        "libraries": libraries.table(run, summary),
        "passes": memory.passes(summary),
        "limits": roofline.table(summary),
        "attainable": roofline.EXPLAINED,
        "published": reproduction.table(summary),
        "reproduction": reproduction.EXPLAINED,
        "equality": tables.equality(summary),
        "lost": lost.table(summary),
        "harness": checks.harness(summary),
    }


def again(run: Row) -> str:
    """Return the command that made a record, without the folder that it filled."""
    words = [str(word) for word in run.get("command") or []]
    pairs = zip(["", *words], words, strict=False)
    return shlex.join(word for before, word in pairs if "--out" not in (before, word.partition("=")[0]))


def made(run: Row) -> str:
    """Return by which preset and when the records were made, which tells pages of one machine apart."""
    preset = f"{run['preset']} preset" if run.get("preset") else ""
    when = f"{str(run['created'])[:16].replace('T', ' ')} UTC" if run.get("created") else ""
    return " · ".join(filter(None, (preset, when)))


def title(run: Row, summary: Row) -> str:
    """Return what the page is of: its studies, and the machine by its label."""
    found = {str(row["study"]) for row in summary.get("cases") or [] if row.get("study")}
    known = [name for name in rows.STUDIES if name in found]
    named = [rows.STUDIES.get(study, study) for study in (*known, *sorted(found - set(known)))]
    studies = listing([name if place == 0 else name[:1].lower() + name[1:] for place, name in enumerate(named)])
    return f"{studies or 'Nothing measured'} · {_label(run)}"


def _label(run: Row) -> str:
    return str(run.get("label") or rows.fact_value(run, "cpu", "brand") or "unknown machine")


def _picture(module: ModuleType, run: Row, summary: Row) -> Picture | None:
    import matplotlib

    from reports.drawing import STYLE

    name = module.__name__.rpartition(".")[2]
    stream = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        try:
            figure = module.draw(run, summary)
            if figure is None:
                return None
            figure.savefig(stream, format="png", metadata={"Software": None})
            caption = module.caption(summary) if hasattr(module, "caption") else module.CAPTION
        except Exception as error:  # a page without one figure, that says so, is worth more than none
            return Picture(name, module.TITLE, module.CAPTION, b"", f"{type(error).__name__}: {error}")
    return Picture(name, module.TITLE, caption, stream.getvalue())


def replace(path: Path, content: bytes) -> None:
    """Write a file so that at no moment there is half of it."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
