"""What every implementation promises beside being equal: ``inside.py``, run by its framework's own interpreter."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import implementations
from mlp_impls import numpy_scratch
from tests.frameworks.inside import BEHAVIOURS, failures
from tests.frameworks.mutants import edited

# For each behaviour, what in numpy_scratch is to be exchanged for what, so that it goes wrong.
BREAKS = {
    "batches of other sizes give what the reference gives": ("divisor = len(labels)", "divisor = 8"),
    "the summed loss is divided by the divisor": ("else self._loss_divisor", "else len(labels)"),
    "models alive at once keep rate shape and dtype apart": ("self._learning_rate = ", "NumpyModel._learning_rate = "),
    "logits of ten thousand give the right loss and gradient": ("np.max(logits, ", "np.max(0 * logits, "),
    "a unit that is exactly zero passes no gradient": ("np.less_equal(", "np.less("),
    "a learning rate of zero changes nothing": ("= learning_rate\n", "= learning_rate or 0.1\n"),
    "weights are copies of the dtype": ("parameter.copy()", "parameter"),
    "given weights are copied": ("np.array(values, dtype=dtype", "np.asarray(values, dtype=dtype"),
    "prediction uses the weights as they are and leaves them": (
        "return outputs[-1]",
        "self._parameters[1] += 1; return outputs[-1]",
    ),
    "losses can be read after later steps": (
        "return np.sum(column[:, 0] - picked) / divisor",
        "column[0] = np.sum(column[:, 0] - picked) / divisor; return column[0, 0, ...]",
    ),
    "placed batches can be used again in any order": (
        "images, labels = batch\n",
        "images, labels = batch; images *= 0.5\n",
    ),
    "images may lie in memory as they like": (
        "np.ascontiguousarray(images, ",
        "np.array(images.ravel(order='K').reshape(images.shape), ",
    ),
    "what it cannot do has a reason": ('f"NumPy has no {device.upper()}"', '""'),
    "it says what of a step is compiled": ('graph = "none"', 'graph = ""'),
    "waiting ends": ('"""Return at once: NumPy computes before it returns."""', "raise RuntimeError"),
}


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_behaviour(row, behaviour, behaved):
    wrong = behaved(row)[behaviour]
    assert wrong is None, wrong


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_one_that_does_not_behave_is_told(tmp_path, behaviour):
    path = tmp_path / "broken.py"
    path.write_text(edited(Path(numpy_scratch.__file__).read_text(), dict([BREAKS[behaviour]])))
    assert failures(implementations.load("broken", str(path)), {})[behaviour] is not None
