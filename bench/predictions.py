"""What tiles and waves alone predict of matrix products on a GPU: columns beside what was measured.

The tile is that of the kernel which serves the group's baseline, by its name. Where no kernel's name is known, one that
is typical of half precision is assumed, in half precision alone, and said to be. Nothing is predicted where names are
known and none tells a tile, where the baseline's kernels cut the inner dimension, of stacks (a library may make one
product of them or several), and of operands stored otherwise than the baseline's, which are another kernel's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bench import waves
from bench.waves import TYPICAL_TILE, Tile

__all__ = ["ASSUMED", "COLUMNS", "KERNEL", "add"]

Row = dict[str, Any]

COLUMNS = ("predicted_low", "predicted_high", "tile", "tile_source")
KERNEL, ASSUMED = "kernel", "assumed"
STUDY = "alignment"
HALF = ("bfloat16", "float16")
MULTIPROCESSORS = "gpu0_multiprocessors"  # as bench/libraries/torch.py names the fact; cases run on the first GPU


def add(compared: Iterable[Row], cases: Iterable[Row], facts: Mapping[str, Any]) -> None:
    """Give every comparison ``predicted_low``, ``predicted_high``, ``tile`` and ``tile_source``; None on a CPU.

    The first two are the time per FLOP over the baseline's, smaller and larger where it matters which side of the tile
    lies along the rows, else alike; ``tile_source`` is KERNEL or ASSUMED.

    Args:
        compared: The rows of ``comparisons`` in the summary.
        cases: Those of ``cases``; ``kernels`` has the names of a step's kernels, where they are known.
        facts: Those of the machine.
    """
    multiprocessors = _multiprocessors(facts)
    bases = {(row["study"], row["group"]): row for row in cases if row["case"] == row["baseline"]}
    for row in compared:
        row.update(dict.fromkeys(COLUMNS))
        base = bases.get((row["study"], row["group"]))
        if base is not None and multiprocessors and _is_alike(row, base):
            row.update(_predicted(row, base, multiprocessors))


def _multiprocessors(facts: Mapping[str, Any]) -> int | None:
    """Return the multiprocessors of the GPU, as whichever framework was asked tells; None where none does."""
    told = ((found.get(MULTIPROCESSORS) or {}).get("value") for found in facts.values())
    return next((int(value) for value in told if value), None)


def _is_alike(row: Row, base: Row) -> bool:
    """Whether a case and its baseline are products of one matrix on a GPU that may differ in their sizes alone."""
    single = all(one["n"] is not None and one["stack"] == 1 and one["device"] == "cuda" for one in (row, base))
    same = all(row[name] == base[name] for name in ("provider", "dtype", "layout"))
    return single and same and row["study"] == STUDY and not row["control"]


def _predicted(row: Row, base: Row, multiprocessors: int) -> Row:
    tile, source = _tile(base)
    if tile is None:
        return {}
    sizes, base_sizes = ((one["m"], one["k"], one["n"]) for one in (row, base))
    ratios = [
        waves.time_ratio(sizes, base_sizes, either, multiprocessors, per_flop=True)
        for either in (tile, Tile(tile.columns, tile.rows))
    ]
    values = min(ratios), max(ratios), f"{tile.rows}x{tile.columns}", source
    return dict(zip(COLUMNS, values, strict=True))


def _tile(base: Row) -> tuple[Tile | None, str]:
    """Return the tile of a baseline's kernel and where it is from; None where there is none to go by."""
    kernels = base.get("kernels") or []
    if not kernels:
        return (TYPICAL_TILE if base["dtype"] in HALF else None), ASSUMED
    if any(map(waves.cuts_inner_dimension, kernels)):
        return None, KERNEL
    return next(filter(None, map(waves.tile_of, kernels)), None), KERNEL
