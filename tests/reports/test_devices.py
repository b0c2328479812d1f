"""From which size on a GPU is worth it: what is said and drawn comes from the verdicts; panels stand side by side."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import matplotlib
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from bench import trends
from reports import devices, page, tables
from reports.drawing import STYLE
from reports.findings import findings
from reports.plots import alignment, device_ratio
from tests.reports import both_devices, wide

Record = dict[str, Any]


def said(summary: Record) -> list[str]:
    return [text.replace("\xa0", " ").replace("\N{EN DASH}", "-").replace("\N{MULTIPLICATION SIGN}", "x")
            for text in devices.sentences(summary)]  # fmt: skip


def judged(verdicts: dict[bool, list[str]], **other: Any) -> Record:
    """A summary in which a step has these verdicts at its widths, by whether there are transfers."""
    _, summary = both_devices.make()
    rows = [row for row in summary["comparisons"] if row["width"] or row["control"]]
    for transfers, found in verdicts.items():
        mine = [row for row in rows if row["transfers"] == transfers and not row["control"]]
        for row, verdict in zip(mine, found, strict=True):
            row.update(verdict=verdict, ratio=0.5, ci_low=0.49, ci_high=0.51, **other)
    return summary | {"comparisons": rows, "device_crossovers": trends.device_crossovers(rows)}


def test_a_sentence_says_from_which_size_on_with_transfers_and_without() -> None:
    verdicts = {False: ["slower", "equivalent", *["faster"] * 3], True: [*["slower"] * 3, *["faster"] * 2]}
    (text,) = said(judged(verdicts))
    assert text == (
        "A training step in torch_concise on cuda against torch_concise cpu (1 hidden layer, batch 256, float32, the "
        "CPU with 16 threads): with its batches resident it is faster from width 256 on (0.500x, 0.490-0.510 at 4096); "
        "end to end, each batch handed over and each loss read back, it is faster from width 1024 on (0.500x, "
        "0.490-0.510 at 4096)."
    )


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (["faster"] * 5, "faster at all widths measured, 16 to 4096 (0.500x, 0.490-0.510 at 4096)"),
        (["slower"] * 4 + ["faster"], "faster at width 4096, the largest measured (0.500x, 0.490-0.510)"),
        (
            ["faster"] * 4 + ["inconclusive"],
            "not shown to be faster at what was measured, widths 16 to 4096: "
            "at 4096 inconclusive (0.500x, 0.490-0.510)",
        ),
        (["slower"] * 5, "not shown to be faster at what was measured, widths 16 to 4096: at 4096 slower"),
    ],
)
def test_the_ends_of_what_was_measured_are_told(verdicts: list[str], expected: str) -> None:
    (text,) = said(judged({True: verdicts}))
    assert expected in text.partition("end to end")[2]


def test_products_are_told_by_their_size() -> None:
    _, text = said(both_devices.make()[1])
    assert text.startswith("A matrix product in torch on cuda against torch cpu (float32, the CPU with 16 threads): ")
    assert "with its operands resident it is faster at all sizes measured, 128 to 4096" in text
    assert "end to end, operands handed over and the result handed back, it is faster from size 512 on" in text


def test_what_rests_on_a_failed_control_says_so() -> None:
    _, summary = both_devices.make(marked="torch_concise 784-1024-10")
    step, product = said(summary)
    assert step.endswith("This rests on width 1024, where the control failed.")
    assert "control" not in product
    _, below = both_devices.make(marked="torch product 128")
    assert "size 128, where" in said(below)[1]
    narrow = judged({False: ["slower"] * 3 + ["faster"] * 2, True: ["slower"] * 3 + ["faster"] * 2})
    for row in narrow["device_crossovers"]:
        row["marked"] = [16]
    assert "control failed" not in said(narrow)[0]


def test_a_rehearsal_is_said_to_be_one() -> None:
    assert all(text.startswith("A rehearsal: both sides are the CPU") for text in said(both_devices.make("cpu")[1]))
    assert not any("rehearsal" in text for text in said(both_devices.make()[1]))


def test_findings_have_them_and_older_summaries_have_none() -> None:
    run, summary = both_devices.make()
    assert [one.text for one in findings(run, summary) if one.question == devices.QUESTION] == devices.sentences(
        summary
    )
    del summary["device_crossovers"]
    assert devices.sentences(summary) == []


def test_tables_and_title_name_the_study_and_the_devices() -> None:
    run, summary = both_devices.make()
    (table,) = tables.comparisons(summary)
    assert table.title == "Devices"
    assert [line[0].text for line in table.sections[0].rows] == [
        "torch_concise cuda, resident", "torch_concise cuda, end to end", "control",
    ]  # fmt: skip
    assert page.title(run, summary) == "Devices · a machine"
    assert "could not be drawn" not in page.render(run, summary, page.draw(run, summary))


# The figure of ratios


def drawn(module: Any, run: Record, summary: Record) -> Figure:
    with matplotlib.rc_context(STYLE):
        figure = module.draw(run, summary)
        assert isinstance(figure, Figure)
        figure.set_dpi(50)
        figure.canvas.draw()
    return figure


def words(figure: Figure | Axes) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if isinstance(text, Text) and text.get_text()]


def heights(line: Line2D) -> list[float]:
    return [float(value) for value in line.get_ydata()]  # type: ignore[union-attr]


def curve(axes: Axes, transfers: bool) -> list[float]:
    look = device_ratio.LOOKS[transfers][1]
    lines = [line for line in axes.lines if to_hex(line.get_color()) == look.colour]
    (found,) = [heights(line) for line in lines if len(heights(line)) > 2]
    return found


def test_each_panel_has_a_curve_resident_and_one_end_to_end() -> None:
    run, summary = both_devices.make()
    summary["comparisons"].sort(key=lambda row: row["ratio"])
    for row in summary["comparisons"]:
        row["ratio"] *= 9 if row["width"] == 1024 or row["n"] == 2048 else 1
    product, step = drawn(device_ratio, run, summary).axes
    for axes, kind in ((step, "width"), (product, "n")):
        for transfers in (False, True):
            rows = [row for row in devices.rows_of(summary) if row[kind] and row["transfers"] == transfers]
            assert curve(axes, transfers) == [row["ratio"] for row in sorted(rows, key=devices.size_of)]
    assert [label.get_text() for label in product.get_xticklabels()] == [str(size) for size in both_devices.SIZES]
    assert step.get_title(loc="left") == "Training step in torch_concise on cuda"
    assert "1 hidden layer, batch 256, float32, the CPU with 16 threads" in words(step)
    assert step.get_ylim() == product.get_ylim()


def test_intervals_the_margin_and_a_dashed_line_at_one_are_drawn() -> None:
    run, summary = both_devices.make()
    axes = drawn(device_ratio, run, summary).axes[0]
    row = next(row for row in devices.rows_of(summary) if row["width"] == 64)
    assert [row["ci_low"], row["ci_high"]] in [heights(line) for line in axes.lines]
    assert [1.0, 1.0] in [heights(line) for line in axes.lines if line.get_linestyle() == "--"]
    bands = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    assert [band.get_height() for band in bands] == [pytest.approx(1.02 - 1 / 1.02)]
    low, high = axes.get_ylim()
    ticks = [float(label.get_text().rstrip("\N{MULTIPLICATION SIGN}")) for label in axes.get_yticklabels()]
    assert len(ticks) >= 5
    assert all(low <= tick <= high for tick in ticks)
    assert min(ticks) < 0.05


@pytest.mark.parametrize("count", [1, 2, 3])
def test_panels_keep_clear_of_one_another_and_of_the_key(count: int) -> None:
    run, summary = both_devices.make()
    if count == 1:
        summary["comparisons"] = [row for row in summary["comparisons"] if row["width"]]
    if count == 3:
        own = [row for row in summary["comparisons"] if row["width"]]
        summary["comparisons"] += [row | {"implementation": "torch_cudagraph:forked"} for row in own]
    figure = drawn(device_ratio, run, summary)
    assert len(figure.axes) == count
    titles = [text.get_window_extent() for axes in figure.axes for text in (axes._left_title, *axes.texts)]  # type: ignore[attr-defined]
    everything = [*titles, *(legend.get_window_extent() for legend in figure.legends)]
    assert all(figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 for box in everything)
    assert not any(one.overlaps(other) for one, other in combinations(everything, 2))
    whole, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert min(whole.x0, whole.y0, width - whole.x1, height - whole.y1) >= 0


def test_the_figure_survives_missing_intervals_and_names_failed_controls() -> None:
    run, summary = both_devices.make(marked="torch product 512")
    for row in summary["comparisons"]:
        row.update(ci_low=None, ci_high=None)
    assert any("control failed" in text for text in words(drawn(device_ratio, run, summary)))


def test_synthetic_images_are_said_where_a_network_was_trained() -> None:
    run, summary = both_devices.make()
    run["data"] = {"kind": "synthetic"}
    assert "synthetic images" in words(drawn(device_ratio, run, summary))
    summary["comparisons"] = [row for row in summary["comparisons"] if row["n"]]
    assert "synthetic images" not in words(drawn(device_ratio, run, summary))


def test_without_the_study_there_is_no_figure() -> None:
    assert device_ratio.draw({}, {}) is None
    assert device_ratio.draw(*wide.make()) is None


# Odd sizes on both


def lines_of(figure: Figure) -> list[list[str]]:
    """The titles of panels, line by line, from left to right."""
    found: dict[float, list[tuple[float, str]]] = {}
    for axes in figure.axes:
        box = axes.get_position()
        found.setdefault(round(box.y1, 3), []).append((box.x0, axes.get_title(loc="left")))
    return [[title for _, title in sorted(found[top])] for top in sorted(found, reverse=True)]


def test_panels_of_a_dtype_on_both_devices_stand_side_by_side() -> None:
    found = lines_of(drawn(alignment, *both_devices.odd_sizes()))
    torch = [line for line in found if line[0].startswith("torch")]
    assert torch == [
        ["torch float32", "torch float32 (cuda)", "torch tf32 (cuda)"],
        ["torch float64", "torch float64 (cuda)", "torch bfloat16", "torch bfloat16 (cuda)"],
        ["torch float16", "torch float16 (cuda)"],
    ]
    assert [title for line in found for title in line if title.startswith("numpy")] == [
        "numpy float32", "numpy float64", "numpy float16",
    ]  # fmt: skip


def test_a_gpu_stands_in_the_same_columns_throughout() -> None:
    figure = drawn(alignment, *both_devices.odd_sizes())
    places = {round(axes.get_position().x0, 3) for axes in figure.axes}
    torch = [axes for axes in figure.axes if axes.get_title(loc="left").startswith("torch")]
    of_gpu, of_cpu = (
        {round(axes.get_position().x0, 3) for axes in torch if ("cuda" in axes.get_title(loc="left")) is gpu}
        for gpu in (True, False)
    )
    assert of_gpu.isdisjoint(of_cpu)
    assert of_gpu | of_cpu == places


@pytest.mark.parametrize("wide_sweeps", [True, False])
def test_nothing_overlaps_in_the_figure_of_both(wide_sweeps: bool) -> None:
    figure = drawn(alignment, *both_devices.odd_sizes(wide_sweeps=wide_sweeps))
    titles = [axes._left_title.get_window_extent() for axes in figure.axes]  # type: ignore[attr-defined]
    everything = [*titles, *(legend.get_window_extent() for legend in figure.legends)]
    assert not any(one.overlaps(other) for one, other in combinations(everything, 2))
    assert figure.get_size_inches()[1] < 30


def test_one_device_is_laid_out_as_ever() -> None:
    found = lines_of(drawn(alignment, *wide.make(wide=False)))
    assert [line[0].partition(" ")[0] for line in found] == ["numpy", "torch"]
