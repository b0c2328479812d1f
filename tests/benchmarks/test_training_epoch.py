"""One epoch of every implementation on resident images, in a narrow network: what the study accuracy times."""

from __future__ import annotations

import pytest

from bench import implementations
from bench.studies import Options, accuracy

OPTIONS = Options(implementations=tuple(implementations.resolve([])), widths=(16,), rates=(0.1,))
CASES = {case.name: case for group in accuracy.groups(OPTIONS) for case in group.cases}


@pytest.mark.parametrize("name", CASES)
def test_training_epoch(name: str, measure) -> None:
    case = CASES[name]
    pytest.importorskip(case.framework, exc_type=ModuleNotFoundError)
    assert measure(case, implementations.load(case.provider, case.source)).equal
