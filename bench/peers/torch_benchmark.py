"""torch.utils.benchmark: one timer a side in one process, one after the other, and their medians compared.

The budget is spent by ``min_run_time`` of ``blocked_autorange``, by default 0.2 s: each side has half of what start-up
leaves. Its search for a block size is its warm-up.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from bench import peers
from bench.peers import Decision, Pair

__all__ = ["REQUIRES", "RULE", "TOOL", "decide"]

TOOL = "torch.utils.benchmark"
REQUIRES = ("torch",)
RULE = (
    "Compare with trim_significant_figures: the medians still differ when both are trimmed to the significant figures "
    "that torch estimates for the less precise of the two (from the spread of its interquartile points)"
)

SCRIPT = """
import json
import sys
import time

import pair
from torch.utils.benchmark import Compare, Timer, trim_sigfig

threads, deadline, *counts = map(float, sys.argv[1:])
run_s = max(0.01, (deadline - time.monotonic()) / 2)
results = [
    Timer(
        "products(count)",
        globals={"products": pair.products, "count": int(count)},
        num_threads=int(threads),
        label="products",
        description=name,
    ).blocked_autorange(min_run_time=run_s)
    for name, count in zip("AB", counts)
]
table = Compare(results)
table.trim_significant_figures()
figures = [result.significant_figures for result in results]
document = {
    "medians": [result.median for result in results],
    "measurements": [len(result.times) for result in results],
    "significant_figures": figures,
    "trimmed": [trim_sigfig(result.median, min(figures)) for result in results],
    "table": str(table),
}
with open("pair.json", "w") as file:
    json.dump(document, file, indent=1)
"""


def decide(pair: Pair, budget_s: float, folder: Path) -> Decision:
    """Return the verdict; ``pair.json`` with the figures and the table as torch prints it stays in the folder."""
    began, deadline = time.perf_counter(), time.monotonic() + budget_s
    peers.write(pair, folder, {"bench_pair.py": SCRIPT})
    arguments = ["bench_pair.py", *map(str, (pair.threads, deadline, *pair.products))]
    peers.run(pair, folder, arguments, 60 + 10 * budget_s)
    document = json.loads((folder / "pair.json").read_text())
    return Decision(_ratio(document["medians"]), None, None, verdict(document), time.perf_counter() - began)


def verdict(document: Any) -> str:
    """Return how the trimmed medians of A and B compare."""
    a, b = document["trimmed"]
    return "same" if a == b else ("slower" if b > a else "faster")


def _ratio(times: list[float]) -> float:
    return times[1] / times[0]
