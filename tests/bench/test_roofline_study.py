"""The study roofline: peaks, bandwidths and floors, on planted machines."""

from __future__ import annotations

from typing import Any

import pytest

from bench import libraries, plan, workloads
from bench.case import Group
from bench.hardware import Facts
from bench.implementations import Implementation
from bench.studies import Options, memory, roofline
from bench.survey import Survey
from tests.bench.conftest import facts

KIB, MIB = 1 << 10, 1 << 20
CHOSEN = (
    (Implementation("numpy_scratch", "numpy", ""), ""),
    (Implementation("torch_concise", "torch", ""), ""),
    (Implementation("jax_scratch", "jax", "", variants={"eager": {}}), "eager"),
)


KNOWN = facts(
    l1d_size=48 * KIB, l1d_shared_by=1, l2_size=MIB, l2_shared_by=1, l3_size=32 * MIB, l3_shared_by=2
)  # fmt: skip


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make a function that returns the study's groups by name on a machine of planted caches."""

    def make(known: Facts = KNOWN, hardware_threads: int = 2, **options: Any) -> dict[str, Group]:
        monkeypatch.setattr(memory.caches, "probe", lambda: known)
        monkeypatch.setattr(memory, "allowed_threads", lambda: set(range(hardware_threads)))
        found = roofline.groups(Options(implementations=CHOSEN, **{"threads": 2} | options))
        assert len({group.name for group in found}) == len(found)
        return {group.name: group for group in found}

    return make


def sizes(group: Group) -> set[int]:
    return {case.parameters["m"] for case in group.cases}


def test_quick_has_peaks_bandwidths_and_floors(planned: Any) -> None:
    assert set(planned()) == {
        "peak float32 cpu", "peak float64 cpu", "peak bfloat16 cpu", "bandwidth triad cpu",
        "floor 784-1-10 float32 cpu", "floor 784-1-1-1-10 float32 cpu",
        "floor products float32 cpu", "floor products float64 cpu", "floor products bfloat16 cpu",
    }  # fmt: skip


@pytest.mark.parametrize("preset", plan.PRESETS)
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_every_case_has_a_name_of_its_own_and_the_threads_asked_for(planned: Any, preset: str, device: str) -> None:
    cases = [case for group in planned(preset=preset, devices=(device,)).values() for case in group.cases]
    assert len({case.id for case in cases}) == len(cases)
    assert {(case.study, case.device, case.threads) for case in cases} == {("roofline", device, 2)}
    assert all(workloads.work(case).bytes > 0 for case in cases)


def test_every_library_has_a_peak_and_is_compared_with_torch(planned: Any) -> None:
    group = planned()["peak float32 cpu"]
    names = [f"{library} {size}" for library in libraries.names() for size in (768, 1024)]
    assert [case.name for case in group.cases] == [*names, "control"]
    assert (group.baseline, group.case("control").provider) == ("torch 768", "torch")
    product = group.case("numpy 1024")
    assert (product.workload, product.dtype) == ("matmul", "float32")
    assert product.parameters == {"m": 1024, "k": 1024, "n": 1024, "stack": 1}


@pytest.mark.parametrize(("threads", "largest"), [(1, 1024), (2, 1024), (4, 1024), (16, 2048), (128, 4096)])
def test_products_grow_with_the_threads_that_share_them(planned: Any, threads: int, largest: int) -> None:
    assert max(sizes(planned(threads=threads)["peak float32 cpu"])) == largest


def test_a_gpu_is_given_large_products_in_every_preset(planned: Any) -> None:
    for preset in plan.PRESETS:
        assert sizes(planned(preset=preset, devices=("cuda",))["peak bfloat16 cuda"]) == {4096, 8192}


def test_further_presets_have_larger_products_and_every_dtype(planned: Any) -> None:
    found = planned(preset="standard")
    assert sizes(found["peak float64 cpu"]) == {1024, 1536, 2048}
    assert {"peak float16 cpu", "bandwidth copy cpu", "bandwidth triad cpu"} <= set(found)


def test_there_is_a_working_set_in_each_cache_from_the_second_and_one_beyond(planned: Any) -> None:
    group = planned()["bandwidth triad cpu"]
    told = [(case.parameters["level"], case.parameters["capacity"]) for case in group.cases if not case.control]
    assert told == [("l2", 2 * MIB), ("l3", 32 * MIB), ("memory", None)]
    assert [case.name for case in group.cases] == ["1 MiB", "16 MiB", "128 MiB", "control"]
    assert group.baseline == "16 MiB"
    assert {case.worker for case in group.cases} == {"torch", "torch control"}  # no process beside those of the peaks


def test_caches_that_are_alike_are_measured_once_as_the_nearer_one(planned: Any) -> None:
    known = facts(l1d_size=48 * KIB, l2_size=8 * MIB, l3_size=8 * MIB)
    group = planned(known)["bandwidth triad cpu"]
    assert [case.parameters["level"] for case in group.cases] == ["l2", "memory", "l2"]
    assert group.case("4 MiB").parameters["capacity"] == 8 * MIB
    assert group.baseline == "4 MiB"


def test_bandwidth_is_measured_in_float32_whatever_is_asked_for(planned: Any) -> None:
    assert {case.dtype for case in planned(dtypes=("float64",))["bandwidth triad cpu"].cases} == {"float32"}


def test_a_floor_has_next_to_nothing_to_compute_and_is_compared_with_nothing(planned: Any) -> None:
    found = {name: group for name, group in planned().items() if name.startswith("floor")}
    for group in found.values():
        assert group.baseline == ""
        assert not any(case.control for case in group.cases)
        assert max(workloads.work(case).flops for case in group.cases) < 4_000
    names = [case.name for case in found["floor 784-1-10 float32 cpu"].cases]
    assert names == ["numpy_scratch", "torch_concise", "jax_scratch:eager"]
    assert [case.name for case in found["floor products float64 cpu"].cases] == libraries.names()


def test_floors_have_the_depths_and_dtypes_that_are_asked_for(planned: Any) -> None:
    found = planned(depths=(0, 2), dtypes=("float64",))
    assert [name for name in found if "784" in name] == ["floor 784-10 float64 cpu", "floor 784-1-1-10 float64 cpu"]
    assert {case.dtype for case in found["floor 784-10 float64 cpu"].cases} == {"float64"}
    standard = planned(preset="standard")
    assert len([name for name in standard if "784" in name]) == 3


def test_quick_has_the_fewest_rounds_in_all_groups_and_leaves_launches_to_the_preset(planned: Any) -> None:
    slow_starts = Survey(start_s={"torch": 2.0})
    made = plan.make(list(planned().values()), slow_starts, "quick", 0)
    assert made.launches == {"roofline": 5}
    rounds = {entry.group.name: entry.rounds for entry in made.groups}
    assert rounds["peak float32 cpu"] == 22  # whole squares of 11 cases
    assert rounds["bandwidth triad cpu"] == 20
    assert rounds["floor products float32 cpu"] == 10
    assert all(entry.group.launches is None for entry in made.groups)  # else the pilot would not look for slow dtypes
    longer = plan.make(list(planned(preset="standard").values()), Survey(), "standard", 0)
    assert min(entry.rounds for entry in longer.groups) >= 30


def test_a_budget_leaves_quick_alone_and_no_group_out(planned: Any) -> None:
    from bench import budget

    made = plan.make(list(planned().values()), Survey(), "quick", 0)
    assert budget.adjustable(made) == []
    assert len(budget.unsettled(made, 60.0).groups) == len(made.groups)
