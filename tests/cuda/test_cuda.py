"""Every torch implementation, product and memory kernel equals its reference on a GPU."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from bench import implementations, libraries
from bench.case import Case
from bench.equality import check
from bench.workloads import matmul, memory_sweep
from mlp_impls import Shape

ROWS = [(entry.name, variant) for entry, variant in implementations.resolve(["all"]) if entry.framework == "torch"]
NARROW, DEEP, ODD = SHAPES = [Shape(784, (16,), 10), Shape(784, (128, 128), 10), Shape(784, (250,), 10)]
DTYPES = ["float32", "float64", "bfloat16", "float16"]

COMPILED = "torch_compile"  # in seconds for each network and dtype
LEFT_OUT = "max_autotune"  # it tries kernels out for minutes; its step is that of reduce_overhead
EVERYWHERE = [*product(SHAPES, ("float32", "bfloat16")), *product([DEEP], ("float64", "float16"))]
TRIED = [
    (name, variant, shape, dtype)
    for name, variant in ROWS
    if variant != LEFT_OUT
    for shape, dtype in ([(DEEP, "float32")] if name == COMPILED else EVERYWHERE)
]


@pytest.fixture(scope="session")
def references(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the reference's results are kept: deriving them takes longer than what is compared with them."""
    return tmp_path_factory.mktemp("references")


@pytest.mark.parametrize(
    ("name", "variant", "shape", "dtype"), TRIED, ids=lambda value: value.name if isinstance(value, Shape) else value
)
def test_an_implementation_equals_the_reference(
    name: str, variant: str, shape: Shape, dtype: str, references: Path
) -> None:
    module = implementations.load(name, None)
    keywords = dict(module.VARIANTS[variant]) if variant else {}
    refused = implementations.refusal(module, "cuda", dtype, keywords | {"shape": shape})
    if refused:
        pytest.skip(refused)
    settings = {"batch": 256, "learning_rate": 0.1, "seed": 0, "cache": references}
    found = check(module, keywords, shape=shape, dtype=dtype, device="cuda", **settings)
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
