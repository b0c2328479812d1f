"""The table of stages is means over complete launches of what watched passes told."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats as scipy_stats

from bench import stages
from bench.case import Case, Group
from bench.plan import Plan, Planned
from bench.store import Records
from bench.studies import with_control

PARAMETERS = {"batch": 256, "pipeline": "dataloader", "pipeline_variant": ""}
NAMES = ("dataloader", "dataloader:workers2")
TOLD = {"stages": {"decode": 0.3, "collate": 0.01, "transfer": 0.0, "step": 0.1, "rest": 0.02}, "images": 1000}


def plan():
    cases = tuple(Case("pipeline", "g", name, "fed_epoch", "torch_concise", "torch", PARAMETERS) for name in NAMES)
    return Plan(0, {"pipeline": 3}, [Planned(with_control(Group("pipeline", "g", cases, "dataloader")), 2)], [])


def records(told, complete=(0, 1, 2), case="dataloader"):
    """Records of launches that were told these; each is repeated once incompletely, as an earlier attempt."""
    samples = [
        {"case": f"pipeline/g/{case}", "launch": launch, "attempt": 1, "round": 0} | ({"told": one} if one else {})
        for launch, one in enumerate(told)
    ]
    outcomes = [
        {"kind": "launch", "study": "pipeline", "launch": launch, "attempt": 1, "complete": launch in complete}
        for launch in range(len(told))
    ]
    return Records({}, samples, outcomes, [])


def derived(*arguments, **keywords):
    return stages.derive(plan(), records(*arguments, **keywords))["stages"]


def scaled(factor):
    return {"stages": {stage: factor * value for stage, value in TOLD["stages"].items()}, "images": 1000}


def test_seconds_are_told_per_image_in_the_order_of_the_stages():
    rows = derived([TOLD])
    assert [row["stage"] for row in rows] == ["decode", "collate", "transfer", "step", "rest"]
    assert [row["seconds_per_image"] for row in rows] == [3e-4, 1e-5, 0.0, 1e-4, 2e-5]
    assert rows[0] | {"case": "dataloader", "group": "g", "batch": 256, "device": "cpu"} == rows[0]


def test_launches_come_to_a_mean_with_a_t_interval():
    row = derived([scaled(1.0), scaled(1.1), scaled(1.5)])[0]
    values = np.array([3e-4, 3.3e-4, 4.5e-4])
    half = scipy_stats.t.ppf(0.975, 2) * values.std(ddof=1) / np.sqrt(3)
    assert row["seconds_per_image"] == pytest.approx(values.mean())
    assert row["low"] == pytest.approx(max(0.0, values.mean() - half))
    assert row["high"] == pytest.approx(values.mean() + half)
    assert row["launches"] == 3


def test_a_single_launch_has_no_interval():
    row = derived([TOLD])[0]
    assert (row["low"], row["high"], row["launches"]) == (None, None, 1)


def test_no_interval_reaches_below_zero():
    assert [row["low"] for row in derived([scaled(0.01), scaled(5.0)])] == [0.0] * 5


def test_launches_that_were_cut_off_do_not_count():
    assert derived([scaled(1.0), scaled(9.0)], complete=(0,))[0]["seconds_per_image"] == 3e-4


def test_an_earlier_attempt_does_not_count():
    found = records([TOLD])
    found.samples.append(found.samples[0] | {"attempt": 0, "told": scaled(9.0)})
    assert stages.derive(plan(), found)["stages"][0]["seconds_per_image"] == 3e-4


def test_workers_have_their_start_over_a_whole_epoch():
    [row] = derived([{"start_s": 0.12}], case="dataloader:workers2")
    assert (row["stage"], row["case"]) == ("start", "dataloader:workers2")
    assert row["seconds_per_image"] == pytest.approx(0.12 / 60_000)


def test_the_control_has_no_rows():
    assert derived([TOLD], case="control") == []


def test_samples_that_tell_nothing_are_no_rows():
    assert derived([None]) == []
