"""One matrix product in each library, at 1024 and at the sizes just above it."""

from __future__ import annotations

import pytest

from bench import libraries
from bench.studies import Options, alignment

CASES = {
    f"{case.provider}-{case.dtype}-{case.name}": case
    for group in alignment.groups(Options())
    for case in group.cases
    if not case.control and case.parameters["stack"] == 1
}


@pytest.mark.parametrize("name", CASES)
def test_matmul(name: str, measure) -> None:
    case = CASES[name]
    pytest.importorskip(case.framework, exc_type=ModuleNotFoundError)
    assert measure(case, libraries.load(case.provider)).equal
