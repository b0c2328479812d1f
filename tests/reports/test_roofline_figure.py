"""The figure of the roofline has a panel per dtype, its limits, and every case as a mark within them."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tests.reports import limited
from tests.reports.limited import fail, set_case
from tests.reports.shown import drawn, words

NAME = "roofline"


def test_there_is_a_panel_per_dtype_with_its_peak_and_the_memories() -> None:
    found = words(drawn(NAME, *limited.make()))
    assert [text for text in found if text.endswith("· cpu")] == ["float32 · cpu", "bfloat16 · cpu"]
    assert "achieved: 200 GFLOP/s, torch 1024" in found
    assert "achieved: 500 GFLOP/s, torch 768" in found
    assert found.count("main memory 20.0 GB/s") == 2


def lines_of(figure: Figure, panel: int = 0) -> list[Line2D]:
    return list(figure.axes[panel].lines)


def test_roofs_end_where_they_meet_the_peak() -> None:
    lines = lines_of(drawn(NAME, *limited.make()))
    ends = [(line.get_xdata()[-1], line.get_ydata()[-1]) for line in lines if len(line.get_xdata()) == 2]
    for rate in (150, 80, 20):
        assert (pytest.approx(200 / rate), pytest.approx(200)) in ends


def test_every_case_is_a_mark_with_its_interval_in_view() -> None:
    run, summary = limited.make()
    figure = drawn(NAME, run, summary)
    shown = [row for row in summary["cases"] if row["dtype"] == "float32" and row["percent_of_attainable"]]
    expected = [row for row in shown if not row["control"] and not row["group"].startswith("libraries")]
    marks = [
        line for line in lines_of(figure) if len(line.get_xdata()) == 1 and line.get_marker() not in ("None", None)
    ]
    values = sorted(float(line.get_ydata()[0]) for line in marks if line.get_linestyle() == "None")
    assert {round(value, 6) for value in values} >= {round(row["flop_rate"] / 1e9, 6) for row in expected}
    low, high = figure.axes[0].get_ylim()
    assert all(low < value < high for value in values)
    bars = [
        tuple(line.get_ydata()) for line in lines_of(figure) if len(set(line.get_xdata())) == 1 < len(line.get_xdata())
    ]
    [row] = [row for row in expected if row["group"].startswith("784-256-10") and row["case"] == "numpy_scratch"]
    assert (
        pytest.approx(row["flops"] / row["time_high"] / 1e9),
        pytest.approx(row["flops"] / row["time_low"] / 1e9),
    ) in bars


def test_the_key_has_what_is_in_the_way_of_some_case_only() -> None:
    run, summary = limited.make()
    for row in summary["cases"]:
        row["bound_by"] = row.get("bound_by") and "compute"
    found = [text for text in words(drawn(NAME, run, summary)) if text.startswith("in the way")]
    assert found == ["in the way: arithmetic"]
    set_case(summary, "784-16-10", "numpy_scratch", bound_by="launch")
    found = [text for text in words(drawn(NAME, run, summary)) if text.startswith("in the way")]
    assert found == ["in the way: arithmetic", "in the way: launching"]


def test_marks_are_filled_by_what_is_in_the_way() -> None:
    run, summary = limited.make()
    for row, bound in zip(
        (row for row in summary["cases"] if row["study"] == "throughput"), ("launch", "memory"), strict=False
    ):
        row["bound_by"] = bound
    styles = {line.get_fillstyle() for line in lines_of(drawn(NAME, run, summary)) if line.get_linestyle() == "None"}
    assert styles >= {"full", "bottom", "none"}


def test_missing_intervals_are_no_obstacle() -> None:
    run, summary = limited.make()
    for row in (*summary["cases"], *summary["peaks"], *summary["roofs"]):
        row |= dict.fromkeys(("low", "high", "time_low", "time_high", "percent_low", "percent_high"))
    assert drawn(NAME, run, summary).axes


def test_synthetic_images_and_failed_controls_are_noted() -> None:
    run, summary = limited.make(synthetic=True)
    fail(summary, "roofline", "peak float32 cpu")
    found = words(drawn(NAME, run, summary))
    assert "synthetic images" in found
    assert any("control failed" in text for text in found)


def test_a_crowd_is_drawn_with_names_that_do_not_run_into_one_another() -> None:
    figure = drawn(NAME, *limited.make(crowded=True))
    figure.set_dpi(100)
    figure.canvas.draw()
    names = [
        text for text in figure.axes[0].texts if text.get_rotation() == 0 and not text.get_text().startswith("achieved")
    ]
    boxes = [text.get_window_extent() for text in names]
    assert {text.get_text() for text in names} >= {"16", "64", "256", "1024", "products"}
    for index, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[index + 1 :])
