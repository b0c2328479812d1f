"""The Triton kernels of ``triton_fused``; without Triton they are functions that cannot be called.

Images are (batch, inputs), row by row, and labels (batch,). Parameters are W1, b1, W2, b2, ... end to end, each matrix
(rows, columns) padded to sides that are powers of two, W1 to ``padded`` rows, a multiple of ``chunk``. Gradients of all
parameters but W1 lie in the same order. Sums are of the dtype ``exact``. What calls itself does so with other
constants, for each of which it is compiled.
"""

from __future__ import annotations

from mlp_impls.cuda.dots import INSTALLED, INTERPRETED, accumulator, dot, halves, jit

try:
    import triton.language as tl
except ImportError:  # as with torch for the CPU alone
    tl = None

__all__ = ["INSTALLED", "INTERPRETED", "accumulator", "examples", "first_products", "sum_up", "update"]


@jit
def _product(
    images: tl.tensor, weights: tl.tensor, rows: tl.tensor, batch: tl.tensor, start: tl.tensor, stop: tl.tensor,
    inputs: tl.constexpr, chunk: tl.constexpr, block: tl.constexpr, taken: tl.constexpr, columns: tl.constexpr,
    exact: tl.constexpr,
) -> tl.tensor:  # fmt: skip
    """Return images @ W1, (block, taken), over the inputs from start to stop; ``weights`` points to W1's columns."""
    column = tl.arange(0, taken)
    total = tl.zeros((block, taken), exact)
    for first in range(start, stop, chunk):
        pixel = first + tl.arange(0, chunk)
        inside = (rows[:, None] < batch) & (pixel[None, :] < inputs)
        values = tl.load(images + rows[:, None] * inputs + pixel[None, :], mask=inside, other=0.0)
        matrix = tl.load(weights + pixel[:, None] * columns + column[None, :])
        total = dot(values, matrix, total, exact)
    return total


@jit
def first_products(
    images: tl.tensor, parameters: tl.tensor, products: tl.tensor, batch: tl.tensor,
    inputs: tl.constexpr, chunk: tl.constexpr, block: tl.constexpr, taken: tl.constexpr, columns: tl.constexpr,
    each: tl.constexpr, shares: tl.constexpr, exact: tl.constexpr,
) -> None:  # fmt: skip
    """Write the products of each share of the inputs, (padded batch, shares, columns), ``taken`` columns at a time."""
    share = tl.program_id(1)
    rows = tl.program_id(0) * block + tl.arange(0, block)
    start, stop = share * each, tl.minimum((share + 1) * each, inputs)
    weights = parameters + tl.program_id(2) * taken
    total = _product(images, weights, rows, batch, start, stop, inputs, chunk, block, taken, columns, exact)
    column = tl.program_id(2) * taken + tl.arange(0, taken)
    tl.store(products + (rows * shares + share)[:, None] * columns + column[None, :], total)


@jit
def _loss(logits: tl.tensor, labels: tl.tensor, outputs: tl.constexpr, classes: tl.constexpr) -> tl.tensor:
    """Return each example's loss, (block,), and its gradient at the logits, (block, classes)."""
    output = tl.arange(0, classes)
    shifted = tl.where(output[None, :] < outputs, logits, float("-inf"))
    shifted -= tl.max(shifted, axis=1)[:, None]
    powers = tl.exp(shifted)
    total = tl.sum(powers, axis=1)
    right = output[None, :] == labels[:, None]
    losses = tl.log(total) - tl.sum(tl.where(right, shifted, 0.0), axis=1)
    return losses, powers / total[:, None] - tl.where(right, 1.0, 0.0)


@jit
def _forward(
    values: tl.tensor, matrix: tl.tensor, total: tl.tensor, most: tl.constexpr, exact: tl.constexpr
) -> tl.tensor:
    """Return total + values @ W, of the W, (columns of values, columns of total), that ``matrix`` points to.

    Here and below, no more than ``most`` columns of what comes first are taken at a time.
    """
    rows: tl.constexpr = values.shape[1]
    columns: tl.constexpr = total.shape[1]
    if rows > most:
        left, right = halves(values)
        total = _forward(left, matrix, total, most, exact)
        total = _forward(right, matrix + rows // 2 * columns, total, most, exact)
    else:
        cell = tl.arange(0, rows)[:, None] * columns + tl.arange(0, columns)[None, :]
        total = dot(values, tl.load(matrix + cell), total, exact)
    return total


@jit
def _backward(
    delta: tl.tensor, matrix: tl.tensor, total: tl.tensor,
    stride: tl.constexpr, most: tl.constexpr, exact: tl.constexpr,
) -> tl.tensor:  # fmt: skip
    """Return total + delta @ W^T, of the W, (columns of total, columns of delta), that ``matrix`` points to."""
    columns: tl.constexpr = delta.shape[1]
    if columns > most:
        left, right = halves(delta)
        total = _backward(left, matrix, total, stride, most, exact)
        total = _backward(right, matrix + columns // 2, total, stride, most, exact)
    else:
        cell = tl.arange(0, total.shape[1])[:, None] * stride + tl.arange(0, columns)[None, :]
        total = dot(delta, tl.trans(tl.load(matrix + cell)), total, exact)
    return total


@jit
def _gradient(
    values: tl.tensor, delta: tl.tensor, gradient: tl.tensor, most: tl.constexpr, exact: tl.constexpr
) -> None:
    """Write values^T @ delta, (columns of values, columns of delta)."""
    rows: tl.constexpr = values.shape[1]
    columns: tl.constexpr = delta.shape[1]
    if rows > most:
        left, right = halves(values)
        _gradient(left, delta, gradient, most, exact)
        _gradient(right, delta, gradient + rows // 2 * columns, most, exact)
    else:
        cell = tl.arange(0, rows)[:, None] * columns + tl.arange(0, columns)[None, :]
        tl.store(gradient + cell, dot(tl.trans(values), delta, tl.zeros((rows, columns), exact), exact))


@jit
def _layers(
    values: tl.tensor, labels: tl.tensor, inside: tl.tensor, parameters: tl.tensor, gradients: tl.tensor,
    layer: tl.constexpr, most: tl.constexpr, depth: tl.constexpr, classes: tl.constexpr, outputs: tl.constexpr,
    exact: tl.constexpr,
) -> tl.tensor:  # fmt: skip
    """Return the losses, (block,), of what a layer gives before its ReLU, and their gradient at it, (block, width).

    Calls itself for the next layer, to whose W and b ``parameters`` points, and on the way back writes their gradients.
    """
    if layer == depth:
        losses, delta = _loss(values, labels, outputs, classes)
        losses = tl.where(inside, losses, 0.0)
        delta = tl.where(inside[:, None], delta, 0.0)
    else:
        kind: tl.constexpr = parameters.dtype.element_ty
        block: tl.constexpr = values.shape[0]
        width: tl.constexpr = values.shape[1]
        columns: tl.constexpr = classes if layer == depth - 1 else width
        column = tl.arange(0, columns)
        active = tl.maximum(values, 0.0).to(kind)
        above = _forward(active, parameters, tl.zeros((block, columns), exact), most, exact)
        above += tl.load(parameters + width * columns + column)[None, :]
        size: tl.constexpr = (width + 1) * columns
        losses, upper = _layers(
            above, labels, inside, parameters + size, gradients + size,
            layer + 1, most, depth, classes, outputs, exact,
        )  # fmt: skip
        tl.store(gradients + width * columns + column, tl.sum(upper, axis=0))
        upper = upper.to(kind)
        _gradient(active, upper, gradients, most, exact)
        delta = _backward(upper, parameters, tl.zeros((block, width), exact), columns, most, exact)
        delta = tl.where(active > 0, delta, 0.0)
    return losses, delta


@jit
def examples(
    images: tl.tensor, labels: tl.tensor, parameters: tl.tensor, products: tl.tensor, deltas: tl.tensor,
    gradients: tl.tensor, losses: tl.tensor, batch: tl.tensor,
    inputs: tl.constexpr, padded: tl.constexpr, chunk: tl.constexpr, block: tl.constexpr, columns: tl.constexpr,
    shares: tl.constexpr, most: tl.constexpr, depth: tl.constexpr, classes: tl.constexpr, outputs: tl.constexpr,
    rest: tl.constexpr, exact: tl.constexpr,
) -> None:  # fmt: skip
    """Write a block's gradient at the first layer, its gradients of all parameters but W1, and its summed loss."""
    program = tl.program_id(0)
    rows = program * block + tl.arange(0, block)
    column = tl.arange(0, columns)
    at = rows[:, None] * columns + column[None, :]
    if shares == 0:
        values = _product(images, parameters, rows, batch, 0, padded, inputs, chunk, block, columns, columns, exact)
    else:
        values = tl.zeros((block, columns), exact)
        for share in range(shares):
            values += tl.load(products + (rows * shares + share)[:, None] * columns + column[None, :])
    values += tl.load(parameters + padded * columns + column)[None, :]
    inside = rows < batch
    label = tl.load(labels + rows, mask=inside, other=0)
    gradients += program * rest
    total, delta = _layers(
        values, label, inside, parameters + (padded + 1) * columns, gradients + columns,
        0, most, depth, classes, outputs, exact,
    )  # fmt: skip
    tl.store(gradients + column, tl.sum(delta, axis=0))
    tl.store(deltas + at, delta.to(deltas.dtype.element_ty))
    tl.store(losses + program, tl.sum(total))


@jit
def _descend(
    parameters: tl.tensor, gradients: tl.tensor, settings: tl.tensor, piece: tl.tensor, parts: tl.tensor,
    count: tl.constexpr, size: tl.constexpr, exact: tl.constexpr,
) -> None:  # fmt: skip
    """Update a piece of some parameters by their gradients, (parts, count), summed over the parts."""
    index = piece * size + tl.arange(0, size)
    inside = index < count
    total = tl.zeros((size,), exact)
    some_parts: tl.constexpr = 4096 // size  # 32 values for each thread
    for first in range(0, parts, some_parts):
        part = first + tl.arange(0, some_parts)
        some = (part[:, None] < parts) & inside[None, :]
        total += tl.sum(tl.load(gradients + part[:, None] * count + index[None, :], mask=some, other=0.0), axis=0)
    before = tl.load(parameters + index, mask=inside, other=0.0).to(exact)
    after = before - tl.load(settings) * total
    tl.store(parameters + index, after.to(parameters.dtype.element_ty), mask=inside)


@jit
def update(
    images: tl.tensor, deltas: tl.tensor, parameters: tl.tensor, firsts: tl.tensor, gradients: tl.tensor,
    losses: tl.tensor, loss: tl.tensor, settings: tl.tensor, batch: tl.tensor, blocks: tl.tensor,
    inputs: tl.constexpr, padded: tl.constexpr, columns: tl.constexpr, tile_inputs: tl.constexpr,
    tile_columns: tl.constexpr, rows: tl.constexpr, shares: tl.constexpr, most_blocks: tl.constexpr,
    rest: tl.constexpr, size: tl.constexpr, exact: tl.constexpr,
) -> None:  # fmt: skip
    """Update a tile of W1, or write its gradient over a share of the batch, (shares, padded, columns); write the loss.

    Programs beyond those tiles update the other parameters.
    """
    program = tl.program_id(0)
    across: tl.constexpr = columns // tile_columns
    tiles: tl.constexpr = padded // tile_inputs * across
    if program == 0:
        block = tl.arange(0, most_blocks)
        total = tl.sum(tl.load(losses + block, mask=block < blocks, other=0.0))
        tl.store(loss, (total / tl.load(settings + 1)).to(loss.dtype.element_ty))
    if program >= tiles * shares:
        _descend(
            parameters + padded * columns, gradients, settings, program - tiles * shares, blocks, rest, size, exact
        )
    else:
        tile, share = program % tiles, program // tiles
        pixel = tile // across * tile_inputs + tl.arange(0, tile_inputs)
        column = tile % across * tile_columns + tl.arange(0, tile_columns)
        each = tl.cdiv(tl.cdiv(batch, rows), shares) * rows
        gradient = tl.zeros((tile_inputs, tile_columns), exact)
        for first in range(share * each, tl.minimum((share + 1) * each, batch), rows):
            row = first + tl.arange(0, rows)
            inside = (row[:, None] < batch) & (pixel[None, :] < inputs)
            values = tl.load(images + row[:, None] * inputs + pixel[None, :], mask=inside, other=0.0)
            delta = tl.load(deltas + row[:, None] * columns + column[None, :], mask=row[:, None] < batch, other=0.0)
            gradient = dot(tl.trans(values), delta, gradient, exact)
        at = pixel[:, None] * columns + column[None, :]
        if shares == 1:
            after = tl.load(parameters + at).to(exact) - tl.load(settings) * gradient
            tl.store(parameters + at, after.to(parameters.dtype.element_ty))
        else:
            tl.store(firsts + share * padded * columns + at, gradient)


@jit
def sum_up(
    parameters: tl.tensor, firsts: tl.tensor, gradients: tl.tensor, settings: tl.tensor, blocks: tl.tensor,
    first: tl.constexpr, rest: tl.constexpr, shares: tl.constexpr, size: tl.constexpr, exact: tl.constexpr,
) -> None:  # fmt: skip
    """Update all parameters: the ``first``, W1's, by their gradients over each share, the ``rest`` by each block's."""
    program = tl.program_id(0)
    pieces: tl.constexpr = (first + size - 1) // size
    if program < pieces:
        _descend(parameters, firsts, settings, program, shares, first, size, exact)
    else:
        _descend(parameters + first, gradients, settings, program - pieces, blocks, rest, size, exact)
