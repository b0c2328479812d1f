"""Other tools' verdicts: what they are asked, how their answers are read, and one small pair through each for real."""

from __future__ import annotations

from importlib import import_module

import pytest

from bench import peers, plugins
from bench.peers import Pair, PeerError, pyperf, pytest_benchmark, torch_benchmark

OTHERS = (pyperf, pytest_benchmark, torch_benchmark)
TENFOLD = Pair("numpy", 16, threads=3, planted=(10, 1))

SEEN = """
import os

with open("%s.threads" % os.getpid(), "w") as file:
    file.write(os.environ.get("OMP_NUM_THREADS", "unset"))
"""
# Shortened from what pyperf 2.10 writes: a calibration, which has no values, and a process of three.
PILOT = {
    "benchmarks": [
        {
            "runs": [
                {"metadata": {"duration": 0.7}, "warmups": [[1, 0.05], [2, 0.05], [2, 0.05]]},
                {"metadata": {"duration": 0.5}, "warmups": [[2, 0.06]], "values": [0.05, 0.052, 0.051]},
            ]
        }
    ]
}
SLOWER = "Mean +- std dev: [a] 17.0 ms +- 0.2 ms -> [b] 17.9 ms +- 0.3 ms: 1.05x slower\n"
FASTER = "Mean +- std dev: [a] 17.9 ms +- 0.3 ms -> [b] 17.0 ms +- 0.2 ms: 1.05x faster\n"
HIDDEN = "Benchmark hidden because not significant (1): products\n"
REGRESSED = """
1 passed in 2.72s
--------------------------------------------------------------------------------
Performance has regressed:
\ttest_products (0001_a) - Field 'min' has failed PercentageRegressionCheck: 32.576640518 > 5.000000000
"""


@pytest.fixture(scope="module", params=OTHERS, ids=lambda tool: tool.TOOL)
def measured(request, tmp_path_factory):
    """A tool's decision on B being ten times A, and the thread counts that its processes saw."""
    reason = peers.missing(request.param.REQUIRES)
    if reason:
        pytest.skip(f"{request.param.TOOL} is {reason}")
    folder = tmp_path_factory.mktemp("pair")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(peers, "MODULE", peers.MODULE + SEEN)
        patch.setattr(pyperf, "OPTIONS", (*pyperf.OPTIONS, "--min-time=0.01"))
        decision = request.param.decide(TENFOLD, 1.0, folder)
    return decision, [path.read_text() for path in folder.glob("*.threads")]


def test_a_tool_finds_that_ten_times_the_work_is_slower(measured):
    decision, _ = measured
    assert decision.verdict == "slower"
    assert decision.ratio > 2
    assert decision.seconds > 0


def test_every_process_of_a_tool_has_the_pairs_threads(measured):
    _, threads = measured
    assert threads
    assert set(threads) == {"3"}


@pytest.mark.parametrize("name", plugins.names(peers))
def test_every_file_keeps_the_contract(name):
    tool = import_module(f"bench.peers.{name}")
    assert isinstance(tool.TOOL, str)
    assert isinstance(tool.REQUIRES, tuple)
    assert "\n" not in tool.RULE
    assert callable(tool.decide)


@pytest.mark.parametrize(
    ("planted", "products", "name"),
    [
        ((1, 1), (100, 100), "numpy 256 A/A"),
        ((102, 100), (100, 102), "numpy 256 +2 %"),
        ((21, 20), (100, 105), "numpy 256 +5 %"),
        ((201, 200), (200, 201), "numpy 256 +0.5 %"),
        ((19, 20), (100, 95), "numpy 256 -5 %"),
    ],
)
def test_the_products_of_a_pair_have_its_truth_as_their_ratio(planted, products, name):
    pair = Pair("numpy", 256, planted=planted)
    assert pair.products == products
    assert pair.truth == products[1] / products[0]
    assert pair.name == name


def test_only_an_absent_module_is_missing():
    assert peers.missing(("json",)) is None
    assert peers.missing(("json", "no_such_module")) == (
        "not installed: no_such_module; pip install 'mlpbench[peers]' brings the peers"
    )


def test_an_unknown_library_is_a_reason(tmp_path):
    with pytest.raises(PeerError, match="no pairs of 'cupy'; expected one of numpy, torch"):
        peers.write(Pair("cupy", 16), tmp_path, {})


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("-m", "no_such_tool"), "ended with exit status 1: .*No module named no_such_tool"),
        (("-c", "print('one'); raise ValueError('two')"), "ended with exit status 1: ValueError: two"),
        (("-c", "import time; time.sleep(60)"), "took longer than its limit of 1 s"),
    ],
)
def test_a_tool_that_fails_is_a_reason_in_one_line(tmp_path, arguments, reason):
    with pytest.raises(PeerError, match=reason) as raised:
        peers.run(TENFOLD, tmp_path, arguments, limit_s=1.0)
    assert "\n" not in str(raised.value)


def test_an_error_exit_is_a_verdict_only_with_the_words_for_it(tmp_path):
    regression, failure = (("-c", f"print({text!r}); raise SystemExit(1)") for text in (REGRESSED, "1 failed"))
    assert "min" in peers.run(TENFOLD, tmp_path, regression, 10.0, regressed=pytest_benchmark.REGRESSED)
    with pytest.raises(PeerError, match="1 failed"):
        peers.run(TENFOLD, tmp_path, failure, 10.0, regressed=pytest_benchmark.REGRESSED)


def test_a_tool_keeps_what_steers_a_blas_but_not_the_users_pytest_options(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("PYTEST_ADDOPTS", "--benchmark-disable")
    variables = peers.variables(TENFOLD, tmp_path, 7)
    assert variables["OPENBLAS_CORETYPE"] == "Haswell"
    assert "PYTEST_ADDOPTS" not in variables
    assert variables["PRODUCTS"] == "7"


@pytest.mark.parametrize(
    ("said", "ratio", "verdict"),
    [(SLOWER, 1.05, "slower"), (FASTER, 0.95, "faster"), (HIDDEN, 1.2, "same"), (HIDDEN, 0.8, "same")],
)
def test_pyperfs_own_words_are_its_verdict(said, ratio, verdict):
    assert pyperf.verdict(said, ratio) == verdict


def test_other_words_of_pyperf_are_a_reason():
    with pytest.raises(PeerError, match="ERROR: Benchmark suites have no benchmark in common"):
        pyperf.verdict("ERROR: Benchmark suites have no benchmark in common\n", 1.0)


def test_pyperfs_values_leave_calibration_out():
    assert pyperf.values(PILOT) == [0.05, 0.052, 0.051]


def test_pyperfs_processes_spend_the_budget():
    # The pilot: 1.2 s in runs, 0.6 s in three starts. Of 10.4 s, 10.4 - 1.8 - 0.2 = 8.4 s remain, 4.0 s a side after
    # its manager's start, at 0.7 s a process.
    assert pyperf.planned(PILOT, 1.8, 10.4) == (5, 2)
    assert pyperf.planned(PILOT, 1.8, 2.0) == (pyperf.FEWEST, 2)


@pytest.mark.parametrize(
    ("said", "ratio", "verdict"),
    [
        (REGRESSED, 1.32, "slower"),
        ("1 passed", 1.04, "same"),
        ("1 passed", 0.96, "same"),
        ("1 passed", 0.95, "faster"),
    ],
)
def test_pytest_benchmarks_check_is_its_verdict_and_its_mirror(said, ratio, verdict):
    assert pytest_benchmark.verdict(said, ratio) == verdict


@pytest.mark.parametrize(
    ("trimmed", "verdict"), [((0.05, 0.05), "same"), ((0.05, 0.051), "slower"), ((0.051, 0.05), "faster")]
)
def test_torchs_trimmed_medians_are_its_verdict(trimmed, verdict):
    assert torch_benchmark.verdict({"trimmed": trimmed}) == verdict
