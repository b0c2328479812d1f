"""What ``triton_fused`` does under Triton's interpreter, which a process of its own must start with."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass

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


def main() -> None:
    """Print a line of JSON: reasons by dtype, what the check finds, what goes wrong in each behaviour, the padding."""
    reasons = {dtype: triton_fused.unsupported("cpu", dtype) for dtype in triton_fused.DTYPES}
    found = {"padding": padding(), "reasons": reasons, "behaviours": failures(triton_fused, {})}
    print(json.dumps(found | {"checked": {case.name: checked(case) for case in CHECKED}}))


if __name__ == "__main__":
    sys.exit(main())
