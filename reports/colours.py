"""One colour and one marker per implementation, the same in every figure and table.

The built-in names are fixed. Any other name takes, by a digest of its name, a place in a palette of its own, so it
keeps its colour from page to page; where two names of one page meet at a place, the later in the alphabet moves on.
The hues are Okabe and Ito's (2008) and Tol's (2021), chosen to be told apart with any kind of colour vision; markers
tell them apart without colour.
"""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple
from zlib import crc32

__all__ = ["INK", "MUTED", "VERDICT", "VERDICT_TINT", "Look", "looks"]


class Look(NamedTuple):
    """How one name is drawn: a colour as ``#rrggbb`` and a matplotlib marker."""

    colour: str
    marker: str


INK = "#1f2933"
MUTED = "#66727f"
VERDICT = {"faster": "#0b6e69", "slower": "#b0400f", "equivalent": "#4a5866", "inconclusive": "#8a6d00"}
VERDICT_TINT = {"faster": "#cdebe6", "slower": "#fbdcc9", "equivalent": "#e6eaee", "inconclusive": "#ffffff"}

BUILT_IN = {
    "numpy_scratch": Look("#e69f00", "s"),
    "torch_scratch": Look("#cc6fa5", "^"),
    "torch_manual": Look("#009e73", "D"),
    "torch_concise": Look("#0072b2", "o"),
    "torch_compile": Look("#c8401a", "v"),
    # a library has the hue of the implementations written in it, darker
    "numpy": Look("#b27b00", "s"),
    "torch": Look("#00507d", "o"),
}
OTHERS = (
    Look("#332288", "P"),
    Look("#56b4e9", "X"),
    Look("#882255", "p"),
    Look("#999933", "h"),
    Look("#44aa99", "<"),
    Look("#7f4f24", ">"),
    Look("#6b7280", "*"),
)
TURNS = 3  # 21 names beside the built-in ones; further ones share a look
VARIANT_MARKERS = ("d", "8", "H", "p")


def looks(names: Iterable[str]) -> Mapping[str, Look]:
    """Return a look for every name; ``NAME:VARIANT`` has the hue of NAME, lighter, and another marker."""
    wanted = sorted(set(names))
    plain = sorted({name.partition(":")[0] for name in wanted})
    found = _plain_looks(plain)
    for base in plain:
        for index, name in enumerate(name for name in wanted if name.startswith(f"{base}:")):
            found[name] = _variant(found[base], index)
    return found


def _plain_looks(names: list[str]) -> dict[str, Look]:
    found = {name: BUILT_IN[name] for name in names if name in BUILT_IN}
    taken: set[Look] = set()
    for name in names:
        if name not in BUILT_IN:
            found[name] = next((look for look in _candidates(name) if look not in taken), OTHERS[0])
            taken.add(found[name])
    return found


def _candidates(name: str) -> Iterator[Look]:
    """Yield every look once, from the name's own place on, then all of them darker, twice."""
    start = crc32(name.encode()) % len(OTHERS)
    for turn in range(TURNS):
        for step in range(len(OTHERS)):
            look = OTHERS[(start + step) % len(OTHERS)]
            yield look._replace(colour=_lightness(look.colour, 0.7**turn))


def _variant(look: Look, index: int) -> Look:
    marker = VARIANT_MARKERS[index % len(VARIANT_MARKERS)]
    return Look(_lightness(look.colour, 1.35 + 0.2 * (index % 2) if index < 2 else 0.6), marker)


def _lightness(colour: str, factor: float) -> str:
    """Return the colour with its lightness multiplied, kept between 0.12 and 0.75 to show on white."""
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    if factor == 1:
        return colour
    channels = colorsys.hls_to_rgb(hue, min(max(lightness * factor, 0.12), 0.75), saturation)
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in channels)
