"""The rates of a self-check say what the tries say, with bounds, and never more."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from bench.selfcheck import rates
from tests import selfcheck_tries as fake

QUIET = 0.001  # standard deviation of a launch's log ratio


def derive(lines, margin=0.02):
    return rates.derive(lines, margin)


def one(truth=1.0, *, shift=0.0, deviation=QUIET, seed=0, **identity):
    return fake.comparison(np.random.default_rng(seed), truth, deviation, shift=shift, **identity)


def aa(*comparisons, number=0, **more):
    return fake.own_try("aa", number, list(comparisons), **more)


def planted(*comparisons, number=0, **more):
    return fake.own_try(
        "planted", number, list(comparisons), **({"setting": "numpy +5 % in 20 s", "seconds": 19.0} | more)
    )


def peer(tool, truth, ratio, verdict):
    return {"kind": "peer", "tool": tool, "number": 0, "began": "t", "pair": "p", "truth": truth, "ratio": ratio,
            "ci_low": None, "ci_high": None, "verdict": verdict, "rule": f"{tool}'s rule", "seconds": 20.0}  # fmt: skip


@pytest.mark.parametrize("lines", [[], fake.timers(), fake.planted(1)[:1], fake.peers(1)[:1], fake.everything()])
def test_what_is_derived_is_json_as_it_stands(lines):
    found = derive(lines)
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_bounds_are_the_exact_binomial_ones():
    """None of n: two-sided at most 1 - 0.025^(1/n), one-sided 1 - 0.05^(1/n), "the rule of three"."""
    share = derive([aa(*[one(seed=seed) for seed in range(40)])])["aa"]["false"]
    assert (share["count"], share["of"], share["share"], share["low"]) == (0, 40, 0, 0)
    assert share["high"] == pytest.approx(1 - 0.025 ** (1 / 40))
    assert share["at_most"] == pytest.approx(1 - 0.05 ** (1 / 40))
    assert share["at_least"] == 0


def test_identical_pairs_of_both_kinds_count_and_planted_ones_do_not():
    found = derive([aa(one(), one(seed=1)), planted(one(1.05), one(seed=2))])["aa"]
    assert (found["count"], found["runs"], found["false"]["of"]) == (3, 2, 3)


def test_controls_are_judged_anew_as_ordinary_cases():
    """At 5 % where the printed verdict of a control took 1 %: a p between the two is false anew, not as printed."""
    lines = [aa(one(shift=0.03, deviation=0.03, seed=seed)) for seed in range(40)]
    between = next(line for line in lines if 0.01 < line["comparisons"][0]["p"] < 0.05)
    assert between["comparisons"][0]["verdict"] == "inconclusive"
    found = derive([between])["aa"]
    assert found["false"]["count"] == 1
    assert found["as_printed"]["count"] == 0


def test_pairs_are_judged_at_the_margin_that_is_given_not_the_tries_own():
    line = aa(one(shift=0.01, margin=0.005), margin=0.005)
    assert line["comparisons"][0]["verdict"] == "slower"
    assert derive([line], 0.02)["aa"]["false"]["count"] == 0
    assert derive([line], 0.005)["aa"]["false"]["count"] == 1


def test_an_interval_that_excludes_1_within_the_margin_is_counted_apart():
    found = derive([aa(one(shift=0.005), one(seed=3))])["aa"]
    assert (found["false"]["count"], found["excluding"]["count"]) == (0, 1)


def test_an_interval_excludes_1_where_p_is_below_5_percent():
    tried = [one(seed=seed, shift=0.001) for seed in range(60)]
    expected = sum(comparison["p"] < 0.05 for comparison in tried)
    assert 0 < expected < 60
    assert derive([aa(*tried)])["aa"]["excluding"]["count"] == expected


def test_the_largest_false_ratio_is_the_farthest_on_either_side():
    found = derive([aa(one(shift=math.log(0.8)), one(shift=math.log(1.1)))])["aa"]
    assert found["largest_false_ratio"] == pytest.approx(1.25, rel=0.002)


def test_below_five_launches_nothing_is_called_different_and_below_two_nothing_counted():
    four, lone = one(shift=0.2, launches=4), one(launches=8) | {"medians": [0.3]}
    found = derive([aa(four, lone)])["aa"]
    assert (found["count"], found["unusable"], found["false"]["count"], found["excluding"]["count"]) == (1, 1, 0, 1)


def test_rates_are_told_by_provider():
    found = derive([aa(one(provider="numpy"), one(provider="torch", shift=0.1))])["aa"]["providers"]
    assert {row["provider"]: row["false"]["count"] for row in found} == {"numpy": 0, "torch": 1}


def test_variance_ratio_is_near_1_where_runs_differ_as_their_errors_say():
    pooled = derive(fake.identical(runs=40, copies=8, seed=3))["aa"]["variance_ratio"]
    assert pooled["value"] == pytest.approx(1.03, abs=0.09)  # F with 280 in the denominator: 1.007, and weights
    assert pooled["low"] < 1 < pooled["high"]
    assert pooled["pairs"] == 64


def test_variance_ratio_shows_what_differs_from_run_to_run():
    noise = np.random.default_rng(5)
    runs = [aa(fake.comparison(noise, 1.0, 0.01, shift=float(noise.normal(0, 0.01))), number=n) for n in range(200)]
    assert derive(runs)["aa"]["variance_ratio"]["value"] == pytest.approx(9, rel=0.35)  # 1 + 0.01² / (0.01² / 8)


def test_variance_ratio_is_the_textbooks():
    runs = [aa(one(seed=seed, deviation=0.01), number=seed) for seed in range(6)]
    medians = np.array([run["comparisons"][0]["medians"] for run in runs])
    expected = medians.mean(axis=1).var(ddof=1) / (medians.var(axis=1, ddof=1) / 8).mean()
    found = derive(runs)["aa"]
    assert found["pairs"][0]["variance_ratio"] == pytest.approx(expected)
    assert found["variance_ratio"]["value"] == pytest.approx(expected)


def test_pairs_of_few_runs_are_left_out_of_the_variance_ratio():
    lines = [aa(one(seed=n, group="often"), one(seed=n, group="seldom"), number=n) for n in range(4)]
    assert derive(lines)["aa"]["variance_ratio"]["value"] is None
    pooled = derive([*lines, aa(one(seed=4, group="often"), number=4)])["aa"]["variance_ratio"]
    assert (pooled["pairs"], pooled["left_out"]) == (1, 1)


@pytest.mark.parametrize(("loud", "least", "most"), [(1.0, 18.5, 19.0), (5.0, 9, 13.5)])
def test_runs_that_differ_in_noise_count_for_fewer_degrees_of_freedom(loud, least, most):
    """Half of 20 runs at 25 times the variance: (R·v)² / tr² leaves about 10.8 of 19."""
    squares = np.tile([1.0, loud**2], 10)
    assert least < rates._degrees(squares, np.full(20, 10_000)) <= most


def test_errors_estimated_from_few_launches_do_not_cost_degrees_of_freedom():
    """Of 20 runs alike, five launches each: 19, where taking estimated variances as they come leaves 13."""
    noise = np.random.default_rng(0)
    found = [rates._degrees(noise.chisquare(4, 20), np.full(20, 5)) for _ in range(200)]
    assert np.mean(found) > 16.5


def test_the_chi_square_interval_covers_where_runs_differ_in_noise():
    """In at least 90 % of 300 simulated records, nominally 95 %; with R - 1 degrees it would be far fewer."""
    noise = np.random.default_rng(11)
    held = 0
    for _ in range(300):
        deviations = np.tile([0.01, 0.05], 6)
        rows = [
            {"standard_error": float(v.std(ddof=1) / math.sqrt(8)), "log_mean": float(v.mean()), "launches": 8,
             "verdict": "equivalent", "excludes": False, "setting": "", "provider": "", "group": "", "case": ""}
            for v in (noise.normal(0, deviation, 8) for deviation in deviations)
        ]  # fmt: skip
        pooled = rates._pooled([rates._pair(rows)])
        held += pooled["low"] < 1 < pooled["high"]
    assert held >= 270


def test_found_is_a_verdict_in_the_right_direction():
    right, wrong, missed = one(1.05), one(1.05) | {"verdict": "faster"}, one(1.05) | {"verdict": "equivalent"}
    faster = one(0.9)
    assert faster["verdict"] == "faster"
    found = derive([planted(right), planted(wrong, number=1), planted(missed, number=2), planted(faster, number=3)])
    row = found["planted"]["settings"][0]
    assert (row["found"]["count"], row["tries"], row["wrong_direction"]) == (2, 4, 1)
    assert found["planted"]["wrong_direction"] == 1


def test_a_try_that_came_to_nothing_was_not_found():
    row = derive([planted(one(1.05)), planted(one(), number=1), planted(number=2)])["planted"]["settings"][0]
    assert (row["found"]["count"], row["found"]["of"], row["lost"]) == (1, 3, 2)


def test_a_setting_of_which_nothing_came_is_named():
    assert derive([planted(setting="numpy +1 %")])["planted"]["nothing_came_of"] == ["numpy +1 %"]


def test_coverage_counts_intervals_with_the_truth_in_them():
    off = one(1.05) | {"truth": 1.2}
    assert derive([planted(one(1.05)), planted(off, number=1)])["planted"]["covering"]["count"] == 1


def test_power_above_the_mde_leaves_out_what_is_below():
    below = one(1.05) | {"mde": 0.06, "verdict": "inconclusive"}
    above = one(1.05) | {"mde": 0.04}
    found = derive([planted(below), planted(above, number=1)])["planted"]["above_mde"]
    assert (found["count"], found["of"]) == (1, 1)


def test_time_is_told_by_median_largest_and_how_many_were_late():
    lines = [planted(one(1.05), number=n, seconds=s, budget_s=20.0) for n, s in enumerate((18.0, 19.0, 25.0))]
    row = derive(lines)["planted"]["settings"][0]
    assert (row["seconds"], row["largest_seconds"], row["late"], row["budget_s"]) == (19.0, 25.0, 1, 20.0)


def test_the_worst_of_a_cost_is_the_side_that_hurts():
    harness = [{"in_samples": 0.7, "overhead": 1e-4, "stopped_cpu": None},
               {"in_samples": 0.5, "overhead": 3e-4, "stopped_cpu": None}]  # fmt: skip
    found = derive([aa(number=n, harness=one) for n, one in enumerate(harness)])["cost"]
    assert (found["in_samples"]["worst"], found["overhead"]["worst"]) == (0.5, 3e-4)
    assert found["in_samples"]["median"] == pytest.approx(0.6)
    assert found["stopped_cpu"] is None


def test_a_timer_that_got_through_once_was_not_caught():
    rows = {row["timer"]: row for row in derive([*fake.timers(), *fake.timers(caught=False)])["timers"]}
    assert (rows["A then B"]["caught"], rows["A then B"]["caught_in"], rows["A then B"]["tries"]) == (False, 1, 2)
    assert rows["no warm-up"]["caught"]


def test_peers_have_false_verdicts_on_identical_pairs_and_found_ones_on_others():
    lines = [
        peer("pyperf", 1.0, 0.7, "faster"), peer("pyperf", 1.0, 1.2, "slower"), peer("pyperf", 1.0, 3.0, "same"),
        peer("pyperf", 1.05, 1.1, "slower"), peer("pyperf", 1.05, 0.9, "faster"), peer("mlpbench", 1.0, 1.0, "same"),
        peer("a tool", 1.0, 1.0, "same"),
    ]  # fmt: skip
    ours, _, identical, different = derive(lines)["peers"]
    assert (ours["tool"], ours["false"]["count"], ours["worst_false_ratio"]) == ("mlpbench", 0, None)
    assert (identical["pairs"], identical["false"]["count"], identical["found"]) == (3, 2, None)
    assert identical["worst_false_ratio"] == pytest.approx(1 / 0.7)
    assert identical["verdicts"] == {"faster": 1, "same": 1, "slower": 1}
    assert (different["found"]["count"], different["false"], different["rule"]) == (1, None, "pyperf's rule")


def test_peers_are_not_among_our_own_identical_pairs():
    assert derive([peer("mlpbench", 1.0, 2.0, "slower")])["aa"]["count"] == 0


def sentence(*lines):
    return derive(lines)["sentence"]


def test_the_sentence_of_nothing_says_so():
    assert sentence().startswith("Nothing was measured yet")
    assert "no difference was planted yet" in sentence(aa(one()))
    assert "identical pairs were not measured yet" in sentence(planted(one(1.05)))


def test_the_sentence_names_the_smallest_effect_found_in_four_of_five_tries():
    small = [planted(one(1.02) | {"verdict": "slower" if n < 3 else "inconclusive"}, number=n, setting="numpy +2 %",
                     budget_s=30.0) for n in range(4)]  # fmt: skip
    large = [planted(one(1.05), number=n, budget_s=20.0) for n in range(5)]
    told = sentence(*small, *large)
    assert "a difference of 5 % between two NumPy cases is found in 5 of 5 tries of 20 s [47 to 100 %]" in told
    fourth = small[3]["comparisons"][0]
    told = sentence(*small, small[0] | {"number": 9}, *large)
    assert fourth["verdict"] == "inconclusive"
    assert "a difference of 2 % between two NumPy cases is found in 4 of 5 tries of 30 s" in told


def test_the_sentence_names_the_least_time_for_an_effect():
    lines = [planted(one(1.05), setting=f"{budget}", budget_s=budget) for budget in (60.0, 20.0, 30.0)]
    assert "tries of 20 s" in sentence(*lines)


def test_the_sentence_owns_up_to_finding_nothing():
    missed = one(1.05) | {"verdict": "inconclusive"}
    told = sentence(planted(missed, budget_s=20.0))
    assert "no planted difference between two NumPy cases is found in four of five tries (5 %: 0 of 1 tries" in told


def test_the_sentence_bounds_what_few_tries_show_and_rounds_against_itself():
    told = sentence(planted(one(1.05), budget_s=20.0), aa(one(), one(seed=1), one(seed=2)))
    assert "1 of 1 tries of 20 s [2 to 100 %]" in told  # 0.025
    assert "of 3 identical pairs none was called different [0 to 70.8 %]" in told  # 1 - 0.025^(1/3) = 0.7076
    assert "of 1 identical pair 1 was called different" in sentence(aa(one(shift=0.1)))


def test_the_sentence_says_another_margin_than_the_usual_and_late_tries():
    told = sentence(planted(one(1.02, margin=0.01), margin=0.01, budget_s=30.0, seconds=31.0))
    assert "2 % (margin 1 %)" in told
    assert "1 of 1 tries of 30 s, 1 of them late" in told
