"""The study of what operands hold: its cases differ in that alone, and each kind is what it is called."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench import values
from bench.studies import Options, data_effect
from bench.workloads import work

CPU, CUDA = (Options(devices=(device,), preset="standard") for device in ("cpu", "cuda"))


@pytest.mark.parametrize("options", [CPU, CUDA])
def test_cases_of_a_group_differ_in_their_operands_alone(options: Options) -> None:
    found = data_effect.groups(options)
    assert {group.cases[0].dtype for group in found} == set(data_effect.DTYPES[options.devices[0]])
    for group in found:
        assert len(group.cases) > 2
        base = group.case(group.baseline)
        for case in group.cases:
            alike = replace(case, name=base.name, control=False, parameters=base.parameters)
            assert alike == base
            assert {**case.parameters, "operands": None} == {**base.parameters, "operands": None}
        assert len({case.parameters["operands"] for case in group.cases}) == len(group.cases) - 1  # the control's


def test_random_operands_are_the_baseline() -> None:
    assert {group.baseline for group in data_effect.groups(CPU)} == {"normal"}
    baselines = {group.case(group.baseline).dtype: group.baseline for group in data_effect.groups(CUDA)}
    assert baselines.pop("int8") == "bytes"
    assert set(baselines.values()) == {"normal"}


def test_on_a_cpu_it_is_1024_and_on_cuda_4096_and_8192_in_every_dtype() -> None:
    found = {(group.cases[0].parameters["m"], group.cases[0].dtype) for group in data_effect.groups(CUDA)}
    assert found == {(size, dtype) for size in (4096, 8192) for dtype in data_effect.DTYPES["cuda"]}
    found = {(group.cases[0].parameters["m"], group.cases[0].dtype) for group in data_effect.groups(CPU)}
    assert found == {(1024, dtype) for dtype in data_effect.DTYPES["cpu"]}


def test_quick_takes_what_is_slow_to_draw_or_to_multiply_in_one_dtype() -> None:
    found = data_effect.groups(replace(CUDA, preset="quick"))
    assert [group.name for group in found if " 8192 " in group.name] == ["torch 8192 bfloat16 cuda"]
    assert len(found) == len(data_effect.DTYPES["cuda"]) + 1
    assert [group.name for group in data_effect.groups(replace(CPU, preset="quick"))] == ["torch 1024 float32 cpu"]


def test_sizes_and_dtypes_asked_for_are_taken() -> None:
    found = data_effect.groups(replace(CUDA, preset="quick", sizes=(64, 8192), dtypes=("float16",)))
    assert [group.name for group in found] == ["torch 64 float16 cuda", "torch 8192 float16 cuda"]


def test_on_cuda_products_are_replayed_in_long_samples_and_on_a_cpu_not() -> None:
    (cpu, *_), (cuda, *_) = data_effect.groups(CPU), data_effect.groups(CUDA)
    assert cuda.cases[0].parameters.items() >= {"clock": "device", "sample_s": 0.1}.items()
    assert not {"clock", "sample_s"} & set(cpu.cases[0].parameters)


def test_operands_cost_no_flops() -> None:
    assert {work(case).flops for case in data_effect.groups(CPU)[0].cases} == {2 * 1024**3}


def drawn(kind: str) -> np.ndarray:
    found = values.drawn(kind, np.random.default_rng(0), (200, 300))
    assert (found.shape, found.dtype) == ((200, 300), np.float64)
    return found


def test_normal_values_have_mean_0_and_variance_1() -> None:
    found = drawn("normal")
    assert abs(found.mean()) < 0.02
    assert found.var() == pytest.approx(1, abs=0.02)


def test_uniform_values_fill_the_unit_interval() -> None:
    found = drawn("uniform")
    assert 0 <= found.min() < 0.001
    assert 0.999 < found.max() < 1


@pytest.mark.parametrize(("kind", "most"), [("integers", 4), ("bytes", 127)])
def test_whole_numbers_reach_as_far_down_as_up(kind: str, most: int) -> None:
    assert set(np.unique(drawn(kind))) == set(range(-most, most + 1))


@pytest.mark.parametrize(("kind", "value"), [("ones", 1), ("zeros", 0)])
def test_constants_are_constant(kind: str, value: int) -> None:
    assert np.all(drawn(kind) == value)


def test_a_kind_there_is_none_of_is_an_error() -> None:
    with pytest.raises(ValueError, match="operands 'gauss': expected one of normal, uniform"):
        drawn("gauss")
