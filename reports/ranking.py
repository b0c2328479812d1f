"""How implementations rank at each width, by verdicts, and what was measured of the fastest beside its time.

What is said of the fastest is what was measured in the same run, never a cause: what share of its library's best rate
in products its step reaches, against the baseline's; which of the two libraries multiplies faster, where they took
turns; and the fixed costs where they make up most of the baseline's step.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from reports import libraries, rows, wording
from reports.formats import listing, percent, seconds, seconds_interval, si
from reports.libraries import Rate
from reports.rows import Panel, Row
from reports.winners import Winner, winners

__all__ = ["ranks", "why"]

MOST_SENTENCES = 8
MOST_NAMED = 6  # implementations of one verdict that a sentence names
SMALL = 0.5  # the fixed cost's share of the baseline's step from which on a width is small


def ranks(summary: Row) -> list[str]:
    """Return the order at each width, fastest first, by verdict; of many networks the narrowest and widest."""
    judged = [row for row in rows.throughput(summary, "comparisons") if row.get("verdict")]
    panels = rows.panels(judged)
    told = {
        (panel, width): members
        for panel, found in panels.items()
        for width, members in ((key, list(row)) for key, row in groupby(found, key=lambda row: row["width"]))
        if not any(row.get("marked") for row in members) and len(members) > 1
    }
    chosen = _chosen(told)
    sentences = [_rank(panel, width, told[panel, width], panels) for panel, width in chosen]
    more = len(told) - len(chosen)
    return [*sentences, f"So it is told for {more} more networks in the tables below."] if more else sentences


def why(run: Row, summary: Row) -> list[str]:
    """Return what was measured beside the times of each fastest one, where products were measured too."""
    found = winners(summary)
    rates, panels = libraries.rates(run, summary), {one.panel for one in found}
    sentences = []
    for (panel, _), members in groupby(
        (one for one in found if one.row and not one.marked), key=lambda one: (one.panel, one.name)
    ):
        text = _beside(list(members), summary, rates)
        if text:
            sentences.append(wording.capital(wording.where(panel, panels) + text))
    return sentences


def _rank(panel: Panel, width: int, members: list[Row], panels: Iterable[Panel]) -> str:
    ordered = sorted(members, key=lambda row: row["ratio"])
    parts = []
    for verdict in ("faster", "equivalent", "inconclusive", "slower"):
        found = [row for row in ordered if row["verdict"] == verdict]
        each = [f"{row['implementation']} {_ratio(row)}" for row in found]
        parts += [f"{verdict}: {_listed(each)}"] if each else []
    start = f"{_place(panel, width, panels)}by time over that of {members[0]['baseline']}"
    return wording.capital(f"{start} – {'; '.join(parts)}.")


def _ratio(row: Row) -> str:
    """Return a ratio, with its interval where it says more than the verdict does."""
    short = row["verdict"] in ("equivalent", "slower")
    return wording.ratio_of(row) if short else f"{wording.ratio_of(row)} ({wording.interval_of(row)})"


def _listed(each: list[str]) -> str:
    """List names; of many those at the ends."""
    if len(each) <= MOST_NAMED:
        return listing(each)
    return f"{', '.join(each[: MOST_NAMED - 1])}, and so on ({len(each) - MOST_NAMED} more) to {each[-1]}"


def _beside(found: list[Winner], summary: Row, rates: list[Rate]) -> str:
    """Return what was measured beside a winner's times; nothing where products of either library were not."""
    first, cases = found[0], [(_case(summary, one, one.name), _case(summary, one, one.baseline)) for one in found]
    pairs = [(own, base) for own, base in cases if own and base]
    if not pairs:
        return ""
    mine, theirs = (_rate(rates, case) for case in pairs[0])
    if mine is None or theirs is None:
        return ""
    widths = [str(own["width"]) for own, _ in pairs]
    places = f"at width{'s' if len(widths) > 1 else ''} {listing(widths)}, "
    does = _does([own for own, _ in pairs], mine, first.name)
    other = _does([base for _, base in pairs], theirs, first.baseline)
    smalls = [_small(one, base, summary) for one, (_, base) in zip(found, cases, strict=True) if base]
    return f"{places}{does}; {other}.{_turns(summary, mine, theirs)}{''.join(smalls[:1])}"


def _does(cases: list[Row], rate: Rate, name: str) -> str:
    """Say what a step reaches at each width, and what share of its library's rate in products that is."""
    scales = listing([si(case["flop_rate"], "FLOP/s") for case in cases])
    shares = listing([percent(case["flop_rate"] / rate.rate) for case in cases])
    return (
        f"a step of {name} does {scales}, {shares} of the rate of {rate.library}'s products of {rate.size} "
        f"({si(rate.rate, 'FLOP/s')})"
    )


def _turns(summary: Row, mine: Rate, theirs: Rate) -> str:
    """Say which of two libraries multiplies faster, where they took turns."""
    if mine.library == theirs.library:
        return f" Both are written in {mine.library}."
    row = libraries.compared(summary, mine.library, theirs.library, mine.device, mine.dtype)
    if row is None:
        return ""
    if row["verdict"] == "faster":
        return f" Its library multiplies faster here: a product in {mine.library} takes {_of(row)}."
    return f" A product in {mine.library} is {row['verdict']}, taking {_of(row)}."


def _of(row: Row) -> str:
    return f"{wording.ratio_of(row)} of the time of one in {row['baseline']} ({wording.interval_of(row)})"


def _small(one: Winner, base: Row, summary: Row) -> str:
    """Compare fixed costs at a width so small that they make up most of the baseline's step."""
    fits = rows.panels(row for row in summary.get("fixed_costs") or [] if row.get("fixed_s") is not None)
    found = {row["implementation"]: row for row in fits.get(one.panel, [])}
    mine, theirs = found.get(one.name), found.get(one.baseline)
    marked = any(other.marked for other in winners(summary) if other.panel == one.panel)
    if mine is None or theirs is None or marked or theirs["fixed_s"] < SMALL * base["time_s"]:
        return ""
    each = [f"{_fixed(fit)} in {fit['implementation']}" for fit in (mine, theirs)]
    whole = f"a step of which takes {seconds(base['time_s'])} at width {one.width}"
    return f" By the fit over the widths, fixed costs are {listing(each)}, {whole}."


def _fixed(fit: Row) -> str:
    return f"{seconds(fit['fixed_s'])} ({seconds_interval(fit['fixed_low'], fit['fixed_high'])})"


def _case(summary: Row, one: Winner, name: str) -> Row | None:
    """Return the case of an implementation at a winner's width, where it has a rate."""
    members = rows.panels(rows.throughput(summary, "cases")).get(one.panel, [])
    for row in members:
        if (row["width"], row["implementation"]) == (one.width, name) and row.get("flop_rate") and row.get("time_s"):
            return row
    return None


def _rate(rates: list[Rate], case: Row) -> Rate | None:
    """Return the rate of a case's library, where products were measured in the environment that it ran in."""
    if case.get("environment") not in (None, case.get("framework")):
        return None
    return libraries.rate_of(rates, str(case.get("framework")), case["device"], case["dtype"])


def _place(panel: Panel, width: int, panels: Iterable[Panel]) -> str:
    return wording.where(panel, panels) + wording.at([width])


def _chosen(places: Iterable[tuple[Panel, int]]) -> list[tuple[Panel, int]]:
    """Return all of the networks, or of many the narrowest and widest of each panel, as many as can be read."""
    found = list(places)
    if len(found) <= MOST_SENTENCES:
        return found
    ends = []
    for _, members in groupby(found, key=lambda place: place[0]):
        widths = list(members)
        ends += [widths[0], widths[-1]] if len(widths) > 1 else widths
    return ends[:MOST_SENTENCES]
