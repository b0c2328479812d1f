"""What is torch's own; what all implementations share is tested in ``tests/frameworks``."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bench.equality import check
from mlp_impls import Shape, initial_weights

torch = pytest.importorskip("torch")

from mlp_impls import torch_concise, torch_manual, torch_scratch  # noqa: E402

SHAPE = Shape(9, (8,), 4)


def test_a_float16_loss_summed_in_float16_does_not_overflow_in_the_check():
    """torch's own loss does so on a CPU: 256 losses of 1e4 are more than float16 holds."""
    settings = {"dtype": "float16", "device": "cpu", "batch": 256, "learning_rate": 0.1, "seed": 0}
    found = check(torch_concise, {}, shape=Shape(784, (), 10), **settings)
    assert found.equal, found


@pytest.mark.parametrize("module", [torch_scratch, torch_manual, torch_concise])
def test_the_loss_of_a_step_is_detached(module):
    settings = {"learning_rate": 0.1, "loss_divisor": None, "device": "cpu", "dtype": "float32"}
    model = module.build(SHAPE, initial_weights(SHAPE, 0), **settings)
    loss = model.train_step(model.place(np.zeros((8, 9), np.float32), np.zeros(8, np.int64)))
    assert not loss.requires_grad


@pytest.fixture
def compiled():
    module = importlib.import_module("mlp_impls.torch_compile")
    module._compiler.cache_clear()
    yield module
    module._compiler.cache_clear()


@pytest.mark.parametrize("named", ["false", "no-such-compiler"])
def test_a_compiler_named_in_cxx_that_does_not_run_is_the_reason(compiled, monkeypatch, named):
    monkeypatch.setenv("CXX", named)
    assert f"CXX={named} does not run" in compiled.unsupported("cpu", "float32")


def test_no_compiler_on_the_path_is_the_reason(compiled, monkeypatch, tmp_path):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "none of g++, clang++ and c++ runs" in compiled.unsupported("cpu", "float32")


def test_missing_headers_of_python_are_the_reason(compiled, monkeypatch, tmp_path):
    monkeypatch.setattr(compiled, "_compiler", lambda: "g++")
    monkeypatch.setattr(compiled.sysconfig, "get_path", lambda name: str(tmp_path))
    assert "Python.h" in compiled.unsupported("cpu", "float32")


def test_a_compiler_other_than_the_usual_one_is_what_torch_is_told_to_use(compiled, monkeypatch, tmp_path):
    other = Path(tmp_path, "clang++" if sys.platform != "darwin" else "g++")
    other.write_text("#!/bin/sh\nexit 0\n")
    other.chmod(0o755)
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    told = SimpleNamespace(cpp=SimpleNamespace(cxx=None))
    monkeypatch.setattr("torch._inductor.config", told)
    compiled._use_compiler()
    assert told.cpp.cxx == (None, other.name)


def test_many_batch_sizes_do_not_reach_the_limit_of_recompilations(compiled):
    """Each batch size has code of its own, where torch would give up at the ninth of one function."""
    steps = [compiled._compiled(SHAPE, None, "cpu", torch.float32, batch, "default") for batch in range(1, 12)]
    originals = {id(step._torchdynamo_orig_callable.__code__) for step in steps}
    assert len(originals) == len(steps)


def test_what_a_captured_step_changes_is_read_where_it_lies(compiled, monkeypatch):
    """Or torch would capture nothing: on CUDA it does not where a step changes what it copies."""
    from torch._dynamo.backends.common import aot_autograd
    from torch._guards import TracingContext

    found = []

    def keep(graph, inputs):
        found.append(TracingContext.get().fw_metadata)
        return graph

    original, backend = torch.compile, aot_autograd(fw_compiler=keep, inference_compiler=keep)
    monkeypatch.setattr(torch, "compile", lambda step, mode, **rest: original(step, backend=backend, **rest))
    compiled._compiled.cache_clear()
    settings = {"learning_rate": 0.1, "loss_divisor": None, "device": "cpu", "dtype": "float32"}
    model = compiled.build(SHAPE, initial_weights(SHAPE, 0), **settings, mode="reduce-overhead")
    model.train_step(model.place(np.zeros((8, 9), np.float32), np.zeros(8, np.int64)))
    compiled._compiled.cache_clear()
    (step,) = found
    changed = {index for index, given in enumerate(step.input_info) if given.mutates_data}
    assert len(changed) == len(initial_weights(SHAPE, 0))
    assert changed < set(step.static_input_indices), "the learning rate is one of them as well"
