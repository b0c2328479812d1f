"""The caches, on planted file trees."""

from __future__ import annotations

from pathlib import Path

from bench.hardware.caches import from_sysctl, probe

from .conftest import Tree


def index(number: int, level: int, kind: str, size: str, shared: str) -> dict[str, str]:
    folder = f"sys/devices/system/cpu/cpu0/cache/index{number}"
    texts = {"level": str(level), "type": kind, "size": size, "coherency_line_size": "64", "shared_cpu_list": shared}
    return {f"{folder}/{name}": f"{text}\n" for name, text in texts.items()}


def test_each_level_has_size_line_size_and_sharers(tree: Tree) -> None:
    root = tree(
        index(0, 1, "Data", "48K", "0,8")
        | index(1, 1, "Instruction", "32K", "0")
        | index(3, 3, "Unified", "32M", "0-3,8-11")
    )
    values = {name: entry["value"] for name, entry in probe(root, 0).items()}
    assert values == {
        "l1d_size": 48 << 10,
        "l1d_line_size": 64,
        "l1d_shared_by": 2,
        "l1i_size": 32 << 10,
        "l1i_line_size": 64,
        "l1i_shared_by": 1,
        "l3_size": 32 << 20,
        "l3_line_size": 64,
        "l3_shared_by": 8,
    }


def test_a_missing_file_makes_one_fact_unknown(tree: Tree) -> None:
    files = index(0, 2, "Unified", "1024K", "0")
    del files["sys/devices/system/cpu/cpu0/cache/index0/coherency_line_size"]
    facts = probe(tree(files), 0)
    assert facts["l2_line_size"]["kind"] == "unknown"
    assert facts["l2_size"]["value"] == 1 << 20


def test_sysconf_answers_where_sys_has_no_caches(tmp_path: Path) -> None:
    """Zero is sysconf's way to say that it does not know."""
    facts = probe(tmp_path, 0, lambda name: {"SC_LEVEL1_DCACHE_SIZE": 32768}.get(name, 0))
    assert facts["l1d_size"]["value"] == 32768
    assert facts["l1d_size"]["source"] == "sysconf SC_LEVEL1_DCACHE_SIZE"


def test_caches_that_nothing_knows_are_unknown(tmp_path: Path) -> None:
    facts = probe(tmp_path, 0, lambda name: 0)
    assert [entry["kind"] for entry in facts.values()] == ["unknown"]


def test_macos_gives_those_of_the_performance_cores_first() -> None:
    settings = {"hw.l2cachesize": "4194304", "hw.perflevel0.l2cachesize": "16777216", "hw.cachelinesize": "128"}
    facts = from_sysctl(settings)
    assert facts["l2_size"]["value"] == 16777216
    assert facts["line_size"]["value"] == 128
