"""What tiles and waves predict stands beside what was measured, and only where there is something to go by."""

import numpy as np
import pytest

from bench import predictions, summary
from bench.case import Case, Group
from bench.plan import Plan, Planned
from bench.store import Records

HOPPER = {"torch": {"gpu0_multiprocessors": {"value": 132}}}
SQUARE_TILE = "nvjet_hsh_128x128_64x4_2x1_v_bz_coopA_TNN"
OBLONG_TILE = "nvjet_hsh_64x256_64x4_2x1_v_bz_coopA_TNN"
SPLIT = ["nvjet_hss_64x8_64x16_1x1_v_bz_splitK_NNT", "cublasLt::splitKreduce_kernel<32, 16, int, float>"]
NOTHING = dict.fromkeys(predictions.COLUMNS)


def row(size, name=None, **more):
    m, k, n = size if isinstance(size, tuple) else (size,) * 3
    return {"study": "alignment", "group": "g", "case": name or str(size), "baseline": "4096", "control": False,
            "provider": "torch", "device": "cuda", "dtype": "bfloat16", "m": m, "k": k, "n": n, "stack": 1,
            "layout": "NN"} | more  # fmt: skip


def predicted(one, base=None, facts=HOPPER):
    """What a comparison is given, the base size being 4096."""
    compared = [dict(one)]
    predictions.add(compared, [base or row(4096)], facts)
    return {name: compared[0][name] for name in predictions.COLUMNS}


def test_where_no_kernel_is_known_a_tile_is_assumed_in_half_precision_alone():
    found = predicted(row(4097))
    assert found["predicted_low"] == found["predicted_high"] == pytest.approx(5 / 4 * (4096 / 4097) ** 2)
    assert (found["tile"], found["tile_source"]) == ("128x256", predictions.ASSUMED)
    for dtype in ("float32", "float64", "tf32", "int8"):
        assert predicted(row(4097, dtype=dtype), row(4096, dtype=dtype)) == NOTHING


def test_a_tile_is_read_off_the_baseline_s_kernel():
    """4096 in tiles of 128 x 128 are 1024 of them in 8 waves; 4097 are 1089 in 9."""
    base = row(4096, dtype="float32", kernels=["memset", SQUARE_TILE])
    found = predicted(row(4097, dtype="float32", kernels=[OBLONG_TILE]), base)
    assert found["predicted_low"] == found["predicted_high"] == pytest.approx(9 / 8 * (4096 / 4097) ** 2)
    assert (found["tile"], found["tile_source"]) == ("128x128", predictions.KERNEL)


def test_where_the_sides_of_a_tile_matter_both_ways_are_told():
    """Of 4097 x 4096, tiles of 64 x 256 are 65 x 16 in 8 waves, of 256 x 64 17 x 64 in 9; of 4096, 1024 in 8."""
    found = predicted(row((4097, 4096, 4096), "4097"), row(4096, kernels=[OBLONG_TILE]))
    per_flop = 4096 / 4097
    assert found["predicted_low"] == pytest.approx(8 / 8 * per_flop)
    assert found["predicted_high"] == pytest.approx(9 / 8 * per_flop)
    assert found["tile"] == "64x256"


@pytest.mark.parametrize("kernels", [SPLIT, ["gemmSN_TN_kernel_64x64_16x4_NN_vec"]])
def test_nothing_is_predicted_of_kernels_that_are_not_in_the_model_or_tell_no_tile(kernels):
    assert predicted(row(4097), row(4096, kernels=kernels)) == NOTHING


@pytest.mark.parametrize(
    "more",
    [{"device": "cpu"}, {"control": True}, {"provider": "jax"}, {"layout": "NT"}, {"stack": 4}, {"study": "memory"},
     {"n": None}, {"group": "another"}],
)  # fmt: skip
def test_nothing_is_predicted_of_what_is_no_other_size_of_the_baseline(more):
    assert predicted(row(4097) | more) == NOTHING


@pytest.mark.parametrize("facts", [{}, {"torch": {}}, {"torch": {"gpu0_multiprocessors": {"value": None}}}])
def test_without_the_number_of_multiprocessors_nothing_is_predicted(facts):
    assert predicted(row(4097), facts=facts) == NOTHING


def test_another_framework_s_word_for_the_multiprocessors_will_do():
    other = {"torch": {"gpu0_multiprocessors": {"value": None}}, "torch-cuda": HOPPER["torch"]}
    assert predicted(row(4097), facts=other) == predicted(row(4097))


def records(device):
    """A run of two sizes that take as long per FLOP."""
    cases = tuple(
        Case("alignment", "g", str(size), "matmul", "torch", "torch", dict.fromkeys("mkn", size) | {"stack": 1},
             device=device, dtype="bfloat16")
        for size in (4096, 4097)
    )  # fmt: skip
    plan = Plan(0, {"alignment": 6}, [Planned(Group("alignment", "g", cases, "4096"), 20)], [])
    noise = np.random.default_rng(0)
    samples = [
        {"case": case.id, "launch": launch, "attempt": 0, "round": number, "position": 0, "steps": 4, "telemetry": {},
         "elapsed_s": 1e-3 * case.parameters["n"] ** 3 / 4096**3 * np.exp(0.001 * noise.standard_normal())}
        for launch in range(6) for number in range(20) for case in cases
    ]  # fmt: skip
    ends = [{"kind": "launch", "study": "alignment", "launch": launch, "attempt": 0, "complete": True}
            for launch in range(6)]  # fmt: skip
    return Records({"plan": plan.to_json(), "seed": 0, "margin": 0.02, "machine": {"facts": HOPPER}}, samples, ends)


def test_the_summary_has_what_is_predicted_beside_what_was_measured():
    (on_gpu,), (on_cpu,) = (summary.summarize(records(device))["comparisons"] for device in ("cuda", "cpu"))
    assert on_gpu["ratio"] == pytest.approx(1.0, rel=0.01)
    assert on_gpu["predicted_low"] == pytest.approx(1.25, rel=0.01)
    assert {name: on_cpu[name] for name in predictions.COLUMNS} == NOTHING
    assert "predicted_low" in summary.to_csv([on_cpu]).splitlines()[0]
