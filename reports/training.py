"""What was found of training steps, in sentences: who is fastest, from which width on it stops mattering, fixed costs.

A sentence that judges uses one of the four verdict words, and a group whose control failed supports none: it is left
out, or said to be rested on.
"""

from __future__ import annotations

from collections import Counter
from itertools import groupby

from reports import rows, wording
from reports.colours import ordered
from reports.formats import listing, margin, seconds, seconds_interval
from reports.rows import VERDICTS, Panel, Row
from reports.winners import Winner, winners

__all__ = ["fastest", "fixed", "matters"]

MOST_NAMED = 6  # implementations that a sentence names one by one


def fastest(summary: Row) -> list[str]:
    """Return who is fastest, widths with the same winner in one sentence."""
    found = winners(summary)
    sentences = []
    for (panel, name), members in groupby(
        (one for one in found if not one.marked), key=lambda one: (one.panel, one.name)
    ):
        run_of = list(members)
        where = wording.where(panel, [one.panel for one in found]) + wording.at([one.width for one in run_of])
        sentences.append(wording.capital(where + (_leads(name, run_of) if run_of[0].row else _stands(run_of))))
    return sentences


def _leads(name: str, found: list[Winner]) -> str:
    """Say that an implementation is fastest at these widths."""
    base = found[0].baseline
    only = found[0].row
    if len(found) == 1 and only:
        text = f"{name} is fastest: faster than {base}, taking {wording.ratio_of(only)} of its time "
        text += f"(95 % interval {wording.interval_of(only)}), {seconds(only['time_s'])} a step."
    else:
        each = [
            f"{wording.ratio_of(one.row)} ({wording.interval_of(one.row)}) at {one.width}" for one in found if one.row
        ]
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


def matters(run: Row, summary: Row) -> list[str]:
    """Return from which width on implementations are equivalent to the baseline."""
    known = [row for row in summary.get("crossovers") or [] if len(row.get("widths") or []) > 1]
    found = rows.panels(known)
    return [
        wording.capital(wording.lead(panel, found) + _crossing(run, summary, panel, members))
        for panel, members in found.items()
    ]


def _crossing(run: Row, summary: Row, panel: Panel, members: list[Row]) -> str:
    widest = max(width for row in members for width in row["widths"])
    base = members[0]["baseline"]
    within = f"equivalent to {base} (within {margin(run.get('margin'))})"
    crossed = [row for row in members if row["width"] is not None and max(row["widths"]) == widest]
    others = ordered({row["implementation"] for row in members} - {row["implementation"] for row in crossed})
    if not others:
        start = max(row["width"] for row in crossed)
        text = f"every implementation is {within} {wording.from_width(start, widest)}: choose by taste."
    elif crossed:
        (start, names), *later = _by_width(crossed)
        text = f"{listing(names)} {'is' if len(names) == 1 else 'are'} {within} {wording.from_width(start, widest)}"
        text += (
            "".join(f", {listing(names)} {wording.from_width(start, widest)}" for start, names in later)
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
    parts = [f"{row['implementation']} is {row['verdict']} ({wording.figures(row)})" for row in here]
    if len(parts) > MOST_NAMED:
        counts = Counter(row["verdict"] for row in here)
        parts = [f"{counts[verdict]} {_be(counts[verdict])} {verdict}" for verdict in VERDICTS if counts[verdict]]
    silent = ordered(set(names) - {row["implementation"] for row in here})
    parts += [f"{listing(silent)} {'has' if len(silent) == 1 else 'have'} no usable verdict"] if silent else []
    return f"At {widest} {listing(parts)}." if parts else ""


def _be(count: int) -> str:
    return "is" if count == 1 else "are"


def fixed(summary: Row) -> list[str]:
    """Return what a step costs before any arithmetic, cheapest first; of many the cheapest and the dearest."""
    found = rows.panels(row for row in summary.get("fixed_costs") or [] if row.get("fixed_s") is not None)
    sentences = []
    for panel, members in found.items():
        cheapest = sorted(members, key=lambda row: row["fixed_s"])
        named = cheapest if len(cheapest) <= MOST_NAMED else [*cheapest[: MOST_NAMED - 1], cheapest[-1]]
        each = [_cost(row) for row in named]
        rest = len(cheapest) - len(named)
        listed = listing(each) if not rest else f"{', '.join(each[:-1])}, and so on ({rest} more) to {each[-1]}"
        text = wording.capital(f"{wording.lead(panel, found)}{listed}.")
        marked = sorted({one.width for one in winners(summary) if one.panel == panel and one.marked})
        if marked:
            text += f" The fit includes width {listing([str(width) for width in marked])}, where the control failed."
        sentences.append(text)
    return sentences


def _cost(row: Row) -> str:
    interval = seconds_interval(row["fixed_low"], row["fixed_high"])
    return f"{seconds(row['fixed_s'])} ({interval}) in {row['implementation']}"
