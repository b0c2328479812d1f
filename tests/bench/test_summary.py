"""From records to verdicts: what counts, what is left out, and what the summary must hold."""

import csv
import io
import json

import numpy as np
import pytest

from bench import plan, summary
from bench.case import Case, Group
from bench.errors import BadInput
from bench.store import Records
from bench.studies import with_control
from bench.survey import Survey

CONTRACT = {
    "study", "group", "case", "baseline", "ratio", "ci_low", "ci_high", "verdict", "mde", "launches", "rounds",
    "p_adjusted", "time_s", "throughput", "throughput_unit", "flops", "bytes", "percent_of_attainable", "control",
}  # fmt: skip
VERDICTS = {"equivalent", "faster", "slower", "inconclusive"}
SPEEDS = {"torch_concise": 1.0, "numpy_scratch": 0.8, "torch_scratch": 1.2, "torch_manual": 1.001, "control": 1.0}


def training_group(width):
    parameters = {"inputs": 784, "hidden": [width], "outputs": 10, "batch": 256, "learning_rate": 0.1}
    cases = tuple(
        Case("throughput", f"784-{width}-10", name, "training_step", name, "torch", parameters)
        for name in SPEEDS
        if name != "control"
    )
    return with_control(Group("throughput", f"784-{width}-10", cases, "torch_concise"))


def measured(groups, launches=6, speeds=SPEEDS, seed=0, attempts=lambda launch: 0, incomplete=()):
    """A run whose times follow the given speeds, with noise that all cases of a round share."""
    made = plan.make(groups, Survey(start_s={"torch": 2.0}), "quick", 0)
    made = plan.Plan(0, dict.fromkeys(made.launches, launches), made.groups, made.skips)
    generator = np.random.default_rng(seed)
    samples, outcomes = [], []
    for launch in range(launches):
        for planned in made.groups:
            own = {case.name: np.exp(0.002 * generator.standard_normal()) for case in planned.group.cases}
            for number in range(planned.rounds):
                shared = np.exp(0.1 * abs(generator.standard_normal()))
                for position, case in enumerate(planned.group.cases):
                    elapsed = 1e-3 * speeds.get(case.name, 1.0) * own[case.name] * shared * 10
                    samples.append({"case": case.id, "launch": launch, "attempt": attempts(launch), "round": number,
                                    "position": position, "steps": 10, "elapsed_s": elapsed})  # fmt: skip
        for study in made.launches:
            outcomes.append({"kind": "launch", "study": study, "launch": launch, "attempt": attempts(launch),
                             "complete": launch not in incomplete})  # fmt: skip
    run = {"plan": made.to_json(), "seed": 0, "margin": 0.02}
    return Records(run, samples, outcomes)


def by_case(rows):
    return {row["case"]: row for row in rows}


def test_every_comparison_keeps_the_contract():
    rows = summary.summarize(measured([training_group(64)]))["comparisons"]
    assert {row["case"] for row in rows} == set(SPEEDS) - {"torch_concise"}
    for row in rows:
        assert set(row) >= CONTRACT
        assert row["verdict"] in VERDICTS
        assert row["ci_low"] <= row["ratio"] <= row["ci_high"]


def test_planted_speeds_are_found():
    rows = by_case(summary.summarize(measured([training_group(64)]))["comparisons"])
    assert rows["numpy_scratch"]["verdict"] == "faster"
    assert rows["torch_scratch"]["verdict"] == "slower"
    assert rows["torch_manual"]["verdict"] == rows["control"]["verdict"] == "equivalent"
    assert rows["torch_scratch"]["ratio"] == pytest.approx(1.2, rel=0.01)
    assert rows["torch_scratch"]["time_s"] == pytest.approx(1.2e-3, rel=0.2)
    assert rows["torch_scratch"]["throughput"] == pytest.approx(256 / rows["torch_scratch"]["time_s"])


def test_only_the_last_complete_attempt_of_a_launch_counts():
    records = measured([training_group(64)], attempts=lambda launch: 1)
    expected = summary.summarize(records)["comparisons"]
    stale = [sample | {"attempt": 0, "elapsed_s": sample["elapsed_s"] * 100} for sample in records.samples[:90]]
    records.samples += stale  # last on file, so that taking whatever comes last would show
    records.outcomes.insert(0, {"kind": "launch", "study": "throughput", "launch": 0, "attempt": 0, "complete": False})
    assert summary.summarize(records)["comparisons"] == expected


def test_a_launch_that_was_cut_off_is_left_out_and_said():
    derived = summary.summarize(measured([training_group(64)], incomplete=(5,)))
    assert {row["launches"] for row in derived["comparisons"]} == {5}
    assert "5 of 6 launches" in derived["notes"][0]


def test_below_five_launches_there_is_no_verdict():
    derived = summary.summarize(measured([training_group(64)], incomplete=(4, 5)))
    assert {row["verdict"] for row in derived["comparisons"]} == {"inconclusive"}
    assert "no verdict" in derived["notes"][0]


def test_a_failed_control_marks_its_own_group_only():
    records = measured([training_group(64), training_group(256)])
    for sample in records.samples:
        if sample["case"] == "throughput/784-64-10/control":
            sample["elapsed_s"] *= 1.1
    derived = summary.summarize(records)
    assert {row["group"] for row in derived["comparisons"] if row["marked"]} == {"784-64-10"}


def test_the_control_is_not_in_the_group_of_adjusted_p_values():
    """A control that differs does not change what is said of the others."""
    records = measured([training_group(64)])
    before = by_case(summary.summarize(records)["comparisons"])["torch_manual"]["p_adjusted"]
    for sample in records.samples:
        if sample["case"].endswith("control"):
            sample["elapsed_s"] *= 1.5
    assert by_case(summary.summarize(records)["comparisons"])["torch_manual"]["p_adjusted"] == before


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ({"kind": "failure", "reason": "crashed", "phase": "sampling"}, "failed"),
        ({"kind": "equality", "equal": False, "deviation": 1.0, "bound": 0.1, "note": "bias is off"}, "not equal"),
        ({"kind": "calibration", "too_slow": True, "step_s": 3.0, "steps": 1}, "too slow"),
    ],
)
def test_what_went_wrong_is_a_status_with_a_reason_and_no_comparison(outcome, status):
    records = measured([training_group(64)])
    records.outcomes.append({"case": "throughput/784-64-10/torch_scratch", **outcome})
    derived = summary.summarize(records)
    row = by_case(derived["cases"])["torch_scratch"]
    assert row["status"] == status
    assert row["reason"]
    assert "torch_scratch" not in by_case(derived["comparisons"])
    assert "numpy_scratch" in by_case(derived["comparisons"])


def test_without_its_baseline_a_group_shows_absolute_figures_only():
    records = measured([training_group(64)])
    records.outcomes.append(
        {"kind": "failure", "case": "throughput/784-64-10/torch_concise", "reason": "crashed", "phase": "sampling"}
    )
    derived = summary.summarize(records)
    assert derived["comparisons"] == []
    assert by_case(derived["cases"])["numpy_scratch"]["time_s"] > 0


def test_a_control_that_was_not_measured_says_what_became_of_its_baseline():
    records = measured([training_group(64)])
    kept = [sample for sample in records.samples if not sample["case"].endswith(("torch_concise", "control"))]
    lost = {"kind": "failure", "case": "throughput/784-64-10/torch_concise", "reason": "crashed", "phase": "start-up"}
    rows = by_case(summary.summarize(Records(records.run, kept, [*records.outcomes, lost]))["cases"])
    assert (rows["control"]["status"], rows["control"]["reason"]) == (
        "not measured", "the baseline, torch_concise, is failed",
    )  # fmt: skip
    assert rows["numpy_scratch"]["reason"] is None


def test_before_a_launch_is_complete_that_is_why_nothing_is_measured():
    rows = by_case(summary.summarize(measured([training_group(64)], launches=2, incomplete=(0, 1)))["cases"])
    assert {(row["status"], row["reason"]) for row in rows.values()} == {("not measured", "no launch is complete")}


def test_matmuls_of_unlike_size_are_compared_per_flop():
    def case(size):
        return Case("alignment", "g", str(size), "matmul", "numpy", "numpy", dict.fromkeys("mkn", size) | {"stack": 1})

    group = with_control(Group("alignment", "g", (case(100), case(200)), "100"))
    rows = by_case(summary.summarize(measured([group], speeds={"100": 1.0, "200": 8.0, "control": 1.0}))["comparisons"])
    assert rows["200"]["ratio"] == pytest.approx(1.0, rel=0.01)
    assert rows["200"]["throughput_unit"] == "FLOP/s"


def test_the_width_from_which_it_does_not_matter():
    groups = [training_group(width) for width in (16, 64, 256)]
    records = measured(groups)
    for sample in records.samples:
        if sample["case"] == "throughput/784-16-10/torch_manual":
            sample["elapsed_s"] *= 1.5
    found = {row["implementation"]: row["width"] for row in summary.summarize(records)["crossovers"]}
    assert found == {"torch_manual": 64, "torch_scratch": None, "numpy_scratch": None}


def test_fixed_costs_are_fitted_over_the_widths():
    records = measured([training_group(width) for width in (16, 64, 256, 1024)])
    for sample in records.samples:
        width = int(sample["case"].split("-")[1])
        sample["elapsed_s"] = 10 * (100e-6 + width * 1e-6) * (1 + 1e-4 * (sample["launch"] % 3))
    costs = {row["implementation"]: row["fixed_s"] for row in summary.summarize(records)["fixed_costs"]}
    assert set(costs) == set(SPEEDS) - {"control"}
    assert costs["numpy_scratch"] == pytest.approx(100e-6, rel=0.05)


def test_summary_is_written_as_json_and_csv_that_agree(tmp_path):
    derived = summary.write(measured([training_group(64)]), tmp_path)
    stored = json.loads((tmp_path / "summary.json").read_text())
    rows = list(csv.DictReader(io.StringIO((tmp_path / "summary.csv").read_text())))
    assert stored == derived
    assert "medians" not in rows[0]
    assert [row["case"] for row in rows] == [row["case"] for row in derived["comparisons"]]
    assert float(rows[0]["ratio"]) == derived["comparisons"][0]["ratio"]


def test_a_damaged_plan_is_bad_input():
    records = measured([training_group(64)])
    records.run["plan"] = {"launches": {"throughput": "many"}, "groups": [], "skips": []}
    with pytest.raises(BadInput, match="plan is damaged"):
        summary.summarize(records)


def changed(records, case, factor):
    """Times of a case as a function of launch and round."""
    for sample in records.samples:
        if sample["case"].endswith(f"/{case}"):
            sample["elapsed_s"] *= factor(sample["launch"], sample["round"])
    return records


def test_the_launch_medians_that_entered_the_inference_are_kept():
    row = by_case(summary.summarize(measured([training_group(64)]))["comparisons"])["torch_scratch"]
    assert len(row["medians"]) == row["launches"] == 6
    assert np.exp(np.mean(row["medians"])) == pytest.approx(row["ratio"])
    assert np.std(row["medians"], ddof=1) == pytest.approx(row["deviation"])


def test_a_ratio_that_never_settles_gets_no_verdict():
    records = changed(measured([training_group(64)]), "torch_scratch", lambda launch, number: 1 + 0.01 * number)
    derived = by_case(summary.summarize(records)["comparisons"])
    row = derived["torch_scratch"]
    assert (row["steady"], row["verdict"]) == ("never steady", "inconclusive")
    assert row["p_adjusted"] < 0.05
    assert "never steady" in row["reason"]
    assert (derived["numpy_scratch"]["steady"], derived["numpy_scratch"]["verdict"]) == ("steady", "faster")


def test_a_control_that_fails_marks_its_group_even_where_it_never_settles():
    records = changed(measured([training_group(64)]), "control", lambda launch, number: 1.05 + 0.01 * number)
    rows = by_case(summary.summarize(records)["comparisons"])
    assert (rows["control"]["steady"], rows["control"]["verdict"]) == ("never steady", "slower")
    assert rows["torch_scratch"]["marked"]


def test_a_warm_up_keeps_its_verdict_and_the_ratio_without_it_is_told():
    records = changed(measured([training_group(64)]), "torch_scratch", lambda launch, number: 1 + 0.2 * (number < 6))
    row = by_case(summary.summarize(records)["comparisons"])["torch_scratch"]
    assert (row["steady"], row["verdict"], row["reason"]) == ("from round 6", "slower", None)
    assert row["ratio_steady"] == pytest.approx(1.2, rel=0.005)


def test_rounds_disturbed_on_either_side_are_told_of_and_kept():
    records = measured([training_group(64)])
    for sample in records.samples:
        case, number = sample["case"].rpartition("/")[2], sample["round"]
        stolen = number in {"torch_concise": (0,), "torch_scratch": (1, 2)}.get(case, ())
        sample["telemetry"] = {"steal_s": 0.01 * stolen}
    derived = summary.summarize(records)
    rows = by_case(derived["comparisons"])
    rounds = rows["torch_scratch"]["rounds"]
    assert rows["torch_scratch"]["disturbed"] == pytest.approx(3 / rounds)
    assert rows["numpy_scratch"]["disturbed"] == pytest.approx(1 / rounds)
    assert rows["torch_scratch"]["verdict_undisturbed"] == "slower"
    assert derived["disturbed"][0]["steal"] == derived["disturbed"][0]["any"] == pytest.approx(3 / (5 * rounds))


def test_the_harness_tells_what_it_cost():
    """Samples end 20 ms apart; those of numpy_scratch have too few steps to count among the cases with some."""
    records = measured([training_group(64)], incomplete=(5,))
    starts = []
    for place, sample in enumerate(records.samples):
        few = sample["case"].endswith("numpy_scratch")
        sample |= {"elapsed_s": 0.004 if few else 0.016, "steps": 3 if few else 4, "at_s": 100 + 0.02 * place}
        if sample["launch"] == 5:
            sample |= {"elapsed_s": 1.0}
    for name, overhead in (("numpy_scratch", 1e-6), ("torch_scratch", 8e-6)):
        start = {"kind": "start", "case": f"throughput/784-64-10/{name}", "pilot": False, "overhead_s": overhead}
        starts += [start | dict.fromkeys(("interpreter_s", "import_s", "build_s", "first_step_s"), 1.0)]
    for outcome in records.outcomes:
        outcome |= {"wall_s": 10.0, "stopped_cpu_s": 0.002 if outcome["complete"] else 9.0}
    records.outcomes += starts
    (row,) = summary.summarize(records)["harness"]
    assert row["study"] == "throughput"
    assert row["in_samples"] == pytest.approx(0.8)
    assert row["in_samples_all"] == pytest.approx((4 * 0.8 + 0.2) / 5, abs=0.002)
    assert row["overhead"] == pytest.approx(8e-6 / 0.016)
    assert row["stopped_cpu"] == pytest.approx(0.0002)


def test_what_records_do_not_tell_of_the_harness_is_unknown():
    (row,) = summary.summarize(measured([training_group(64)]))["harness"]
    assert {row[name] for name in ("in_samples", "in_samples_all", "overhead", "stopped_cpu")} == {None}
