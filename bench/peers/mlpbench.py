"""This project's own way, as ``mlpbench run --budget`` would do it, control and all."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from bench.case import Case, Group
from bench.peers import PRODUCTS, Decision, Pair, PeerError
from bench.selfcheck import tries
from bench.studies import with_control

__all__ = ["REQUIRES", "RULE", "TOOL", "decide"]

TOOL = "mlpbench"
REQUIRES = ()
RULE = "the 95 % interval over launches within ±2 % is equivalent, else p under 0.05 is faster or slower"
MARGIN = 0.02
WORDS = {"equivalent": "same", None: "inconclusive"}


def decide(pair: Pair, budget_s: float, folder: Path) -> Decision:
    """Measure both sides and the control by a budget and return the verdict."""
    parameters = {"m": pair.size, "k": pair.size, "n": pair.size, "stack": 1}
    side = Case("peers", pair.name, "A", "matmul", pair.library, pair.library, parameters, threads=pair.threads)
    other = replace(side, name="B", apart="B")
    if pair.truth != 1:  # else a sample need not hold so many: those of larger products would outlast the budget
        side = replace(side, planted=(PRODUCTS, PRODUCTS))
        other = replace(other, planted=(round(PRODUCTS * pair.truth), PRODUCTS))
    group = with_control(Group("peers", pair.name, (side, other), "A"))
    line = tries.attempt(
        [group], seed=time.time_ns() % 2**31, margin=MARGIN, budget_s=budget_s, data_directory=folder
    )  # fmt: skip
    found = [one for one in line["comparisons"] if one["case"] == "B"]
    if not found:
        raise PeerError("; ".join(line["problems"]) or "it gave no comparison")
    one = found[0]
    verdict = WORDS.get(one["verdict"], one["verdict"])
    return Decision(one["ratio"], one["ci_low"], one["ci_high"], verdict, line["seconds"])
