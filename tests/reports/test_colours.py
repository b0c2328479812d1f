"""One colour per implementation everywhere."""

from __future__ import annotations

from reports.colours import BUILT_IN, OTHERS, looks


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


def test_a_variant_has_the_hue_of_its_implementation_and_a_look_of_its_own() -> None:
    import colorsys

    found = looks(["torch_manual", "torch_manual:fused", "torch_manual:inplace"])

    def hue(colour: str) -> float:
        return colorsys.rgb_to_hls(*(int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)))[0]

    assert len(set(found.values())) == 3
    assert all(abs(hue(look.colour) - hue(found["torch_manual"].colour)) < 0.02 for look in found.values())


def test_a_variant_alone_has_a_look() -> None:
    assert list(looks(["mine:fast"])) != []
    assert "mine:fast" in looks(["mine:fast"])
