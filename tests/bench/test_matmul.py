"""The matmul workload: what it counts, what a step does, and what its check finds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench import libraries, product_equality
from bench.case import Case
from bench.workloads import Prepared, matmul
from tests.bench.loaded import changed

numpy_library = libraries.load("numpy")


def case(m: int = 17, k: int = 33, n: int = 9, stack: int = 1, dtype: str = "float32", seed: int = 0) -> Case:
    parameters = {"m": m, "k": k, "n": n, "stack": stack}
    return Case("alignment", "g", "c", "matmul", "numpy", "numpy", parameters, dtype=dtype, seed=seed)


def with_products(change: Callable[[NDArray[Any]], None]) -> SimpleNamespace:
    def spoiled(a: NDArray[Any], b: NDArray[Any], out: NDArray[Any]) -> None:
        np.matmul(a, b, out=out)
        change(out)

    return changed(matmul=spoiled)


def test_flops_and_bytes_of_a_matrix_product() -> None:
    counted = matmul.work(case(2, 3, 5))
    assert (counted.flops, counted.bytes) == (2 * 2 * 3 * 5, 4 * (6 + 15 + 10))
    assert (counted.items, counted.item) == (1, "matmuls")


def test_a_stack_multiplies_all_but_the_matrix_on_the_right() -> None:
    counted = matmul.work(case(2, 3, 5, stack=4, dtype="float64"))
    assert (counted.flops, counted.bytes) == (4 * 2 * 2 * 3 * 5, 8 * (4 * 6 + 15 + 4 * 10))


@pytest.mark.parametrize(("dtype", "size"), [("float16", 2), ("bfloat16", 2), ("float32", 4), ("float64", 8)])
def test_bytes_follow_the_dtype(dtype: str, size: int) -> None:
    assert matmul.work(case(1, 1, 1, dtype=dtype)).bytes == 3 * size


def test_operands_are_random_and_fixed_by_the_seed() -> None:
    a, b = matmul.operands(case(200, 300, 100))
    again, _ = matmul.operands(case(200, 300, 100))
    other, _ = matmul.operands(case(200, 300, 100, seed=1))
    np.testing.assert_array_equal(a, again)
    assert not np.array_equal(a, other)
    assert abs(a.mean()) < 0.02
    assert abs(b.std() - 1) < 0.02


@pytest.mark.parametrize(("stack", "shape"), [(1, (17, 33)), (4, (4, 17, 33))])
def test_a_stack_of_one_is_a_plain_matrix(stack: int, shape: tuple[int, ...]) -> None:
    assert matmul.operands(case(stack=stack))[0].shape == shape


@pytest.mark.parametrize("stack", [1, 4])
def test_a_step_is_one_product_into_the_same_buffer(stack: int) -> None:
    seen: list[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]] = []

    def record(a: NDArray[Any], b: NDArray[Any], out: NDArray[Any]) -> None:
        np.matmul(a, b, out=out)
        seen.append((a, b, out))

    prepared: Prepared = matmul.prepare(case(stack=stack), changed(matmul=record), Path())
    assert seen == []
    prepared.step()
    prepared.step()
    (a, b, out), (_, _, second) = seen
    assert out is second
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, a.astype(float) @ b.astype(float), atol=1e-4)


def test_synchronise_is_that_of_the_device() -> None:
    asked: list[str] = []
    prepared = matmul.prepare(case(), changed(synchronize=asked.append), Path())
    prepared.synchronize()
    assert asked == ["cpu"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("m", "k", "n", "stack"), [(1, 1, 1, 1), (64, 1025, 65, 1), (8, 33, 7, 4)])
def test_numpys_product_is_equal(m: int, k: int, n: int, stack: int, dtype: str) -> None:
    answer = matmul.check(case(m, k, n, stack, dtype), numpy_library, Path())
    assert answer.equal
    assert answer.deviation <= answer.bound


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_torchs_product_is_equal(dtype: str) -> None:
    pytest.importorskip("torch")
    assert matmul.check(case(64, 257, 65, 2, dtype), libraries.load("torch"), Path()).equal


def nothing(out: NDArray[Any]) -> None:
    out[...] = 0


def one_element(out: NDArray[Any]) -> None:
    out[3, 2] *= 1.001


def not_a_number(out: NDArray[Any]) -> None:
    out[3, 2] = np.nan


@pytest.mark.parametrize("change", [nothing, one_element, not_a_number])
def test_a_wrong_product_is_not_equal(change: Callable[[NDArray[Any]], None]) -> None:
    assert not matmul.check(case(), with_products(change), Path()).equal


def test_the_worst_element_is_named() -> None:
    assert matmul.check(case(), with_products(not_a_number), Path()).worst == "product[3, 2]"


def test_a_transposed_product_is_not_equal() -> None:
    def swapped(a: NDArray[Any], b: NDArray[Any], out: NDArray[Any]) -> None:
        np.matmul(b.T, a.T, out=out)

    assert not matmul.check(case(16, 16, 16), changed(matmul=swapped), Path()).equal


@pytest.mark.parametrize("k", [16, 256, 1024, 4096])
def test_tf32_products_are_not_equal_in_float32(k: int) -> None:
    """tf32 keeps 11 significant bits of each operand (NVIDIA A100 white paper)."""

    def tf32(values: NDArray[Any]) -> NDArray[Any]:
        fraction, exponent = np.frexp(values)
        return np.ldexp(np.round(fraction * 2**11) / 2**11, exponent).astype(np.float32)

    def product(a: NDArray[Any], b: NDArray[Any], out: NDArray[Any]) -> None:
        np.matmul(tf32(a), tf32(b), out=out)

    assert not matmul.check(case(128, k, 128), changed(matmul=product), Path()).equal


def test_operands_that_are_not_those_given_are_found() -> None:
    """A library whose ``array`` gave constants would be fast, and equal to itself."""
    constant = changed(array=lambda values, device, dtype: np.ones(values.shape, dtype))
    answer = matmul.check(case(), constant, Path())
    assert not answer.equal
    assert answer.worst == "operand a"


def bound(dtype: str, k: int) -> float:
    library = numpy_library
    if dtype not in library.DTYPES:
        pytest.importorskip("torch")
        library = libraries.load("torch")
    limit: float = matmul.check(case(16, k, 16, dtype=dtype), library, Path()).bound
    return limit


def test_the_bound_grows_with_k() -> None:
    assert bound("float32", 64) < bound("float32", 1024) < 64 * bound("float32", 64)


def test_the_bound_shrinks_with_precision() -> None:
    assert bound("float64", 64) < bound("float32", 64) < bound("float16", 64) < bound("bfloat16", 64)


def test_summing_one_term_after_the_other_is_equal() -> None:
    """The least precise of the orders a library may sum in."""

    def naive(a: NDArray[Any], b: NDArray[Any], out: NDArray[Any]) -> None:
        out[...] = 0
        for index in range(a.shape[1]):
            out += np.outer(a[:, index], b[index])

    assert matmul.check(case(64, 2048, 64), changed(matmul=naive), Path()).equal


def asked(provider: str = "numpy", dtype: str = "float32", **parameters: Any) -> Case:
    sizes = {"m": 17, "k": 33, "n": 9, "stack": 1} | parameters
    return Case("alignment", "g", "c", "matmul", provider, provider, sizes, dtype=dtype, reseeded=True)


def test_flops_and_bytes_of_stacks_times_stacks() -> None:
    counted = matmul.work(asked(m=2, k=3, n=5, stack=4, batched=True))
    assert (counted.flops, counted.bytes) == (4 * 2 * 2 * 3 * 5, 4 * 4 * (6 + 15 + 10))


def test_int8_writes_int32() -> None:
    counted = matmul.work(asked(m=2, k=3, n=5, dtype="int8"))
    assert (counted.flops, counted.bytes) == (2 * 2 * 3 * 5, 6 + 15 + 4 * 10)
    assert matmul.work(asked(dtype="tf32")) == matmul.work(asked(dtype="float32"))


def test_where_rows_lie_changes_nothing_of_what_is_counted() -> None:
    assert matmul.work(asked(leading=64, offset=4, layout="TT", levels={"size": 17})) == matmul.work(asked())


PLACES = [{}, {"layout": "NT"}, {"layout": "TN", "leading": 40}, {"layout": "TT", "leading": 65, "offset": 64}]
PLACES += [{"stack": 3}, {"stack": 3, "batched": True}, {"stack": 3, "batched": True, "leading": 34, "offset": 32}]
PLACES += [{"stack": 3, "leading": 33, "layout": "NT"}]


@pytest.mark.parametrize("parameters", PLACES, ids=str)
@pytest.mark.parametrize(
    ("name", "dtype"), [("numpy", "float64"), ("numpy", "float32"), ("torch", "float32"), ("torch", "bfloat16")]
)
def test_products_are_equal_wherever_operands_lie(name: str, dtype: str, parameters: dict[str, Any]) -> None:
    if name == "torch":
        pytest.importorskip("torch")
    one = asked(name, dtype, **parameters)
    library = libraries.load(name)
    assert matmul.unsupported(one) is None
    assert matmul.check(one, library, Path()).equal
    prepared = matmul.prepare(one, library, Path())
    assert prepared.wake is not None
    prepared.wake()
    prepared.step()


def spoiled(one: Case, change: Callable[[NDArray[Any]], None]) -> bool:
    return matmul.check(one, with_products(change), Path()).equal


@pytest.mark.parametrize("parameters", PLACES, ids=str)
def test_a_wrong_element_is_found_wherever_operands_lie(parameters: dict[str, Any]) -> None:
    def last(out: NDArray[Any]) -> None:
        out[..., -1, -1] *= 1.001

    assert not spoiled(asked(**parameters), last)
    assert spoiled(asked(**parameters), lambda out: None)


@pytest.mark.parametrize("place", [(0, 0), (11, 4), (16, 8)])
def test_large_results_are_compared_block_by_block(place: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    def one(out: NDArray[Any]) -> None:
        out[place] += 1

    monkeypatch.setattr(product_equality, "AT_ONCE", 50)
    answer = matmul.check(asked(), with_products(one), Path())
    assert not answer.equal
    assert answer.worst == f"product[{place[0]}, {place[1]}]"
    assert spoiled(asked(), lambda out: None)


def test_not_a_number_is_the_worst_in_any_block(monkeypatch: pytest.MonkeyPatch) -> None:
    def two(out: NDArray[Any]) -> None:
        out[3, 2] += 1e6
        out[15, 2] = np.nan

    monkeypatch.setattr(product_equality, "AT_ONCE", 50)
    assert matmul.check(asked(), with_products(two), Path()).worst == "product[15, 2]"
