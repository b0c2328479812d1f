"""Advice, and the check of it, as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.advice.choice import DO_NOT_PAD, PAD
from bench.advice.networks import Network
from bench.advice.problems import AS_IT_IS, Problem
from bench.advice.wide import WITHIN
from reports import formats

__all__ = ["line", "show", "show_check"]

Row = dict[str, Any]


def show(problem: Problem, found: Row, console: Console) -> None:
    """Print an answer."""
    console.print(f"{problem.title}, {problem.place.threads} thread{'s' * (problem.place.threads > 1)}\n")
    for sentence in _answer(problem, found):
        console.print(sentence)
    console.print()
    console.print(_dimensions(found))
    for text in (*found["never_padded"], *found["notes"]):
        console.print(f"- {text}")


def show_check(found: Row, lines: Sequence[Row], margin: float, console: Console) -> None:
    """Print a check of advice: a row per product, and the shares."""
    table = Table(show_edge=False, pad_edge=False)
    for column in ("product", "advice", "ratio", "best found", "ratio"):
        table.add_column(column, overflow="fold")
    table.add_column("advice / best", no_wrap=True)
    for row in lines:
        table.add_row(
            _product(row), _sizes(row, "advised"), f"{row['advised_ratio'][0]:.3f}", _sizes(row, "best"),
            f"{row['best_ratio'][0]:.3f}", _interval(*row["over_best"]) + (" !" * (not row["within"])),
        )  # fmt: skip
    console.print(table)
    console.print(
        f"Of {found['count']} products advice is within {100 * WITHIN:.0f} % of the best in {found['within']}, and "
        f"beyond, by the interval as well, in {found['shown_beyond']}; {found['padded']} were to be padded, "
        f"{found['needless']} of them where nothing gains more than {100 * margin:g} %."
    )


def line(row: Row) -> str:
    """Return a checked product in a line."""
    word = "within" if row["within"] else "beyond"
    over = _interval(*row["over_best"])
    return f"{_product(row)}: {_sizes(row, 'advised')}, best {_sizes(row, 'best')}: {over}, {word} {100 * WITHIN:.0f} %"


def _answer(problem: Problem, found: Row) -> list[str]:
    if found["advice"] == PAD:
        padded = ", ".join(
            f"{entry['name']} {entry['size']} → {entry['pad_to']}"
            for entry in found["dimensions"]
            if entry["pad_to"] != entry["size"]
        )
        return [
            f"Pad {padded}: {_interval(found['ratio'], found['ci_low'], found['ci_high'])} of the time, with all that "
            "padding costs.",
            f"{formats.seconds(found['time_s'])} → {formats.seconds(found['padded_time_s'])} a step; "
            f"{formats.si(found['extra_bytes'], 'B')} more memory (+{100 * found['extra_share']:.2g} %).",
            *_how(problem, found),
        ]
    if found["advice"] != DO_NOT_PAD:
        return ["Inconclusive: run it again, or with a longer --preset."]
    return ["Do not pad.", *_nearest(found)]


def _nearest(found: Row) -> list[str]:
    """Say what came closest to being worth it."""
    if not found["confirmed"]:
        return []
    best = min(found["confirmed"], key=lambda row: float(row["ratio"]))
    interval = _interval(best["ratio"], best["ci_low"], best["ci_high"])
    return [
        f"The most promising, {best['padded']}, takes {interval} of the time ({best['verdict']}, margin "
        f"{100 * found['margin']:g} %); from {100 * best['mde']:.2g} % on a gain would have been found."
    ]


def _how(problem: Problem, found: Row) -> list[str]:
    """Say what to do, in terms of arrays."""
    size = {entry["name"]: entry["pad_to"] for entry in found["dimensions"]}
    if isinstance(problem, Network):
        return ["Add zeros to images where they are stored, and weights and biases of zero to layers: they stay zero."]
    own = {entry["name"]: entry["size"] for entry in found["dimensions"]}
    told = []
    if (size["m"], size["k"]) != (own["m"], own["k"]):
        where = f"the first {own['m']} rows and {own['k']} columns of a ({size['m']}, {size['k']}) matrix of zeros"
        told.append(f"Keep the activations in {where}, or copy them there in each step as was measured.")
    if (size["k"], size["n"]) != (own["k"], own["n"]):
        told.append(f"Keep the weights in a ({size['k']}, {size['n']}) matrix, zero where it is larger.")
    return [*told, f"The product is the first {own['m']} rows and {own['n']} columns of the result."]


def _dimensions(found: Row) -> Table:
    table = Table(show_edge=False, pad_edge=False)
    for column in ("dimension", "size", "pad to", "alone, the best of those tried", "tried"):
        table.add_column(column, overflow="fold")
    for entry in found["dimensions"]:
        padded = entry["pad_to"] not in (None, entry["size"])
        pad_to = str(entry["pad_to"]) if padded else formats.MISSING
        tried = ", ".join(map(str, entry["tried"])) or "none"
        table.add_row(entry["name"], str(entry["size"]), pad_to, _alone(entry["alone"]), tried)
    return table


def _alone(entry: Row | None) -> str:
    if entry is None:
        return ""
    if not entry["confirmed"]:
        return f"{entry['size']}: about {entry['ratio']:.2f} (screened only)"
    return f"{entry['size']}: {_interval(entry['ratio'], entry['ci_low'], entry['ci_high'])}"


def _product(row: Row) -> str:
    return f"{row['m']} × {row['k']} × {row['n']}"


def _sizes(row: Row, which: str) -> str:
    padded = [f"{name} {size}" for name, size in zip("mkn", row[which], strict=True) if size != row[name]]
    return ", ".join(padded) or AS_IT_IS


def _interval(ratio: float, low: float, high: float) -> str:
    """Return a ratio with its interval; one of itself has none."""
    return "1" if ratio == low == high == 1 else f"{ratio:.3f} ({low:.3f}–{high:.3f})"
