"""How implementations rank, and what was measured of the fastest beside its time: figures, and no causes."""

from __future__ import annotations

import pytest

from reports import ranking
from reports.findings import FASTEST, RANKS, WHY
from tests.reports.shown import Maker, Record, told


def compared(summary: Record, shape: str) -> dict[str, Record]:
    return {row["case"]: row for row in summary["comparisons"] if row["group"].startswith(f"{shape} ")}


def case(summary: Record, shape: str, name: str) -> Record:
    found: list[Record] = summary["cases"]
    return next(row for row in found if row["group"].startswith(f"{shape} ") and row["case"] == name)


def judge(row: Record, ratio: float, verdict: str) -> None:
    row.update(ratio=ratio, ci_low=0.98 * ratio, ci_high=1.02 * ratio, verdict=verdict)


@pytest.fixture
def simple(maker: Maker) -> tuple[Record, Record]:
    """A run without flaws, in which torch_manual is fastest at 1024 and numpy_scratch at 16."""
    run, summary = maker(flawed=False)
    wide, narrow = compared(summary, "784-1024-10"), compared(summary, "784-16-10")
    for name, ratio, verdict in (
        ("torch_manual", 0.5, "faster"), ("torch_compile", 1.0, "equivalent"), ("torch_scratch", 1.01, "inconclusive"),
        ("numpy_scratch", 1.5, "slower"),
    ):  # fmt: skip
        judge(wide[name], ratio, verdict)
        judge(narrow[name], ratio, verdict)
    judge(narrow["numpy_scratch"], 0.4, "faster")
    return run, summary


def test_each_width_is_ranked_by_verdict_and_within_by_ratio(simple: tuple[Record, Record]) -> None:
    ranks = told(*simple, RANKS)
    assert ranks[0].startswith("With 1 hidden layer at width 16, by time over that of torch_concise - ")
    assert "faster: numpy_scratch 0.400x (0.392-0.408) and torch_manual 0.500x (0.490-0.510)" in ranks[0]
    assert (
        "faster: torch_manual 0.500x (0.490-0.510); equivalent: torch_compile 1.000x; inconclusive: torch_scratch "
        "1.010x (0.990-1.030); slower: numpy_scratch 1.50x." in ranks[3]
    )


def test_a_group_whose_control_failed_is_not_ranked(maker: Maker) -> None:
    ranks = told(*maker(), RANKS)
    assert len(ranks) == 4
    assert not any("at width 64," in text for text in ranks)


def test_of_many_of_one_verdict_the_first_and_the_last_are_named(maker: Maker) -> None:
    run, summary = maker(crowded=True, flawed=False)
    for row in compared(summary, "784-16-10").values():
        row.update(verdict="slower")
    first = told(run, summary, RANKS)[0]
    assert "and so on (10 more) to flax_concise:eager" in first


def test_of_many_networks_the_ends_are_ranked_and_the_rest_is_counted(maker: Maker) -> None:
    run, summary = maker(flawed=False)
    for row in list(summary["comparisons"]):
        if row["study"] == "throughput":
            summary["comparisons"] += [row | {"batch": batch, "group": f"{row['group']} {batch}"} for batch in (1, 2)]
    ranks = told(run, summary, RANKS)
    assert len(ranks) == ranking.MOST_SENTENCES + 1
    assert ranks[-1] == "So it is told for 7 more networks in the tables below."
    assert not any("at width 64," in text for text in ranks)


def test_the_winner_s_step_is_set_beside_its_library_s_products(simple: tuple[Record, Record]) -> None:
    run, summary = simple
    wide = case(summary, "784-1024-10", "torch_manual"), case(summary, "784-1024-10", "torch_concise")
    for row, rate in zip(wide, (106.2e9, 59e9), strict=True):
        row["flop_rate"] = rate
    text = next(text for text in told(run, summary, WHY) if "1024, a step" in text)
    assert "a step of torch_manual does 106 GFLOP/s, 90 % of the rate of torch's products of 1024 (118 GFLOP/s)" in text
    assert "a step of torch_concise does 59.0 GFLOP/s, 50 % of the rate of torch's products" in text
    assert "Both are written in torch." in text


@pytest.mark.parametrize(("verdict", "expected"), [
    ("faster", "Its library multiplies faster here: a product in numpy takes 0.500x of the time of one in torch"),
    ("slower", "A product in numpy is slower, taking 0.500x"),
    ("equivalent", "A product in numpy is equivalent, taking 0.500x"),
])  # fmt: skip
def test_which_library_multiplies_faster_is_the_verdict_of_their_own_group(
    verdict: str, expected: str, simple: tuple[Record, Record]
) -> None:
    run, summary = simple
    judge(compared(summary, "libraries")["numpy"], 0.5, verdict)
    text = next(text for text in told(run, summary, WHY) if "numpy_scratch" in text)
    assert expected in text


def test_where_libraries_took_no_turns_or_their_control_failed_none_is_said_to_multiply_faster(
    simple: tuple[Record, Record],
) -> None:
    run, summary = simple
    for row in compared(summary, "libraries").values():
        row.update(marked=True)
    assert "A product in" not in " ".join(told(run, summary, WHY))
    summary["comparisons"] = [row for row in summary["comparisons"] if not row["group"].startswith("libraries ")]
    assert "A product in" not in " ".join(told(run, summary, WHY))


def test_fixed_costs_are_told_where_they_make_up_most_of_the_baseline_s_step(simple: tuple[Record, Record]) -> None:
    run, summary = simple
    texts = told(run, summary, WHY)
    small, wide = (next(text for text in texts if name in text) for name in ("numpy_scratch", "torch_manual"))
    assert "By the fit over the widths, fixed costs are 62.0 µs (59.5-65.1 µs) in numpy_scratch and 214 µs" in small
    assert small.endswith("at width 16.")
    assert "fixed costs" not in wide


def test_a_fit_through_a_failed_control_supports_nothing(simple: tuple[Record, Record]) -> None:
    run, summary = simple
    for row in compared(summary, "784-64-10").values():
        row.update(marked=True)
    assert "fixed costs" not in " ".join(told(run, summary, WHY))


def test_without_products_nothing_is_said_beside_the_times(simple: tuple[Record, Record]) -> None:
    run, summary = simple
    for name in ("cases", "comparisons"):
        summary[name] = [row for row in summary[name] if row["study"] == "throughput"]
    assert told(run, summary, WHY) == []
    assert told(run, summary, FASTEST) != []


def test_without_products_of_the_winner_s_own_library_nothing_is_said_of_it(simple: tuple[Record, Record]) -> None:
    run, summary = simple
    for name in ("cases", "comparisons"):
        summary[name] = [row for row in summary[name] if row["study"] == "throughput" or row["provider"] == "torch"]
    assert not any("numpy_scratch" in text for text in told(run, summary, WHY))
    assert any("torch_manual" in text for text in told(run, summary, WHY))


def test_products_in_another_environment_say_nothing(simple: tuple[Record, Record]) -> None:
    run, summary = simple
    for row in summary["cases"]:
        if row["implementation"] == "numpy_scratch":
            row["environment"] = "numpy_of_last_year"
    texts = told(run, summary, WHY)
    assert texts
    assert not any("numpy_scratch" in text for text in texts)


def test_products_in_another_dtype_say_nothing(simple: tuple[Record, Record]) -> None:
    run, summary = simple
    for name in ("cases", "comparisons"):
        for row in summary[name]:
            if row["study"] == "alignment":
                row["dtype"] = "float64"
    assert told(run, summary, WHY) == []


def test_widths_with_the_same_winner_share_a_sentence(maker: Maker) -> None:
    run, summary = maker(crowded=True, flawed=False)
    texts = told(run, summary, WHY)
    assert len(texts) == 2
    assert texts[0].startswith("With 1 hidden layer at widths 16, 64, 256 and 1024, a step of jax_scratch does ")


def test_nothing_is_said_beside_times_whose_control_failed(simple: tuple[Record, Record]) -> None:
    run, summary = simple
    for row in compared(summary, "784-1024-10").values():
        row.update(marked=True)
    texts = told(run, summary, WHY)
    assert texts
    assert not any("1024, a step" in text for text in texts)


def test_where_the_baseline_stands_nothing_is_said_beside_it(simple: tuple[Record, Record]) -> None:
    run, summary = simple
    for row in summary["comparisons"]:
        row["verdict"] = "slower"
    assert told(run, summary, WHY) == []
