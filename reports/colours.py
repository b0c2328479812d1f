"""One colour and one marker per implementation, the same in every figure and table.

The built-in names are fixed. Any other name takes, by a digest of its name, a place in a palette of its own, so it
keeps its colour from page to page; where two names of one page meet at a place, the later in the alphabet moves on.
``NAME:VARIANT`` and ``NAME@ENVIRONMENT`` have the colour of NAME; what tells them from it, marker and broken line, is
the same for all of that variant and environment. The hues are Okabe and Ito's (2008) and Tol's (2021) and some between
them, chosen to be told apart with any kind of colour vision; markers tell them apart without colour.
"""

from __future__ import annotations

import colorsys
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple
from zlib import crc32

__all__ = ["INK", "MUTED", "RED", "VERDICT", "VERDICT_TINT", "Look", "Stroke", "looks", "ordered", "parted", "strokes"]

Dashes = Literal["-"] | tuple[float, tuple[float, ...]]


class Look(NamedTuple):
    """How one name is drawn: a colour as ``#rrggbb``, a matplotlib marker and the dashes of its line."""

    colour: str
    marker: str
    line: Dashes = "-"


class Stroke(NamedTuple):
    """What variants of one name have in common: marker, dashes, and a word for them."""

    marker: str
    line: Dashes
    word: str


INK = "#1f2933"
MUTED = "#66727f"
RED = "#b0400f"  # of what is slower, torn apart, or not to be relied on
VERDICT = {"faster": "#0b6e69", "slower": RED, "equivalent": "#4a5866", "inconclusive": "#8a6d00"}
VERDICT_TINT = {"faster": "#cdebe6", "slower": "#fbdcc9", "equivalent": "#e6eaee", "inconclusive": "#ffffff"}

# In the order in which figures and tables name them: one framework after the other.
BUILT_IN = {
    "numpy_scratch": Look("#e69f00", "s"),
    "torch_concise": Look("#0072b2", "o"),
    "torch_scratch": Look("#cc6fa5", "^"),
    "torch_manual": Look("#009e73", "D"),
    "torch_compile": Look("#c8401a", "v"),
    "torch_cudagraph": Look("#3b49df", "*"),
    "triton_fused": Look("#107010", "8"),
    "jax_scratch": Look("#5b2a86", "<"),
    "flax_concise": Look("#a58be0", ">"),
    "tensorflow_scratch": Look("#7f4f24", "p"),
    "keras_concise": Look("#8f9100", "h"),
    "mxnet_scratch": Look("#56b4e9", "P"),
    "gluon_concise": Look("#2f3b47", "X"),
    # a library has the hue of the implementations written in it, darker
    "numpy": Look("#b27b00", "s"),
    "torch": Look("#00507d", "o"),
    "jax": Look("#43206a", "<"),
    "tensorflow": Look("#5f3a18", "p"),
    "mxnet": Look("#2a8fc7", "P"),
}
OTHERS = (
    Look("#332288", "P"),
    Look("#e7298a", "X"),
    Look("#882255", "p"),
    Look("#8bbf1f", "h"),
    Look("#44aa99", "<"),
    Look("#f08a7a", ">"),
    Look("#6b7280", "*"),
)
TURNS = 3  # 21 names beside the built-in ones; further ones share a look
EAGER = "eager"
DASHED = Stroke("d", (0, (4, 2)), "dashed")
STROKES = (
    Stroke("8", (0, (1, 1.5)), "dotted"),
    Stroke("H", (0, (6, 2, 1, 2)), "dash-dotted"),
    Stroke("*", (0, (8, 3)), "in long dashes"),
)


def looks(names: Iterable[str]) -> Mapping[str, Look]:
    """Return a look for every name, in their order."""
    wanted = ordered(names)
    plain = _plain_looks(sorted({parted(name)[0] for name in wanted}))
    broken = strokes(wanted)
    found = {}
    for name in wanted:
        base, variant = parted(name)
        found[name] = Look(plain[base].colour, *broken[variant][:2]) if variant else plain[base]
    return found


def strokes(names: Iterable[str]) -> Mapping[str, Stroke]:
    """Return, for each variant among names as ``parted`` gives it, what all names of that variant have in common."""
    variants = sorted({parted(name)[1] for name in names} - {"", EAGER})
    return {EAGER: DASHED} | {variant: STROKES[index % len(STROKES)] for index, variant in enumerate(variants)}


def ordered(names: Iterable[str]) -> list[str]:
    """Return each name once: the built-in ones framework by framework, then the others; variants follow their name."""
    places = {name: place for place, name in enumerate(BUILT_IN)}

    def key(name: str) -> tuple[int, str, str]:
        base, variant = parted(name)
        return places.get(base, len(places)), base, variant

    return sorted(set(names), key=key)


def parted(name: str) -> tuple[str, str]:
    """Return NAME, and what follows it: VARIANT, @ENVIRONMENT, VARIANT@ENVIRONMENT, or nothing."""
    base = re.split("[:@]", name, maxsplit=1)[0]
    return base, name[len(base) :].removeprefix(":")


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
            yield look._replace(colour=_darker(look.colour, 0.7**turn))


def _darker(colour: str, factor: float) -> str:
    """Return the colour with its lightness multiplied, kept above 0.12 to be told from black."""
    if factor == 1:
        return colour
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    channels = colorsys.hls_to_rgb(hue, max(lightness * factor, 0.12), saturation)
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in channels)
