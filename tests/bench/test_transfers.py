"""Steps that begin and end in the host's memory: what is handed over, in which order, and what the checks find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench import columns, libraries, roofline, workloads
from bench.case import Case, Group
from bench.workloads import Prepared, matmul, training_step, transferred_product, transferred_step
from mlp_impls import numpy_scratch

numpy_library = libraries.load("numpy")
NETWORK = {"inputs": 16, "hidden": [6], "outputs": 10, "batch": 8, "learning_rate": 0.1}
SIZES = {"m": 17, "k": 33, "n": 9, "stack": 1}


def training(**more: Any) -> Case:
    return Case("devices", "g", "c", "transferred_step", "numpy_scratch", "numpy", NETWORK, **more)


def product(library: str = "numpy", **more: Any) -> Case:
    return Case("devices", "g", "c", "transferred_product", library, library, SIZES, **more)


class Diary:
    """Notes what a model, or a library, is asked for, and does it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []

    def noted(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def asked(*arguments: Any) -> Any:
            self.calls.append((name, arguments))
            return call(*arguments)

        return asked

    def implementation(self) -> SimpleNamespace:
        def build(*arguments: Any, **keywords: Any) -> Any:
            model = numpy_scratch.build(*arguments, **keywords)
            names = ("place", "train_step", "read", "synchronize")
            return SimpleNamespace(graph="none", **{name: self.noted(name, getattr(model, name)) for name in names})

        return SimpleNamespace(build=build, VARIANTS={})

    def library(self) -> SimpleNamespace:
        noted = {name: self.noted(name, getattr(numpy_library, name)) for name in ("array", "empty", "copy", "matmul")}
        return provider(**noted)

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.calls]


def provider(**changes: Any) -> SimpleNamespace:
    return SimpleNamespace(**{name: getattr(numpy_library, name) for name in numpy_library.__all__} | changes)


# A training step


def test_each_step_places_its_batch_trains_and_reads_the_loss(images: Path) -> None:
    diary = Diary()
    prepared: Prepared = transferred_step.prepare(training(), diary.implementation(), images)
    assert diary.calls == []  # nothing lies on the device before
    losses = [prepared.step() for _ in range(training_step.RESIDENT_BATCHES + 1)]
    assert diary.names == ["place", "train_step", "read"] * (training_step.RESIDENT_BATCHES + 1)
    assert all(isinstance(loss, float) for loss in losses)
    batches = [arguments for name, arguments in diary.calls if name == "place"]
    assert all(pixels.shape == (8, 16) and pixels.dtype == np.float32 for pixels, _ in batches)
    distinct = {pixels.tobytes() for pixels, _ in batches}
    assert len(distinct) == training_step.RESIDENT_BATCHES
    np.testing.assert_array_equal(batches[-1][0], batches[0][0])


def test_it_trains_on_the_batches_that_are_resident_elsewhere(images: Path) -> None:
    apart, resident = Diary(), Diary()
    transferred = transferred_step.prepare(training(), apart.implementation(), images)
    training_step.prepare(training(), resident.implementation(), images)
    for _ in range(training_step.RESIDENT_BATCHES):
        transferred.step()
    placed = [[given for name, given in diary.calls if name == "place"] for diary in (apart, resident)]
    for (own, labels), (other, other_labels) in zip(*placed, strict=True):
        np.testing.assert_array_equal(own, other)
        np.testing.assert_array_equal(labels, other_labels)


def test_synchronise_is_the_models(images: Path) -> None:
    diary = Diary()
    transferred_step.prepare(training(), diary.implementation(), images).synchronize()
    assert diary.names == ["synchronize"]


def test_an_implementation_that_is_wrong_is_not_equal(images: Path) -> None:
    def build(*arguments: Any, learning_rate: float, **keywords: Any) -> Any:
        return numpy_scratch.build(*arguments, learning_rate=1.01 * learning_rate, **keywords)

    assert transferred_step.check(training(), numpy_scratch, images).equal
    assert not transferred_step.check(training(), SimpleNamespace(build=build), images).equal


# A product


def test_each_step_copies_operands_there_multiplies_and_copies_the_result_back() -> None:
    diary = Diary()
    prepared = transferred_product.prepare(product(), diary.library(), Path())
    placed = len(diary.calls)
    assert "copy" not in diary.names
    prepared.step()
    prepared.step()
    there, other, multiplied, back = diary.calls[placed : placed + 4]
    assert diary.names[placed:] == ["copy", "copy", "matmul", "copy"] * 2
    (host_a, a), (host_b, b), (host_out,) = there[1], other[1], back[1][1:]
    assert all(one is two for one, two in zip(multiplied[1], (a, b, back[1][0]), strict=True))
    wanted = matmul.operands(product())
    for given, on_host in zip(wanted, (host_a, host_b), strict=True):
        np.testing.assert_array_equal(on_host, given.astype(np.float32))
    np.testing.assert_allclose(host_out, wanted[0] @ wanted[1], atol=1e-4)
    assert not any(np.shares_memory(one, two) for one, two in ((host_a, a), (host_b, b), (host_out, back[1][0])))


def test_operands_and_result_are_on_the_host_and_room_is_on_the_device() -> None:
    diary = Diary()
    transferred_product.prepare(product(device="cuda"), diary.library(), Path())
    asked = [(name, *(one for one in arguments if isinstance(one, str))) for name, arguments in diary.calls]
    assert (
        sorted(asked)
        == [("array", "cpu", "float32")] * 2 + [("empty", "cpu", "float32")] + [("empty", "cuda", "float32")] * 3
    )


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_libraries_hand_back_is_equal(library: str, dtype: str) -> None:
    if library == "torch":
        pytest.importorskip("torch")
    assert transferred_product.check(product(library, dtype=dtype), libraries.load(library), Path()).equal


class Forgetful:
    """Copies all but the n-th time."""

    def __init__(self, forgotten: int) -> None:
        self.left = forgotten

    def copy(self, source: Any, target: Any) -> None:
        self.left -= 1
        if self.left != -1:
            np.copyto(target, source)


@pytest.mark.parametrize("forgotten", [0, 1, 2])
def test_what_is_not_handed_over_is_found(forgotten: int) -> None:
    assert transferred_product.check(product(), provider(copy=Forgetful(9).copy), Path()).equal
    assert not transferred_product.check(product(), provider(copy=Forgetful(forgotten).copy), Path()).equal


def test_what_lay_on_the_device_before_passes_for_nothing() -> None:
    """An allocator may hand out what operands were in a moment ago."""
    given = iter([*matmul.operands(product()), np.zeros((17, 9))])

    def empty(shape: tuple[int, ...], device: str, dtype: str) -> Any:
        return next(given).astype(dtype) if device == "cuda" else np.zeros(shape, dtype)

    forgetful = provider(empty=empty, copy=Forgetful(0).copy)
    assert not transferred_product.check(product(device="cuda"), forgetful, Path()).equal


def test_an_operand_that_is_not_what_was_given_is_named() -> None:
    ones = provider(array=lambda values, device, dtype: np.ones(values.shape, dtype))
    assert transferred_product.check(product(), ones, Path()).worst == "operand a"


def test_a_library_that_cannot_copy_is_unsupported(monkeypatch: pytest.MonkeyPatch) -> None:
    assert transferred_product.unsupported(product()) is None
    monkeypatch.setattr(libraries, "load", lambda name: SimpleNamespace(matmul=numpy_library.matmul))
    assert "cannot copy" in (transferred_product.unsupported(product()) or "")


# Both


def test_work_is_that_of_what_is_done_between_the_transfers() -> None:
    for case, name in ((training(), "training_step"), (product(), "matmul")):
        assert workloads.work(case) == workloads.work(replace(case, workload=name))


def test_rows_say_that_there_are_transfers_and_are_held_against_no_roof() -> None:
    for case, name in ((training(), "training_step"), (product(), "matmul")):
        both = (case, replace(case, workload=name))
        rows = [columns.identity(one, Group("devices", "g", (one,), "c")) for one in both]
        assert [row["transfers"] for row in rows] == [True, False]
    figures = {"flops": 1e9, "bytes": 1e6, "time_s": 0.02, "time_low": 0.02, "time_high": 0.02, "threads": 1,
               "throughput_unit": "FLOP/s", "arithmetic_intensity": 1e3}  # fmt: skip
    same = {"device": "cpu", "dtype": "float32", "threads": 1, "low": None, "high": None}
    limits = {"peaks": [same | {"flop_rate": 1e11}], "roofs": [same | {"bandwidth": 1e12, "capacity": None}],
              "floors": []}  # fmt: skip
    found = [roofline.place(row | figures, limits)["percent_of_attainable"] for row in rows]
    assert found == [None, pytest.approx(50)]
