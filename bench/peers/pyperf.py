"""pyperf: a run of each side, then ``pyperf compare_to``.

Its defaults stay: three values a process after one for warming up, a value being as many calls as last 0.1 s. What
spends the budget is the number of processes, by default 20 a side. A pilot of one process, itself within the budget,
calibrates the calls a value for both sides and shows how long a process takes.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from statistics import mean
from typing import Any

from bench import peers
from bench.peers import Decision, Pair, PeerError

__all__ = ["REQUIRES", "RULE", "TOOL", "decide"]

TOOL = "pyperf"
REQUIRES = ("pyperf",)
RULE = (
    "compare_to: the means differ by Student's two-sample, two-tailed t-test at 95 % over all values of all processes; "
    "otherwise it says that the difference is not significant"
)
NOT_SIGNIFICANT = "not significant"  # "Benchmark hidden because not significant (1): products"

SCRIPT = """
import os

import pair
import pyperf

pyperf.Runner().bench_func("products", pair.products, int(os.environ["PRODUCTS"]))
"""
OPTIONS: tuple[str, ...] = ("--quiet",)
FEWEST = 2  # processes, or there would be no spread between any


def decide(pair: Pair, budget_s: float, folder: Path) -> Decision:
    """Return pyperf's verdict; ``pilot.json``, ``a.json`` and ``b.json`` stay in the folder."""
    began = time.perf_counter()
    limit_s = 60 + 10 * budget_s
    peers.write(pair, folder, {"bench_pair.py": SCRIPT})
    _side(pair, folder, "pilot", pair.products[0], limit_s, "--processes=1")
    processes, loops = planned(_load(folder / "pilot.json"), time.perf_counter() - began, budget_s)
    for name, products in zip("ab", pair.products, strict=True):
        _side(pair, folder, name, products, limit_s, f"--processes={processes}", f"--loops={loops}")
    said = peers.run(pair, folder, ["-m", "pyperf", "compare_to", "a.json", "b.json"], limit_s)
    ratio = mean(values(_load(folder / "b.json"))) / mean(values(_load(folder / "a.json")))
    return Decision(ratio, None, None, verdict(said, ratio), time.perf_counter() - began)


def planned(pilot: Any, pilot_s: float, budget_s: float) -> tuple[int, int]:
    """Return how many processes a side has so that both spend the rest of the budget, and the calls a value.

    Start-up, of a worker, of a side's manager and of the comparison alike, is what the pilot took beside its runs.
    """
    runs = _runs(pilot)
    durations = [float(run["metadata"]["duration"]) for run in runs]
    start_s = max(0.0, (pilot_s - sum(durations)) / (len(runs) + 1))
    side_s = (budget_s - pilot_s - start_s) / 2 - start_s
    return max(FEWEST, int(side_s / (start_s + durations[-1]))), int(runs[-1]["warmups"][-1][0])


def values(document: Any) -> list[float]:
    """Return all values of a pyperf document, seconds a call."""
    return [float(value) for run in _runs(document) for value in run.get("values", ())]


def verdict(said: str, ratio: float) -> str:
    """Return what ``compare_to`` printed as a verdict."""
    if NOT_SIGNIFICANT in said.lower() or "no change" in said:
        return "same"
    if "slower" in said or "faster" in said:
        return "slower" if ratio > 1 else "faster"
    raise PeerError(f"pyperf compare_to said nothing known: {peers.reason(said)}")


def _side(pair: Pair, folder: Path, name: str, products: int, limit_s: float, *options: str) -> None:
    # Its workers start with a cleaned environment, without thread counts and what steers a BLAS, unless told otherwise.
    inherited = ",".join(peers.variables(pair, folder, products))
    common = (f"--inherit-environ={inherited}", f"--output={name}.json")
    peers.run(pair, folder, ["bench_pair.py", *OPTIONS, *common, *options], limit_s, products)


def _load(path: Path) -> Any:
    return json.loads(path.read_text())


def _runs(document: Any) -> list[Any]:
    (benchmark,) = document["benchmarks"]
    return list(benchmark["runs"])
