"""Does each implementation learn what the published runs learned, epoch by epoch, and in how many seconds?"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from bench import published
from bench.case import Group
from bench.studies import Options, network, training_case
from mlp_impls import Shape

__all__ = ["EPOCHS", "QUESTION", "SEEDS", "groups"]

QUESTION = "Does each implementation learn what the published runs learned, and how fast?"
SEEDS = {"quick": 3, "standard": 5, "thorough": 10}  # each a launch, so that a preset means what it means elsewhere
EPOCHS = 10
NO_BASELINE = ""  # seconds are shown, not judged: throughput and pipeline judge speed


def groups(options: Options) -> list[Group]:
    """Return one group per recipe, network, dtype and device; a launch is a seed and a round an epoch of each."""
    recipes = [one for one in published.RECIPES if not options.rates or one.learning_rate in options.rates]
    known = {one.learning_rate for one in published.RECIPES}
    recipes += [published.Recipe(rate, published.MEAN) for rate in options.rates if rate not in known]
    shapes = [Shape(hidden=(width,) * depth) for width, depth in
              product(options.widths or (published.WIDTH,), options.depths or (published.DEPTH,))]  # fmt: skip
    return [
        _group(options, recipe, shape, batch, dtype, device)
        for device, dtype, batch, shape, recipe in product(
            options.devices, options.dtypes or ("float32",), options.batches or (published.BATCH,),
            dict.fromkeys(shapes), recipes,
        )
    ]  # fmt: skip


def _group(
    options: Options, recipe: published.Recipe, shape: Shape, batch: int, dtype: str, device: str
) -> Group:  # fmt: skip
    name = f"{shape.name} batch {batch} {recipe.name} {dtype} {device}"
    divisor = float(batch) if recipe.division == published.NOMINAL else None
    parameters = network(shape, batch, recipe.learning_rate) | {"loss_divisor": divisor}
    cases = tuple(
        replace(
            training_case(options, ("accuracy", name), "training_epoch", chosen, parameters, dtype, device),
            reseeded=True,
        )
        for chosen in options.implementations
    )
    return Group("accuracy", name, cases, NO_BASELINE, options.seeds or SEEDS[options.preset], options.epochs or EPOCHS)
