"""What is tried next: whatever was tried least and still fits."""

from pathlib import Path

import pytest

from bench import peers
from bench.peers import Decision
from bench.selfcheck import schedule
from bench.selfcheck.schedule import Job, Surroundings


def job(name, seconds=10.0, *, part="planted", once=False):
    return Job(part, name, seconds, once, lambda number, report: [])


def lines(**counts):
    return [
        {"kind": "planted", "setting": name, "number": number, "seconds": 1.0}
        for name, count in counts.items()
        for number in range(count)
    ]


def test_the_job_tried_least_comes_next():
    found = schedule.following([job("a"), job("b"), job("c")], lines(a=2, b=1, c=1), 100.0)
    assert (found[0].name, found[1]) == ("b", 1)


def test_what_does_not_fit_any_more_gives_way():
    found = schedule.following([job("a", 60.0), job("b", 20.0)], lines(b=5), 30.0)
    assert (found[0].name, found[1]) == ("b", 5)
    assert schedule.following([job("a", 60.0)], [], 30.0) is None


def test_timers_are_tried_once():
    once = job("timers", part="timers", once=True)
    assert schedule.following([once], [], 100.0) == (once, 0)
    assert schedule.following([once], [{"kind": "timers", "seconds": 30.0}], 100.0) is None


def test_a_run_of_identical_pairs_takes_what_the_last_one_took():
    aa = job("A/A", 10.0, part="aa")
    before = [{"kind": "aa", "number": 0, "seconds": 50.0}]
    assert schedule.following([aa], before, 40.0) is None
    assert schedule.following([aa], before, 60.0) == (aa, 1)


def test_the_tools_of_one_pair_are_one_try():
    of_peers = job("peers", part="peers")
    done = [{"kind": "peer", "tool": tool, "number": 3, "seconds": 20.0} for tool in ("a", "b")]
    assert schedule.following([of_peers], done, 100.0) == (of_peers, 4)


def test_torch_is_planted_in_only_where_it_is():
    around = Surroundings(0, 1, 0.02, ("numpy",), Path())
    names = [one.name for one in schedule.jobs(("planted",), around)]
    assert names
    assert all(name.startswith("numpy") for name in names)


def test_causes_are_told_apart_in_numpy_where_it_is_asked_for():
    def names(parts, frameworks):
        return [one.name for one in schedule.jobs(parts, Surroundings(0, 1, 0.02, frameworks, Path()))]

    assert names(("attribution",), ("numpy", "torch")) == ["attribution"]
    assert names(("attribution",), ("torch",)) == []
    assert "attribution" not in names(("aa", "planted", "timers"), ("numpy",))


class Tool:
    """Stands for a peer."""

    REQUIRES = ()
    RULE = "by heart"

    def __init__(self, name, fails=False):
        self.TOOL = name
        self.fails = fails

    def decide(self, pair, budget_s, folder):
        if self.fails:
            raise peers.PeerError("it broke")
        return Decision(1.0, None, None, "same", budget_s)


@pytest.fixture
def tools(monkeypatch):
    found = [Tool("one"), Tool("two"), Tool("broken", fails=True), Tool("three")]
    monkeypatch.setattr(schedule, "tools", lambda: list(found))
    return found


def test_tools_take_turns_pair_by_pair_in_an_order_drawn_anew(tools):
    around = Surroundings(0, 1, 0.02, ("numpy",), Path())
    (of_peers,) = schedule.jobs(("peers",), around)
    orders = []
    for number in range(8):
        told = list(of_peers.do(number, lambda progress: None))
        assert {line["tool"] for line in told} == {"one", "two", "three"}
        assert len({line["pair"] for line in told}) == 1
        orders.append(tuple(line["tool"] for line in told))
    assert len(set(orders)) > 1
