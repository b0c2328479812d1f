"""Which cases would take too long for a verdict: found by calibrating them in the pilot, or foreseen.

A case whose rounds would take a launch longer than its limit shows the pilot's time and gets no verdict. A workload may
call a case slow before that (``too_slow``), such as a dtype that a library multiplies in plain loops. What is slow so
is slow at any size: larger cases of the same worker, device and dtype are then not tried at all.
"""

from __future__ import annotations

from bench import workloads
from bench.case import TOO_SLOW, Case
from bench.launch import PILOT, Context, Launch

__all__ = ["Slow"]


class Slow:
    """What a pilot has found slow so far."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, ...], tuple[Case, float]] = {}  # with the seconds of a step

    def find(self, launch: Launch, case: Case, rounds: int) -> None:
        """Calibrate a case and retire it if it is slow."""
        figures = launch.calibrate(case)
        if figures is None:
            return
        step_s = figures["step_s"]
        slow = step_s * rounds > launch.context.limits.case_s or _called_slow(case, step_s, rounds)
        launch.context.folder.outcome("calibration", case=case.id, launch=PILOT, too_slow=slow, **figures)
        if slow:
            launch.context.retired[case.id] = TOO_SLOW
            self._found.setdefault(_kind(case), (case, step_s))

    def foresee(self, context: Context, case: Case, rounds: int) -> bool:
        """Retire a case, untried, that is slow at the rate of one that was found to be; return whether it is."""
        if _kind(case) not in self._found:
            return False
        other, step_s = self._found[_kind(case)]
        expected_s = step_s * workloads.work(case).amount / workloads.work(other).amount
        if not _called_slow(case, expected_s, rounds):
            return False
        reason = f"not tried: at the rate of {other.group}, {other.name}, a step would take about {expected_s:.2g} s"
        context.retire(case, "calibration", reason, launch=PILOT, too_slow=True, step_s=None)
        return True


def _kind(case: Case) -> tuple[str, ...]:
    return case.workload, case.worker, case.device, case.dtype


def _called_slow(case: Case, step_s: float, rounds: int) -> bool:
    ask = getattr(workloads.load(case.workload), "too_slow", None)
    return ask is not None and bool(ask(case, step_s, rounds))
