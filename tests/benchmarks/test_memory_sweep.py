"""Memory sweeps of every library, and torch's copy and triad beside a C program's.

The C program is compiled here where there is a compiler. It and torch take turns, one pass each, on four times the last
cache. ``extra_info`` of such a benchmark has the ratio of torch's time over C's: ``ratio`` is the median of the pairs,
with its 95 % interval in ``ratio_low`` and ``ratio_high``; ``ratio_of_best`` is that of the fastest passes, which are
what STREAM itself goes by.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from scipy import stats as scipy_stats

from bench import libraries
from bench.case import Case
from bench.hardware.cpu import usable_cores
from bench.studies import Options, memory
from bench.workloads import memory_sweep

from .conftest import columns

GROUPS = memory.groups(Options(preset="standard", threads=usable_cores()))
CASES = {
    f"{case.provider}-{case.parameters['kernel']}": case
    for group in GROUPS
    for case in group.cases
    if case.name == group.baseline and (case.threads == usable_cores() or case.provider == "numpy")
}
LARGEST = {
    (case.provider, case.parameters["kernel"], case.threads): case
    for group in GROUPS
    for case in group.cases
    if not case.control
}
FLAGS = ("-O3", "-march=native", "-fopenmp")
PAIRS = 40
RESULTS = {"copy": 1.0, "triad": 2.0}  # of 1 and of 2 + 3 x 0


@pytest.mark.parametrize("name", CASES)
def test_memory_sweep(name: str, measure) -> None:
    case = CASES[name]
    pytest.importorskip(case.framework, exc_type=ModuleNotFoundError)
    assert measure(case, libraries.load(case.provider)).equal


@pytest.fixture(scope="session")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shlex.split(os.environ.get("CC") or "cc")
    if shutil.which(compiler[0]) is None:
        pytest.skip(f"there is no C compiler {compiler[0]}")
    program = tmp_path_factory.mktemp("stream") / "stream"
    command = [*compiler, *FLAGS, str(Path(__file__).with_name("stream.c")), "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"the C compiler failed: {done.stderr.strip().splitlines()[-1]}")
    return program


@contextmanager
def asked(program: Path, kernel: str, elements: int, threads: int) -> Iterator[Callable[[], float]]:
    """Yield what runs one pass in the C program and returns its seconds."""
    environ = os.environ | {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "passive"}
    command = [str(program), str(elements)]
    with subprocess.Popen(command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def one_pass() -> float:
            print(kernel, file=process.stdin, flush=True)
            seconds, result = map(float, process.stdout.readline().split())
            assert result == RESULTS[kernel]
            return seconds

        yield one_pass
        process.stdin.close()


@pytest.mark.parametrize("threads_asked", sorted({1, usable_cores()}))
@pytest.mark.parametrize("kernel", RESULTS)
def test_torch_beside_c(kernel: str, threads_asked: int, stream: Path, benchmark, threads: int) -> None:
    torch = pytest.importorskip("torch", exc_type=ModuleNotFoundError)
    case = LARGEST["torch", kernel, threads_asked]
    torch.set_num_threads(threads_asked)
    prepared = memory_sweep.prepare(case, libraries.load("torch"), Path())
    theirs: list[float] = []
    with asked(stream, kernel, memory_sweep.elements(case), threads_asked) as one_pass:

        def turn() -> None:
            theirs.append(one_pass())
            prepared.step()

        try:
            benchmark.group = f"beside C: {case.group}"
            benchmark.pedantic(prepared.step, setup=turn, rounds=PAIRS)
        finally:
            torch.set_num_threads(threads)
    benchmark.extra_info |= columns(case) | {"threads": threads_asked}
    if benchmark.stats is not None:
        benchmark.extra_info |= beside(case, np.array(benchmark.stats.stats.data), np.array(theirs))


def beside(case: Case, ours: np.ndarray, theirs: np.ndarray) -> dict[str, float]:
    """Return how torch's seconds compare with the C program's, pair by pair."""
    moved = memory_sweep.work(case).bytes
    ratios = np.sort(ours / theirs)
    outside = int(scipy_stats.binom.ppf(0.025, len(ratios), 0.5))  # order statistics around the median
    return {
        "pairs": len(ratios),
        "ratio": float(np.median(ratios)),
        "ratio_low": float(ratios[outside - 1]),
        "ratio_high": float(ratios[-outside]),
        "ratio_of_best": float(ours.min() / theirs.min()),
        "bandwidth": moved / float(np.median(ours)),
        "bandwidth_of_c": moved / float(np.median(theirs)),
    }
