"""Deliberately broken timers, run for real: each must be caught, and the honest one beside it must not be.

Each does what the harness does but for one thing: it does not wait for the device, it does not warm up, or it samples
all of A before all of B. Everything is one thread and NumPy, and everything is judged by what judges a run.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats as scipy_stats

import bench
from bench import audit, environments, plan, stats, steady, timing, workloads
from bench.process import spawn
from bench.selfcheck import cold
from bench.workloads import Prepared

__all__ = ["timers"]

Row = dict[str, Any]
Sample = dict[str, Any]
Floats = NDArray[np.float64]

DEVICE_SIZE = 512  # 2.5 ms on one thread, a hundred times what handing it to another thread costs
TIMES_THE_WORK = 8
TOLERANCE = 1.25  # 8 times the work takes 6.4 to 10 times as long
SCALING_ROUNDS = 20

LAUNCHES = 12
FIRST_STEPS = 20
MARGIN = 0.1  # a first step that is off by less is under 1 % of a sample of many
LIMIT_S = 60.0
COLD = "import sys; sys.path.insert(0, sys.argv[1]); from bench.selfcheck import cold; cold.main()"

PAIRS = 40
PAIR_ROUNDS = 26  # of two samples of 5 ms: 0.3 s a pair


def timers(progress: Callable[[str], None] = lambda text: None) -> list[Row]:
    """Run each broken timer beside the honest one, about half a minute in all.

    Returns a row per timer: ``timer``, ``caught`` (its check finds it and passes the honest one), ``by`` (that check)
    and ``detail`` with the figures.
    """
    rows = []
    with import_module("threadpoolctl").threadpool_limits(1):
        for text, measure in (
            ("does not synchronise", no_synchronisation),
            ("does not warm up", no_warm_up),
            ("samples all of A, then all of B", a_then_b),
        ):
            progress(f"a timer that {text}")
            rows.append(measure())
    return rows


class Device:
    """An asynchronous device made of a thread: a step hands its work in and returns, ``synchronize`` waits for it."""

    def __init__(self, work: Callable[[], object], thread: ThreadPoolExecutor) -> None:
        self._work = work
        self._thread = thread
        self._last: Future[object] | None = None

    def step(self) -> None:
        """Hand a step in."""
        self._last = self._thread.submit(self._work)

    def synchronize(self) -> None:
        """Return when the last step handed in is done, and so, on one thread, all of them."""
        if self._last is not None:
            self._last.result()


@dataclass(frozen=True)
class Scaling:
    """How many times as long ``TIMES_THE_WORK`` took, and the seconds of a step without it."""

    ratio: float
    step_s: float

    @property
    def credible(self) -> bool:
        """Whether the time grew as the work did."""
        return abs(math.log(self.ratio / TIMES_THE_WORK)) < math.log(TOLERANCE)


def no_synchronisation() -> Row:
    """Time an asynchronous device with and without waiting for it."""
    case = cold.product(DEVICE_SIZE)
    prepared, flops = cold.prepare(case), workloads.work(case).flops
    with ThreadPoolExecutor(1) as thread:
        light = Device(prepared.step, thread)
        heavy = Device(lambda: [prepared.step() for _ in range(TIMES_THE_WORK)], thread)
        timing.warm_up(light.step, light.synchronize)
        honest, broken = (scaling(light, heavy, synchronized=value) for value in (True, False))
    return {
        "timer": "no synchronisation",
        "caught": honest.credible and not broken.credible,
        "by": "work scaling",
        "detail": f"{TIMES_THE_WORK} times the work took {broken.ratio:.2f} times as long "
        f"({honest.ratio:.2f} when synchronised), at {flops / broken.step_s:.2g} FLOP/s without it "
        f"({flops / honest.step_s:.2g} when synchronised)",
    }


def scaling(light: Device, heavy: Device, *, synchronized: bool, clock: timing.Clock = time.perf_counter) -> Scaling:
    """Time steps of one and of ``TIMES_THE_WORK`` units of work in turns: the truth is known without a second timer.

    One that does not wait sees steps being handed in, which takes as long whatever they do. Samples of both hold the
    same work, so that other load falls on both alike.
    """
    sides = ((light, TIMES_THE_WORK), (heavy, 1))
    times = np.empty((2, 1, SCALING_ROUNDS))
    for number, row in enumerate(plan.order(SCALING_ROUNDS, 2, np.random.default_rng(0))):
        for index in row:
            device, steps = sides[index]
            wait = device.synchronize if synchronized else lambda: None
            times[index, 0, number] = timing.sample(device.step, wait, steps, clock).elapsed_s / steps
            device.synchronize()  # so that nothing is left to fall on the next sample
    log_ratio = stats.launch_medians(stats.log_ratios(times[1], times[0]))[0]
    return Scaling(float(np.exp(log_ratio)), float(np.median(times[0])))


def no_warm_up() -> Row:
    """Time the first steps of fresh processes, one by one, and the first samples of the harness's own workers."""
    with tempfile.TemporaryDirectory(prefix="mlpbench-") as folder:
        variables = environments.variables(1, Path(folder), {})
        launches = [(_cold_steps(variables), _worker_steps(Path(folder))) for _ in range(LAUNCHES)]
    broken, honest = (warmth(np.array(times)) for times in zip(*launches, strict=True))
    return {
        "timer": "no warm-up",
        "caught": broken.first == "slower" and honest.first != "slower",
        "by": "first step against the others of its launch",
        "detail": f"over {LAUNCHES} launches the first of {FIRST_STEPS} steps took {broken.ratio:.2f} times as long as "
        f"the others ({honest.ratio:.2f} for the first sample of workers that warmed up); changepoint test: "
        f"{broken.state} ({honest.state})",
    }


@dataclass(frozen=True)
class Warmth:
    """The verdict on a launch's first step, its ratio to the others, and what the changepoint test says of them all."""

    first: str
    ratio: float
    state: str


def warmth(times: Floats) -> Warmth:
    """Judge times per step from the first on, (launches, rounds): is the first slower than the median of the others?

    The changepoint test is told beside it but does not decide: the weak trend that follows a first step hides that one
    from it (twice as long in each of 12 launches, it was seen in half of the tries). It is made for log ratios; these
    are ratios to a baseline that is always the same, as a constant does not enter.
    """
    comparison = stats.compare(times[:, :1], np.median(times[:, 1:], axis=1, keepdims=True))
    state = steady.state(np.log(times), MARGIN)
    if comparison is None or state is None:
        raise ValueError(f"{times.shape} times: expected at least 2 launches of {steady.LEAST_ROUNDS} rounds")
    return Warmth(stats.verdict(comparison, comparison.p, MARGIN, stats.CONTROL_ALPHA), comparison.ratio, state.outcome)


def _cold_steps(variables: dict[str, str]) -> list[float]:
    root = str(Path(bench.__path__[0]).parent)
    command = [sys.executable, "-P", "-c", COLD, root, str(FIRST_STEPS)]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=LIMIT_S, check=True)
    times: list[float] = json.loads(done.stdout)
    return times


def _worker_steps(cache: Path) -> list[float]:
    case = cold.product()
    worker = spawn(case, cache)
    try:
        worker.receive(LIMIT_S)
        worker.request({"do": "prepare", "case": case.to_json(), "data_dir": str(cache)}, LIMIT_S)
        steps = worker.request({"do": "calibrate", "case_id": case.id}, LIMIT_S)["steps"]
        message = {"do": "sample", "case_id": case.id, "steps": steps}
        return [worker.request(message, LIMIT_S)["elapsed_s"] / steps for _ in range(FIRST_STEPS)]
    finally:
        worker.end()


def a_then_b() -> Row:
    """Compare a product with itself, in one process and by a t-test: all of A before all of B, and in turns."""
    prepared = cold.prepare(cold.product())
    timing.warm_up(prepared.step, prepared.synchronize)
    generator = np.random.default_rng(0)
    apart: list[Sample] = []
    turns: list[Sample] = []
    for number in range(PAIRS):
        apart += pair(prepared, one_after_the_other(), number)
        turns += pair(prepared, in_turns(generator), number)
    found, control = audit.interleaved(apart), audit.interleaved(turns)
    false, in_turn = false_verdicts(apart), false_verdicts(turns)
    more = scipy_stats.binomtest(false, PAIRS, stats.ALPHA, alternative="greater").pvalue < stats.ALPHA
    return {
        "timer": "A, then B",
        "caught": found is not None and control is None,
        "by": "audit of the order" + (", false verdicts above the nominal share" if more else ""),
        "detail": f"{found or 'nothing found'}; a t-test over pooled samples called {false} of {PAIRS} identical pairs "
        f"different ({in_turn} when they took turns; nominal {100 * stats.ALPHA:g} %); the audit of those in turns: "
        f"{control or 'nothing found'}",
    }


Turn = tuple[int, int]  # round and position


def one_after_the_other() -> list[tuple[str, Turn]]:
    """Return the order of a timer that is done with A before it begins with B."""
    return [(name, (number, position)) for (position, name), number in product(enumerate("AB"), range(PAIR_ROUNDS))]


def in_turns(generator: np.random.Generator) -> list[tuple[str, Turn]]:
    """Return the order of a launch."""
    rows = plan.order(PAIR_ROUNDS, 2, generator)
    return [("AB"[index], (number, position)) for number, row in enumerate(rows) for position, index in enumerate(row)]


def pair(
    prepared: Prepared,
    order: Iterable[tuple[str, Turn]],
    launch: int,
    clock: timing.Clock = time.perf_counter,
) -> list[Sample]:
    """Sample one product under two names in that order; return lines as of samples.jsonl."""
    steps = timing.calibrate(prepared.step, prepared.synchronize, clock, prepared.wake).steps
    samples = []
    for name, (number, position) in order:
        taken = timing.sample(prepared.step, prepared.synchronize, steps, clock, prepared.wake)
        samples.append(
            {"case": f"selfcheck/timers/{name}", "launch": launch, "attempt": 0, "round": number, "position": position,
             "steps": steps, "elapsed_s": taken.elapsed_s, "at_s": clock()}
        )  # fmt: skip
    return samples


def false_verdicts(samples: Iterable[Sample]) -> int:
    """Return of how many launches a t-test over the pooled samples of A and of B calls the two different.

    Nothing in these pairs differs but when they were sampled.
    """
    times: dict[int, dict[str, list[float]]] = {}
    for sample in samples:
        sides = times.setdefault(sample["launch"], {})
        sides.setdefault(sample["case"], []).append(sample["elapsed_s"])
    return sum(bool(scipy_stats.ttest_ind(*sides.values()).pvalue < stats.ALPHA) for sides in times.values())
