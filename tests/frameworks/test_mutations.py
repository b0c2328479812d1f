"""What is wrong is not equal, in whichever framework, and the check that should tell is the first that does."""

from __future__ import annotations

import numpy as np
import pytest

from bench.case import Case
from tests.frameworks.mutants import CAUGHT_BY, CAUGHT_ELSEWHERE, MUTATIONS, text

SIDE = 4
SQUARE = {"inputs": SIDE**2, "hidden": [SIDE**2], "outputs": SIDE**2}  # a transposed weight fits
BATCH = 32  # other than the outputs: log 16 would be the first loss along either axis


@pytest.fixture(scope="session", params=MUTATIONS)
def framework(request):
    return request.param


@pytest.fixture(scope="session")
def dark(folder_of):
    """A folder of dark images of one class: of several, the gradients would cancel."""
    return folder_of(train=(np.zeros((BATCH, SIDE, SIDE), np.uint8), np.zeros(BATCH, np.uint8)))


@pytest.fixture
def checked(framework, workers, tmp_path):
    """Make a function that checks what ships, or a mutant of it, loaded as a user's file is."""

    def check(wrong, dtype="float32", data=""):
        path = tmp_path / f"{framework}_{list(CAUGHT_BY).index(wrong) if wrong else 'right'}.py"
        path.write_text(text(framework, wrong))
        parameters = SQUARE | {"batch": BATCH, "learning_rate": 0.1}
        case = Case("", "", "", "training_step", path.stem, framework, parameters, dtype=dtype, source=str(path))
        return workers.check(case, data)

    return check


@pytest.mark.parametrize("wrong", CAUGHT_BY)
def test_mutation_is_caught(checked, dark, framework, wrong):
    if wrong not in MUTATIONS[framework]:
        pytest.skip(f"its code for {framework} has no place for that")
    dtype = "float64" if "float64" in wrong else "float32"
    found = checked(wrong, dtype, dark if "at zero" in wrong else "")
    assert not found["equal"]
    assert found["failed"][0] == CAUGHT_ELSEWHERE.get((framework, wrong), CAUGHT_BY[wrong]), found


def test_what_is_not_mutated_is_equal(checked, dark):
    for dtype in ("float32", "float64"):
        for data in ("", dark):
            found = checked(None, dtype, data)
            assert found["equal"], found


def test_each_way_is_tried_in_three_frameworks_or_because_two_alone_have_it():
    tried = {wrong: sum(wrong in ways for ways in MUTATIONS.values()) for wrong in CAUGHT_BY}
    assert all(set(ways) <= set(CAUGHT_BY) for ways in MUTATIONS.values())
    assert min(tried.values()) >= 2
    assert sum(count >= 3 for count in tried.values()) >= 12
