"""What a case asks of where its operands lie: drawn anew per launch where it asks for nothing, or refused."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench import placing, survey
from bench.case import Case
from tests.bench.loaded import address, load, numpy_library, strides


def case(reseeded: bool = False, **parameters: Any) -> Case:
    sizes = dict.fromkeys("mkn", 8) | {"stack": 1}
    return Case("alignment", "g", "c", "matmul", "numpy", "numpy", sizes | parameters, reseeded=reseeded)


def placed(one: Case, provider: Any = numpy_library) -> placing.Operands:
    return placing.place(one, provider, np.ones((8, 8)), np.ones((8, 8)), (8, 8), one.dtype)


def test_a_launch_draws_the_base_addresses_of_its_own() -> None:
    first, again, other = (placed(replace(case(reseeded=True), seed=seed)) for seed in (1, 1, 2))
    found = [[address(array) % placing.PAGE for array in one] for one in (first, again, other)]
    assert found[0] == found[1] != found[2]
    assert len(set(found[0])) == 3


def test_cases_of_one_launch_draw_apart() -> None:
    one, other = (placed(replace(case(reseeded=True), name=name)) for name in ("1024", "control"))
    assert [address(array) % placing.PAGE for array in one] != [address(array) % placing.PAGE for array in other]


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_what_is_drawn_is_what_the_librarys_allocator_may_give(name: str) -> None:
    library = load(name)
    drawn = {
        address(array) % placing.PAGE
        for seed in range(60)
        for array in placed(replace(case(reseeded=True), seed=seed), library)
    }
    alignment = library.ALIGNMENTS["cpu"]
    assert {value % alignment for value in drawn} == {0}
    assert len(drawn) > 30  # of 64 or 256 that there are, drawn 180 times
    assert any(value % (2 * alignment) for value in drawn)


def test_a_leading_dimension_alone_leaves_the_base_address_to_chance() -> None:
    drawn = {address(placed(replace(case(reseeded=True, leading=9), seed=seed)).a) % placing.PAGE for seed in range(9)}
    assert len(drawn) > 1
    assert strides(placed(case(reseeded=True, leading=9)).out) == (9, 1)


@pytest.mark.parametrize("reseeded", [False, True])
def test_a_base_address_that_is_asked_for_is_that_of_all_three(reseeded: bool) -> None:
    found = placed(case(reseeded, leading=9, offset=32))
    assert {address(array) % placing.PAGE for array in found} == {32}
    assert {strides(array) for array in found} == {(9, 1)}


def recorded(asked: list[str]) -> SimpleNamespace:
    """A library without ``placed``."""
    return SimpleNamespace(
        array=lambda *_: asked.append("array"), empty=lambda *_: asked.append("empty"), host=None, matmul=None
    )


def test_a_library_that_places_its_arrays_itself_does_so_in_every_launch() -> None:
    asked: list[str] = []
    placed(case(reseeded=True), recorded(asked))
    assert asked == ["array", "array", "empty"]


def test_where_launches_draw_nothing_the_library_places() -> None:
    asked: list[str] = []
    placed(case(), SimpleNamespace(**vars(recorded(asked)), placed=None, ALIGNMENTS=None))
    assert asked == ["array", "array", "empty"]


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({}, None),
        ({"layout": "NN"}, None),
        ({"layout": "NT"}, "numpy places its arrays itself: no layout can be chosen"),
        ({"leading": 9}, "numpy places its arrays itself: no leading dimension or base address can be chosen"),
        ({"offset": 0}, "numpy places its arrays itself: no leading dimension or base address can be chosen"),
    ],
)
def test_what_such_a_library_cannot_do_is_a_reason(asked: dict[str, Any], reason: str | None) -> None:
    assert placing.refused(case(**asked), recorded([]), 4, (8, 8, 8)) == reason


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"leading": 8, "offset": 8, "layout": "TT"}, None),
        ({"leading": 7}, "leading dimension 7: the longest stored row has 8 elements; choose no less"),
        ({"offset": 4}, "base address 4: expected a multiple of the 8 bytes of an element"),
        ({"offset": -8}, "base address -8: expected a multiple of the 8 bytes of an element"),
        ({"layout": "NX"}, "layout NX: expected one of NN, NT, TN, TT"),
    ],
)
def test_what_cannot_be_asked_for_is_a_reason(asked: dict[str, Any], reason: str | None) -> None:
    assert placing.refused(case(**asked), numpy_library, 8, (8, 8, 8)) == reason


@pytest.mark.parametrize(
    ("layout", "sizes", "longest"),
    [
        ("NN", (60, 30, 25), 30),
        ("NN", (60, 30, 50), 50),
        ("NT", (60, 30, 25), 30),
        ("TN", (60, 30, 25), 60),
        ("TN", (20, 30, 25), 25),
        ("TT", (20, 30, 25), 30),
        ("NT", (20, 30, 50), 50),
    ],
)
def test_the_longest_stored_row_depends_on_the_layout(layout: str, sizes: tuple[int, int, int], longest: int) -> None:
    """Of (m, k, n): a is (m, k) or stored as (k, m), b is (k, n) or stored as (n, k), and the result is (m, n)."""
    refused = placing.refused(case(layout=layout, leading=longest - 1), numpy_library, 4, sizes)
    assert refused is not None
    assert f"has {longest} elements" in refused
    assert placing.refused(case(layout=layout, leading=longest), numpy_library, 4, sizes) is None


def test_every_placing_is_asked_for_by_itself() -> None:
    """What one case cannot have is no reason to skip another of the same library and dtype."""
    possible, short = case(), replace(case(leading=7), name="short")
    found = survey.survey([possible, short]).reasons
    assert found.keys() == {short.id}
    assert found[short.id].startswith("leading dimension 7")
