"""Checks of what was typed; each complaint names the option, what was expected and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from bench.errors import BadInput

__all__ = ["DEVICES", "DTYPES", "among", "positive"]

DEVICES = ("cpu", "cuda")
DTYPES = ("float32", "float64", "bfloat16", "float16")
LARGEST = 1 << 20  # sizes beyond a million are typing errors: their square alone would need terabytes


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
