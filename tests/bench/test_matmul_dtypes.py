"""Products of int8, tf32 and loops: what the matmul workload counts as equal, and as slow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench import libraries, placing, timing
from bench.case import Case
from bench.workloads import matmul
from tests.bench.loaded import changed
from tests.bench.test_matmul import asked


def whole_numbers(**changes: Any) -> SimpleNamespace:
    """A library of int8 products that NumPy does."""

    def product(a: NDArray[Any], b: NDArray[Any], out: NDArray[Any]) -> None:
        np.matmul(a.astype(np.int32), b.astype(np.int32), out=out)

    return changed(**{"multiplying": lambda dtype: product} | changes)


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

    library = changed(matmul=product, array=lambda values, device, dtype: values.astype(np.float32),
                       empty=lambda shape, device, dtype: np.empty(shape, np.float32))  # fmt: skip
    one = replace(asked(dtype="tf32", m=64, k=k, n=64), reseeded=False)
    assert matmul.check(one, library, Path()).equal
    assert not matmul.check(replace(one, dtype="float32"), library, Path()).equal


def test_fewer_bits_than_tf32s_are_not_equal_in_tf32() -> None:
    def product(a: NDArray[Any], b: NDArray[Any], out: NDArray[Any]) -> None:
        np.matmul(rounded(a, 7), rounded(b, 7), out=out)

    library = changed(matmul=product, array=lambda values, device, dtype: values.astype(np.float32),
                       empty=lambda shape, device, dtype: np.empty(shape, np.float32))  # fmt: skip
    assert not matmul.check(replace(asked(dtype="tf32", m=64, k=256, n=64), reseeded=False), library, Path()).equal


def test_every_sample_has_its_products_set_to_its_dtype() -> None:
    """A case in tf32 and one in float32 take turns in one worker."""
    state, seen = ["nothing"], []

    def product(a: NDArray[Any], b: NDArray[Any], out: NDArray[Any]) -> None:
        seen.append(state[0])

    def switch(device: str, dtype: str) -> None:
        state[0] = dtype

    library = changed(matmul=product, set_products=switch,
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
