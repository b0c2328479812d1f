"""The stand-in for CUDA complains where CUDA does, so that what runs on it can be trusted to be captured there."""

from __future__ import annotations

import json

import pytest

from tests import standing_in

pytest.importorskip("torch")

TWO_DEVICES = "Expected all tensors to be on the same device"
NOT_WHILE_CAPTURING = "operation not permitted when stream is capturing"
COMPLAINTS = {
    "operands on two devices": TWO_DEVICES,
    "an array for NumPy": "can't convert cuda:0 device type tensor to numpy",
    "an event that was not waited for": "device not ready",
    "reading a value while capturing": NOT_WHILE_CAPTURING,
    "copying to the host while capturing": NOT_WHILE_CAPTURING,
    "copying from the host while capturing": NOT_WHILE_CAPTURING,
    "placing while capturing": NOT_WHILE_CAPTURING,
    "synchronising while capturing": NOT_WHILE_CAPTURING,
    "asking an event while capturing": NOT_WHILE_CAPTURING,
    "work on another stream while capturing": "capturing blocking stream",
    "a branch that is not joined": "unjoined work",
    "a replay of what was freed": "memory was freed",
}


@pytest.fixture(scope="module")
def rules() -> dict[str, dict[str, str | None]]:
    status, output, errors = standing_in.python(str(standing_in.FOLDER / "rules.py"))
    assert status == 0, errors
    found: dict[str, dict[str, str | None]] = json.loads(output)
    return found


def test_what_cuda_allows_works(rules: dict[str, dict[str, str | None]]) -> None:
    assert len(rules["allowed"]) == 5
    assert set(rules["allowed"].values()) == {None}, rules["allowed"]


def test_what_cuda_forbids_is_refused(rules: dict[str, dict[str, str | None]]) -> None:
    assert rules["forbidden"].keys() == COMPLAINTS.keys()
    for name, complaint in COMPLAINTS.items():
        assert complaint in str(rules["forbidden"][name]), name


def test_what_is_tested_on_a_gpu_passes_on_the_stand_in() -> None:
    """All that computes with torch's own kernels; neither the stand-in nor this machine compiles for CUDA."""
    compiled = "compile or triton or fused or torch_captures"
    chosen = f"(captured or transfers or profiled) and not ({compiled} or verdicts or event_time)"
    tests = str(standing_in.FOLDER.parent / "cuda")
    status, output, _ = standing_in.python("-m", "pytest", "-q", "-p", "no:cacheprovider", tests, "-k", chosen)
    assert status == 0, output
    assert "skipped" not in output
