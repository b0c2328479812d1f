"""What the alignment study measures in each preset, how long that takes, and what it says it leaves out."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from bench import libraries, omissions, plan, sweeps
from bench.case import Case, Group
from bench.studies import Options, alignment
from bench.survey import Survey
from bench.workloads import matmul

HERE = ("numpy", "torch")
ELSEWHERE = ("jax", "mxnet", "tensorflow")
SQUARES = ["1024", "1025", "1026", "1028", "1032", "1040", "1056", "1023", "1022", "1020"]
# Of five frameworks on two cores: seconds that a worker takes to start, and dtypes that they multiply on a CPU.
START_S = {"numpy": 0.3, "torch": 1.5, "jax": 0.8, "tensorflow": 2.0, "mxnet": 1.0}
ON_CPU = {"numpy": {"float32", "float64"}, "mxnet": {"float32", "float64"},
          "torch": {"float32", "float64", "bfloat16", "int8"}, "jax": {"float32", "float64", "bfloat16"},
          "tensorflow": {"float32", "float64", "bfloat16"}}  # fmt: skip


def groups(preset: str, **options: Any) -> dict[str, Group]:
    found = alignment.groups(Options(preset=preset, **options))
    assert len({group.name for group in found}) == len(found)
    return {group.name: group for group in found}


def names(group: Group) -> list[str]:
    return [case.name for case in group.cases if not case.control]


def sizes(case: Case) -> tuple[int, int, int]:
    return case.parameters["m"], case.parameters["k"], case.parameters["n"]


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("preset", sweeps.SWEEPS)
def test_every_group_has_a_name_of_its_own_a_baseline_and_a_control(preset: str, device: str) -> None:
    found = groups(preset, devices=(device,))
    assert found
    for group in found.values():
        assert len({case.name for case in group.cases}) == len(group.cases)
        assert group.case(group.baseline).control is False
        assert group.case("control").parameters == group.case(group.baseline).parameters
        assert all(case.group == group.name and case.device == device for case in group.cases)


@pytest.mark.parametrize("preset", sweeps.SWEEPS)
def test_every_product_is_drawn_anew_in_each_launch(preset: str) -> None:
    found = groups(preset, steering={"OPENBLAS_CORETYPE": "Haswell"}).values()
    assert {case.reseeded for group in found for case in group.cases} == {True}


def test_quick_is_the_exercise_in_what_is_installed_with_numpy_and_torch() -> None:
    found = groups("quick")
    for library in HERE:
        assert names(found[f"{library} matmul float32 cpu"]) == SQUARES[:5]
        assert names(found[f"{library} matmul bfloat16 cpu"]) == SQUARES[:5]
        assert names(found[f"{library} matmul float64 cpu"]) == SQUARES[:3]
    for library in ELSEWHERE:
        assert names(found[f"{library} matmul float32 cpu"]) == ["1024", "1025", "1032"]
        assert [name for name in found if name.startswith(library)] == [f"{library} matmul float32 cpu"]


def test_the_causes_are_the_cells_of_a_factorial_design() -> None:
    for library in HERE:
        group = groups("quick")[f"{library} causes float32 cpu"]
        cells = [case for case in group.cases if not case.control]
        for case in cells:
            levels, told = case.parameters["levels"], case.parameters
            assert case.name == f"{levels['size']} in {told['leading']} at {told['offset']}"
            assert sizes(case) == (levels["size"],) * 3
            assert (
                told["leading"]
                == {"aligned": 1040, "misaligned": 1041, "power of two": 1024}[levels["leading dimension"]]
            )
            assert told["offset"] == levels["base address"]
        crossed = {tuple(case.parameters["levels"].values()) for case in cells}
        assert crossed == {
            *product((1024, 1025), ("aligned", "misaligned"), (0, 4)),
            (1024, "power of two", 0),
        }
        assert list(cells[0].parameters["levels"]) == ["size", "leading dimension", "base address"]
        assert group.baseline == "1024 in 1040 at 0"


def test_standard_tells_apart_five_base_addresses() -> None:
    cells = groups("standard")["torch causes float32 cpu"].cases
    assert {case.parameters["levels"]["base address"] for case in cells} == {0, 4, 16, 32, 64}
    assert len(names(groups("standard")["torch causes float32 cpu"])) == 2 * 2 * 5 + 1


@pytest.mark.parametrize(("dtype", "aligned"), [("float64", 1032), ("float32", 1040), ("bfloat16", 1056)])
def test_aligned_rows_are_whole_cache_lines_in_every_dtype(dtype: str, aligned: int) -> None:
    cells = groups("thorough")[f"torch causes {dtype} cpu"].cases
    leadings = {case.parameters["levels"]["leading dimension"]: case.parameters["leading"] for case in cells}
    assert leadings == {"aligned": aligned, "misaligned": aligned + 1, "power of two": 1024}
    item_size = matmul.ITEM_SIZES[dtype]
    assert aligned * item_size % 64 == 0
    assert all(case.parameters["offset"] % item_size == 0 for case in cells)


@pytest.mark.parametrize("library", HERE)
def test_standard_has_all_of_base_1024(library: str) -> None:
    found = groups("standard")
    for dtype in ("float64", "float32", "tf32", "bfloat16", "float16", "int8"):
        assert names(found[f"{library} matmul {dtype} cpu"]) == SQUARES
    for letter, place in zip("mkn", range(3), strict=True):
        group = found[f"{library} matmul float32 cpu, {letter} alone"]
        assert names(group) == SQUARES
        for case in group.cases:
            varied = 1024 if case.control else int(case.name)
            assert sizes(case) == tuple(varied if index == place else 1024 for index in range(3))
    layouts = found[f"{library} matmul float32 cpu, layouts"]
    assert names(layouts) == [f"{size} {layout}" for size in (1024, 1025) for layout in ("NN", "NT", "TN", "TT")]
    assert [case.parameters["layout"] for case in layouts.cases[:4]] == ["NN", "NT", "TN", "TT"]


def test_standard_has_stacks_and_larger_bases() -> None:
    found = groups("standard")
    batched = found["torch batched float32 cpu"].cases[0].parameters
    assert (batched["stack"], batched["batched"]) == (4, True)
    assert "batched" not in found["torch tensor-matrix float32 cpu"].cases[0].parameters
    for dtype in ("float32", "bfloat16"):
        assert names(found[f"torch matmul {dtype} cpu, base 2048"]) == ["2048", "2049", "2056"]
        large = found[f"torch matmul {dtype} cpu, base 4096"]
        assert (names(large), large.baseline) == (["4096", "4097", "4104"], "4096")
        assert large.rounds is not None
        assert large.rounds < 20
    assert not any("8192" in name for name in found)


@pytest.mark.parametrize("preset", ["standard", "thorough"])
def test_gpus_have_one_base_more(preset: str) -> None:
    found = groups(preset, devices=("cuda",))
    assert names(found["torch matmul bfloat16 cuda, base 8192"])[:3] == ["8192", "8193", "8194" if preset == "thorough"
                                                                        else "8200"]  # fmt: skip
    assert groups(preset, devices=("cpu", "cuda")).keys() >= found.keys()


def test_standard_and_quick_are_parts_of_thorough() -> None:
    thorough = {name: set(names(group)) for name, group in groups("thorough").items()}
    for preset in ("quick", "standard"):
        found = groups(preset)
        assert found
        for name, group in found.items():
            assert set(names(group)) <= thorough[name], name


def test_sizes_of_the_users_own_take_the_place_of_everything_else() -> None:
    found = groups("standard", sizes=(64, 65), dtypes=("float32", "int8"))
    assert {tuple(names(group)) for group in found.values()} == {("64", "65")}
    assert len(found) == 3 * len(libraries.names())
    assert alignment.left_out(Options(sizes=(64, 65))) == []


@pytest.mark.parametrize("preset", ["quick", "standard"])
def test_dtypes_that_are_asked_for_are_measured_in_every_library_and_no_others(preset: str) -> None:
    found = groups(preset, dtypes=("float64", "float16"))
    assert {case.dtype for group in found.values() for case in group.cases} == {"float64", "float16"}
    for library, dtype in product(libraries.names(), ("float64", "float16")):
        assert "1025" in names(found[f"{library} matmul {dtype} cpu"])
    assert not any("causes" in name or "layouts" in name for name in found)


@pytest.mark.parametrize("dtype", [(), ("float64",), ("float32",), ("bfloat16", "int8")])
@pytest.mark.parametrize("preset", sweeps.SWEEPS)
def test_something_is_left_for_a_budget_to_choose(preset: str, dtype: tuple[str, ...]) -> None:
    assert any(group.rounds is None for group in groups(preset, dtypes=dtype).values())


def expected_minutes(preset: str, *, only: tuple[str, ...] = (*HERE, *ELSEWHERE)) -> float:
    """Return what the plan says it takes at 200 GFLOP/s in float32."""
    found = alignment.groups(Options(preset=preset, threads=2))
    cases = [case for group in found for case in group.cases]
    lacking = {one.id: "no" for one in cases if one.provider not in only or one.dtype not in ON_CPU[one.provider]}
    survey = Survey(reasons=lacking, start_s=START_S, rate=200e9)
    return plan.expected_seconds(plan.make(found, survey, preset, 0), survey) / 60


@pytest.mark.parametrize(("preset", "minutes"), [("quick", 4), ("standard", 40)])
def test_a_preset_takes_no_longer_than_it_promises(
    preset: str, minutes: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "starting_at_once", lambda: 2)
    assert expected_minutes(preset, only=HERE) < expected_minutes(preset) < minutes


@pytest.mark.parametrize("preset", ["quick", "standard"])
def test_all_but_the_largest_products_get_a_verdict(preset: str) -> None:
    found = alignment.groups(Options(preset=preset))
    planned = plan.make(found, Survey(start_s=START_S), preset, 0)
    few = [entry.group.name for entry in planned.groups if entry.rounds < 20]
    assert few == [name for name in groups(preset) if name.endswith("base 4096")]


def one(name: str, cases: tuple[str, ...], dtype: str = "float32", **parameters: Any) -> Group:
    library, _, kind = name.partition(" ")
    made = tuple(Case("s", f"{library} {kind}", case, "matmul", library, library, parameters, dtype=dtype)
                 for case in cases)  # fmt: skip
    return Group("s", f"{library} {kind}", made, cases[0])


def test_what_is_left_out_is_told_by_kind_library_and_case() -> None:
    whole = [
        one("numpy matmul float32 cpu", ("1", "2", "3")),
        one("torch matmul float32 cpu", ("1", "2", "3")),
        one("torch matmul int8 cpu", ("1", "2", "3"), "int8"),
        one("torch matmul float32 cpu, layouts", ("1 NN",)),
    ]
    own = [one("numpy matmul float32 cpu", ("1", "2", "3")), one("torch matmul float32 cpu", ("1", "2"))]
    assert omissions.told(own, whole) == [
        "left out altogether: matmul, layouts.",
        "left out of matmul: int8 in torch; 3 in torch float32.",
    ]
    assert omissions.told(whole, whole) == []


def test_what_all_lack_is_told_once() -> None:
    whole = [one(f"{library} matmul float32 cpu", ("1", "2")) for library in HERE]
    own = [replace(group, cases=group.cases[:1]) for group in whole]
    assert omissions.told(own, whole) == ["left out of matmul: 2."]


@pytest.mark.parametrize("preset", ["quick", "standard"])
def test_a_preset_says_what_it_leaves_out(preset: str) -> None:
    told = " ".join(alignment.left_out(Options(preset=preset)))
    assert "m alone, base 2048" in told
    assert ("layouts" in told.partition(".")[0]) == (preset == "quick")
    assert ("base address 64" in told) == (preset == "quick")
    assert alignment.left_out(Options(preset="thorough")) == []


def test_left_out_is_what_the_chosen_dtypes_could_have() -> None:
    assert "int8" not in " ".join(alignment.left_out(Options(dtypes=("float32",))))
