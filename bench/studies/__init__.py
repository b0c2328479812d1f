"""What to compare: one file is one study.

The contract of a study file:

``QUESTION``
    What it answers, in a sentence.
``groups(options) -> list[Group]``
    What is to be compared, whether or not it can run here; the plan finds out.
``left_out(options) -> list[str]``
    Optional: sentences on what could be compared as well and is not, in this preset.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bench.case import CONTROL, Case, Group
from bench.implementations import Implementation
from mlp_impls import Shape

__all__ = ["DEFAULT", "LEARNING_RATE", "Options", "network", "product_case", "training_case", "with_control"]

DEFAULT = ("throughput", "alignment")
LEARNING_RATE = 0.1  # of every network that is timed; only accuracy, where it decides what is learned, has others


@dataclass(frozen=True)
class Options:
    """What the user chose; an empty tuple or None leaves the choice to the study."""

    preset: str = "quick"
    implementations: tuple[tuple[Implementation, str], ...] = ()
    widths: tuple[int, ...] = ()
    depths: tuple[int, ...] = ()
    batches: tuple[int, ...] = ()
    sizes: tuple[int, ...] = ()
    devices: tuple[str, ...] = ("cpu",)
    dtypes: tuple[str, ...] = ()
    threads: int = 1
    baseline: str | None = None
    base_size: str | None = None
    seed: int = 0
    steering: dict[str, str] = field(default_factory=dict)
    epochs: int | None = None
    seeds: int | None = None
    rates: tuple[float, ...] = ()


def with_control(group: Group) -> Group:
    """Return the group with its baseline once more, as the control in a worker of its own."""
    control = replace(group.case(group.baseline), name=CONTROL, control=True)
    return replace(group, cases=(*group.cases, control))


def network(shape: Shape, batch: int, learning_rate: float) -> dict[str, Any]:
    """Return the parameters that every workload of training takes."""
    return {
        "inputs": shape.inputs,
        "hidden": list(shape.hidden),
        "outputs": shape.outputs,
        "batch": batch,
        "learning_rate": learning_rate,
    }


def training_case(
    options: Options, group: tuple[str, str], workload: str, chosen: tuple[Implementation, str],
    parameters: Mapping[str, Any], dtype: str, device: str,
) -> Case:  # fmt: skip
    """Return an implementation's case in a group, (study, name), named after the implementation."""
    (study, name), (implementation, variant) = group, chosen
    return Case(
        study=study,
        group=name,
        name=implementation.spelled(variant),
        workload=workload,
        provider=implementation.name,
        framework=implementation.framework,
        parameters=parameters,
        device=device,
        dtype=dtype,
        threads=options.threads,
        seed=options.seed,
        source=implementation.source,
        variant=variant,
        environment=implementation.environment,
    )


def product_case(
    options: Options, named: tuple[str, str, str], library: str, parameters: Mapping[str, Any], dtype: str,
    device: str, *, reseeded: bool = True,
) -> Case:  # fmt: skip
    """Return a library's product, (study, group, name), that each launch draws anew unless told otherwise."""
    study, group, name = named
    return Case(
        study=study,
        group=group,
        name=name,
        workload="matmul",
        provider=library,
        framework=library,
        parameters=parameters,
        device=device,
        dtype=dtype,
        threads=options.threads,
        seed=options.seed,
        reseeded=reseeded,
    )
