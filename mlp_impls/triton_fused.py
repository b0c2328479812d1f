"""Narrow networks in three Triton kernels a step: activations stay on chip, whatever the depth.

1. ``first_products``: images, in chunks, times W1, which streams from the L2. Only where the batch has too few blocks
   of examples for all multiprocessors, which then share the chunks out; else it is part of the next.
2. ``examples``: for each block of examples, the further layers forward, the loss, and all layers backward. What leaves
   the chip is the gradient at the first layer, and for each block those of all parameters but W1. Where threads
   multiply (float32), and one hidden layer has a short batch, blocks are so small that each multiprocessor has one.
3. ``update``: the gradient of W1, tile by tile, from the images and what 2 left; then the update of all parameters.
   A long batch is shared out here too, and the updates are then a kernel of their own, ``sum_up``.

Uses no atomics: all sums have a fixed order, and a step can be repeated bit for bit. Products of float32 are those of
IEEE float32; gradients, sums and the loss are float32 for half types too. float64 is for Triton's interpreter
(``TRITON_INTERPRET=1``), which runs on the CPU, for checking only. On CUDA the step is captured as that of
``torch_cudagraph`` is, so that the two differ in their kernels.

Refused are a hidden layer wider than 256, several of which one is wider than 128, or wider than 512 all together, and
more than 64 outputs, counted as padded to powers of two from 16 on; the padding is of zeros, which every step leaves
zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlp_impls import Model, Shape
from mlp_impls.cuda import kernels
from mlp_impls.cuda.compilers import without_compiler
from mlp_impls.cuda.division import Layout, Plan, too_wide
from mlp_impls.cuda.graphs import CudaGraphs, Uncaptured
from mlp_impls.cuda.model import DTYPES, Replayed, host
from mlp_impls.cuda.products import multiply_exactly
from mlp_impls.cuda.steps import Steps

__all__ = ["FRAMEWORK", "build", "unsupported"]

FRAMEWORK = "torch"
FUSED = {"enable_fp_fusion": True}  # multiply and add at once, which Triton is to leave off from 3.10 on unless asked
INTERPRETED = 4  # multiprocessors: fewer make larger parts, which take the interpreter less time


def unsupported(device: str, dtype: str, shape: Shape | None = None) -> str | None:
    """Return why it cannot run so here, or None."""
    if dtype not in DTYPES:
        return f"triton_fused has no {dtype}"
    if device not in ("cpu", "cuda"):
        return f"triton_fused has no device {device}"
    if not kernels.INSTALLED:
        return "Triton is not installed"
    reason = _not_on_cuda(dtype) if device == "cuda" else _not_interpreted(dtype)
    return reason or (too_wide(shape) if shape is not None else None)


def _not_on_cuda(dtype: str) -> str | None:
    if not torch.cuda.is_available():
        return "torch sees no CUDA device"
    if kernels.INTERPRETED:
        return "TRITON_INTERPRET is set, and triton_fused is interpreted on the CPU only"
    if dtype == "float64":
        return "triton_fused has float64 on the CPU only, interpreted"
    return without_compiler()


def _not_interpreted(dtype: str) -> str | None:
    if not kernels.INTERPRETED:
        return "triton_fused needs a CUDA device (TRITON_INTERPRET=1 has it interpreted, for checking only)"
    return "Triton's interpreter cuts bfloat16 off instead of rounding it" if dtype == "bfloat16" else None


class _Workspace:
    """What the kernels of a batch of one size write to, and how it is divided among their programs."""

    def __init__(self, batch: int, layout: Layout, like: Tensor, divisor: float, learning_rate: float) -> None:
        multiprocessors = INTERPRETED
        if like.is_cuda:
            multiprocessors = torch.cuda.get_device_properties(like.device).multi_processor_count
        self.plan = plan = Plan.make(batch, layout, multiprocessors)
        rows = math.ceil(batch / max(plan.product[0], plan.block)) * max(plan.product[0], plan.block)
        sums = torch.float64 if like.dtype is torch.float64 else torch.float32
        self.products = like.new_empty(rows, plan.input_shares, layout.columns, dtype=sums)
        self.deltas = like.new_empty(rows, layout.columns)
        self.firsts = like.new_empty(plan.batch_shares if plan.batch_shares > 1 else 0, layout.first, dtype=sums)
        self.gradients = like.new_empty(plan.blocks, layout.rest, dtype=sums)
        self.losses = like.new_empty(plan.blocks, dtype=sums)
        self.loss = like.new_empty(())
        # In memory, as a number given to a kernel is float32.
        self.settings = torch.tensor([learning_rate / divisor, divisor], dtype=sums, device=like.device)


class _Network:
    """Parameters, end to end, and a step that changes them."""

    def __init__(self, layout: Layout, parameters: Tensor, learning_rate: float, loss_divisor: float | None) -> None:
        self.parameters = parameters
        self.views = layout.views(parameters)
        self._layout = layout
        self._learning_rate = learning_rate
        self._loss_divisor = loss_divisor
        self._workspaces: dict[int, _Workspace] = {}
        self._exact = kernels.accumulator(parameters.dtype is torch.float64)

    def step(self, images: Tensor, labels: Tensor) -> Tensor:
        """Do one SGD step on images, (batch, inputs), and labels, (batch,); return the loss of this batch size."""
        layout, parameters, space = self._layout, self.parameters, self._workspace(len(labels))
        plan, batch, exact = space.plan, len(labels), self._exact
        if plan.input_shares:
            rows, columns = plan.product
            kernels.first_products[math.ceil(batch / rows), plan.input_shares, layout.columns // columns](
                images, parameters, space.products, batch, layout.shape.inputs, plan.chunk, rows, columns,
                layout.columns, plan.each, plan.input_shares, exact, **FUSED,
            )  # fmt: skip
        kernels.examples[(plan.blocks,)](
            images, labels, parameters, space.products, space.deltas, space.gradients, space.losses, batch,
            layout.shape.inputs, layout.inputs, layout.chunk, plan.block, layout.columns, plan.input_shares,
            plan.most_units, len(layout.shape.hidden), layout.classes, layout.shape.outputs, layout.rest, exact,
            num_warps=plan.warps, **FUSED,
        )  # fmt: skip
        pieces = math.ceil(layout.rest / plan.piece)
        shared = plan.batch_shares > 1
        kernels.update[(plan.tiles * plan.batch_shares + (0 if shared else pieces),)](
            images, space.deltas, parameters, space.firsts, space.gradients, space.losses, space.loss, space.settings,
            batch, plan.blocks, layout.shape.inputs, layout.inputs, layout.columns, *plan.tile, layout.chunk,
            plan.batch_shares, 1 << (plan.blocks - 1).bit_length(), layout.rest, plan.piece, exact, **FUSED,
        )  # fmt: skip
        if shared:
            kernels.sum_up[(math.ceil(layout.first / plan.piece) + pieces,)](
                parameters, space.firsts, space.gradients, space.settings, plan.blocks,
                layout.first, layout.rest, plan.batch_shares, plan.piece, exact, **FUSED,
            )  # fmt: skip
        return space.loss

    def _workspace(self, batch: int) -> _Workspace:
        space = self._workspaces.get(batch)
        if space is None:
            divisor = batch if self._loss_divisor is None else self._loss_divisor
            space = _Workspace(batch, self._layout, self.parameters, divisor, self._learning_rate)
            self._workspaces[batch] = space
        return space


class _FusedModel(Replayed):
    def __init__(self, network: _Network, steps: Steps) -> None:
        captured = network.parameters.is_cuda
        super().__init__(
            steps, network.parameters, "CUDA graph of Triton kernels, the whole step" if captured else "none"
        )
        self._network = network

    def predict(self, images: NDArray[np.float32]) -> NDArray[Any]:
        """Return the logits, (batch, outputs), by torch's products."""
        values, parameters = self._images(images), self._network.views
        for layer in range(0, len(parameters), 2):
            values = torch.addmm(parameters[layer + 1], values.relu() if layer else values, parameters[layer])
        return host(values)

    def weights(self) -> list[NDArray[Any]]:
        """Return copies of W1, b1, W2, b2, ..."""
        return [host(parameter) for parameter in self._network.views]


def build(
    shape: Shape,
    weights: Sequence[NDArray[np.float32]],
    *,
    learning_rate: float,
    loss_divisor: float | None,
    device: str,
    dtype: str,
) -> Model:
    """Return a model that starts from these weights; ``loss_divisor`` None is the batch's mean.

    Raises ValueError for a network that does not fit on chip.
    """
    if reason := too_wide(shape):
        raise ValueError(reason)
    multiply_exactly()  # for predictions
    layout = Layout(shape, DTYPES[dtype].itemsize)
    parameters = torch.zeros(layout.first + layout.rest, dtype=DTYPES[dtype], device=device)
    network = _Network(layout, parameters, learning_rate, loss_divisor)
    for view, values in zip(network.views, weights, strict=True):
        view.copy_(torch.tensor(values))
    graphs = CudaGraphs() if parameters.is_cuda else Uncaptured()
    return _FusedModel(network, Steps(network.step, [parameters], graphs))
