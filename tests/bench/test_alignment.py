"""The groups of the alignment study."""

from __future__ import annotations

import pytest

from bench import columns, libraries
from bench.case import Case, Group
from bench.studies import Options, alignment


def side_by_side(options: Options) -> list[Group]:
    return [group for group in alignment.groups(options) if group.name.startswith("libraries ")]


def test_all_libraries_multiply_the_same_in_one_group_against_torch() -> None:
    (group,) = side_by_side(Options())
    assert [case.name for case in group.cases] == [*libraries.names(), "control"]
    assert [case.provider for case in group.cases] == [*libraries.names(), "torch"]
    assert (group.name, group.baseline) == ("libraries matmul float32 cpu", "torch")
    (parameters,) = {tuple(case.parameters.items()) for case in group.cases}
    assert dict(parameters) == {"m": 1024, "k": 1024, "n": 1024, "stack": 1}


def test_each_device_has_its_own() -> None:
    assert [group.cases[0].device for group in side_by_side(Options(devices=("cpu", "cuda")))] == ["cpu", "cuda"]


def test_it_needs_no_worker_that_the_other_groups_do_not_have() -> None:
    groups = alignment.groups(Options())
    (group,) = side_by_side(Options())
    others = {case.worker for other in groups if other != group for case in other.cases}
    assert {case.worker for case in group.cases} <= others


@pytest.mark.parametrize("options", [Options(sizes=(64,)), Options(dtypes=("float64",))])
def test_where_something_else_is_asked_for_there_is_none(options: Options) -> None:
    assert side_by_side(options) == []


def row(name: str, case: str) -> dict[str, object]:
    group = next(group for group in alignment.groups(Options(preset="standard")) if group.name == name)
    found = columns.identity(group.case(case), group)
    return {column: found[column] for column in ("layout", "leading", "offset", "batched")}


def test_rows_say_how_operands_lie() -> None:
    usual = {"layout": "NN", "leading": None, "offset": None, "batched": False}
    assert row("torch matmul float32 cpu", "1025") == usual
    assert row("torch matmul float32 cpu, layouts", "1025 TN") == usual | {"layout": "TN"}
    assert row("torch causes float32 cpu", "1025 in 1041 at 4") == usual | {"leading": 1041, "offset": 4}
    assert row("torch batched float32 cpu", "1024") == usual | {"batched": True}


def test_rows_of_other_workloads_say_nothing_of_it() -> None:
    case = Case("throughput", "g", "c", "training_step", "torch_concise", "torch", {"hidden": [8], "inputs": 4,
                                                                                  "outputs": 2})  # fmt: skip
    found = columns.identity(case, Group("throughput", "g", (case,), "c"))
    assert [found[column] for column in ("layout", "leading", "offset", "batched")] == [None] * 4


@pytest.mark.parametrize("preset", ["quick", "standard", "thorough"])
def test_on_a_gpu_products_are_replayed_where_the_library_can_and_all_of_a_group_alike(preset: str) -> None:
    groups = alignment.groups(Options(preset=preset, devices=("cpu", "cuda")))
    clocks = {group.name: {case.parameters.get("clock") for case in group.cases} for group in groups}
    assert all(len(found) == 1 for found in clocks.values())
    replayed = {name for name, (clock,) in clocks.items() if clock == "device"}
    expected = {
        group.name for group in groups
        if (group.cases[0].provider, group.cases[0].device) == ("torch", "cuda")
        if not group.name.startswith("libraries ")
    }  # fmt: skip
    assert replayed == expected
    assert any(", base 4096" in name for name in replayed)
