"""Do published effects of shape, dtype and padding hold on this machine and this software?

A group is one published effect (``bench/published_effects.py``): its two products, in the library named there. Verdicts
are those of ``bench/reproduction.py``. On a GPU products are replayed from a graph where the library can, as launching
would hide what kernels cost; a padded product and what it is compared with are called one by one.

Quick has the fewest launches that a verdict may rest on, of whole Williams squares.
"""

from __future__ import annotations

from bench import replays
from bench.case import Case, Group
from bench.published_effects import EFFECTS, Effect, Product
from bench.studies import Options, with_control

__all__ = ["QUESTION", "STUDY", "groups"]

QUESTION = "Which published effects of shape, dtype and padding hold here?"
STUDY = "reproduction"
QUICK_LAUNCHES, QUICK_ROUNDS = 5, 24


def groups(options: Options) -> list[Group]:
    """Return a group per published effect on the devices, and in the dtypes, asked for."""
    return [
        _group(options, effect)
        for effect in EFFECTS
        if effect.device in options.devices
        and (not options.dtypes or {effect.case.dtype, effect.baseline.dtype} <= set(options.dtypes))
    ]


def _group(options: Options, effect: Effect) -> Group:
    cases = tuple(_case(options, effect, product) for product in (effect.baseline, effect.case))
    launches, rounds = (QUICK_LAUNCHES, QUICK_ROUNDS) if options.preset == "quick" else (None, None)
    return with_control(Group(STUDY, effect.name, cases, effect.baseline.name, launches, rounds))


def _case(options: Options, effect: Effect, product: Product) -> Case:
    padded = effect.case.padded or effect.baseline.padded
    clock = {} if padded else replays.parameters(effect.library, effect.device)
    return Case(
        study=STUDY,
        group=effect.name,
        name=product.name,
        workload=product.workload,
        provider=effect.library,
        framework=effect.library,
        parameters=product.parameters | clock,
        device=effect.device,
        dtype=product.dtype,
        threads=options.threads,
        seed=options.seed,
        reseeded=True,
    )
