"""What a reference run should show, judged by the summaries of its parts: one function is one claim."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mlpbench.reference_parts import TESTS

__all__ = ["HOLDS", "MISSED", "NEEDS_CUDA", "OPEN", "Judged", "judge"]

Row = dict[str, Any]
Summaries = Mapping[str, Row]
Answer = tuple[bool | None, str]

HOLDS, MISSED, OPEN = "holds", "missed", "open"
NEEDS_CUDA = "needs a CUDA device"

AGAIN = {"throughput": "throughput-again", "alignment": "alignment-again"}
OPPOSITE = {"faster": "slower", "slower": "faster"}
PEAK_SHARE = 0.75
CAPTURED_STEP_S = 15e-6
CAPTURED_WHOLE = ("torch_cudagraph", "triton_fused")
EPOCHS_S = 1.0
FUSED_GAIN = 1.5
FUSED_WIDTH = 128
EFFECTS = {"cuda": 8, "cpu": 3}
JUDGED = ("reproduced", "weaker", "gone", "reversed")
TRIAD_SHARE = 0.85
BANDWIDTHS = {"H200": 4.8e12}  # B/s: NVIDIA H200 data sheet; against it only the bus width's arithmetic is checked
BANDWIDTH_WITHIN = 0.03
KERNELS_WITHIN = 0.03
LARGE = 2048  # side of the smallest product whose kernel lasts so long that launching the next one is hidden


@dataclass(frozen=True)
class Judged:
    """A claim, whether it holds, is missed or still open, and what was measured."""

    wanted: str
    state: str
    measured: str

    def to_json(self) -> dict[str, str]:
        """Return it as JSON holds it."""
        return asdict(self)


def judge(found: Summaries, device: str) -> list[Judged]:
    """Return what holds of a reference run.

    Args:
        found: The summary of each part by name, with ``facts`` of the machine and ``whole``: whether the part is.
        device: ``cpu`` or ``cuda``; what is wanted of a GPU stays open on a CPU.
    """
    claims: list[tuple[str, tuple[str, ...], Callable[[Summaries], Answer]]] = [
        (f"no verdict of {one} is reversed when it is run again", (one, again), _not_reversed(one, again))
        for one, again in AGAIN.items()
    ]
    least = EFFECTS[device]
    claims.append((f"at least {least} published effects are judged", ("reproduction",), _effects(least)))
    of_gpus: list[tuple[str, tuple[str, ...], Callable[[Summaries], Answer]]] = [
        ("the tests that need a GPU pass", (TESTS,), _tests),
        (f"a step reaches {PEAK_SHARE:.0%} of the measured bfloat16 peak (8192 wide, 3 deep, batch 8192)",
         ("wide",), _peak_share),
        (f"a captured step of 784-256-10 at batch 256 takes at most {CAPTURED_STEP_S * 1e6:.0f} µs",
         ("throughput",), _captured_step),
        (f"triton_fused has {FUSED_GAIN} times the throughput of torch_cudagraph up to width {FUSED_WIDTH}",
         ("throughput",), _fused),
        (f"ten epochs to the published accuracy take under {EPOCHS_S:g} s", ("accuracy",), _epochs),
        (f"the bus implies the data sheet's bandwidth within {BANDWIDTH_WITHIN:.0%}", ("memory",), _implied),
        (f"event time agrees with profiler kernel time within {KERNELS_WITHIN:.0%} from {LARGE}³ on",
         ("wide", "alignment"), _kernels),
        (f"triad reaches {TRIAD_SHARE:.0%} of the implied bandwidth", ("memory",), _triad),
    ]  # fmt: skip
    judged = [_judged(found, *claim) for claim in claims]
    if device == "cuda":
        return judged + [_judged(found, *claim) for claim in of_gpus]
    return judged + [Judged(wanted, OPEN, NEEDS_CUDA) for wanted, _, _ in of_gpus]


def _judged(found: Summaries, wanted: str, parts: tuple[str, ...], answer: Callable[[Summaries], Answer]) -> Judged:
    missing = [part for part in parts if part not in found or not found[part]["whole"]]
    if missing:
        return Judged(wanted, OPEN, f"not measured yet: {', '.join(missing)}")
    holds, measured = answer(found)
    return Judged(wanted, OPEN if holds is None else HOLDS if holds else MISSED, measured)


def _not_reversed(one: str, again: str) -> Callable[[Summaries], Answer]:
    def answer(found: Summaries) -> Answer:
        first, second = (_verdicts(found[part], one) for part in (one, again))
        both = first.keys() & second.keys()
        reversed_ = sorted(key for key in both if OPPOSITE.get(first[key]) == second[key])
        text = f"{len(reversed_)} of {len(both)} reversed" + "".join(f"; {'/'.join(key)}" for key in reversed_)
        return (not reversed_ if both else None), text

    return answer


def _verdicts(summary: Row, study: str) -> dict[tuple[str, str], str]:
    rows = (row for row in summary["comparisons"] if row["study"] == study and not row["control"])
    return {(row["group"], row["case"]): row["verdict"] for row in rows}


def _effects(least: int) -> Callable[[Summaries], Answer]:
    def answer(found: Summaries) -> Answer:
        verdicts = [row["verdict"] for row in found["reproduction"].get("effects_published") or []]
        judged = [verdict for verdict in verdicts if verdict in JUDGED]
        counts = ", ".join(f"{judged.count(name)} {name}" for name in JUDGED)
        return len(judged) >= least, f"{len(judged)} of {len(verdicts)}: {counts}"

    return answer


def _tests(found: Summaries) -> Answer:
    return bool(found[TESTS]["passed"]), str(found[TESTS]["told"])


def _peak_share(found: Summaries) -> Answer:
    summary = found["wide"]
    peaks = [row["flop_rate"] for row in summary.get("peaks") or [] if row["dtype"] == "bfloat16"]
    cases = _steps(summary, width=8192, depth=3, batch=8192, dtype="bfloat16")
    if not peaks or not cases:
        return None, "no peak, or no such case"
    best = max(cases, key=lambda row: float(row["flop_rate"]))
    share = best["flop_rate"] / max(peaks)
    return share >= PEAK_SHARE, f"{share:.0%} by {best['implementation']}"


def _captured_step(found: Summaries) -> Answer:
    """The fastest of those whose steps are captured whole, in whichever variant."""
    cases = _steps(found["throughput"], width=256, depth=1, batch=256, dtype="float32")
    captured = [row for row in cases if row["provider"] in CAPTURED_WHOLE]
    if not captured:
        return None, "no such case"
    fastest = min(captured, key=lambda row: float(row["time_s"]))
    return fastest["time_s"] <= CAPTURED_STEP_S, f"{fastest['time_s'] * 1e6:.1f} µs by {fastest['implementation']}"


def _fused(found: Summaries) -> Answer:
    summary = found["throughput"]
    gains: dict[str, float] = {}
    for fused in _steps(summary, dtype="float32", provider="triton_fused"):
        captured = [row for row in _steps(summary, implementation="torch_cudagraph") if row["group"] == fused["group"]]
        if captured and fused["width"] <= FUSED_WIDTH:
            gains[fused["group"]] = min(row["time_s"] for row in captured) / fused["time_s"]
    if not gains:
        return None, "no such pair"
    return min(gains.values()) >= FUSED_GAIN, ", ".join(f"{gain:.2f} ({group})" for group, gain in gains.items())


def _epochs(found: Summaries) -> Answer:
    """The fastest implementation that reproduces a published run of ten epochs, by the longest of its seeds."""
    summary = found["accuracy"]
    good = {(row["group"], row["case"]) for row in summary["reproduced"] if row["verdict"] == "reproduced"}
    totals: dict[tuple[str, str], float] = {}
    for row in summary["curves"]:
        key = (row["group"], row["case"])
        if key in good:
            totals[key] = max(totals.get(key, -math.inf), row["total_s"])
    if not totals:
        return False, "no published run is reproduced"
    (_, case), seconds = min(totals.items(), key=lambda item: item[1])
    return seconds < EPOCHS_S, f"{seconds:.2f} s by {case}"


def _implied(found: Summaries) -> Answer:
    facts = _gpu(found)
    listed = [rate for name, rate in BANDWIDTHS.items() if name in str(facts.get("name"))]
    implied = facts.get("implied_bandwidth")
    if not listed or not implied:
        return None, f"no data sheet for {facts.get('name')}" if implied else "the bus width is unknown"
    return abs(implied / listed[0] - 1) <= BANDWIDTH_WITHIN, f"{implied / 1e12:.2f} TB/s"


def _triad(found: Summaries) -> Answer:
    implied = _gpu(found).get("implied_bandwidth")
    rows = [row for row in found["memory"].get("bandwidths") or []
            if row["kernel"] == "triad" and row["device"] == "cuda"]  # fmt: skip
    if not implied or not rows:
        return None, "no triad, or the bus width is unknown"
    largest = max(rows, key=lambda row: float(row["working_set"]))
    share = largest["bandwidth"] / implied
    return share >= TRIAD_SHARE, f"{largest['bandwidth'] / 1e12:.2f} TB/s, {share:.0%}"


def _kernels(found: Summaries) -> Answer:
    """All square products that a profiler saw, in whatever dtype: the peaks of the roofline, and ``alignment``."""
    apart: dict[bool, list[tuple[float, Row]]] = {True: [], False: []}
    for row in (*found["wide"]["cases"], *found["alignment"]["cases"]):
        square = row.get("m") == row.get("k") == row.get("n") and row.get("stack") == 1
        if square and row["device"] == "cuda" and row.get("device_time_s") and row.get("kernel_s"):
            apart[row["m"] >= LARGE].append((row["device_time_s"] / row["kernel_s"] - 1, row))
    told = "; ".join(_spread(name, apart[large]) for large, name in ((True, "large"), (False, "smaller")))
    if not apart[True]:
        return None, told
    return max(abs(one) for one, _ in apart[True]) <= KERNELS_WITHIN, told


def _spread(name: str, apart: list[tuple[float, Row]]) -> str:
    """Return by how much event times of products exceed kernel times, and of which the most."""
    if not apart:
        return f"no {name} products"
    low, high = min(one for one, _ in apart), max(one for one, _ in apart)
    _, worst = max(apart, key=lambda one: abs(one[0]))
    return f"{len(apart)} {name} products {low:+.1%} to {high:+.1%}, most for {worst['m']} in {worst['dtype']}"


def _gpu(found: Summaries) -> dict[str, Any]:
    """Return what is known of the first GPU."""
    facts = found["memory"]["facts"].get("gpu") or {}
    prefix = "gpu0_"
    return {name.removeprefix(prefix): fact["value"] for name, fact in facts.items() if name.startswith(prefix)}


def _steps(summary: Row, **wanted: Any) -> list[Row]:
    """Return the measured training steps that are so; not those of the control."""
    rows: Iterable[Row] = summary["cases"]
    return [
        row
        for row in rows
        if row["study"] == "throughput" and not row["control"] and row["status"] == "measured"
        if all(row[name] == value for name, value in wanted.items())
    ]
