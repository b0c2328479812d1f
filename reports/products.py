"""What was found of matrix products, in sentences: what odd sizes cost, and how the libraries compare.

A group whose control failed supports no verdict: it is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

from reports import kernels, libraries, rows, wording
from reports.formats import DEFAULT_MARGIN, listing, percent, seconds, si, si_interval
from reports.kernels import Kernels
from reports.libraries import Rate
from reports.matmuls import Cell, label, too_slow
from reports.rows import Row

__all__ = ["alone", "odd", "padding", "side_by_side", "slow", "use"]

FEW = 4  # sizes that are told with an interval each
MOST_COMMANDS = 2
ADVISED = ("numpy", "torch")  # libraries that `mlpbench advise` can ask
ADVISED_DTYPES = ("float32", "float64", "bfloat16", "float16")


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
    served = kernels.compared(summary)
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
            dimension = "n" if kind == rows.SQUARE else kind
            sentences.append(_sizes(name, members, dimension) + _served(members, dimension, served))
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


def _served(members: list[Row], dimension: str, served: Mapping[tuple[str, str], Kernels]) -> str:
    """Return which kernels serve the sizes that are faster or slower; nothing where the profiler was not asked."""
    decided = sorted((row for row in members if row["verdict"] in ("slower", "faster")), key=lambda row: row[dimension])
    known = [(str(row[dimension]), served[key]) for row in decided if (key := (row["group"], row["case"])) in served]
    others: dict[tuple[str, ...], list[str]] = {}
    for size, found in known:
        if found.differ:
            others.setdefault(found.own, []).append(size)
    base, told = members[0]["baseline"], ""
    if others:
        each = [f"{_run(sizes)} {kernels.said(own)}" for own, sizes in others.items()]
        told += (
            f" By the profiler {listing(each)}, {base} {kernels.said(known[0][1].base)}: another kernel goes with the "
            "other time, which makes it the likely cause and proves nothing."
        )
    same = [size for size, found in known if not found.differ]
    if same:
        told += f" {_run(same)} the same kernel as {base}, by the profiler: no change of kernel is the cause there."
    return told


def _run(sizes: list[str]) -> str:
    return f"{listing(sizes)} {'runs' if len(sizes) == 1 else 'run'}"


def padding(run: Row, summary: Row) -> list[str]:
    """Return the commands that say what to pad to, where a size costs more than the margin by its verdict."""
    costliest: dict[tuple[str, ...], Row] = {}
    least = 1 + (run.get("margin") or DEFAULT_MARGIN)
    for row in rows.products(summary, "comparisons", rows.SQUARE, *"mkn"):
        if row.get("verdict") == "slower" and not row.get("marked") and row["ratio"] > least and _is_advised(row):
            key = row["provider"], row["device"], row["dtype"]
            costliest[key] = max(row, costliest.get(key, row), key=lambda one: float(one["ratio"]))
    ranked = sorted(costliest.values(), key=lambda row: -row["ratio"])
    each = [f"`{_advise(row)}` ({wording.ratio_of(row)} here)" for row in ranked[:MOST_COMMANDS]]
    more = [label(Cell.of(row)) for row in ranked[MOST_COMMANDS:]]
    likewise = f"; likewise in {listing(more)}" if more else ""
    start = "Whether padding is worth all that it costs, and to what size, is measured by `mlpbench advise`"
    return [f"{start}. For what costs most: {listing(each)}{likewise}."] if each else []


def _is_advised(row: Row) -> bool:
    """Whether advice can be asked on a product."""
    return row["provider"] in ADVISED and row["dtype"] in ADVISED_DTYPES and (row.get("stack") or 1) == 1


def _advise(row: Row) -> str:
    """Return the command that asks what to pad a product to where it was measured; defaults are left out."""
    sizes = " ".join(f"--{name} {row[name]}" for name in "mkn")
    on_cpu = row["device"] == "cpu"
    options = {
        "dtype": row["dtype"] if row["dtype"] != "float32" else None,
        "device": None if on_cpu else row["device"],
        "threads": row.get("threads") if on_cpu else None,
    }
    given = "".join(f" --{name} {value}" for name, value in options.items() if value)
    return f"mlpbench advise {sizes} --library {row['provider']}{given}"


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
    shares = [f"{percent(one.share)} in {one.named}" for one in others]
    return f"{reached}, the most of the libraries measured; {listing(shares)} of that."


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
