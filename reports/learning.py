"""What was learned, in sentences: published runs and whether they are reproduced, agreement, and seconds.

Seconds are shown and never judged here. A group is a recipe (learning rate, and what the loss is divided by) on one
network; its rows are those of ``summary["curves"]``, one per implementation, seed and epoch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from bench import published
from bench.published import Bound, Recipe, Run
from reports.colours import ordered
from reports.formats import listing, seconds, significant
from reports.rows import Row

__all__ = [
    "COLUMNS",
    "Group",
    "agreement",
    "groups",
    "levels",
    "means",
    "missed",
    "reproduced",
    "spread",
    "times",
    "uncompared",
    "why",
]

COLUMNS = {"test_accuracy": "test accuracy", "train_accuracy": "train accuracy", "train_loss": "train loss"}
TRAINING_IMAGES = 60_000  # of Fashion-MNIST
TIME_TO = "time_to_"


@dataclass(frozen=True)
class Group:
    """The curves of one recipe on one network, and the published run trained alike, if there is one."""

    name: str
    title: str
    recipe: Recipe
    batch: int
    rows: tuple[Row, ...]
    run: Run | None

    @property
    def epochs(self) -> list[int]:
        """The epochs of ours and of the published run."""
        ours = {row["epoch"] for row in self.rows}
        return sorted(ours | {row["epoch"] for row in (self.run.rows() if self.run else [])})

    @property
    def implementations(self) -> list[str]:
        """The implementations, in the order in which they are always shown."""
        return ordered(row["implementation"] for row in self.rows)


def groups(summary: Row) -> list[Group]:
    """Return the groups by network, then by learning rate, the nominal division first."""
    found: dict[str, list[Row]] = {}
    for row in summary.get("curves") or []:
        found.setdefault(row["group"], []).append(row)
    recipes = {name: _recipe(rows[0]) for name, rows in found.items()}
    told = list(recipes.values())
    made = [
        Group(
            name=name,
            title=recipes[name].name if told.count(recipes[name]) == 1 else name,
            recipe=recipes[name],
            batch=rows[0]["batch"],
            rows=tuple(rows),
            run=_published(rows[0]),
        )
        for name, rows in found.items()
    ]
    return sorted(made, key=_place)


def means(rows: Iterable[Row], column: str) -> dict[str, dict[int, float]]:
    """Return the mean over seeds of a column by implementation and epoch, without what is not known."""
    values: dict[str, dict[int, list[float]]] = {}
    for row in rows:
        if row[column] is not None:
            values.setdefault(row["implementation"], {}).setdefault(row["epoch"], []).append(row[column])
    return {
        name: {epoch: sum(found) / len(found) for epoch, found in sorted(values[name].items())}
        for name in ordered(values)
    }


def spread(rows: Iterable[Row], column: str) -> dict[int, float]:
    """Return by epoch the largest difference between implementations of the same seed; none where there is but one."""
    values: dict[tuple[int, int], list[float]] = {}
    for row in rows:
        if row[column] is not None:
            values.setdefault((row["epoch"], row["seed"]), []).append(row[column])
    found: dict[int, float] = {}
    for (epoch, _), alike in sorted(values.items()):
        if len(alike) > 1:
            found[epoch] = max(found.get(epoch, 0.0), max(alike) - min(alike))
    return found


def levels(summary: Row) -> list[str]:
    """Return the test accuracies that the time to is told of, as text."""
    columns = {name for row in summary.get("learned") or [] for name in row if name.startswith(TIME_TO)}
    return sorted(name.removeprefix(TIME_TO) for name in columns)


def reproduced(summary: Row) -> list[str]:
    """Return which implementations reproduce which published run, with what was found."""
    return [_judged(run, members) for run, members in _by_verdict(summary) if members[0]["verdict"] == "reproduced"]


def missed(summary: Row) -> list[str]:
    """Return which implementations do not reproduce which published run, with what was found."""
    return [_judged(run, members) for run, members in _by_verdict(summary) if members[0]["verdict"] != "reproduced"]


def uncompared(summary: Row) -> list[str]:
    """Return the published runs that nothing here was trained like."""
    compared = {row["run"] for row in summary.get("reproduced") or []}
    without = [run for run in published.RUNS if run.name not in compared] if summary.get("curves") else []
    if not without:
        return []
    network = f"784-{published.WIDTH}-10 at batch {published.BATCH}"
    each = [f"{run.name} ({len(run.test_accuracy)} epochs, {run.recipe.division})" for run in without]
    return [f"Not compared with {listing(each)}: nothing here was trained like that on {network}."]


def agreement(summary: Row) -> list[str]:
    """Return how far apart implementations are that started alike."""
    parts = []
    for group in groups(summary):
        found = spread(group.rows, "test_accuracy")
        if found:
            epoch = max(found, key=lambda one: found[one])
            when = f" (epoch {epoch})" if found[epoch] else ""
            parts.append(f"{_small(found[epoch])} at {group.title}{when}")
    if not parts:
        return []
    return [
        "From the same weights and batches, the test accuracies of implementations differ after the same epoch by at "
        f"most {listing(parts)}. Each was equal to the reference before it was timed: this is rounding, which large "
        "steps amplify."
    ]


def why(summary: Row) -> list[str]:
    """Return why the two divisions of the loss give curves unlike one another, where both were trained."""
    shown = groups(summary)
    if len({row["epoch"] for group in shown for row in group.rows}) < 2:
        return []  # nothing moves from one epoch to the next
    found = {(group.recipe.learning_rate, group.recipe.division): group for group in shown}
    told = []
    for (rate, division), mean in found.items():
        nominal = found.get((rate, published.NOMINAL))
        rest = TRAINING_IMAGES % mean.batch
        if division == published.MEAN and nominal is not None and rest:
            far, near = _unsteadiness(mean), _unsteadiness(nominal)
            jagged, smooth = (" is jagged and", ", smooth,") if far > 1.5 * near else ("", "")
            told.append(
                f"At lr {rate:g} the mean's test curve{jagged} moves by {_small(far)} from one epoch to the next on "
                f"average, the nominal's{smooth} by {_small(near)}. All that differs is the short last batch of {rest} "
                f"images, right before each test: divided by its own {rest}, its noisier gradient moves the weights as "
                f"far as that of a whole batch; divided by the nominal {mean.batch}, {rest / mean.batch:.2g} times as "
                "far."
            )
    return told


def times(summary: Row) -> list[str]:
    """Return, per group, the seconds of training to each level and of an epoch."""
    told = []
    for group in groups(summary):
        rows = [row for row in summary.get("learned") or [] if row["group"] == group.name]
        if rows:
            far = [level for level in levels(summary) if all(row[TIME_TO + level] is None for row in rows)]
            each = [_reached(rows, level) for level in levels(summary) if level not in far]
            soon = ["test accuracy " + "; ".join(each)] if each else []
            of_what = "" if each else " of test accuracy"
            soon += [f"no implementation reaches {listing(far)}{of_what} in every seed"] if far else []
            told.append(f"{group.title}: {'; '.join(soon)}. An epoch takes {_extremes(rows, 'seconds')}.")
    return [*told, "These are seconds of training steps alone; they are shown, not judged."] if told else []


def _recipe(row: Row) -> Recipe:
    return Recipe(row["learning_rate"], row["division"])


def _place(group: Group) -> tuple[Any, ...]:
    row = group.rows[0]
    network = (row["device"], row["dtype"], row["batch"], row["depth"], row["width"] or 0)
    return (*network, group.recipe.learning_rate, group.recipe.division != published.NOMINAL)


def _published(row: Row) -> Run | None:
    network = (row["width"], row["depth"], row["batch"]) == (published.WIDTH, published.DEPTH, published.BATCH)
    return next((run for run in published.RUNS if network and run.recipe == _recipe(row)), None)


def _by_verdict(summary: Row) -> list[tuple[Run, list[Row]]]:
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in summary.get("reproduced") or []:
        found.setdefault((row["run"], row["group"], row["verdict"]), []).append(row)
    named = {run.name: run for run in published.RUNS}
    return [(named[run], members) for (run, _, _), members in found.items() if run in named]


def _judged(run: Run, members: list[Row]) -> str:
    names = [row["implementation"] for row in members]
    seeds = max(row["seeds"] for row in members)
    each = [_bound(bound, [row["checks"][index] for row in members]) for index, bound in enumerate(run.bounds)]
    return (
        f"{run.name}: {members[0]['verdict']} by {listing(names)} in {members[0]['dtype']} (mean of {seeds} "
        f"seed{'s' if seeds > 1 else ''}): {listing(each)}."
    )


def _bound(bound: Bound, checks: list[Mapping[str, Any]]) -> str:
    values = [check["found"] for check in checks if check["found"] is not None]
    low, high = (f"{end(values):.3f}" for end in (min, max)) if values else ("not finite", "not finite")
    found = low if low == high else f"{low} to {high}"
    when = "in the last epoch" if bound.epochs == 1 else f"over the last {bound.epochs} epochs"
    return f"{COLUMNS[bound.column]} {when} {found} (expected {bound.wanted:.3f} ± {bound.within:g})"


def _reached(rows: list[Row], level: str) -> str:
    reached = [row for row in rows if row[TIME_TO + level] is not None]
    late = ordered(row["implementation"] for row in rows if row[TIME_TO + level] is None)
    text = f"{level} after {_extremes(reached, TIME_TO + level)}"
    return text + (f", not in every seed by {listing(late)}" if late else "")


def _extremes(rows: list[Row], column: str) -> str:
    ranked = sorted(rows, key=lambda row: row[column])
    ends = [f"{seconds(row[column])} ({row['implementation']})" for row in (ranked[0], ranked[-1])]
    return ends[0] if len(ranked) == 1 else " to ".join(ends)


def _unsteadiness(group: Group) -> float:
    """Return the mean size of the change in test accuracy from one epoch to the next."""
    curves: dict[tuple[str, int], list[Row]] = {}
    for row in group.rows:
        curves.setdefault((row["implementation"], row["seed"]), []).append(row)
    changes = [
        abs(after["test_accuracy"] - before["test_accuracy"])
        for members in curves.values()
        for before, after in pairwise(sorted(members, key=lambda row: row["epoch"]))
    ]
    return sum(changes) / len(changes) if changes else 0.0


def _small(value: float) -> str:
    return significant(value, 2)
