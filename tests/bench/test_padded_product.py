"""A product in larger matrices: what it counts, what a step does, and what its check finds."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench import libraries, workloads
from bench.case import Case
from bench.workloads import matmul, padded_product
from tests.bench.loaded import changed, numpy_library

OWN, PADDED = (17, 33, 9), (20, 36, 16)


def case(
    padded: tuple[int, int, int] = PADDED, *, copied: bool = True, sizes: tuple[int, int, int] = OWN, **more: Any
) -> Case:
    parameters = {"stack": 1, "copied": copied}
    parameters |= dict(zip("mkn", sizes, strict=True))
    parameters |= {f"pad_{name}": size for name, size in zip("mkn", padded, strict=True)}
    return Case("s", "g", "c", "padded_product", "numpy", "numpy", parameters, **more)


class Calls:
    """A library that keeps what it is called with."""

    def __init__(self) -> None:
        self.copies: list[tuple[Any, Any]] = []
        self.products: list[tuple[Any, Any, Any]] = []

    def library(self) -> SimpleNamespace:
        return changed(copy=self.copy, matmul=self.matmul)

    def copy(self, source: Any, target: Any) -> None:
        self.copies.append((source, target))
        np.copyto(target, source)

    def matmul(self, a: Any, b: Any, out: Any) -> None:
        self.products.append((a, b, out))
        np.matmul(a, b, out=out)


def test_work_is_that_of_the_product_asked_for_whatever_it_is_padded_to() -> None:
    asked = workloads.work(Case("s", "g", "c", "matmul", "numpy", "numpy", {"m": 17, "k": 33, "n": 9, "stack": 1}))
    assert {workloads.work(case(padded)) for padded in (OWN, PADDED, (17, 64, 9))} == {asked}


def test_a_copied_step_is_one_copy_and_one_product_of_the_larger_matrices() -> None:
    calls = Calls()
    prepared = padded_product.prepare(case(), calls.library(), Path())
    assert calls.products == []
    prepared.step()
    ((arriving, inside),) = calls.copies
    ((a, b, out),) = calls.products
    assert (arriving.shape, a.shape, b.shape, out.shape) == ((17, 33), (20, 36), (36, 16), (20, 16))
    assert np.shares_memory(inside, a)
    assert arriving.flags.c_contiguous
    assert not np.shares_memory(arriving, a)


def test_a_step_that_copies_nothing_is_one_product() -> None:
    calls = Calls()
    padded_product.prepare(case(copied=False), calls.library(), Path()).step()
    assert calls.copies == []
    ((a, _, _),) = calls.products
    assert a.shape == (20, 36)
    assert np.count_nonzero(a) == 17 * 33


def test_unpadded_it_is_the_product_that_the_study_of_alignment_measures() -> None:
    mine, theirs = Calls(), Calls()
    padded_product.prepare(case(OWN, copied=False), mine.library(), Path()).step()
    matmul.prepare(case(OWN), theirs.library(), Path()).step()
    for own, other in zip(mine.products[0][:2], theirs.products[0][:2], strict=True):
        np.testing.assert_array_equal(own, other)


def test_what_is_added_is_zero_and_stays_so() -> None:
    calls = Calls()
    prepared = padded_product.prepare(case(), calls.library(), Path())
    prepared.wake()
    prepared.step()
    prepared.step()
    a, b, out = calls.products[-1]
    for matrix, (rows, columns) in ((a, (17, 33)), (b, (33, 9)), (out, (17, 9))):
        assert np.count_nonzero(matrix) == np.count_nonzero(matrix[:rows, :columns]) == rows * columns


def test_waking_reads_both_operands_without_a_whole_product() -> None:
    calls = Calls()
    padded_product.prepare(case(), calls.library(), Path()).wake()
    shapes = [(a.shape, b.shape) for a, b, _ in calls.products]
    assert shapes == [((1, 36), (36, 16)), ((20, 36), (36, 1))]
    assert len(calls.copies) == 1


def test_waking_sets_products_to_the_dtype_of_the_case_first() -> None:
    """Cases of other dtypes share its process, and torch has one switch for all of them."""
    log: list[str] = []
    calls = Calls()
    library = calls.library()
    library.set_products = lambda device, dtype: log.append(f"{device} {dtype} after {len(calls.products)}")
    prepared = padded_product.prepare(case(dtype="float64"), library, Path())
    prepared.wake()
    assert log == ["cpu float64 after 0"]
    assert len(calls.products) == 2


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("copied", [True, False])
@pytest.mark.parametrize("padded", [OWN, PADDED, (17, 33, 16), (17, 40, 9), (24, 33, 9)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_libraries_compute_is_equal(library: str, padded: Any, copied: bool, dtype: str) -> None:
    if library == "torch":
        pytest.importorskip("torch")
    assert padded_product.check(case(padded, copied=copied, dtype=dtype), libraries.load(library), Path()).equal


def test_torch_is_equal_in_bfloat16() -> None:
    pytest.importorskip("torch")
    assert padded_product.check(case(dtype="bfloat16"), libraries.load("torch"), Path()).equal


def lost_copy(source: Any, target: Any) -> None:
    target[:-1] = source[:-1]


def dirty(shape: tuple[int, ...], device: str, dtype: str) -> Any:
    return np.full(shape, 7, dtype)


def dirty_padding(values: Any, device: str, dtype: str) -> Any:
    return np.where(values == 0, 1, values).astype(dtype)


def partial_product(a: Any, b: Any, out: Any) -> None:
    np.matmul(a[:, :-8], b[:-8], out=out)


@pytest.mark.parametrize(
    "broken",
    [{"copy": lost_copy}, {"array": dirty_padding}, {"matmul": partial_product}],
    ids=["copy", "array", "matmul"],
)
def test_a_wrong_result_is_not_equal(broken: dict[str, Any]) -> None:
    assert padded_product.check(case(), changed(), Path()).equal
    assert not padded_product.check(case(), changed(**broken), Path()).equal


def test_what_lay_in_the_result_before_does_not_matter() -> None:
    assert padded_product.check(case(), changed(empty=dirty), Path()).equal


def test_an_operand_that_is_not_what_was_given_is_named() -> None:
    constant = changed(array=lambda values, device, dtype: np.ones(values.shape, dtype))
    assert padded_product.check(case(copied=False), constant, Path()).worst == "operand a"


def test_large_products_are_compared_in_their_first_last_and_some_other_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(padded_product, "CHECKED_PRODUCTS", 20 * 33 * 9)
    rows = padded_product._rows(case((200, 33, 9), sizes=(200, 33, 9)))
    assert 20 <= len(rows) <= 22
    assert (rows[0], rows[-1]) == (0, 199)

    def spoiled(row: int) -> Any:
        def product(a: Any, b: Any, out: Any) -> None:
            np.matmul(a, b, out=out)
            out[row] = 0

        return changed(matmul=product)

    large = case((208, 33, 9), sizes=(200, 33, 9))
    assert not padded_product.check(large, spoiled(199), Path()).equal
    assert not padded_product.check(large, spoiled(0), Path()).equal
    assert padded_product.check(large, spoiled(205), Path()).equal  # what is added to the result is nobody's


def test_a_library_that_cannot_copy_into_part_of_an_array_is_unsupported(monkeypatch: pytest.MonkeyPatch) -> None:
    assert padded_product.unsupported(case()) is None
    without = SimpleNamespace(matmul=numpy_library.matmul)
    monkeypatch.setattr(libraries, "load", lambda name: without)
    assert "cannot copy into part" in (padded_product.unsupported(case()) or "")
