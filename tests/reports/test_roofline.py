"""What is said, tabled and drawn of the roofline comes from its tables, and from groups that can be relied on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from bench import roofline as placing
from reports import caveats, roofline, tables
from reports.findings import findings
from reports.page import render
from reports.plots import roofline as plot

Record = dict[str, Any]
Maker = Callable[..., tuple[Record, Record]]

MIB = 1 << 20
THREADS = {"device": "cpu", "threads": 2}
PEAKS = {"float32": ("torch 1024", 200e9), "bfloat16": ("torch 768", 500e9)}
ROOFS = {"l2": (2 * MIB, 150e9), "l3": (32 * MIB, 80e9), "memory": (None, 20e9)}


def peak(dtype: str, case: str, rate: float) -> Record:
    return {**THREADS, "group": f"peak {dtype} cpu", "case": case, "dtype": dtype, "flop_rate": rate,
            "low": 0.98 * rate, "high": 1.01 * rate, "library": "torch", "shape": "1024 x 1024 x 1024"}  # fmt: skip


def roof(level: str, capacity: int | None, rate: float) -> Record:
    return {**THREADS, "group": "bandwidth copy cpu", "case": level, "level": level, "capacity": capacity,
            "assumed": level == "l3", "bandwidth": rate, "low": 0.9 * rate, "high": 1.1 * rate, "library": "torch",
            "kernel": "copy", "working_set": MIB, "call_share": 0.0421}  # fmt: skip


def floor(implementation: str, time_s: float) -> Record:
    return {**THREADS, "group": "floor 784-1-10 float32 cpu", "dtype": "float32", "implementation": implementation,
            "depth": 1, "time_s": time_s, "time_low": 0.9 * time_s, "time_high": 1.1 * time_s}  # fmt: skip


@pytest.fixture
def placed(maker: Maker) -> Callable[..., tuple[Record, Record]]:
    """Make a function that makes a run with limits, in which everything is held against them."""

    def make(**options: Any) -> tuple[Record, Record]:
        run, summary = maker(**{"flawed": False} | options)
        summary["peaks"] = [peak(dtype, *told) for dtype, told in PEAKS.items()]
        summary["roofs"] = [roof(level, *told) for level, told in ROOFS.items()]
        summary["floors"] = [floor("torch_concise", 1e-4)]
        place(summary)
        return run, summary

    return make


def place(summary: Record) -> None:
    for row in (*summary["cases"], *summary["comparisons"]):
        if row["study"] in ("throughput", "alignment"):
            row["arithmetic_intensity"] = row["flops"] / row["bytes"]
            row |= placing.place({"time_low": None, "time_high": None} | row, summary)


def set_case(summary: Record, group: str, case: str, **values: Any) -> None:
    [row] = [row for row in summary["cases"] if row["group"].startswith(group) and row["case"] == case]
    row |= values


def fail(summary: Record, study: str, group: str) -> None:
    control = {"ratio": 1.1, "ci_low": 1.05, "ci_high": 1.15, "verdict": "slower"}
    summary["comparisons"].append({"study": study, "group": group, "marked": True, "control": True, **control})


def said(summary: Record) -> str:
    return " ".join(roofline.sentences(summary)).replace("\xa0", " ").replace("\N{EN DASH}", "-")


def drawn(run: Record, summary: Record) -> Figure:
    figure = plot.draw(run, summary)
    assert isinstance(figure, Figure)
    figure.set_dpi(30)
    figure.canvas.draw()
    return figure


def words(figure: Figure) -> list[str]:
    found = figure.findobj(Text)
    return [artist.get_text().replace("\xa0", " ") for artist in found if isinstance(artist, Text)]


def test_the_limits_are_told_with_intervals_and_what_reached_them(placed: Maker) -> None:
    text = said(placed()[1])
    assert "200 GFLOP/s in float32 (torch 1024, 95 % interval 196-202 GFLOP/s)" in text
    assert "by STREAM's count of bytes, calls into the library taken off: L2 150 GB/s (135-165 GB/s), L3 " in text
    assert "L3 80.0 GB/s (72.0-88.0 GB/s) and main memory 20.0 GB/s" in text


def test_of_each_width_the_case_that_uses_most_is_told_with_what_is_in_its_way(placed: Maker) -> None:
    _, summary = placed()
    for row in summary["cases"]:
        if row["study"] == "throughput":
            row |= {"percent_of_attainable": 1.0, "percent_low": 0.9, "percent_high": 1.1, "bound_by": "compute"}
    figures = {"percent_of_attainable": 4.07, "percent_low": 3.66, "percent_high": 12.3}
    set_case(summary, "784-16-10", "torch_manual", bound_by="launch", **figures)
    set_case(summary, "784-1024-10", "numpy_scratch", percent_of_attainable=62.4, percent_low=None, bound_by="memory")
    text = said(summary)
    assert "width 16 torch_manual 4.1 % (3.7-12 %), launching; width 64" in text
    assert "width 1024 numpy_scratch 62 %, memory." in text
    assert "With 3 hidden layers: " in text


def test_the_control_is_never_the_one_that_is_told(placed: Maker) -> None:
    _, summary = placed()
    set_case(summary, "784-16-10", "control", percent_of_attainable=99.0, implementation="the control")
    assert "the control" not in said(summary)


def test_products_are_told_by_dtype(placed: Maker) -> None:
    _, summary = placed()
    set_case(summary, "torch matmul bfloat16", "1032", percent_of_attainable=88.0, percent_low=86.0, percent_high=90.0)
    text = said(summary)
    assert "bfloat16 torch 1032 88 % (86-90 %), arithmetic" in text
    assert "float64" not in text  # no peak was measured in it


def test_a_failed_control_supports_no_sentence(placed: Maker) -> None:
    _, summary = placed()
    fail(summary, "throughput", "784-16-10 batch 256 float32 cpu")
    assert "width 16 " not in said(summary)
    assert "width 64 " in said(summary)
    fail(summary, "roofline", "peak float32 cpu")
    text = said(summary)
    assert "float32" not in text
    assert "width" not in text
    assert "500 GFLOP/s in bfloat16" in text
    fail(summary, "roofline", "bandwidth copy cpu")
    assert "GB/s" not in said(summary)


@pytest.mark.parametrize("summary", [{}, {"cases": [], "comparisons": [], "peaks": [], "roofs": [], "floors": []}])
def test_without_the_study_nothing_is_said_tabled_or_drawn(summary: Record) -> None:
    assert roofline.sentences(summary) == []
    assert roofline.table(summary) is None
    assert plot.draw({}, summary) is None


def test_a_run_without_the_study_has_no_columns_for_it(maker: Maker) -> None:
    run, summary = maker()
    headings = {
        heading for table in (*tables.cases(summary), *tables.comparisons(summary)) for heading, _ in table.columns
    }
    assert not headings & {"% of attainable", "in the way"}
    assert "What this machine can do at most" not in render(run, summary, [])


def test_cases_and_comparisons_have_their_share_and_what_is_in_the_way(placed: Maker) -> None:
    _, summary = placed()
    figures = {"percent_of_attainable": 104.6, "percent_low": 98.0, "percent_high": 111.4, "bound_by": "memory"}
    for row in (*summary["cases"], *summary["comparisons"]):
        row |= figures
    for table in (*tables.cases(summary), *tables.comparisons(summary)):
        headings = [heading for heading, _ in table.columns]
        line = table.sections[0].rows[0]
        share, way = (line[headings.index(name)].text for name in ("% of attainable", "in the way"))
        assert share.replace("\xa0", " ") == "105 % (98\N{EN DASH}111 %)"
        assert way == "memory"


def test_hundredths_of_a_percent_are_not_rounded_away(placed: Maker) -> None:
    _, summary = placed()
    cell, _ = roofline.cells(summary["cases"][0] | {"percent_of_attainable": 0.0213, "percent_low": None})
    assert cell.text.replace("\xa0", " ") == "0.021 %"


def test_the_table_has_each_limit_and_says_what_is_assumed(placed: Maker) -> None:
    found = roofline.table(placed()[1])
    assert found is not None
    lines = {section.heading: [row[0].text.replace("\xa0", " ") for row in section.rows] for section in found.sections}
    assert lines == {
        "Arithmetic": ["float32", "bfloat16"],
        "Memory": ["L2 (2 MiB)", "L3 (assumed 32 MiB)", "main memory"],
        "A step with nothing to compute": ["torch_concise, 1 hidden layer, float32"],
    }


def test_what_was_taken_off_a_pass_is_told_where_it_is_known(placed: Maker) -> None:
    _, summary = placed()

    def sources() -> list[str]:
        found = roofline.table(summary)
        assert found is not None
        return [row[-1].text.replace("\xa0", " ") for row in found.sections[1].rows]

    assert sources() == ["torch, copy over 1 MiB, the call (4.2 % of a pass) taken off"] * len(ROOFS)
    summary["roofs"][0]["call_share"] = None
    assert sources()[0] == "torch, copy over 1 MiB"
    assert "by STREAM's count of bytes: L2" in said(summary)


def test_limits_alone_are_told_with_how_to_hold_cases_against_them(placed: Maker) -> None:
    _, summary = placed()
    assert roofline.ALONE not in roofline.sentences(summary)
    own = [row | {"study": roofline.STUDY} | placing.BLANK for row in summary["cases"]]
    assert roofline.sentences(summary | {"cases": own})[-1] == roofline.ALONE
    lost = [row | placing.BLANK for row in summary["cases"]]
    assert roofline.ALONE not in roofline.sentences(summary | {"cases": lost})


def test_a_case_is_shown_beside_what_it_takes_with_nothing_to_compute(placed: Maker) -> None:
    _, summary = placed()
    found = [row for row in summary["cases"] if row["study"] == "throughput" and row["depth"] == 1]
    hints = {row["implementation"]: roofline.cells(row)[1].hint.replace("\xa0", " ") for row in found}
    assert hints.pop("torch_concise") == "with nothing to compute it takes 100 µs"
    assert hints == dict.fromkeys(hints, "")
    assert hints


def test_the_page_explains_its_columns(placed: Maker) -> None:
    run, summary = placed()
    page = render(run, summary, [])
    assert 'id="limits"' in page
    assert "What is attainable for a case is the lesser of two" in page
    assert any(one.question == roofline.QUESTION for one in findings(run, summary))


def test_what_exceeds_the_attainable_is_a_warning_and_no_other_note(placed: Maker) -> None:
    run, summary = placed()
    excess = "A case in a group reaches 120 % of what is attainable."
    summary |= {"notes": ["Another note."], "excesses": [excess]}
    assert excess in caveats.warnings(run, summary)
    assert "Another note." not in caveats.warnings(run, summary)
    assert excess not in caveats.notes(summary)
    assert "Another note." in caveats.notes(summary)


def test_there_is_a_panel_per_dtype_with_its_peak_and_the_memories(placed: Maker) -> None:
    found = words(drawn(*placed()))
    assert [text for text in found if text.endswith("· cpu")] == ["float32 · cpu", "bfloat16 · cpu"]
    assert "achieved: 200 GFLOP/s, torch 1024" in found
    assert "achieved: 500 GFLOP/s, torch 768" in found
    assert found.count("main memory 20.0 GB/s") == 2


def lines_of(figure: Figure, panel: int = 0) -> list[Line2D]:
    return list(figure.axes[panel].lines)


def test_roofs_end_where_they_meet_the_peak(placed: Maker) -> None:
    lines = lines_of(drawn(*placed()))
    ends = [(line.get_xdata()[-1], line.get_ydata()[-1]) for line in lines if len(line.get_xdata()) == 2]
    for rate in (150, 80, 20):
        assert (pytest.approx(200 / rate), pytest.approx(200)) in ends


def test_every_case_is_a_mark_with_its_interval_in_view(placed: Maker) -> None:
    run, summary = placed()
    figure = drawn(run, summary)
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


def test_the_key_has_what_is_in_the_way_of_some_case_only(placed: Maker) -> None:
    run, summary = placed()
    for row in summary["cases"]:
        row["bound_by"] = row.get("bound_by") and "compute"
    assert [text for text in words(drawn(run, summary)) if text.startswith("in the way")] == ["in the way: arithmetic"]
    set_case(summary, "784-16-10", "numpy_scratch", bound_by="launch")
    found = [text for text in words(drawn(run, summary)) if text.startswith("in the way")]
    assert found == ["in the way: arithmetic", "in the way: launching"]


def test_marks_are_filled_by_what_is_in_the_way(placed: Maker) -> None:
    run, summary = placed()
    for row, bound in zip(
        (row for row in summary["cases"] if row["study"] == "throughput"), ("launch", "memory"), strict=False
    ):
        row["bound_by"] = bound
    styles = {line.get_fillstyle() for line in lines_of(drawn(run, summary)) if line.get_linestyle() == "None"}
    assert styles >= {"full", "bottom", "none"}


def test_missing_intervals_are_no_obstacle(placed: Maker) -> None:
    run, summary = placed()
    for row in (*summary["cases"], *summary["peaks"], *summary["roofs"]):
        row |= dict.fromkeys(("low", "high", "time_low", "time_high", "percent_low", "percent_high"))
    assert drawn(run, summary).axes
    assert "200 GFLOP/s in float32 (torch 1024)" in said(summary)
    assert roofline.table(summary) is not None


def test_synthetic_images_and_failed_controls_are_noted(placed: Maker) -> None:
    run, summary = placed(synthetic=True)
    fail(summary, "roofline", "peak float32 cpu")
    found = words(drawn(run, summary))
    assert "synthetic images" in found
    assert any("control failed" in text for text in found)


def test_a_crowd_is_drawn_with_names_that_do_not_run_into_one_another(placed: Maker) -> None:
    figure = drawn(*placed(crowded=True))
    figure.set_dpi(100)
    figure.canvas.draw()
    names = [
        text for text in figure.axes[0].texts if text.get_rotation() == 0 and not text.get_text().startswith("achieved")
    ]
    boxes = [text.get_window_extent() for text in names]
    assert {text.get_text() for text in names} >= {"16", "64", "256", "1024", "products"}
    for index, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[index + 1 :])
