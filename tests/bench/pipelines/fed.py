"""Cases that are fed, and an implementation that keeps what it is fed; without torch and torchvision there are none."""

from __future__ import annotations

import pytest

from bench import pipelines, plugins
from bench.case import Case

pytest.importorskip("torch")
pytest.importorskip("torchvision")

from mlp_impls import torch_concise, torch_manual

# Two processes are what is tested, on a single core as well.
ON_ONE_CORE = pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")
PARAMETERS = {"inputs": 784, "hidden": [8], "outputs": 10, "batch": 8, "learning_rate": 0.1, "images": 32}
NAMES = [(name, kind) for name in plugins.names(pipelines) for kind in pipelines.variants(name) if kind != "pinned"]
IN_PROCESS = [pair for pair in NAMES if not pair[1]]
SHUFFLED = ["dataloader", "resident_copy", "resident_index"]
NETWORKS = [torch_concise, torch_manual]


def case(name="resident_index", kind="", provider="torch_concise", **changes):
    parameters = PARAMETERS | {"pipeline": name, "pipeline_variant": kind} | changes
    return Case("pipeline", "g", f"{name}:{kind}".rstrip(":"), "fed_epoch", provider, "torch", parameters, seed=3)


def numbers(batches):
    """The own numbers of the images in batches."""
    return [round(float(row.reshape(-1)[0]) * 255) for images, *_ in batches for row in images]


class Recorder:
    """torch_concise, with every batch that it is trained on kept."""

    def __init__(self):
        self.batches = []

    def build(self, *arguments, **keywords):
        model = torch_concise.build(*arguments, **keywords)
        train_step = model.train_step

        def kept(batch):
            self.batches.append(batch)
            return train_step(batch)

        model.train_step = kept
        return model
