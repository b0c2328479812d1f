"""Figures are whole: nothing that is drawn or written lies beyond their edges, and no title on an axis' numbers."""

from __future__ import annotations

from itertools import pairwise

import pytest
from matplotlib.figure import Figure

from reports import plots
from tests.reports import both_devices, gpu, wide
from tests.reports.made import make
from tests.reports.shown import Maker, drawn, module_of

MAKERS: dict[str, Maker] = {"run": make, "gpu": gpu.make, "wide": wide.make, "both devices": both_devices.make}
ROUNDING_INCHES = 0.001


def is_whole(figure: Figure) -> bool:
    whole, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    return bool(min(whole.x0, whole.y0, width - whole.x1, height - whole.y1) >= -ROUNDING_INCHES)


@pytest.mark.parametrize("records", MAKERS)
def test_nothing_lies_beyond_the_edges(records: str) -> None:
    run, summary = MAKERS[records](**({"crowded": True} if records == "run" else {}))
    names = [name for name in plots.names() if module_of(name).draw(run, summary) is not None]
    assert "control" in names
    assert [name for name in names if not is_whole(drawn(name, run, summary))] == []


def test_no_title_of_fixed_costs_stands_on_the_numbers_above_it(maker: Maker) -> None:
    run, summary = maker()
    summary["fixed_costs"] += [row | {"dtype": "bfloat16"} for row in summary["fixed_costs"]]
    figure = drawn("fixed_cost", run, summary)
    assert len(figure.axes) == 2
    for above, below in pairwise(figure.axes):
        numbers = [text.get_window_extent() for text in above.get_xticklabels() if text.get_text()]
        title = below._left_title.get_window_extent()  # type: ignore[attr-defined]
        assert title.y1 + title.height / 2 < min(box.y0 for box in numbers)
