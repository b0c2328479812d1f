"""Advice against a wide measurement, in worlds of known truth, and the record of it."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from bench.advice import record, wide
from bench.advice.problems import Place, own
from bench.advice.stages import Settings
from bench.case import Case
from bench.errors import BadInput
from bench.store import write_json
from tests.advice_worlds import CHEAP, World, arithmetic, gaining, product

PLACE = Place("cpu", "float32", 1)


def checked(effect: Any, **settings: Any) -> dict[str, Any]:
    (line,) = wide.compare([0], [product()], Settings(World(effect), CHEAP, **settings))
    return line


def test_products_are_drawn_by_seed_and_number() -> None:
    sizes = [own(wide.drawn(number, 0, PLACE, "numpy")) for number in range(200)]
    assert sizes[:3] == [own(wide.drawn(number, 0, PLACE, "numpy")) for number in range(3)]
    assert len(set(sizes)) == 200
    assert own(wide.drawn(0, 1, PLACE, "numpy")) != sizes[0]
    assert 32 <= min(map(min, sizes)) < 60
    assert 670 < max(map(max, sizes)) <= 700


def test_the_wide_measurement_has_each_dimension_alone() -> None:
    sizes = wide.widely(product())
    assert len(set(sizes)) == 60
    of_k = [k for m, k, n in sizes if (m, n) == (250, 500)]
    assert [k - 330 for k in of_k] == [*range(1, 17), 24, 32, 48, 64]


def test_advice_that_is_the_best_is_within() -> None:
    line = checked(gaining(n={512: 0.8}))
    assert (line["outcome"], line["advised"], line["best"]) == ("pad", [250, 330, 512], [250, 330, 512])
    assert line["over_best"] == [1.0, 1.0, 1.0]
    assert (line["within"], line["gain"], line["needless"]) == (True, "more", False)


def test_a_size_that_advice_never_tries_is_found_by_the_wide_one() -> None:
    line = checked(gaining(n={505: 0.8}))
    assert (line["outcome"], line["best"]) == ("do not pad", [250, 330, 505])
    assert line["over_best"][1] < 1 / (0.8 * 505 / 500) < line["over_best"][2]
    assert not line["within"]


def test_the_best_may_be_a_combination() -> None:
    line = checked(gaining(n={505: 0.9}, k={331: 0.9}))
    assert line["best"] == [250, 331, 505]


def test_not_to_pad_is_right_where_nothing_gains() -> None:
    line = checked(arithmetic)
    assert (line["outcome"], line["best"], line["gain"]) == ("do not pad", [250, 330, 500], "none")
    assert (line["within"], line["needless"]) == (True, False)


def test_padding_for_nothing_is_needless() -> None:
    def lucky(case: Case) -> float:
        return gaining(n={512: 0.9})(case) if case.study in ("screen", "confirm") else arithmetic(case)

    line = checked(lucky)
    assert (line["outcome"], line["advised"], line["needless"]) == ("pad", [250, 330, 512], True)
    assert line["best"] != line["advised"]


def test_luck_in_the_wide_measurement_does_not_count() -> None:
    def lucky(case: Case) -> float:
        return gaining(n={507: 0.5})(case) if case.study == "wide" else arithmetic(case)

    line = checked(lucky)
    assert (line["best"], line["within"]) == ([250, 330, 500], True)
    assert "250 330 507" in line["medians"]


@pytest.mark.parametrize(
    ("ratio", "gain"), [((0.9, 0.88, 0.92), "more"), ((0.99, 0.985, 0.995), "none"), ((0.98, 0.96, 1.0), "unsure")]
)
def test_what_is_gained_is_more_none_or_unsure(ratio: tuple[float, float, float], gain: str) -> None:
    assert wide._gain(ratio, 0.02) == gain


def test_products_of_a_batch_share_launches() -> None:
    world = World(arithmetic)
    lines = wide.compare([3, 7], [product(), product(m=300)], Settings(world, CHEAP))
    assert [(line["number"], line["m"]) for line in lines] == [(3, 250), (7, 300)]
    assert [list(plan.launches) for plan in world.plans] == [["screen"], ["confirm"], ["wide"], ["final"]]
    assert all(len(plan.groups) == 2 for plan in world.plans)
    seeds = [{case.seed for entry in plan.groups for case in entry.group.cases} for plan in world.plans]
    assert len(set.union(*seeds)) == 4


@cache
def one_line() -> dict[str, Any]:
    return checked(arithmetic)


def lines(count: int = 20, *, beyond: int = 0, needless: int = 0) -> list[dict[str, Any]]:
    line = one_line()
    return [
        line | {"number": number, "within": number >= beyond, "needless": number < needless} for number in range(count)
    ]


@pytest.mark.parametrize(
    ("beyond", "needless", "holds"), [(0, 0, True), (1, 0, True), (2, 0, False), (0, 1, True), (0, 2, False)]
)
def test_a_check_holds_if_19_of_20_are_right(beyond: int, needless: int, holds: bool) -> None:
    found = record.derive(lines(beyond=beyond, needless=needless))
    assert (found["holds"], found["within"]) == (holds, 20 - beyond)


def test_those_shown_to_be_beyond_are_counted_apart() -> None:
    some = lines(3)
    for line, interval in zip(some, ([1.1, 1.05, 1.15], [1.1, 0.9, 1.3], [1.0, 1.0, 1.0]), strict=True):
        line |= {"over_best": interval, "within": interval[0] <= 1.03}
    found = record.derive(some)
    assert (found["within"], found["shown_beyond"]) == (1, 1)


def test_a_check_of_nothing_does_not_hold() -> None:
    assert not record.derive([])["holds"]


@pytest.fixture
def folder(tmp_path):
    run = {"format_version": 1, "kind": "advice-check", "library": "numpy", "dtype": "float32", "device": "cpu",
           "threads": 1, "preset": "quick", "margin": 0.02, "seed": 0}  # fmt: skip
    write_json(tmp_path / "run.json", run)
    file = record.opened(tmp_path)
    for line in lines(2):
        file.append(line)
    file.close()
    return tmp_path


def test_a_record_is_read_as_it_was_written(folder) -> None:
    run, found, notes = record.read(folder)
    assert (run["library"], [line["number"] for line in found], notes) == ("numpy", [0, 1], [])


def test_a_torn_line_is_dropped_with_a_note(folder) -> None:
    with (folder / "checked.jsonl").open("a") as file:
        file.write('{"number": 2, "m"')
    _, found, notes = record.read(folder)
    assert len(found) == 2
    assert "torn" in notes[0]


@pytest.mark.parametrize("text", ['{"number": 2}\n', "{}\n", "nonsense\n"])
def test_any_other_damage_is_bad_input_with_its_line(folder, text) -> None:
    with (folder / "checked.jsonl").open("a") as file:
        file.write(text)
    with pytest.raises(BadInput, match=r"checked\.jsonl:3"):
        record.read(folder)


@pytest.mark.parametrize("text", ["", "{", '{"format_version": 1, "kind": "selfcheck"}', '{"kind": "advice-check"}'])
def test_another_folder_is_bad_input(folder, text) -> None:
    (folder / "run.json").write_text(text)
    with pytest.raises(BadInput):
        record.read(folder)


def test_batches_have_seeds_of_their_own() -> None:
    worlds = [World(arithmetic), World(arithmetic)]
    for world, number in zip(worlds, (0, 5), strict=True):
        wide.compare([number], [product()], Settings(world, CHEAP))
    first, second = ({case.seed for plan in world.plans for case in plan.groups[0].group.cases} for world in worlds)
    assert first.isdisjoint(second)
