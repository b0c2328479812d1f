"""From records to the device's own figures: its time per step, what using it costs, how it held out."""

import numpy as np
import pytest

from bench import device_times, devices, summary
from bench.case import Case, Group
from bench.plan import Plan, Planned
from bench.store import Records

LAUNCHES, ROUNDS = 6, 12
FLOPS = 2 * 64**3
SIZES = {"m": 64, "k": 64, "n": 64, "stack": 1}
FAST, SLOW, HOST = (
    Case("alignment", "g", name, "matmul", "torch", "torch", SIZES, device=device)
    for name, device in (("fast", "cuda"), ("slow", "cuda"), ("host", "cpu"))
)
PLAN = Plan(0, {"alignment": LAUNCHES}, [Planned(Group("alignment", "g", (FAST, SLOW, HOST), "fast"), ROUNDS)], [])


def sample(case, launch, number, device_step_s, at_s=0.0, **telemetry):
    record = {"case": case.id, "launch": launch, "attempt": 0, "round": number, "position": 0, "steps": 40,
              "elapsed_s": 0.01, "at_s": at_s, "telemetry": telemetry}  # fmt: skip
    return record if device_step_s is None else record | {"device_s": 40 * device_step_s}


def records(device_step_s, starts=(), **telemetry):
    """A run in which a case takes the device what a function of case, launch and round says."""
    samples, at_s = [], 0.0
    for launch in range(LAUNCHES):
        for number in range(ROUNDS):
            for case in (FAST, SLOW, HOST):
                at_s += 0.1
                told = {name: value(launch, number) for name, value in telemetry.items() if case.device == "cuda"}
                samples.append(sample(case, launch, number, device_step_s(case, launch, number), at_s, **told))
    ends = [{"kind": "launch", "study": "alignment", "launch": launch, "attempt": 0, "complete": True}
            for launch in range(LAUNCHES)]  # fmt: skip
    return Records({}, samples, [*ends, *starts])


def steady(case, launch, number):
    return {"fast": 1e-4, "slow": 2e-4, "host": None}[case.name] * (1 + 0.01 * launch) if case is not HOST else None


def rows(found):
    return {row["case"]: row for row in found}


def identities():
    return [{"study": "alignment", "group": "g", "case": name} for name in ("fast", "slow", "host", "skipped")]


def test_the_devices_time_is_per_step_the_median_over_launches_with_its_interval():
    found = rows(device_times.add(identities(), PLAN, records(steady)))
    assert found["slow"]["device_time_s"] == pytest.approx(2e-4 * 1.025)
    assert found["fast"]["device_time_low"] < found["fast"]["device_time_s"] < found["fast"]["device_time_high"]
    logs = np.log(1e-4 * (1 + 0.01 * np.arange(LAUNCHES)))
    half = 2.5706 * logs.std(ddof=1) / np.sqrt(LAUNCHES)  # t with 5 degrees of freedom
    assert found["fast"]["device_time_high"] == pytest.approx(np.exp(logs.mean() + half), rel=1e-4)


def test_what_has_no_device_has_no_time_of_its():
    found = rows(device_times.add(identities(), PLAN, records(steady)))
    names = ("device_time_s", "device_time_low", "device_time_high")
    for case in ("host", "skipped"):
        assert [found[case][name] for name in names] == [None] * 3


def test_the_two_clocks_are_not_mixed():
    """A sample whose device's clock was not read counts for nothing, whatever the user's says."""
    one = records(steady)
    for record in one.samples[: 3 * ROUNDS * 5 : 3]:
        del record["device_s"]
    found = rows(device_times.add(identities(), PLAN, one))
    assert found["fast"]["device_time_s"] == pytest.approx(1e-4 * 1.05)  # the last launch alone


def test_costs_are_medians_over_launches_without_the_pilot():
    figures = dict.fromkeys(devices.COSTS, 0.0) | {"launch_s": 5e-6, "synchronize_s": 1e-5}
    starts = [{"kind": "start", "case": FAST.id, "launch": launch, "pilot": launch < 0,
               **figures, "launch_s": (5 + launch) * 1e-6} for launch in (-1, 0, 1, 2)]  # fmt: skip
    starts += [{"kind": "start", "case": HOST.id, "launch": 0, "pilot": False}]
    starts += [{"kind": "start", "case": "memory/g/c", "launch": 0, "pilot": False, "launch_s": 1.0}]
    found = device_times.costs("alignment", records(steady, starts))
    assert found["launch_s"] == pytest.approx(6e-6)
    assert found["synchronize_s"] == 1e-5


def test_where_nobody_was_asked_costs_are_unknown():
    starts = [{"kind": "start", "case": HOST.id, "launch": 0, "pilot": False}]
    assert device_times.costs("alignment", records(steady, starts)) == dict.fromkeys(devices.COSTS)


# Boost and sustained


def waning(case, launch, number):
    """Full speed in three rounds, then down to four fifths within the next five."""
    if case is HOST:
        return None
    return 1e-4 / (1.0 if number < 3 else max(0.8, 1.0 - 0.04 * (number - 2)))


def test_what_a_gpu_loses_within_a_launch_stands_in_the_table():
    one = records(
        waning, sm_clock_hz=lambda launch, number: 1.98e9 if number < 3 else 1.6e9,
        power_w=lambda launch, number: 400.0 if number < 3 else 700.0,
    )  # fmt: skip
    found = rows(device_times.derive(PLAN, one)["sustained"])
    row = found["fast"]
    assert row["first_rate"] == pytest.approx(FLOPS / 1e-4)
    assert row["last_rate"] == pytest.approx(0.8 * FLOPS / 1e-4)
    assert row["ratio"] == pytest.approx(0.8)
    assert (row["first_sm_clock_hz"], row["last_sm_clock_hz"]) == (1.98e9, 1.6e9)
    assert (row["first_power_w"], row["last_power_w"]) == (400.0, 700.0)
    assert row["launches"] == LAUNCHES


def test_an_even_gpu_held_out():
    row = rows(device_times.derive(PLAN, records(steady))["sustained"])["slow"]
    assert (row["low"], row["ratio"], row["high"]) == pytest.approx((1.0, 1.0, 1.0))


def test_without_nvml_clock_and_power_are_unknown():
    row = rows(device_times.derive(PLAN, records(steady))["sustained"])["fast"]
    assert row["first_sm_clock_hz"] is row["last_power_w"] is None


def test_the_share_of_the_time_that_was_timed_is_told():
    """In a launch, 35 intervals of 0.1 s, in which the device worked 11 times 4 ms and 12 times 8 ms."""
    even = lambda case, launch, number: steady(case, 0, number)  # noqa: E731
    row = rows(device_times.derive(PLAN, records(even))["sustained"])["fast"]
    assert row["busy"] == pytest.approx((11 * 0.004 + 12 * 0.008) / ((ROUNDS * 3 - 2) * 0.1))


def test_on_a_cpu_there_is_no_such_table():
    assert device_times.derive(PLAN, records(lambda *_: None)) == {"sustained": []}


def test_one_launch_has_rates_and_no_interval():
    one = records(waning)
    one.samples = [record for record in one.samples if record["launch"] == 0]
    row = rows(device_times.derive(PLAN, one)["sustained"])["fast"]
    assert row["first_rate"] == pytest.approx(FLOPS / 1e-4)
    assert (row["ratio"], row["low"], row["high"], row["launches"]) == (None, None, None, 1)


# In the summary


def test_the_summary_has_the_devices_figures_beside_the_users():
    starts = [{"kind": "start", "case": FAST.id, "launch": launch, "pilot": False, "overhead_s": 1e-6,
               **dict.fromkeys(devices.COSTS, 5e-6)} for launch in range(LAUNCHES)]  # fmt: skip
    one = records(steady, starts, sm_clock_hz=lambda launch, number: 1.98e9, clock_reasons=lambda launch, number: 4)
    one.run |= {"plan": PLAN.to_json(), "seed": 0, "margin": 0.02}
    found = summary.summarize(one)
    cases = rows(found["cases"])
    assert cases["slow"]["device_time_s"] == pytest.approx(2e-4 * 1.025)
    assert cases["slow"]["time_s"] == pytest.approx(0.01 / 40)
    assert cases["host"]["device_time_s"] is None
    assert {row["case"] for row in found["sustained"]} == {"fast", "slow"}
    assert found["harness"][0]["round_trip_s"] == 5e-6
    assert found["disturbed"][0]["power_cap"] == pytest.approx(2 / 3)
    assert found["disturbed"][0]["any"] == 0
    verdicts = rows(found["comparisons"])
    assert verdicts["slow"]["ratio"] == pytest.approx(1.0)  # by the user's clock, by which all are alike


def test_what_a_profiler_saw_in_the_pilot_stands_beside_the_devices_time():
    told = {"kernels": ["gemm"], "kernel_s": 9e-5, "copy_s": 0.0}
    one = records(steady)
    one.outcomes.append({"kind": "conditions", "case": FAST.id, "conditions": told, "reasons": {}})
    one.run |= {"plan": PLAN.to_json(), "seed": 0, "margin": 0.02}
    cases = rows(summary.summarize(one)["cases"])
    assert (cases["fast"]["kernels"], cases["fast"]["kernel_s"]) == (["gemm"], 9e-5)
    for case in ("slow", "host"):
        assert cases[case]["kernels"] is cases[case]["kernel_s"] is None


@pytest.mark.parametrize("damage", [{"kernels": "sgemm"}, {"kernel_s": "0.1"}])
def test_kernels_that_no_profiler_tells_are_damage(damage):
    row = {"study": "alignment", "group": "g", "case": "fast", "conditions": damage}
    with pytest.raises(TypeError, match="kernels are"):
        device_times.add([row], PLAN, records(lambda *_: 1e-6))
