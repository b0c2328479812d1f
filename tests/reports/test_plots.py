"""Every figure draws what there is, in units, with intervals, and nothing where there is nothing."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from reports import plots
from reports.colours import BUILT_IN, DASHED, OTHERS, STROKES, Look
from reports.plots import equivalence_width
from tests.reports.shown import Maker, Record, drawn, module_of, words

MATMUL_ONLY = {"alignment", "alignment_steps", "leading_dimension", "matmul_rate"}
RUN_FIGURES = [
    name
    for name in plots.names()
    if not name.startswith(
        ("selfcheck", "pipeline", "memory", "reproduction", "roofline", "causes", "alignment_alone", "device_ratio")
    )
]
VERDICTS_ONLY = {"ratio_over_width", "equivalence_width", "alignment", "control"}


def test_every_figure_keeps_the_contract() -> None:
    for module in plots.figures():
        assert isinstance(module.TITLE, str)
        assert isinstance(module.ORDER, int)
        assert 1 <= module.CAPTION.count(". ") + 1 <= 4


def test_figures_come_in_their_order() -> None:
    orders = [module.ORDER for module in plots.figures()]
    assert orders == sorted(orders)
    assert plots.figures()[0].__name__.endswith("ratio_over_width")


@pytest.mark.parametrize("name", RUN_FIGURES)
def test_a_figure_is_drawn_of_a_flawed_run(name: str, records: tuple[Record, Record]) -> None:
    assert drawn(name, *records).axes


@pytest.mark.parametrize("name", RUN_FIGURES)
def test_nothing_to_draw_is_none(name: str) -> None:
    module = module_of(name)
    assert module.draw({}, {"format_version": 1, "comparisons": [], "cases": []}) is None


@pytest.mark.parametrize("name", sorted(VERDICTS_ONLY))
def test_without_comparisons_figures_of_verdicts_are_none(name: str, records: tuple[Record, Record]) -> None:
    run, summary = records
    summary["comparisons"] = []
    assert module_of(name).draw(run, summary) is None


@pytest.mark.parametrize("name", sorted(set(RUN_FIGURES) - MATMUL_ONLY))
def test_figures_of_training_say_that_images_are_synthetic(name: str, maker: Maker) -> None:
    assert "synthetic images" in words(drawn(name, *maker(synthetic=True)))
    assert "synthetic images" not in words(drawn(name, *maker()))


@pytest.mark.parametrize("name", sorted(MATMUL_ONLY))
def test_figures_of_products_do_not(name: str, maker: Maker) -> None:
    assert "synthetic images" not in words(drawn(name, *maker(synthetic=True)))


@pytest.mark.parametrize("name", RUN_FIGURES)
def test_figures_survive_figures_without_intervals(name: str, records: tuple[Record, Record]) -> None:
    run, summary = records
    for row in (*summary["cases"], *summary["comparisons"], *summary["fixed_costs"]):
        row.update({column: None for column in row if column.endswith(("_low", "_high"))})
    assert drawn(name, run, summary).axes


@pytest.mark.parametrize("name", RUN_FIGURES)
def test_figures_survive_odd_figures(name: str, records: tuple[Record, Record]) -> None:
    """A median may lie outside the interval of a mean, a fitted cost below zero, and a rate be unknown."""
    run, summary = records
    for row in summary["cases"]:
        if row["time_s"]:
            row.update(time_low=row["time_s"] * 1.01, time_high=row["time_s"] * 1.02)
    summary["fixed_costs"][0].update(fixed_s=-3e-6, fixed_low=-9e-6, fixed_high=4e-6, rate=None)
    assert drawn(name, run, summary).axes


@pytest.mark.parametrize("name", RUN_FIGURES)
def test_figures_take_off_sizes_depths_variants_and_names_of_any_length(name: str, maker: Maker) -> None:
    run, summary = maker(flawed=False)
    for table in ("cases", "comparisons"):
        for row in list(summary[table]):
            if row["width"]:
                near = {16: 17, 64: 65, 256: 250, 1024: 1000}[row["width"]]
                more = {"implementation": "a_user_s_own_very_long_name:variant", "width": near, "depth": 2}
                summary[table].append(row | more)
    figure = drawn(name, run, summary)
    height = figure.get_size_inches()[1]
    assert height < 30


@pytest.mark.parametrize("name", ["ratio_over_width", "throughput_over_width", "fixed_cost", "step_time"])
def test_an_implementation_has_its_colour(name: str, records: tuple[Record, Record]) -> None:
    from matplotlib.lines import Line2D

    lines = drawn(name, *records).findobj(Line2D)
    colours = {line.get_color() for line in lines if isinstance(line, Line2D)}
    assert BUILT_IN["numpy_scratch"].colour in colours
    assert BUILT_IN["torch_manual"].colour in colours


def test_intervals_are_drawn_from_end_to_end(maker: Maker) -> None:
    from matplotlib.lines import Line2D

    run, summary = maker(flawed=False)
    row = summary["comparisons"][0]
    row.update(ci_low=0.123, ci_high=1.987)
    lines = [line for line in drawn("ratio_over_width", run, summary).findobj(Line2D) if isinstance(line, Line2D)]
    lines = [line for line in lines if line.get_linestyle() == "-"]
    assert any(np.array_equal(line.get_ydata(), [0.123, 1.987]) for line in lines)


def test_verdicts_are_told_by_the_filling_and_no_mark_is_lost_to_them() -> None:
    from matplotlib.lines import Line2D
    from matplotlib.markers import MarkerStyle

    from reports.drawing import mark

    for look in (*BUILT_IN.values(), *OTHERS, *(Look("#000000", stroke.marker) for stroke in (DASHED, *STROKES))):
        styles = [mark(look, verdict) for verdict in ("faster", "equivalent", "inconclusive")]
        lines = [Line2D([], [], color=look.colour, **style) for style in styles]
        assert {line.get_marker() for line in lines} == {look.marker}
        assert [line.get_fillstyle() for line in lines] == ["full", "full", "left"]
        assert [line.get_markerfacecolor() for line in lines] == [look.colour, "white", look.colour]
        assert styles[0] == mark(look, "slower")
        assert MarkerStyle(look.marker, "left").get_alt_path() is not None  # there is another half


def test_the_strip_writes_ratio_and_interval_and_what_became_of_the_rest(records: tuple[Record, Record]) -> None:
    found = words(drawn("equivalence_width", *records))
    assert {"failed", "not equal", "baseline"} <= set(found)
    assert any(text.startswith("↑ 1.24") for text in found)


def test_a_crossover_is_framed_only_where_it_reaches_the_widest(maker: Maker) -> None:
    from matplotlib.patches import Rectangle

    def frames(width: int | None, widths: list[int]) -> list[float]:
        run, summary = maker(flawed=False)
        for row in summary["crossovers"]:
            row["width"] = None
        summary["crossovers"][0].update(width=width, widths=widths)
        boxes = [box for axes in drawn("equivalence_width", run, summary).axes for box in axes.patches]
        return [box.get_x() for box in boxes if isinstance(box, Rectangle) and not box.get_fill()]

    assert [round(x) for x in frames(256, [16, 64, 256, 1024])] == [2]
    assert frames(64, [16, 64, 256]) == []


def test_a_failed_control_is_marked(records: tuple[Record, Record]) -> None:
    assert "control failed" in words(drawn("ratio_over_width", *records))


def test_a_key_of_long_names_has_more_lines_and_stays_on_the_picture(maker: Maker) -> None:
    from matplotlib.legend import Legend

    run, summary = maker(flawed=False)
    for row in (*summary["cases"], *summary["comparisons"]):
        row["implementation"] = row["implementation"].replace("torch_", "an_implementation_with_a_name_of_length_")
    figure = drawn("ratio_over_width", run, summary)
    boxes = [legend.get_window_extent() for legend in figure.legends]
    assert all(isinstance(legend, Legend) for legend in figure.legends)
    assert all(box.x1 <= figure.bbox.x1 for box in boxes)
    assert not boxes[0].overlaps(boxes[1])


@pytest.mark.parametrize("name", RUN_FIGURES)
def test_seventeen_rows_fit_with_a_key_that_covers_nothing(name: str, maker: Maker) -> None:
    figure = drawn(name, *maker(crowded=True))
    boxes = [legend.get_window_extent() for legend in figure.legends]
    assert all(figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 for box in boxes)
    assert not any(one.overlaps(other) for place, one in enumerate(boxes) for other in boxes[:place])
    titles = [axes.title.get_window_extent() for axes in figure.axes] + [
        axes._left_title.get_window_extent()
        for axes in figure.axes  # type: ignore[attr-defined]
    ]
    assert not any(box.overlaps(title) for box in boxes for title in titles if title.width > 1)
    assert figure.get_size_inches()[1] < 20


def test_marks_at_one_width_stand_clear_of_those_at_the_next() -> None:
    from reports.drawing import dodge, room, spread

    for sizes in ([16, 64, 256, 1024], [250, 256], [16]):
        places = spread(sizes)
        wide = room(places, 17)
        ends = [place + dodge(index, 17, wide) for place in places.values() for index in (0, 16)]
        assert ends == sorted(ends)


def test_few_marks_stay_near_their_width() -> None:
    from reports.drawing import room

    assert room({16: 4.0, 64: 6.0}, 5) < 0.5


def test_eager_rows_are_dashed_in_the_colour_of_their_implementation(maker: Maker) -> None:
    from matplotlib.lines import Line2D

    for name in ("ratio_over_width", "throughput_over_width", "step_time", "learning_over_seconds"):
        lines = drawn(name, *maker(crowded=True)).findobj(Line2D)
        jax = [
            line for line in lines if isinstance(line, Line2D) and line.get_color() == BUILT_IN["jax_scratch"].colour
        ]
        assert {"-", "--"} <= {str(line.get_linestyle()) for line in jax if len(line.get_xdata()) > 2}  # type: ignore[arg-type]


def test_variants_share_an_entry_of_the_key() -> None:
    from reports import keys
    from reports.colours import looks

    labels = [handle.get_label() for handle in keys.names(looks(["jax_scratch", "jax_scratch:eager", "mine:eager"]))]
    assert labels == ["jax_scratch", "mine:eager", "the same, dashed: eager"]


def test_a_key_has_as_many_columns_as_fit() -> None:
    from matplotlib.lines import Line2D

    from reports import keys

    def inches(names: list[str]) -> float:
        return keys.inches([Line2D([], [], label=name) for name in names])

    assert inches(["a"] * 10) == 0
    assert inches(["a_name_of_some_length"] * 10) == pytest.approx(2 * keys.LINE_INCHES)
    assert inches(["a_name_that_is_longer_than_half_of_the_whole_width_of_a_figure_is" * 2] * 3) == pytest.approx(
        2 * keys.LINE_INCHES
    )
    assert inches([]) == 0


def test_what_was_skipped_throughout_takes_no_room(maker: Maker) -> None:
    run, summary = maker(crowded=True, flawed=False)
    for row in summary["cases"]:
        if row["framework"] == "mxnet":
            row.update(status="skipped", time_s=None, flop_rate=None)
    summary["comparisons"] = [row for row in summary["comparisons"] if row["framework"] != "mxnet"]
    assert "mxnet_scratch" not in words(drawn("equivalence_width", run, summary))
    assert not any("mxnet" in text for text in words(drawn("alignment", run, summary)))
    assert "jax_scratch" in words(drawn("equivalence_width", run, summary))


def test_compiling_is_drawn_once(maker: Maker) -> None:
    """It is part of the first step: the bar of a compiled row is no longer for it."""
    from matplotlib.patches import Rectangle

    from reports.colours import BUILT_IN

    run, summary = maker(flawed=False)
    chosen = [row for row in summary["cases"] if row["implementation"] == "torch_compile" and row["width"] == 64]
    figure = drawn("start_up", run, summary)
    from matplotlib.colors import to_hex

    bars = [box for box in figure.axes[0].patches if isinstance(box, Rectangle)]
    mine = [box for box in bars if to_hex(box.get_facecolor()) == BUILT_IN["torch_compile"].colour]
    ends = sorted({round(box.get_x() + box.get_width(), 6) for box in mine})
    parts = ("interpreter_s", "import_s", "build_s", "first_step_s")
    assert ends[-1] == pytest.approx(sum(chosen[0][f"cold_{part}"] for part in parts))
    assert "compile" in words(figure)


def test_near_sizes_are_kept_apart_and_far_ones_stay() -> None:
    from reports.drawing import NEAREST_OCTAVES, spread

    places = spread([16, 250, 256, 1024])
    assert places[256] - places[250] == pytest.approx(NEAREST_OCTAVES)
    assert places[1024] == 10


def test_ticks_of_ratios_are_ones_a_person_would_choose() -> None:
    from reports.drawing import ratio_axis

    axes = Figure().add_subplot()
    ratio_axis(axes, [0.5], [2], 0.02)
    labels = [label.get_text().rstrip("\N{MULTIPLICATION SIGN}") for label in axes.get_yticklabels()]
    assert {"0.5", "0.8", "1", "1.25", "2"} <= set(labels)


def test_the_caption_of_verdicts_explains_the_cells_that_there_are(maker: Maker) -> None:
    _, summary = maker(flawed=False)
    group = [row for row in summary["comparisons"] if row["study"] == "throughput"]
    for row in group:
        row["verdict"] = "faster"
    assert equivalence_width.caption(summary) == f"{equivalence_width.CAPTION} {equivalence_width.BASE}"
    for verdict in ("equivalent", "inconclusive"):
        told = getattr(equivalence_width, verdict.upper())
        group[0]["verdict"] = verdict
        assert equivalence_width.caption(summary) == f"{equivalence_width.CAPTION} {told} {equivalence_width.BASE}"
    group[0]["verdict"] = None
    assert equivalence_width.caption(summary).endswith(equivalence_width.NONE)
