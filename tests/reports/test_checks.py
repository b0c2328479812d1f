"""What was checked beside the verdicts is said where it matters, and only where it does."""

from __future__ import annotations

import re

import pytest

from reports import checks, page, tables
from reports.findings import FASTEST, FIRST, FIXED, MATTERS, MIND, ODD, findings
from tests.reports.shown import Maker, Record, drawn, plain, words

SHAPE = "784-16-10 batch 256 float32 cpu"


def minded(run: Record, summary: Record) -> dict[str, str]:
    """What is said to keep in mind, by tone."""
    found = [one for one in findings(run, summary) if one.question == MIND]
    return {tone: plain(" ".join(one.text for one in found if one.tone == tone)) for tone in ("warning", "answer")}


def row_of(summary: Record, case: str, group: str = SHAPE) -> Record:
    rows: list[Record] = summary["comparisons"]
    return next(row for row in rows if (row["group"], row["case"]) == (group, case))


@pytest.fixture
def checked(maker: Maker) -> tuple[Record, Record]:
    """A run in which every check found nothing."""
    run, summary = maker(flawed=False)
    for row in summary["comparisons"]:
        row.update(steady="steady", ratio_steady=None, reason=None, disturbed=0.12, ratio_undisturbed=row["ratio"])
        row.update(verdict_undisturbed=row["verdict"], kept_at_random=1.0, sensitive=False, ci_low=0.995, ci_high=1.005)
    kinds = {"pressure": 0.03, "switches": 0.02, "steal": 0.004, "frequency": 0.0, "any": 0.05}
    summary["disturbed"] = [{"study": "throughput", "samples": 3000, **kinds}]
    effect = {"study": "throughput", "group": SHAPE, "effect": 1.004, "low": 0.998, "high": 1.01, "flagged": False}
    summary["predecessors"] = [effect | {"predecessor": "numpy_scratch", "effect": 0.999}]
    summary["predecessors"] += [effect | {"predecessor": "torch_manual"}]
    costs = {"in_samples": 0.684, "in_samples_all": 0.551, "overhead": 0.000186, "stopped_cpu": 0.00004}
    summary["harness"] = [{"study": "throughput", **costs}]
    return run, summary


def test_checks_that_found_nothing_say_how_much_they_could_miss(checked: tuple[Record, Record]) -> None:
    said = minded(*checked)
    assert said["warning"] == ""
    number = len(checked[1]["comparisons"])
    assert f"All {number} comparisons are in a steady state" in said["answer"]
    assert f"is 1.004x (95 % interval 0.998-1.010) after torch_manual in {SHAPE}" in said["answer"]
    assert (
        "5.0 % were disturbed, beyond what is usual in their launch (CPU pressure 3.0 %, "
        "involuntary switches 2.0 % and steal time 0.4 %)" in said["answer"]
    )
    assert "changes no verdict" in said["answer"]


def test_records_without_checks_say_nothing_of_them(maker: Maker) -> None:
    said = minded(*maker(flawed=False))
    assert not re.search("steady|disturbed|sampled right after", said["answer"] + said["warning"])


def test_a_case_that_is_never_steady_is_named(checked: tuple[Record, Record]) -> None:
    run, summary = checked
    reason = "never steady: the ratio moves"
    row_of(summary, "torch_manual").update(steady="never steady", verdict="inconclusive", reason=reason)
    said = minded(run, summary)
    assert f"In {SHAPE}, torch_manual is never steady" in said["warning"]
    assert "verdict is inconclusive" in said["warning"]
    assert "in a steady state" not in said["answer"]
    text = page.render(run, summary, [])
    assert f'title="{reason}"' in text
    assert '<td class="text">never steady</td>' in text


def test_a_warm_up_is_told_with_both_ratios(checked: tuple[Record, Record]) -> None:
    run, summary = checked
    row_of(summary, "torch_manual").update(steady="from round 4", ratio=1.051, ratio_steady=1.032)
    said = minded(run, summary)["warning"]
    assert "steady only without its first 4 rounds of each launch" in said
    assert "would be 1.032x without them, and is 1.051x with all" in said
    assert "from round 4: 1.032x" in plain(page.render(run, summary, []))


def test_many_alike_are_told_by_number(checked: tuple[Record, Record]) -> None:
    run, summary = checked
    for row in summary["comparisons"][:8]:
        row.update(steady="never steady")
    said = minded(run, summary)["warning"]
    assert said.count("is never steady") == 3
    assert "So it is with 5 more" in said


def test_a_verdict_that_rests_on_disturbed_rounds_is_a_warning(checked: tuple[Record, Record]) -> None:
    run, summary = checked
    row = row_of(summary, "torch_manual")
    row.update(verdict="slower", verdict_undisturbed="inconclusive", kept_at_random=0.99, sensitive=True)
    said = minded(run, summary)
    assert "torch_manual would be inconclusive without the 12 % of its rounds that were disturbed" in said["warning"]
    assert "so it is the disturbance that decides" in said["warning"]
    assert "changes no verdict" not in said["answer"]
    assert plain(checks.undisturbed(row)) == "inconclusive without 12 % (!)"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, "stands without 12 %"),
        ({"disturbed": 0.0}, ""),
        ({"disturbed": None}, ""),
        ({"verdict_undisturbed": None}, "12 % disturbed; too few others to judge by"),
        ({"verdict_undisturbed": "inconclusive", "kept_at_random": 0.7},
         "inconclusive without 12 %; at random 30 % change"),
        ({"steady": "never steady"}, ""),
    ],
)  # fmt: skip
def test_each_verdict_says_whether_it_stands(changed: Record, told: str, checked: tuple[Record, Record]) -> None:
    row = row_of(checked[1], "numpy_scratch") | {"verdict": "faster", "verdict_undisturbed": "faster"} | changed
    assert plain(checks.undisturbed(row)) == told


def test_an_after_effect_is_a_warning(checked: tuple[Record, Record]) -> None:
    run, summary = checked
    summary["predecessors"][1].update(flagged=True, effect=1.03, low=1.025, high=1.035)
    said = minded(run, summary)
    assert "right after torch_manual takes 1.030x (95 % interval 1.025-1.035)" in said["warning"]
    assert "No case was found" not in said["answer"]


def test_a_control_that_could_not_have_shown_anything_is_told(checked: tuple[Record, Record]) -> None:
    run, summary = checked
    row_of(summary, "control").update(ci_low=0.975, ci_high=1.025)
    said = minded(run, summary)["warning"]
    assert f"In {SHAPE} the control, which is the baseline against itself, was measured too coarsely" in said
    row_of(summary, "control").update(ci_low=0.985, ci_high=1.015)
    assert "too coarsely" not in minded(run, summary)["warning"]


def test_a_control_that_failed_is_not_called_uninformative(checked: tuple[Record, Record]) -> None:
    run, summary = checked
    row_of(summary, "control").update(ci_low=1.1, ci_high=1.3, ratio=1.2, verdict="slower", marked=True)
    said = minded(run, summary)["warning"]
    assert "came out slower" in said
    assert "too coarsely" not in said


def test_the_margin_decides_what_a_control_must_show(checked: tuple[Record, Record]) -> None:
    run, summary = checked
    assert "too coarsely" in minded(run | {"margin": 0.004}, summary)["warning"]


def test_what_measuring_cost_is_a_sentence_of_the_method(checked: tuple[Record, Record]) -> None:
    (text,) = checks.harness(checked[1])
    assert "68 % of the time was spent inside samples where one has at least four steps (55 % over all" in plain(text)
    assert "at most 0.019 % of a sample" in plain(text)
    assert "used 0.0040 % of a CPU" in plain(text)
    assert 'id="harness"' in page.render(*checked, [])


def test_costs_that_are_unknown_are_left_out(checked: tuple[Record, Record]) -> None:
    run, summary = checked
    summary["harness"][0].update(in_samples=None, stopped_cpu=None)
    assert plain(checks.harness(summary)[0]) == (
        "Training steps: 55 % of the time was spent inside samples and calls and clock made up at most 0.019 % of a "
        "sample."
    )
    summary["harness"] = [dict.fromkeys(summary["harness"][0]) | {"study": "throughput"}]
    assert checks.harness(summary) == []
    assert 'id="harness"' not in page.render(run, summary, [])


def failed(summary: Record, *groups: str) -> None:
    for row in summary["comparisons"]:
        if row["group"] in groups:
            row["marked"] = True
            if row["control"]:
                row.update(verdict="slower", ratio=1.2, ci_low=1.1, ci_high=1.3)


def test_a_group_whose_control_failed_supports_no_finding(checked: tuple[Record, Record]) -> None:
    """All groups fail: whatever is still said must say that it rests on them."""
    run, summary = checked
    failed(summary, *{row["group"] for row in summary["comparisons"]})
    said: dict[str, list[str]] = {}
    for finding in findings(run, summary):
        said.setdefault(finding.question, []).append(finding.text)
    assert not {FIRST, FASTEST, ODD} & set(said)
    assert all("the control failed" in text for text in said[FIXED])
    judged = [text for text in said.get(MATTERS, []) if re.search(r" (is|are) (faster|slower|equivalent) ", text)]
    assert all("the control failed" in text for text in judged)


def test_the_section_of_a_failed_group_says_so_first(checked: tuple[Record, Record]) -> None:
    run, summary = checked
    failed(summary, SHAPE)
    for found in (tables.comparisons(summary), tables.cases(summary)):
        sections = [section for table in found for section in table.sections]
        assert [section.heading.startswith(SHAPE) for section in sections] == [bool(one.warning) for one in sections]
    text = page.render(run, summary, [])
    assert re.search(rf'<b class="warning">control failed, not to be relied on</b> · {SHAPE}', text)
    assert re.search(r'<span class="chip marked">\w+ \(!\)</span>', text)
    assert not re.search(r'<span class="chip (faster|slower|equivalent|inconclusive)">\w+ \(!\)', text)


def test_that_nothing_is_equivalent_is_hedged_where_the_control_failed(checked: tuple[Record, Record]) -> None:
    run, summary = checked
    for row in summary["crossovers"]:
        row["width"] = None
    wide = "784-1024-10 batch 256 float32 cpu"

    def said() -> str:
        return " ".join(finding.text for finding in findings(run, summary) if finding.question == MATTERS)

    assert "the control failed" not in said()
    failed(summary, wide)
    assert "This rests on width 1024, where the control failed" in said()


@pytest.mark.parametrize(
    ("name", "group"),
    [
        *((name, SHAPE) for name in ("ratio_over_width", "throughput_over_width", "step_time", "fixed_cost")),
        *((name, "torch matmul float64 cpu") for name in ("alignment", "matmul_rate")),
    ],
)
def test_figures_say_whose_control_failed(name: str, group: str, checked: tuple[Record, Record]) -> None:
    run, summary = checked
    assert "control failed" not in " ".join(words(drawn(name, run, summary)))
    failed(summary, group)
    assert "control failed" in " ".join(words(drawn(name, run, summary)))


def test_a_gpu_that_meets_its_power_limit_is_told_apart_from_disturbance():
    row = {"study": "alignment", "samples": 100, "steal": 0.0, "pressure": 0.0, "switches": 0.0, "frequency": 0.0,
           "throttled": 0.0, "clock": 0.0, "any": 0.0, "power_cap": 0.25}  # fmt: skip
    none, capped = checks.notes({"disturbed": [row]})
    assert none.startswith("No sample was disturbed")
    assert "25\u00a0% met the power limit of a GPU" in capped


def test_a_gpu_that_overheats_is_a_disturbance():
    row = {"study": "alignment", "samples": 100, "throttled": 0.1, "clock": 0.2, "any": 0.2, "power_cap": 0.0}
    (text,) = checks.notes({"disturbed": [row]})
    assert "braked 10\u00a0%" in text
    assert "clock of the GPU 20\u00a0%" in text


def test_what_using_a_gpu_costs_is_told_where_it_was_measured():
    row = {"study": "alignment", "launch_s": 4e-6, "synchronize_s": 9e-6, "round_trip_s": 1.5e-5}
    (text,) = checks.harness({"harness": [row]})
    for told in ("kernel took 4.00\u00a0µs", "waited for 15.0\u00a0µs", "for none 9.00\u00a0µs"):
        assert told in text
    assert checks.harness({"harness": [dict.fromkeys(row) | {"study": "alignment"}]}) == []
