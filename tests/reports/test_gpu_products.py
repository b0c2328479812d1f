"""Products on a GPU: predictions and changes of kernel are drawn where they belong, and nowhere else."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.text import Text

from reports.drawing import STYLE
from tests.reports import gpu, wide

Record = dict[str, Any]
PREDICTION, OTHER = "prediction: tiles and waves", "another kernel than the base size's"
FIGURES = {"alignment": "torch bfloat16 (cuda)", "alignment_alone": "torch bfloat16 (cuda), around 4096"}


def drawn(name: str, run: Record, summary: Record) -> Figure:
    with matplotlib.rc_context(STYLE):
        figure = import_module(f"reports.plots.{name}").draw(run, summary)
        assert isinstance(figure, Figure)
        figure.set_dpi(50)
        figure.canvas.draw()
    return figure


def panel(figure: Figure, title: str) -> Axes:
    return next(axes for axes in figure.axes if axes.get_title(loc="left") == title)


def words(figure: Figure | Axes) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if isinstance(text, Text) and text.get_text()]


def dashes(axes: Axes) -> list[tuple[float, float]]:
    """Where predictions are drawn: the middle of each dash and its height."""
    found = [segment for one in axes.collections if isinstance(one, LineCollection) for segment in one.get_segments()]
    ends = [tuple(map(float, np.asarray(segment).ravel())) for segment in found]
    return sorted({(round((x + to) / 2, 6), y) for x, y, to, end in ends if y == end and x != to})


def rings(axes: Axes) -> list[tuple[float, float]]:
    kept = [line for line in axes.lines if line.get_markersize() == 13 and line.get_marker() == "o"]
    return [(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in kept]  # type: ignore[index]


def test_each_size_has_its_prediction_at_its_place_in_panels_of_a_gpu_alone() -> None:
    run, summary = gpu.make()
    figure = drawn("alignment", run, summary)
    found = dashes(panel(figure, "torch bfloat16 (cuda)"))
    rows = [gpu.comparison(summary, "torch matmul bfloat16 cuda", str(size)) for size in (1025, 1026, 1028, 1032)]
    assert found == [(place, row["predicted_low"]) for place, row in enumerate(rows, 1)]
    assert dashes(panel(figure, "torch bfloat16")) == []
    assert {PREDICTION, OTHER} <= set(words(figure))


def test_what_is_predicted_lies_within_the_picture() -> None:
    run, summary = gpu.make()
    for row in summary["comparisons"]:
        if row["predicted_low"]:
            row.update(predicted_low=0.4, predicted_high=3.0)
    for name, title in FIGURES.items():
        low, high = panel(drawn(name, run, summary), title).get_ylim()
        assert low < 0.4 < 3.0 < high


def test_a_tile_that_may_lie_either_way_has_two_dashes() -> None:
    run, summary = gpu.make()
    row = gpu.comparison(summary, "torch matmul bfloat16 cuda", "1025")
    row.update(predicted_low=1.1, predicted_high=1.2)
    found = dashes(panel(drawn("alignment", run, summary), "torch bfloat16 (cuda)"))
    assert [height for place, height in found if place == 1] == [1.1, 1.2]


@pytest.mark.parametrize(("profiled", "source"), [(True, "the kernel's"), (False, "assumed")])
def test_the_tile_is_told_with_where_it_is_from(profiled: bool, source: str) -> None:
    for name, title in FIGURES.items():
        told = words(panel(drawn(name, *gpu.make(profiled=profiled)), title))
        assert any(text.endswith(f"tile 128\N{MULTIPLICATION SIGN}256 ({source})") for text in told)


def test_a_ring_is_around_the_sizes_that_another_kernel_serves() -> None:
    run, summary = gpu.make()
    figure = drawn("alignment", run, summary)
    rows = [gpu.comparison(summary, "torch matmul bfloat16 cuda", str(size)) for size in (1025, 1026)]
    assert rings(panel(figure, "torch bfloat16 (cuda)")) == [(1, rows[0]["ratio"]), (2, rows[1]["ratio"])]
    assert rings(panel(figure, "torch bfloat16")) == []


def test_without_a_profiler_there_are_no_rings_and_no_word_of_them() -> None:
    figure = drawn("alignment", *gpu.make(profiled=False))
    assert rings(panel(figure, "torch bfloat16 (cuda)")) == []
    assert OTHER not in words(figure)
    assert PREDICTION in words(figure)


@pytest.mark.parametrize("name", ["alignment", "alignment_alone", "alignment_steps"])
def test_on_a_cpu_the_key_has_no_entry_for_either(name: str) -> None:
    assert not {PREDICTION, OTHER} & set(words(drawn(name, *wide.make())))


def test_sizes_of_one_dimension_have_their_predictions_too() -> None:
    run, summary = gpu.make()
    axes = panel(drawn("alignment_alone", run, summary), "torch bfloat16 (cuda), around 4096")
    rows = [row for row in summary["comparisons"] if row["predicted_low"] and row["dtype"] == "bfloat16"]
    around = [row for row in rows if row["group"].endswith("base 4096")]
    expected = {row[end] for row in around for end in ("predicted_low", "predicted_high")}
    assert {height for _, height in dashes(axes)} == expected
    alone = gpu.comparison(summary, "torch matmul bfloat16 cuda, m alone, base 4096", "4097")
    assert alone["predicted_low"] < 1.01 < 1.24 < alone["predicted_high"]  # by which side of the tile lies along m


def test_strips_have_what_each_device_measured_below_them() -> None:
    figure = drawn("alignment_steps", *gpu.make())
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert labels.count("time per FLOP\n(cpu)") == labels.count("time per FLOP\n(cuda)") + 1  # float64 on the CPU alone
    on_gpu = [axes for axes in figure.axes if axes.get_ylabel().endswith("(cuda)")]
    on_cpu = [axes for axes in figure.axes if axes.get_ylabel() == "time per FLOP\n(cpu)"]
    assert all(len(dashes(axes)) == 4 for axes in on_gpu)
    assert not any(dashes(axes) for axes in on_cpu)
    assert "time per FLOP" in [axes.get_ylabel() for axes in drawn("alignment_steps", *wide.make()).axes]


def test_a_panel_without_verdicts_is_words_with_the_reason() -> None:
    run, summary = gpu.make()
    reason = "no kernels for this dtype on a device of this kind, so that nothing can be multiplied in it here at all"
    for row in summary["cases"]:
        if row["group"] == "torch matmul float32 cuda":
            row.update(status="skipped", reason=reason)
    summary["comparisons"] = [row for row in summary["comparisons"] if row["group"] != "torch matmul float32 cuda"]
    axes = panel(drawn("alignment", run, summary), "torch float32 (cuda)")
    assert not axes.spines["bottom"].get_visible()
    assert list(axes.get_xticks()) == []
    (text,) = [text.get_text() for text in axes.texts]
    assert " ".join(text.split()).startswith("skipped: no kernels for this dtype on a device")
    assert max(map(len, text.split("\n"))) <= 32


def test_what_was_skipped_is_left_out_where_there_is_no_room_for_all() -> None:
    run, summary = wide.make()
    assert "skipped" in words(panel(drawn("alignment", run, summary), "numpy bfloat16"))
    float32 = [row for row in summary["cases"] if row["group"] == "numpy matmul float32 cpu"]
    summary["cases"] += [row | {"stack": 4, "group": "numpy tensor-matrix float32 cpu"} for row in float32]
    titles = {axes.get_title(loc="left") for axes in drawn("alignment", run, summary).axes}
    assert "numpy bfloat16" not in titles
    assert {"torch bfloat16", "numpy float16", "numpy stack of 4, float32"} <= titles


def test_libraries_with_one_panel_share_a_line() -> None:
    run, summary = wide.make(("numpy", "torch", "jax", "tensorflow", "mxnet"), wide=False)
    few = ("jax", "tensorflow", "mxnet")
    for table in ("cases", "comparisons"):
        summary[table] = [row for row in summary[table] if row["provider"] not in few or row["dtype"] == "float32"]
    figure = drawn("alignment", run, summary)
    tops = {name: panel(figure, f"{name} float32").get_position().y1 for name in ("numpy", "torch", *few)}
    assert len({tops[name] for name in few}) == 1
    assert len(set(tops.values())) == 3
    beside = [panel(figure, f"{name} float32") for name in few]
    assert [axes.get_ylabel() != "" for axes in beside] == [name == "jax" for name in few]
