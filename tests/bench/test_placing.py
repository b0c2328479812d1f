"""Where operands lie: as asked for, in place, without a copy; and drawn anew per launch where nothing is asked for."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench import libraries, placing, survey
from bench.case import Case

numpy_library = libraries.load("numpy")
PAIRS = [("numpy", "float32"), ("numpy", "float64")]
PAIRS += [("torch", dtype) for dtype in ("int8", "float16", "bfloat16", "float32", "float64")]
ITEM_SIZES = {"int8": 1, "float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}
SIZE = 256


def load(name: str) -> ModuleType:
    if name != "numpy":
        pytest.importorskip(name)
    return libraries.load(name)


def address(array: Any) -> int:
    return int(array.data_ptr() if hasattr(array, "data_ptr") else array.ctypes.data)


def strides(array: Any) -> tuple[int, ...]:
    """In elements."""
    if hasattr(array, "data_ptr"):
        return tuple(array.stride())
    return tuple(step // array.itemsize for step in array.strides)


def case(reseeded: bool = False, **parameters: Any) -> Case:
    sizes = dict.fromkeys("mkn", 8) | {"stack": 1}
    return Case("alignment", "g", "c", "matmul", "numpy", "numpy", sizes | parameters, reseeded=reseeded)


def placed(one: Case, provider: Any = numpy_library) -> placing.Operands:
    return placing.place(one, provider, np.ones((8, 8)), np.ones((8, 8)), (8, 8), one.dtype)


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


def test_a_launch_draws_the_base_addresses_of_its_own() -> None:
    first, again, other = (placed(replace(case(reseeded=True), seed=seed)) for seed in (1, 1, 2))
    found = [[address(array) % placing.PAGE for array in one] for one in (first, again, other)]
    assert found[0] == found[1] != found[2]
    assert len(set(found[0])) == 3


def test_cases_of_one_launch_draw_apart() -> None:
    one, other = (placed(replace(case(reseeded=True), name=name)) for name in ("1024", "control"))
    assert [address(array) % placing.PAGE for array in one] != [address(array) % placing.PAGE for array in other]


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_what_is_drawn_is_what_the_librarys_allocator_may_give(name: str) -> None:
    library = load(name)
    drawn = {
        address(array) % placing.PAGE
        for seed in range(60)
        for array in placed(replace(case(reseeded=True), seed=seed), library)
    }
    alignment = library.ALIGNMENTS["cpu"]
    assert {value % alignment for value in drawn} == {0}
    assert len(drawn) > 30  # of 64 or 256 that there are, drawn 180 times
    assert any(value % (2 * alignment) for value in drawn)


def test_a_leading_dimension_alone_leaves_the_base_address_to_chance() -> None:
    drawn = {address(placed(replace(case(reseeded=True, leading=9), seed=seed)).a) % placing.PAGE for seed in range(9)}
    assert len(drawn) > 1
    assert strides(placed(case(reseeded=True, leading=9)).out) == (9, 1)


@pytest.mark.parametrize("reseeded", [False, True])
def test_a_base_address_that_is_asked_for_is_that_of_all_three(reseeded: bool) -> None:
    found = placed(case(reseeded, leading=9, offset=32))
    assert {address(array) % placing.PAGE for array in found} == {32}
    assert {strides(array) for array in found} == {(9, 1)}


def recorded(asked: list[str]) -> SimpleNamespace:
    """A library without ``placed``."""
    return SimpleNamespace(
        array=lambda *_: asked.append("array"), empty=lambda *_: asked.append("empty"), host=None, matmul=None
    )


def test_a_library_that_places_its_arrays_itself_does_so_in_every_launch() -> None:
    asked: list[str] = []
    placed(case(reseeded=True), recorded(asked))
    assert asked == ["array", "array", "empty"]


def test_where_launches_draw_nothing_the_library_places() -> None:
    asked: list[str] = []
    placed(case(), SimpleNamespace(**vars(recorded(asked)), placed=None, ALIGNMENTS=None))
    assert asked == ["array", "array", "empty"]


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({}, None),
        ({"layout": "NN"}, None),
        ({"layout": "NT"}, "numpy places its arrays itself: no layout can be chosen"),
        ({"leading": 9}, "numpy places its arrays itself: no leading dimension or base address can be chosen"),
        ({"offset": 0}, "numpy places its arrays itself: no leading dimension or base address can be chosen"),
    ],
)
def test_what_such_a_library_cannot_do_is_a_reason(asked: dict[str, Any], reason: str | None) -> None:
    assert placing.refused(case(**asked), recorded([]), 4, (8, 8, 8)) == reason


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"leading": 8, "offset": 8, "layout": "TT"}, None),
        ({"leading": 7}, "leading dimension 7: the longest stored row has 8 elements; choose no less"),
        ({"offset": 4}, "base address 4: expected a multiple of the 8 bytes of an element"),
        ({"offset": -8}, "base address -8: expected a multiple of the 8 bytes of an element"),
        ({"layout": "NX"}, "layout NX: expected one of NN, NT, TN, TT"),
    ],
)
def test_what_cannot_be_asked_for_is_a_reason(asked: dict[str, Any], reason: str | None) -> None:
    assert placing.refused(case(**asked), numpy_library, 8, (8, 8, 8)) == reason


@pytest.mark.parametrize(
    ("layout", "sizes", "longest"),
    [
        ("NN", (60, 30, 25), 30),
        ("NN", (60, 30, 50), 50),
        ("NT", (60, 30, 25), 30),
        ("TN", (60, 30, 25), 60),
        ("TN", (20, 30, 25), 25),
        ("TT", (20, 30, 25), 30),
        ("NT", (20, 30, 50), 50),
    ],
)
def test_the_longest_stored_row_depends_on_the_layout(layout: str, sizes: tuple[int, int, int], longest: int) -> None:
    """Of (m, k, n): a is (m, k) or stored as (k, m), b is (k, n) or stored as (n, k), and the result is (m, n)."""
    refused = placing.refused(case(layout=layout, leading=longest - 1), numpy_library, 4, sizes)
    assert refused is not None
    assert f"has {longest} elements" in refused
    assert placing.refused(case(layout=layout, leading=longest), numpy_library, 4, sizes) is None


def test_every_placing_is_asked_for_by_itself() -> None:
    """What one case cannot have is no reason to skip another of the same library and dtype."""
    possible, short = case(), replace(case(leading=7), name="short")
    found = survey.survey([possible, short]).reasons
    assert found.keys() == {short.id}
    assert found[short.id].startswith("leading dimension 7")
