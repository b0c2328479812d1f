"""The published effects: whole, told apart, as large as their sources say, and small enough for their machines."""

from __future__ import annotations

import re
from dataclasses import replace
from math import prod

import pytest

from bench import workloads
from bench.case import Case
from bench.published_effects import CONTROL, EFFECT, EFFECTS, FLOP, PRODUCT, Effect, Product
from bench.studies import Options, reproduction
from bench.workloads import matmul

BYTES = {"float64": 8, "float32": 4, "tf32": 4, "bfloat16": 2, "float16": 2}
GPU_BYTES = 4e9  # of an H200's 141e9; operands are drawn on the host in float64 first
CPU_BYTES = 1e8


def elements(product: Product) -> int:
    m, k, n = product.padded or (product.m, product.k, product.n)
    return product.stack * (m * k + m * n) + (product.stack if product.batched else 1) * k * n


def named(name: str) -> Effect:
    return next(effect for effect in EFFECTS if effect.name == name)


def test_there_are_enough_of_each_kind() -> None:
    on = {device: [effect for effect in EFFECTS if effect.device == device] for device in ("cuda", "cpu")}
    assert len(on["cuda"]) >= 10
    assert len(on["cpu"]) >= 3
    assert sum(effect.kind == CONTROL for effect in EFFECTS) >= 3


def test_names_are_groups_of_their_own() -> None:
    names = [effect.name for effect in EFFECTS]
    assert len(set(names)) == len(names)
    assert all("/" not in text for effect in EFFECTS for text in (effect.name, effect.case.name, effect.baseline.name))
    assert all(effect.case.name != effect.baseline.name for effect in EFFECTS)


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: effect.name)
def test_an_effect_says_where_it_is_from_and_points_the_way_its_kind_means(effect: Effect) -> None:
    assert re.fullmatch(r"[\w.-]+/[\w.-]+#\d+", effect.source) or "," in effect.source
    assert effect.hardware
    assert effect.told
    assert effect.kind in (EFFECT, CONTROL)
    assert effect.per in (PRODUCT, FLOP)
    assert (effect.case.padded is not None) == (effect.kind == CONTROL)
    assert effect.baseline.padded is None
    assert effect.ratio is None or effect.ratio > 1


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: effect.name)
def test_operands_fit_with_room_to_spare(effect: Effect) -> None:
    limit = GPU_BYTES if effect.device == "cuda" else CPU_BYTES
    for product in (effect.case, effect.baseline):
        assert elements(product) * BYTES[product.dtype] < limit


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: effect.name)
def test_padding_only_adds(effect: Effect) -> None:
    product = effect.case
    if product.padded:
        sizes = (product.m, product.k, product.n)
        assert all(padded >= size for padded, size in zip(product.padded, sizes, strict=True))
        assert prod(product.padded) > prod(sizes)
        assert sizes == (effect.baseline.m, effect.baseline.k, effect.baseline.n)


def test_figures_are_those_that_the_sources_print() -> None:
    """By hand: 3.53x, 46 %, about 27x, and 136x are printed by the sources themselves."""
    assert named("K of 588, bfloat16").ratio == pytest.approx(3.53, abs=0.005)
    assert named("K of 10922 in a stack, float16").ratio == pytest.approx(1.46, abs=0.005)
    assert named("odd rows, long K, bfloat16").ratio == pytest.approx(27, abs=0.5)
    assert named("odd columns, long K, bfloat16").ratio == pytest.approx(136, abs=1)
    assert named("2056 against 2055, bfloat16").ratio == pytest.approx(1.290, abs=0.001)


def test_ratios_per_product_become_ratios_per_flop() -> None:
    effect = named("odd rows, long K, bfloat16")  # 5 rows against 6: as long a product has fewer FLOPs
    assert effect.ratio is not None
    assert effect.ratio_per_flop == pytest.approx(effect.ratio * 6 / 5)
    assert replace(effect, per=FLOP).ratio_per_flop == effect.ratio
    assert replace(effect, ratio=None).ratio_per_flop is None


def test_flops_are_those_that_the_harness_compares_by() -> None:
    for effect in EFFECTS:
        for product in (effect.case, effect.baseline):
            if product.dtype in matmul.ITEM_SIZES:
                case = Case("s", "g", "c", product.workload, "torch", "torch", product.parameters, dtype=product.dtype)
                assert workloads.work(case).amount == product.flops


def test_defaults_are_not_told_to_the_workload() -> None:
    assert Product("p", 2, 3, 4, "float32").parameters == {"m": 2, "k": 3, "n": 4, "stack": 1}
    told = Product("p", 2, 3, 4, "float32", "TN", 5, batched=True, leading=8).parameters
    assert told == {"m": 2, "k": 3, "n": 4, "stack": 5, "layout": "TN", "batched": True, "leading": 8}
    padded = Product("p", 2, 3, 4, "float32", padded=(8, 8, 16)).parameters
    assert padded == {"m": 2, "k": 3, "n": 4, "stack": 1, "pad_m": 8, "pad_k": 8, "pad_n": 16, "copied": True}


def test_the_study_has_a_group_with_a_control_per_effect_of_the_devices_asked_for() -> None:
    found = {group.name: group for group in reproduction.groups(Options(devices=("cuda", "cpu"), threads=3, seed=7))}
    assert list(found) == [effect.name for effect in EFFECTS]
    for effect in EFFECTS:
        group = found[effect.name]
        assert group.baseline == effect.baseline.name
        by_name = {case.name: case for case in group.cases}
        assert set(by_name) == {effect.case.name, effect.baseline.name, "control"}
        assert by_name["control"].control
        assert by_name[effect.case.name].dtype == effect.case.dtype
        replayed = effect.device == "cuda" and not (effect.case.padded or effect.baseline.padded)
        clock = {"clock": "device"} if replayed else {}
        assert by_name[effect.case.name].parameters == effect.case.parameters | clock
        assert {(case.provider, case.device, case.threads, case.seed) for case in group.cases} == {
            (effect.library, effect.device, 3, 7)
        }
    assert {group.cases[0].device for group in reproduction.groups(Options())} == {"cpu"}


def test_dtypes_leave_out_effects_that_need_another_one() -> None:
    names = {group.name for group in reproduction.groups(Options(dtypes=("float32", "float16")))}
    assert "float16 against float32" in names
    assert "bfloat16 against float32" not in names
    alone = [group.name for group in reproduction.groups(Options(devices=("cuda",), dtypes=("bfloat16",)))]
    assert alone
    assert "bfloat16 against float32" not in alone


def test_quick_has_whole_squares_and_other_presets_their_own_launches() -> None:
    groups = reproduction.groups(Options())
    assert groups
    for group in groups:
        assert group.launches == 5
        assert group.rounds is not None
        assert group.rounds >= 20
        assert group.rounds % (2 * len(group.cases)) == 0
    assert {group.rounds for group in reproduction.groups(Options(preset="standard"))} == {None}
