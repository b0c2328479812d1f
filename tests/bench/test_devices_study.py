"""The study of both devices: its groups, what becomes of it without a GPU, and from which size on one is faster."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import gpu_telemetry, launch, plan, trends
from bench.case import Case, Group
from bench.launch import Context, Launch, Limits
from bench.plan import Planned
from bench.studies import devices
from bench.survey import Survey
from mlpbench.asked import Asked, groups
from tests.bench.simulated import READY

Row = dict[str, Any]


def asked(**options: Any) -> list[Group]:
    return groups(Asked(studies=("devices",), threads=3, **options), {})


def told(group: Group) -> list[tuple[str, str, str, bool]]:
    return [(case.name, case.workload, case.device, case.control) for case in group.cases]


def test_a_step_is_taken_on_the_cpu_and_on_the_gpu_resident_and_end_to_end() -> None:
    (group,) = asked(width=(64,))
    assert told(group) == [
        ("torch_concise cpu", "training_step", "cpu", False),
        ("torch_concise cuda, resident", "training_step", "cuda", False),
        ("torch_concise cuda, end to end", "transferred_step", "cuda", False),
        ("control", "training_step", "cpu", True),
    ]
    assert group.baseline == "torch_concise cpu"
    assert {case.threads for case in group.cases} == {3}
    assert len({str(case.parameters) for case in group.cases}) == 1
    assert group.cases[0].parameters["hidden"] == [64]


def test_a_product_is_taken_likewise() -> None:
    (group,) = asked(size=(512,))
    assert told(group) == [
        ("torch cpu", "matmul", "cpu", False),
        ("torch cuda, resident", "matmul", "cuda", False),
        ("torch cuda, end to end", "transferred_product", "cuda", False),
        ("control", "matmul", "cpu", True),
    ]
    assert {tuple(case.parameters.values()) for case in group.cases} == {(512, 512, 512, 1)}
    assert all(case.reseeded for case in group.cases)


def test_by_default_there_are_several_sizes_of_both() -> None:
    found = Counter("product" in group.name for group in asked())
    assert found == {False: 5, True: 6}
    assert min(Counter("product" in group.name for group in asked(preset="standard")).values()) == 10
    names = [group.name for group in asked(preset="standard", dtype=("float32", "bfloat16"))]
    assert len(set(names)) == len(names) == 40


def test_an_implementation_is_compared_with_itself_or_with_the_baseline_that_is_named() -> None:
    (own,) = asked(width=(8,), impl=("torch_manual",))
    assert {case.implementation for case in own.cases} == {"torch_manual"}
    found = asked(width=(8,), impl=("torch_cudagraph",), baseline="torch_concise")
    assert [[case.implementation for case in group.cases if not case.control] for group in found] == [
        ["torch_concise", "torch_cudagraph", "torch_cudagraph"],
        ["torch_concise"] * 3,
    ]


def test_depths_and_batches_that_are_asked_for_are_taken() -> None:
    found = asked(width=(8,), depth=(1, 2), batch=(32, 64))
    assert [(len(group.cases[0].parameters["hidden"]), group.cases[0].parameters["batch"]) for group in found] == [
        (1, 32), (1, 64), (2, 32), (2, 64),
    ]  # fmt: skip


@pytest.mark.parametrize(("given", "other"), [((), "cuda"), (("cuda",), "cuda"), (("cpu", "cuda"), "cuda"),
                                              (("cpu",), "cpu")])  # fmt: skip
def test_the_other_device_is_cuda_unless_the_cpu_alone_is_asked_for(given: tuple[str, ...], other: str) -> None:
    (group,) = asked(width=(8,), device=given)
    assert [case.device for case in group.cases] == ["cpu", other, other, "cpu"]
    assert len({case.id for case in group.cases}) == 4


def test_a_rehearsal_is_short() -> None:
    sizes = [case.parameters.get("n", case.parameters.get("hidden", [0])[0]) for group in asked(device=("cpu",))
             for case in group.cases]  # fmt: skip
    assert max(sizes) <= 512


def test_quick_has_the_fewest_launches_and_rounds_that_a_verdict_may_rest_on() -> None:
    survey = Survey()  # every worker starts at once, for which a preset would have more launches
    made = plan.make(asked(), survey, "quick", 0)
    assert made.launches == {"devices": 5}
    assert {planned.rounds for planned in made.groups} == {20}
    standard = plan.make(asked(preset="standard", size=(512, 4096)), survey, "standard", 0)
    assert standard.launches == {"devices": 10}
    assert [planned.rounds for planned in standard.groups] == [32, 20]


# Where one device cannot be used


def refused(device: str, reason: str, groups: list[Group]) -> Survey:
    return Survey(reasons={case.id: reason for group in groups for case in group.cases if case.device == device})


def test_without_a_gpu_nothing_is_measured_and_every_skip_says_why() -> None:
    found = asked()
    made = plan.make(found, refused("cuda", "torch sees no CUDA device", found), "quick", 0)
    assert (made.groups, made.launches) == ([], {})
    assert len(made.skips) == sum(len(group.cases) for group in found)
    reasons = {case.device: reason for case, _, reason in made.skips}
    assert reasons == {
        "cuda": "torch sees no CUDA device",
        "cpu": "nothing to compare it with on cuda: torch sees no CUDA device; run this where cuda can be used",
    }


def test_an_implementation_that_the_cpu_cannot_run_wants_another_baseline() -> None:
    found = asked(width=(8,), impl=("torch_cudagraph",))
    made = plan.make(found, refused("cpu", "torch_cudagraph needs a CUDA device", found), "quick", 0)
    assert made.groups == []
    (reason,) = {reason for case, _, reason in made.skips if case.device == "cuda"}
    assert "on cpu: torch_cudagraph needs a CUDA device" in reason
    assert reason.endswith("--baseline")


def test_one_case_of_the_gpu_is_enough_to_go_on() -> None:
    (group,) = asked(width=(8,))
    lost = group.case("torch_concise cuda, end to end").id
    made = plan.make([group], Survey(reasons={lost: "no"}), "quick", 0)
    assert [case.name for case in made.groups[0].group.cases] == [
        "torch_concise cpu", "torch_concise cuda, resident", "control",
    ]  # fmt: skip


def test_groups_of_one_device_are_skipped_case_by_case_as_ever() -> None:
    (group,) = groups(Asked(("throughput",), impl=("torch_manual",), width=(8,)), {})
    made = plan.make([group], Survey(reasons={group.case("torch_manual").id: "no"}), "quick", 0)
    assert [case.name for case in made.groups[0].group.cases] == ["torch_concise", "control"]


def test_a_gpu_is_not_expected_to_be_as_slow_as_the_cpu() -> None:
    (group,) = asked(size=(4096,))
    survey = Survey(rate=1e11)

    def seconds(device: str) -> float:
        cases = tuple(replace(case, device=device) for case in group.cases)
        return plan.expected_seconds(plan.make([replace(group, cases=cases)], survey, "quick", 0), survey)

    assert seconds("cuda") < seconds("cpu") / 10


# Processes


def test_the_devices_share_no_process() -> None:
    found = {case.name: case.worker for group in asked() for case in group.cases}
    assert found["torch cuda, resident"] == found["torch cuda, end to end"] == "torch cuda"
    assert found["torch cpu"] == "torch"
    assert len({found[name] for name in ("torch cpu", "torch cuda, resident", "torch_concise cpu",
                                         "torch_concise cuda, resident")}) == 4  # fmt: skip


class Folder:
    """Stands for a run's records."""

    def __init__(self) -> None:
        self.samples: list[Row] = []

    def sample(self, record: Row) -> None:
        self.samples.append(record)

    def outcome(self, kind: str, **fields: Any) -> None:
        pass


class Process:
    """Stands for a worker."""

    stopped_cpu_s = 0.0

    def fileno(self) -> int:
        return READY

    def receive(self, limit_s: float) -> Row:
        return {}

    def request(self, message: Row, limit_s: float) -> Row:
        if message["do"] == "sample":
            return {"elapsed_s": 0.007, "telemetry": {}}
        return {"steps": 1, "step_s": 1e-3, "build_s": 0.1}

    def stop(self) -> None:
        pass

    def end(self) -> None:
        pass


class Gpu:
    """Stands for a GPU that NVML knows."""

    def reasons(self) -> int:
        return 0

    def read(self) -> dict[str, float]:
        return {"power_w": 300.0}


def test_memory_is_limited_on_the_cpu_alone_and_telemetry_is_the_gpus_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: dict[str, int | None] = {}

    def spawn(case: Case, cache: Path, memory: int | None) -> Process:
        limits[case.worker] = memory
        return Process()

    monkeypatch.setattr(launch, "spawn", spawn)
    monkeypatch.setattr(gpu_telemetry, "of", lambda case: Gpu() if case.device == "cuda" else None)
    folder, (group,) = Folder(), asked(width=(8,))
    context = Context(folder, Limits(memory_bytes=7), Path(), Path(), 0.0)  # type: ignore[arg-type]
    with Launch(context, [Planned(group, 4)], np.random.default_rng(0), 0) as made:
        made.run()
    assert limits == {"torch_concise": 7, "torch_concise cuda": None, "torch_concise control": 7}
    by_case = {sample["case"].rpartition("/")[2]: "power_w" in sample["telemetry"] for sample in folder.samples}
    assert by_case == {
        "torch_concise cpu": False, "torch_concise cuda, resident": True, "torch_concise cuda, end to end": True,
        "control": False,
    }  # fmt: skip


# From which size on


def row(size: int, verdict: str, *, transfers: bool = False, marked: bool = False, **other: Any) -> Row:
    return {
        "study": devices.STUDY, "control": False, "device": "cuda", "dtype": "float32", "threads": 2, "batch": 256,
        "depth": 1, "implementation": "torch_concise", "baseline": "torch_concise cpu", "width": size, "n": None,
        "verdict": verdict, "transfers": transfers, "marked": marked,
    } | other  # fmt: skip


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (("slower", "equivalent", "faster", "faster"), 256),
        (("faster",) * 4, 16),
        (("slower", "slower", "slower", "faster"), 1024),
        (("faster", "faster", "inconclusive", "faster"), 1024),
        (("faster", "faster", "faster", "equivalent"), None),
        (("slower",) * 4, None),
    ],
)
def test_the_size_is_the_least_from_which_on_every_verdict_is_faster(
    verdicts: tuple[str, ...], expected: int | None
) -> None:
    sizes = (16, 64, 256, 1024)
    (found,) = trends.device_crossovers([row(*pair) for pair in zip(sizes, verdicts, strict=True)])
    assert (found["size"], found["sizes"]) == (expected, list(sizes))


def test_transfers_implementations_and_products_are_told_apart() -> None:
    compared = [
        row(16, "faster"), row(16, "slower", transfers=True), row(16, "slower", implementation="torch_manual"),
        row(0, "faster", width=None, n=512, batch=None, depth=None, implementation="torch", baseline="torch cpu"),
        row(16, "slower", study="throughput"), row(16, "slower", control=True),
    ]  # fmt: skip
    found = {(one["kind"], one["implementation"], one["transfers"]): one["size"]
             for one in trends.device_crossovers(compared)}  # fmt: skip
    assert found == {
        ("training step", "torch_concise", False): 16,
        ("training step", "torch_concise", True): None,
        ("training step", "torch_manual", False): None,
        ("product", "torch", False): 512,
    }


def test_sizes_whose_control_failed_are_named() -> None:
    (found,) = trends.device_crossovers([row(16, "faster"), row(64, "faster", marked=True)])
    assert found["marked"] == [64]
