"""Advice in worlds of known truth: what is tried, what is confirmed, what is answered."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bench import implementations
from bench.advice import answer, stages
from bench.advice.candidates import FURTHEST, MOST, candidates
from bench.advice.choice import DO_NOT_PAD, INCONCLUSIVE, PAD, Advice, advise, contenders, predict
from bench.advice.networks import Network
from bench.advice.problems import Place, Problem, named, own
from bench.advice.products import Product
from bench.advice.stages import Settings, Unmeasurable
from bench.case import Case
from mlp_impls import Shape
from tests.advice_worlds import CHEAP, World, arithmetic, gaining, product

PLACE = Place("cpu", "float32", 1)


def asked(problem: Problem, world: World, **settings: object) -> Advice:
    (found,) = advise([problem], Settings(world, CHEAP, **settings))  # type: ignore[arg-type]
    return found


def tried(problem: Problem, index: int) -> list[int]:
    return [candidate.size for candidate in candidates(problem) if candidate.index == index]


def network(*layers: int, batch: int = 256) -> Network:
    entry = implementations.built_in()["numpy_scratch"]
    return Network(PLACE, Shape(layers[0], layers[1:-1], layers[-1]), batch, entry)


class TestCandidates:
    def test_rows_that_become_aligned_and_whole_tiles_are_tried(self) -> None:
        of_k = {entry.size: entry.why for entry in candidates(product(k=330)) if entry.index == 1}
        assert list(of_k) == [332, 336, 352, 384]
        assert "rows start on 16 bytes" in of_k[332]
        assert "rows start on 64 bytes" in of_k[336]
        assert "rows start on 128 bytes" in of_k[352]
        assert "a multiple of 64" in of_k[384]

    def test_no_row_is_m_long(self) -> None:
        assert all("rows" not in entry.why for entry in candidates(product(m=251)) if entry.index == 0)
        assert tried(product(m=251), 0) == [252, 256, 264, 288]

    @pytest.mark.parametrize(("dtype", "first"), [("float64", 334), ("float32", 336), ("bfloat16", 336)])
    def test_alignment_goes_by_bytes(self, dtype: str, first: int) -> None:
        problem = replace(product(k=333), place=Place("cpu", dtype, 1))
        sizes = {entry.why.partition(";")[0]: entry.size for entry in candidates(problem) if entry.index == 1}
        assert sizes["rows start on 16 bytes"] == first

    def test_a_large_power_of_two_is_left_by_a_line_of_the_cache(self) -> None:
        assert tried(product(n=1024), 2) == [1032, 1040, 1056]
        assert tried(product(n=960), 2) == []

    def test_what_adds_more_than_could_be_gained_is_left_out(self) -> None:
        assert tried(product(33, 33, 33), 2) == [36, 40, 48]  # 64 adds 94 % to the arithmetic and 63 % to the bytes

    def test_where_memory_is_waited_for_arithmetic_is_free(self) -> None:
        assert tried(product(m=1, k=4000, n=4000), 0) == [4, 8, 12, 16, 24, 32]

    @pytest.mark.parametrize("size", range(32, 700, 37))
    def test_a_handful_of_larger_sizes_within_reach(self, size: int) -> None:
        for index in range(3):
            found = tried(replace(product(size, size, size), place=Place("cpu", "float64", 1)), index)
            assert found == sorted(set(found))
            assert all(size < other <= size + FURTHEST for other in found)
            assert 0 < len(found) <= MOST


class TestProblems:
    def test_a_copy_comes_with_padding_the_activations(self) -> None:
        problem = product()
        assert [problem.case("s", sizes, 0).parameters["copied"] for sizes in (
            (250, 330, 500), (250, 330, 512), (252, 330, 500), (250, 336, 512)
        )] == [False, False, True, True]  # fmt: skip

    def test_activations_that_are_kept_padded_are_never_copied(self) -> None:
        problem = product(padded_once=True)
        assert not problem.case("s", (252, 336, 512), 0).parameters["copied"]
        assert problem.memory((252, 336, 512)) == 4 * (252 * 336 + 336 * 512 + 252 * 512)

    def test_memory_counts_the_activations_twice_where_they_are_copied(self) -> None:
        assert product().memory((250, 330, 500)) == 4 * (250 * 330 + 330 * 500 + 250 * 500)
        assert product().memory((252, 330, 500)) == 4 * (252 * 330 + 330 * 500 + 252 * 500 + 250 * 330)

    def test_hidden_layers_of_one_width_are_padded_alike(self) -> None:
        problem = network(784, 250, 100, 250, 10)
        assert [(entry.name, entry.size) for entry in problem.dimensions] == [
            ("inputs", 784), ("hidden 1 and 3", 250), ("hidden 2", 100),
        ]  # fmt: skip
        parameters = problem.case("s", (800, 256, 104), 0).parameters
        assert (parameters["pad_inputs"], parameters["pad_hidden"]) == (800, [256, 104, 256])
        assert (parameters["hidden"], parameters["outputs"]) == ([250, 100, 250], 10)

    def test_outputs_and_batch_are_never_padded_and_it_is_said_why(self) -> None:
        assert [text.partition(":")[0] for text in network(784, 10).fixed] == ["outputs", "batch"]
        assert len(network(784, 250, 10).dimensions) == 2

    def test_cases_of_a_problem_are_named_by_what_is_padded(self) -> None:
        assert named(product(), (250, 336, 512)) == "k 336, n 512"
        assert named(product(), (250, 330, 500)) == "as it is"


class TestAnswers:
    def test_the_one_size_that_helps_is_found(self) -> None:
        found = asked(product(k=330), World(gaining(k={336: 0.8})))
        assert (found.outcome, found.sizes) == (PAD, (250, 336, 500))
        assert found.row is not None
        assert found.row["ci_low"] < 0.8 * 1.04 * 336 / 330 < found.row["ci_high"]

    def test_where_nothing_helps_nothing_is_padded(self) -> None:
        answers = [asked(product(), World(arithmetic, seed=seed, sample=0.03)).outcome for seed in range(20)]
        assert answers.count(DO_NOT_PAD) >= 19  # a control may fail

    def test_a_combination_that_is_worse_is_not_advised(self) -> None:
        def effect(case: Case) -> float:
            padded = case.parameters["pad_k"] == 336, case.parameters["pad_n"] == 512
            return {(True, True): 1.3, (True, False): 0.93, (False, True): 0.9}.get(padded, 1.2)

        def original(case: Case) -> float:
            return 1.0 if case.name in ("as it is", "copied", "control") else effect(case)

        assert asked(product(), World(original)).sizes == (250, 330, 512)

    def test_a_combination_that_is_better_is_advised(self) -> None:
        found = asked(product(padded_once=True), World(gaining(k={336: 0.85}, n={512: 0.85})))
        assert found.sizes == (250, 336, 512)

    def test_a_copy_that_only_pays_for_two_dimensions_is_found(self) -> None:
        """Alone, padding m or k loses to the copy; both together share it."""
        effect = gaining(m={252: 0.93}, k={336: 0.93})
        assert effect(product().case("s", (252, 330, 500), 0)) > 0.97
        assert asked(product(), World(effect)).sizes == (252, 336, 500)

    @pytest.mark.parametrize(("factor", "sizes"), [(0.978, (250, 330, 512)), (0.94, (250, 336, 512))])
    def test_what_adds_next_to_nothing_is_left_as_it_is(self, factor: float, sizes: tuple[int, ...]) -> None:
        """k 336 adds 1.8 % of arithmetic: a gain of 0.4 % beside n is not worth it, one of 4 % is."""
        found = asked(product(padded_once=True), World(gaining(n={512: 0.85}, k={336: factor})))
        assert found.confirmed is not None
        assert found.confirmed.rows[250, 336, 512]["ratio"] < found.confirmed.rows[250, 330, 512]["ratio"]
        assert found.sizes == sizes

    def test_a_gain_within_the_margin_is_none(self) -> None:
        world = World(lambda case: 0.985 if case.parameters["pad_n"] == 512 else 1.0)
        assert asked(product(), world).outcome == DO_NOT_PAD
        assert asked(product(), world, margin=0.005).outcome == PAD

    def test_what_only_looked_good_in_the_screen_is_not_advised(self) -> None:
        def lucky(case: Case) -> float:
            return 0.8 if case.study == "screen" and case.parameters["pad_n"] == 512 else arithmetic(case)

        found = asked(product(), World(lucky))
        assert found.outcome == DO_NOT_PAD
        assert found.confirmed is not None
        assert found.confirmed.rows[250, 330, 512]["ratio"] > 1

    def test_a_size_that_noise_hid_behind_its_neighbour_is_still_found(self) -> None:
        """The screen has two sizes in the wrong order, by less than its own noise: both are confirmed."""

        def swapped(case: Case) -> float:
            ratios = {504: 0.9, 512: 0.92} if case.study == "screen" else {504: 0.95, 512: 0.85}
            return ratios.get(case.parameters["pad_n"], 1.0) * (1.2 if case.parameters["copied"] else 1.0)

        assert asked(product(), World(swapped, launch=0.001)).sizes == (250, 330, 512)

    def test_a_control_that_fails_makes_it_inconclusive(self) -> None:
        def disturbed(case: Case) -> float:
            return 1.1 if case.control else gaining(n={512: 0.8})(case)

        found = asked(product(), World(disturbed))
        assert (found.outcome, found.sizes) == (INCONCLUSIVE, own(product()))
        assert "run it again" in found.notes[-1]

    def test_what_this_run_cannot_tell_is_said(self) -> None:
        found = asked(product(), World(gaining(n={512: 0.93}), launch=0.08, seed=3))
        assert found.outcome == INCONCLUSIVE
        assert any("this run cannot tell" in note for note in found.notes)

    def test_what_failed_is_said_and_not_advised(self) -> None:
        world = World(gaining(n={512: 0.8, 504: 0.9}), broken={"n 512": "out of memory"})
        found = asked(product(), world)
        assert found.sizes == (250, 330, 504)
        assert "n 512 could not be measured: out of memory (in start-up)" in found.notes

    def test_a_problem_that_cannot_be_measured_at_all_is_an_error_with_the_reason(self) -> None:
        with pytest.raises(Unmeasurable, match="out of memory"):
            asked(product(), World(arithmetic, broken={"as it is": "out of memory"}))

    def test_where_no_padded_size_can_be_measured_nothing_is_said_of_padding(self) -> None:
        broken = {named(product(), one.sizes): "out of memory" for one in candidates(product())}
        found = asked(product(), World(arithmetic, broken=broken))
        assert (found.outcome, found.sizes) == (INCONCLUSIVE, own(product()))
        assert "no padded size could be measured" in found.notes

    def test_where_nothing_changes_nearby_nothing_is_measured(self) -> None:
        world = World(arithmetic)
        found = asked(product(192, 192, 192), world)
        assert (found.outcome, found.confirmed, world.plans) == (DO_NOT_PAD, None, [])
        assert found.notes

    def test_problems_asked_together_share_launches_and_get_their_own_answers(self) -> None:
        def effect(case: Case) -> float:
            return gaining(n={512: 0.8})(case) if case.parameters["m"] == 250 else arithmetic(case)

        world = World(effect)
        problems = [product(), product(192, 192, 192), product(m=300)]
        found = advise(problems, Settings(world, CHEAP))
        assert [entry.sizes for entry in found] == [(250, 330, 512), (192, 192, 192), (300, 330, 500)]
        assert [len(plan.groups) for plan in world.plans] == [2, 2]

    def test_a_network_is_answered_too(self) -> None:
        def effect(case: Case) -> float:
            return 0.8 if case.parameters["pad_hidden"] == [256, 256] else 1.0

        found = asked(network(784, 250, 250, 10), World(effect))
        assert found.sizes == (784, 256)


class TestStages:
    def test_confirming_is_fresh_in_launches_and_operands_and_has_a_control(self) -> None:
        world = World(gaining(n={512: 0.8}))
        asked(product(), world)
        screen, confirm = world.plans
        assert (list(screen.launches), list(confirm.launches)) == (["screen"], ["confirm"])
        assert confirm.launches["confirm"] >= 5
        seeds = [{case.seed for entry in plan.groups for case in entry.group.cases} for plan in world.plans]
        assert min(seeds[1]) > max(seeds[0]) + screen.launches["screen"]
        assert all(case.reseeded for plan in world.plans for entry in plan.groups for case in entry.group.cases)
        assert [case.name for case in confirm.groups[0].group.cases if case.control] == ["control"]
        assert not any(case.control for case in screen.groups[0].group.cases)

    def test_the_screen_has_every_candidate_and_copying_alone(self) -> None:
        world = World(arithmetic)
        asked(product(), world)
        names = [case.name for case in world.plans[0].groups[0].group.cases]
        assert names == ["as it is", *(named(product(), entry.sizes) for entry in candidates(product())), "copied"]

    def test_without_copies_copying_alone_is_not_measured(self) -> None:
        world = World(arithmetic)
        asked(product(padded_once=True), world)
        assert "copied" not in [case.name for case in world.plans[0].groups[0].group.cases]

    def test_every_case_of_a_group_stands_for_the_same_work(self) -> None:
        from bench import workloads

        world = World(arithmetic)
        asked(product(), world)
        assert {workloads.work(case).amount for case in world.plans[0].groups[0].group.cases} == {2 * 250 * 330 * 500}

    def test_effects_multiply_and_the_copy_counts_once(self) -> None:
        effect = gaining(m={252: 0.9}, k={336: 0.9}, n={512: 0.9})
        settings = Settings(World(effect, launch=0, sample=0), CHEAP)
        sizes = [entry.sizes for entry in candidates(product())]
        (seen,) = stages.screen([(product(), sizes)], settings)
        assert seen is not None
        for combined in ((252, 336, 512), (252, 336, 500), (250, 336, 512), (250, 330, 512)):
            expected = effect(product().case("s", combined, 0))
            assert predict(product(), seen, combined) == pytest.approx(expected, rel=1e-6)

    def test_what_is_far_from_the_best_is_not_confirmed(self) -> None:
        settings = Settings(World(gaining(n={512: 0.8, 504: 0.95}), launch=0, sample=0), CHEAP)
        (seen,) = stages.screen([(product(), [(250, 330, 504), (250, 330, 512), (252, 330, 500)])], settings)
        assert seen is not None
        assert contenders(product(), seen) == [(250, 330, 512)]


class TestJson:
    def test_an_answer_says_what_it_gains_and_costs(self) -> None:
        found = answer.to_json(asked(product(), World(gaining(n={512: 0.8}))), 0.02)
        json.dumps(found, allow_nan=False)
        assert found["advice"] == "pad"
        assert [(entry["name"], entry["size"], entry["pad_to"]) for entry in found["dimensions"]] == [
            ("m", 250, 250), ("k", 330, 330), ("n", 500, 512),
        ]  # fmt: skip
        assert found["dimensions"][2]["alone"]["confirmed"]
        assert not found["dimensions"][0]["alone"]["confirmed"]
        assert found["ci_low"] < found["ratio"] < found["ci_high"] < 0.9
        assert found["padded_time_s"] == pytest.approx(found["time_s"] * found["ratio"], rel=0.02)
        assert found["extra_bytes"] == 4 * (330 * 12 + 250 * 12)
        assert found["extra_share"] == pytest.approx(found["extra_bytes"] / found["memory_bytes"])
        assert {row["dimension"] for row in found["screened"]} == {"m", "k", "n"}

    def test_not_to_pad_costs_nothing_and_gains_nothing(self) -> None:
        found = answer.to_json(asked(product(), World(arithmetic)), 0.02)
        assert (found["advice"], found["ratio"], found["extra_bytes"]) == ("do not pad", None, 0)
        assert found["confirmed"]

    def test_an_inconclusive_one_advises_no_size(self) -> None:
        found = answer.to_json(asked(product(), World(lambda case: 1.1 if case.control else 1.0)), 0.02)
        assert [entry["pad_to"] for entry in found["dimensions"]] == [None, None, None]


def test_a_product_is_that_of_its_library() -> None:
    case = Product(PLACE, 2, 3, 5, "torch").case("s", (2, 3, 8), 7)
    assert (case.provider, case.framework, case.workload, case.seed) == ("torch", "torch", "padded_product", 7)
