"""What does the input pipeline cost: the textbook's loader against images that are resident on the device?"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from bench import pipelines, plugins
from bench.case import Group
from bench.implementations import Implementation
from bench.studies import LEARNING_RATE, Options, network, training_case, with_control
from mlp_impls import Shape

__all__ = ["BASELINE", "IMPLEMENTATION", "QUESTION", "groups"]

QUESTION = "What does the input pipeline cost, and where does its time go?"
BASELINE = "dataloader"
IMPLEMENTATION = "torch_concise"  # that of the textbook's network, behind each pipeline
WIDTH, DEPTH, BATCH = 256, 1, 256

# A tenth of Fashion-MNIST: through the textbook's loader a whole epoch takes seconds, twenty rounds of it minutes.
IMAGES = 6_000


def groups(options: Options) -> list[Group]:
    """Return one group per implementation, network, batch, dtype and device: each pipeline before the same network."""
    shapes = [Shape(hidden=(width,) * depth)
              for width, depth in product(options.widths or (WIDTH,), options.depths or (DEPTH,))]  # fmt: skip
    return [
        _group(options, implementation, variant, shape, batch, dtype, device)
        for device, dtype, batch, shape, (implementation, variant) in product(
            options.devices, options.dtypes or ("float32",), options.batches or (BATCH,), dict.fromkeys(shapes),
            options.implementations,
        )
    ]  # fmt: skip


def _group(
    options: Options, implementation: Implementation, variant: str, shape: Shape, batch: int, dtype: str, device: str
) -> Group:
    name = f"{implementation.spelled(variant)} {shape.name} batch {batch} {dtype} {device}"
    parameters = network(shape, batch, LEARNING_RATE) | {"images": max(IMAGES // batch, 1) * batch}
    behind_all = training_case(
        options, ("pipeline", name), "fed_epoch", (implementation, variant), parameters, dtype, device
    )
    cases = tuple(
        replace(
            behind_all,
            name=_named(pipeline, kind),
            parameters=parameters | {"pipeline": pipeline, "pipeline_variant": kind},
            apart=_named(pipeline, kind),
        )
        for pipeline in plugins.names(pipelines)
        for kind in pipelines.variants(pipeline)
    )
    return with_control(Group("pipeline", name, cases, BASELINE))


def _named(pipeline: str, kind: str) -> str:
    return f"{pipeline}:{kind}" if kind else pipeline
