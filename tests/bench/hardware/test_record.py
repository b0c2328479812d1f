"""The hardware record as a whole: its groups, its fingerprint, its name for the machine, and what it leaves out."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from typing import Any

import pytest

from bench import hardware
from bench.hardware import Facts, ask, fact, fingerprint, machine_name, record, unknown

KINDS = {"queried", "derived", "looked-up", "measured", "unknown"}


def machine(brand: str | None = "AMD EPYC", cores: int = 2, gpus: tuple[str, ...] = ()) -> dict[str, Facts]:
    return {
        "cpu": {"brand": fact(brand, "test"), "physical_cores": fact(cores, "test"), "simd": fact(["avx"], "test")},
        "caches": {"l2_size": fact(1 << 20, "test", "B")},
        "memory": {"total": fact(16 << 30, "test", "B"), "available": fact(9 << 30, "test", "B")},
        "frequency": {"now": fact(2.5e9, "test", "Hz")},
        "gpu": {f"gpu{index}_name": fact(name, "test") for index, name in enumerate(gpus)},
    }


def changed(group: str, name: str, value: Any) -> dict[str, Facts]:
    facts = copy.deepcopy(machine())
    facts[group][name] = fact(value, "test")
    return facts


def test_groups_are_named_after_probe_files() -> None:
    assert set(record()) == {"cpu", "caches", "frequency", "memory", "memory_bus", "gpu", "software"}


def test_every_fact_has_value_unit_source_and_kind() -> None:
    for group in record().values():
        for entry in group.values():
            assert set(entry) == {"value", "unit", "source", "kind"}
            assert entry["kind"] in KINDS
            assert entry["source"]
            assert (entry["value"] is None) == (entry["kind"] == "unknown")


def test_record_is_json() -> None:
    facts = record()
    assert json.loads(json.dumps(facts)) == facts


def test_a_probe_that_raises_is_an_unknown_fact_with_the_error() -> None:
    def broken() -> Facts:
        raise RuntimeError("no such register")

    facts = record({"broken": broken, "sound": lambda: {"answer": fact(42, "test")}})
    assert facts["broken"]["probe"]["kind"] == "unknown"
    assert "RuntimeError: no such register" in facts["broken"]["probe"]["source"]
    assert facts["sound"]["answer"]["value"] == 42


def test_neither_user_nor_host_nor_home_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/srv/people/alice")
    monkeypatch.setenv("USER", "alice")
    monkeypatch.setenv("OMP_TOOL_LIBRARIES", "/srv/people/alice/tool.so:/opt/tool.so")
    monkeypatch.setattr("socket.gethostname", lambda: "wonderland.example")

    def failing() -> Facts:
        return {"x": unknown("/srv/people/alice/venv: not on wonderland.example"), "y": fact(["by alice"], "test")}

    text = json.dumps(record({"software": hardware._probe_of("software"), "failing": failing}))
    assert "/opt/tool.so" in text
    assert "alice" not in text
    assert "wonderland" not in text


def test_a_question_that_raises_or_answers_none_is_unknown_with_the_reason() -> None:
    assert ask("dividing", lambda: 1 // 0)["source"].startswith("dividing: ZeroDivisionError")
    assert ask("asking", lambda: None) == unknown("asking: says nothing")


def test_fingerprint_ignores_what_jitters() -> None:
    expected = fingerprint(machine())
    assert fingerprint(changed("frequency", "now", 3.1e9)) == expected
    assert fingerprint(changed("memory", "available", 1)) == expected
    assert fingerprint(changed("memory", "total", (16 << 30) - 50_000_000)) == expected


@pytest.mark.parametrize(
    ("group", "name", "value"),
    [
        ("cpu", "brand", "AMD EPYC 9654"),
        ("cpu", "physical_cores", 4),
        ("caches", "l2_size", 2 << 20),
        ("memory", "total", 32 << 30),
        ("gpu", "gpu0_name", "NVIDIA H200"),
    ],
)
def test_fingerprint_tells_machines_apart(group: str, name: str, value: Any) -> None:
    assert fingerprint(changed(group, name, value)) != fingerprint(machine())


def test_fingerprint_is_the_same_in_every_process() -> None:
    code = "import json, sys; from bench.hardware import fingerprint; print(fingerprint(json.load(sys.stdin)))"
    answer = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(machine()), capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == fingerprint(machine())


@pytest.mark.parametrize(
    ("brand", "gpus", "expected"),
    [
        ("AMD EPYC", (), "amd-epyc-2c"),
        ("AMD EPYC 7763 64-Core Processor", (), "amd-epyc-7763-2c"),
        ("Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz", (), "intel-xeon-platinum-8375c-2c"),
        ("12th Gen Intel(R) Core(TM) i7-12700H", (), "intel-core-i7-12700h-2c"),
        ("AMD Ryzen 7 7840U with Radeon 780M Graphics", (), "amd-ryzen-7-7840u-2c"),
        ("AMD EPYC", ("NVIDIA H200",), "nvidia-h200-2c"),
        ("AMD EPYC", ("NVIDIA H200", "NVIDIA H200"), "nvidia-h200-x2-2c"),
        (None, (), "machine-2c"),
    ],
)
def test_machine_is_called_by_its_processors(brand: str | None, gpus: tuple[str, ...], expected: str) -> None:
    assert machine_name(machine(brand, gpus=gpus)) == expected


def test_machine_name_stands_without_any_fact() -> None:
    assert machine_name({}) == "machine"


def test_importing_the_probes_imports_nothing_heavy() -> None:
    """The standard library only: py-cpuinfo, psutil, NVML and NumPy are imported when asked."""
    code = (
        "import sys; from bench.hardware import caches, cpu, frequency, gpu, memory, memory_bus, software;"
        "cpu.usable_cores();"
        "print({'cpuinfo', 'psutil', 'pynvml', 'numpy', 'torch'} & set(sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"
