"""Processes of a loader are its worker's children: they stop, go on and end with it."""

from __future__ import annotations

import os
import signal

import psutil
import pytest

from bench.process import cpu_seconds, spawn
from tests.bench.pipelines.fed import case
from tests.waiting import running, until


@pytest.fixture
def feeding(data, tmp_path):
    """A case fed by a loader, its worker, and the processes of the loader."""
    fed = case("dataloader", "workers2")
    process = spawn(fed, tmp_path)
    try:
        process.receive(60)
        process.request({"do": "prepare", "case": fed.to_json(), "data_dir": str(data)}, 60)
        yield fed, process, psutil.Process(process.pid).children()
    finally:
        process.end()


def test_processes_of_a_loader_stop_and_end_with_their_worker(feeding):
    """They are the worker's children: stopped they use no CPU, continued they feed on, and they die with it."""
    fed, process, children = feeding
    assert len(children) == 2
    process.stop()
    assert until(lambda: all(child.status() == psutil.STATUS_STOPPED for child in children))
    used = [cpu_seconds(child.pid) for child in children]
    process.request({"do": "sample", "case_id": fed.id, "steps": 1}, 60)
    assert all(cpu_seconds(child.pid) > before for child, before in zip(children, used, strict=True))
    process.stop()
    process.end()
    assert until(lambda: not any(map(running, children)))


def test_processes_of_a_loader_die_with_a_worker_that_is_killed_while_stopped(feeding):
    _, process, children = feeding
    process.stop()
    os.kill(process.pid, signal.SIGKILL)
    assert children
    assert until(lambda: not any(map(running, children)))
