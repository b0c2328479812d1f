"""Whether samples were taken in the order the method asks for, read off the records: turns, and balanced neighbours.

Deterministic: no time that was measured enters, only who was sampled when. Samples of one case taken after those of
another, or always after the same neighbour, make a difference of whatever else changed meanwhile.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, pairwise, permutations
from typing import Any

from bench.stats import LEAST_SHARE_OF_ROUNDS

__all__ = ["interleaved", "order"]

Sample = Mapping[str, Any]

LEAST_ROUNDS = 3  # of a case that ended in its first rounds the one or two it has may be those another one lacks


def order(samples: Iterable[Sample]) -> list[str]:
    """Return a note for each group of a run whose order of samples is not what its verdicts rest on."""
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[sample["case"].rpartition("/")[0]].append(sample)
    reasons = {group: interleaved(members) for group, members in groups.items()}
    return [f"{group}: {reason}; its verdicts may be those of the order" for group, reason in reasons.items() if reason]


def interleaved(samples: Iterable[Sample]) -> str | None:
    """Return why the cases of one group did not take turns with balanced neighbours, or None.

    Args:
        samples: Lines of samples.jsonl: ``case``, ``launch``, ``attempt``, ``round``, ``position`` and, where there,
            ``at_s``; without it they are taken to stand in the order of time. Missing samples, and cases that end
            before the others, are no fault.
    """
    launches: dict[tuple[int, int], list[Sample]] = defaultdict(list)
    for sample in samples:
        launches[sample["launch"], sample["attempt"]].append(sample)
    for (launch, _), taken in launches.items():
        in_time = sorted(taken, key=lambda sample: sample.get("at_s", 0.0))
        reason = _out_of_turn(in_time) or _unbalanced(in_time)
        if reason is not None:
            return f"launch {launch}: {reason}"
    return _apart(launches)


def _out_of_turn(taken: Sequence[Sample]) -> str | None:
    """Rounds follow one another, and within a round positions do."""
    for before, after in pairwise(taken):
        if after["round"] < before["round"]:
            return (
                f"the cases did not take turns: {_name(after)} was sampled for round {after['round']} after "
                f"{_name(before)} for round {before['round']}"
            )
        if after["round"] == before["round"] and after["position"] <= before["position"]:
            return f"round {after['round']} was not taken in the order of its positions"
    return None


def _unbalanced(taken: Sequence[Sample]) -> str | None:
    """Each case follows each other one as often as a Williams square has it: in one round of n, for n cases.

    A square that was not finished is off by less than its count of each pair, and each round that is missing in
    between by less than one. Only positions next to one another count, so that a case that is gone makes no neighbours.
    """
    positions: dict[str, dict[int, int]] = defaultdict(dict)
    for sample in taken:
        positions[_name(sample)][sample["round"]] = sample["position"]
    cases = 1 + max(sample["position"] for sample in taken)
    for first, second in permutations(positions, 2):
        shared = positions[first].keys() & positions[second].keys()
        if not shared:
            continue
        follows = sum(positions[second][number] == positions[first][number] + 1 for number in shared)
        missing = 1 + max(shared) - len(shared)
        if abs(follows - len(shared) / cases) > 1 + cases % 2 + missing:
            return (
                f"neighbours are not balanced: {second} came right after {first} in {follows} of {len(shared)} rounds, "
                f"not in about {len(shared) / cases:.0f}"
            )
    return None


def _apart(launches: Mapping[tuple[int, int], Sequence[Sample]]) -> str | None:
    """Any two cases were sampled in the same rounds of the same launches, but for what one of them lacks."""
    rounds: dict[str, set[tuple[int, int, int]]] = defaultdict(set)
    for launch, taken in launches.items():
        for sample in taken:
            rounds[_name(sample)].add((*launch, sample["round"]))
    for first, second in combinations(rounds, 2):
        shared = len(rounds[first] & rounds[second])
        fewer = min(len(rounds[first]), len(rounds[second]))
        if fewer >= LEAST_ROUNDS and shared < LEAST_SHARE_OF_ROUNDS * fewer:
            return f"the cases did not take turns: {first} and {second} share {shared} of {fewer} rounds"
    return None


def _name(sample: Sample) -> str:
    return str(sample["case"]).rpartition("/")[2]
