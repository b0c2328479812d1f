"""Which published effects of shape, dtype and padding hold here: sentences and a table.

Every figure comes from the summary's table ``effects_published``.
"""

from __future__ import annotations

from bench.published_effects import CONTROL, FLOP, NOT_RUN, TABLE, VERDICTS
from reports import formats, wording
from reports.cells import Cell, Section, Table
from reports.rows import Row

__all__ = ["EXPLAINED", "QUESTION", "effects", "sentences", "table"]

QUESTION = "Do published effects of shape, dtype and padding hold here?"
EXPLAINED = (
    "Ratios are times per whole product or per unit of arithmetic, as the source has them. An effect is reproduced "
    "where the case is slower here too and the interval reaches half of what was published, in logarithms; weaker "
    "where it is slower by less; gone where it is equivalent; and reversed where it is faster. A negative control is a "
    "padding that gains nothing by its source, copying included: reproduced where it is no faster here either."
)
SAID = {
    "reproduced": "Reproduced",
    "weaker": "Weaker, at less than half of what was published in logarithms",
    "gone": "Gone",
    "reversed": "Reversed",
    "inconclusive": "Inconclusive",
}
SAID_OF_CONTROLS = {
    "reproduced": "Padding, copying included, gains nothing here either",
    "reversed": "Padding gains here what it did not there, copying included",
    "inconclusive": "Inconclusive",
}


def effects(summary: Row) -> list[Row]:
    """Return the effects that the run was to repeat, negative controls last."""
    return sorted(summary.get(TABLE) or [], key=_is_control)


def sentences(summary: Row) -> list[str]:
    """Return how many effects hold, which ones, what became of the negative controls, and where all was published."""
    told: list[str] = []
    for controls in (False, True):
        found = [row for row in effects(summary) if _is_control(row) == controls]
        judged = [row for row in found if row["verdict"] != NOT_RUN]
        if found:
            told.append(_counts(found, judged, "negative control" if controls else "published effect"))
        told += _each(judged, SAID_OF_CONTROLS if controls else SAID)
    return [*told, *_elsewhere(summary)]


def table(summary: Row) -> Table | None:
    """Return every effect beside what was published; None where the run has no such study."""
    found = effects(summary)
    if not found:
        return None
    columns = (
        ("effect", "name wrap"), ("published", "number"), ("here, 95 % interval", "number"), ("of its size", "number"),
        ("verdict", "verdict"), ("published for", "text wrap"), ("source", "long"), ("otherwise here", "long"),
    )  # fmt: skip
    headings = dict.fromkeys(_heading(row) for row in found)
    sections = tuple(
        Section(heading, tuple(_line(row) for row in found if _heading(row) == heading)) for heading in headings
    )
    return Table("published-effects", "Published effects", columns, sections)


def _counts(found: list[Row], judged: list[Row], noun: str) -> str:
    plural = "" if len(found) == 1 else "s"
    counts = [(name, sum(row["verdict"] == name for row in judged)) for name in VERDICTS]
    parts = [f"{count} {name}" for name, count in counts if count]
    told = f": {formats.listing(parts)}" if parts else ""
    text = f"Of {len(found)} {noun}{plural}, {len(judged)} could be judged{told}."
    missing = [f"{row['effect']} ({row['reason']})" for row in found if row["verdict"] == NOT_RUN]
    return text + (f" Not run: {formats.listing(missing)}." if missing else "")


def _each(judged: list[Row], said: dict[str, str]) -> list[str]:
    """Return a sentence per verdict that names its effects."""
    told = []
    for verdict, words in said.items():
        named = [_named(row) for row in judged if row["verdict"] == verdict]
        if named:
            told.append(f"{words}: {'; '.join(named)}.")
    return told


def _named(row: Row) -> str:
    published = f"published {_ratio(row)}, " if row["published"] else ""
    per = " per FLOP" if row["per"] == FLOP else ""
    reason = f", {row['reason']}" if row["reason"] else ""
    return f"{row['effect']} ({published}here {wording.figures(row)}{per}{reason}; {row['source']})"


def _elsewhere(summary: Row) -> list[str]:
    """Say which effects were published for another processor than they were judged on."""
    judged = [row for row in effects(summary) if row["verdict"] != NOT_RUN]
    other = [row for row in judged if not _same(row)]
    if not other:
        return []
    places = formats.listing(list(dict.fromkeys(row["judged_on"] or "an unknown processor" for row in other)))
    count = "None of them" if len(other) == len(judged) else f"Only {len(judged) - len(other)} of these {len(judged)}"
    return [
        f"{count} is known to be published for the processor that they are judged on here, {places}: sources that name "
        "a family, or nothing, cannot be matched. "
        "What is otherwise may be so by the hardware, the library or its version: this run cannot tell which."
    ]


def _same(row: Row) -> bool:
    """Whether the published processor is named in the name of this one."""
    first = str(row["hardware"]).partition(",")[0].lower()
    return bool(row["judged_on"]) and first in str(row["judged_on"]).lower()


def _is_control(row: Row) -> bool:
    return bool(row["kind"] == CONTROL)


def _heading(row: Row) -> str:
    kind = "negative controls: padding that gains nothing" if _is_control(row) else "effects"
    return f"{kind} · {row['device']} · judged on {row['judged_on'] or 'an unknown processor'}"


def _line(row: Row) -> tuple[Cell, ...]:
    share = formats.percent(row["share"]) if row["share"] and row["share"] > 0 else formats.MISSING
    judged = row["verdict"] != NOT_RUN
    return (
        Cell(row["effect"], "name wrap", f"{row['case']} over {row['baseline']}"),
        Cell(_ratio(row), "number", f"per {row['per']}"),
        Cell(_here(row), "number", f"per {row['per']}"),
        Cell(share, "number", "in logarithms"),
        Cell(row["verdict"], "verdict" if judged else "text", row["reason"] or ""),
        Cell(row["hardware"], "text wrap"),
        Cell(f"{row['source']}: {row['told']}", "long"),
        Cell(row["assumed"] or formats.MISSING, "long"),
    )


def _here(row: Row) -> str:
    ratio = formats.ratio(row["ratio"], row["ci_low"], row["ci_high"])
    return ratio if row["ratio"] is None else f"{ratio} ({formats.interval(row['ci_low'], row['ci_high'])})"


def _ratio(row: Row) -> str:
    return formats.ratio(row["published"]) if row["published"] else "not told"
