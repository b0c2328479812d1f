"""The fused kernels, interpreted on the CPU, and how they divide their work.

``test_compiled_kernels.py`` compiles them for a device, and ``tests/cuda`` runs them on one.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from bench.implementations import refusal
from mlp_impls import Shape, initial_weights
from tests.frameworks.inside import BEHAVIOURS

torch = pytest.importorskip("torch")

from mlp_impls import triton_fused  # noqa: E402
from mlp_impls.cuda import division, kernels  # noqa: E402
from mlp_impls.cuda.division import Layout, Plan  # noqa: E402
from tests.mlp_impls.interpreted import CHECKED  # noqa: E402

ROOT = Path(__file__).parents[2]
H200 = 132  # multiprocessors
TOO_NEW = "only 0-dimensional arrays can be converted"  # NumPy 2.5, to the interpreter of Triton 3.6
SETTINGS = {"learning_rate": 0.1, "loss_divisor": None, "device": "cpu", "dtype": "float32"}


@pytest.fixture(scope="session")
def interpreted():
    """What the kernels do when they are interpreted."""
    if not kernels.INSTALLED:
        pytest.skip("Triton is not installed")
    variables = {"TRITON_INTERPRET": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.mlp_impls.interpreted"],
        env=os.environ | variables, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    if done.returncode and TOO_NEW in done.stderr:
        pytest.skip(f"the interpreter of this Triton is not made for NumPy {np.__version__}")
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", [case.name for case in CHECKED])
def test_equal(interpreted, name):
    found = interpreted["checked"][name]
    assert found["equal"], found
    assert found["bound"] < 1, "a bound of 1 checks nothing"


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_behaviour(interpreted, behaviour):
    wrong = interpreted["behaviours"][behaviour]
    assert wrong is None, wrong


def test_the_padding_stays_zero(interpreted):
    assert interpreted["padding"] == 0


def test_epochs_at_once_are_their_steps_bit_for_bit(interpreted):
    assert interpreted["epochs"] == 0


def test_the_interpreter_is_for_dtypes_that_it_computes_as_devices_do(interpreted):
    reasons = interpreted["reasons"]
    assert reasons["float32"] is reasons["float64"] is reasons["float16"] is None
    assert "bfloat16" in reasons["bfloat16"]


def test_what_is_checked_has_every_kernel_both_ways():
    plans = [_plan(case) for case in CHECKED]
    for attribute in ("input_shares", "batch_shares"):
        assert {getattr(plan, attribute) > 1 for plan in plans} == {True, False}
    assert {plan.block for plan in plans} == {1, 2, 4, 16}
    assert {Layout(case.shape, 4).columns // plan.product[1] for case, plan in zip(CHECKED, plans, strict=True)} == {
        1,
        2,
    }


def _plan(case):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(division, "LONG", case.long)
        patch.setattr(division, "SHARE", min(division.SHARE, case.long // 2))
        return Plan.make(case.batch, Layout(case.shape, 4), case.multiprocessors)


def test_without_triton_there_is_a_reason(monkeypatch):
    monkeypatch.setattr(kernels, "INSTALLED", False)
    for device in ("cpu", "cuda"):
        assert triton_fused.unsupported(device, "float32") == "Triton is not installed"


def test_without_triton_everything_can_still_be_imported(monkeypatch):
    monkeypatch.setattr("mlp_impls.triton_fused", triton_fused)  # so that it is put back
    monkeypatch.setitem(sys.modules, "triton", None)
    for name in ("mlp_impls.cuda.dots", "mlp_impls.cuda.kernels", "mlp_impls.triton_fused"):
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("mlp_impls.cuda.dots")
    monkeypatch.delattr("mlp_impls.cuda.kernels")
    module = importlib.import_module("mlp_impls.triton_fused")
    assert module.unsupported("cpu", "float32") == "Triton is not installed"


@pytest.mark.skipif(kernels.INTERPRETED or not kernels.INSTALLED, reason="Triton interprets, or is not installed")
def test_on_the_cpu_it_wants_the_interpreter():
    assert "TRITON_INTERPRET=1" in triton_fused.unsupported("cpu", "float32")


def test_float64_is_for_the_interpreter(monkeypatch):
    monkeypatch.setattr(kernels, "INSTALLED", True)
    monkeypatch.setattr(kernels, "INTERPRETED", False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("CC", "cc")
    assert triton_fused.unsupported("cuda", "float32") is triton_fused.unsupported("cuda", "bfloat16") is None
    assert "float64" in triton_fused.unsupported("cuda", "float64")
    monkeypatch.setattr(kernels, "INTERPRETED", True)
    assert "TRITON_INTERPRET" in triton_fused.unsupported("cuda", "float32")


@pytest.mark.parametrize("name", ["triton_fused", "torch_compile"])
def test_triton_on_cuda_wants_a_c_compiler(monkeypatch, tmp_path, name):
    module = importlib.import_module(f"mlp_impls.{name}")
    monkeypatch.setattr(kernels, "INSTALLED", True)
    monkeypatch.setattr(kernels, "INTERPRETED", False)
    monkeypatch.setattr(module, "find_spec", lambda name: name, raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "needs a C compiler, and found none: install one, or name it in CC" in module.unsupported("cuda", "float32")
    for named in ("gcc", "clang"):
        (tmp_path / named).touch(mode=0o700)
        assert module.unsupported("cuda", "float32") is None
        (tmp_path / named).unlink()
    monkeypatch.setenv("CC", "cc")
    assert module.unsupported("cuda", "float32") is None


@pytest.mark.parametrize(
    ("hidden", "outputs", "said"),
    [
        ((256,), 10, None),
        ((257,), 10, "a hidden layer of at most 256 on chip, not 257"),
        ((129, 16), 10, "several hidden layers of at most 128 each on chip, not 129"),
        ((128, 16), 10, None),
        ((128,) * 4, 10, None),
        ((100,) * 5, 10, "at most 512 hidden units on chip, not 640"),
        ((16,) * 32, 64, None),
        ((16,), 65, "at most 64 outputs on chip, not 65"),
        ((), 10, None),
    ],
)
def test_what_does_not_fit_on_chip_is_refused_before_and_when_it_is_built(monkeypatch, hidden, outputs, said):
    monkeypatch.setattr(kernels, "INSTALLED", True)
    monkeypatch.setattr(kernels, "INTERPRETED", True)
    shape = Shape(784, hidden, outputs)
    reason = refusal(triton_fused, "cpu", "float32", {"shape": shape})
    if said is None:
        assert reason is None
        return
    assert said in reason
    with pytest.raises(ValueError, match=said):
        triton_fused.build(shape, initial_weights(shape, 0), **SETTINGS)


@pytest.mark.parametrize("hidden", [(), (7,), (100, 30)])
@pytest.mark.parametrize("item_size", [2, 4, 8])
def test_a_layout_has_room_for_every_parameter_and_zeros_around_it(hidden, item_size):
    layout = Layout(Shape(50, hidden, 3), item_size)
    parameters = torch.zeros(layout.first + layout.rest)
    views = layout.views(parameters)
    weights = initial_weights(layout.shape, 0)
    assert [tuple(view.shape) for view in views] == [value.shape for value in weights]
    for view in views:
        view.fill_(1)
    assert int(parameters.sum()) == layout.shape.parameters
    assert layout.inputs % layout.chunk == 0
    assert all(side & (side - 1) == 0 for shape in layout.shapes[1:] for side in shape)


NETWORKS = [Shape(784, hidden, 10) for hidden in ((), (16,), (64,), (128,), (256,), (128, 128, 128))]


@pytest.mark.parametrize("shape", NETWORKS, ids=lambda shape: shape.name)
def test_a_plan_covers_the_batch_the_inputs_and_the_tiles(shape):
    for batch, item_size, multiprocessors in product((1, 5, 256, 1000, 1024, 16384), (2, 4, 8), (1, 4, 40, H200)):
        layout = Layout(shape, item_size)
        plan = Plan.make(batch, layout, multiprocessors)
        assert plan.blocks * plan.block >= batch > (plan.blocks - 1) * plan.block
        assert plan.warps & (plan.warps - 1) == 0
        if plan.input_shares:
            assert plan.input_shares * plan.each >= shape.inputs > (plan.input_shares - 1) * plan.each
            assert plan.each % plan.chunk == layout.columns % plan.product[1] == plan.product[0] % plan.block == 0
            assert _products(plan, layout, batch) < multiprocessors
        assert plan.tiles * plan.tile[0] * plan.tile[1] == layout.first
        assert layout.inputs % plan.tile[0] == layout.columns % plan.tile[1] == 0
        assert plan.batch_shares == 1 or plan.batch_shares * division.SHARE <= batch


@pytest.mark.parametrize("batch", [256, 4096, 16384])
@pytest.mark.parametrize("shape", NETWORKS[2:], ids=lambda shape: shape.name)
def test_a_plan_leaves_no_multiprocessor_of_a_large_device_idle(shape, batch):
    plan = Plan.make(batch, layout := Layout(shape, 4), H200)
    assert _products(plan, layout, batch) * plan.input_shares >= 0.8 * H200 or not plan.input_shares
    assert plan.blocks >= 0.8 * H200 or (plan.input_shares and len(shape.hidden) > 1)
    assert plan.tiles * plan.batch_shares >= 0.75 * H200


def _products(plan, layout, batch):
    return math.ceil(batch / plan.product[0]) * (layout.columns // plan.product[1])


def test_weights_come_back_as_they_were_given():
    shape = Shape(50, (30, 20), 3)
    model = triton_fused.build(shape, initial_weights(shape, 0), **SETTINGS)
    for value, start in zip(model.weights(), initial_weights(shape, 0), strict=True):
        np.testing.assert_array_equal(value, start)
