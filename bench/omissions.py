"""What a plan leaves out of all that its study could measure, in sentences, from the groups of both."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from bench.case import Case, Group

__all__ = ["told"]

Pair = tuple[str, str]  # library and dtype
Kinds = Mapping[str, Mapping[Pair, Sequence[str]]]


def told(groups: Iterable[Group], whole: Iterable[Group]) -> list[str]:
    """Return what is in the groups of the whole and not in these: kinds of group, dtypes of libraries, and cases."""
    own, every = _kinds(groups), _kinds(whole)
    missing = [kind for kind in every if kind not in own]
    sentences = [f"left out altogether: {'; '.join(missing)}."] if missing else []
    for kind, pairs in every.items():
        if kind in own:
            found = [*_without_pairs(own[kind], pairs), *_without_cases(own[kind], pairs)]
            sentences += [f"left out of {kind}: {'; '.join(found)}."] if found else []
    return sentences


def _without_pairs(own: Mapping[Pair, Sequence[str]], every: Mapping[Pair, Sequence[str]]) -> list[str]:
    """Return ``DTYPES in LIBRARIES``, libraries that lack the same dtypes together."""
    lacking: dict[str, list[str]] = defaultdict(list)
    for library, dtype in every:
        if (library, dtype) not in own:
            lacking[library].append(dtype)
    alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for library, dtypes in lacking.items():
        alike[tuple(dtypes)].append(library)
    return [f"{', '.join(dtypes)} in {', '.join(names)}" for dtypes, names in alike.items()]


def _without_cases(own: Mapping[Pair, Sequence[str]], every: Mapping[Pair, Sequence[str]]) -> list[str]:
    """Return ``CASES``, or ``CASES in LIBRARY DTYPE, ...`` where only some of what is measured lacks them."""
    lacking: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for (library, dtype), cases in own.items():
        missing = tuple(case for case in every.get((library, dtype), ()) if case not in cases)
        lacking[missing].append(f"{library} {dtype}")
    return [
        ", ".join(cases) + ("" if len(names) == len(own) else f" in {', '.join(names)}")
        for cases, names in lacking.items()
        if cases
    ]


def _kinds(groups: Iterable[Group]) -> Kinds:
    """Return what groups hold, by what they are called without library, dtype and device."""
    found: dict[str, dict[Pair, Sequence[str]]] = defaultdict(dict)
    for group in groups:
        first = group.cases[0]
        kind = group.name.removeprefix(f"{first.provider} ").replace(f" {first.dtype} {first.device}", "")
        cases = [case for case in group.cases if not case.control]
        found[kind][first.provider, first.dtype] = list(dict.fromkeys(name for case in cases for name in _names(case)))
    return found


def _names(case: Case) -> list[str]:
    """Return a case's name, or, of a cell of a factorial design, its levels."""
    levels = case.parameters.get("levels")
    return [case.name] if levels is None else [f"{factor} {level}" for factor, level in levels.items()]
