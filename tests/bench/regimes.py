"""Simulated machines with known truth: what disturbs samples on real ones, each disturbance alone.

A regime makes times of (experiments, cases, launches, rounds). The last axis is time; within a round the cases are
sampled one after the other, in orders that the code under test draws.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from bench import plan

Floats = NDArray[np.float64]
Shape = tuple[int, int, int, int]
ORDERS = 200  # drawn once by the code under test, then dealt out: drawing all of them would take minutes
NOISE = 0.02  # standard deviation of one sample's logarithm


@dataclass(frozen=True)
class Regime:
    """A name, and what it adds to the logarithms of (experiments, cases, launches, rounds) samples."""

    name: str
    disturb: Callable[[np.random.Generator, Shape], Floats]

    def times(self, generator: np.random.Generator, shape: Shape, effects: Sequence[float]) -> Floats:
        """Return times of that shape; case 0 is the baseline, the others take 1 + their effect of its time."""
        logs = self.disturb(generator, shape)
        logs[:, 1:] += np.log1p(effects)[:, None, None]
        return np.exp(logs, out=logs)


def noise(generator: np.random.Generator, shape: tuple[int, ...], deviation: float = NOISE) -> Floats:
    """Return normal noise."""
    return deviation * generator.standard_normal(shape)


@cache
def positions(rounds: int, cases: int) -> NDArray[np.int64]:
    """Return at which position of each round each case is sampled, (ORDERS, cases, rounds), as the code draws them."""
    drawn = [plan.order(rounds, cases, plan.launch_generator(0, "simulated", launch, 0)) for launch in range(ORDERS)]
    return np.argsort(np.array(drawn), axis=-1).transpose(0, 2, 1)


def moments(generator: np.random.Generator, shape: Shape) -> Floats:
    """Return when each sample is taken, from -0.5 at the start of a launch to 0.5 at its end."""
    experiments, cases, launches, rounds = shape
    dealt = positions(rounds, cases)[generator.integers(ORDERS, size=(experiments, launches))]
    samples = dealt.transpose(0, 2, 1, 3) + cases * np.arange(rounds)
    return samples / (cases * rounds - 1) - 0.5


def process(correlation: float) -> Regime:
    """Each process is faster or slower as a whole: so much of the variance is between processes."""

    def disturb(generator: np.random.Generator, shape: Shape) -> Floats:
        between = noise(generator, (*shape[:3], 1), NOISE * correlation**0.5)
        return between + noise(generator, shape, NOISE * (1 - correlation) ** 0.5)

    return Regime(f"process effects, correlation {correlation}", disturb)


def autoregressive(coefficient: float) -> Regime:
    """A process remembers: AR(1) over its rounds."""

    def disturb(generator: np.random.Generator, shape: Shape) -> Floats:
        logs = noise(generator, shape)
        for number in range(1, shape[-1]):
            logs[..., number] *= (1 - coefficient**2) ** 0.5
            logs[..., number] += coefficient * logs[..., number - 1]
        return logs

    return Regime(f"AR(1) {coefficient}", disturb)


def drift(share: float, deviation: float = 0.003) -> Regime:
    """The machine drifts by up to a share either way over each launch, the same for all cases of it."""

    def disturb(generator: np.random.Generator, shape: Shape) -> Floats:
        slopes = generator.uniform(-share, share, (shape[0], 1, shape[2], 1))
        return np.log1p(2 * slopes * moments(generator, shape)) + noise(generator, shape, deviation)

    return Regime(f"drift of {share:.0%}", disturb)


def slow_modes(share: float, stay: float, slower: float = 1.3) -> Regime:
    """A process switches between a fast and a slow mode, in which it spends a share of its rounds.

    It stays where it is with a probability and else draws anew. One that stays long is slow in most rounds of some
    launches and in few of the others.
    """

    def disturb(generator: np.random.Generator, shape: Shape) -> Floats:
        slow = np.empty(shape, dtype=bool)
        slow[..., 0] = generator.random(shape[:-1]) < share
        for number in range(1, shape[-1]):
            fresh = generator.random(shape[:-1]) < share
            stays = generator.random(shape[:-1]) < stay
            slow[..., number] = np.where(stays, slow[..., number - 1], fresh)
        return slow * np.log(slower) + noise(generator, shape)

    return Regime(f"slow modes, {share:.0%}, stay {stay}", disturb)


def spikes(share: float, size: float) -> Regime:
    """Some samples take several times as long."""

    def disturb(generator: np.random.Generator, shape: Shape) -> Floats:
        hit = generator.random(shape, dtype=np.float32) < share
        return hit * np.log(size) + noise(generator, shape)

    return Regime(f"spikes of {size}, {share:.0%}", disturb)


def two_modes(slower: float) -> Regime:
    """Each process is born into one of two modes, as likely fast as slow."""

    def disturb(generator: np.random.Generator, shape: Shape) -> Floats:
        slow = generator.random((*shape[:3], 1)) < 0.5
        return slow * np.log(slower) + noise(generator, shape)

    return Regime(f"two modes per process, {slower}", disturb)


IID = Regime("iid", noise)
CLOSE = (
    *(process(correlation) for correlation in (0.2, 0.5, 0.8, 0.95)),
    *(autoregressive(coefficient) for coefficient in (0.4, 0.8)),
    drift(0.05),
    slow_modes(0.2, stay=0.0),
    spikes(0.01, 5.0),
)
# Few launches of these hold the rarer mode at all; then the interval is too wide rather than too narrow.
SAFE = (slow_modes(0.2, stay=0.9), two_modes(1.1), two_modes(1.3))
