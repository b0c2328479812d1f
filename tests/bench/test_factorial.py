"""Causes apart: effects are contrasts of cells, judged as comparisons are."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from bench import factorial, stats
from bench.studies import Options, alignment, with_control
from tests.bench.designs import (
    BASELINE,
    CELLS,
    FACTORS,
    GROUP,
    REFERENCE,
    SECOND,
    TRAP,
    additive,
    all_levels,
    by_effect,
    derived,
    is_second,
    name_of,
    quiet,
    simulated,
)
from tests.bench.regimes import process

COLUMNS = {
    "study", "group", "provider", "device", "dtype", "threads", "factor", "level", "reference", "kind", "ratio",
    "ci_low", "ci_high", "p", "p_adjusted", "verdict", "mde", "launches", "cells", "medians", "marked", "given",
}  # fmt: skip


def test_effects_are_means_over_pairs_that_differ_in_one_factor(tmp_path):
    rows = by_effect(derived(tmp_path / "run", quiet(additive))["effects"])
    expected = {
        ("size", 1025): ("main", 1.03 * 1.05**0.5, 8),
        ("leading dimension", "misaligned"): ("main", 1.2 * 1.05**0.5, 8),
        ("leading dimension", TRAP): ("simple", 1.04, 2),
        ("base address", 4): ("main", 1.0, 8),
        ("size × leading dimension", "1025 × misaligned"): ("interaction", 1.05, 8),
        ("size × base address", "1025 × 4"): ("interaction", 1.0, 8),
        ("leading dimension × base address", "misaligned × 4"): ("interaction", 1.0, 8),
    }
    assert rows.keys() == expected.keys()
    for effect, (kind, ratio, cells) in expected.items():
        row = rows[effect]
        assert set(row) >= COLUMNS
        assert (row["kind"], row["cells"], row["launches"]) == (kind, cells, 6)
        assert row["ratio"] == pytest.approx(ratio, rel=1e-3)
        assert row["ci_low"] <= row["ratio"] <= row["ci_high"]
    assert rows["size", 1025]["reference"] == 1024
    assert rows["size × leading dimension", "1025 × misaligned"]["reference"] == "1024 × aligned"


def test_means_of_what_is_not_alike_are_told_apart(tmp_path):
    """Size and leading dimension cost more together: each is told at both levels of the other."""
    rows = [row for row in derived(tmp_path / "run", quiet(additive))["effects"] if row["given"]]
    told = {(row["factor"], *row["given"].items()): row for row in rows}
    expected = {
        ("size", ("leading dimension", "aligned")): 1.03,
        ("size", ("leading dimension", "misaligned")): 1.03 * 1.05,
        ("leading dimension", ("size", 1024)): 1.2,
        ("leading dimension", ("size", 1025)): 1.2 * 1.05,
    }
    assert {effect: row["ratio"] for effect, row in told.items()} == pytest.approx(expected, rel=1e-3)
    assert {(row["kind"], row["cells"], row["verdict"]) for row in rows} == {("conditional", 4, "slower")}
    assert [row["p_adjusted"] for row in rows] == stats.holm([row["p"] for row in rows])


def test_means_of_what_is_alike_are_not(tmp_path):
    rows = derived(tmp_path / "run", quiet(lambda levels: np.log(1.2) * is_second(levels, "size")))["effects"]
    assert rows
    assert not any(row["given"] for row in rows)


def test_a_factor_of_many_levels_has_effects_for_each():
    addresses = (0, 4, 16, 32, 64)
    levels = [dict(zip(FACTORS, chosen, strict=True))
              for chosen in product((1024, 1025), ("aligned", "misaligned"), addresses)]  # fmt: skip
    found = factorial.contrasts({name_of(has): has for has in levels}, REFERENCE)
    told = [(one.factor, one.level, len(one.weights)) for one in found]
    assert told == [
        ("size", 1025, 20),
        ("leading dimension", "misaligned", 20),
        *(("base address", address, 8) for address in addresses[1:]),
        ("size × leading dimension", "1025 × misaligned", 20),
        *(("size × base address", f"1025 × {address}", 8) for address in addresses[1:]),
        *(("leading dimension × base address", f"misaligned × {address}", 8) for address in addresses[1:]),
    ]


def test_conditional_effects_that_several_interactions_share_are_told_once():
    levels = [dict(zip(FACTORS, chosen, strict=True))
              for chosen in product((1024, 1025), ("aligned", "misaligned"), (0, 4, 16))]  # fmt: skip
    cells = {name_of(has): has for has in levels}
    known = {(one.factor, one.level): one for one in factorial.contrasts(cells, REFERENCE)}
    decided = [known["leading dimension × base address", f"misaligned × {address}"] for address in (4, 16)]
    told = [(one.level, *one.given.values()) for one in factorial.conditionals(cells, REFERENCE, decided)]
    assert len(told) == len(set(told))
    assert set(told) == {
        *product((4, 16), ("aligned", "misaligned")),
        *(("misaligned", address) for address in (0, 4, 16)),
    }


@pytest.mark.parametrize("preset", ["quick", "standard"])
def test_the_study_s_own_designs_tell_every_cause(preset):
    designs = [group for group in alignment.groups(Options(preset=preset)) if "causes" in group.name]
    assert {group.cases[0].provider for group in designs} == {"numpy", "torch"}
    for group in designs:
        cells = {case.name: case.parameters["levels"] for case in group.cases if not case.control}
        found = factorial.contrasts(cells, cells[group.baseline])
        told = {(one.factor, one.level): one.kind for one in found}
        assert told["size", 1025] == told["leading dimension", "misaligned"] == told["base address", 4] == "main"
        assert told["leading dimension", TRAP] == "simple"
        assert told["size × leading dimension", "1025 × misaligned"] == "interaction"


def test_a_larger_product_costs_nothing_for_its_flops(tmp_path):
    row = by_effect(derived(tmp_path / "run", quiet(lambda levels: 0.0))["effects"])["size", 1025]
    assert row["verdict"] == "equivalent"
    assert row["ratio"] == pytest.approx(1, abs=1e-3)


def test_verdicts_follow_the_rule_of_comparisons(tmp_path):
    rows = by_effect(derived(tmp_path / "run", quiet(additive))["effects"])
    assert rows["leading dimension", "misaligned"]["verdict"] == "slower"
    assert rows["base address", 4]["verdict"] == "equivalent"
    p_values = [row["p"] for row in rows.values()]
    assert [row["p_adjusted"] for row in rows.values()] == stats.holm(p_values)
    for row in rows.values():
        assert row["mde"] == stats.mde(float(np.std(row["medians"], ddof=1)), 6, len(rows), 0.02)


def test_verdicts_are_adjusted_for_all_effects_of_the_group(tmp_path):
    """A p of 0.02 is no verdict among four effects that show nothing."""
    times = quiet(additive)
    trap = [case.name for case in GROUP.cases].index(name_of(REFERENCE | {"leading dimension": TRAP}))
    spread = np.array([1.0, -1.0, 1.0, -1.0, 1.0, -1.0]) * 0.1 / 3.365 * 5**0.5  # t of 5 degrees at 0.02
    times[trap] = np.exp(0.1 + spread)[:, None] * np.ones(20)
    row = by_effect(derived(tmp_path / "run", times)["effects"])["leading dimension", TRAP]
    assert row["p"] == pytest.approx(0.02, abs=0.001)
    assert row["p_adjusted"] > 0.05
    assert row["verdict"] == "inconclusive"


def test_effects_against_the_other_corner_are_the_reciprocals(tmp_path):
    crossed = [case for case in GROUP.cases if not case.control and case.parameters["levels"] != all_levels()[-1]]
    other = with_control(replace(GROUP, cases=tuple(crossed), baseline=name_of(SECOND)))
    times = simulated(process(0.5), [0.03, 0.01, 0.2, 0.0, 0.1, -0.05, 0.02])[0]
    forth = derived(tmp_path / "a", times, with_control(replace(other, cases=tuple(crossed), baseline=BASELINE)))
    back = derived(tmp_path / "b", times, other)["effects"]
    pairs = {("size", 1025): ("size", 1024), ("base address", 4): ("base address", 0)}
    pairs["leading dimension", "misaligned"] = ("leading dimension", "aligned")
    for one, turned in pairs.items():
        row, mirror = by_effect(forth["effects"])[one], by_effect(back)[turned]
        assert row["ratio"] * mirror["ratio"] == pytest.approx(1, abs=0.01)  # medians of rounds to another baseline


def test_pairs_with_a_lost_cell_drop_out(tmp_path):
    lost = name_of(REFERENCE | {"size": 1025})
    rows = by_effect(derived(tmp_path / "run", quiet(additive), lost=[lost])["effects"])
    assert {effect: row["cells"] for effect, row in rows.items()} == {
        ("size", 1025): 6,
        ("leading dimension", "misaligned"): 6,
        ("leading dimension", TRAP): 2,
        ("base address", 4): 6,
        ("size × leading dimension", "1025 × misaligned"): 4,
        ("size × base address", "1025 × 4"): 4,
        ("leading dimension × base address", "misaligned × 4"): 4,
    }
    assert rows["size × leading dimension", "1025 × misaligned"]["ratio"] == pytest.approx(1.05, rel=1e-3)


def test_a_factor_without_a_pair_has_no_row(tmp_path):
    lost = [name for name, levels in CELLS.items() if levels["base address"] == 4]
    rows = by_effect(derived(tmp_path / "run", quiet(additive), lost=lost)["effects"])
    assert not any("base address" in factor for factor, _ in rows)
    assert rows["leading dimension", "misaligned"]["kind"] == "main"


def test_one_pair_left_is_a_simple_effect(tmp_path):
    lost = [name for name, levels in CELLS.items() if is_second(levels, "size") or is_second(levels, "base address")]
    rows = by_effect(derived(tmp_path / "run", quiet(additive), lost=lost)["effects"])
    assert {effect: row["kind"] for effect, row in rows.items()} == {
        ("leading dimension", "misaligned"): "simple",
        ("leading dimension", TRAP): "simple",
    }
    assert rows["leading dimension", "misaligned"]["ratio"] == pytest.approx(1.2, rel=1e-3)


def test_without_its_baseline_a_design_has_no_effects(tmp_path):
    assert derived(tmp_path / "run", quiet(additive), lost=[BASELINE])["effects"] == []


def test_a_group_that_is_no_design_has_no_effects(tmp_path):
    plain = [replace(case, parameters={**case.parameters, "levels": None}) for case in GROUP.cases]
    assert derived(tmp_path / "run", quiet(additive), replace(GROUP, cases=tuple(plain)))["effects"] == []


def test_a_launch_in_which_a_cell_is_missing_is_left_out_of_its_effects_alone():
    generator = np.random.default_rng(0)
    medians = {name: generator.standard_normal(6) for name in CELLS}
    medians[name_of(REFERENCE | {"leading dimension": TRAP})][2] = np.nan
    found = factorial.contrasts(CELLS, REFERENCE)
    launches = zip(found, factorial.estimates(found, medians), strict=True)
    missing = {one.level: np.isnan(row).tolist() for one, row in launches}
    assert missing[TRAP] == [False, False, True, False, False, False]
    others = [flags for level, flags in missing.items() if level != TRAP]
    assert others
    assert not any(map(any, others))


def test_fewer_than_five_launches_decide_nothing(tmp_path):
    rows = derived(tmp_path / "run", quiet(additive), complete=lambda launch: launch < 4)["effects"]
    assert {row["verdict"] for row in rows} == {"inconclusive"}
    assert {row["launches"] for row in rows} == {4}
    assert all("fewer than 5 launches" in row["reason"] for row in rows)


def test_few_rounds_decide_nothing(tmp_path):
    rows = derived(tmp_path / "run", quiet(additive, rounds=10))["effects"]
    assert {row["verdict"] for row in rows} == {"inconclusive"}
    assert all("fewer than 20 rounds" in row["reason"] for row in rows)


def test_one_launch_tells_no_effect(tmp_path):
    assert derived(tmp_path / "run", quiet(additive), complete=lambda launch: launch < 1)["effects"] == []


def test_a_failed_control_marks_the_effects(tmp_path):
    times = quiet(additive)
    assert {row["marked"] for row in derived(tmp_path / "a", times)["effects"]} == {False}
    times[-1] *= 1.1
    assert {row["marked"] for row in derived(tmp_path / "b", times)["effects"]} == {True}


def test_effects_that_rest_on_a_cell_in_no_steady_state_are_undecided(tmp_path):
    times = quiet(additive, rounds=24)
    names = [case.name for case in GROUP.cases]
    times[names.index(name_of(REFERENCE | {"leading dimension": TRAP})), :, 16:] *= 1.3
    rows = by_effect(derived(tmp_path / "run", times)["effects"])
    assert rows["leading dimension", TRAP]["verdict"] == "inconclusive"
    assert "never steady" in rows["leading dimension", TRAP]["reason"]
    assert rows["leading dimension", "misaligned"]["verdict"] == "slower"
