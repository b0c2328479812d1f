"""Under which conditions rows ran is shown, and what is not alike in a group is said before anything else."""

from __future__ import annotations

from reports import conditions, page
from reports.findings import FIRST, findings
from tests.reports.shown import Maker, Record, lines

SHAPE = "784-16-10 batch 256 float32 cpu"


def told(summary: Record, group: str, case: str) -> Record:
    """The conditions of a case, to be changed."""
    row = next(row for row in summary["cases"] if (row["group"], row["case"]) == (group, case))
    found: Record = row["conditions"]
    return found


def test_each_row_is_told_once_with_its_version_switches_and_graph(maker: Maker) -> None:
    _, summary = maker(crowded=True, flawed=False)
    found = {line[0]: line for line in lines(conditions.table(summary)) if line[1] == "float32"}
    assert [line[0] for line in lines(conditions.table(summary))].count("jax_scratch") == 1
    assert found["jax_scratch"] == [
        "jax_scratch", "float32", "jax 0.10.2", "no", "yes", "jax.jit of the whole step, weights donated",
    ]  # fmt: skip
    assert found["torch"][3:5] == ["yes", "no"]


def test_what_all_rows_have_in_common_is_told_once(maker: Maker) -> None:
    table = conditions.table(maker(crowded=True, flawed=False)[1])
    assert table is not None
    assert table.note == "In every row: device cpu · threads 2 · float32 products float32 · allocator glibc 2.36."
    assert not {"device", "threads", "allocator"} & {heading for heading, _ in table.columns}


def test_rows_that_ran_otherwise_elsewhere_have_a_line_for_each(maker: Maker) -> None:
    _, summary = maker(flawed=False)
    told(summary, SHAPE, "torch_compile")["graph"] = "something else"
    assert [line[-1] for line in lines(conditions.table(summary)) if line[0] == "torch_compile"] == [
        "something else", "torch.compile of the whole step, a graph per batch size",
    ]  # fmt: skip


def test_what_could_not_be_asked_is_unknown_with_its_reason(maker: Maker) -> None:
    _, summary = maker(flawed=False)
    for row in summary["cases"]:
        row["conditions"].update(xla=None, reasons={"xla": "AttributeError: no such thing"})
    table = conditions.table(summary)
    assert table is not None
    cell = table.sections[0].rows[0][[heading for heading, _ in table.columns].index("XLA")]
    assert (cell.text, cell.hint) == ("unknown", "AttributeError: no such thing")


def test_unequal_threads_in_a_group_are_marked_and_come_first(maker: Maker) -> None:
    run, summary = maker(flawed=False)
    told(summary, SHAPE, "torch_manual")["threads"] = 4
    table = conditions.table(summary)
    assert table is not None
    (section,) = [section for section in table.sections if section.warning]
    assert section.warning == "rows of one group differ in threads"
    marked = {(line[0].text, cell.text) for line in section.rows for cell in line if "warning" in cell.kind}
    assert ("torch_manual", "4") in marked
    assert ("torch_concise", "2") in marked
    first = findings(run, summary)[0]
    assert (first.question, first.tone) == (FIRST, "warning")
    assert first.text.startswith(f"The rows of {SHAPE} differ in threads (4 in torch_manual; 2 in the others)")
    assert 'class="number warning"' in page.render(run, summary, [])


def test_groups_that_differ_alike_share_a_sentence(maker: Maker) -> None:
    _, summary = maker(flawed=False)
    for row in summary["cases"]:
        if row["case"] == "torch_manual":
            row["conditions"]["threads"] = 4
    (text,) = conditions.warnings(summary)
    assert text.startswith("The rows of 5 groups differ in threads")


def test_unequal_products_matter_in_float32_only(maker: Maker) -> None:
    _, summary = maker(flawed=False)
    told(summary, SHAPE, "torch_manual")["float32_products"] = "tf32"
    (text,) = conditions.warnings(summary)
    assert "differ in the precision of float32 products (tf32 in torch_manual; float32 in the others)" in text
    for row in summary["cases"]:
        row["dtype"] = "float64"
    assert conditions.warnings(summary) == []


def test_what_is_unknown_the_control_and_what_was_not_measured_accuse_nobody(maker: Maker) -> None:
    _, summary = maker(flawed=False)
    told(summary, SHAPE, "torch_manual")["threads"] = None
    told(summary, SHAPE, "control")["threads"] = 3
    told(summary, SHAPE, "torch_scratch")["threads"] = 4
    next(row for row in summary["cases"] if (row["group"], row["case"]) == (SHAPE, "torch_scratch"))["status"] = (
        "failed"
    )
    assert conditions.warnings(summary) == []


def test_other_threads_in_another_group_are_fair(maker: Maker) -> None:
    _, summary = maker(flawed=False)
    for row in summary["cases"]:
        if row["group"] == SHAPE:
            row["conditions"]["threads"] = 1
    assert conditions.warnings(summary) == []


def test_records_without_conditions_have_no_table_and_no_section(maker: Maker) -> None:
    run, summary = maker(flawed=False)
    for row in summary["cases"]:
        row["conditions"] = None
    assert conditions.table(summary) is None
    assert conditions.warnings(summary) == []
    assert 'id="conditions"' not in page.render(run, summary, [])


def test_where_all_rows_ran_alike_a_sentence_stands_in_place_of_the_table(maker: Maker) -> None:
    run, summary = maker(flawed=False)
    summary["cases"] = [row for row in summary["cases"] if row["study"] == "throughput"]
    for row in summary["cases"]:
        row["conditions"] = summary["cases"][0]["conditions"]
    table = conditions.table(summary)
    assert table is not None
    assert table.sections == ()
    assert table.note.startswith("In every row: device cpu · dtype float32 · ")
    section = page.render(run, summary, []).partition('id="conditions"')[2].partition("</section>")[0]
    assert table.note in section
    assert "<table" not in section


def test_only_kinds_of_rows_that_there_are_are_told_how_they_are_timed(maker: Maker) -> None:
    run, summary = maker(flawed=False)
    assert conditions.timed(summary) == [conditions.STEPS, conditions.PRODUCTS]
    assert page.render(run, summary, []).count(conditions.PRODUCTS) == 1
    summary["cases"][0]["transfers"] = True
    assert conditions.timed(summary)[-1] == conditions.END_TO_END
    for study, only in (("throughput", conditions.STEPS), ("alignment", conditions.PRODUCTS)):
        assert conditions.timed({"cases": [row for row in maker()[1]["cases"] if row["study"] == study]}) == [only]


def test_the_page_declares_what_is_timed(maker: Maker) -> None:
    text = page.render(*maker(flawed=False), [])
    timed = "forward, loss, backward and update of one batch that is on the device already, ending synchronised"
    assert text.count(timed) == 2
