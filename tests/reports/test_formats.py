"""Numbers as people read them."""

from __future__ import annotations

import pytest

from reports import formats
from tests.reports.shown import plain


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (12.34e-6, "12.3 µs"),
        (999.6e-6, "1.00 ms"),
        (0.0999, "99.9 ms"),
        (1.5, "1.50 s"),
        (2e-9, "2.00 ns"),
        (0, "0 s"),
        (-3e-6, "-3.00 µs"),
        (None, "-"),
        (float("nan"), "-"),
        (float("inf"), "-"),
    ],
)
def test_seconds_have_three_digits_and_the_unit_that_keeps_them_short(value: float | None, expected: str) -> None:
    assert plain(formats.seconds(value)) == expected


def test_both_ends_of_an_interval_of_times_share_a_unit() -> None:
    assert plain(formats.seconds_interval(0.8e-3, 1.2e-3)) == "0.800-1.20 ms"


def test_an_interval_that_reaches_below_zero_is_not_read_as_a_dash() -> None:
    assert plain(formats.seconds_interval(-2e-6, 3e-6)) == "-2.00 to 3.00 µs"


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (531_000, "examples/s", "531 k examples/s"),
        (12.34e9, "FLOP/s", "12.3 GFLOP/s"),
        (999.9, "FLOP/s", "1,000 FLOP/s"),
        (2.5e12, "FLOP/s", "2.50 TFLOP/s"),
        (None, "FLOP/s", "-"),
    ],
)
def test_rates_have_a_decimal_prefix(value: float | None, unit: str, expected: str) -> None:
    assert plain(formats.si(value, unit)) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(0.634, "0.63x"), (1.0042, "1.004x"), (0.05, "0.050x"), (12.34, "12.3x"), (None, "-")]
)
def test_ratios_are_most_precise_near_one(value: float | None, expected: str) -> None:
    assert plain(formats.ratio(value)) == expected


def test_a_ratio_is_as_precise_as_its_interval() -> None:
    """0.65 beside 0.648 to 0.656 would look as if it were rounded otherwise."""
    assert plain(formats.ratio(0.652, 0.648, 0.656)) == "0.652x"
    assert plain(formats.interval(0.648, 0.656)) == "0.648-0.656"


def test_a_wide_interval_has_two_places() -> None:
    assert plain(formats.interval(1.2, 1.31)) == "1.20-1.31"


def test_an_interval_without_an_end_is_missing() -> None:
    assert plain(formats.interval(1.2, None)) == "-"


@pytest.mark.parametrize(
    ("value", "expected"), [(0.0002, "<0.001"), (0.0312, "0.031"), (0.8, "0.80"), (None, "-"), (1.0, "1.00")]
)
def test_p_values_are_not_more_exact_than_they_deserve(value: float | None, expected: str) -> None:
    assert plain(formats.p_value(value)) == expected


@pytest.mark.parametrize(
    ("words", "expected"), [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_words_are_listed_as_in_a_sentence(words: list[str], expected: str) -> None:
    assert formats.listing(words) == expected


@pytest.mark.parametrize(
    ("fraction", "expected"),
    [(0, "0 %"), (0.0000123, "0.0012 %"), (0.0123, "1.2 %"), (0.0994, "9.9 %"), (0.0996, "10 %"), (1.046, "105 %")],
)
def test_small_shares_keep_two_digits(fraction: float, expected: str) -> None:
    assert plain(formats.small_percent(fraction)) == expected


def test_memory_is_in_binary_units() -> None:
    assert plain(formats.binary(512 * 1024)) == "512 KiB"
    assert plain(formats.binary(7.5 * 2**30)) == "7.5 GiB"


@pytest.mark.parametrize(("value", "expected"), [(0.02, "±2 %"), (0.005, "±0.5 %"), (None, "±2 %")])
def test_the_margin_is_shown_as_it_was_asked_for(value: float | None, expected: str) -> None:
    assert plain(formats.margin(value)) == expected
