"""What was found of matrix products, in sentences: what odd sizes cost, and how the libraries compare.

A group whose control failed supports no verdict: it is left out.
"""

from __future__ import annotations

from itertools import groupby

from reports import libraries, rows, wording
from reports.formats import listing, percent, seconds, si, si_interval
from reports.libraries import Rate
from reports.matmuls import Cell, label, too_slow
from reports.rows import Row

__all__ = ["alone", "odd", "side_by_side", "slow", "use"]

FEW = 4  # sizes that are told with an interval each


def odd(summary: Row) -> list[str]:
    """Return what odd sizes cost, a sentence per sweep of squares, those in which they cost nothing in one."""
    return _swept(summary, "odd sizes cost nothing extra there", rows.SQUARE)


def alone(summary: Row) -> list[str]:
    """Return what one dimension costs that alone is odd, likewise."""
    return _swept(summary, "one odd dimension costs nothing extra there", "m", "k", "n")


def slow(summary: Row) -> list[str]:
    """Return what was too slow for verdicts, with the time that a pilot found."""
    groups: dict[Cell, list[Row]] = {}
    for row in rows.products(summary, "cases", *rows.sweeps(summary).values()):
        if too_slow(row) and row.get("time_s"):
            groups.setdefault(Cell.of(row), []).append(row)
    return [
        f"{label(cell)} is too slow to be judged: one product of {row['n']} takes {seconds(row['time_s'])}, at "
        f"{si(row['flop_rate'], 'FLOP/s')}."
        for cell, (row, *_) in groups.items()
    ]


def _swept(summary: Row, nothing: str, *kinds: str) -> list[str]:
    """Return a sentence per group of these kinds; ``nothing`` is what is said of those where all are equivalent."""
    varied = rows.sweeps(summary)
    groups: dict[str, list[Row]] = {}
    for row in rows.products(summary, "comparisons", *kinds):
        if row.get("verdict") and not row.get("marked"):
            groups.setdefault(str(row["group"]), []).append(row)
    sentences: list[str] = []
    free: dict[str, list[str]] = {}
    for group, members in groups.items():
        kind, base = varied[group], str(members[0]["baseline"])
        name = label(Cell.of(members[0])) + ("" if kind == rows.SQUARE else f" with {kind} alone")
        if all(row["verdict"] == "equivalent" for row in members):
            free.setdefault(base, []).append(name)
        else:
            sentences.append(_sizes(name, members, "n" if kind == rows.SQUARE else kind))
    return sentences + [
        f"In {listing(names)} every size is equivalent to {base}: {nothing}." for base, names in free.items()
    ]


def _sizes(name: str, members: list[Row], dimension: str) -> str:
    parts = []
    ordered = sorted(members, key=lambda row: row[dimension])
    for verdict in ("slower", "faster"):
        found = [row for row in ordered if row["verdict"] == verdict]
        said = f"{verdict} per unit of arithmetic than {members[0]['baseline']}"
        parts += [f"{said}: {_figures(found, dimension)}"] if found else []
    for verdict in ("equivalent", "inconclusive"):
        named = [str(row[dimension]) for row in ordered if row["verdict"] == verdict]
        parts += [f"{verdict}: {listing(named)}"] if named else []
    return f"{name} — {'; '.join(parts)}."


def _figures(found: list[Row], dimension: str) -> str:
    """Return sizes with their ratios and intervals, or, of many, with the range of their ratios."""
    if len(found) <= FEW:
        return listing([f"{row[dimension]} ({wording.figures(row)})" for row in found])
    ends = [wording.ratio_of(row) for row in sorted(found, key=lambda row: row["ratio"])]
    return f"{listing([str(row[dimension]) for row in found])} ({ends[0]} to {ends[-1]})"


def use(run: Row, summary: Row) -> list[str]:
    """Return which library multiplies how fast at the base size, a sentence per device and dtype."""
    found = libraries.rates(run, summary)
    sentences = []
    for (device, dtype), members in groupby(found, key=lambda rate: (rate.device, rate.dtype)):
        where = f"{dtype} on {device}" if len({rate.device for rate in found}) > 1 else dtype
        sentences.append(_use(where, list(members)))
    if len({rate.library for rate in found}) > 1:
        sentences.append(
            "These rates and shares are absolute figures of this run, with intervals and no verdicts: in its own group "
            "a library is compared with its own base size."
        )
    return sentences


def _use(where: str, members: list[Rate]) -> str:
    best, *others = members
    reached = f"In {where}, {best.named} reaches {si(best.rate, 'FLOP/s')} in products of {best.size} ({_ends(best)})"
    if not others:
        return f"{reached}; no other library was measured there."
    shares = [f"{one.named} {percent(one.share)}" for one in others]
    return f"{reached}, the most of the libraries measured. Of that rate: {listing(shares)}."


def side_by_side(summary: Row) -> list[str]:
    """Return the verdicts of the groups in which libraries took turns with one another."""
    sentences = []
    judged = [row for row in rows.libraries(summary, "comparisons") if row.get("verdict") and not row.get("marked")]
    for group, found in groupby(judged, key=lambda row: row["group"]):
        members = sorted(found, key=lambda row: row["ratio"])
        first = members[0]
        parts = []
        for verdict, told in groupby(sorted(members, key=_by_verdict), key=lambda row: row["verdict"]):
            named = [f"{row['case']} ({wording.figures(row)})" for row in told]
            parts.append(f"{verdict}: {listing(named)}")
        sentences.append(
            f"One {first['dtype']} product of {first['n']} in every library, in turns ({group}), by the time it takes "
            f"over that of {first['baseline']}: {'; '.join(parts)}."
        )
    return sentences


def _by_verdict(row: Row) -> tuple[int, float]:
    return ("faster", "equivalent", "inconclusive", "slower").index(row["verdict"]), row["ratio"]


def _ends(rate: Rate) -> str:
    return f"95 % interval {si_interval(rate.low, rate.high, 'FLOP/s')}"
