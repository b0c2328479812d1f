from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from bench import expectation, expectation_files, worker
from bench.case import Case
from bench.equality import check
from bench.expectation import Inputs
from mlp_impls import Shape
from mlp_impls.numpy_scratch import NumpyModel

SHAPE = Shape(16, (8, 8), 5)
IMAGES = np.random.default_rng(0).random((60, 16), dtype=np.float32)
LABELS = np.arange(60) % 5


def build(shape, weights, *, learning_rate, loss_divisor, device, dtype):
    return NumpyModel(shape, weights, learning_rate, loss_divisor, dtype)


def checked(cache, dtype="float32", build=build):
    settings = {"shape": SHAPE, "dtype": dtype, "device": "cpu", "batch": 6, "learning_rate": 0.1, "seed": 0}
    return check(SimpleNamespace(build=build), {}, images=IMAGES, labels=LABELS, cache=cache, **settings)


def inputs(**changes):
    given = {"shape": SHAPE, "dtype": "float32", "learning_rate": 0.1, "batch": 6, "seed": 0}
    return Inputs.drawn(**given | {"examples": (IMAGES, LABELS)} | changes)


@pytest.fixture
def unbuildable(monkeypatch):
    """Call it, and from then on the reference cannot be built."""

    def forbid():
        def refuse(*arguments, **keywords):
            raise AssertionError("the reference was built")

        monkeypatch.setattr(expectation.numpy_scratch, "build", refuse)

    return forbid


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_a_stored_expectation_gives_the_same_equality_to_the_bit(tmp_path, dtype):
    def single(*arguments, dtype, **keywords):
        return build(*arguments, dtype="float32", **keywords)  # deviates in float64 and in bfloat16

    found = [checked(folder, dtype, single) for folder in (None, tmp_path, tmp_path)]
    assert found[0].deviation > 0
    assert found[1:] == [found[0]] * 2


def test_all_of_an_expectation_comes_back_to_the_bit(tmp_path):
    fresh, stored, loaded = (
        expectation.expectation(inputs(), folder).arrays() for folder in (None, tmp_path, tmp_path)
    )
    for name, array in fresh.items():
        for other in (stored[name], loaded[name]):
            assert other.dtype == array.dtype
            np.testing.assert_array_equal(other, array, strict=True)


def test_a_second_implementation_needs_no_reference(tmp_path, unbuildable):
    first = checked(tmp_path)
    unbuildable()
    assert checked(tmp_path) == first
    with pytest.raises(AssertionError, match="was built"):
        checked(None)


def test_a_stored_expectation_still_finds_out_what_is_wrong(tmp_path):
    def hasty(*arguments, learning_rate, **keywords):
        return build(*arguments, learning_rate=1.001 * learning_rate, **keywords)

    assert checked(tmp_path).equal
    assert not checked(tmp_path, build=hasty).equal


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: b"no archive",
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:2000] + bytes([whole[2000] ^ 1]) + whole[2001:],
    ],
    ids=["empty", "something else", "half of it", "one bit"],
)
def test_a_damaged_file_is_made_anew(tmp_path, unbuildable, damage):
    first = checked(tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    assert checked(tmp_path) == first
    unbuildable()
    assert checked(tmp_path) == first


def test_where_nothing_can_be_written_nothing_is_stored(tmp_path):
    occupied = tmp_path / "file"
    occupied.write_text("")
    assert checked(occupied / "references") == checked(None)


def test_a_folder_holds_no_more_than_its_limit(tmp_path, monkeypatch):
    checked(tmp_path)
    (path,) = tmp_path.iterdir()
    monkeypatch.setattr(expectation_files, "STORED_BYTES", int(1.5 * path.stat().st_size))
    checked(tmp_path, "float64")
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_takes_no_more_than_half_of_what_is_free(tmp_path, monkeypatch):
    monkeypatch.setattr(expectation_files.shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    checked(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("weights", "steps"), [(10**9, 10), (5 * SHAPE.parameters, 5), (1, 2)])
def test_networks_of_many_weights_are_compared_over_fewer_steps_and_it_is_said(weights, steps, monkeypatch):
    monkeypatch.setattr(expectation, "MOST_WEIGHTS", weights)
    found = expectation.expectation(inputs(), None)
    names = [one.name for one in found.results]
    assert f"loss of step {steps}" in names
    assert f"loss of step {steps + 1}" not in names
    assert f"W1 after step {steps}" in names
    assert (f"over {steps} steps" in (found.note or "")) == (steps != expectation.STEPS)


def test_an_update_that_is_left_out_is_seen_in_the_fewest_steps(monkeypatch):
    class NoUpdate(NumpyModel):
        def train_step(self, batch):
            before = [value.copy() for value in self._parameters]
            loss = super().train_step(batch)
            for value, old in zip(self._parameters[:2], before, strict=False):
                value[...] = old
            return loss

    def without_update(shape, weights, *, learning_rate, loss_divisor, device, dtype):
        return NoUpdate(shape, weights, learning_rate, loss_divisor, dtype)

    monkeypatch.setattr(expectation, "MOST_WEIGHTS", 1)
    found = checked(None, build=without_update)
    assert "W1 after step 2" in found.failed


@pytest.mark.parametrize(
    "changes",
    [
        {"dtype": "float64"},
        {"learning_rate": 0.2},
        {"batch": 7},
        {"seed": 1},
        {"shape": Shape(16, (8,), 5)},
        {"examples": (IMAGES / 2, LABELS)},
        {"examples": (IMAGES, LABELS[::-1])},
        {"examples": None},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_other_inputs_have_another_key(changes):
    assert inputs(**changes).key != inputs().key


def test_other_weights_and_other_code_have_another_key(monkeypatch):
    plain = inputs()
    assert replace(plain, weights=[2 * values for values in plain.weights]).key != plain.key
    before = plain.key
    monkeypatch.setattr(expectation.inspect, "getsource", lambda module: "pass")
    assert plain.key != before


def test_a_worker_keeps_it_where_it_is_asked_to(tmp_path):
    parameters = {"inputs": 16, "hidden": [3], "outputs": 5, "batch": 4, "learning_rate": 0.1}
    case = Case("verify", "group", "name", "training_step", "numpy_scratch", "numpy", parameters)
    request = {"case": case.to_json(), "data_dir": str(tmp_path / "no data"), "cache": str(tmp_path / "references")}
    assert worker.Worker().check(request)["equal"]
    assert [path.suffix for path in (tmp_path / "references").iterdir()] == [".npz"]
