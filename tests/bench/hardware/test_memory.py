"""The memory, on planted file trees."""

from __future__ import annotations

import os
from pathlib import Path

from bench.hardware.memory import probe

from .conftest import Tree

MEMINFO = "MemTotal:       24684092 kB\nMemAvailable:   24238200 kB\nSwapTotal:        1024 kB\n"


def test_sizes_are_in_bytes(tree: Tree) -> None:
    facts = probe(tree({"proc/meminfo": MEMINFO}))
    sizes = [(facts[name]["value"], facts[name]["unit"]) for name in ("total", "available", "swap")]
    assert sizes == [(24684092 * 1024, "B"), (24238200 * 1024, "B"), (1024 * 1024, "B")]


def test_no_swap_is_a_fact_and_not_unknown(tree: Tree) -> None:
    facts = probe(tree({"proc/meminfo": MEMINFO.replace("1024 kB", "0 kB")}))
    assert (facts["swap"]["value"], facts["swap"]["kind"]) == (0, "queried")


def test_psutil_answers_where_there_is_no_meminfo(tmp_path: Path) -> None:
    total = probe(tmp_path)["total"]
    assert total["source"] == "psutil"
    assert total["value"] > 0


def test_the_control_groups_limit_is_given(tree: Tree) -> None:
    files = {
        "proc/self/cgroup": "0::/\n",
        "proc/self/mountinfo": "30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
    }
    assert probe(tree(files))["cgroup_limit"]["value"] == "none"
    limit = probe(tree({"sys/fs/cgroup/memory.max": "1073741824\n"}))["cgroup_limit"]
    assert (limit["value"], limit["unit"]) == (1 << 30, "B")


def test_without_control_groups_the_limit_is_unknown(tmp_path: Path) -> None:
    assert probe(tmp_path)["cgroup_limit"]["kind"] == "unknown"


def test_transparent_huge_pages_show_the_chosen_setting(tree: Tree) -> None:
    root = tree({"sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n"})
    assert probe(root)["transparent_huge_pages"]["value"] == "madvise"


def test_nodes_are_counted(tree: Tree) -> None:
    node = "sys/devices/system/node"
    root = tree({f"{node}/node0/cpulist": "0", f"{node}/node1/cpulist": "1", f"{node}/online": "0-1"})
    assert probe(root)["numa_nodes"]["value"] == 2


def test_page_size_is_that_of_this_process(tmp_path: Path) -> None:
    assert probe(tmp_path)["page_size"]["value"] == os.sysconf("SC_PAGE_SIZE")
