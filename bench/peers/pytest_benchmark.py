"""pytest-benchmark: a run of A is saved, then B is compared with it and fails where it has regressed.

The budget is spent by ``--benchmark-max-time``, by default one second a test. A pilot with next to none of it, itself
within the budget, shows how long pytest, its plug-ins and what is saved take. Warm-up, by default for PyPy only, is on.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from bench import peers
from bench.peers import Decision, Pair

__all__ = ["REQUIRES", "RULE", "TOOL", "decide"]

TOOL = "pytest-benchmark"
REQUIRES = ("pytest", "pytest_benchmark")
# The percentage of the documentation's example (docs/comparing.rst and --help: "min:5%").
FIELD, PERCENT = "min", 5
RULE = (
    f"--benchmark-compare-fail={FIELD}:{PERCENT}%: fails where the {FIELD} of all rounds is more than {PERCENT} % "
    "slower than the saved run's; faster is where the check would fail with the sides swapped"
)
REGRESSED = "Performance has regressed"
LEAST_S = 0.001

SCRIPT = """
import os

import pair


def test_products(benchmark):
    benchmark(pair.products, int(os.environ["PRODUCTS"]))
"""
OPTIONS = (
    "-c",
    "pytest.ini",
    "-p",
    "no:cacheprovider",
    "--benchmark-storage=file://./saved",
    "--benchmark-warmup=on",
    "--benchmark-warmup-iterations=5",
)


def decide(pair: Pair, budget_s: float, folder: Path) -> Decision:
    """Return pytest-benchmark's verdict; ``a.json`` and ``b.json`` stay in the folder."""
    began = time.perf_counter()
    limit_s = 60 + 10 * budget_s
    a, b = pair.products
    peers.write(pair, folder, {"test_pair.py": SCRIPT, "pytest.ini": "[pytest]\n"})
    _side(pair, folder, "pilot", a, limit_s, LEAST_S)
    start_s = time.perf_counter() - began
    max_s = max(LEAST_S, (budget_s - 3 * start_s) / 2)
    _side(pair, folder, "a", a, limit_s, max_s, "--benchmark-save=a")
    check = f"--benchmark-compare-fail={FIELD}:{PERCENT}%"
    said = _side(pair, folder, "b", b, limit_s, max_s, "--benchmark-compare=0001", check)
    time_a, time_b = (stats(json.loads((folder / f"{name}.json").read_text()))[FIELD] for name in "ab")
    ratio = time_b / time_a
    return Decision(ratio, None, None, verdict(said, ratio), time.perf_counter() - began)


def stats(document: Any) -> dict[str, float]:
    """Return the statistics of the one test of a pytest-benchmark document, times in seconds."""
    (benchmark,) = document["benchmarks"]
    result: dict[str, float] = benchmark["stats"]
    return result


def verdict(said: str, ratio: float) -> str:
    """Return what the regression check said as a verdict, ``faster`` being the check with the sides swapped."""
    if REGRESSED in said:
        return "slower"
    return "faster" if 100 / ratio - 100 > PERCENT else "same"


def _side(pair: Pair, folder: Path, name: str, products: int, limit_s: float, max_s: float, *options: str) -> str:
    time_options = (f"--benchmark-max-time={max_s:.3f}", f"--benchmark-json={name}.json")
    arguments = ["-m", "pytest", *OPTIONS, *time_options, *options, "test_pair.py"]
    return peers.run(pair, folder, arguments, limit_s, products, REGRESSED)
