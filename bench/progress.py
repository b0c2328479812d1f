"""How far a run is: what is going on, samples done of those planned, and the time left at the pace so far."""

from __future__ import annotations

import time
from collections.abc import Callable, Container
from dataclasses import dataclass

from bench.plan import Plan

__all__ = ["Progress", "Watch"]


@dataclass(frozen=True)
class Progress:
    """What is going on, how far it is, and about how many seconds are left (None before anything is measured)."""

    text: str
    done: int
    total: int
    left_s: float | None


class Watch:
    """Turns what happens into progress: samples done of those planned, and the time left at the pace so far."""

    def __init__(
        self,
        plan: Plan,
        complete: Container[tuple[str, int]],
        retired: Container[str],
        report: Callable[[Progress], None],
    ) -> None:
        self.plan = plan
        self.retired = retired
        self.report = report
        self.text = ""
        self.done = 0
        self.left = [
            (study, index)
            for study, launches in plan.launches.items()
            for index in range(launches)
            if (study, index) not in complete
        ]
        self.total = self._samples()
        self.began: float | None = None

    def replan(self, plan: Plan) -> None:
        """Count by another plan from now on."""
        self.plan = plan
        self.done = 0
        self.left = [(study, index) for study, launches in plan.launches.items() for index in range(launches)]
        self.total = self._samples()

    def phase(self, text: str) -> None:
        """Say what begins."""
        self.text = text
        self._tell(text)

    def launch(self, study: str, index: int, launches: int) -> None:
        """Say that a launch begins."""
        self.began = self.began or time.monotonic()
        self.total = self.done + self._samples()
        if (study, index) in self.left:
            self.left.remove((study, index))
        self.phase(f"{study}: launch {index + 1} of {launches}")

    def sampled(self, text: str, elapsed_s: float) -> None:
        """Count a sample, or with no time just say what is being done."""
        self.done += elapsed_s > 0
        self._tell(text if self.began is None else f"{self.text}, {text}")

    def _tell(self, text: str) -> None:
        left = None
        if self.began is not None and self.done:
            left = (time.monotonic() - self.began) / self.done * (self.total - self.done)
        self.report(Progress(text, self.done, self.total, left))

    def _samples(self) -> int:
        """Return how many samples the launches that are left will take of cases not retired."""
        return sum(
            planned.rounds * sum(case.id not in self.retired for case in planned.group.cases)
            for study, _ in self.left
            for planned in self.plan.of(study)
        )
