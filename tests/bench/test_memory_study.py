"""The study memory: which working sets, on how many threads, in which libraries."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from bench import plan
from bench.case import Group
from bench.hardware import Facts
from bench.studies import Options, memory
from bench.survey import Survey
from bench.workloads import memory_sweep
from tests.bench.conftest import facts

KIB, MIB = 1 << 10, 1 << 20


KNOWN = facts(
    l1d_size=48 * KIB, l1d_shared_by=2, l2_size=2 * MIB, l2_shared_by=2, l3_size=32 * MIB, l3_shared_by=16
)  # fmt: skip


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make a function that returns the study's groups on a planted machine of 8 cores with two threads each."""

    def make(known: Facts = KNOWN, hardware_threads: int = 16, **options: Any) -> list[Group]:
        monkeypatch.setattr(memory.caches, "probe", lambda: known)
        monkeypatch.setattr(memory, "allowed_threads", lambda: set(range(hardware_threads)))
        return memory.groups(Options(**options))

    return make


def sizes(group: Group) -> list[int]:
    return [case.parameters["working_set"] for case in group.cases if not case.control]


def test_private_caches_count_per_core_and_shared_ones_once() -> None:
    one, _ = memory.capacities(KNOWN, 1, 16)
    eight, assumed = memory.capacities(KNOWN, 8, 16)
    assert one == {"l1d": 48 * KIB, "l2": 2 * MIB, "l3": 32 * MIB}
    assert eight == {"l1d": 8 * 48 * KIB, "l2": 16 * MIB, "l3": 32 * MIB}
    assert assumed == []


def test_threads_over_several_last_caches_have_them_all() -> None:
    levels, _ = memory.capacities(KNOWN, 16, 64)
    assert levels["l3"] == 4 * 32 * MIB
    levels, _ = memory.capacities(KNOWN, 2, 64)
    assert levels["l3"] == 2 * 32 * MIB


def test_a_cache_of_unknown_sharing_counts_once() -> None:
    levels, _ = memory.capacities(facts(l2_size=4 * MIB), 8, 8)
    assert levels["l2"] == 4 * MIB


def test_what_is_not_known_is_assumed_and_said(planned: Any) -> None:
    groups = planned(facts(l1d_size=64 * KIB, l2_size=MIB), threads=1)
    assert {tuple(case.parameters["assumed_caches"]) for group in groups for case in group.cases} == {("l3",)}
    assert {tuple(case.parameters["assumed_caches"]) for group in planned(threads=1) for case in group.cases} == {()}


def test_quick_has_one_working_set_within_each_cache_from_the_second_and_one_beyond(planned: Any) -> None:
    group = planned(threads=1)[0]
    assert [case.name for case in group.cases] == ["1 MiB", "16 MiB", "128 MiB", "control"]
    assert sizes(group) == [MIB, 16 * MIB, 128 * MIB]


@pytest.mark.parametrize(("preset", "per_octave"), [("standard", 1), ("thorough", 2)])
def test_further_presets_have_evenly_spaced_working_sets(planned: Any, preset: str, per_octave: int) -> None:
    groups = planned(preset=preset, threads=1)
    assert groups
    for group in groups:
        found = sizes(group)
        ratios = [after / before for before, after in pairwise(found)]
        assert all(ratio == pytest.approx(2 ** (1 / per_octave), rel=0.05) for ratio in ratios)
        assert (found[0], found[-1]) == (24 * KIB, 128 * MIB // 192 * 192 if "triad" in group.name else 128 * MIB)


def test_quick_has_the_fewest_launches_and_rounds_and_the_others_what_their_preset_says(planned: Any) -> None:
    survey = Survey()  # every worker starts at once, for which a preset would have more launches
    quick = plan.make(planned(threads=2), survey, "quick", 0)
    assert {entry.rounds for entry in quick.groups} == {20}
    assert quick.launches == {"memory": 5}
    standard = plan.make(planned(threads=2, preset="standard"), survey, "standard", 0)
    assert min(entry.rounds for entry in standard.groups) >= 30


def test_every_array_is_whole_cache_lines(planned: Any) -> None:
    groups = planned(preset="thorough", threads=8)
    assert groups
    for group in groups:
        for case in group.cases:
            assert memory_sweep.work(case).bytes == case.parameters["working_set"]
            assert 4 * memory_sweep.elements(case) % 64 == 0


def test_the_baseline_is_the_largest_that_half_the_last_cache_holds(planned: Any) -> None:
    for preset in ("quick", "standard", "thorough"):
        groups = planned(preset=preset, threads=1)
        assert groups
        for group in groups:
            base = group.case(group.baseline).parameters["working_set"]
            assert base <= 16 * MIB
            assert all(size <= base or size > 16 * MIB for size in sizes(group))
            assert group.cases[-1].control


def test_quick_takes_one_thread_and_all(planned: Any) -> None:
    found = {(case.threads, case.parameters["kernel"]) for group in planned(threads=8) for case in group.cases}
    one = {(1, kernel) for kernel in ("copy", "read", "write", "triad")}
    assert found == one | {(8, "triad")}


def test_one_core_is_measured_once(planned: Any) -> None:
    names = [group.name for group in planned(threads=1)]
    assert len(names) == len(set(names)) == 4


@pytest.mark.parametrize(
    ("most", "counts"),
    [(1, {1}), (2, {1, 2}), (6, {1, 2, 3, 4, 5, 6}), (48, {1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 48})],
)
def test_standard_takes_all_numbers_of_threads_while_they_are_few(planned: Any, most: int, counts: set[int]) -> None:
    groups = planned(preset="standard", threads=most, hardware_threads=2 * most)
    assert {case.threads for group in groups for case in group.cases if case.provider == "torch"} == counts


def test_numpy_has_one_thread_and_no_triad(planned: Any) -> None:
    cases = [case for group in planned(preset="standard", threads=4) for case in group.cases]
    own = [case for case in cases if case.provider == "numpy"]
    assert {case.parameters["kernel"] for case in own} == {"copy", "read", "write"}
    assert {case.threads for case in own} == {1}


def test_each_number_of_threads_has_a_process_of_its_own(planned: Any) -> None:
    cases = [case for group in planned(preset="standard", threads=2) for case in group.cases]
    threads = {}
    for case in cases:
        assert threads.setdefault(case.worker, case.threads) == case.threads
    assert len(threads) == 6  # torch with one and with two, NumPy, and the control of each


def test_a_gpu_is_swept_by_torch_alone_with_assumed_sizes(planned: Any) -> None:
    groups = planned(devices=("cuda",), preset="standard", threads=4)
    cases = [case for group in groups for case in group.cases]
    assert {case.provider for case in cases} == {"torch"}
    assert {tuple(case.parameters["assumed_caches"]) for case in cases} == {("l2",)}
    assert max(case.parameters["working_set"] for case in cases) > 200 * MIB
    assert "torch triad float32 cuda" in {group.name for group in groups}  # no threads of the host's
