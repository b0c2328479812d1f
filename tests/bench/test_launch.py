"""How the workers of a launch are started, with workers that are pipes."""

import os
import select
import time
from dataclasses import replace

import numpy as np
import pytest

from bench import launch, plan
from bench.case import Group
from bench.launch import Context, Launch, Limits
from bench.plan import Planned

WORKERS = 5


class Started:
    """Workers that answer when told to; how many were starting at once."""

    def __init__(self):
        self.workers = {}
        self.starting = 0
        self.most = 0
        self.slow = None

    def spawn(self, case, cache, memory):
        worker = self.workers[case.name] = Worker(self, case.name)
        self.starting += 1
        self.most = max(self.most, self.starting)
        if self.slow is None:  # the first one answers once all others have been started
            self.slow = case.name
        elif case.name != self.slow:
            worker.answer()
        if len(self.workers) == WORKERS:
            self.workers[self.slow].answer()
        return worker


class Worker:
    def __init__(self, started, name):
        self.started, self.name = started, name
        self.read, self.write = os.pipe()

    def fileno(self):
        return self.read

    def answer(self):
        os.write(self.write, b"x")

    def receive(self, limit_s):
        assert select.select([self.read], [], [], limit_s)[0], f"{self.name} was waited for before it could answer"
        self.started.starting -= 1
        return {"import_s": 0.0}

    def stop(self):
        pass

    def end(self):
        os.close(self.read)
        os.close(self.write)


@pytest.fixture
def started(monkeypatch, tmp_path, small_group):
    found = Started()
    monkeypatch.setattr(launch, "spawn", found.spawn)
    case = small_group().cases[0]
    cases = tuple(replace(case, name=f"worker {number}", variant=str(number)) for number in range(WORKERS))
    groups = [Planned(Group("throughput", "g", cases, "worker 0"), 2)]

    def start(at_once):
        monkeypatch.setattr(plan, "starting_at_once", lambda: at_once)
        context = Context(None, Limits(start_s=2.0), tmp_path, tmp_path, time.perf_counter())
        with Launch(context, groups, np.random.default_rng(0), 0) as begun:
            begun.start()
            return found

    return start


def test_a_slow_worker_keeps_no_other_waiting(started):
    found = started(2)
    assert len(found.workers) == WORKERS
    assert (found.starting, found.most) == (0, 2)


def test_no_more_start_at_once_than_there_are_cores_for(started):
    assert started(3).most == 3
