"""What was found of matrix products, in sentences: what odd sizes cost, and how the libraries compare.

A group whose control failed supports no verdict: it is left out.
"""

from __future__ import annotations

from itertools import groupby

from reports import libraries, rows, wording
from reports.formats import listing, percent, si, si_interval
from reports.libraries import Rate
from reports.matmuls import Cell, cells, label
from reports.rows import Row

__all__ = ["odd", "side_by_side", "use"]


def odd(summary: Row) -> list[str]:
    """Return what odd sizes cost, a sentence per library and dtype, those that cost nothing in one."""
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
        named = [f"{row['n']} ({wording.figures(row)})" for row in members if row["verdict"] == verdict]
        parts += [f"{verdict} per unit of arithmetic than {base}: {listing(named)}"] if named else []
    for verdict in ("equivalent", "inconclusive"):
        named = [str(row["n"]) for row in members if row["verdict"] == verdict]
        parts += [f"{verdict}: {listing(named)}"] if named else []
    return f"{label(cell)} — {'; '.join(parts)}."


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
