"""The audit of the order: it finds samples not taken in turns or with unbalanced neighbours, and no others."""

from itertools import count

import numpy as np
import pytest

from bench import audit, plan


def taken(rows, launch=0, names="ABCDEFGH", start=0.0):
    """Lines of samples.jsonl for rounds given as rows of cases, in the order of time."""
    clock = count(start)
    return [
        sample(names[index], number, position, next(clock), launch)
        for number, row in enumerate(rows)
        for position, index in enumerate(row)
    ]


def sample(name, number, position, at_s, launch=0, group="alignment/products"):
    return {"case": f"{group}/{name}", "launch": launch, "attempt": 0, "round": number, "position": position,
            "steps": 1, "elapsed_s": 1.0, "at_s": float(at_s)}  # fmt: skip


def drawn(cases, rounds, seed=0):
    return plan.order(rounds, cases, np.random.default_rng(seed))


@pytest.mark.parametrize("cases", range(1, 9))
@pytest.mark.parametrize("rounds", [1, 7, 20, 33])
def test_the_orders_of_a_plan_pass_whole_squares_or_not(cases, rounds):
    for seed in range(20):
        assert audit.interleaved(taken(drawn(cases, rounds, seed))) is None


@pytest.mark.parametrize("cases", [2, 3, 6])
def test_a_case_retired_at_any_sample_is_no_fault(cases):
    whole = taken(drawn(cases, 24))
    for cut in range(len(whole)):
        left = [line for at, line in enumerate(whole) if at < cut or not line["case"].endswith("/A")]
        assert audit.interleaved(left) is None, cut


def test_missing_samples_are_no_fault():
    for seed in range(50):
        generator = np.random.default_rng(seed)
        whole = [line for launch in range(3) for line in taken(drawn(6, 24, seed), launch)]
        assert audit.interleaved([line for line in whole if generator.random() > 0.1]) is None


def test_a_case_that_was_lost_before_its_first_sample_is_no_fault():
    whole = taken(drawn(5, 20))
    assert audit.interleaved([line for line in whole if not line["case"].endswith("/C")]) is None


def test_the_one_round_of_a_case_may_be_one_that_another_lacks():
    whole = taken(drawn(3, 20))
    left = [line for line in whole if not (line["case"].endswith("/A") and line["round"] > 0)]
    assert (
        audit.interleaved([line for line in left if not (line["case"].endswith("/B") and line["round"] == 0)]) is None
    )


def test_launches_may_each_begin_their_clock_anew_and_repeat_an_attempt():
    first, second = taken(drawn(2, 20), 0), taken(drawn(2, 20, 1), 0)
    assert audit.interleaved(first[:9] + [line | {"attempt": 1} for line in second]) is None


def test_a_then_b_does_not_take_turns():
    rows = [sample(name, number, position, 30 * position + number) for position, name in enumerate("AB")
            for number in range(30)]  # fmt: skip
    assert audit.interleaved(rows) == (
        "launch 0: the cases did not take turns: B was sampled for round 0 after A for round 29"
    )


def test_a_then_b_is_found_by_the_clock_whatever_the_order_of_the_lines():
    rows = [sample(name, number, position, 30 * position + number) for number in range(30)
            for position, name in enumerate("AB")]  # fmt: skip
    assert "did not take turns" in audit.interleaved(rows)


def test_without_a_clock_the_order_of_the_lines_counts():
    rows = [sample(name, number, position, 0) for position, name in enumerate("AB") for number in range(30)]
    for line in rows:
        del line["at_s"]
    assert "did not take turns" in audit.interleaved(rows)


def test_a_then_b_under_rounds_that_go_on_counting_shares_none():
    rows = [sample("AB"[number // 20], number, 0, number) for number in range(40)]
    assert audit.interleaved(rows) == "the cases did not take turns: A and B share 0 of 20 rounds"


def test_a_and_b_in_launches_of_their_own_share_none():
    rows = [sample("AB"[launch // 5], number, 0, number, launch) for launch in range(10) for number in range(20)]
    assert audit.interleaved(rows) == "the cases did not take turns: A and B share 0 of 100 rounds"


def test_blocks_of_a_and_b_in_turns_are_no_rounds_in_turns():
    """A for five rounds, B for the same five, then A again: as bad as A-then-B within the block."""
    rows = [sample(name, 5 * block + number, position, 10 * block + 5 * position + number) for block in range(4)
            for position, name in enumerate("AB") for number in range(5)]  # fmt: skip
    assert "did not take turns" in audit.interleaved(rows)


@pytest.mark.parametrize("cases", [3, 4, 5, 6, 8])
def test_cyclic_shifts_are_not_balanced(cases):
    rows = [[(shift + step) % cases for step in range(cases)] for shift in range(cases)] * 4
    assert "neighbours are not balanced" in audit.interleaved(taken(rows))


@pytest.mark.parametrize("cases", [2, 3, 6])
def test_a_fixed_order_is_not_balanced(cases):
    reason = audit.interleaved(taken([list(range(cases))] * 24))
    assert (
        reason
        == f"launch 0: neighbours are not balanced: B came right after A in 24 of 24 rounds, not in about {24 // cases}"
    )


def test_one_launch_out_of_order_is_found_among_others():
    good = [line for launch in range(7) for line in taken(drawn(4, 20, launch), launch)]
    assert audit.interleaved(good + taken([[0, 1, 2, 3]] * 20, 7)).startswith("launch 7: neighbours are not balanced")


def test_a_round_against_its_positions_is_found():
    rows = taken(drawn(2, 20))
    rows[6]["at_s"], rows[7]["at_s"] = rows[7]["at_s"], rows[6]["at_s"]
    assert audit.interleaved(rows) == "launch 0: round 3 was not taken in the order of its positions"


def test_each_group_gets_its_own_note():
    """Two groups follow one another in a launch: each is in turns by itself."""
    first = taken(drawn(2, 20))
    second = [line | {"case": line["case"].replace("products", "others")} for line in taken(drawn(2, 20), start=100.0)]
    assert audit.order(first + second) == []
    fixed = [line | {"case": line["case"].replace("products", "others")} for line in taken([[0, 1]] * 20, start=100.0)]
    [note] = audit.order(first + fixed)
    assert note.startswith("alignment/others: launch 0: neighbours are not balanced")
