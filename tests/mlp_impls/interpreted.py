"""What ``triton_fused`` does under Triton's interpreter, which a process of its own must start with."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass

import numpy as np
import torch

from bench.equality import check
from mlp_impls import Shape, initial_weights, triton_fused
from mlp_impls.cuda import division
from tests.frameworks.inside import failures


@dataclass(frozen=True)
class Checked:
    """A case of the equality check, on a device of so many multiprocessors."""

    dtype: str
    shape: Shape
    batch: int
    multiprocessors: int = 4
    long: int = division.LONG

    @property
    def name(self) -> str:
        return f"{self.shape.name} batch {self.batch} {self.dtype} on {self.multiprocessors}, long {self.long}"


CHECKED = [
    Checked("float32", Shape(20, (), 3), 20),
    Checked("float32", Shape(20, (33,), 3), 20),
    Checked("float64", Shape(20, (), 3), 20),
    Checked("float64", Shape(20, (33, 16), 3), 5),
    Checked("float32", Shape(20, (100,), 17), 5),
    Checked("float64", Shape(20, (7, 7, 7, 7), 3), 1),
    Checked("float16", Shape(20, (7, 7), 3), 20),
    # Programs share out the inputs of the first products, the examples of W1's gradient, or both.
    Checked("float64", Shape(50, (16,), 3), 20, multiprocessors=8),
    Checked("float64", Shape(50, (16,), 3), 40, long=40),
    Checked("float32", Shape(50, (7,), 3), 40, multiprocessors=8, long=40),
    # Blocks of one, two and four examples; columns of a wide W1 in parts, and as a whole.
    Checked("float64", Shape(50, (200,), 17), 20, multiprocessors=40),
    Checked("float32", Shape(50, (256,), 3), 20, multiprocessors=10),
    Checked("float64", Shape(50, (129,), 3), 37, multiprocessors=10),
    Checked("float16", Shape(50, (200,), 3), 20),
    Checked("float32", Shape(20, (200,), 3), 5, multiprocessors=1),
]


def checked(case: Checked) -> dict[str, object]:
    """Return what the equality check finds."""
    triton_fused.INTERPRETED = case.multiprocessors
    division.LONG = case.long
    division.SHARE = min(division.SHARE, case.long // 2)
    settings = {"dtype": case.dtype, "device": "cpu", "batch": case.batch, "learning_rate": 0.1, "seed": 0}
    return asdict(check(triton_fused, {}, shape=case.shape, **settings))


def padding() -> float:
    """Return the largest of what surrounds the parameters after a step that moves these far."""
    shape = Shape(20, (33, 7), 3)
    layout = division.Layout(shape, 4)
    parameters = torch.zeros(layout.first + layout.rest)
    for view, values in zip(layout.views(parameters), initial_weights(shape, 0), strict=True):
        view.copy_(torch.tensor(values))
    network = triton_fused._Network(layout, parameters, 2.0**20, None)
    network.step(torch.rand(19, 20), torch.randint(3, (19,)))
    for view in network.views:
        assert view.abs().sum() > 1, "no step"
        view.zero_()
    return float(parameters.abs().max())


def epochs_apart() -> float:
    """Return by how much losses and weights differ after two epochs: at once, and step by step."""
    shape = Shape(20, (7,), 3)
    settings = {"learning_rate": 0.1, "loss_divisor": None, "device": "cpu", "dtype": "float32"}
    whole, stepped = (triton_fused.build(shape, initial_weights(shape, 0), **settings) for _ in range(2))
    generator, apart = np.random.default_rng(0), []
    for _ in range(2):
        batches = [
            (generator.random((size, 20), dtype=np.float32), generator.integers(3, size=size)) for size in (17, 17, 5)
        ]
        losses = whole.train_epoch([whole.place(*one) for one in batches])
        expected = [stepped.train_step(stepped.place(*one)) for one in batches]
        apart += [abs(whole.read(a) - stepped.read(b)) for a, b in zip(losses, expected, strict=True)]
    apart += [float(np.abs(a - b).max()) for a, b in zip(whole.weights(), stepped.weights(), strict=True)]
    return max(apart)


def main() -> None:
    """Print a line of JSON: reasons by dtype, what the check finds, what goes wrong, what padding and epochs give."""
    reasons = {dtype: triton_fused.unsupported("cpu", dtype) for dtype in triton_fused.DTYPES}
    found = {"padding": padding(), "epochs": epochs_apart(), "reasons": reasons}
    found["behaviours"] = failures(triton_fused, {})
    print(json.dumps(found | {"checked": {case.name: checked(case) for case in CHECKED}}))


if __name__ == "__main__":
    sys.exit(main())
