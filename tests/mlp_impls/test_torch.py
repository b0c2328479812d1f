"""What the four implementations in torch share; that they are equal to the reference is in their equality check."""

from __future__ import annotations

import importlib
import sys
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bench.equality import check
from mlp_impls import Shape, initial_weights, numpy_scratch

torch = pytest.importorskip("torch")

EAGER = ("torch_scratch", "torch_manual", "torch_concise")
COMPILED = "torch_compile"
SHAPE = Shape(9, (8,), 4)


def module_of(name):
    module = importlib.import_module(f"mlp_impls.{name}")
    reason = module.unsupported("cpu", "float32")
    if reason is not None:
        pytest.skip(reason)
    return module


def built(module, weights, learning_rate=0.1, loss_divisor=None, dtype="float32", shape=SHAPE):
    return module.build(
        shape, weights, learning_rate=learning_rate, loss_divisor=loss_divisor, device="cpu", dtype=dtype
    )


def examples(batch, shape=SHAPE):
    generator = np.random.default_rng(3)
    images = generator.random((batch, shape.inputs), dtype=np.float32)
    return images, generator.integers(shape.outputs, size=batch)


@pytest.mark.parametrize(
    ("name", "dtype", "depth", "width"),
    [
        *product(EAGER, ("float32", "float64"), range(4), (1, 7)),
        (COMPILED, "float32", 0, 1),
        (COMPILED, "float32", 1, 7),
    ],
)
def test_equal_to_the_reference(name, dtype, depth, width):
    shape = Shape(64, (width,) * depth, 10)
    found = check(module_of(name), {}, shape=shape, dtype=dtype, device="cpu", batch=5, learning_rate=0.1, seed=depth)
    assert found.equal, found


@pytest.mark.parametrize(("name", "dtype"), list(product(EAGER, ("bfloat16", "float16"))))
def test_equal_to_the_reference_in_half_the_bits(name, dtype):
    shape = Shape(64, (16,), 10)
    found = check(module_of(name), {}, shape=shape, dtype=dtype, device="cpu", batch=32, learning_rate=0.1, seed=0)
    assert found.equal, found
    assert found.bound < 1, "a bound of 1 checks nothing"


def test_a_float16_loss_summed_in_float16_does_not_overflow_in_the_check():
    """torch's own loss does so on a CPU: 256 losses of 1e4 are more than float16 holds."""
    settings = {"dtype": "float16", "device": "cpu", "batch": 256, "learning_rate": 0.1, "seed": 0}
    found = check(module_of("torch_concise"), {}, shape=Shape(784, (), 10), **settings)
    assert found.equal, found


@pytest.mark.parametrize("name", [*EAGER, COMPILED])
def test_loss_divisor_and_a_short_last_batch_do_as_the_reference(name):
    weights = initial_weights(SHAPE, 0)
    model = built(module_of(name), weights, loss_divisor=3.0, dtype="float64")
    reference = built(numpy_scratch, weights, loss_divisor=3.0, dtype="float64")
    for batch in (8, 5, 8):
        loss = model.read(model.train_step(model.place(*examples(batch))))
        assert loss == pytest.approx(reference.read(reference.train_step(reference.place(*examples(batch)))), rel=1e-12)
    for value, expected in zip(model.weights(), reference.weights(), strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("name", [*EAGER, COMPILED])
def test_logits_of_ten_thousand_give_a_finite_and_right_loss(name):
    shape = Shape(2, (), 3)
    weights = [np.array([[1e4, -1e4, 0], [-1e4, 1e4, 0]], np.float32), np.zeros(3, np.float32)]
    model = built(module_of(name), weights, 2.0**20, shape=shape)
    # The last image's logits are all zero, far below the others' maxima.
    images, labels = np.array([[1, 0], [0, 1], [1, 0], [0, 0]], np.float32), np.array([0, 0, 1, 0])
    loss = model.read(model.train_step(model.place(images, labels)))
    assert loss == pytest.approx((4e4 + np.log(3)) / 4, rel=1e-7)
    gradient = (weights[0] - model.weights()[0]) / 2.0**20
    np.testing.assert_allclose(gradient * 4, [[1, -1, 0], [-1, 1, 0]], rtol=1e-2)


@pytest.mark.parametrize("name", EAGER)
def test_the_loss_of_a_step_is_detached_and_survives_the_next_step(name):
    model = built(module_of(name), initial_weights(SHAPE, 0))
    batch = model.place(*examples(8))
    first = model.train_step(batch)
    value = first.item()
    model.train_step(batch)
    assert (first.requires_grad, first.item()) == (False, value)


@pytest.mark.parametrize("name", EAGER)
def test_weights_are_copies_and_so_is_what_was_given(name):
    given = initial_weights(SHAPE, 0)
    model = built(module_of(name), given)
    model.weights()[0][:] = 7
    for values in given:
        values[:] = 7
    for value, expected in zip(model.weights(), initial_weights(SHAPE, 0), strict=True):
        np.testing.assert_array_equal(value, expected)


@pytest.mark.parametrize("name", EAGER)
def test_a_unit_that_is_exactly_zero_passes_no_gradient(name):
    """As in the reference: with zero images and biases every hidden unit lies on ReLU's kink."""
    model = built(module_of(name), initial_weights(SHAPE, 0), 2.0**20)
    model.train_step(model.place(np.zeros((4, 9), np.float32), np.arange(4)))
    np.testing.assert_array_equal(model.weights()[1], np.zeros(8))


@pytest.mark.parametrize("name", [*EAGER, COMPILED])
def test_cuda_without_a_device_and_an_unknown_dtype_have_reasons(name, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    module = importlib.import_module(f"mlp_impls.{name}")
    assert module.unsupported("cuda", "float32") == "torch sees no CUDA device"
    assert module.unsupported("cpu", "int8") == f"{name} has no int8"
    assert module.unsupported("tpu", "float32") == f"{name} has no device tpu"


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
    steps = [compiled._compiled(SHAPE, None, "cpu", torch.float32, batch) for batch in range(1, 12)]
    originals = {id(step._torchdynamo_orig_callable.__code__) for step in steps}
    assert len(originals) == len(steps)
