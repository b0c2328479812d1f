"""Numbers as people read them. Stored figures are seconds, bytes and FLOP/s; they are scaled here and nowhere else."""

from __future__ import annotations

import math

__all__ = [
    "DEFAULT_MARGIN",
    "MISSING",
    "NO_BREAK",
    "binary",
    "interval",
    "listing",
    "margin",
    "p_value",
    "percent",
    "ratio",
    "rough",
    "seconds",
    "seconds_interval",
    "si",
    "si_interval",
    "significant",
    "small_percent",
    "span",
]

MISSING = "\N{EN DASH}"
TIMES_SIGN = "\N{MULTIPLICATION SIGN}"
NO_BREAK = "\N{NO-BREAK SPACE}"
PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
BINARY = ((1 << 40, "Ti"), (1 << 30, "Gi"), (1 << 20, "Mi"), (1 << 10, "Ki"))
TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
DIGITS = 3
DEFAULT_MARGIN = 0.02  # the design's (method 6)
NARROW = 0.03  # an interval of ratios that two places would show as a single number or nearly so


def known(value: float | None) -> bool:
    """Whether there is a finite number to show."""
    return value is not None and math.isfinite(value)


def significant(value: float, digits: int = DIGITS) -> str:
    """Return a number with that many significant digits and no exponent: 0.0123, 1.23, 12.3, 1,230."""
    if value == 0:
        return "0"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, places)  # may carry into the next power of ten, as 9.996 does
    places = digits - 1 - math.floor(math.log10(abs(rounded)))
    return f"{rounded:,.{max(places, 0)}f}"


def rough(value: float) -> str:
    """Return a number as a whole one from ten on, below with two significant digits: 0.021, 3.7, 105."""
    return f"{value:.0f}" if value >= 9.95 else significant(value, 2)


def time_scale(value: float) -> tuple[float, str]:
    """Return the unit, in seconds, and its name in which that many seconds have one to three digits."""
    size = abs(float(f"{value:.{DIGITS}g}"))  # 999.9 µs is shown as 1.00 ms
    return next(((unit, name) for unit, name in TIMES if size >= unit), TIMES[-1])


def seconds(value: float | None) -> str:
    """Return a time with its unit: ``12.3 µs``."""
    if value is None or not known(value):
        return MISSING
    if value == 0:
        return f"0{NO_BREAK}s"
    unit, name = time_scale(value)
    return f"{significant(value / unit)}{NO_BREAK}{name}"


def seconds_interval(low: float | None, high: float | None) -> str:
    """Return an interval of times in the unit of the larger: ``11.9 - 12.7 µs``."""
    if low is None or high is None or not (known(low) and known(high)):
        return MISSING
    unit, name = time_scale(max(abs(low), abs(high)) or 1.0)
    return f"{_range(significant(low / unit), significant(high / unit))}{NO_BREAK}{name}"


def si(value: float | None, unit: str) -> str:
    """Return a rate or size with a decimal prefix: ``12.3 GFLOP/s``, ``531 k examples/s``."""
    if value is None or not known(value):
        return MISSING
    scale, prefix = next(((scale, prefix) for scale, prefix in PREFIXES if abs(value) >= scale), (1.0, ""))
    gap = NO_BREAK if unit.startswith("examples") and prefix else ""  # k examples/s, yet GFLOP/s
    return f"{significant(value / scale)}{NO_BREAK}{prefix}{gap}{unit}".rstrip()


def si_interval(low: float | None, high: float | None, unit: str) -> str:
    """Return an interval of rates with the decimal prefix of the larger: ``328-334 GFLOP/s``, with an en dash."""
    if low is None or high is None or not (known(low) and known(high)):
        return MISSING
    scale, prefix = next(((scale, prefix) for scale, prefix in PREFIXES if abs(high) >= scale), (1.0, ""))
    return f"{_range(significant(low / scale), significant(high / scale))}{NO_BREAK}{prefix}{unit}"


def binary(value: float) -> str:
    """Return a size of memory in KiB, MiB, GiB: ``512 KiB``."""
    scale, prefix = next(((scale, name) for scale, name in BINARY if value >= scale), (1, ""))
    return f"{value / scale:,.4g}{NO_BREAK}{prefix}B"


def ratio(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """Return a ratio, as precise as its interval where that is given: ``1.004x``, ``0.63x``."""
    return MISSING if value is None or not known(value) else f"{value:.{_places(value, low, high)}f}{TIMES_SIGN}"


def interval(low: float | None, high: float | None) -> str:
    """Return an interval of ratios, both ends equally precise: ``0.61-0.65``, with an en dash."""
    if low is None or high is None or not (known(low) and known(high)):
        return MISSING
    places = _places(math.sqrt(low * high) if low > 0 else low, low, high)
    return _range(f"{low:.{places}f}", f"{high:.{places}f}")


def percent(fraction: float | None) -> str:
    """Return a fraction as per cent: ``2.3 %``."""
    if fraction is None or not known(fraction):
        return MISSING
    return f"{100 * fraction:.{1 if abs(fraction) < 0.0995 else 0}f}{NO_BREAK}%"


def small_percent(fraction: float) -> str:
    """Return a fraction that may be far below a tenth of a per cent as per cent: ``0.0012 %``, ``1.2 %``, ``12 %``."""
    return f"{rough(100 * fraction)}{NO_BREAK}%"


def margin(run_margin: float | None) -> str:
    """Return the margin of equivalence as it was asked for: ``±2 %``; the default where a record lacks it."""
    return f"±{100 * (run_margin or DEFAULT_MARGIN):g}{NO_BREAK}%"


def p_value(value: float | None) -> str:
    """Return a p value with two significant digits, never more exact than a thousandth."""
    if value is None or not known(value):
        return MISSING
    return "<0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def listing(words: list[str]) -> str:
    """Return words as a sentence lists them: ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1] if words else "")))


def span(values: list[int]) -> str:
    """Return sorted sizes as a range: ``16``, ``16 and 64``, ``16 to 1024``."""
    if len(values) < 3:
        return listing([str(value) for value in values])
    return f"{values[0]} to {values[-1]}"


def _places(value: float, low: float | None, high: float | None) -> int:
    """Return three places within a tenth of 1, near 0 and for narrow intervals, where they matter; else fewer."""
    if abs(value - 1) <= 0.1 or abs(value) < 0.1:
        return 3
    if low is not None and high is not None and high - low < NARROW:
        return 3
    return 2 if abs(value) < 10 else 1


def _range(low: str, high: str) -> str:
    return f"{low} to {high}" if low.startswith("-") else f"{low}{MISSING}{high}"
