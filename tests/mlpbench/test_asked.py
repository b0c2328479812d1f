"""Every preset and every combination of options that makes sense gives groups; the rest is bad input."""

import pytest

from bench import libraries
from bench.errors import BadInput
from bench.plan import PRESETS
from mlpbench.asked import Asked, groups


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("study", ["throughput", "alignment"])
def test_every_preset_of_every_study_has_groups_with_baseline_and_control(preset, study):
    found = groups(Asked(studies=(study,), preset=preset), {})
    assert found
    for group in found:
        assert group.case(group.baseline)
        assert group.case("control").control


def test_case_ids_are_unique():
    ids = [case.id for group in groups(Asked(preset="standard"), {}) for case in group.cases]
    assert len(set(ids)) == len(ids)


def test_the_exercise_is_in_the_quick_preset():
    found = {group.name: group for group in groups(Asked(studies=("alignment",)), {})}
    names = [case.name for case in found["numpy matmul float32 cpu"].cases]
    assert names == ["1024", "1025", "1026", "1028", "1032", "control"]
    found = {group.name: group for group in groups(Asked(studies=("alignment",), preset="standard"), {})}
    assert found["torch tensor-matrix float32 cpu"].cases[0].parameters["stack"] == 4


def test_sizes_that_are_asked_for_are_measured_in_every_group():
    found = groups(Asked(studies=("alignment",), size=(64, 65)), {})
    assert {tuple(case.name for case in group.cases) for group in found} == {("64", "65", "control")}
    assert len([group for group in found if "tensor-matrix" in group.name]) == len(libraries.names())


def test_a_baseline_is_always_added():
    sizes = groups(Asked(studies=("alignment",), size=(64,), baseline="32"), {})
    assert {group.baseline for group in sizes} == {"32"}
    (group,) = groups(Asked(studies=("throughput",), impl=("numpy_scratch",), width=(8,)), {})
    assert [case.name for case in group.cases] == ["torch_concise", "numpy_scratch", "control"]


def test_a_kernel_variable_of_the_shell_is_measured_against_its_absence():
    found = groups(Asked(studies=("alignment",)), {"OPENBLAS_CORETYPE": "Haswell"})
    steering = next(group for group in found if "steering" in group.name)
    assert steering.case("without OPENBLAS_CORETYPE").variables == {"OPENBLAS_CORETYPE": None}
    assert not [group for group in groups(Asked(studies=("alignment",)), {}) if "steering" in group.name]


@pytest.mark.parametrize(
    "asked",
    [
        Asked(studies=("alignment",), width=(8,)),
        Asked(studies=("alignment",), impl=("numpy_scratch",)),
        Asked(studies=("throughput",), size=(8,)),
        Asked(studies=("throughput",), baseline="1025"),
        Asked(studies=("roofline",), width=(8,)),
        Asked(studies=("alignment", "roofline"), batch=(8,)),
    ],
)
def test_options_that_no_chosen_study_looks_at_are_bad_input(asked):
    with pytest.raises(BadInput):
        groups(asked, {})


def test_floors_are_of_the_implementations_and_depths_that_are_asked_for():
    found = groups(Asked(studies=("roofline",), impl=("numpy_scratch",), depth=(2,)), {})
    [floor] = [group for group in found if group.name.startswith("floor 784")]
    assert (floor.name, len(floor.cases[0].parameters["hidden"])) == ("floor 784-1-1-10 float32 cpu", 2)
    assert [case.name for case in floor.cases] == ["torch_concise", "numpy_scratch"]


@pytest.mark.parametrize(("impl", "expected"), [((), {"torch_concise"}), (("torch_manual",), {"torch_manual"})])
def test_a_pipeline_feeds_the_networks_that_are_named_alone(impl, expected):
    found = groups(Asked(studies=("pipeline",), impl=impl), {})
    assert {case.implementation for group in found for case in group.cases} == expected


def test_quick_leaves_variants_out_unless_they_are_asked_for():
    def chosen(**options):
        return {case.name for group in groups(Asked(("throughput",), **options)) for case in group.cases}

    assert "jax_scratch" in chosen()
    assert "jax_scratch:eager" not in chosen()
    for asked in ({"impl": ("all",)}, {"preset": "standard"}, {"impl": ("jax_scratch:eager",)}):
        assert "jax_scratch:eager" in chosen(**asked)
