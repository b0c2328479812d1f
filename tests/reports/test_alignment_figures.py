"""Figures of matrix sizes: wide sweeps stay readable, predictions stand where they belong, pictures are computed."""

from __future__ import annotations

from itertools import combinations

import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from bench import alignments, columns
from bench.studies import Options, alignment
from reports import effects, matmuls, rows
from reports.plots import leading_dimension
from tests.reports import wide
from tests.reports.shown import Maker, drawn, module_of, words

FIGURES = ("alignment", "alignment_alone", "alignment_steps", "causes", "leading_dimension", "matmul_rate")


def panel(figure: Figure, title: str) -> Axes:
    return next(axes for axes in figure.axes if axes.get_title(loc="left") == title)


def dotted(axes: Axes) -> list[float]:
    """Where predicted steps stand."""
    lines = [line for line in axes.lines if line.get_linestyle() not in ("-", "None")]
    return sorted(float(line.get_xdata()[0]) for line in lines)  # type: ignore[index]


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("libraries", [("numpy", "torch"), ("numpy", "torch", "jax", "tensorflow", "mxnet")])
def test_a_standard_run_is_drawn_without_overlaps(name: str, libraries: tuple[str, ...]) -> None:
    figure = drawn(name, *wide.make(libraries))
    assert figure.get_size_inches()[1] < 30
    labels = [
        [label for label in axes.get_xticklabels() if label.get_text() and label.get_visible()] for axes in figure.axes
    ]
    for beside in labels:
        boxes = [label.get_window_extent() for label in beside]
        assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    whole, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert min(whole.x0, whole.y0, width - whole.x1, height - whole.y1) >= 0
    titles = [axes._left_title.get_window_extent() for axes in figure.axes]  # type: ignore[attr-defined]
    everything = [*titles, *(legend.get_window_extent() for legend in figure.legends)]
    assert all(figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 for box in everything if box.width > 1)
    assert not any(one.overlaps(other) for one, other in combinations(everything, 2) if min(one.width, other.width) > 1)


@pytest.mark.parametrize("name", FIGURES)
def test_figures_survive_figures_without_intervals_and_marked_groups(name: str) -> None:
    run, summary = wide.make()
    for row in (*summary["cases"], *summary["comparisons"], *summary["effects"]):
        row.update({column: None for column in row if column.endswith(("_low", "_high"))} | {"marked": True})
    figure = drawn(name, run, summary)
    assert figure.axes
    if name in ("alignment", "alignment_alone", "causes"):
        assert "control failed" in words(figure)


@pytest.mark.parametrize("name", FIGURES)
def test_there_is_nothing_to_draw_of_a_run_without_products(name: str) -> None:
    module = module_of(name)
    assert module.draw({}, {"format_version": 1, "comparisons": [], "cases": []}) is None


@pytest.mark.parametrize("name", ["alignment", "alignment_steps", "leading_dimension"])
def test_older_records_are_drawn_too(name: str, maker: Maker) -> None:
    """They lack the columns of placing, and effects."""
    assert drawn(name, *maker()).axes
    for absent in ("causes", "alignment_alone"):
        assert module_of(absent).draw(*maker()) is None


@pytest.mark.parametrize(
    ("dtype", "steps"),
    [("float32", {"16": 1028, "64": 1040, "128": 1056}), ("float64", {"16": 1026, "64": 1032, "128": 1040}),
     ("bfloat16", {"16": 1032, "64": 1056})],
)  # fmt: skip
def test_predicted_steps_stand_before_the_first_size_they_hold_for(dtype: str, steps: dict[str, int]) -> None:
    axes = panel(drawn("alignment", *wide.make()), f"torch {dtype}")
    sizes = [int(label.get_text()) for label in axes.get_xticklabels()]
    assert dotted(axes) == [sizes.index(size) - 0.5 for size in steps.values()]
    assert set(steps) <= set(words(axes))


def test_the_figure_of_squares_keeps_to_the_least_base() -> None:
    run, summary = wide.make()
    assert "2048" not in words(drawn("alignment", run, summary))
    assert {row["n"] // 1000 for row in matmuls.of_least_base(summary, "cases")} == {1}
    assert "2048" in words(drawn("alignment_alone", run, summary))


def test_cases_that_are_placed_are_no_sizes() -> None:
    """Of the causes' cells, one is as wide as the base: it must not stand for it."""
    _, summary = wide.make()
    assert {row["leading"] for row in rows.alignment(summary, "cases")} == {None}
    assert {row["layout"] for row in rows.alignment(summary, "cases")} == {"NN"}
    kinds = rows.sweeps(summary)
    assert kinds["numpy causes float32 cpu"] == rows.CAUSES
    assert kinds["numpy matmul float32 cpu, layouts"] == rows.LAYOUTS
    assert (kinds["torch matmul float64 cpu, k alone"], kinds["torch matmul float64 cpu"]) == ("k", rows.SQUARE)


@pytest.mark.parametrize("preset", ["quick", "standard", "thorough"])
def test_what_the_groups_of_the_study_vary_is_read_off_their_cases(preset: str) -> None:
    groups = alignment.groups(Options(preset=preset, devices=("cpu", "cuda"), steering={"OPENBLAS_CORETYPE": "x"}))
    summary = {"cases": [columns.identity(case, group) for group in groups for case in group.cases]}
    kinds = rows.sweeps(summary)
    for group in groups:
        name = group.name
        expected = rows.LAYOUTS if name.endswith(", layouts") else rows.CAUSES if " causes " in name else rows.SQUARE
        alone = [letter for letter in "mkn" if f", {letter} alone" in name]
        excluded = name.startswith("libraries ") or "steering" in name
        assert kinds.get(name) == (None if excluded else alone[0] if alone else expected)


def test_a_case_too_slow_to_judge_is_shown_with_its_rate() -> None:
    run, summary = wide.make()
    rate = next(row["flop_rate"] for row in summary["cases"] if row["status"] == "too slow") / 1e9
    said = " ".join(words(panel(drawn("alignment", run, summary), "numpy float16")))
    assert f"1024 too slow: {rate:.2f} GFLOP/s" in said


def test_one_slow_size_among_others_is_said_at_its_place() -> None:
    run, summary = wide.make()
    group = "numpy matmul float32 cpu"
    summary["comparisons"] = [row for row in summary["comparisons"] if (row["group"], row["n"]) != (group, 1056)]
    slow = next(row for row in summary["cases"] if (row["group"], row["n"]) == (group, 1056))
    slow.update(status="too slow", flop_rate=3e9)
    axes = panel(drawn("alignment", run, summary), "numpy float32")
    (text,) = [text for text in axes.texts if "too slow" in text.get_text()]
    assert text.xy[0] == 9  # type: ignore[attr-defined]


def test_more_panels_than_fit_beside_one_another_go_on_below() -> None:
    run, summary = wide.make()
    for stack in (4, 8):
        more = [row | {"stack": stack, "group": f"{row['group']} stack {stack}"}
                for row in summary["cases"] if row["group"] == "numpy matmul float32 cpu"]  # fmt: skip
        summary["cases"] += more
    figure = drawn("alignment", run, summary)
    tops = {round(axes.get_position().y1, 3) for axes in figure.axes if axes.get_title(loc="left").startswith("numpy")}
    assert len(tops) == 2


def test_a_dimension_alone_is_drawn_at_its_own_size() -> None:
    run, summary = wide.make()
    row = next(
        one
        for one in summary["comparisons"]
        if one["group"] == "numpy matmul float32 cpu, k alone" and one["k"] == 1025
    )
    row.update(ratio=1.5, ci_low=1.4, ci_high=1.6)
    axes = panel(drawn("alignment_alone", run, summary), "numpy float32, around 1024")
    sizes = [int(label.get_text()) for label in axes.get_xticklabels()]
    (mark,) = [line for line in axes.lines if list(line.get_ydata()) == [1.5]]  # type: ignore[arg-type]
    assert round(float(mark.get_xdata()[0])) == sizes.index(1025)  # type: ignore[index]


def test_rows_that_m_counts_predict_no_step() -> None:
    run, summary = wide.make()
    kept = {"numpy matmul float32 cpu, m alone", "numpy matmul float32 cpu"}
    for table in ("cases", "comparisons"):
        summary[table] = [row for row in summary[table] if row["group"] in kept]
    assert dotted(panel(drawn("alignment_alone", run, summary), "numpy float32, around 1024")) == []


def test_every_effect_has_its_place_and_interactions_are_faint() -> None:
    run, summary = wide.make()
    axes = panel(drawn("causes", run, summary), "numpy float32")
    names = [label.get_text() for label in axes.get_yticklabels()]
    colours: dict[str, set[str]] = {}
    for row in (row for row in summary["effects"] if row["provider"] == "numpy"):
        (mark,) = [line for line in axes.lines if list(line.get_xdata()) == [row["ratio"]]]  # type: ignore[arg-type]
        assert names[int(mark.get_ydata()[0])] == effects.named(row)  # type: ignore[index]
        colours.setdefault(row["kind"], set()).add(to_hex(mark.get_color()))
    assert colours["main"] == colours["simple"]
    assert not colours["main"] & colours["interaction"]


def test_what_a_cause_costs_under_conditions_stands_below_it_and_its_mean_is_faint() -> None:
    run, summary = wide.make()
    mine = [row for row in summary["effects"] if row["provider"] == "numpy"]
    main = next(row for row in mine if row["level"] == "misaligned")
    for address, ratio in ((0, 1.31), (4, 0.77)):
        more = {"kind": "conditional", "given": {"base address": address}}
        summary["effects"].append(main | more | {"ratio": ratio, "ci_low": ratio - 0.01, "ci_high": ratio + 0.01})
    axes = panel(drawn("causes", run, summary), "numpy float32")
    names = [label.get_text() for label in axes.get_yticklabels()]
    place = names.index("leading dimension: misaligned instead of aligned")
    assert names[place + 1 : place + 3] == [f"misaligned, where base address is {address} bytes" for address in (0, 4)]
    colours = {
        float(line.get_xdata()[0]): to_hex(line.get_color())  # type: ignore[index]
        for line in axes.lines
        if len(line.get_xdata()) == 1  # type: ignore[arg-type]
    }
    assert colours[1.31] == colours[0.77] != colours[main["ratio"]]


def test_strips_say_which_share_of_rows_starts_on_a_boundary() -> None:
    axes = panel(
        drawn("alignment_steps", *wide.make()), "float32, 4 bytes each: share of rows that start at a multiple of"
    )
    told = [text.get_text() for text in axes.texts]
    for line, boundary in enumerate(alignments.BOUNDARIES):
        for place in range(17):
            count = sum(row * (1024 + place) * 4 % boundary == 0 for row in range(128))
            assert told[17 * line + place] == ("all" if count == 128 else f"1/{128 // count}")


def test_the_small_matrix_is_drawn_where_it_lies() -> None:
    """Its elements end to end are the bytes in order; in the wider buffer each row starts with a line."""
    end_to_end = list(leading_dimension.elements(leading_dimension.WIDTH))
    places = [element.line * leading_dimension.SLOTS + element.slot for element in end_to_end]
    assert places == list(range(leading_dimension.COUNT * leading_dimension.WIDTH))
    padded = [element for element in leading_dimension.elements(leading_dimension.SLOTS) if element.first]
    assert [(element.line, element.slot) for element in padded] == [(row, 0) for row in range(leading_dimension.COUNT)]
    assert leading_dimension.split(leading_dimension.SLOTS) == set()
    assert leading_dimension.split(leading_dimension.WIDTH) == {1, 3, 4, 6}


def test_large_matrices_are_shown_by_where_their_rows_start() -> None:
    figure = drawn("leading_dimension", *wide.make())
    line, page = (panel(figure, f"where a row starts within {text}") for text in ("a line of 64 bytes", "4096 bytes"))
    found = {
        axes: [list(map(int, one.get_ydata())) for one in axes.lines]  # type: ignore[arg-type]
        for axes in (line, page)
    }
    trap, odd, padded = found[line]
    assert (set(trap), set(padded)) == ({0}, {0})
    assert set(odd) == set(range(0, 64, 4))
    trap, odd, padded = found[page]
    assert set(trap) == {0}
    assert len(set(padded)) == 64
    assert "1040 wide: rows 4160 bytes apart" in words(figure)
