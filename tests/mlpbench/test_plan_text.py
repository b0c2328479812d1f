"""How a plan is told before it is carried out."""

import os

import pytest

from bench.plan import make
from bench.survey import Survey
from mlpbench import plan_text
from mlpbench.asked import Asked, groups

BUSY = "(other work keeps this machine busy; less when it is idle)"


def extent():
    """What is said of a small plan."""
    found = groups(Asked(studies=("throughput",), impl=("numpy_scratch",), width=(8,), baseline="numpy_scratch"), {})
    survey = Survey(start_s={"numpy": 1.0}, rate=1e9)
    return plan_text.extent(make(found, survey, "quick", 0), survey)


@pytest.mark.parametrize(("load", "busy"), [(0.0, False), (4.0, False), (4.5, True)])
def test_that_the_machine_is_busy_is_told_beside_the_expected_time(monkeypatch, load, busy):
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 9.0, 9.0))
    assert "expected to take about" in extent()
    assert extent().endswith(BUSY) == busy


def test_where_the_load_is_not_told_nothing_is_said_of_it(monkeypatch):
    def refuse():
        raise OSError

    monkeypatch.setattr(os, "getloadavg", refuse)
    assert BUSY not in extent()
