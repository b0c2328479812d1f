"""One colour per implementation everywhere."""

from __future__ import annotations

import colorsys
from itertools import combinations

import pytest

from bench import implementations, libraries
from reports.colours import BUILT_IN, OTHERS, looks, ordered, strokes
from tests.reports import crowd


def test_no_two_built_in_names_look_alike() -> None:
    assert len({look.colour for look in BUILT_IN.values()}) == len(BUILT_IN)


def test_a_built_in_name_keeps_its_look_whatever_stands_beside_it() -> None:
    assert looks(["torch_manual", "zeta", "alpha"])["torch_manual"] == BUILT_IN["torch_manual"]


def test_any_other_name_has_a_look() -> None:
    names = [f"implementation_{number}" for number in range(60)]
    assert set(looks(names)) == set(names)


def test_as_many_other_names_as_there_are_colours_all_differ() -> None:
    names = [f"implementation_{number}" for number in range(len(OTHERS))]
    assert len({look.colour for look in looks(names).values()}) == len(names)


def test_other_names_are_coloured_alike_in_every_order() -> None:
    names = ["mine", "yours", "theirs", "ours"]
    assert looks(names) == looks(reversed(names))


def test_every_implementation_and_library_that_ships_has_a_look_of_its_own() -> None:
    assert set(implementations.built_in()) | set(libraries.names()) <= set(BUILT_IN)


@pytest.mark.parametrize("names", [list(implementations.built_in()), libraries.names(), list(crowd.FIXED_S)])
def test_no_two_of_one_figure_look_alike(names: list[str]) -> None:
    assert len(set(looks(names).values())) == len(names)


def distance(one: str, other: str) -> float:
    """Between two colours as the eye weighs their parts (Riemersma's "low-cost" metric), up to 765."""
    (r1, g1, b1), (r2, g2, b2) = ([int(text[place : place + 2], 16) for place in (1, 3, 5)] for text in (one, other))
    red = (r1 + r2) / 2
    parts = (2 + red / 256) * (r1 - r2) ** 2, 4 * (g1 - g2) ** 2, (2 + (255 - red) / 256) * (b1 - b2) ** 2
    return float(sum(parts) ** 0.5)


def test_colours_of_implementations_that_ship_are_far_apart() -> None:
    colours = [BUILT_IN[name].colour for name in BUILT_IN if "_" in name]
    assert min(distance(*pair) for pair in combinations(colours, 2)) > 100


def test_markers_of_implementations_that_ship_all_differ() -> None:
    markers = [BUILT_IN[name].marker for name in BUILT_IN if "_" in name]
    assert len(set(markers)) == len(markers)


def test_a_variant_has_the_colour_of_its_implementation_and_a_broken_line_and_marker_of_its_own() -> None:
    found = looks(["torch_manual", "torch_manual:fused", "torch_manual:inplace", "torch_manual@old"])
    assert {look.colour for look in found.values()} == {BUILT_IN["torch_manual"].colour}
    assert len({look.line for look in found.values()}) == len({look.marker for look in found.values()}) == 4


def test_eager_is_dashed_alike_for_every_implementation() -> None:
    found = looks(["mine", "mine:eager", "jax_scratch:eager", "jax_scratch:other"])
    assert found["mine:eager"][1:] == found["jax_scratch:eager"][1:]
    assert found["mine:eager"].line != "-"
    assert strokes(found)["eager"].word == strokes([])["eager"].word == "dashed"
    assert found["jax_scratch:other"].line != found["jax_scratch:eager"].line
    assert found["mine"].line == "-"


def test_names_come_framework_by_framework_each_with_its_variants() -> None:
    names = ["zeta", "jax_scratch:eager", "alpha:fast", "alpha", "torch_concise", "jax_scratch", "numpy_scratch"]
    assert ordered(names) == [
        "numpy_scratch", "torch_concise", "jax_scratch", "jax_scratch:eager", "alpha", "alpha:fast", "zeta"
    ]  # fmt: skip


def test_the_hue_of_a_library_is_that_of_an_implementation_in_it() -> None:
    def hue(name: str) -> float:
        colour = BUILT_IN[name].colour
        return colorsys.rgb_to_hls(*(int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)))[0]

    for library, name in (("numpy", "numpy_scratch"), ("torch", "torch_concise"), ("jax", "jax_scratch"),
                          ("tensorflow", "tensorflow_scratch"), ("mxnet", "mxnet_scratch")):  # fmt: skip
        assert abs(hue(library) - hue(name)) < 0.02


def test_a_variant_alone_has_a_look() -> None:
    assert list(looks(["mine:fast"])) != []
    assert "mine:fast" in looks(["mine:fast"])
