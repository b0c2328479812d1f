"""The matmul workload: what it counts, what a step does, and what its check finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench import libraries, placing, product_equality, timing
from bench.case import Case
from bench.workloads import Prepared, matmul

numpy_library = libraries.load("numpy")


def case(m: int = 17, k: int = 33, n: int = 9, stack: int = 1, dtype: str = "float32", seed: int = 0) -> Case:
    parameters = {"m": m, "k": k, "n": n, "stack": stack}
    return Case("alignment", "g", "c", "matmul", "numpy", "numpy", parameters, dtype=dtype, seed=seed)


def provider(**changes: Any) -> SimpleNamespace:
    return SimpleNamespace(**{name: getattr(numpy_library, name) for name in numpy_library.__all__} | changes)


def with_products(change: Callable[[NDArray[Any]], None]) -> SimpleNamespace:
    def spoiled(a: NDArray[Any], b: NDArray[Any], out: NDArray[Any]) -> None:
        np.matmul(a, b, out=out)
        change(out)

    return provider(matmul=spoiled)


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

    prepared: Prepared = matmul.prepare(case(stack=stack), provider(matmul=record), Path())
    assert seen == []
    prepared.step()
    prepared.step()
    (a, b, out), (_, _, second) = seen
    assert out is second
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, a.astype(float) @ b.astype(float), atol=1e-4)


def test_synchronise_is_that_of_the_device() -> None:
    asked: list[str] = []
    prepared = matmul.prepare(case(), provider(synchronize=asked.append), Path())
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

    assert not matmul.check(case(16, 16, 16), provider(matmul=swapped), Path()).equal


@pytest.mark.parametrize("k", [16, 256, 1024, 4096])
def test_tf32_products_are_not_equal_in_float32(k: int) -> None:
    """tf32 keeps 11 significant bits of each operand (NVIDIA A100 white paper)."""

    def tf32(values: NDArray[Any]) -> NDArray[Any]:
        fraction, exponent = np.frexp(values)
        return np.ldexp(np.round(fraction * 2**11) / 2**11, exponent).astype(np.float32)

    def product(a: NDArray[Any], b: NDArray[Any], out: NDArray[Any]) -> None:
        np.matmul(tf32(a), tf32(b), out=out)

    assert not matmul.check(case(128, k, 128), provider(matmul=product), Path()).equal


def test_operands_that_are_not_those_given_are_found() -> None:
    """A library whose ``array`` gave constants would be fast, and equal to itself."""
    constant = provider(array=lambda values, device, dtype: np.ones(values.shape, dtype))
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

    assert matmul.check(case(64, 2048, 64), provider(matmul=naive), Path()).equal


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


def whole_numbers(**changes: Any) -> SimpleNamespace:
    """A library of int8 products that NumPy does."""

    def product(a: NDArray[Any], b: NDArray[Any], out: NDArray[Any]) -> None:
        np.matmul(a.astype(np.int32), b.astype(np.int32), out=out)

    return provider(**{"multiplying": lambda dtype: product} | changes)


def test_int8_is_exact() -> None:
    answer = matmul.check(asked(dtype="int8"), whole_numbers(), Path())
    assert (answer.equal, answer.deviation, answer.bound) == (True, 0.0, 0.0)


def test_one_off_is_not_equal_in_int8() -> None:
    def one_off(a: NDArray[Any], b: NDArray[Any], out: NDArray[Any]) -> None:
        np.matmul(a.astype(np.int32), b.astype(np.int32), out=out)
        out[3, 2] += 1

    answer = matmul.check(asked(dtype="int8"), whole_numbers(multiplying=lambda dtype: one_off), Path())
    assert (answer.equal, answer.worst) == (False, "product[3, 2]")


def test_int8_sums_that_saturate_are_not_equal() -> None:
    """As where there is no VNNI: a is made unsigned by adding 128, and products of two are added up in 16 bits."""

    def saturating(a: NDArray[Any], b: NDArray[Any], out: NDArray[Any]) -> None:
        a, b = a.astype(np.int32), b.astype(np.int32)
        terms = (a + 128)[:, :, None] * b[None]
        out[...] = np.clip(terms[:, ::2] + terms[:, 1::2], -(2**15), 2**15 - 1).sum(axis=1) - 128 * b.sum(axis=0)

    answer = matmul.check(asked(dtype="int8", k=1024), whole_numbers(multiplying=lambda dtype: saturating), Path())
    assert not answer.equal


def test_int8_operands_are_whole_numbers_of_all_sizes() -> None:
    for operand in matmul.operands(asked(dtype="int8", m=200, k=300, n=200)):
        np.testing.assert_array_equal(operand, np.round(operand))
        assert (operand.min(), operand.max()) == (-127, 127)
        assert abs(operand.mean()) < 2


def rounded(values: NDArray[Any], bits: int, *, towards_zero: bool = False) -> NDArray[Any]:
    """Return float32 values with so many significant bits."""
    fraction, exponent = np.frexp(values)
    scaled = fraction * 2.0**bits
    whole = np.trunc(scaled) if towards_zero else np.round(scaled)
    return np.ldexp(whole / 2.0**bits, exponent).astype(np.float32)


@pytest.mark.parametrize("towards_zero", [False, True])
@pytest.mark.parametrize("k", [16, 256, 4096])
def test_tf32_products_are_equal_in_tf32(k: int, towards_zero: bool) -> None:
    def product(a: NDArray[Any], b: NDArray[Any], out: NDArray[Any]) -> None:
        np.matmul(rounded(a, 11, towards_zero=towards_zero), rounded(b, 11, towards_zero=towards_zero), out=out)

    library = provider(matmul=product, array=lambda values, device, dtype: values.astype(np.float32),
                       empty=lambda shape, device, dtype: np.empty(shape, np.float32))  # fmt: skip
    one = replace(asked(dtype="tf32", m=64, k=k, n=64), reseeded=False)
    assert matmul.check(one, library, Path()).equal
    assert not matmul.check(replace(one, dtype="float32"), library, Path()).equal


def test_fewer_bits_than_tf32s_are_not_equal_in_tf32() -> None:
    def product(a: NDArray[Any], b: NDArray[Any], out: NDArray[Any]) -> None:
        np.matmul(rounded(a, 7), rounded(b, 7), out=out)

    library = provider(matmul=product, array=lambda values, device, dtype: values.astype(np.float32),
                       empty=lambda shape, device, dtype: np.empty(shape, np.float32))  # fmt: skip
    assert not matmul.check(replace(asked(dtype="tf32", m=64, k=256, n=64), reseeded=False), library, Path()).equal


def test_every_sample_has_its_products_set_to_its_dtype() -> None:
    """A case in tf32 and one in float32 take turns in one worker."""
    state, seen = ["nothing"], []

    def product(a: NDArray[Any], b: NDArray[Any], out: NDArray[Any]) -> None:
        seen.append(state[0])

    def switch(device: str, dtype: str) -> None:
        state[0] = dtype

    library = provider(matmul=product, set_products=switch,
                       array=lambda values, device, dtype: values.astype(np.float32),
                       empty=lambda shape, device, dtype: np.empty(shape, np.float32))  # fmt: skip
    cases = {name: matmul.prepare(replace(asked(dtype=name), reseeded=False), library, Path())
             for name in ("tf32", "float32")}  # fmt: skip
    for name in ("tf32", "float32", "float32", "tf32"):
        seen.clear()
        timing.sample(cases[name].step, cases[name].synchronize, 3, wake=cases[name].wake)
        assert seen == [name] * 5


@pytest.mark.parametrize(
    ("flops_size", "step_s", "rounds", "slow"),
    [
        (1024, 0.54, 22, True),  # 4 GFLOP/s: float16 on a CPU without it
        (1024, 0.54, 7, False),  # a few seconds
        (1024, 0.01, 30, False),
        (4096, 2.7, 30, False),  # 50 GFLOP/s: large, not slow
        (64, 1e-3, 30, False),
    ],
)
def test_loops_are_told_from_large_products(flops_size: int, step_s: float, rounds: int, slow: bool) -> None:
    assert matmul.too_slow(asked(m=flops_size, k=flops_size, n=flops_size), step_s, rounds) is slow


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (asked("numpy", leading=9), "leading dimension 9: the longest stored row has 33 elements; choose no less"),
        (asked("numpy", dtype="float64", offset=4), "base address 4: expected a multiple of the 8 bytes of an element"),
        (asked("torch", dtype="int8", offset=1), "base address 1: expected a multiple of the 4 bytes of an element"),
        (asked("torch", dtype="int8", stack=2), "torch multiplies plain int8 matrices only, into a contiguous result"),
        (
            asked("torch", dtype="int8", leading=64),
            "torch multiplies plain int8 matrices only, into a contiguous result",
        ),
        (Case("", "", "numpy", "matmul", "numpy", "numpy", {}), None),
    ],
)
def test_what_a_library_cannot_do_is_a_reason(one: Case, reason: str | None) -> None:
    if one.provider == "torch":
        pytest.importorskip("torch")
    assert matmul.unsupported(one) == reason


def test_int8_in_torch_is_tried_out(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    library = libraries.load("torch")
    tried: list[tuple[int, ...]] = []

    def refuse(a: Any, b: Any) -> None:
        tried.append((*a.shape, b.shape[1]))
        if a.shape[1] % 8:
            raise RuntimeError("self.size(1) needs to be a multiple of 8\nmore")

    monkeypatch.setattr(library.torch, "_int_mm", refuse)
    assert matmul.unsupported(asked("torch", "int8", m=1025, k=1024, n=17)) is None
    assert matmul.unsupported(asked("torch", "int8", m=1025, k=1025, n=17)) == (
        "torch._int_mm: self.size(1) needs to be a multiple of 8"
    )
    assert tried == [(65, 64, 17), (65, 65, 17)]


def test_int8_in_torch_is_equal() -> None:
    pytest.importorskip("torch")
    library = libraries.load("torch")
    if reason := library.unsupported("cpu", "int8"):
        pytest.skip(reason)
    for layout in placing.LAYOUTS:
        one = asked("torch", "int8", m=40, k=64, n=24, layout=layout)
        assert matmul.check(one, library, Path()).equal
        prepared = matmul.prepare(one, library, Path())
        assert prepared.wake is not None
        prepared.wake()
        prepared.step()
