"""Published training runs of d2l.ai's MLP, 784-256-10 at batch 256 on Fashion-MNIST, and when one is reproduced.

They differ in how the loss of a batch is divided. ``mean``: by the number of its examples, as a PyTorch run from
scratch at learning rate 0.1 does. ``nominal``: by 256 always, as the chapter's MXNet edition does at 0.5 (its trainer
steps by the nominal batch size), so that the short last batch of 96 moves the weights less. That batch comes right
before each test, and is all that differs: under the mean it moves them as far as a whole batch on a noisier gradient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["BATCH", "DEPTH", "MEAN", "NOMINAL", "RECIPES", "RUNS", "WIDTH", "Bound", "Recipe", "Run"]

MEAN = "mean"
NOMINAL = "nominal"
WIDTH, DEPTH, BATCH = 256, 1, 256


@dataclass(frozen=True)
class Recipe:
    """A learning rate and what the summed loss of a batch is divided by: its examples, or the nominal batch."""

    learning_rate: float
    division: str

    @property
    def name(self) -> str:
        """As groups and figures say it."""
        return f"lr {self.learning_rate:g} {self.division}"


@dataclass(frozen=True)
class Bound:
    """The mean over seeds of a column, over the last so many epochs, is within ``within`` of ``wanted``."""

    column: str
    epochs: int
    wanted: float
    within: float


@dataclass(frozen=True)
class Run:
    """A published run: by epoch, what its source prints, and the bounds within which it counts as reproduced."""

    name: str
    recipe: Recipe
    test_accuracy: tuple[float, ...]
    bounds: tuple[Bound, ...]
    train_loss: tuple[float, ...] = ()
    train_accuracy: tuple[float, ...] = ()

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per epoch; what the source does not print is None."""

        def at(values: tuple[float, ...], epoch: int) -> float | None:
            return values[epoch] if values else None

        return [
            {
                "epoch": epoch + 1, "train_loss": at(self.train_loss, epoch),
                "train_accuracy": at(self.train_accuracy, epoch), "test_accuracy": self.test_accuracy[epoch],
            }
            for epoch in range(len(self.test_accuracy))
        ]  # fmt: skip


LOW, HIGH, HIGH_MEAN = Recipe(0.1, MEAN), Recipe(0.5, NOMINAL), Recipe(0.5, MEAN)
RECIPES = (LOW, HIGH, HIGH_MEAN)
RUNS = (
    Run(
        "PyTorch from scratch, lr 0.1",
        LOW,
        test_accuracy=(0.7668, 0.7882, 0.8054, 0.8247, 0.8022, 0.8392, 0.8022, 0.8257, 0.8480, 0.8348),
        bounds=(Bound("test_accuracy", 3, 0.836, 0.015),),
    ),
    Run(
        "d2l.ai MXNet edition, lr 0.5",
        HIGH,
        train_loss=(0.8394, 0.5035, 0.4309, 0.4022, 0.3712, 0.3612, 0.3479, 0.3311, 0.3248, 0.3104),
        train_accuracy=(0.687, 0.812, 0.840, 0.850, 0.864, 0.866, 0.872, 0.879, 0.880, 0.886),
        test_accuracy=(0.818, 0.844, 0.859, 0.859, 0.867, 0.875, 0.870, 0.880, 0.880, 0.882),
        bounds=(Bound("train_loss", 1, 0.310, 0.015), Bound("test_accuracy", 1, 0.882, 0.02)),
    ),
)
