"""What was checked beside the verdicts, in sentences: controls, steady state, after-effects, disturbance, own costs."""

from __future__ import annotations

import math
from collections.abc import Callable

from reports import rows
from reports.formats import DEFAULT_MARGIN, interval, listing, margin, percent, ratio, seconds, small_percent
from reports.rows import Row

__all__ = ["harness", "notes", "undisturbed", "warnings"]

MOST_NAMED = 3
KINDS = {"pressure": "CPU pressure", "switches": "involuntary switches", "steal": "steal time",
         "frequency": "a lower frequency", "throttled": "a GPU that overheats or is braked",
         "clock": "a lower clock of the GPU"}  # fmt: skip


def warnings(run: Row, summary: Row) -> list[str]:
    """Return what the checks found."""
    compared = summary.get("comparisons") or []
    checks: tuple[tuple[list[Row], Callable[[Row], str]], ...] = (
        ([row for row in compared if row.get("steady") == "never steady"], _never),
        ([row for row in compared if str(row.get("steady")).startswith("from round")], _from_round),
        ([row for row in compared if row.get("sensitive")], _sensitive),
        ([row for row in summary.get("predecessors") or [] if row.get("flagged")], _after_effect),
    )
    told = [text for found, tell in checks for text in _first_few(found, tell)]
    return [*_uninformative(run, compared), *told]


def notes(summary: Row) -> list[str]:
    """Return what the checks did not find, with how much they could have missed."""
    compared = summary.get("comparisons") or []
    return [*_all_steady(compared), *_no_after_effects(summary), *_disturbed(summary, compared)]


def harness(summary: Row) -> list[str]:
    """Return what measuring itself cost, a sentence per study."""
    return [text for row in summary.get("harness") or [] if (text := _costs(row))]


def undisturbed(row: Row) -> str:
    """Return whether a verdict stands without its disturbed rounds; empty where none was, or nothing is known."""
    if not row.get("disturbed") or row.get("steady") == "never steady":
        return ""
    share, found = percent(row["disturbed"]), row.get("verdict_undisturbed")
    if found is None:
        return f"{share} disturbed; too few others to judge by"
    if found == row.get("verdict"):
        return f"stands without {share}"
    if row.get("sensitive"):
        return f"{found} without {share} (!)"
    return f"{found} without {share}; at random {percent(1 - row['kept_at_random'])} change"


def _uninformative(run: Row, compared: list[Row]) -> list[str]:
    """A control that cannot see a disturbance as large as the margin vouches for nothing."""
    least = 2 * math.log1p(run.get("margin") or DEFAULT_MARGIN)
    controls = [row for row in compared if row.get("control") and row.get("ci_low") and row.get("ci_high")]
    blind = [row for row in controls if not row.get("marked") and math.log(row["ci_high"] / row["ci_low"]) > least]
    if not blind:
        return []
    names = [str(row["group"]) for row in blind]
    where = listing(names) if len(names) <= MOST_NAMED else f"{len(names)} of {len(controls)} groups"
    return [
        f"In {where} the control, which is the baseline against itself, was measured too coarsely to vouch for much: "
        f"its interval is wider than the margin ({margin(run.get('margin'))}), so that a disturbance of that size "
        "would go unseen there." + "".join(map(_beside_one, blind))
    ]


def _beside_one(control: Row) -> str:
    """Return what to mind where a control is not judged to have failed and yet its interval, at 95 %, excludes 1."""
    low, high = control["ci_low"], control["ci_high"]
    if low <= 1 <= high:
        return ""
    figures = f"{ratio(control['ratio'], low, high)} (95 % interval {interval(low, high)})"
    return f" In {control['group']} it takes {figures} of its own time: mind that in what is said of this group."


def _never(row: Row) -> str:
    kept = " Its control failed all the same." if row.get("marked") and row.get("control") else ""
    return (
        f"{_named(row)} is never steady: its ratio to {row['baseline']} moves within every launch. A ratio to a moving "
        f"target is no property of the case, so that its verdict is {row['verdict']}.{kept}"
    )


def _from_round(row: Row) -> str:
    first = str(row["steady"]).removeprefix("from round ")
    before = "the first round" if first == "1" else f"its first {first} rounds"
    return (
        f"{_named(row)} is steady only without {before} of each launch: the ratio would be "
        f"{ratio(row['ratio_steady'])} without them, and is {ratio(row['ratio'])} with all."
    )


def _sensitive(row: Row) -> str:
    return (
        f"{_named(row)} would be {row['verdict_undisturbed']} without the {percent(row['disturbed'])} of its rounds "
        f"that were disturbed, and is {row['verdict']} with them. Leaving out as many at random keeps the verdict, so "
        "it is the disturbance that decides, not the smaller number of rounds: do not rely on it."
    )


def _after_effect(row: Row) -> str:
    return (
        f"In {row['group']} what is sampled right after {row['predecessor']} takes "
        f"{_effect(row)} of its time after the others. Orders are balanced, so that all share this except "
        f"{row['predecessor']} itself, which never follows itself."
    )


def _first_few(found: list[Row], tell: Callable[[Row], str]) -> list[str]:
    told = [tell(row) for row in found[:MOST_NAMED]]
    if len(found) > MOST_NAMED:
        told[-1] += f" So it is with {len(found) - MOST_NAMED} more: see the tables, or summary.json."
    return told


def _all_steady(compared: list[Row]) -> list[str]:
    tested = [row for row in compared if row.get("steady")]
    if not tested or any(row["steady"] != "steady" for row in tested):
        return []
    return [f"All {len(tested)} comparisons are in a steady state: within the launches no ratio changes in common."]


def _no_after_effects(summary: Row) -> list[str]:
    found = summary.get("predecessors") or []
    if not found or any(row.get("flagged") for row in found):
        return []
    largest = max(found, key=lambda row: abs(math.log(row["effect"])))
    return [
        "No case was found to change the times of those sampled right after it; the largest such effect, within "
        f"chance, is {_effect(largest)} after {largest['predecessor']} in {largest['group']}."
    ]


def _disturbed(summary: Row, compared: list[Row]) -> list[str]:
    # Thresholds are made for samples of some milliseconds; what is not judged is sampled by the second.
    shown = {row["study"] for row in summary.get("cases") or [] if not rows.is_judged(row)}
    found = [row for row in summary.get("disturbed") or [] if row["study"] not in shown]
    samples = sum(row["samples"] for row in found)
    if not samples:
        return []
    kinds = (*KINDS, "any", "power_cap")
    shares = {kind: sum(row.get(kind, 0.0) * row["samples"] for row in found) / samples for kind in kinds}
    capped = [_capped(shares["power_cap"])] if shares["power_cap"] else []
    parts = [f"{name} {percent(shares[kind])}" for kind, name in KINDS.items() if shares[kind]]
    if not parts:
        return ["No sample was disturbed, by what the kernel tells of steal time, CPU pressure and switches.", *capped]
    text = (
        f"Of all samples {percent(shares['any'])} were disturbed, beyond what is usual in their launch "
        f"({listing(parts)}). None was dropped for it"
    )
    judged = [row for row in compared if row.get("verdict_undisturbed")]
    if judged and not any(row.get("sensitive") for row in judged):
        text += "; leaving their rounds out changes no verdict that leaving out as many at random would keep"
        if untested := sum(bool(row.get("disturbed")) and not row.get("verdict_undisturbed") for row in compared):
            text += f" ({untested} could not be tried: too few rounds are left)"
    return [f"{text}.", *capped]


def _capped(share: float) -> str:
    return f"Of all samples {percent(share)} met the power limit of a GPU, as is usual under load: no disturbance."


def _costs(row: Row) -> str:
    parts = []
    if row.get("in_samples") is not None:
        some, every = percent(row["in_samples"]), percent(row["in_samples_all"])
        parts.append(
            f"{some} of the time was spent inside samples where one has at least four steps ({every} over all cases)"
        )
    elif row.get("in_samples_all") is not None:
        parts.append(f"{percent(row['in_samples_all'])} of the time was spent inside samples")
    if row.get("overhead") is not None:
        parts.append(f"calls and clock made up at most {small_percent(row['overhead'])} of a sample")
    if row.get("stopped_cpu") is not None:
        parts.append(f"workers that were not timed used {small_percent(row['stopped_cpu'])} of a CPU")
    if row.get("launch_s") is not None:
        parts.append(
            f"on the GPU launching a tiny kernel took {seconds(row['launch_s'])}, one that is waited for "
            f"{seconds(row['round_trip_s'])}, waiting for none {seconds(row['synchronize_s'])}"
        )
    return f"{rows.STUDIES.get(row['study'], row['study'])}: {listing(parts)}." if parts else ""


def _effect(row: Row) -> str:
    low, high = row.get("low"), row.get("high")
    return f"{ratio(row['effect'], low, high)} (95 % interval {interval(low, high)})"


def _named(row: Row) -> str:
    return f"In {row['group']}, {row['case']}"
