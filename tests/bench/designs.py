"""Factorial designs of known truth: cells, the times they take, and what is derived of them as of a run's samples."""

from itertools import product

import numpy as np

from bench import plan, store, summary
from bench.case import Case, Group
from bench.plan import Plan, Planned
from bench.studies import with_control
from tests.bench.conftest import record

REFERENCE = {"size": 1024, "leading dimension": "aligned", "base address": 0}
SECOND = {"size": 1025, "leading dimension": "misaligned", "base address": 4}
TRAP = "power of two"
FACTORS = tuple(REFERENCE)
PLANTED = 0.2


def name_of(levels):
    return " ".join(map(str, levels.values()))


def all_levels():
    crossed = [
        dict(zip(FACTORS, chosen, strict=True))
        for chosen in product(*zip(REFERENCE.values(), SECOND.values(), strict=True))
    ]
    return [*crossed, REFERENCE | {"leading dimension": TRAP}]


CELLS = {name_of(levels): levels for levels in all_levels()}
BASELINE = next(iter(CELLS))


def case_of(levels):
    size = levels["size"]
    parameters = {"m": size, "k": size, "n": size, "stack": 1, "levels": levels}
    return Case("alignment", "numpy causes", name_of(levels), "matmul", "numpy", "numpy", parameters)


GROUP = with_control(Group("alignment", "numpy causes", tuple(map(case_of, CELLS.values())), BASELINE))


def planted_on(factor, cells=CELLS):
    """The extra time of each cell but the first where its second level of a factor costs."""
    return [PLANTED * (levels[factor] == SECOND[factor]) for levels in list(cells.values())[1:]]


def derived(folder, times, group=GROUP, lost=(), complete=lambda launch: True):
    """Write times per FLOP, (cells, launches, rounds), as a run's samples; read them; return what is derived."""
    cases = [case for case in group.cases if case.name not in lost]
    launches, rounds = times.shape[1:]
    made = Plan(0, {"alignment": launches}, [Planned(group, rounds)], [])
    run = store.RunFolder.create(folder, record(made))
    for launch in range(launches):
        order = plan.order(rounds, len(cases), plan.launch_generator(0, "alignment", launch, 0))
        for number, position in product(range(rounds), range(len(cases))):
            case = order[number][position]
            size = cases[case].parameters["m"]
            elapsed = 1e-11 * times[list(group.cases).index(cases[case]), launch, number] * 2 * size**3
            run.sample({"case": cases[case].id, "launch": launch, "attempt": 0, "round": number, "position": position,
                        "steps": 1, "elapsed_s": elapsed})  # fmt: skip
        run.outcome("launch", study="alignment", launch=launch, attempt=0, complete=complete(launch))
    for name in lost:
        run.outcome("failure", case=group.case(name).id, reason="it broke", phase="sampling")
    run.close()
    return summary.summarize(store.read(folder))


def simulated(regime, effects, *, experiments=1, launches=8, rounds=20, seed=0):
    """Times per FLOP of the cells, the last one their control, (experiments, cells, launches, rounds)."""
    generator = np.random.default_rng(seed)
    return regime.times(generator, (experiments, len(effects) + 2, launches, rounds), [*effects, 0.0])


def quiet(logs, launches=6, rounds=20):
    """Times whose logarithms are as given by cell, all but the same in every launch."""
    noise = 1e-4 * np.random.default_rng(0).standard_normal((len(GROUP.cases), launches, 1))
    exact = np.array([*(logs(levels) for levels in CELLS.values()), logs(REFERENCE)])
    return np.exp(exact[:, None, None] + noise + np.zeros(rounds))


def by_effect(rows):
    return {(row["factor"], row["level"]): row for row in rows if not row["given"]}


def is_second(levels, factor):
    return levels[factor] == SECOND[factor]


def additive(levels):
    """Size costs 3 %, a misaligned leading dimension 20 %, both together 5 % more; a power of two 4 %."""
    size, leading = is_second(levels, "size"), is_second(levels, "leading dimension")
    return (
        np.log(1.03) * size
        + np.log(1.2) * leading
        + np.log(1.05) * size * leading
        + np.log(1.04) * (levels["leading dimension"] == TRAP)
    )
