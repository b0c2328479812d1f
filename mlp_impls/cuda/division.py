"""How ``triton_fused`` lays a network out in memory, and how it divides a batch among programs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from torch import Tensor

from mlp_impls import Shape

__all__ = ["Layout", "Plan", "too_wide"]

WIDEST, WIDEST_TOGETHER, MOST_OUTPUTS = 256, 512, 64  # what registers hold for a block of examples
SMALLEST = 16  # side of a product
WIDE = 128  # units: of wider layers, W1 comes to programs in parts
CHUNK, MOST = 64, 128  # what a product sums over at a time: inputs or examples; units of a layer
IN_REGISTERS = 32  # either, for float32: where no tensor cores multiply, threads hold all factors of a product
SHORT_CHUNK = 16  # inputs: makes shares of them more equal, and where W1 is wide is enough to load at a time
SINGLE = 4  # bytes of float32
LONG, SHARE = 1024, 128  # examples: of a batch that is shared out for the gradient of W1, and of a share at least
TILES = ((64, 64), (64, 32), (64, 16), (32, 64), (32, 32), (32, 16), (16, 32), (16, 16))  # inputs and columns of W1
PRODUCT = (32, 128)  # examples and columns of W1 that a program has at a time where these come in parts
FEW, LARGEST_BLOCK = 4, 64  # examples of a block: at most where they are handled one by one; at most otherwise
BLOCK_BYTES = 24576  # of all hidden layers' values for a block of examples
PIECE, SHORT_PIECE = 256, 64  # parameters; the shorter where many blocks have gradients of them
WARP_BYTES = 512  # of one layer's for each warp; compiled for capability 9.0, registers then hold nearly all


def too_wide(shape: Shape) -> str | None:
    """Return why a network does not fit on chip, or None."""
    widest = max(shape.hidden, default=0)
    together = padded(max(1, widest)) * len(shape.hidden)
    if widest > WIDEST:
        return f"triton_fused keeps a hidden layer of at most {WIDEST} on chip, not {widest}"
    if widest > WIDE and len(shape.hidden) > 1:
        return f"triton_fused keeps several hidden layers of at most {WIDE} each on chip, not {widest}"
    if together > WIDEST_TOGETHER:
        return f"triton_fused keeps at most {WIDEST_TOGETHER} hidden units on chip, not {together}"
    if shape.outputs > MOST_OUTPUTS:
        return f"triton_fused keeps at most {MOST_OUTPUTS} outputs on chip, not {shape.outputs}"
    return None


def padded(size: int) -> int:
    """Return the least power of two that holds so many, at least the side of a product."""
    return max(SMALLEST, 1 << (size - 1).bit_length())


@dataclass(frozen=True)
class Layout:
    """Parameters end to end, W1, b1, W2, b2, ..., each padded; all hidden layers are as wide as the widest.

    Each takes ``item_size`` bytes.
    """

    shape: Shape
    item_size: int

    @cached_property
    def width(self) -> int:
        """Units of each hidden layer."""
        return padded(max(self.shape.hidden, default=1))

    @cached_property
    def classes(self) -> int:
        """Units of the last layer."""
        return padded(self.shape.outputs)

    @cached_property
    def columns(self) -> int:
        """Units of the first layer."""
        return self.width if self.shape.hidden else self.classes

    @cached_property
    def chunk(self) -> int:
        """Inputs, or examples, that a product sums over at a time."""
        return min(IN_REGISTERS if self.item_size == SINGLE else CHUNK, padded(self.shape.inputs))

    @cached_property
    def inputs(self) -> int:
        """Rows of W1: whole chunks."""
        return math.ceil(self.shape.inputs / self.chunk) * self.chunk

    @cached_property
    def shapes(self) -> list[tuple[int, ...]]:
        """Those of W1, b1, W2, b2, ..."""
        return _shapes((self.inputs, *[self.width] * len(self.shape.hidden), self.classes))

    @cached_property
    def first(self) -> int:
        """The size of W1."""
        return self.inputs * self.columns

    @cached_property
    def rest(self) -> int:
        """The size of all parameters but W1."""
        return sum(map(math.prod, self.shapes)) - self.first

    def views(self, parameters: Tensor) -> list[Tensor]:
        """Return W1, b1, W2, b2, ... without their padding, as views of all parameters."""
        parts = zip(
            parameters.split([*map(math.prod, self.shapes)]), self.shapes, _shapes(self.shape.sizes), strict=True
        )
        return [part.view(shape)[tuple(map(slice, without))] for part, shape, without in parts]


def _shapes(sizes: tuple[int, ...]) -> list[tuple[int, ...]]:
    return [shape for pair in pairwise(sizes) for shape in (pair, pair[1:])]


@dataclass(frozen=True)
class Plan:
    """How a batch is divided.

    Attributes:
        product: Examples and columns of W1 that a program of ``first_products`` has.
        chunk: Inputs that it sums over at a time.
        each: Inputs that it has.
        input_shares: How many of these programs share the inputs out; 0 where ``examples`` does their work.
        block: Examples of a program of ``examples``.
        blocks: How many of these programs there are.
        warps: Warps of each.
        most_units: Units of a layer that a product in it sums over at a time.
        piece: Parameters other than W1 that a program of ``update`` has.
        tile: Inputs and columns of W1 that a program of ``update`` has.
        tiles: How many of these W1 has.
        batch_shares: Into how many shares the batch is divided for each tile.
    """

    product: tuple[int, int]
    chunk: int
    each: int
    input_shares: int
    block: int
    blocks: int
    warps: int
    most_units: int
    piece: int
    tile: tuple[int, int]
    tiles: int
    batch_shares: int

    @classmethod
    def make(cls, batch: int, layout: Layout, multiprocessors: int) -> Plan:
        """Return the one with the largest parts that leave no multiprocessor idle, as far as there are enough."""
        depth, per_example = len(layout.shape.hidden), layout.columns * layout.item_size
        on_tensor_cores, wide = layout.item_size < SINGLE, layout.columns > WIDE
        block, most = SMALLEST, BLOCK_BYTES // (per_example * max(1, depth))
        while 2 * block <= min(batch // multiprocessors, most, LARGEST_BLOCK):
            block *= 2
        product = PRODUCT if wide else (block, layout.columns)
        chunk = layout.chunk if on_tensor_cores or not wide else min(layout.chunk, SHORT_CHUNK)
        products = math.ceil(batch / product[0]) * (layout.columns // product[1])
        each, shares = _shares(math.ceil(layout.shape.inputs / chunk), multiprocessors // products)
        one_by_one = False
        if depth == 1 and shares > 1 and not on_tensor_cores:  # gradients of more layers are too many for small blocks
            few = 1 << (math.ceil(batch / multiprocessors) - 1).bit_length()
            one_by_one, block = few <= FEW, few if few <= FEW else block
        most_units = WIDEST if one_by_one else IN_REGISTERS if layout.item_size == SINGLE else MOST
        warps = max(4, min(16, block * per_example // WARP_BYTES))
        tile, tiles = _tile(batch, layout, multiprocessors)
        batch_shares = min(batch // SHARE, math.ceil(2 * multiprocessors / tiles)) if batch >= LONG else 1
        return cls(
            product, chunk, each * chunk, shares if shares > 1 else 0, block, math.ceil(batch / block), warps,
            most_units, SHORT_PIECE if one_by_one else PIECE, tile, tiles, batch_shares,
        )  # fmt: skip


def _shares(chunks: int, most: int) -> tuple[int, int]:
    """Return how many chunks each share has, and how many shares there are: at most so many, but one."""
    each = math.ceil(chunks / max(1, min(chunks, most)))
    return each, math.ceil(chunks / each)


def _tile(batch: int, layout: Layout, multiprocessors: int) -> tuple[tuple[int, int], int]:
    """Return the tile of W1, and how many there are: the largest, unless a short batch leaves too few of it.

    Of a wide W1 three quarters of the multiprocessors are enough: half the size would take them two turns.
    """
    least = multiprocessors * 3 // 4 if layout.columns > WIDE else multiprocessors
    fitting = [tile for tile in TILES if layout.inputs % tile[0] == layout.columns % tile[1] == 0]
    counts = [(tile, layout.first // math.prod(tile)) for tile in fitting]
    return next((one for one in counts if batch >= LONG or one[1] >= least), counts[-1])
