"""A tenth of an epoch through every input pipeline without processes of its own: what the study pipeline times."""

from __future__ import annotations

import pytest

from bench import implementations
from bench.studies import Options, pipeline

OPTIONS = Options(implementations=tuple(implementations.resolve([pipeline.IMPLEMENTATION])), widths=(16,))
CASES = {
    case.name: case
    for group in pipeline.groups(OPTIONS)
    for case in group.cases
    if not case.control and not case.parameters["pipeline_variant"]
}


@pytest.mark.parametrize("name", CASES)
def test_fed_epoch(name: str, measure) -> None:
    case = CASES[name]
    for module in (case.framework, "torchvision"):
        pytest.importorskip(module, exc_type=ModuleNotFoundError)
    assert measure(case, implementations.load(case.provider, case.source)).equal
