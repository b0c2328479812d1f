"""What flags a sample, and what dropping flagged rounds says of a verdict."""

import numpy as np
import pytest

from bench import disturbance, stats
from bench.case import Case, Group
from bench.plan import Planned

MARGIN = 0.02
QUIET = {"elapsed_s": 0.005, "steal_s": 0.0, "pressure_s": 0.001, "involuntary_switches": 1.0, "frequency_hz": 3e9,
         "sm_clock_hz": 1.98e9, "clock_reasons": 0.0}  # fmt: skip


def recorded(**changed):
    """Two launches of ten samples, all usual but for the first of the first launch."""
    found = {name: {"c": np.full((2, 10), value)} for name, value in QUIET.items()}
    for name, value in changed.items():
        found[name]["c"][0, 0] = value
    return found


def judge(comparison):
    return stats.verdict(comparison, comparison.p, MARGIN)


@pytest.mark.parametrize(
    ("changed", "kinds"),
    [
        ({}, set()),
        ({"steal_s": 0.01}, {"steal"}),
        ({"pressure_s": 0.0045}, {"pressure"}),
        ({"pressure_s": 0.0035}, set()),
        ({"involuntary_switches": 4}, {"switches"}),
        ({"involuntary_switches": 3}, set()),
        ({"frequency_hz": 2.8e9}, {"frequency"}),
        ({"frequency_hz": 2.9e9}, set()),
        ({"sm_clock_hz": 1.87e9}, {"clock"}),
        ({"sm_clock_hz": 1.89e9}, set()),
        ({"clock_reasons": 0x8}, {"throttled"}),
        ({"clock_reasons": 0x20}, {"throttled"}),
        ({"clock_reasons": 0x44}, {"throttled", "power_cap"}),
        ({"clock_reasons": 0x80 | 0x1}, {"throttled"}),
        ({"clock_reasons": 0x4}, {"power_cap"}),
        ({"clock_reasons": 0x1 | 0x2 | 0x10 | 0x100}, set()),  # idle, set clocks, boost in step, display
    ],
)
def test_a_sample_is_flagged_for_what_is_beyond_the_usual(changed, kinds):
    flagged = disturbance.flags(recorded(**changed))
    assert {kind for kind, found in flagged.items() if found["c"].any()} == kinds
    assert disturbance.disturbed(flagged, "c").any() == bool(kinds - {"power_cap"})


@pytest.mark.parametrize(
    ("changed", "kinds"),
    [
        ({"steal_s": 0.01}, set()),
        ({"steal_s": 0.03}, {"steal"}),
        ({"pressure_s": 0.012}, set()),
        ({"pressure_s": 0.022}, {"pressure"}),
        ({"involuntary_switches": 9}, set()),
        ({"involuntary_switches": 22}, {"switches"}),
    ],
)
def test_what_could_not_move_a_long_sample_is_no_disturbance(changed, kinds):
    found = recorded(**changed)
    found["elapsed_s"]["c"][:] = 0.4
    assert {kind for kind, flagged in disturbance.flags(found).items() if flagged["c"].any()} == kinds


def test_what_is_usual_for_a_case_is_no_disturbance():
    """Two threads on two cores wait for one another in every sample."""
    found = recorded()
    found["pressure_s"]["c"][:] = 0.02
    found["involuntary_switches"]["c"][:] = 12
    assert not disturbance.disturbed(disturbance.flags(found), "c").any()


def test_throttling_for_a_whole_launch_is_seen():
    found = {name: {"c": np.full((3, 10), value)} for name, value in QUIET.items()}
    found["frequency_hz"]["c"][1] = 2e9
    assert disturbance.flags(found)["frequency"]["c"].sum(axis=1).tolist() == [0, 10, 0]


def test_a_gpus_clock_is_held_against_what_is_usual_in_that_launch():
    """A GPU that is warm by the third launch clocks lower in all of it, for all cases alike."""
    found = {name: {"c": np.full((3, 10), value)} for name, value in QUIET.items()}
    found["sm_clock_hz"]["c"][2] = 1.7e9
    found["sm_clock_hz"]["c"][2, 4] = 1.6e9
    assert np.argwhere(disturbance.flags(found)["clock"]["c"]).tolist() == [[2, 4]]


def test_a_power_limit_that_is_always_met_disturbs_no_round():
    """It is counted, and the rounds stay, or a GPU under load would have none."""
    found = recorded()
    found["clock_reasons"]["c"][:] = 0x4
    flagged = disturbance.flags(found)
    cases = Group("s", "g", (Case("s", "g", "c", "matmul", "p", "torch", {}),), "c")
    times = {"s/g/c": found["elapsed_s"]["c"]}
    row = disturbance.shares([Planned(cases, 10)], {kind: {"s/g/c": one["c"]} for kind, one in flagged.items()}, times)[
        0
    ]
    assert (row["power_cap"], row["throttled"], row["any"]) == (1.0, 0.0, 0.0)


def test_reasons_are_the_drivers_own_numbers():
    nvml = pytest.importorskip("pynvml")
    slowed = ("HwSlowdown", "HwThermalSlowdown", "HwPowerBrakeSlowdown", "SwThermalSlowdown")
    bits = [getattr(nvml, f"nvmlClocksThrottleReason{name}") for name in slowed]
    assert sum(bits) == disturbance.THROTTLED
    assert nvml.nvmlClocksThrottleReasonSwPowerCap == disturbance.POWER_CAP


def test_where_the_kernel_tells_nothing_nothing_is_flagged():
    unknown = {name: {"c": np.full((2, 10), np.nan)} for name in QUIET}
    assert not disturbance.disturbed(disturbance.flags(unknown), "c").any()


def pair(true=1.0, noise=0.005, launches=8, rounds=20):
    generator = np.random.default_rng(0)
    base = np.exp(noise * generator.standard_normal((launches, rounds)))
    return base * np.exp(np.log(true) + noise * generator.standard_normal((launches, rounds))), base


def test_a_verdict_that_rests_on_disturbed_rounds_is_sensitive():
    """Equal in 9 of 20 rounds, 10 % slower in those with other load: nine rounds at random say slower still."""
    case, base = pair()
    touched = np.zeros(case.shape, dtype=bool)
    touched[:, :9] = True
    case[:, :9] *= 1.1
    case[:, 9:] *= 1 + 0.03 * (np.arange(11) % 2 * 1.0)
    verdict = judge(stats.compare(case, base))
    found = disturbance.sensitivity(case, base, touched, verdict, judge)
    assert verdict == "slower"
    assert found["verdict_undisturbed"] == "equivalent"
    assert found["kept_at_random"] >= 0.95
    assert found["sensitive"]
    assert found["disturbed"] == pytest.approx(9 / 20)
    assert found["ratio_undisturbed"] < 1.02


def test_a_verdict_that_fewer_rounds_would_lose_anyway_is_not_sensitive():
    case, base = pair(true=1.012, noise=0.03)
    touched = np.zeros(case.shape, dtype=bool)
    touched[:, ::2] = True
    verdict = judge(stats.compare(case, base))
    found = disturbance.sensitivity(case, base, touched, verdict, judge)
    assert found["verdict_undisturbed"] != verdict
    assert found["kept_at_random"] < 0.95
    assert not found["sensitive"]


def test_a_real_effect_stands_without_its_disturbed_rounds():
    case, base = pair(true=1.1)
    touched = np.random.default_rng(1).random(case.shape) < 0.12
    found = disturbance.sensitivity(case, base, touched, "slower", judge)
    assert (found["verdict_undisturbed"], found["kept_at_random"], found["sensitive"]) == ("slower", 1.0, False)


def test_with_too_few_rounds_left_there_is_no_verdict():
    case, base = pair()
    touched = np.zeros(case.shape, dtype=bool)
    touched[:4, :15] = True  # four launches under half
    found = disturbance.sensitivity(case, base, touched, "equivalent", judge)
    assert found["verdict_undisturbed"] is None
    assert found["ratio_undisturbed"] == pytest.approx(1.0, abs=0.01)
    assert not found["sensitive"]


def test_as_many_rounds_of_each_launch_are_dropped_at_random():
    logs = np.tile(np.arange(20.0), (8, 1))
    drops = np.arange(8)
    assert len({comparison.ratio for comparison in disturbance._at_random(logs, drops, seed=0)}) > 10
    half = disturbance._at_random(logs, np.array([11] * 3 + [10] * 5), seed=0)
    assert {comparison.launches for comparison in half} == {5}
    whole = disturbance._at_random(logs, np.zeros(8, dtype=int), seed=0)
    assert [comparison.ratio for comparison in whole] == pytest.approx(np.full(len(whole), np.exp(9.5)))
