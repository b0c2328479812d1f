"""Fields of records: one of another type, or missing, is told by its place, what was expected and a remedy."""

import re

import pytest

from bench import fields
from bench.errors import BadInput

SAMPLE = {"case": "a/b/c", "launch": 0, "attempt": 0, "round": 0, "position": 0, "steps": 3, "elapsed_s": 0.5}
CONDITIONS = {"kind": "conditions", "case": "a/b/c", "conditions": {}, "reasons": {}}
ASKED = {"device": "cuda", "threads": "two", "onednn": False, "kernels": ["gemm"], "kernel_s": 1e-3, "copy_s": None}
START = {"kind": "start", "case": "a/b/c", "launch": 0, "attempt": 0, "pilot": True, "overhead_s": 1e-6}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"device_s": 0.4, "at_s": 2, "telemetry": {"steal_s": None, "sm_clock_hz": 1.9e9}},
        {"told": {"stages": {"idle_s": 0.1}, "train_loss": 0.3, "predicted": [1, 2]}, "of_a_later_version": [1]},
    ],
)
def test_a_sample_may_lack_what_only_newer_ones_have(more):
    assert fields.require_sample(SAMPLE | more, "here:1") is None
    with pytest.raises(BadInput, match="steps missing"):
        fields.require_sample({name: value for name, value in (SAMPLE | more).items() if name != "steps"}, "here:1")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"steps": None}, "here:1: steps is null, expected a whole number"),
        ({"elapsed_s": True}, "here:1: elapsed_s is true or false, expected a number"),
        ({"device_s": "0.4"}, "here:1: device_s is text, expected a number or null"),
        ({"telemetry": [1]}, "here:1: telemetry is a list, expected an object or null"),
        ({"telemetry": {"steal_s": "0"}}, "here:1 (telemetry): steal_s is text, expected a number or null"),
        ({"told": 3}, "here:1: told is a whole number, expected an object or null"),
        ({"told": {"test_accuracy": {}}}, "here:1 (told): test_accuracy is an object, expected a number or null"),
        ({"told": {"stages": {"idle_s": []}}}, "here:1 (stages): idle_s is a list, expected a number or null"),
    ],
)
def test_a_damaged_sample_is_told_by_place_field_and_remedy(more, said):
    with pytest.raises(BadInput, match=rf"^{re.escape(said)}; restore the file from a copy$"):
        fields.require_sample(SAMPLE | more, "here:1")


@pytest.mark.parametrize("outcome", [CONDITIONS | {"conditions": ASKED}, START, {"kind": "of a later version", "x": 1}])
def test_outcomes_of_other_versions_are_read(outcome):
    assert fields.require_outcome(outcome, "here:1") is None
    with pytest.raises(BadInput, match="kind is a whole number, expected text"):
        fields.require_outcome(outcome | {"kind": 1}, "here:1")


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (CONDITIONS | {"conditions": []}, "conditions is a list, expected an object"),
        (CONDITIONS | {"conditions": {"kernels": "gemm"}}, "kernels is text, expected a list or null"),
        (CONDITIONS | {"conditions": {"kernels": [1]}}, "kernel 0 is a whole number, expected text"),
        (CONDITIONS | {"conditions": {"kernel_s": "1"}}, "kernel_s is text, expected a number or null"),
        (CONDITIONS | {"conditions": {"xla": {}}}, "xla is an object, expected a plain value"),
        (CONDITIONS | {"reasons": {"xla": None}}, "xla is null, expected text"),
        (START | {"first_step_s": None}, "first_step_s is null, expected a number"),
        (
            {"kind": "equality", "case": "a", "equal": True, "note": None},
            "deviation missing, expected a number or null",
        ),
        ({"kind": "launch", "study": "a", "launch": 0, "attempt": 0}, "complete missing, expected true or false"),
        ({"case": "a"}, "kind missing, expected text"),
    ],
)
def test_a_damaged_outcome_is_told_by_place_field_and_remedy(outcome, said):
    with pytest.raises(BadInput, match=rf"^here:1.*: {re.escape(said)}; restore"):
        fields.require_outcome(outcome, "here:1")


def test_facts_are_groups_of_facts():
    fields.require_facts({"cpu": {"brand": {"value": "x"}}}, "run.json")
    with pytest.raises(BadInput, match=r"^run\.json, cpu: brand is text, expected an object"):
        fields.require_facts({"cpu": {"brand": "x"}}, "run.json")
