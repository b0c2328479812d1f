"""What is derived of the epochs' records: curves, means, times to levels, and which published run is reproduced."""

from __future__ import annotations

import pytest

from bench import curves, published
from bench.case import Case, Group
from bench.plan import Plan, Planned
from bench.published import Recipe
from bench.store import Records

LOW, HIGH = published.RUNS
NINE = [0] * 9


def case(recipe=LOW.recipe, name="numpy_scratch", **more):
    divisor = 256.0 if recipe.division == published.NOMINAL else None
    parameters = {"inputs": 784, "hidden": [256], "outputs": 10, "batch": 256}
    parameters |= {"learning_rate": recipe.learning_rate, "loss_divisor": divisor} | more
    return Case("accuracy", f"group {recipe.name}", name, "training_epoch", name, "numpy", parameters, seed=7)


def sample(of, launch, number, seconds=1.0, attempt=0, **told):
    values = {"train_loss": 0.5, "train_accuracy": 0.8, "test_accuracy": 0.8, "predicted": NINE} | told
    return {"case": of.id, "launch": launch, "round": number, "attempt": attempt, "elapsed_s": seconds, "told": values}


def derived(samples, cases, epochs=10, launches=(0, 1, 2), attempts=None):
    """The tables of these samples, with the launches complete that are named."""
    groups = {}
    for one in cases:
        groups.setdefault(one.group, []).append(one)
    planned = [
        Planned(Group("accuracy", name, tuple(members), "", 3, epochs), epochs) for name, members in groups.items()
    ]
    outcomes = [
        {
            "kind": "launch",
            "study": "accuracy",
            "launch": index,
            "attempt": (attempts or {}).get(index, 0),
            "complete": True,
        }
        for index in launches
    ]
    return curves.derive(Plan(7, {"accuracy": 3}, planned, []), Records({}, samples, outcomes))


def reached(of, column, values, epochs=10, seeds=3, **told):
    """Samples of whole seeds whose column ends with these values, the same for each seed."""
    start = [values[0]] * (epochs - len(values))
    return [
        sample(of, launch, number, **{column: value}, **told)
        for launch in range(seeds)
        for number, value in enumerate([*start, *values])
    ]


def test_a_row_has_seed_epoch_and_the_seconds_so_far_of_its_own_seed():
    one = case()
    rows = derived([sample(one, launch, n, 1.5 + launch) for launch in (1, 0) for n in (1, 0)], [one], 2)["curves"]
    assert [(row["seed"], row["epoch"], row["seconds"], row["total_s"]) for row in rows] == [
        (7, 1, 1.5, 1.5), (7, 2, 1.5, 3.0), (8, 1, 2.5, 2.5), (8, 2, 2.5, 5.0),
    ]  # fmt: skip


def test_a_row_says_what_was_trained_and_what_was_told():
    one = case(HIGH.recipe)
    row = derived([sample(one, 0, 0, train_loss=0.25, train_accuracy=0.75, test_accuracy=0.5)], [one], 1)["curves"][0]
    assert (row["learning_rate"], row["division"], row["width"], row["depth"]) == (0.5, "nominal", 256, 1)
    assert (row["train_loss"], row["train_accuracy"], row["test_accuracy"]) == (0.25, 0.75, 0.5)
    assert (row["implementation"], row["predicted"]) == ("numpy_scratch", NINE)


def test_what_is_learned_is_the_mean_and_range_of_the_last_epoch():
    one = case()
    samples = [sample(one, launch, n, test_accuracy=value) for launch, value in ((0, 0.8), (1, 0.9), (2, 0.82))
               for n in range(2)]  # fmt: skip
    for early in samples[::2]:
        early["told"]["test_accuracy"] = 0.1
    row = derived(samples, [one], 2)["learned"][0]
    assert row["test_accuracy"] == pytest.approx(0.84)
    assert (row["test_accuracy_low"], row["test_accuracy_high"]) == (0.8, 0.9)
    assert (row["seeds"], row["epochs"]) == (3, 2)


def test_the_time_to_a_level_is_the_median_over_seeds_until_a_test_first_reaches_it():
    one = case()
    tests = {0: (0.79, 0.80, 0.81), 1: (0.80, 0.70, 0.70), 2: (0.70, 0.79, 0.95)}
    samples = [sample(one, launch, n, 4.0 if launch == 2 else 2.0, test_accuracy=value)
               for launch, values in tests.items() for n, value in enumerate(values)]  # fmt: skip
    row = derived(samples, [one], 3)["learned"][0]
    assert row["time_to_0.80"] == 4.0  # of 4, 2 and 12
    assert row["time_to_0.85"] is None  # two seeds never do


@pytest.mark.parametrize(
    ("value", "verdict"),
    [(0.821, "reproduced"), (0.851, "reproduced"), (0.8209, "not reproduced"), (0.8511, "not reproduced")],
)
def test_the_last_three_epochs_decide_at_a_tenth_up_to_the_bound(value, verdict):
    one = case()
    row = derived(reached(one, "test_accuracy", [0.1, value - 0.01, value + 0.01, value]), [one])["reproduced"][0]
    assert (row["run"], row["verdict"], row["seeds"]) == (LOW.name, verdict, 3)
    assert row["checks"][0]["found"] == pytest.approx(value)
    assert row["checks"][0]["met"] is (verdict == "reproduced")


@pytest.mark.parametrize(
    ("loss", "accuracy", "met"),
    [
        (0.325, 0.862, [True, True]),
        (0.295, 0.902, [True, True]),
        (0.3251, 0.882, [False, True]),
        (0.2949, 0.882, [False, True]),
        (0.310, 0.8619, [True, False]),
        (0.310, 0.9021, [True, False]),
    ],
)
def test_both_bounds_of_the_last_epoch_decide_at_a_half(loss, accuracy, met):
    one = case(HIGH.recipe)
    samples = reached(one, "train_loss", [0.1, loss], test_accuracy=accuracy)
    row = derived(samples, [one])["reproduced"][0]
    assert [check["met"] for check in row["checks"]] == met
    assert row["verdict"] == ("reproduced" if all(met) else "not reproduced")


def test_it_is_the_mean_over_seeds_that_is_compared():
    one = case()
    samples = reached(one, "test_accuracy", [0.836])
    for entry in samples:
        entry["told"]["test_accuracy"] += (-0.06, 0.0, 0.06)[entry["launch"]]
    assert derived(samples, [one])["reproduced"][0]["verdict"] == "reproduced"


@pytest.mark.parametrize("more", [{"hidden": [128]}, {"hidden": [256, 256]}, {"hidden": []}, {"batch": 128}])
def test_another_network_is_not_compared(more):
    one = case(**more)
    found = derived(reached(one, "test_accuracy", [0.836]), [one])
    assert found["reproduced"] == []
    assert len(found["learned"]) == 1


@pytest.mark.parametrize("recipe", [published.HIGH_MEAN, Recipe(0.1, "nominal"), Recipe(0.2, "mean")])
def test_another_recipe_is_not_compared(recipe):
    one = case(recipe)
    assert derived(reached(one, "test_accuracy", [0.836]), [one])["reproduced"] == []


@pytest.mark.parametrize("epochs", [9, 11])
def test_fewer_or_more_epochs_are_not_compared(epochs):
    one = case()
    assert derived(reached(one, "test_accuracy", [0.836], epochs), [one], epochs)["reproduced"] == []


def test_a_launch_that_was_cut_off_is_left_out_and_its_repetition_is_not():
    one = case()
    cut, again = ([sample(one, 0, n, attempt=attempt, test_accuracy=value) for n in range(count)]
                  for attempt, count, value in ((0, 2, 0.1), (1, 3, 0.9)))  # fmt: skip
    other = [sample(one, 1, n) for n in range(3)]
    rows = derived([*cut, *again, *other], [one], 3, launches=[0], attempts={0: 1})["curves"]
    assert [(row["seed"], row["test_accuracy"]) for row in rows] == [(7, 0.9)] * 3


def test_a_seed_in_which_a_case_failed_halfway_is_drawn_but_enters_no_mean():
    one = case()
    samples = [*reached(one, "test_accuracy", [0.836], seeds=2),
               *(sample(one, 2, n, test_accuracy=0.1) for n in range(9))]  # fmt: skip
    found = derived(samples, [one])
    assert len(found["curves"]) == 29
    assert (found["learned"][0]["seeds"], found["learned"][0]["test_accuracy_low"]) == (2, 0.836)
    assert (found["reproduced"][0]["seeds"], found["reproduced"][0]["verdict"]) == (2, "reproduced")


def test_a_loss_that_was_not_finite_reproduces_nothing():
    one = case(HIGH.recipe)
    samples = reached(one, "test_accuracy", [0.882], train_loss=0.31)
    samples[-1]["told"]["train_loss"] = None
    found = derived(samples, [one])
    assert found["learned"][0]["train_loss"] is None
    assert found["reproduced"][0]["verdict"] == "not reproduced"
    assert [check["found"] for check in found["reproduced"][0]["checks"]] == [None, pytest.approx(0.882)]


def test_other_studies_have_no_curves():
    found = curves.derive(Plan(0, {"throughput": 5}, [], []), Records({}, [], []))
    assert found == {"curves": [], "learned": [], "reproduced": []}
