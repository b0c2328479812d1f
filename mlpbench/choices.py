"""Checks of what was typed; each complaint names the option, what was expected and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from bench.errors import BadInput

__all__ = ["DEVICES", "DTYPES", "PRODUCT_DTYPES", "among", "fraction", "positive", "seconds"]

DEVICES = ("cpu", "cuda")
DTYPES = ("float32", "float64", "bfloat16", "float16")
PRODUCT_DTYPES = (*DTYPES, "tf32", "int8")  # of matrix products; networks have none of the last two
LARGEST = 1 << 20  # sizes beyond a million are typing errors: their square alone would need terabytes

LONGEST_S = 30 * 86_400.0


def among(option: str, values: Sequence[str], allowed: Sequence[str]) -> None:
    """Raise BadInput unless every value is one of those allowed."""
    for value in values:
        if value not in allowed:
            raise BadInput(f"{option} {value}: expected one of {', '.join(allowed)}")


def positive(option: str, values: Sequence[int], *, least: int = 1, most: int = LARGEST) -> None:
    """Raise BadInput unless every value is within bounds."""
    for value in values:
        if not least <= value <= most:
            raise BadInput(f"{option} {value}: expected a whole number from {least} to {most}")


def seconds(option: str, value: float, *, least: float = 1.0) -> None:
    """Raise BadInput unless the value is a duration that somebody may wait for."""
    if not least <= value <= LONGEST_S:
        raise BadInput(f"{option} {value:g}: expected seconds, from {least:g} to {LONGEST_S:.0f}, such as 300")


def fraction(option: str, value: float, example: str) -> None:
    """Raise BadInput unless the value is between 0 and 1."""
    if not 0 < value < 1:
        raise BadInput(f"{option} {value}: expected a fraction between 0 and 1, such as {example}")
