"""Steps captured into one graph: what a device takes for them, without what launching each of them costs its user.

A product whose parameter ``clock`` is ``"device"`` takes its steps so; without it, steps are called one by one, as a
user calls them. A call of such a case's step replays a graph of N of them, one after the other. In the records a step
is what it is elsewhere, one product: ``steps`` of a sample is replays times N. Both clocks time the
replays. Several are handed in back to back before the synchronisation, so that the device finds the next one waiting.

Successive steps take turns over sets of operands, or a short one would find its own in the cache, which in a program
that does other things in between it would not. The sets are so many that their bytes exceed twice the L2: once would do
if it kept what was used last, but no GPU says what it replaces, and some have two halves that may both hold a line
(NVIDIA A100 Tensor Core GPU Architecture, 2020, on the L2 cache).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from bench import libraries
from bench.case import Case
from bench.workloads import Prepared

__all__ = ["DEVICE", "IN_FLIGHT", "Rotation", "asked", "captured", "parameters", "rotation", "unsupported"]

DEVICE = "device"
CAPTURING = ("torch",)  # files of bench/libraries that have ``captured``; only workers can look
IN_FLIGHT = 3  # replays of a sample at the least
CACHES = 2
LARGEST_CACHE = 128 << 20  # bytes, where the library does not tell: more than the L2 of any of NVIDIA's up to Blackwell
MOST_COPIES = 1024  # nodes of a graph, or several times that where a step is several kernels
MEGA = 10**6


@dataclass(frozen=True)
class Rotation:
    """How many sets of operands take turns, their bytes, and those of the device's last cache, None if unknown."""

    copies: int
    bytes: int
    cache: int | None

    @property
    def described(self) -> str:
        """What is captured, and whether its operands exceed the cache twice, in a few words."""
        cache = f"{self.cache / MEGA:.4g} MB" if self.cache else f"unknown, taken as {LARGEST_CACHE / MEGA:.4g} MB"
        beyond = self.bytes > CACHES * (self.cache or LARGEST_CACHE)
        within = "" if beyond else f", less than {CACHES} times the L2"
        steps = "1 step" if self.copies == 1 else f"{self.copies} steps"
        return f"graph of {steps} over {self.bytes / MEGA:.4g} MB of operands{within} (L2 {cache})"


def parameters(library: str, device: str) -> dict[str, str]:
    """Return what a study adds to a product's parameters where kernels, and not their launching, are what it is about.

    Called one by one, products that take a large GPU less time than a launch would be told by their launches: bfloat16
    ones of 1024 should, by its arithmetic. A library that captures nothing is called one by one all the same.
    """
    return {"clock": DEVICE} if device == "cuda" and library in CAPTURING else {}


def asked(case: Case) -> bool:
    """Return whether a case's steps are to be captured. Raises ValueError where its ``clock`` is none there is."""
    clock = case.parameters.get("clock")
    if clock not in (None, DEVICE):
        raise ValueError(f"clock {clock!r}: expected {DEVICE!r}, or none for the user's")
    return clock == DEVICE


def unsupported(case: Case) -> str | None:
    """Return the reason why a case that asks for it cannot be captured here, or None."""
    if not asked(case):
        return None
    if case.device == "cpu":
        return "on a CPU there is no device to time apart: it has the user's clock alone"
    if case.framework not in libraries.names() or not hasattr(libraries.load(case.framework), "captured"):
        return f"{case.framework} captures no steps into a graph here, so that the device's own time is unknown"
    return None


def rotation(set_bytes: int, cache: int | None) -> Rotation:
    """Return as many sets of operands as exceed the last cache twice, or as a graph may hold.

    Args:
        set_bytes: What one step reads and writes and no other does.
        cache: Bytes of the device's last cache; None where that is unknown.
    """
    needed = CACHES * (cache or LARGEST_CACHE) // set_bytes + 1
    copies = min(MOST_COPIES, needed)
    return Rotation(copies, copies * set_bytes, cache)


def captured(prepared: Prepared, library: Any, device: str, turns: Rotation) -> Prepared:
    """Return a step of as many copies as sets take turns; that of ``prepared`` takes the next set at each call."""
    replay = library.captured(prepared.step, device, turns.copies)
    return replace(prepared, step=replay, graph=turns.described, copies=turns.copies, least_calls=IN_FLIGHT)
