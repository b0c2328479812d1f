"""Whole small runs with real workers: a fault costs its own row, an interrupt nothing."""

import json
from collections import Counter

import psutil
import pytest

from bench import summary


def status(records):
    return {(row["group"], row["case"]): row["status"] for row in summary.summarize(records)["cases"]}


def counts(records):
    return Counter(sample["case"].rpartition("/")[2] for sample in records.samples)


def workers():
    return [child for child in psutil.Process().children(recursive=True) if "bench.worker" in " ".join(child.cmdline())]


def test_every_case_is_sampled_once_a_round(run_of, small_group):
    records = run_of(small_group(), small_group(width=12), launches=3, rounds=4)
    keys = Counter((sample["case"], sample["launch"], sample["round"]) for sample in records.samples)
    assert len(keys) == 2 * 2 * 3 * 4
    assert set(keys.values()) == {1}
    assert set(status(records).values()) == {"measured"}
    assert not workers()


def test_positions_follow_the_order_drawn(run_of, small_group):
    """In each round the samples are taken one after the other, in the order of their positions."""
    records = run_of(small_group(), launches=2, rounds=6)
    for launch in range(2):
        taken = [sample for sample in records.samples if sample["launch"] == launch]
        assert taken == sorted(taken, key=lambda sample: (sample["round"], sample["position"]))
        assert sorted(sample["at_s"] for sample in taken) == [sample["at_s"] for sample in taken]


def test_start_up_is_recorded_cold_and_in_each_launch(run_of, small_group):
    records = run_of(small_group(), launches=2)
    starts = [outcome for outcome in records.outcomes if outcome["kind"] == "start"]
    assert Counter((start["case"].rpartition("/")[2], start["pilot"]) for start in starts) == {
        ("numpy_scratch", True): 1, ("numpy_scratch", False): 2, ("control", False): 2,
    }  # fmt: skip
    assert all(start["import_s"] > 0 and start["first_step_s"] > 0 and start["overhead_s"] > 0 for start in starts)


@pytest.mark.parametrize("fault", ["crashes", "hangs", "eats_memory", "raises"])
def test_a_fault_costs_its_own_row_only(run_of, small_group, fault):
    records = run_of(small_group(fault), small_group(width=12))
    found = status(records)
    assert found.pop(("16-8-10", fault)) == "failed"
    assert set(found.values()) == {"measured"}
    assert counts(records)["numpy_scratch"] >= 8
    assert not workers()


def test_a_gpu_lost_to_one_case_is_not_lost_to_others_of_its_worker(run_of, small_group):
    """CUDA's errors stay with a process, so that they get a fresh one."""
    found = status(run_of(small_group("loses_gpu"), small_group("loses_gpu", width=12)))
    assert found.pop(("16-8-10", "loses_gpu")) == "failed"
    assert set(found.values()) == {"measured"}


def test_printing_costs_nothing(run_of, small_group):
    records = run_of(small_group("prints"))
    assert set(status(records).values()) == {"measured"}
    assert counts(records)["prints"] == 8


@pytest.mark.parametrize("broken", ["wrong_bias_gradient", "update_skipped", "sum_for_mean", "weights_ignored"])
def test_what_is_not_equal_is_not_timed(run_of, small_group, broken):
    records = run_of(small_group(broken))
    assert status(records)["16-8-10", broken] == "not equal"
    assert counts(records).keys() == {"numpy_scratch", "control"}
    assert broken not in {
        outcome["case"].rpartition("/")[2] for outcome in records.outcomes if outcome["kind"] == "start"
    }


class Interruption:
    """Stands for Ctrl-C at the nth sample."""

    def __init__(self, at):
        self.at = at

    def __call__(self, progress):
        if progress.done >= self.at:
            raise KeyboardInterrupt


@pytest.mark.parametrize("at", [0, 1, 5, 9])
def test_an_interrupted_run_keeps_its_samples_and_resumes_to_the_same_plan(run_of, small_group, at):
    group = small_group()
    with pytest.raises(KeyboardInterrupt):
        run_of(group, launches=2, rounds=4, on_progress=Interruption(at))
    assert not workers()
    records = run_of(group, launches=2, rounds=4, resume=True)
    assert counts(records).total() >= 16
    keys = Counter((sample["case"], sample["launch"], sample["attempt"], sample["round"]) for sample in records.samples)
    assert set(keys.values()) == {1}
    derived = summary.summarize(records)
    assert {row["launches"] for row in derived["comparisons"]} == {2}
    assert derived["notes"] == []


def test_resuming_a_whole_run_adds_nothing(run_of, small_group):
    group = small_group()
    before = run_of(group)
    after = run_of(group, resume=True)
    assert after.samples == before.samples
    assert json.dumps(after.outcomes) == json.dumps(before.outcomes)


def test_what_failed_stays_retired_when_resumed(run_of, small_group):
    group = small_group("raises")
    with pytest.raises(KeyboardInterrupt):
        run_of(group, on_progress=Interruption(9))
    records = run_of(group, resume=True)
    failures = [outcome for outcome in records.outcomes if outcome["kind"] == "failure"]
    assert len(failures) == 1


def test_too_slow_a_case_shows_its_time_and_gets_no_verdict(run_of, small_group):
    records = run_of(small_group("sleeps"), rounds=20)
    row = next(row for row in summary.summarize(records)["cases"] if row["case"] == "sleeps")
    assert row["status"] == "too slow"
    assert row["time_s"] > 0.1
    assert counts(records)["sleeps"] == 0


def test_progress_counts_what_will_really_be_sampled(run_of, small_group):
    """Retired cases are no work that is left."""
    seen = []
    run_of(small_group("update_skipped"), launches=2, rounds=4, on_progress=seen.append)
    assert seen[0].total == 2 * 3 * 4
    assert (seen[-1].done, seen[-1].total) == (2 * 2 * 4, 2 * 2 * 4)
    assert seen[-1].left_s == 0


def test_the_summary_tells_the_steps_that_were_sampled(run_of, small_group):
    records = run_of(small_group())
    taken = {sample["steps"] for sample in records.samples if sample["case"].endswith("numpy_scratch")}
    row = next(row for row in summary.summarize(records)["cases"] if row["case"] == "numpy_scratch")
    assert min(taken) <= row["steps"] <= max(taken)
