"""Simulated tries of a self-check: lines of every kind, seeded, judged by the statistics that a run uses."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from bench import stats, store
from bench.selfcheck import attribution, record

Line = dict[str, Any]

PAIRS = [("numpy", f"784-{width}-10") for width in (16, 64, 256, 1024)] + [
    ("torch", f"784-{width}-10") for width in (16, 64, 256, 1024)
]
SETTINGS = {  # name: provider, truth, budget in seconds, margin, standard deviation of a launch's log ratio
    "numpy +5 % in 20 s": ("numpy", 1.05, 20.0, 0.02, 0.012),
    "numpy +2 % in 30 s": ("numpy", 1.02, 30.0, 0.01, 0.008),
    "numpy +1 % in 60 s": ("numpy", 1.01, 60.0, 0.005, 0.0055),
    "torch +5 % in 300 s": ("torch", 1.05, 300.0, 0.02, 0.02),
}
TOOLS = {  # tool: standard deviation of its ratio, the share of that which its interval shows, its rule
    "mlpbench": (0.006, 1.0, "95 % t interval over launches, margin 2 %"),
    "pyperf": (0.05, 0.2, "t test on pooled values (compare_to)"),
    "pytest-benchmark": (0.08, None, "means over 5 % apart"),
    "torch.utils.benchmark": (0.06, 0.3, "quartiles do not overlap"),
}


def comparison(
    noise: np.random.Generator,
    truth: float,
    deviation: float,
    *,
    shift: float = 0.0,
    margin: float = 0.02,
    launches: int = 8,
    **identity: Any,
) -> Line:
    """A comparison whose launches scatter independently around a truth, all of them shifted alike."""
    medians = noise.normal(np.log(truth) + shift, deviation, launches)
    found = stats.mean_interval(medians)
    ratio, low, high = (float(np.exp(log)) for log in (found.mean, found.low, found.high))
    judged = stats.Comparison(ratio, low, high, ratio, found.p, found.deviation, launches, 20)
    alpha = stats.CONTROL_ALPHA if truth == 1 else stats.ALPHA
    return {
        "group": "g",
        "provider": "numpy",
        "case": "control",
        "control": truth == 1,
        "truth": truth,
        "medians": medians.tolist(),
        "ratio": ratio,
        "ci_low": low,
        "ci_high": high,
        "p": found.p,
        "p_adjusted": found.p,
        "verdict": stats.verdict(judged, found.p, margin, alpha),
        "mde": stats.mde(found.deviation, launches, 1, margin),
        "rounds": 20,
        **identity,
    }


def own_try(kind: str, number: int, comparisons: list[Line], **more: Any) -> Line:
    """A try of mlpbench's own."""
    return {
        "kind": kind,
        "tool": "mlpbench",
        "setting": "A/A",
        "number": number,
        "began": f"2026-11-22T15:{number // 60:02}:{number % 60:02}+00:00",
        "seconds": 240.0,
        "budget_s": None,
        "launches": 8,
        "rounds": 20,
        "margin": 0.02,
        "comparisons": comparisons,
        "harness": {"in_samples": 0.71, "overhead": 0.0002, "stopped_cpu": 0.0},
        **more,
    }


def identical(runs: int = 12, *, seed: int = 0, between: float = 0.0, copies: int = 4) -> list[Line]:
    """Runs of identical pairs; ``between`` is a deviation from run to run that no standard error shows."""
    noise = np.random.default_rng(seed)
    return [
        own_try(
            "aa",
            run,
            [
                comparison(
                    noise, 1.0, noise.lognormal(-4.6, 0.5), group=group, provider=provider, case=f"copy {copy}",
                    shift=float(noise.normal(0, between)),
                )
                for provider, group in PAIRS
                for copy in range(copies)
            ],
        )
        for run in range(runs)
    ]  # fmt: skip


def planted(tries: int = 60, *, seed: int = 1) -> list[Line]:
    """Tries with a planted difference and their control, in every setting."""
    noise = np.random.default_rng(seed)
    return [
        own_try(
            "planted",
            number,
            [
                comparison(noise, truth, deviation, margin=margin, provider=provider, case="planted"),
                comparison(noise, 1.0, deviation, margin=margin, provider=provider),
            ],
            setting=setting,
            budget_s=budget,
            margin=margin,
            seconds=float(budget * noise.uniform(0.9, 1)),
        )
        for setting, (provider, truth, budget, margin, deviation) in SETTINGS.items()
        for number in range(tries)
    ]


def peers(pairs: int = 40, *, seed: int = 2) -> list[Line]:
    """Pairs, identical and 5 % apart, through every tool."""
    noise = np.random.default_rng(seed)
    clock = count()
    lines = []
    for number in range(pairs):
        for truth in (1.0, 1.05):
            for tool, (deviation, shown, rule) in TOOLS.items():
                log = float(noise.normal(np.log(truth), deviation))
                half = 0.05 if shown is None else 1.96 * deviation * shown
                verdict = "inconclusive" if abs(log) < half else "slower" if log > 0 else "faster"
                ends = (None, None) if shown is None else (float(np.exp(log - half)), float(np.exp(log + half)))
                lines.append(
                    {
                        "kind": "peer",
                        "tool": tool,
                        "number": number,
                        "began": f"{next(clock)}",
                        "pair": "matmul 256",
                        "truth": truth,
                        "ratio": float(np.exp(log)),
                        "ci_low": ends[0],
                        "ci_high": ends[1],
                        "verdict": verdict,
                        "rule": rule,
                        "seconds": float(noise.uniform(18, 22)),
                    }
                )
    return lines


def timers(*, caught: bool = True) -> list[Line]:
    """Timers broken on purpose, the last of which may get through."""
    rows = [
        {
            "timer": "no synchronisation",
            "caught": True,
            "by": "rate above the peak",
            "detail": "410 of at most 60 GFLOP/s",
        },
        {
            "timer": "no warm-up",
            "caught": True,
            "by": "steady-state test",
            "detail": "first samples 3.1 times the last",
        },
        {"timer": "A then B", "caught": caught, "by": "control", "detail": "1.04, 95 % interval 1.02 to 1.06"},
    ]
    return [{"kind": "timers", "began": "2026-11-22T18:00:00+00:00", "seconds": 40.0, "rows": rows}]


def attributions(tries: int = 6, *, seed: int = 3, share: float = 1.0, deviation: float = 0.004) -> list[Line]:
    """Tries with a cost planted on one factor, each in turn, of which so much is found there and the rest elsewhere."""
    noise = np.random.default_rng(seed)
    lines = []
    for number in range(tries):
        factor, _ = attribution.cells(number, 1)
        names = [*attribution.FACTORS, "size × base address"]
        wrong = next(name for name in names if name != factor)
        effects = []
        for name in names:
            truth = attribution.TRUTH if name == factor else 1.0
            found = attribution.TRUTH ** {factor: share, wrong: 1 - share}.get(name, 0.0)
            one = comparison(noise, found, deviation)
            kind = "interaction" if "×" in name else "main"
            effects.append(one | {"factor": name, "level": "second", "kind": kind, "truth": truth})
        more = {"setting": f"cost on {factor}", "factor": factor, "effects": effects, "seconds": 50.0}
        lines.append(own_try("attribution", number, [], **more))
    return lines


def everything() -> list[Line]:
    """Every kind of line, many of each."""
    return [*identical(), *planted(), *peers(), *timers(), *attributions()]


def add(path: Path, *lines: Line) -> None:
    """Append tries to a folder's record."""
    file = record.open_tries(path)
    for line in lines:
        file.append(line)
    file.close()


def folder(path: Path, lines: list[Line], **run: Any) -> Path:
    """A self-check's folder with these tries."""
    path.mkdir(parents=True, exist_ok=True)
    facts = {"cpu": {"brand": {"value": "Test CPU", "unit": "", "source": "test", "kind": "queried"}}}
    described = {
        "format_version": 1,
        "kind": "selfcheck",
        "command": ["mlpbench", "selfcheck"],
        "label": "a test's machine",
        "created": "2026-11-22T15:00:00+00:00",
        "seed": 0,
        "margin": 0.02,
        "threads": 1,
        "machine": {"fingerprint": "f", "facts": facts},
        "versions": {"mlpbench": "0"},
        "git": None,
    }
    store.write_json(path / "run.json", described | run)
    add(path, *lines)
    return path
