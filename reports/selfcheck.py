"""The self-check as one file: its sentence first, then the figures that prove it, tables and the machine."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

from bench.errors import BadInput
from reports import machine, page, selfcheck_attribution, selfcheck_tables
from reports.findings import Finding
from reports.formats import listing, margin, percent, ratio, seconds, small_percent
from reports.page import Picture
from reports.rows import Row, fact_value
from reports.selfcheck_tables import bounds, count

__all__ = ["findings", "write"]

RESOLVED = "What can be resolved here?"
IDENTICAL = "Are identical cases told apart?"
PLANTED = "Are differences found?"
TRACED = "Is a cost traced to its cause?"
COST = "What does the measuring cost?"
BROKEN = "Are broken timers caught?"
PEERS = "How do other tools fare?"
MIND = "What to keep in mind"
GOOD_RATIO = (0.8, 1.25)
FEW_RUNS = 10
FEW_PAIRS = 400


def write(run: Row, summary: Row, folder: Path, *, target: Path | None = None) -> Path:
    """Write ``figures/*.png`` into the folder and the page; return the page's path.

    Args:
        run: What run.json holds.
        summary: What summary.json holds.
        folder: The self-check's folder.
        target: Where the page goes; ``report.html`` in the folder unless told otherwise.

    Raises BadInput where the files cannot be written.
    """
    pictures = page.draw(run, summary)
    written = target or folder / "report.html"
    try:
        page.save(pictures, folder / "figures")
        written.parent.mkdir(parents=True, exist_ok=True)
        page.replace(written, render(run, summary, pictures).encode())
    except OSError as error:
        where = error.filename or written
        told = f"{where}: expected a place for the report that can be written to, got {error.strerror}; give another"
        raise BadInput(told) from None
    return written


def render(run: Row, summary: Row, pictures: list[Picture]) -> str:
    """Return the page's HTML."""
    return page.environment().get_template("selfcheck.html.j2").render(_context(run, summary, pictures))


def findings(summary: Row) -> list[Finding]:
    """Return what was found, in the order in which it is read."""
    found = summary["selfcheck"]
    return [
        Finding(RESOLVED, found["sentence"]),
        *(Finding(IDENTICAL, text) for text in _identical(found["aa"])),
        *(Finding(PLANTED, text) for text in _planted(found["planted"])),
        *(Finding(TRACED, text) for text in selfcheck_attribution.sentences(found)),
        *(Finding(COST, text) for text in _cost(found["cost"])),
        *_broken(found["timers"]),
        *(Finding(PEERS, text) for text in _peers(found["peers"])),
        *(Finding(MIND, text, "warning") for text in _warnings(summary)),
    ]


def _identical(aa: Row) -> list[str]:
    if not aa["count"]:
        return []
    largest = f" (largest ratio {ratio(aa['largest_false_ratio'])})" if aa["largest_false_ratio"] else ""
    told = [
        f"In {aa['runs']} separate tries, a case was compared with itself {aa['count']} times and called faster or "
        f"slower {aa['false']['count']} times{largest}: {percent(aa['false']['share'])}, 95 % bounds "
        f"{bounds(aa['false'])}. As printed, controls being judged at 1 %: {count(aa['as_printed'])}.",
        f"{count(aa['excluding'])} 95 % intervals exclude 1: {percent(aa['excluding']['share'])}, bounds "
        f"{bounds(aa['excluding'])}.",
    ]
    pooled = aa["variance_ratio"]
    if pooled["value"] is not None:
        told.append(
            f"Between runs, results vary {pooled['value']:.2f} times as much as their standard errors say (variances; "
            f"95 % interval {pooled['low']:.2f} to {pooled['high']:.2f}; {pooled['pairs']} pairs of at least "
            f"{pooled['least_runs']} runs each)."
        )
    return told


def _planted(planted: Row) -> list[str]:
    told = []
    for row in planted["settings"]:
        late = f"; {row['late']} took longer than {seconds(row['budget_s'])}" if row["late"] else ""
        told.append(
            f"{row['setting']}: {count(row['found'])} found ({percent(row['found']['share'])}, 95 % bounds "
            f"{bounds(row['found'])}), a try taking {seconds(row['seconds'])}{late}."
        )
    if planted["settings"]:
        above = planted["above_mde"]
        told.append(
            f"{count(planted['covering'])} intervals hold the true ratio ({bounds(planted['covering'])}); "
            f"{planted['wrong_direction'] or 'none'} of the verdicts points the wrong way"
            + (f"; of effects above the MDE printed for their pair, {count(above)} were found." if above["of"] else ".")
        )
    return told


def _cost(cost: Row) -> list[str]:
    told = []
    if cost["in_samples"]:
        told.append(f"{percent(cost['in_samples']['median'])} of the time after start-up is spent inside samples")
    if cost["overhead"]:
        told.append(f"the calls around a sample take {small_percent(cost['overhead']['worst'])} of it at worst")
    if cost["stopped_cpu"]:
        told.append(f"workers that wait use {small_percent(cost['stopped_cpu']['worst'])} of the time at worst")
    return [f"{told[0][0].upper()}{'; '.join(told)[1:]}."] if told else []


def _broken(timers: list[Row]) -> list[Finding]:
    missed = [row["timer"] for row in timers if not row["caught"]]
    if missed:
        return [Finding(BROKEN, f"Not always: {listing(missed)} got through.", "warning")]
    return [Finding(BROKEN, f"Yes, all {len(timers)}: {listing([row['timer'] for row in timers])}.")] if timers else []


def _peers(peers: list[Row]) -> list[str]:
    told = []
    for tool in dict.fromkeys(row["tool"] for row in peers):
        parts = []
        for row in (row for row in peers if row["tool"] == tool):
            if row["false"]:
                worst = f", by up to {ratio(row['worst_false_ratio'])}" if row["worst_false_ratio"] else ""
                parts.append(f"{count(row['false'])} identical pairs called different{worst}")
            else:
                parts.append(f"{count(row['found'])} differences of {100 * (row['truth'] - 1):.3g} % found")
        told.append(f"{tool}: {'; '.join(parts)}.")
    return told


def _warnings(summary: Row) -> list[str]:
    found = summary["selfcheck"]
    aa, planted = found["aa"], found["planted"]
    pooled = aa["variance_ratio"]
    told = list(summary.get("notes") or [])
    if aa["count"] and (aa["runs"] < FEW_RUNS or aa["count"] < FEW_PAIRS):
        told.append(
            f"{aa['count']} identical pairs in {aa['runs']} tries say little of what is rare: the rate of false "
            f"verdicts is known only to be at most {percent(aa['false']['at_most'])} (95 %). More tries tighten that."
        )
    if aa["unusable"]:
        told.append(f"{aa['unusable']} comparisons of identical cases had too few launches for an interval.")
    if _is_off(pooled):
        told.append(
            "The variance between runs is not the one that standard errors within a run predict: what differs from "
            f"run to run is {'missing from' if pooled['value'] > 1 else 'overstated by'} the intervals."
        )
    lost = sum(row["lost"] for row in planted["settings"])
    if lost or planted["nothing_came_of"]:
        where = f"; nothing at all of {listing(planted['nothing_came_of'])}" if planted["nothing_came_of"] else ""
        told.append(f"{lost or 'No'} planted tries came to nothing and count as not found{where}.")
    return told


def _is_off(pooled: Row) -> bool:
    """Whether a variance ratio is far from 1 beyond chance."""
    if pooled["value"] is None:
        return False
    return not (GOOD_RATIO[0] <= pooled["value"] <= GOOD_RATIO[1] or pooled["low"] <= 1 <= pooled["high"])


def _context(run: Row, summary: Row, pictures: list[Picture]) -> dict[str, Any]:
    found = summary["selfcheck"]
    said = [(question, list(texts)) for question, texts in groupby(findings(summary), key=lambda one: one.question)]
    brand = fact_value(run, "cpu", "brand")
    title = str(run.get("label") or brand or "unknown machine")
    return {
        "title": title,
        "machine": machine.named(run, title),
        "run": run,
        "made": page.made(run),
        "command": page.again(run),
        "margin": margin(found["margin"]),
        "findings": said,
        "pictures": pictures,
        "planted": selfcheck_tables.planted(found),
        "identical": selfcheck_tables.identical(found),
        "attribution": selfcheck_attribution.table(found),
        "peers": selfcheck_tables.peers(found),
        "cost": selfcheck_tables.cost(found),
        "timers": selfcheck_tables.timers(found),
        "assumes": found["aa"]["variance_ratio"]["assumes"],
        "facts": machine.facts(run),
        "steering": machine.steering(run),
    }
