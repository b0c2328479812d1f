"""Tiles and waves: how the size of a product on a GPU may cost what its arithmetic does not.

A kernel cuts the result into tiles, all of which take as long, and gives one to each multiprocessor at a time: a wave.
Edges take whole tiles (tile quantisation), and the last wave as long as a full one (wave quantisation): NVIDIA, "Matrix
Multiplication Background User's Guide" (DU-09799-001, 2023), chapter 3. In its example the 108 multiprocessors of an
A100 take a tile of 256 x 128 each, so that a result of 2304 x 1536 is exactly one wave, and one column more makes two.

Not in the model: kernels that cut the inner dimension (split-K, stream-K), that keep several tiles on a multiprocessor,
or whose multiprocessors fetch the next tile by themselves at unlike speeds. What it says is a prediction, to be held
against a measurement of the same kernel.

Which tile a kernel has is read off its name. How cuBLAS names its kernels is not documented (NVIDIA says so in
NVIDIA/TensorRT-LLM#1541), nor which side of the tile lies along the rows of a row-major result: for unlike sides, try
both. ``bench/predictions.py`` gives comparisons what is predicted of them.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

__all__ = ["TYPICAL_TILE", "Tile", "Waves", "count", "cuts_inner_dimension", "tile_of", "time_ratio"]


class Tile(NamedTuple):
    """What one block of threads computes of the result, in rows and columns, or in the order of a kernel's name."""

    rows: int
    columns: int


class Waves(NamedTuple):
    """How many tiles and waves a result takes; the share of each wave's tiles, and of the tiles' elements, in use."""

    tiles: int
    waves: int
    wave_efficiency: float
    tile_efficiency: float

    @property
    def efficiency(self) -> float:
        """The share of what the multiprocessors compute, or wait for, that is part of the result."""
        return self.wave_efficiency * self.tile_efficiency


TYPICAL_TILE = Tile(128, 256)  # of large products of half precision on Hopper, where no kernel's name is known
SIZE = r"(\d+)x(\d+)"
NAMES = (
    re.compile(rf"_tilesize{SIZE}x\d+"),  # sm90_xmma_gemm_..._tilesize128x128x64_...
    re.compile(rf"nvjet_(?:sm\d+_)?[a-z]+_{SIZE}_{SIZE}_"),  # nvjet_hsh_128x256_64x4_2x1_...: tile, depth x stages
    re.compile(rf"gemm_(?:[a-z0-9]+_)*?{SIZE}(?:x\d+)?_"),  # CUTLASS and older: ..._s16816gemm_bf16_128x128_32x4_nn_...
)
CUT = re.compile(r"split_?k|stream_?k", re.IGNORECASE)  # ..._splitK_NNT, splitKreduce_kernel, StreamK


def count(m: int, n: int, tile: Tile, multiprocessors: int, stack: int = 1) -> Waves:
    """Return the tiles and waves of a stack of (m, n) results.

    Raises:
        ValueError: A size is not positive.
    """
    if min(m, n, stack, multiprocessors, *tile) < 1:
        raise ValueError("sizes, tile and multiprocessors: expected positive integers")
    tiles = stack * math.ceil(m / tile.rows) * math.ceil(n / tile.columns)
    waves = math.ceil(tiles / multiprocessors)
    return Waves(tiles, waves, tiles / (waves * multiprocessors), stack * m * n / (tiles * tile.rows * tile.columns))


def time_ratio(
    case: tuple[int, int, int], baseline: tuple[int, int, int], tile: Tile, multiprocessors: int, *, per_flop: bool
) -> float:
    """Return the time of one (m, k, n) product over another's, as waves and the inner dimension alone predict it.

    Both in the same kernel. ``per_flop`` as products of unlike size are compared, else per product.
    """
    times = [count(m, n, tile, multiprocessors).waves * k for m, k, n in (case, baseline)]
    ratio = times[0] / times[1]
    return ratio * math.prod(baseline) / math.prod(case) if per_flop else ratio


def tile_of(kernel: str) -> Tile | None:
    """Return the tile in a kernel's name, its sides in the order of the name; None where it tells none."""
    for pattern in NAMES:
        found = pattern.search(kernel)
        if found and int(found[1]) and int(found[2]):
            return Tile(int(found[1]), int(found[2]))
    return None


def cuts_inner_dimension(kernel: str) -> bool:
    """Return whether a kernel says by its name that it cuts the inner dimension, or adds up what another one cut."""
    return CUT.search(kernel) is not None
