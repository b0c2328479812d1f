"""What a run could have measured as well is in its plan; dtypes that only products have are refused elsewhere."""

from __future__ import annotations

import pytest

from bench.errors import BadInput
from mlpbench.asked import Asked, groups, left_out


def test_every_sentence_names_its_study_and_preset() -> None:
    variants, *told = left_out(Asked(), {})
    assert told
    assert all(sentence.startswith("alignment, quick: left out") for sentence in told)
    assert variants.startswith("throughput, quick: left out are variants")
    assert "jax_scratch:eager" in variants


def test_variants_that_are_measured_are_not_left_out() -> None:
    assert left_out(Asked(studies=("throughput",), impl=("all",)), {}) == []
    assert left_out(Asked(studies=("throughput",), preset="standard"), {}) == []


def test_studies_that_say_nothing_leave_nothing_out() -> None:
    assert left_out(Asked(studies=("pipeline", "memory")), {}) == []
    assert left_out(Asked(studies=("alignment",), preset="thorough"), {}) == []


@pytest.mark.parametrize("dtype", ["tf32", "int8"])
def test_dtypes_of_products_are_for_the_study_of_products_alone(dtype: str) -> None:
    found = groups(Asked(studies=("alignment",), dtype=(dtype,)), {})
    assert {case.dtype for group in found for case in group.cases} == {dtype}
    for studies in ((), ("throughput",), ("alignment", "memory")):
        with pytest.raises(BadInput, match=f"--dtype {dtype}: only matrix products have it; name alignment or"):
            groups(Asked(studies=studies, dtype=(dtype,)), {})
