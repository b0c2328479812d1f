"""Where operands lie: as asked for, and multiplied in place, without a copy."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bench import placing
from tests.bench.loaded import address, load, strides

PAIRS = [("numpy", "float32"), ("numpy", "float64")]
PAIRS += [("torch", dtype) for dtype in ("int8", "float16", "bfloat16", "float32", "float64")]
ITEM_SIZES = {"int8": 1, "float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}
SIZE = 256


def test_strides_are_those_of_rows_and_of_whole_matrices() -> None:
    assert placing.strides((3, 5), None) == (5, 1)
    assert placing.strides((3, 5), 8) == (8, 1)
    assert placing.strides((4, 3, 5), 8) == (24, 8, 1)
    assert placing.span((4, 3, 5), 8) == 96


def test_rows_never_overlap() -> None:
    with pytest.raises(ValueError, match="leading dimension 4: a stored row has 5"):
        placing.strides((3, 5), 4)


@pytest.mark.parametrize("at", [0, 64, 4095, 123_456])
@pytest.mark.parametrize("offset", [0, 4, 64, 4092])
def test_a_base_address_is_so_many_bytes_beyond_a_page(at: int, offset: int) -> None:
    begin = placing.start(at, offset, 4)
    assert (at + begin) % placing.PAGE == offset % placing.PAGE
    assert 0 <= begin < placing.PAGE + offset


@pytest.mark.parametrize("offset", [2, -4])
def test_elements_are_aligned_to_their_own_size(offset: int) -> None:
    with pytest.raises(ValueError, match=f"base address {offset}"):
        placing.start(0, offset, 4)


@pytest.mark.parametrize(("name", "dtype"), PAIRS)
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("shape", [(5, 7), (3, 5, 7)])
def test_what_is_placed_lies_as_asked_and_holds_the_values(
    name: str, dtype: str, transposed: bool, shape: tuple[int, ...]
) -> None:
    values = np.arange(float(np.prod(shape))).reshape(shape)
    leading, offset = 9, 5 * ITEM_SIZES[dtype]
    found = load(name).placed(values, "cpu", dtype, leading=leading, offset=offset, transposed=transposed)
    np.testing.assert_array_equal(load(name).host(found), values)
    assert address(found) % placing.PAGE == offset
    row, column = (1, leading) if transposed else (leading, 1)
    assert strides(found)[-2:] == (row, column)
    assert strides(found)[:-2] == ((7 if transposed else 5) * leading,) * (len(shape) - 2)


@pytest.mark.parametrize(("name", "dtype"), PAIRS)
@pytest.mark.parametrize("transposed", [False, True])
def test_without_a_place_it_is_the_librarys_own_array(name: str, dtype: str, transposed: bool) -> None:
    values = np.arange(35.0).reshape(5, 7)
    found = load(name).placed(values, "cpu", dtype, transposed=transposed)
    np.testing.assert_array_equal(load(name).host(found), values)
    assert strides(found) == ((1, 5) if transposed else (7, 1))
    assert address(found) % load(name).ALIGNMENTS["cpu"] == 0


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_what_cannot_be_placed_is_refused(name: str) -> None:
    library = load(name)
    with pytest.raises(ValueError, match="base address 4: expected a multiple of the 8 bytes"):
        library.placed(np.ones((2, 2)), "cpu", "float64", offset=4)
    with pytest.raises(ValueError, match="leading dimension 3"):
        library.placed(np.ones((4, 5)), "cpu", "float64", leading=3)


def operands_of(library: Any, dtype: str, layout: str, leading: int, offset: int) -> list[Any]:
    values = np.random.default_rng(0).standard_normal((SIZE, SIZE))
    return [
        library.placed(values, "cpu", dtype, leading=leading, offset=offset, transposed=order == "T")
        for order in (*layout, "N")
    ]


@pytest.mark.parametrize("layout", placing.LAYOUTS)
@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_a_product_is_written_into_the_view(name: str, layout: str) -> None:
    library = load(name)
    a, b, out = operands_of(library, "float32", layout, SIZE + 1, 4)
    before = address(out), strides(out)
    library.matmul(a, b, out)
    assert (address(out), strides(out)) == before
    np.testing.assert_allclose(library.host(out), library.host(a) @ library.host(b), atol=1e-3)


# Products in a process that can allocate no more than half an operand: what would copy one fails. Allocations beyond
# 64 KiB come from the kernel (M_MMAP_THRESHOLD), so that no memory freed before can serve.
WITHOUT_MEMORY = """
import ctypes, resource, sys
ctypes.CDLL(None).mallopt(-3, 1 << 16)
import numpy as np
from bench import libraries, placing, survey
library, size = libraries.load("numpy"), 1024
values = np.ones((size, size), np.float32)

def placed(leading, offset, order):
    return library.placed(values, "cpu", "float32", leading=leading, offset=offset, transposed=order == "T")

products = {}
for leading, offset in ((size, 0), (size + 1, 4), (size + 16, 64)):
    for layout in placing.LAYOUTS:
        products[f"{layout} {leading} {offset}"] = [placed(leading, offset, order) for order in (*layout, "N")]
apart = np.ones((size, 2 * size), np.float32)[:, ::2]
crooked = np.ndarray((size, size), np.float32, np.zeros(4 * size * size + 2, np.uint8), 2)
some = placed(size, 0, "N")
products["columns apart"] = [apart, some, placed(size, 0, "N")]
products["not aligned"] = [some, crooked, placed(size, 0, "N")]
library.matmul(*products["NN 1024 0"])  # has the BLAS allocate what it keeps
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + 2 * size * size
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for name, arrays in products.items():
    try:
        library.matmul(*arrays)
        print(name, "in place")
    except MemoryError:
        print(name, "copied")
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc" or sys.platform != "linux", reason="mallopt is glibc's")
def test_numpy_hands_its_blas_the_view_itself() -> None:
    """Columns that are apart, and elements that are not aligned, show that a copy would be seen."""
    environ = os.environ | {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    answer = subprocess.run([sys.executable, "-c", WITHOUT_MEMORY], env=environ, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    lines = answer.stdout.splitlines()
    assert [line for line in lines if line.endswith("copied")] == ["columns apart copied", "not aligned copied"]
    assert len([line for line in lines if line.endswith("in place")]) == 3 * len(placing.LAYOUTS)


def allocated_by_torch(product: Callable[[], object]) -> int:
    """Return the bytes that the operations of a product allocate, added up."""
    from torch.autograd import profiler

    product()
    with profiler.profile(profile_memory=True, use_kineto=False) as seen:
        product()
    return sum(event.cpu_memory_usage for event in seen.function_events if event.cpu_memory_usage > 0)


@pytest.mark.parametrize("layout", placing.LAYOUTS)
@pytest.mark.parametrize(("dtype", "leading", "offset"), [("float32", SIZE + 1, 4), ("float64", SIZE + 16, 64)])
def test_torch_hands_its_blas_the_view_itself(dtype: str, layout: str, leading: int, offset: int) -> None:
    library = load("torch")
    a, b, out = operands_of(library, dtype, layout, leading, offset)
    before = address(out), strides(out)
    assert allocated_by_torch(lambda: library.matmul(a, b, out)) < SIZE * SIZE
    assert (address(out), strides(out)) == before
    np.testing.assert_allclose(library.host(out), library.host(a) @ library.host(b), atol=1e-3)


def test_torch_copies_what_no_blas_takes() -> None:
    library = load("torch")
    a, b, out = operands_of(library, "float32", "NN", 2 * SIZE, 0)
    assert allocated_by_torch(lambda: library.matmul(a[:, ::2], b[::2], out)) >= 4 * SIZE * SIZE // 2
