"""What the input pipeline costs, in sentences and in rows that figures are drawn from.

Every figure comes from the summary's rows of the study ``pipeline`` and from its table ``stages``. A group whose
control failed supports no sentence.
"""

from __future__ import annotations

from collections.abc import Iterable

from reports.formats import interval, listing, percent, ratio, seconds
from reports.rows import Row, marked_groups

__all__ = ["QUESTION", "STAGES", "STUDY", "by_case", "grouped", "rows_of", "sentences"]

QUESTION = "What does the input pipeline cost?"
STUDY = "pipeline"
TEXTBOOK = "dataloader"
SHUFFLED = ("resident_index", "resident_copy")
STAGES = ("decode", "collate", "transfer", "step", "rest")
START = "start"
TRAINING_IMAGES = 60_000


def rows_of(summary: Row, table: str, *, control: bool = False) -> list[Row]:
    """Return the study's rows of ``cases`` or ``comparisons``; the control's only where asked for."""
    rows = summary.get(table) or []
    return [row for row in rows if row.get("study") == STUDY and bool(row.get("control")) <= control]


def grouped(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Return rows by group, in the order in which they come."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(str(row.get("group")), []).append(row)
    return found


def by_case(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Return rows by case, in the order in which they come."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(str(row.get("case")), []).append(row)
    return found


def sentences(summary: Row) -> list[str]:
    """Return what was found, a sentence or a few for each group, those of failed controls left out."""
    marked = {group for study, group in marked_groups(summary) if study == STUDY}
    compared = grouped(row for row in rows_of(summary, "comparisons") if row.get("verdict"))
    stages = grouped(summary.get("stages") or [])
    said = []
    for group, members in compared.items():
        if group not in marked:
            lead = f"{group}: " if len(compared) > 1 else ""
            parts = (_resident(members), _workers(members, stages.get(group, [])), _shares(stages.get(group, [])))
            text = " ".join(filter(None, parts))
            said += [lead + text] if text else []
    return said


def _resident(members: list[Row]) -> str:
    """Say how many times as fast the faster of the shuffled resident epochs is."""
    shuffled = [row for row in members if row.get("case") in SHUFFLED and row.get("baseline") == TEXTBOOK]
    if not shuffled:
        return ""
    best = min(shuffled, key=lambda row: float(row["ratio"]))
    return f"The resident epoch, shuffled ({best['case']}), {_times(best)}."


def _workers(members: list[Row], stages: list[Row]) -> str:
    """Say what worker processes change, and what starting them costs, which is in no sample."""
    starts = {row["case"]: row["seconds_per_image"] * TRAINING_IMAGES for row in stages if row["stage"] == START}
    said = [
        f"The loader with worker processes ({row['case']}) {_times(row)}; starting them takes another "
        f"{seconds(starts[row['case']])} an epoch."
        for row in members
        if row["case"] in starts and row.get("baseline") == TEXTBOOK
    ]
    return " ".join(said)


def _times(row: Row) -> str:
    """Return the ratio of times, as everywhere, and the rate it comes to."""
    low, high = row.get("ci_low"), row.get("ci_high")
    fast_low, fast_high = (1 / end if end else None for end in (high, low))
    return (
        f"takes {ratio(row['ratio'], low, high)} of the textbook loop's time (95 % interval {interval(low, high)}): "
        f"{row['verdict']}. That is {ratio(1 / row['ratio'], fast_low, fast_high)} its images per second "
        f"({interval(fast_low, fast_high)})"
    )


def _shares(stages: list[Row]) -> str:
    """Say where the time of the textbook's loop goes."""
    mine = {row["stage"]: row["seconds_per_image"] for row in stages if row["case"] == TEXTBOOK}
    total = sum(mine.get(stage, 0.0) for stage in STAGES)
    if not total:
        return ""
    names = {"decode": "decoding", "step": "the network's step"}
    parts = [f"{percent(mine[stage] / total)} are {name}" for stage, name in names.items() if stage in mine]
    return f"Of the {seconds(total)} that the textbook loop takes for an image, {listing(parts)}."
