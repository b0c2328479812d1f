"""What is said and drawn of the input pipeline comes from the study's rows, and from groups that can be relied on."""

from __future__ import annotations

import pytest
from matplotlib.patches import Rectangle

from reports import feeding
from reports.plots import pipeline_rate, pipeline_stages
from tests.reports.shown import Record, drawn, plain, words

GROUP = "torch_concise 784-256-10 batch 256 float32 cpu"
TIMES = {"dataloader": 0.2, "dataloader:workers2": 0.25, "resident_copy": 0.05, "resident_index": 0.04, "control": 0.2}
STAGES = {
    "dataloader": {"decode": 3e-5, "collate": 1e-6, "transfer": 0.0, "step": 1e-5, "rest": 1e-6},
    "resident_copy": {"decode": 0.0, "collate": 2e-6, "transfer": 0.0, "step": 1e-5, "rest": 0.0},
    "resident_index": {"decode": 0.0, "collate": 1e-6, "transfer": 0.0, "step": 1e-5, "rest": 0.0},
    "dataloader:workers2": {"start": 2e-6},
}
RUN = {"data": {"kind": "fashion-mnist"}}


def made(group: str = GROUP, **judged: Record) -> Record:
    """A summary of one group; keywords change the comparisons of cases."""
    cases, comparisons = [], []
    for name, time_s in TIMES.items():
        row: Record = {"study": "pipeline", "group": group, "case": name, "baseline": "dataloader"}
        row["control"] = name == "control"
        row |= {"time_s": time_s, "time_low": 0.98 * time_s, "time_high": 1.02 * time_s, "throughput": 5888 / time_s}
        cases.append(row)
        if name != "dataloader":
            ratio = time_s / TIMES["dataloader"]
            verdict = "faster" if ratio < 0.9 else "slower" if ratio > 1.1 else "equivalent"
            judgement = {"ratio": ratio, "ci_low": ratio / 1.05, "ci_high": ratio * 1.05, "verdict": verdict}
            comparisons.append(row | judgement | {"marked": False} | judged.get(name, {}))
    stages = [
        {"group": group, "case": case, "stage": stage, "seconds_per_image": value, "low": 0.9 * value,
         "high": 1.1 * value}
        for case, found in STAGES.items() for stage, value in found.items()
    ]  # fmt: skip
    return {"cases": cases, "comparisons": comparisons, "stages": stages}


def said(summary: Record) -> str:
    return plain(" ".join(feeding.sentences(summary)))


def test_the_faster_shuffled_resident_epoch_is_told_as_times_as_fast() -> None:
    assert (
        "The resident epoch, shuffled (resident_index), takes 0.200x of the textbook loop's time (95 % interval "
        "0.190-0.210): faster. That is 5.00x its images per second (4.76-5.25)." in said(made())
    )


def test_the_verdict_told_is_that_of_the_row() -> None:
    summary = made(resident_index={"verdict": "inconclusive"}, resident_copy={"ratio": 0.5})
    assert "inconclusive." in said(summary)


def test_an_epoch_that_is_not_shuffled_is_not_the_resident_epoch() -> None:
    summary = made()
    for row in summary["comparisons"]:
        if row["case"] == "resident_index":
            row["case"] = "resident_ordered"
    assert "shuffled (resident_copy), takes 0.250x" in said(summary)


def test_a_slower_loader_with_workers_is_told_with_what_starting_them_takes() -> None:
    assert "(dataloader:workers2) takes 1.25x of the textbook loop's time" in said(made())
    assert (
        "slower. That is 0.80x its images per second (0.76-0.84); starting them takes another 120 ms an epoch"
        in said(made())
    )


def test_the_shares_of_the_textbook_loop_add_up_over_its_own_stages() -> None:
    assert "that the textbook loop takes for an image, 71 % are decoding and 24 % are the network's step." in said(
        made()
    )


def test_a_group_whose_control_failed_says_nothing() -> None:
    assert said(made(control={"marked": True})) == ""


def test_several_groups_are_told_apart_and_only_the_failed_one_is_left_out() -> None:
    summary, other = made(), made("torch_manual x", control={"marked": True})
    both = {table: summary[table] + other[table] for table in summary}
    third = made("torch_scratch x")
    all_three = {table: both[table] + third[table] for table in both}
    found = feeding.sentences(all_three)
    assert [text.partition(":")[0] for text in found] == [GROUP, "torch_scratch x"]


@pytest.mark.parametrize("summary", [{}, {"cases": [], "comparisons": [], "stages": []}])
def test_without_the_study_nothing_is_said_or_drawn(summary: Record) -> None:
    assert feeding.sentences(summary) == []
    assert pipeline_rate.draw(RUN, summary) is None
    assert pipeline_stages.draw(RUN, summary) is None


def test_rows_of_other_studies_are_left_alone() -> None:
    summary = made()
    for row in (*summary["cases"], *summary["comparisons"]):
        row["study"] = "throughput"
    assert pipeline_rate.draw(RUN, summary) is None
    assert "as fast as" not in said(summary)


def test_rates_are_drawn_for_every_pipeline_but_the_control() -> None:
    figure = drawn("pipeline_rate", RUN, made())
    assert set(words(figure)) >= set(TIMES) - {"control"}
    assert "control" not in words(figure)
    assert any("images/s" in word for word in words(figure))


def test_a_rate_stands_where_it_belongs() -> None:
    figure = drawn("pipeline_rate", RUN, made())
    marks = [list(line.get_xdata()) for line in figure.axes[0].lines if len(line.get_xdata()) == 1]
    assert [round(value[0], 3) for value in marks] == [29.44, 23.552, 117.76, 147.2]


def test_bars_end_where_the_stages_add_up_to() -> None:
    figure = drawn("pipeline_stages", RUN, made())
    bars = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
    ends: dict[float, float] = {}
    for bar in bars:
        place = round(bar.get_y() + bar.get_height() / 2, 3)
        ends[place] = max(ends.get(place, 0.0), bar.get_x() + bar.get_width())
    assert [round(ends[place], 3) for place in sorted(ends)] == [42.0, 12.0, 11.0]
    assert "42.0" in words(figure)


def test_a_stage_that_takes_no_time_anywhere_is_in_no_key() -> None:
    figure = drawn("pipeline_stages", RUN, made())
    text = " ".join(words(figure))
    assert "decode" in text
    assert "transfer" not in text
    assert "workers2" not in text


def test_figures_say_that_images_are_synthetic_and_that_a_control_failed() -> None:
    synthetic = {"data": {"kind": "synthetic"}}
    for name in ("pipeline_rate", "pipeline_stages"):
        for run in (RUN, synthetic):
            found = words(drawn(name, run, made(control={"marked": True})))
            assert ("synthetic images" in found) == (run is synthetic)
            assert any("control failed" in word for word in found)


def test_figures_survive_rows_without_intervals() -> None:
    summary = made()
    for row in (*summary["cases"], *summary["stages"]):
        row.update({column: None for column in row if column.endswith(("low", "high"))})
    assert drawn("pipeline_rate", RUN, summary).axes
    assert drawn("pipeline_stages", RUN, summary).axes
