"""The processor and the part of it this process may use, on planted file trees."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bench.hardware import cpu
from bench.hardware.cpu import probe, usable_cores

from .conftest import Tree

X86 = """processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 1
model name\t: AMD EPYC 7763 64-Core Processor
stepping\t: 1
cpu MHz\t\t: 2450.000
flags\t\t: fpu sme smep sse sse2 pni ssse3 sse4_1 sse4_2 avx avx2 fma f16c hypervisor

processor\t: 1
model name\t: something else
"""
ARM = """processor\t: 0
Features\t: fp asimd aes atomics asimddp sve i8mm bf16 smepfake
CPU implementer\t: 0x41
CPU part\t: 0xd40
"""
CPUINFO = {"brand_raw": "Brand of py-cpuinfo", "family": 6, "flags": ["sse2", "avx512f"]}


def threads(siblings: Mapping[int, str], packages: Mapping[int, int] | None = None) -> dict[str, str]:
    files = {}
    for number, text in siblings.items():
        folder = f"sys/devices/system/cpu/cpu{number}/topology"
        files[f"{folder}/thread_siblings_list"] = text + "\n"
        files[f"{folder}/physical_package_id"] = str((packages or {}).get(number, 0))
    return files


HYPERTHREADED = threads({0: "0,2", 1: "1,3", 2: "0,2", 3: "1,3"})


def quota(microseconds: int) -> dict[str, str]:
    return {
        "proc/self/cgroup": "0::/job\n",
        "proc/self/mountinfo": "30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
        "sys/fs/cgroup/job/cpu.max": f"{microseconds} 100000\n",
    }


def failing() -> dict[str, Any]:
    raise RuntimeError("unknown architecture")


def test_py_cpuinfo_names_the_processor(tree: Tree) -> None:
    facts = probe(tree({"proc/cpuinfo": X86}), lambda: CPUINFO, [0])
    assert (facts["brand"]["value"], facts["brand"]["source"]) == ("Brand of py-cpuinfo", "py-cpuinfo")


def test_proc_cpuinfo_names_it_where_py_cpuinfo_fails(tree: Tree) -> None:
    facts = probe(tree({"proc/cpuinfo": X86}), failing, [0])
    assert facts["brand"]["value"] == "AMD EPYC 7763 64-Core Processor"
    assert facts["brand"]["source"] == "/proc/cpuinfo"
    assert facts["family"]["value"] == 25


def test_where_py_cpuinfo_is_missing_the_record_goes_on(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "cpuinfo", None)
    assert probe(tree({"proc/cpuinfo": X86}), None, [0])["brand"]["source"] == "/proc/cpuinfo"


def test_sysctl_names_it_on_macos(tmp_path: Path) -> None:
    settings = {
        "machdep.cpu.brand_string": "Apple M2 Pro",
        "hw.optional.neon": "1",
        "hw.optional.arm.FEAT_BF16": "1",
        "hw.optional.arm.FEAT_SME": "0",
    }
    facts = probe(tmp_path, failing, [0], lambda: settings)
    assert (facts["brand"]["value"], facts["brand"]["source"]) == ("Apple M2 Pro", "sysctl")
    assert facts["simd"]["value"] == ["bf16", "neon"]


def test_a_processor_that_nothing_names_is_unknown_and_says_what_was_tried(tmp_path: Path) -> None:
    brand = probe(tmp_path, failing, [0])["brand"]
    assert brand["kind"] == "unknown"
    assert "unknown architecture" in brand["source"]
    assert "/proc/cpuinfo" in brand["source"]


def test_arm_is_called_by_implementer_and_part(tree: Tree) -> None:
    facts = probe(tree({"proc/cpuinfo": ARM}), failing, [0])
    assert facts["brand"]["value"] == "ARM implementer 0x41 part 0xd40"


def test_simd_features_are_the_kernels_and_filtered(tree: Tree) -> None:
    """``pni`` is SSE3; on x86 ``sme`` encrypts memory and is no SIMD; py-cpuinfo's avx512f is not switched on."""
    facts = probe(tree({"proc/cpuinfo": X86}), lambda: CPUINFO, [0])
    expected = ["avx", "avx2", "f16c", "fma", "sse", "sse2", "sse3", "sse4_1", "sse4_2", "ssse3"]
    assert facts["simd"]["value"] == expected


def test_simd_features_of_arm(tree: Tree) -> None:
    facts = probe(tree({"proc/cpuinfo": ARM.replace("smepfake", "sme2")}), failing, [0])
    assert facts["simd"]["value"] == ["asimd", "asimddp", "bf16", "i8mm", "sme2", "sve"]


def test_two_threads_of_one_core_are_one_core(tree: Tree) -> None:
    facts = probe(tree(HYPERTHREADED), failing, [0, 1, 2, 3])
    assert facts["threads"]["value"] == 4
    assert facts["physical_cores"]["value"] == 2


def test_only_the_threads_this_process_may_use_count(tree: Tree) -> None:
    facts = probe(tree(HYPERTHREADED), failing, [0, 2])
    assert facts["threads"]["value"] == 2
    assert facts["physical_cores"]["value"] == 1


def test_sockets_are_counted_by_package(tree: Tree) -> None:
    root = tree(threads({0: "0", 1: "1"}, packages={0: 0, 1: 1}))
    assert probe(root, failing, [0, 1])["sockets"]["value"] == 2


def test_without_a_topology_each_thread_is_a_core_and_the_source_says_so(tmp_path: Path) -> None:
    facts = probe(tmp_path, failing, [0, 1, 2])
    assert facts["physical_cores"]["value"] == 3
    assert "no /sys topology" in facts["physical_cores"]["source"]


@pytest.mark.parametrize(("microseconds", "expected"), [(50_000, 1), (150_000, 1), (200_000, 2), (900_000, 2)])
def test_usable_cores_respect_the_quota_rounded_down_and_are_at_least_one(
    tree: Tree, microseconds: int, expected: int
) -> None:
    assert usable_cores(tree(HYPERTHREADED | quota(microseconds)), [0, 1, 2, 3]) == expected


def test_usable_cores_without_control_groups_are_the_cores(tree: Tree) -> None:
    assert usable_cores(tree(HYPERTHREADED), [0, 1, 2, 3]) == 2


def test_usable_cores_here_follow_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu.os, "sched_getaffinity", lambda pid: {0}, raising=False)
    assert usable_cores() == 1


def test_a_control_group_limit_is_in_cores_and_none_is_said(tree: Tree) -> None:
    limited = probe(tree(quota(150_000)), failing, [0])["cgroup_limit"]
    assert (limited["value"], limited["unit"]) == (1.5, "cores")
    free = probe(tree({"sys/fs/cgroup/job/cpu.max": "max 100000\n"}), failing, [0])["cgroup_limit"]
    assert (free["value"], free["unit"], free["kind"]) == ("none", None, "queried")


CLOCKS = "sys/devices/system/clocksource/clocksource0/available_clocksource"
DMI = {"sys/class/dmi/id/sys_vendor": "Amazon EC2\n", "sys/class/dmi/id/product_name": "c7i.large\n"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"sys/hypervisor/type": "xen\n"}, "xen"),
        (DMI, "Amazon EC2 c7i.large"),
        ({CLOCKS: "tsc kvm-clock\n"}, "KVM"),
        ({}, "present"),
    ],
)
def test_hypervisor_is_named_where_something_names_it(tree: Tree, files: dict[str, str], expected: str) -> None:
    assert probe(tree({"proc/cpuinfo": X86} | files), failing, [0])["hypervisor"]["value"] == expected


def test_bare_metal_has_no_hypervisor_whatever_its_board(tree: Tree) -> None:
    bare = X86.replace(" hypervisor", "")
    assert probe(tree({"proc/cpuinfo": bare} | DMI), failing, [0])["hypervisor"]["value"] == "none"


def test_hypervisor_of_arm_is_unknown_for_it_has_no_flag(tree: Tree) -> None:
    assert probe(tree({"proc/cpuinfo": ARM}), failing, [0])["hypervisor"]["kind"] == "unknown"


def test_serial_numbers_are_not_read(tree: Tree) -> None:
    files = {"proc/cpuinfo": X86 + "Serial\t: 10000000abcdef\n", "sys/class/dmi/id/product_serial": "SN-1234"} | DMI
    text = str(probe(tree(files), failing, [0]))
    assert "abcdef" not in text
    assert "SN-1234" not in text
