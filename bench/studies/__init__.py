"""What to compare: one file is one study.

The contract of a study file:

``QUESTION``
    What it answers, in a sentence.
``groups(options) -> list[Group]``
    What is to be compared, whether or not it can run here; the plan finds out.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from bench.case import CONTROL, Group
from bench.implementations import Implementation

__all__ = ["DEFAULT", "Options", "with_control"]

DEFAULT = ("throughput", "alignment")


@dataclass(frozen=True)
class Options:
    """What the user chose; an empty tuple or None leaves the choice to the study."""

    preset: str = "quick"
    implementations: tuple[tuple[Implementation, str], ...] = ()
    widths: tuple[int, ...] = ()
    depths: tuple[int, ...] = ()
    batches: tuple[int, ...] = ()
    sizes: tuple[int, ...] = ()
    devices: tuple[str, ...] = ("cpu",)
    dtypes: tuple[str, ...] = ()
    threads: int = 1
    baseline: str | None = None
    base_size: str | None = None
    seed: int = 0
    steering: dict[str, str] = field(default_factory=dict)
    epochs: int | None = None
    seeds: int | None = None
    rates: tuple[float, ...] = ()


def with_control(group: Group) -> Group:
    """Return the group with its baseline once more, as the control in a worker of its own."""
    control = replace(group.case(group.baseline), name=CONTROL, control=True)
    return replace(group, cases=(*group.cases, control))
