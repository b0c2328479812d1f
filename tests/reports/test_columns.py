"""Columns that tell nothing apart are left out of a table, and what they said is kept."""

from __future__ import annotations

from reports import columns
from reports.cells import Cell, Section, Table
from reports.formats import MISSING

COLUMNS = (("case", "name"), ("threads", "number"), ("time", "number"))


def table(*sections: list[tuple[str, str, str]], headings: tuple[str, ...] = ("one", "two")) -> Table:
    kinds = [kind for _, kind in COLUMNS]
    inside = tuple(
        Section(heading, tuple(tuple(Cell(*cell) for cell in zip(line, kinds, strict=True)) for line in found))
        for heading, found in zip(headings, sections, strict=False)
    )
    return Table("k", "t", COLUMNS, inside)


def names(found: Table) -> list[str]:
    return [heading for heading, _ in found.columns]


def test_what_is_the_same_in_every_row_is_said_once() -> None:
    found = columns.settle(table([("a", "2", "1 s"), ("b", "2", "2 s")], [("c", "2", "3 s")]), ["threads"])
    assert names(found) == ["case", "time"]
    assert [cell.text for cell in found.sections[1].rows[0]] == ["c", "3 s"]
    assert found.note == "In every row: threads 2."
    assert [section.heading for section in found.sections] == ["one", "two"]


def test_what_is_the_same_in_every_row_of_a_section_is_in_its_heading() -> None:
    found = columns.settle(table([("a", "2", "1 s"), ("b", "2", "2 s")], [("c", "4", "3 s")]), ["threads"])
    assert names(found) == ["case", "time"]
    assert [section.heading for section in found.sections] == ["one · threads 2", "two · threads 4"]
    assert found.note == ""


def test_what_differs_within_a_section_stays() -> None:
    before = table([("a", "2", "1 s"), ("b", "4", "2 s")], [("c", "4", "3 s")])
    assert columns.settle(before, ["threads"]) == before


def test_only_named_columns_are_left_out() -> None:
    before = table([("a", "2", "1 s"), ("b", "2", "1 s")])
    assert names(columns.settle(before, ["threads"])) == ["case", "time"]
    assert columns.settle(before, []) == before


def test_what_is_unknown_does_not_count() -> None:
    found = columns.settle(table([("a", "2", "1 s"), ("b", MISSING, "2 s")]), ["threads"])
    assert found.note == "In every row: threads 2."


def test_a_cell_that_has_more_to_say_keeps_its_column() -> None:
    hinted = (Cell("a", "name"), Cell("2", "number", "why"), Cell("1 s", "number"))
    marked = (Cell("a", "name"), Cell("2", "number warning"), Cell("1 s", "number"))
    other = (Cell("b", "name"), Cell("2", "number"), Cell("2 s", "number"))
    for line in (hinted, marked):
        before = Table("k", "t", COLUMNS, (Section("one", (line, other)),))
        assert columns.settle(before, ["threads"]) == before


def test_sections_without_headings_cannot_take_what_is_theirs() -> None:
    before = table([("a", "2", "1 s")], [("c", "4", "3 s")], headings=("", "two"))
    assert columns.settle(before, ["threads"]) == before


def test_a_single_row_is_left_as_it_is() -> None:
    before = table([("a", "2", "1 s")])
    assert columns.settle(before, ["threads"]) == before


def test_columns_in_which_nothing_is_known_are_left_out() -> None:
    found = columns.without_empty(table([("a", MISSING, "1 s"), ("b", MISSING, MISSING)]))
    assert names(found) == ["case", "time"]
    assert found.note == ""
