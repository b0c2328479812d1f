"""Under which conditions a case ran: asked in its worker, recorded, and never at the case's cost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench import conditions, implementations, libraries, runner, series, summary, workloads
from bench.case import Case, Group
from bench.store import Records
from bench.workloads import matmul, training_step
from mlp_impls import numpy_scratch

GLIBC = "7f0a-7f0b r-xp 0 08:01 12 /usr/lib/x86_64-linux-gnu/libc.so.6\n"
KEYS = {"device", "dtype", "framework", "version", *conditions.SWITCHES, "graph", "allocator"}
Group_ = Callable[..., Group]


def case(framework: str = "numpy", **more: Any) -> Case:
    return Case("throughput", "g", "c", "training_step", "numpy_scratch", framework, {}, **more)


def asked(monkeypatch: pytest.MonkeyPatch, answer: Callable[[str], Any], graph: str | None = "none") -> dict[str, Any]:
    """What is told where the library file answers so."""
    monkeypatch.setattr(libraries, "load", lambda name: SimpleNamespace(conditions=answer))
    return conditions.ask(case(), graph)


def broken(device: str) -> dict[str, Any]:
    raise RuntimeError("no such\nswitch")


def test_every_condition_is_told_with_what_it_is_of() -> None:
    told = conditions.ask(case(dtype="float64"), "none")["conditions"]
    assert set(told) == KEYS
    assert (told["device"], told["dtype"], told["framework"]) == ("cpu", "float64", "numpy")
    assert (told["version"], told["float32_products"]) == (np.__version__, "float32")
    assert (told["onednn"], told["xla"], told["graph"]) == (False, False, "none")


def test_a_step_that_xla_compiles_is_told_so_whatever_its_framework_does_by_itself() -> None:
    assert conditions.ask(case(), "graph of the whole step, compiled by XLA")["conditions"]["xla"] is True


def test_a_library_file_that_raises_leaves_its_switches_unknown_and_the_rest_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = asked(monkeypatch, broken)
    assert {told["conditions"][name] for name in conditions.SWITCHES} == {None}
    assert told["reasons"]["threads"] == "RuntimeError: no such switch"
    assert told["conditions"]["version"] == np.__version__
    assert told["conditions"]["graph"] == "none"


@pytest.mark.parametrize("value", [np.bool_(True), 1.5, float("nan"), [1], object(), ""])
def test_what_json_would_not_hold_or_nobody_could_read_is_unknown(value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    told = asked(monkeypatch, lambda device: {"threads": 2, "onednn": value})
    assert told["conditions"]["threads"] == 2
    assert told["conditions"]["onednn"] is None
    assert told["reasons"]["onednn"] == "not told"


def test_an_answer_that_is_no_dictionary_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(monkeypatch, lambda device: ["threads"])["reasons"]["threads"] == "not told in a dictionary"


def test_a_framework_without_a_library_file_is_unknown_with_the_reason() -> None:
    told = conditions.ask(case("imaginary"), None)
    assert told["conditions"]["threads"] is None
    assert "bench/libraries/imaginary.py" in told["reasons"]["threads"]
    assert told["reasons"]["version"] == "KeyError: 'imaginary'"


def test_a_library_file_without_conditions_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "load", lambda name: SimpleNamespace())
    assert "conditions" in conditions.ask(case(), "none")["reasons"]["xla"]


@pytest.mark.parametrize("name", conditions.ALLOCATORS)
def test_an_allocator_mapped_into_the_process_is_named(name: str, tmp_path: Path) -> None:
    maps = tmp_path / "maps"
    maps.write_text(GLIBC + f"7f0c-7f0d r-xp 0 08:01 13 /opt/lib{name}_minimal.so.4\n")
    assert conditions.allocator(maps) == name


def test_without_one_it_is_the_c_librarys(tmp_path: Path) -> None:
    maps = tmp_path / "maps"
    others = ("/opt/libjemalloc-data/libother.so", "/opt/libnojemalloc.so", "/opt/libtcmalloc.txt")
    maps.write_text(GLIBC + "".join(f"7f0c-7f0d r-xp 0 08:01 13 {path}\n" for path in others))
    assert conditions.allocator(maps) == os.confstr("CS_GNU_LIBC_VERSION")


def test_where_the_kernel_does_not_tell_the_allocator_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditions, "allocator", lambda: Path("/nowhere/maps").read_text())
    assert conditions.ask(case(), "none")["reasons"]["allocator"].startswith("FileNotFoundError")


def test_the_graph_is_that_of_the_model_and_none_where_it_does_not_say() -> None:
    class Silent:
        pass

    model = numpy_scratch.NumpyModel(training_step.Shape(4, (), 2), [], 0.1, None, "float32")
    assert training_step.graph(model) == "none"
    assert training_step.graph(Silent()) is None  # type: ignore[arg-type]
    odd = Silent()
    odd.__dict__["graph"] = 7
    assert training_step.graph(odd) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("workload", ["training_step", "training_epoch", "fed_epoch"])
def test_whatever_trains_tells_its_model_s_graph(workload: str, images: Path) -> None:
    pytest.importorskip("torch")
    parameters: dict[str, Any] = {"inputs": 16, "hidden": [4], "outputs": 10, "batch": 32, "learning_rate": 0.1}
    parameters |= {"images": 64, "pipeline": "resident_index", "pipeline_variant": ""}
    asked = Case("s", "g", "c", workload, "torch_concise", "torch", parameters)
    provider = implementations.load("torch_concise", None)
    assert workloads.load(workload).prepare(asked, provider, images).graph == "none"


def test_a_matrix_product_has_no_graph_unless_its_library_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    product = Case("alignment", "g", "8", "matmul", "numpy", "numpy", dict.fromkeys("mkn", 8) | {"stack": 1})
    library = libraries.load("numpy")
    assert matmul.prepare(product, library, Path()).graph == "none"
    monkeypatch.setattr(library, "GRAPH", "compiled", raising=False)
    assert matmul.prepare(product, library, Path()).graph == "compiled"


def test_each_case_is_asked_once_in_a_worker_as_it_is_timed(run_of: Any, small_group: Group_) -> None:
    records: Records = run_of(small_group(), small_group(width=12))
    told = [outcome for outcome in records.outcomes if outcome["kind"] == "conditions"]
    assert [one["case"].rpartition("/")[2] for one in told] == ["numpy_scratch", "numpy_scratch"]
    assert {one["conditions"]["threads"] for one in told} == {1}  # of the worker: here there may be more
    assert {one["conditions"]["graph"] for one in told} == {"none"}
    rows = {row["case"]: row["conditions"] for row in summary.summarize(records)["cases"]}
    assert rows["numpy_scratch"]["framework"] == "numpy"
    assert rows["control"] is None


def test_a_reason_is_recorded_without_anybody_s_home_folder() -> None:
    recorded: list[dict[str, Any]] = []
    reply = {"conditions": {"threads": None}, "reasons": {"threads": "OSError: /home/somebody/lib.so is not there"}}
    folder = SimpleNamespace(outcome=lambda kind, **fields: recorded.append(fields))
    launch: Any = SimpleNamespace(ask=lambda *_: reply, context=SimpleNamespace(folder=folder))
    runner._record_conditions(launch, case())
    assert recorded[0]["conditions"] == {"threads": None}
    assert recorded[0]["reasons"]["threads"].startswith("OSError: ~/lib.so")


def test_a_model_that_raises_when_asked_of_its_graph_is_measured_all_the_same(run_of: Any, small_group: Group_) -> None:
    records: Records = run_of(small_group("graph_raises"))
    row = next(row for row in summary.summarize(records)["cases"] if row["case"] == "graph_raises")
    assert row["status"] == "measured"
    assert row["conditions"]["graph"] is None
    assert row["conditions"]["reasons"]["graph"] == "not told"


def test_of_a_pilot_that_was_repeated_the_last_answer_counts() -> None:
    outcomes = [
        {"kind": "conditions", "case": "a/b/c", "conditions": {"threads": threads}, "reasons": {}} for threads in (1, 2)
    ]
    assert series.conditions(Records({}, [], outcomes)) == {"a/b/c": {"threads": 2, "reasons": {}}}


def test_records_without_conditions_are_read_as_before() -> None:
    assert series.conditions(Records({}, [], [{"kind": "skip", "case": "a/b/c", "reason": "no"}])) == {}


def test_asking_loads_no_framework_but_the_cases_own() -> None:
    code = "from bench import conditions; from bench.case import Case; import sys\n"
    code += "conditions.ask(Case('s', 'g', 'c', 'matmul', 'numpy', 'numpy', {}), None); print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "bench.libraries.numpy" in found
    assert "torch" not in found
