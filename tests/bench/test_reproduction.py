"""Verdicts on published effects, from comparisons of known truth."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench import comparisons, reproduction
from bench.case import Case, Group
from bench.plan import Plan, Planned
from bench.published_effects import CONTROL, EFFECTS, FLOP, PRODUCT, TABLE, Effect, Product
from bench.studies import Options
from bench.studies import reproduction as study
from bench.workloads import work

Row = dict[str, Any]

MARGIN = 0.02
LAUNCHES, ROUNDS = 6, 24
FACTS = {"cpu": {"brand": {"value": "Planted 9000"}}, "gpu": {"gpu0_name": {"value": "NVIDIA H200"}}}
FIVE, SIX = Product("m 5", 5, 64, 8, "float32"), Product("m 6", 6, 64, 8, "float32")
PUBLISHED = Effect("planted", "a/b#1", "H100", "cpu", "numpy", FIVE, SIX, 4.0, PRODUCT, "told")


def groups_of(effect: Effect) -> Group:
    return study._group(Options(), effect)


def rows_of(effect: Effect, ratio: float, monkeypatch: pytest.MonkeyPatch, noise: float = 0.003,
            control: float = 1.0, launches: int = LAUNCHES, lost: dict[str, tuple[str, str]] | None = None,
            skipped: str = "") -> list[Row]:  # fmt: skip
    """What is derived of an effect whose case takes so many times as long a product as its baseline does."""
    monkeypatch.setattr(reproduction, "EFFECTS", (effect,))
    group = groups_of(effect)
    generator = np.random.default_rng(3)

    def times(factor: float) -> np.ndarray[Any, np.dtype[np.float64]]:
        between = np.exp(noise * generator.standard_normal((launches, 1)))
        found: np.ndarray[Any, np.dtype[np.float64]] = (
            1e-3 * factor * between * np.exp(1e-4 * generator.standard_normal((launches, ROUNDS)))
        )
        return found

    factors = {effect.case.name: ratio, effect.baseline.name: 1.0, "control": control}
    measured = {case.id: times(factors[case.name]) for case in group.cases}
    planned = [Planned(group, ROUNDS)]
    compared = comparisons.compare(planned, measured, {}, lost or {}, MARGIN)
    skips = [(case, group.baseline, skipped) for case in group.cases] if skipped else []
    plan = Plan(0, {study.STUDY: launches}, [] if skipped else planned, skips)
    derived = reproduction.derive(plan, [] if skipped else compared, lost or {}, MARGIN, FACTS)
    found: list[Row] = derived[TABLE]
    return found


@pytest.mark.parametrize(
    ("ratio", "verdict"),
    [(4.0, "reproduced"), (9.0, "reproduced"), (2.1, "reproduced"), (1.9, "weaker"), (1.1, "weaker"), (1.0, "gone"),
     (0.8, "reversed")],
)  # fmt: skip
def test_an_effect_is_judged_by_what_it_is_here(ratio: float, verdict: str, monkeypatch: pytest.MonkeyPatch) -> None:
    [row] = rows_of(PUBLISHED, ratio, monkeypatch)
    assert row["verdict"] == verdict
    assert row["ci_low"] < ratio < row["ci_high"]
    assert row["share"] == pytest.approx(math.log(ratio) / math.log(4), abs=0.01)
    assert row["launches"] == LAUNCHES


def test_as_long_a_product_of_fewer_rows_is_no_effect_per_product_and_one_per_flop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """5 rows that take as long as 6 are 1.2 times as slow per FLOP, which nobody published."""
    per_product = replace(PUBLISHED, ratio=1.3)
    assert rows_of(per_product, 1.0, monkeypatch)[0]["verdict"] == "gone"
    [row] = rows_of(replace(per_product, per=FLOP), 1.0, monkeypatch)
    assert row["verdict"] == "reproduced"
    assert row["ratio"] == pytest.approx(1.2, rel=0.01)


def test_moving_the_scale_moves_the_interval_as_a_whole() -> None:
    medians = [0.1, 0.12, 0.09, 0.11, 0.1]
    per_flop = reproduction.compared(replace(PUBLISHED, per=FLOP), medians)
    per_product = reproduction.compared(PUBLISHED, medians)
    for name in ("ratio", "ci_low", "ci_high"):
        assert getattr(per_product, name) == pytest.approx(getattr(per_flop, name) * 5 / 6)
    assert per_product.deviation == pytest.approx(per_flop.deviation)


def test_without_a_published_figure_the_direction_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    [row] = rows_of(replace(PUBLISHED, ratio=None), 1.1, monkeypatch)
    assert row["verdict"] == "reproduced"
    assert row["share"] is None
    assert rows_of(replace(PUBLISHED, ratio=None), 0.9, monkeypatch)[0]["verdict"] == "reversed"


@pytest.mark.parametrize(("ratio", "verdict"), [(1.2, "reproduced"), (1.0, "reproduced"), (0.8, "reversed")])
def test_a_negative_control_holds_where_nothing_is_gained(
    ratio: float, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    effect = replace(PUBLISHED, kind=CONTROL, ratio=1.01, case=replace(SIX, name="padded"))
    [row] = rows_of(effect, ratio, monkeypatch)
    assert row["verdict"] == verdict
    assert row["share"] is None


def test_an_interval_that_reaches_half_of_the_effect_counts_as_reaching_it(monkeypatch: pytest.MonkeyPatch) -> None:
    [wide] = rows_of(PUBLISHED, 1.9, monkeypatch, noise=0.1)
    assert wide["ratio"] < 2 < wide["ci_high"]
    assert wide["verdict"] == "reproduced"


def test_noise_is_inconclusive(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rows_of(PUBLISHED, 1.0, monkeypatch, noise=0.2)[0]["verdict"] == "inconclusive"
    few = rows_of(PUBLISHED, 4.0, monkeypatch, launches=4)[0]
    assert few["verdict"] == "inconclusive"
    assert "fewer than" in few["reason"]


def test_a_failed_control_withholds_the_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    [row] = rows_of(PUBLISHED, 4.0, monkeypatch, control=1.2)
    assert row["verdict"] == "inconclusive"
    assert row["reason"] == "the control failed"


def test_what_could_not_run_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    [row] = rows_of(PUBLISHED, 4.0, monkeypatch, skipped="no such device")
    assert (row["verdict"], row["reason"], row["ratio"]) == ("not run", "no such device", None)
    group = groups_of(PUBLISHED)
    lost = {group.case("m 5").id: ("not equal", "off by 3")}
    [row] = rows_of(PUBLISHED, 4.0, monkeypatch, lost=lost)
    assert (row["verdict"], row["reason"]) == ("not run", "off by 3")


def test_what_it_was_published_for_and_judged_on_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    [row] = rows_of(PUBLISHED, 4.0, monkeypatch)
    assert (row["hardware"], row["judged_on"], row["source"]) == ("H100", "Planted 9000", "a/b#1")
    assert reproduction._judged_on("cuda", FACTS) == "NVIDIA H200"
    assert reproduction._judged_on("cuda", {}) is None


def test_other_runs_have_no_such_rows() -> None:
    other = Case("alignment", "g", "c", "matmul", "numpy", "numpy", {"m": 8, "k": 8, "n": 8, "stack": 1})
    plan = Plan(0, {"alignment": 5}, [Planned(Group("alignment", "g", (other,), "c"), 20)], [])
    assert reproduction.derive(plan, [], {}, MARGIN, {}) == {TABLE: []}
    assert work(other).amount == 2 * 8**3


def test_all_effects_can_be_told_where_nothing_ran() -> None:
    skips = [(case, group.baseline, "no CUDA device") for group in study.groups(Options(devices=("cuda",)))
             for case in group.cases]  # fmt: skip
    rows = reproduction.derive(Plan(0, {}, [], skips), [], {}, MARGIN, FACTS)[TABLE]
    assert [row["effect"] for row in rows] == [effect.name for effect in EFFECTS if effect.device == "cuda"]
    assert {row["verdict"] for row in rows} == {"not run"}
