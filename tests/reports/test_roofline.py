"""What is said and tabled of the roofline comes from its tables, and from groups that can be relied on."""

from __future__ import annotations

import pytest

from bench import roofline as placing
from reports import caveats, roofline, tables
from reports.findings import findings
from reports.page import render
from tests.reports import limited
from tests.reports.limited import fail, set_case
from tests.reports.shown import Maker, Record, lines, module_of, plain


def said(summary: Record) -> str:
    return plain(" ".join(roofline.sentences(summary)))


def test_the_limits_are_told_with_intervals_and_what_reached_them() -> None:
    text = said(limited.make()[1])
    assert "200 GFLOP/s in float32 (torch 1024, 95 % interval 196-202 GFLOP/s)" in text
    assert "by STREAM's count of bytes, calls into the library taken off: L2 150 GB/s (135-165 GB/s), L3 " in text
    assert "L3 80.0 GB/s (72.0-88.0 GB/s) and main memory 20.0 GB/s" in text


def test_of_each_width_the_case_that_uses_most_is_told_with_what_is_in_its_way() -> None:
    _, summary = limited.make()
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


def test_the_control_is_never_the_one_that_is_told() -> None:
    _, summary = limited.make()
    set_case(summary, "784-16-10", "control", percent_of_attainable=99.0, implementation="the control")
    assert "the control" not in said(summary)


def test_products_are_told_by_dtype() -> None:
    _, summary = limited.make()
    set_case(summary, "torch matmul bfloat16", "1032", percent_of_attainable=88.0, percent_low=86.0, percent_high=90.0)
    text = said(summary)
    assert "bfloat16 torch 1032 88 % (86-90 %), arithmetic" in text
    assert "float64" not in text  # no peak was measured in it


def test_a_failed_control_supports_no_sentence() -> None:
    _, summary = limited.make()
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
    assert module_of("roofline").draw({}, summary) is None


def test_a_run_without_the_study_has_no_columns_for_it(maker: Maker) -> None:
    run, summary = maker()
    headings = {
        heading for table in (*tables.cases(summary), *tables.comparisons(summary)) for heading, _ in table.columns
    }
    assert not headings & {"% of attainable", "in the way"}
    assert "What this machine can do at most" not in render(run, summary, [])


def test_cases_have_their_share_and_what_is_in_the_way() -> None:
    _, summary = limited.make()
    figures = {"percent_of_attainable": 104.6, "percent_low": 98.0, "percent_high": 111.4, "bound_by": "memory"}
    for row in summary["cases"]:
        row |= figures
    for table in tables.cases(summary):
        headings = [heading for heading, _ in table.columns]
        line = table.sections[0].rows[0]
        share, way = (line[headings.index(name)].text for name in ("% of attainable", "in the way"))
        assert plain(share) == "105 % (98-111 %)"
        assert way == "memory"


def test_hundredths_of_a_percent_are_not_rounded_away() -> None:
    _, summary = limited.make()
    cell, _ = roofline.cells(summary["cases"][0] | {"percent_of_attainable": 0.0213, "percent_low": None})
    assert plain(cell.text) == "0.021 %"


def test_the_table_has_each_limit_and_says_what_is_assumed() -> None:
    found = roofline.table(limited.make()[1])
    assert found is not None
    named = {section.heading: [row[0] for row in lines(section)] for section in found.sections}
    assert named == {
        "Arithmetic": ["float32", "bfloat16"],
        "Memory": ["L2 (2 MiB)", "L3 (assumed 32 MiB)", "main memory"],
        "A step with nothing to compute": ["torch_concise, 1 hidden layer, float32"],
    }


def test_threads_are_told_of_a_cpu_alone() -> None:
    _, summary = limited.make()
    summary["peaks"][0]["device"] = "cuda"
    found = roofline.table(summary)
    assert found is not None
    assert [row[2] for row in lines(found.sections[0])] == ["-", str(summary["peaks"][1]["threads"])]


def test_what_was_taken_off_a_pass_is_told_where_it_is_known() -> None:
    _, summary = limited.make()

    def sources() -> list[str]:
        found = roofline.table(summary)
        assert found is not None
        return [row[-1] for row in lines(found.sections[1])]

    assert sources() == ["torch, copy over 1 MiB, the call (4.2 % of a pass) taken off"] * len(limited.ROOFS)
    summary["roofs"][0]["call_share"] = None
    assert sources()[0] == "torch, copy over 1 MiB"
    assert "by STREAM's count of bytes: L2" in said(summary)


def test_limits_alone_are_told_with_how_to_hold_cases_against_them() -> None:
    _, summary = limited.make()
    assert roofline.ALONE not in roofline.sentences(summary)
    own = [row | {"study": roofline.STUDY} | placing.BLANK for row in summary["cases"]]
    assert roofline.sentences(summary | {"cases": own})[-1] == roofline.ALONE
    lost = [row | placing.BLANK for row in summary["cases"]]
    assert roofline.ALONE not in roofline.sentences(summary | {"cases": lost})


def test_a_case_is_shown_beside_what_it_takes_with_nothing_to_compute() -> None:
    _, summary = limited.make()
    found = [row for row in summary["cases"] if row["study"] == "throughput" and row["depth"] == 1]
    hints = {row["implementation"]: plain(roofline.cells(row)[1].hint) for row in found}
    assert hints.pop("torch_concise") == "with nothing to compute it takes 100 µs"
    assert hints == dict.fromkeys(hints, "")
    assert hints


def test_the_page_explains_its_columns() -> None:
    run, summary = limited.make()
    page = render(run, summary, [])
    assert 'id="limits"' in page
    assert "What is attainable for a case is the lesser of two" in page
    assert any(one.question == roofline.QUESTION for one in findings(run, summary))


def test_what_exceeds_the_attainable_is_a_warning_and_no_other_note() -> None:
    run, summary = limited.make()
    excess = "A case in a group reaches 120 % of what is attainable."
    summary |= {"notes": ["Another note."], "excesses": [excess]}
    assert excess in caveats.warnings(run, summary)
    assert "Another note." not in caveats.warnings(run, summary)
    assert excess not in caveats.notes(summary)
    assert "Another note." in caveats.notes(summary)


def test_limits_without_intervals_are_told_without() -> None:
    _, summary = limited.make()
    for row in (*summary["peaks"], *summary["roofs"]):
        row |= dict.fromkeys(("low", "high"))
    assert "200 GFLOP/s in float32 (torch 1024)" in said(summary)
    assert "-" in [line[4] for line in lines(roofline.table(summary))]
