"""A launch that mostly waited for other work is told from one that was merely noisy."""

import numpy as np
import pytest

from bench import starved, summary
from bench.plan import Planned
from tests.bench.test_summary import measured, training_group


def slowed(factors, groups=None):
    """What is derived of a run whose launches take these multiples of the usual time."""
    records = measured(groups or [training_group(64)], launches=len(factors))
    for sample in records.samples:
        sample["elapsed_s"] *= factors[sample["launch"]]
    (row,) = summary.summarize(records)["starved"]
    return row


@pytest.mark.parametrize(
    ("factors", "number", "mostly"),
    [
        ((1, 1, 1, 1, 1), 0, False),
        ((1, 1.3, 1, 1, 1.5), 0, False),
        ((1, 1, 1, 1, 150), 1, False),
        ((1, 1, 40, 60, 150), 3, True),
        ((1, 40, 1, 60), 2, True),
    ],
)
def test_launches_that_took_a_multiple_are_starved(factors, number, mostly):
    row = slowed(factors)
    assert (row["study"], row["starved"], row["mostly"]) == ("throughput", number, mostly)
    assert row["slowness"] == pytest.approx(np.array(factors) * np.median(row["slowness"][0]), rel=0.15)


def test_every_launch_may_be_starved_by_what_single_samples_show():
    """All launches alike, no launch shows it of another; a few samples that got the machine do."""
    times = {case.id: np.full((5, 24), 0.1) for case in training_group(64).cases}
    for found in times.values():
        found[2, 7] = 0.002
    (row,) = starved.launches(measured_groups(), times)
    assert (row["starved"], row["mostly"]) == (5, True)


def test_one_case_that_is_slow_in_a_launch_starves_none():
    times = {case.id: np.full((5, 24), 0.002) for case in training_group(64).cases}
    next(iter(times.values()))[3] = 0.2
    (row,) = starved.launches(measured_groups(), times)
    assert row["starved"] == 0


def test_a_launch_without_samples_counts_for_nothing():
    times = {case.id: np.full((5, 24), 0.002) for case in training_group(64).cases}
    for found in times.values():
        found[4] = np.nan
    (row,) = starved.launches(measured_groups(), times)
    assert row["slowness"] == [1.0] * 4
    assert starved.launches(measured_groups(), {})[0]["slowness"] == []


def measured_groups():
    """One group as planned."""
    return [Planned(training_group(64), 24)]
