"""One SGD step of every implementation, narrow to wide, on resident batches."""

from __future__ import annotations

import pytest

from bench import implementations
from bench.studies import Options, throughput

OPTIONS = Options(implementations=tuple(implementations.resolve([])), widths=(16, 256, 1024))
CASES = {
    f"{case.parameters['hidden'][0]}-{case.name}": case
    for group in throughput.groups(OPTIONS)
    for case in group.cases
    if not case.control
}


@pytest.mark.parametrize("name", CASES)
def test_training_step(name: str, measure) -> None:
    case = CASES[name]
    pytest.importorskip(case.framework, exc_type=ModuleNotFoundError)
    assert measure(case, implementations.load(case.provider, case.source)).equal
