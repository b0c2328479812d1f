"""Made-up worlds for advice: what each case takes is known, samples scatter around it, everything else is real."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from bench.advice.problems import Place
from bench.advice.products import Product
from bench.case import Case
from bench.plan import Plan
from bench.store import Records
from bench.survey import Survey

Effect = Callable[[Case], float]

STEP_S = 0.001
CHEAP = Survey(start_s={"numpy": 0.2})


def product(m: int = 250, k: int = 330, n: int = 500, **more: Any) -> Product:
    return Product(Place("cpu", "float32", 1), m, k, n, "numpy", **more)


class World:
    """Carries plans out by an effect: the ratio of a case's time to 1 ms. Keeps the plans it was given."""

    def __init__(
        self,
        effect: Effect,
        *,
        seed: int = 0,
        launch: float = 0.003,
        sample: float = 0.01,
        broken: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.effect, self.launch, self.sample, self.broken = effect, launch, sample, broken
        self.noise = np.random.default_rng(seed)
        self.plans: list[Plan] = []

    def __call__(self, plan: Plan, margin: float) -> Records:
        self.plans.append(plan)
        run = {"plan": plan.to_json(), "seed": plan.seed, "margin": margin, "machine": {"facts": {}, "fingerprint": ""}}
        records = Records(run, [], [])
        for study, launches in plan.launches.items():
            for index in range(launches):
                self._launch(plan, study, index, records)
        return records

    def _launch(self, plan: Plan, study: str, index: int, records: Records) -> None:
        for planned in plan.of(study):
            for case in planned.group.cases:
                reason = self.broken.get(case.name)
                if reason is not None:
                    records.outcomes.append({"kind": "failure", "case": case.id, "reason": reason, "phase": "start-up"})
                    continue
                own = self.effect(case) * np.exp(self.noise.normal(0, self.launch))
                times = STEP_S * own * np.exp(self.noise.normal(0, self.sample, planned.rounds))
                records.samples += [
                    {"case": case.id, "launch": index, "attempt": 0, "round": number, "position": 0, "steps": 1,
                     "elapsed_s": elapsed}
                    for number, elapsed in enumerate(times.tolist())
                ]  # fmt: skip
        records.outcomes.append({"kind": "launch", "study": study, "launch": index, "attempt": 0, "complete": True})


def arithmetic(case: Case) -> float:
    """A world in which time is the arithmetic done, and a copy takes 4 %."""
    wide, own = (np.prod([case.parameters[prefix + name] for name in "mkn"]) for prefix in ("pad_", ""))
    return float(wide / own) * (1.04 if case.parameters["copied"] else 1.0)


def gaining(**factors: Mapping[int, float]) -> Effect:
    """That world, but some padded sizes are faster by a factor: ``gaining(k={336: 0.8})``."""

    def effect(case: Case) -> float:
        ratio = arithmetic(case)
        for name, sizes in factors.items():
            ratio *= sizes.get(case.parameters[f"pad_{name}"], 1.0)
        return ratio

    return effect
