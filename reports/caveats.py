"""What limits the findings, in sentences: variables that hold a library back, failed controls, missing cases."""

from __future__ import annotations

from collections import Counter

from reports import checks, rows
from reports.formats import interval, listing, ratio
from reports.rows import Row

__all__ = ["KERNEL_VARIABLES", "notes", "steering", "warnings"]

KERNEL_VARIABLES = {"OPENBLAS_CORETYPE": "numpy", "MKL_ENABLE_INSTRUCTIONS": "torch", "ONEDNN_MAX_CPU_ISA": "torch"}
SPELLING = {"numpy": "NumPy", "torch": "PyTorch"}
WITHOUT = "without "
ONE_RUN_SHOWN = "A single run is one run: the seconds are others in another hour, after a reboot, on another host."
ONE_RUN = (
    "A single run is one run: effects between whole runs (a reboot, another hour, another host) are not in these "
    "intervals."
)


def steering(run: Row, summary: Row) -> list[str]:
    """Return what each variable that picks a library's kernels does here, measured or not."""
    measured = {str(row["case"]).removeprefix(WITHOUT): row for row in rows.steering(summary)}
    software = ((run.get("machine") or {}).get("facts") or {}).get("software") or {}
    there = {row.get("framework") or row.get("provider") for row in summary.get("cases") or []}
    unmeasured = [
        name
        for name, library in KERNEL_VARIABLES.items()
        if name in software and name not in measured and library in there
    ]
    return [
        *(_effect(run, name, row) for name, row in measured.items()),
        *(_unmeasured(run, summary, name) for name in unmeasured if not _is_moot(run, name, software[name])),
    ]


def warnings(run: Row, summary: Row) -> list[str]:
    """Return what makes part of the page not to be relied on, or not what it seems."""
    found = [*_nothing(summary), *map(_failed, rows.failed_controls(summary))]
    found += [*_no_verdicts(summary), *checks.warnings(run, summary), *(summary.get("excesses") or [])]
    if rows.is_synthetic(run):
        note = (run.get("data") or {}).get("note")
        found.append(
            "The images are synthetic, of Fashion-MNIST's shape: times hold, accuracies would mean nothing."
            + (f" Reason: {note}." if note else "")
        )
    return found


def _nothing(summary: Row) -> list[str]:
    """Return that no case has a time, where there are cases, with the reason of the first."""
    cases = summary.get("cases") or []
    if not cases or any(row.get("status") == "measured" for row in cases):
        return []
    reason = next((row["reason"] for row in cases if row.get("reason")), "the table of skips and failures says why")
    return [f"Nothing was measured: {reason}."]


def notes(summary: Row) -> list[str]:
    """Return what holds for every page, and what the run itself noted."""
    counts = Counter(row.get("status") for row in summary.get("cases") or [] if row.get("status") != "measured")
    lost = [f"{number} {status}" for status, number in sorted(counts.items(), key=str)]
    one_run = ONE_RUN if not summary.get("cases") or any(map(rows.is_judged, summary["cases"])) else ONE_RUN_SHOWN
    if not lost:
        return [*checks.notes(summary), *(summary.get("notes") or []), one_run]
    first = f"Without a usable time: {listing(lost)} (of {len(summary['cases'])} cases); the reasons are listed below."
    return [first, *checks.notes(summary), *(summary.get("notes") or []), one_run]


def _effect(run: Row, name: str, row: Row) -> str:
    library = SPELLING.get(str(row.get("provider")), str(row.get("provider")))
    said = f"{_setting(run, name)} is set in the shell that started this run"
    low, high = row["ci_low"], row["ci_high"]
    figures = f"{ratio(row['ratio'], low, high)} of the time (95 % interval {interval(low, high)})"
    if row.get("marked"):
        return f"{said}. What it does to {library} cannot be said: the control of that comparison failed."
    if row.get("verdict") == "faster":
        slower = f"{ratio(1 / row['ratio'], 1 / high, 1 / low)} ({interval(1 / high, 1 / low)})"
        return (
            f"{said} and holds {library} back: without it the same matrix product is faster, taking {figures}. As far "
            f"as they consist of matrix products, the {library} figures on this page take that much longer than they "
            f"would without it: {slower}. To undo it: `unset {name}`, then measure again."
        )
    if row.get("verdict") == "slower":
        return f"{said} and helps {library}: without it the same matrix product is slower, taking {figures}."
    if row.get("verdict") == "equivalent":
        return f"{said}; {library} does not mind: without it a matrix product is equivalent, taking {figures}."
    return f"{said}; whether it holds {library} back is inconclusive: without it a matrix product takes {figures}."


def _is_moot(run: Row, name: str, fact: Row) -> bool:
    """Whether a variable has no value, or an environment without it says that it uses the same kernels."""
    own = _kernels(run, KERNEL_VARIABLES[name])
    return fact.get("value") is None or any(own and own == _kernels(run, place) for place in _free_of(run, name))


def _free_of(run: Row, name: str) -> list[str]:
    """Return the environments of the same library that unset a variable."""
    found = (run.get("environments") or {}).items()
    return [place for place, told in found
            if told.get("framework") == KERNEL_VARIABLES[name] and told["variables"].get(name, "") is None]  # fmt: skip


def _kernels(run: Row, place: str) -> dict[str, object]:
    """Return the architectures that the library of an environment says it uses kernels for."""
    facts = ((run.get("machine") or {}).get("facts") or {}).get(place) or {}
    return {key: fact["value"] for key, fact in facts.items() if "architecture" in key and fact.get("value")}


def _unmeasured(run: Row, summary: Row, name: str) -> str:
    provider = KERNEL_VARIABLES[name]
    chosen = rows.fact_value(run, provider, "architecture")
    kernels = f" ({SPELLING[provider]} says it uses kernels for {chosen})" if chosen else ""
    places = _free_of(run, name)
    timed = (row for row in summary["cases"] if row.get("environment") in places and row.get("status") == "measured")
    free = list(dict.fromkeys(str(row["implementation"]) for row in timed))
    cost = "What that costs was not measured here"
    if free:
        plain = list(dict.fromkeys(one.partition("@")[0] for one in free))
        runs = "runs" if len(free) == 1 else "run"
        cost = f"{listing(free)} {runs} without it, which shows beside {listing(plain)} what it costs"
    return (
        f"{_setting(run, name)} is set in the shell that started this run and picks {SPELLING[provider]}'s "
        f"kernels{kernels}. {cost}; to be free of it: `unset {name}`."
    )


def _setting(run: Row, name: str) -> str:
    value = rows.fact_value(run, "software", name)
    return f"{name}={value}" if value is not None else name


def _failed(row: Row) -> str:
    low, high = row["ci_low"], row["ci_high"]
    return (
        f"In {row['group']} the control, which is the baseline against itself, came out {row.get('verdict')} "
        f"({ratio(row['ratio'], low, high)}, {interval(low, high)}): something disturbed that group. It supports no "
        "finding above, and is marked in figures and tables."
    )


def _no_verdicts(summary: Row) -> list[str]:
    """Say of groups with times but no comparison why that is: mostly a baseline that could not be measured."""
    compared = {(row["study"], row["group"]) for row in summary.get("comparisons") or []}
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in filter(rows.is_judged, summary.get("cases") or []):
        groups.setdefault((row["study"], row["group"]), []).append(row)
    silent = {
        key: members
        for key, members in groups.items()
        if key not in compared and any(row.get("status") == "measured" for row in members)
    }
    if silent and not compared:
        turns = "nothing on it was measured in turns with a baseline, and in more than one launch"
        return [f"There are no verdicts on this page: {turns}."]
    return [
        f"In {group} there are absolute figures but no verdicts{_why(members)}."
        for (_, group), members in silent.items()
    ]


def _why(members: list[Row]) -> str:
    base = next((row for row in members if row.get("case") == row.get("baseline")), None)
    if base is None or base.get("status") == "measured":
        return ""
    reason = f" ({base['reason']})" if base.get("reason") else ""
    return f": the baseline, {base['case']}, is {base['status']}{reason}"
