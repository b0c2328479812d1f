"""The tables of the study ``accuracy``: published rows stand beside ours, epoch by epoch."""

from __future__ import annotations

from bench.published import Run
from reports import formats, learning
from reports.cells import Cell, Section, Table
from reports.learning import COLUMNS, Group
from reports.rows import Row

__all__ = ["tables"]

PUBLISHED = "published"
DIFFERENCE = "largest difference between implementations"


def tables(summary: Row) -> list[Table]:
    """Return the table of published runs, the one of last epochs and seconds, and one of curves per group."""
    found = [_reproduced(summary), _learned(summary)]
    return [*(table for table in found if table), *(_curves(group) for group in learning.groups(summary))]


def _reproduced(summary: Row) -> Table | None:
    sections: dict[str, list[tuple[Cell, ...]]] = {}
    for row in summary.get("reproduced") or []:
        for check in row["checks"]:
            when = "last epoch" if check["epochs"] == 1 else f"mean of the last {check['epochs']} epochs"
            line = (
                Cell(row["implementation"], "name"),
                Cell(f"{COLUMNS[check['column']]}, {when}"),
                _number(_value(check["found"])),
                _number(f"{check['wanted']:.3f}"),
                _number(f"± {check['within']:g}"),
                _number(str(row["seeds"])),
                Cell("reproduced" if check["met"] else "not reproduced", "verdict"),
            )
            sections.setdefault(f"{row['run']} · {row['group']}", []).append(line)
    columns = (
        ("implementation", "name"), ("figure", "text"), ("found", "number"), ("expected", "number"),
        ("within", "number"), ("seeds", "number"), ("verdict", "verdict"),
    )  # fmt: skip
    inside = tuple(Section(heading, tuple(lines)) for heading, lines in sections.items())
    return Table("reproduced", "Published runs", columns, inside) if inside else None


def _learned(summary: Row) -> Table | None:
    levels = learning.levels(summary)
    columns = (
        ("implementation", "name"), ("train loss", "number"), ("train accuracy", "number"), ("test accuracy", "number"),
        ("range of seeds", "number"), *((f"to {level}", "number") for level in levels),
        ("per epoch", "number"), ("seeds", "number"),
    )  # fmt: skip
    sections = []
    for group in learning.groups(summary):
        rows = [row for row in summary.get("learned") or [] if row["group"] == group.name]
        lines = [_last_of_run(group, len(levels)), *(_last(row, levels) for row in rows)]
        sections.append(Section(_heading(group), tuple(line for line in lines if line)))
    title = "After the last epoch, and the time to each test accuracy"
    return Table("learned", title, columns, tuple(sections)) if sections else None


def _last_of_run(group: Group, levels: int) -> tuple[Cell, ...]:
    if group.run is None:
        return ()
    last = group.run.rows()[-1]
    values = [
        _number(_printed(group.run, name, last[name])) for name in ("train_loss", "train_accuracy", "test_accuracy")
    ]
    unknown = [_number(formats.MISSING)] * (levels + 2)
    return (Cell(PUBLISHED), *values, *unknown, _number("1"))


def _last(row: Row, levels: list[str]) -> tuple[Cell, ...]:
    low, high = _value(row["test_accuracy_low"]), _value(row["test_accuracy_high"])
    return (
        Cell(row["implementation"], "name"),
        *(_number(_value(row[name])) for name in ("train_loss", "train_accuracy", "test_accuracy")),
        _number(low if row["seeds"] == 1 else f"{low}{formats.MISSING}{high}"),
        *(_number(formats.seconds(row[f"time_to_{level}"])) for level in levels),
        _number(formats.seconds(row["seconds"])),
        _number(str(row["seeds"])),
    )


def _curves(group: Group) -> Table:
    epochs = group.epochs
    columns = (("epoch", "name"), *((str(epoch), "number") for epoch in epochs))
    sections = tuple(Section(text.capitalize(), _lines(group, name, epochs)) for name, text in COLUMNS.items())
    return Table(f"curves-{_anchor(group.name)}", f"Epoch by epoch: {_heading(group)}", columns, sections)


def _lines(group: Group, column: str, epochs: list[int]) -> tuple[tuple[Cell, ...], ...]:
    lines = []
    if group.run is not None:
        printed = {row["epoch"]: row[column] for row in group.run.rows()}
        lines.append((Cell(PUBLISHED), *(_number(_printed(group.run, column, printed.get(epoch))) for epoch in epochs)))
    for name, found in learning.means(group.rows, column).items():
        lines.append((Cell(name, "name"), *(_number(_value(found.get(epoch))) for epoch in epochs)))
    apart = learning.spread(group.rows, column)
    if apart:
        cells = (_number(formats.MISSING if epoch not in apart else _difference(apart[epoch])) for epoch in epochs)
        lines.append((Cell(DIFFERENCE, "text"), *cells))
    return tuple(lines)


def _heading(group: Group) -> str:
    return f"{group.title} · {PUBLISHED}: {group.run.name}" if group.run else group.title


def _value(value: float | None) -> str:
    return formats.MISSING if value is None else f"{value:.4f}"


def _printed(run: Run, column: str, value: float | None) -> str:
    """Return a published figure with as many places as its source gives that column."""
    places = max(len(str(row[column]).partition(".")[2]) for row in run.rows())
    return formats.MISSING if value is None else f"{value:.{places}f}"


def _difference(value: float) -> str:
    return f"{value:.4f}" if value >= 1e-4 or value == 0 else f"{value:.0e}"


def _number(text: str) -> Cell:
    return Cell(text, "number")


def _anchor(name: str) -> str:
    return "".join(character if character.isalnum() else "-" for character in name)
