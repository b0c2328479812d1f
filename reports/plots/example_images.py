"""The first nine test images, what they show, and what one implementation takes them for after its last epoch."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from reports import drawing, learning
from reports.colours import INK, VERDICT
from reports.learning import Group
from reports.rows import Row

__all__ = ["CAPTION", "ORDER", "TITLE", "draw"]

TITLE = "Nine test images, and what they are taken for"
CAPTION = (
    "Above each image is what it shows, below what the network predicts after its last epoch, in red with a cross "
    "where that is wrong. One implementation and one seed stand for all; the others are in summary.json."
)
ORDER = 54
PREFERRED = "torch_concise"
HEIGHT = 1.75


def draw(run: Row, summary: Row) -> Figure | None:
    """Return the figure, or None where there are no images or nothing was predicted."""
    shown = run.get("examples")
    row, group = _chosen(learning.groups(summary))
    if not shown or row is None or group is None:
        return None
    images = _images(shown)
    figure = Figure(figsize=(drawing.WIDTH, HEIGHT))
    figure.text(0.012, 1 - 0.08 / HEIGHT, f"{row['implementation']} · {group.title} · seed {row['seed']} · after epoch "
                f"{row['epoch']}", va="top", fontsize=10, fontweight="bold")  # fmt: skip
    count = len(images)
    grid = figure.add_gridspec(
        1, count, left=0.012, right=0.988, top=1 - 0.53 / HEIGHT, bottom=0.28 / HEIGHT, wspace=0.14
    )
    for place, (image, label, predicted) in enumerate(zip(images, shown["labels"], row["predicted"], strict=True)):
        _picture(figure.add_subplot(grid[place]), image, shown["names"][label], shown["names"][predicted])
    return drawing.finish(figure, run, trains=True)


def _chosen(groups: list[Group]) -> tuple[Row | None, Group | None]:
    """Return the last epoch's row of one implementation, of the group that learned most, published first."""
    ends: list[tuple[Row, Group]] = []
    for group in groups:
        name = PREFERRED if PREFERRED in group.implementations else group.implementations[0]
        mine = [row for row in group.rows if row["implementation"] == name and row.get("predicted")]
        if mine:
            ends.append((max(mine, key=lambda row: (row["epoch"], -row["seed"])), group))
    return max(ends, key=lambda end: (end[1].run is not None, end[0]["test_accuracy"]), default=(None, None))


def _images(shown: dict[str, Any]) -> NDArray[np.uint8]:
    side = shown["side"]
    return np.frombuffer(base64.b64decode(shown["pixels"]), np.uint8).reshape(-1, side, side)


def _picture(axes: Axes, image: NDArray[np.uint8], label: str, predicted: str) -> None:
    axes.imshow(image, cmap="gray_r", vmin=0, vmax=255)
    right = label == predicted
    axes.set_title(label, pad=4, loc="center", fontweight="normal", fontsize=10)
    axes.set_xlabel(predicted if right else f"\N{MULTIPLICATION SIGN} {predicted}", labelpad=4,
                    color=INK if right else VERDICT["slower"], fontweight="normal" if right else "bold")  # fmt: skip
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines[["top", "right"]].set_visible(True)
