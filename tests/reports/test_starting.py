"""What starting up costs, and from which step on it has paid."""

from __future__ import annotations

from reports import page, starting
from reports.plots import start_up
from tests.reports.shown import Maker, Record


def line(summary: Record, name: str) -> dict[str, str]:
    table = next(one for one in starting.tables(summary) if one.key == "start-up-throughput")
    cells = next(line for line in table.sections[0].rows if line[0].text == name)
    return {heading: cell.text for (heading, _), cell in zip(table.columns, cells, strict=True)}


def test_the_step_that_pays_is_told_with_what_it_is_compared_with(maker: Maker) -> None:
    _, summary = maker(crowded=True)
    found = line(summary, "jax_scratch")
    assert (found["pays from step"], found["compared with"]) == ("4,210", "jax_scratch:eager")
    assert line(summary, "torch_compile")["compared with"] == "torch_concise"
    assert line(summary, "torch_manual")["pays from step"] == "\N{EN DASH}"


def test_compiling_is_told_beside_the_first_step_it_is_part_of(maker: Maker) -> None:
    _, summary = maker()
    found = line(summary, "torch_compile")
    assert found["first step, cold / warm"] == "14.2\xa0s / 1.60\xa0s"
    assert found["compile, cold / warm"] == "14.2\xa0s / 1.60\xa0s"
    assert line(summary, "torch_manual")["compile, cold / warm"] == "\N{EN DASH}"


def test_the_parts_that_one_of_both_starts_lacks_have_a_dash_for_it(maker: Maker) -> None:
    _, summary = maker()
    for row in summary["cases"]:
        row["cold_build_s"] = None
    assert line(summary, "torch_compile")["build, cold / warm"] == "\N{EN DASH} / 12.0\xa0ms"


def test_what_the_column_means_is_said_under_the_tables(maker: Maker) -> None:
    run, summary = maker()
    text = page.render(run, summary, [])
    assert text.index("pays from the step by whose end it is no later") > text.index('id="start-up-throughput"')
    for row in summary["cases"]:
        row.update(breakeven_steps=None, breakeven_against=None)
    assert "pays from" not in page.render(run, summary, [])


def test_what_cold_is_stands_above_the_tables(maker: Maker) -> None:
    text = page.render(*maker(), [])
    assert (
        text.index('id="start-up"')
        < text.index("a case&#39;s first start in this run")
        < text.index("import, cold / warm")
    )


def test_compilers_are_spoken_of_only_where_a_row_has_one(maker: Maker) -> None:
    run, summary = maker()
    assert "compilers find nothing" in starting.cold(summary)
    assert "Compiling is" in start_up.caption(summary)
    for row in summary["cases"]:
        row.update(compile_s=None, cold_compile_s=None, breakeven_steps=None, breakeven_against=None)
    assert "compil" not in starting.cold(summary) + start_up.caption(summary)
    assert start_up.caption(summary) in page.render(run, summary, page.draw(run, summary)).replace("\xa0", " ")


def test_records_without_the_columns_are_shown_as_before(maker: Maker) -> None:
    _, summary = maker()
    for row in summary["cases"]:
        for name in ("breakeven_steps", "breakeven_against", "compile_s", "cold_compile_s"):
            row.pop(name, None)
    assert "pays from step" not in line(summary, "torch_compile")
    assert line(summary, "torch_compile")["first step, cold / warm"] == "14.2\xa0s / 1.60\xa0s"
