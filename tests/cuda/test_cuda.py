"""Every torch implementation and product equals its reference on a GPU, and a whole run there ends in verdicts."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest

from bench import implementations, libraries
from bench.case import Case
from bench.equality import check
from bench.workloads import matmul, memory_sweep
from mlp_impls import Shape
from mlpbench.cli import main

ROWS = [(entry.name, variant) for entry, variant in implementations.resolve(["all"]) if entry.framework == "torch"]
SHAPES = [Shape(784, (16,), 10), Shape(784, (128, 128), 10), Shape(784, (250,), 10)]
DTYPES = ["float32", "float64", "bfloat16", "float16"]

SLOW = "max_autotune"  # which tries out kernels for minutes: one network and dtype of it will do
TRIED = [
    (name, variant, shape, dtype)
    for (name, variant), shape, dtype in product(ROWS, SHAPES, DTYPES)
    if variant != SLOW or (shape, dtype) == (SHAPES[0], DTYPES[0])
]


@pytest.mark.parametrize(("name", "variant", "shape", "dtype"), TRIED)
def test_an_implementation_equals_the_reference(name: str, variant: str, shape: Shape, dtype: str) -> None:
    module = implementations.load(name, None)
    keywords = dict(module.VARIANTS[variant]) if variant else {}
    refused = implementations.refusal(module, "cuda", dtype, keywords | {"shape": shape})
    if refused:
        pytest.skip(refused)
    found = check(module, keywords, shape=shape, dtype=dtype, device="cuda", batch=256, learning_rate=0.1, seed=0)
    assert found.equal, found


@pytest.mark.parametrize("dtype", [*DTYPES, "tf32", "int8"])
@pytest.mark.parametrize("layout", ["NN", "NT", "TN", "TT"])
@pytest.mark.parametrize("size", [(256, 256, 256), (257, 129, 65)])
def test_a_product_equals_the_reference(size: tuple[int, int, int], layout: str, dtype: str) -> None:
    provider = libraries.load("torch")
    m, k, n = size
    parameters = {"m": m, "k": k, "n": n, "stack": 1, "layout": layout}
    case = Case("alignment", "g", "a", "matmul", "torch", "torch", parameters, device="cuda", dtype=dtype)
    refused = provider.unsupported("cuda", dtype) or matmul.unsupported(case)
    if refused:
        pytest.skip(refused)
    found = matmul.check(case, provider, Path())
    assert found.equal, found


@pytest.mark.parametrize("kernel", ["copy", "read", "write", "triad"])
def test_a_memory_kernel_does_what_it_says(kernel: str) -> None:
    parameters = {"kernel": kernel, "working_set": 1 << 22, "assumed_caches": []}
    case = Case("memory", "g", "a", "memory_sweep", "torch", "torch", parameters, device="cuda")
    found = memory_sweep.check(case, libraries.load("torch"), Path())
    assert found.equal, found


def test_a_run_ends_in_verdicts(tmp_path: Path) -> None:
    out = tmp_path / "run"
    chosen = ["--impl", "torch_scratch", "--width", "16", "--device", "cuda", "--out", str(out)]
    assert main(["run", "throughput", *chosen]) == 0
    rows = json.loads((out / "summary.json").read_text())["comparisons"]
    assert {row["case"] for row in rows} >= {"torch_scratch", "control"}
    assert all(row["verdict"] and row["device"] == "cuda" for row in rows)
