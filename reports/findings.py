"""What was found, in sentences, for readers who are not statisticians: the first screen of the page.

Every figure in a sentence comes from the summary. A sentence that judges uses one of the four verdict words, and a
group whose control failed supports none: its findings are left out, or say that they rest on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from reports import caveats, feeding, learning, rows
from reports.formats import interval, listing, margin, ratio, seconds, seconds_interval, span
from reports.matmuls import Cell, cells, label
from reports.rows import Panel, Row

__all__ = ["Finding", "Winner", "findings", "winners"]

FIRST = "Before you read on"
FASTEST = "Which is fastest?"
MATTERS = "From which size on does it not matter?"
FIXED = "What does a step cost before any arithmetic?"
ODD = "Do odd matrix sizes cost anything?"
PUBLISHED = "Does it learn what was published?"
ALIKE = "Do implementations learn alike?"
SOON = "How soon?"
MIND = "What to keep in mind"


@dataclass(frozen=True)
class Finding:
    """One sentence, or a few that belong together, under the question it answers; ``tone`` is answer or warning."""

    question: str
    text: str
    tone: str = "answer"


@dataclass(frozen=True)
class Winner:
    """Who is fastest at one width: ``row`` is its comparison, or None where nothing is faster than the baseline.

    ``rivals`` are faster or inconclusive, with intervals that reach the winner's; ``equal``, ``unsure`` and ``slower``
    are equivalent, inconclusive and slower.
    """

    panel: Panel
    width: int
    baseline: str
    row: Row | None
    rivals: tuple[str, ...]
    equal: tuple[str, ...]
    unsure: tuple[str, ...]
    slower: tuple[str, ...]
    marked: bool

    @property
    def name(self) -> str:
        """The implementation that is fastest, as far as verdicts go."""
        return self.row["implementation"] if self.row else self.baseline


def findings(run: Row, summary: Row) -> list[Finding]:
    """Return what was found, in the order in which it is read."""
    said = [
        *((FIRST, text, "warning") for text in caveats.steering(run, summary)),
        *((FASTEST, text, "answer") for text in _fastest(summary)),
        *((MATTERS, text, "answer") for text in _matters(run, summary)),
        *((FIXED, text, "answer") for text in _fixed(summary)),
        *((ODD, text, "answer") for text in _odd(summary)),
        *((PUBLISHED, text, "answer") for text in learning.reproduced(summary)),
        *((PUBLISHED, text, "warning") for text in learning.missed(summary)),
        *((PUBLISHED, text, "answer") for text in learning.uncompared(summary)),
        *((ALIKE, text, "answer") for text in learning.agreement(summary)),
        *((ALIKE, text, "answer") for text in learning.why(summary)),
        *((SOON, text, "answer") for text in learning.times(summary)),
        *((feeding.QUESTION, text, "answer") for text in feeding.sentences(summary)),
        *((MIND, text, "warning") for text in caveats.warnings(run, summary)),
        *((MIND, text, "answer") for text in caveats.notes(summary)),
    ]
    return [Finding(*parts) for parts in said]


def winners(summary: Row) -> list[Winner]:
    """Return who is fastest at each width of each panel that has verdicts."""
    judged = [row for row in rows.throughput(summary, "comparisons") if row.get("verdict")]
    result = []
    for panel, members in rows.panels(judged).items():
        for width, found in groupby(members, key=lambda row: row["width"]):
            result.append(_winner(panel, width, list(found)))
    return result


def _winner(panel: Panel, width: int, found: list[Row]) -> Winner:
    faster = sorted((row for row in found if row["verdict"] == "faster"), key=lambda row: row["ratio"])
    best = faster[0] if faster else None
    # An inconclusive one whose interval reaches the winner's may be the fastest as well.
    others = faster[1:] + [row for row in found if row["verdict"] == "inconclusive"]
    rivals = [row for row in others if best and row["ci_low"] <= best["ci_high"]]
    return Winner(
        panel=panel,
        width=width,
        baseline=str(found[0]["baseline"]),
        row=best,
        rivals=_names(rivals),
        equal=_names(row for row in found if row["verdict"] == "equivalent"),
        unsure=_names(row for row in found if row["verdict"] == "inconclusive"),
        slower=_names(row for row in found if row["verdict"] == "slower"),
        marked=any(row.get("marked") for row in found),
    )


def _fastest(summary: Row) -> list[str]:
    found = winners(summary)
    sentences = []
    for (panel, name), members in groupby(
        (one for one in found if not one.marked), key=lambda one: (one.panel, one.name)
    ):
        run_of = list(members)
        where = _where(panel, [one.panel for one in found]) + _at([one.width for one in run_of])
        sentences.append(_capital(where + (_leads(name, run_of) if run_of[0].row else _stands(run_of))))
    return sentences


def _leads(name: str, found: list[Winner]) -> str:
    """Say that an implementation is fastest at these widths."""
    base = found[0].baseline
    only = found[0].row
    if len(found) == 1 and only:
        text = f"{name} is fastest: faster than {base}, taking {_ratio(only)} of its time "
        text += f"(95 % interval {_interval(only)}), {seconds(only['time_s'])} a step."
    else:
        each = [f"{_ratio(one.row)} ({_interval(one.row)}) at {one.width}" for one in found if one.row]
        text = f"{name} is fastest: faster than {base}, whose time it takes {listing(each)}."
    alike: dict[tuple[str, ...], list[str]] = {}
    for one in found:
        if one.rivals:
            alike.setdefault(one.rivals, []).append(str(one.width))
    for rivals, widths in alike.items():
        at = f" at {listing(widths)}" if len(found) > 1 else ""
        text += f" {listing(list(rivals))} may be as fast{at}: the intervals overlap."
    return text


def _stands(found: list[Winner]) -> str:
    """Say that nothing is faster than the baseline at these widths."""
    text = f"nothing is faster than {found[0].baseline}"
    for said, names in (
        ("equivalent", [one.equal for one in found]),
        ("inconclusive", [one.unsure for one in found]),
        ("slower", [one.slower for one in found]),
    ):
        parts = [
            f"{listing(list(here))}{f' at {one.width}' if len(found) > 1 else ''}"
            for one, here in zip(found, names, strict=True)
            if here
        ]
        text += f"; {said}: {', '.join(parts)}" if parts else ""
    return text + "."


def _matters(run: Row, summary: Row) -> list[str]:
    known = [row for row in summary.get("crossovers") or [] if len(row.get("widths") or []) > 1]
    found = rows.panels(known)
    return [_capital(_lead(panel, found) + _crossing(run, summary, panel, members)) for panel, members in found.items()]


def _crossing(run: Row, summary: Row, panel: Panel, members: list[Row]) -> str:
    widest = max(width for row in members for width in row["widths"])
    base = members[0]["baseline"]
    within = f"equivalent to {base} (within {margin(run.get('margin'))})"
    crossed = [row for row in members if row["width"] is not None and max(row["widths"]) == widest]
    others = sorted({row["implementation"] for row in members} - {row["implementation"] for row in crossed})
    if not others:
        start = max(row["width"] for row in crossed)
        text = f"every implementation is {within} {_from(start, widest)}: choose by taste."
    elif crossed:
        (start, names), *later = _by_width(crossed)
        text = f"{listing(names)} {'is' if len(names) == 1 else 'are'} {within} {_from(start, widest)}"
        text += (
            "".join(f", {listing(names)} {_from(start, widest)}" for start, names in later)
            + f". {_still(summary, panel, others, widest)}"
        )
    else:
        text = f"no implementation is {within} at the widest width measured, {widest}. "
        text += _still(summary, panel, others, widest)
    marked = [one.width for one in winners(summary) if one.panel == panel and one.marked]
    # Not being equivalent is said of the widest width only, being so of all from the first one on.
    if (others and widest in marked) or any(row["width"] <= max(marked, default=0) for row in crossed):
        text += f" This rests on width {listing([str(width) for width in marked])}, where the control failed."
    return text


def _by_width(crossed: list[Row]) -> list[tuple[int, list[str]]]:
    ordered = sorted(crossed, key=lambda row: (row["width"], row["implementation"]))
    return [
        (width, [row["implementation"] for row in found]) for width, found in groupby(ordered, lambda row: row["width"])
    ]


def _still(summary: Row, panel: Panel, names: list[str], widest: int) -> str:
    """Say what the verdicts of those that are not equivalent in the end are at the widest width."""
    compared = rows.panels(rows.throughput(summary, "comparisons")).get(panel, [])
    here = [
        row for row in compared if row["width"] == widest and row["implementation"] in names and not row.get("marked")
    ]
    here = [row for row in here if row.get("verdict")]
    parts = [f"{row['implementation']} is {row['verdict']} ({_figures(row)})" for row in here]
    silent = sorted(set(names) - {row["implementation"] for row in here})
    parts += [f"{listing(silent)} {'has' if len(silent) == 1 else 'have'} no usable verdict"] if silent else []
    return f"At {widest} {listing(parts)}." if parts else ""


def _fixed(summary: Row) -> list[str]:
    found = rows.panels(row for row in summary.get("fixed_costs") or [] if row.get("fixed_s") is not None)
    sentences = []
    for panel, members in found.items():
        ordered = sorted(members, key=lambda row: row["fixed_s"])
        ends = [seconds_interval(row["fixed_low"], row["fixed_high"]) for row in ordered]
        each = [
            f"{seconds(row['fixed_s'])} ({end}) in {row['implementation']}"
            for row, end in zip(ordered, ends, strict=True)
        ]
        text = _capital(f"{_lead(panel, found)}{listing(each)}.")
        marked = sorted({one.width for one in winners(summary) if one.panel == panel and one.marked})
        if marked:
            text += f" The fit includes width {listing([str(width) for width in marked])}, where the control failed."
        sentences.append(text)
    return sentences


def _odd(summary: Row) -> list[str]:
    compared = [row for row in rows.alignment(summary, "comparisons") if row.get("verdict") and not row.get("marked")]
    sentences, free = [], []
    base = ""
    for cell, members in cells(compared).items():
        base = str(members[0]["baseline"])
        if all(row["verdict"] == "equivalent" for row in members):
            free.append(label(cell))
        else:
            sentences.append(_sizes(cell, members, base))
    if free:
        sentences.append(f"In {listing(free)} every size is equivalent to {base}: odd sizes cost nothing extra there.")
    return sentences


def _sizes(cell: Cell, members: list[Row], base: str) -> str:
    parts = []
    for verdict in ("slower", "faster"):
        named = [f"{row['n']} ({_figures(row)})" for row in members if row["verdict"] == verdict]
        parts += [f"{verdict} per unit of arithmetic than {base}: {listing(named)}"] if named else []
    for verdict in ("equivalent", "inconclusive"):
        named = [str(row["n"]) for row in members if row["verdict"] == verdict]
        parts += [f"{verdict}: {listing(named)}"] if named else []
    return f"{label(cell)} — {'; '.join(parts)}."


def _where(panel: Panel, others: Iterable[Panel]) -> str:
    """Name what tells this panel from the others, as the beginning of a sentence; nothing where it is the only one."""
    kept = set(others)
    words: dict[str, Any] = {"device": panel.device, "dtype": panel.dtype, "batch": f"batch {panel.batch}"}
    words["depth"] = panel.title.partition(" · ")[0]
    told = [str(text) for field, text in words.items() if len({getattr(one, field) for one in kept}) > 1]
    return f"with {', '.join(reversed(told))} " if told else ""


def _lead(panel: Panel, others: Iterable[Panel]) -> str:
    where = _where(panel, others).strip()
    return f"{where}: " if where else ""


def _at(widths: list[int]) -> str:
    return f"at width {widths[0]}, " if len(widths) == 1 else f"at widths {span(widths)}, "


def _from(start: int, widest: int) -> str:
    return f"at width {widest}, the widest measured" if start == widest else f"from width {start} on"


def _figures(row: Row | None) -> str:
    return f"{_ratio(row)}, {_interval(row)}" if row else ""


def _ratio(row: Row) -> str:
    return ratio(row["ratio"], row.get("ci_low"), row.get("ci_high"))


def _interval(row: Row) -> str:
    return interval(row.get("ci_low"), row.get("ci_high"))


def _names(found: Iterable[Row]) -> tuple[str, ...]:
    return tuple(sorted(row["implementation"] for row in found))


def _capital(text: str) -> str:
    """Begin with a capital, unless with the name of something, which has its own spelling."""
    first = text.partition(" ")[0]
    return text if "_" in first else text[:1].upper() + text[1:]
