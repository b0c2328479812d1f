"""A change that all launches have in common at the same round is found; noise of any kind is not."""

import numpy as np
import pytest

from bench import steady

MARGIN = 0.02
LAUNCHES, ROUNDS = 8, 24
NULL = 1000
PLANTED = 60


def iid(generator, n):
    return 0.02 * generator.standard_normal((n, LAUNCHES, ROUNDS))


def correlated(generator, n):
    """AR(1) of 0.8, begun in its stationary state."""
    fresh = generator.standard_normal((n, LAUNCHES, ROUNDS))
    for place in range(1, ROUNDS):
        fresh[..., place] = 0.8 * fresh[..., place - 1] + 0.6 * fresh[..., place]
    return 0.02 * fresh


def drifting_together(generator, n):
    """Both sides drift by 10 % over the launch, in log; their ratio does not."""
    drift = np.linspace(-0.05, 0.05, ROUNDS)
    return (drift + iid(generator, n)) - (drift + iid(generator, n))


def spiky(generator, n):
    return iid(generator, n) + np.log(5) * (generator.random((n, LAUNCHES, ROUNDS)) < 0.01)


def outcomes(logs):
    return [steady.state(one, MARGIN).outcome for one in logs]


@pytest.mark.parametrize("noise", [iid, correlated, drifting_together, spiky])
def test_noise_is_steady(noise):
    """At most about one comparison in 200 is flagged."""
    found = outcomes(noise(np.random.default_rng(1), NULL))
    assert sum(outcome != steady.STEADY for outcome in found) <= 0.006 * NULL


def test_a_warm_up_is_found_and_left_behind():
    """5 % at first, decaying over five rounds: steady from one of the first rounds on."""
    warm_up = 0.05 * np.maximum(0, 1 - np.arange(ROUNDS) / 5)
    found = [steady.state(one, MARGIN) for one in iid(np.random.default_rng(2), PLANTED) + warm_up]
    assert sum(1 <= (state.first or 0) <= 6 for state in found) >= 0.98 * PLANTED
    assert found[0].outcome == f"from round {found[0].first}"


def test_spikes_do_not_hide_a_warm_up():
    """One sample in 20 takes five times as long."""
    generator = np.random.default_rng(8)
    spikes = np.log(5) * (generator.random((PLANTED, LAUNCHES, ROUNDS)) < 0.05)
    found = outcomes(iid(generator, PLANTED) + 0.05 * (np.arange(ROUNDS) < 5) + spikes)
    assert sum(outcome.startswith("from round") for outcome in found) >= 0.95 * PLANTED


def test_a_steady_climb_is_never_steady():
    """10 % over the launch."""
    climb = np.linspace(0, 0.1, ROUNDS)
    found = outcomes(iid(np.random.default_rng(3), PLANTED) + climb)
    assert sum(outcome == steady.NEVER for outcome in found) >= 0.95 * PLANTED
    assert steady.STEADY not in found


def test_a_change_in_the_second_half_is_never_steady():
    late = 0.05 * (np.arange(ROUNDS) >= 16)
    assert outcomes(iid(np.random.default_rng(4), 1) + late) == [steady.NEVER]


def test_a_change_far_below_the_margin_does_not_matter():
    """A step of a fifth of the margin, plain to see in data without much noise."""
    step = 0.004 * (np.arange(ROUNDS) >= 14)
    quiet = 0.0005 * np.random.default_rng(5).standard_normal((LAUNCHES, ROUNDS))
    assert steady.state(quiet + step, MARGIN).outcome == steady.STEADY
    assert steady.state(quiet + step, MARGIN / 5).outcome == steady.NEVER


def test_a_change_in_one_launch_is_not_common_to_all():
    logs = iid(np.random.default_rng(6), 1)[0]
    logs[0, 12:] += 0.5
    assert steady.state(logs, MARGIN).outcome == steady.STEADY


def test_missing_rounds_and_launches_do_not_hide_a_change():
    logs = iid(np.random.default_rng(7), 1)[0] + 0.05 * (np.arange(ROUNDS) < 4)
    logs[0, 10:] = np.nan  # under half is left
    logs[1, 20:] = np.nan
    assert steady.state(logs, MARGIN).first in (3, 4, 5)


def test_with_few_rounds_nothing_is_said():
    assert steady.state(np.zeros((8, 11)), MARGIN) is None
    assert steady.state(np.full((8, 24), np.nan), MARGIN) is None


def test_rounds_all_alike_are_steady():
    assert steady.state(np.zeros((8, 24)), MARGIN).outcome == steady.STEADY
