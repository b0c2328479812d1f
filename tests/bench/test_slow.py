"""What is too slow for a verdict costs a few steps; what is certain to be slow, none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bench import timing
from bench.case import TOO_SLOW, Case
from bench.launch import Limits
from bench.slow import Slow

RATES = {"float16": 4e9, "float32": 200e9}  # FLOP/s of a CPU that has no float16 arithmetic


class Folder:
    """Keeps what is put on record."""

    def __init__(self) -> None:
        self.outcomes: list[dict[str, Any]] = []

    def outcome(self, kind: str, **fields: Any) -> None:
        self.outcomes.append({"kind": kind} | fields)


class Pilot:
    """Stands for a pilot launch and its context: calibrates a case at the rate of its dtype, and counts."""

    def __init__(self) -> None:
        self.context, self.folder, self.limits = self, Folder(), Limits()
        self.retired: dict[str, str] = {}
        self.tried: list[str] = []
        self.slow = Slow()

    def calibrate(self, case: Case) -> dict[str, Any]:
        self.tried.append(f"{case.dtype} {case.name}")
        size = int(case.parameters["m"])
        return {"steps": 1, "step_s": 2 * size**3 / RATES[case.dtype], "warm_up_steps": 1}

    def retire(self, case: Case, kind: str, reason: str, **fields: Any) -> None:
        self.retired[case.id] = reason
        self.folder.outcome(kind, case=case.id, reason=reason, **fields)

    def take(self, case: Case, rounds: int) -> bool:
        """Do with a case what the runner does; return whether it is left."""
        launch: Any = self
        if not self.slow.foresee(launch, case, rounds):
            self.slow.find(launch, case, rounds)
        return case.id not in self.retired


def product(size: int, dtype: str = "float16", **changes: Any) -> Case:
    sizes = dict.fromkeys("mkn", size) | {"stack": 1}
    return replace(Case("alignment", f"torch {dtype}", str(size), "matmul", "torch", "torch", sizes, dtype=dtype),
                   **changes)  # fmt: skip


def test_a_slow_dtype_is_found_once_and_foreseen_everywhere_else() -> None:
    pilot = Pilot()
    sizes = (1024, 1025, 1032, 1020, 2048, 4096)
    assert [pilot.take(product(size), 22 if size < 4096 else 4) for size in sizes] == [False] * 6
    assert pilot.tried == ["float16 1024"]
    assert pilot.retired[product(1024).id] == TOO_SLOW
    assert pilot.retired[product(4096).id] == (
        "not tried: at the rate of torch float16, 1024, a step would take about 34 s"
    )
    first, second, *_ = pilot.folder.outcomes
    assert (first["kind"], first["too_slow"], first["step_s"]) == ("calibration", True, pytest.approx(0.537, rel=0.01))
    assert (second["kind"], second["too_slow"], second["step_s"]) == ("calibration", True, None)


def test_small_products_of_a_slow_dtype_are_measured() -> None:
    pilot = Pilot()
    assert [pilot.take(product(size), 22) for size in (1024, 64)] == [False, True]


@pytest.mark.parametrize(
    "other", [product(1024, "float32"), product(1024, device="cuda"), product(1024, provider="jax", framework="jax")]
)
def test_nothing_is_foreseen_of_another_dtype_device_or_library(other: Case) -> None:
    pilot = Pilot()
    pilot.take(product(1024), 22)
    pilot.take(other, 22)
    assert len(pilot.tried) == 2


def test_what_is_merely_large_foretells_nothing() -> None:
    """At 200 GFLOP/s, 13,000 takes 22 s, over the limit of a launch; the next one may be smaller."""
    pilot = Pilot()
    assert [pilot.take(product(size, "float32"), 30) for size in (13_000, 1024)] == [False, True]
    assert pilot.retired == {product(13_000, "float32").id: TOO_SLOW}


@pytest.mark.parametrize("rounds", [22, 30, 44])
def test_the_float16_of_this_cpu_is_too_slow_in_every_preset(rounds: int) -> None:
    assert not Pilot().take(product(1024), rounds)


def test_a_long_step_is_taken_four_times_before_it_is_known_to_be_slow() -> None:
    """Once when it is built, once when it is checked, once to warm it up, once to time it."""
    now, steps = [0.0], 0

    def step() -> None:
        nonlocal steps
        steps += 1
        now[0] += 0.54

    def clock() -> float:
        return now[0]

    step()
    step()
    timing.warm_up(step, lambda: None, clock)
    timing.calibrate(step, lambda: None, clock, lambda: None)
    assert steps == 4
