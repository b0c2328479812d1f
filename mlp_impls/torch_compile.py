"""The whole training step as one function compiled by ``torch.compile``.

Uses ``torch.func``: forward and loss through ``functional_call`` on the concise network's layers, their gradients by
``grad_and_value``, and the update in place, all in one graph. Uses neither ``loss.backward()`` nor an optimizer, which
would split the step, and no dynamic shapes: each batch size is compiled on its own. The learning rate is a tensor, so
that a model with another one needs no new code.

The variants are torch's other modes, for CUDA. With ``reduce-overhead`` torch captures CUDA graphs, which read the
parameters and the learning rate where they lie, and each batch from a copy, as what may change its place; each loss is
copied, as the next step overwrites it. With ``max-autotune`` torch tries out kernels as well.
"""

from __future__ import annotations

import functools
import os
import shlex
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch._inductor.compile_fx  # or the first compilation imports it
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value

from mlp_impls import Model, Shape
from mlp_impls.cuda.compilers import without_compiler
from mlp_impls.cuda.products import multiply_exactly

__all__ = ["FRAMEWORK", "VARIANTS", "build", "unsupported"]

FRAMEWORK = "torch"
VARIANTS = {"reduce_overhead": {"mode": "reduce-overhead"}, "max_autotune": {"mode": "max-autotune"}}
DTYPES = {name: getattr(torch, name) for name in ("float32", "float64", "bfloat16", "float16")}

Step = Callable[[dict[str, Tensor], Tensor, Tensor, Tensor], Tensor]
Batch = tuple[Step, Tensor, Tensor]


def unsupported(device: str, dtype: str, mode: str = "default") -> str | None:
    """Return why it cannot run so here, or None; compiling takes a C++ compiler (CPU) or Triton (CUDA)."""
    if dtype not in DTYPES:
        return f"torch_compile has no {dtype}"
    if device == "cuda":
        return _without_cuda()
    if device == "cpu" and mode != "default":
        return f"torch.compile's mode {mode} is for CUDA, whose graphs it captures"
    return _without_compiler() if device == "cpu" else f"torch_compile has no device {device}"


def _without_cuda() -> str | None:
    if not torch.cuda.is_available():
        return "torch sees no CUDA device"
    if find_spec("triton") is None:
        return "torch.compile needs Triton for CUDA, and it is not installed"
    return without_compiler()


def _without_compiler() -> str | None:
    if _compiler() is None:
        named = os.environ.get("CXX")
        tried = f"CXX={named} does not run" if named else "none of g++, clang++ and c++ runs"
        return f"torch.compile needs a C++ compiler, and {tried}: install one, or name it in CXX"
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        return "torch.compile needs Python.h, and it is not there: install Python's development files"
    return None


@functools.cache
def _compiler() -> str | None:
    """Return the C++ compiler to use: ``CXX`` alone where it is set, as for torch itself, else one that runs."""
    named = os.environ.get("CXX")
    usual = ("clang++", "g++") if sys.platform == "darwin" else ("g++", "clang++")
    for command in (named,) if named else (*usual, "c++"):
        try:
            subprocess.run([*shlex.split(command), "--version"], capture_output=True, check=True, timeout=60)
        except (OSError, ValueError, subprocess.SubprocessError):
            continue
        return command
    return None


def _use_compiler() -> None:
    """Have torch use the compiler found: left alone it knows one name only, g++ or, on macOS, clang++."""
    from torch._inductor import config  # heavy, and of no use where nothing is compiled

    if not os.environ.get("CXX"):
        config.cpp.cxx = (None, _compiler())


@functools.cache
def _network(shape: Shape, dtype: torch.dtype) -> nn.Sequential:
    """Return the layers without memory: every call brings its own parameters."""
    layers: list[nn.Module] = [nn.Flatten()]
    for rows, columns in zip(shape.sizes, shape.sizes[1:], strict=False):
        layers += [nn.Linear(rows, columns, device="meta", dtype=dtype), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


@functools.cache
def _compiled(shape: Shape, loss_divisor: float | None, device: str, dtype: torch.dtype, batch: int, mode: str) -> Step:
    """Return the step for one batch size; models of the same kind share it."""
    network = _network(shape, dtype)
    criterion = nn.CrossEntropyLoss(reduction="mean" if loss_divisor is None else "sum")

    def loss_of(parameters: dict[str, Tensor], images: Tensor, labels: Tensor) -> Tensor:
        loss: Tensor = criterion(functional_call(network, parameters, (images,)), labels)
        return loss if loss_divisor is None else loss / loss_divisor

    def step(parameters: dict[str, Tensor], learning_rate: Tensor, images: Tensor, labels: Tensor) -> Tensor:
        gradients, loss = grad_and_value(loss_of)(parameters, images, labels)
        for name, parameter in parameters.items():
            parameter.sub_(learning_rate * gradients[name])
        return loss

    # torch keeps what it compiled per code object, searches all of it at each call and gives up at eight: a code
    # object of its own leaves each step one entry.
    step.__code__ = step.__code__.replace()
    compiled: Step = torch.compile(step, fullgraph=True, dynamic=False, mode=mode)
    return compiled


class _CompiledModel:
    graph = "torch.compile of the whole step, a graph per batch size"

    def __init__(
        self, shape: Shape, parameters: dict[str, Tensor], learning_rate: float, loss_divisor: float | None, mode: str
    ) -> None:
        self._shape = shape
        self._parameters = parameters
        self._like = next(iter(parameters.values()))
        precise = torch.float64 if self._like.dtype is torch.float64 else torch.float32
        self._learning_rate = torch.tensor(learning_rate, dtype=precise, device=self._like.device)
        self._loss_divisor = loss_divisor
        self._mode = mode

    def place(self, images: NDArray[np.float32], labels: NDArray[np.int64]) -> Batch:
        """Return the step for this batch size, images, (batch, inputs), and labels, (batch,), on the device."""
        device, dtype = self._like.device, self._like.dtype
        step = _compiled(self._shape, self._loss_divisor, device.type, dtype, len(labels), self._mode)
        return step, self._images(images), torch.tensor(labels, dtype=torch.int64, device=device)

    def train_step(self, batch: Batch) -> Tensor:
        """Do one SGD step; return the loss as a tensor of no dimension. The first of a batch size compiles."""
        step, images, labels = batch
        return step(self._parameters, self._learning_rate, images, labels)

    def read(self, loss: Tensor) -> float:
        """Return the loss as a Python float; waits for the device."""
        return loss.item()

    @torch.no_grad()
    def predict(self, images: NDArray[np.float32]) -> NDArray[Any]:
        """Return the logits, (batch, outputs); not compiled."""
        network = _network(self._shape, self._like.dtype)
        return _host(functional_call(network, self._parameters, (self._images(images),)))

    def weights(self) -> list[NDArray[Any]]:
        """Return copies of W1, b1, W2, b2, ...; ``nn.Linear`` keeps W as (out, in)."""
        return [_host(values.T if values.ndim == 2 else values) for values in self._parameters.values()]

    def synchronize(self) -> None:
        """Return when the device has done all work handed to it."""
        if self._like.is_cuda:
            torch.cuda.synchronize(self._like.device)

    def _images(self, images: NDArray[np.float32]) -> Tensor:
        return torch.tensor(images, dtype=self._like.dtype, device=self._like.device)


class _CapturedModel(_CompiledModel):
    graph = "torch.compile of the whole step, which captures it in a CUDA graph per batch size"

    def __init__(self, *settings: Any) -> None:
        super().__init__(*settings)
        # Or torch would copy the learning rate, and capture nothing, as it does not where it changes what it copies.
        for tensor in (*self._parameters.values(), self._learning_rate):
            torch._dynamo.mark_static_address(tensor, guard=False)

    def train_step(self, batch: Batch) -> Tensor:
        """Do one SGD step; return the loss. The first steps on a batch size compile and capture."""
        torch.compiler.cudagraph_mark_step_begin()
        return super().train_step(batch).clone()


def _host(tensor: Tensor) -> NDArray[Any]:
    """Return a NumPy copy; NumPy has no bfloat16, which float32 holds exactly."""
    tensor = tensor.cpu()
    copy: NDArray[Any] = (tensor.float() if tensor.dtype is torch.bfloat16 else tensor).numpy().copy()
    return copy


def build(
    shape: Shape,
    weights: Sequence[NDArray[np.float32]],
    *,
    learning_rate: float,
    loss_divisor: float | None,
    device: str,
    dtype: str,
    mode: str = "default",
) -> Model:
    """Return a model that starts from these weights; ``loss_divisor`` None is the batch's mean."""
    multiply_exactly()
    if device == "cpu":
        _use_compiler()
    names = [name for name, _ in _network(shape, DTYPES[dtype]).named_parameters()]
    placed = [torch.tensor(np.ascontiguousarray(w.T), dtype=DTYPES[dtype], device=device) for w in weights]
    model = _CompiledModel if mode == "default" else _CapturedModel
    return model(shape, dict(zip(names, placed, strict=True)), learning_rate, loss_divisor, mode)
