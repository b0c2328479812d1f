"""Carrying a plan of an answer out: a whole small run, in a temporary folder or in one that is kept."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench import runner, store
from bench.launch import Limits
from bench.plan import Plan
from bench.progress import Progress
from bench.store import Records, RunFolder

__all__ = ["Measuring"]

SLOWEST_CASE_S = 10.0  # that the samples of one case may take in a launch: advice is to come within minutes


@dataclass(frozen=True)
class Measuring:
    """Carries plans out, one after the other.

    Attributes:
        record: What the run.json of each begins with.
        keep: The folder in which each stage gets a run folder, named after it; None keeps nothing.
        on_progress: Told how far it is.
    """

    record: Mapping[str, Any]
    keep: Path | None = None
    on_progress: Callable[[Progress], None] = lambda progress: None

    def __call__(self, plan: Plan, margin: float) -> Records:
        """Measure what is to be judged by the margin.

        KeyboardInterrupt passes through and leaves no worker and no temporary file behind.
        """
        (stage,) = plan.launches
        with tempfile.TemporaryDirectory(prefix="mlpbench-") as name:
            path = self.keep / stage if self.keep else Path(name) / "run"
            folder = RunFolder.create(
                path, {**self.record, "margin": margin, "seed": plan.seed, "plan": plan.to_json()}
            )
            limits = Limits(memory_bytes=runner.memory_limit(), case_s=SLOWEST_CASE_S)
            try:
                runner.measure(plan, folder, Path(), limits, on_progress=self._told(stage))
            finally:
                folder.close()
                shutil.rmtree(folder.path / "compiler-cache", ignore_errors=True)
            return store.read(folder.path)

    def _told(self, stage: str) -> Callable[[Progress], None]:
        what = {"screen": "looking", "confirm": "confirming"}.get(stage, stage)
        return lambda told: self.on_progress(replace(told, text=told.text.replace(f"{stage}: ", f"{what}: ", 1)))
