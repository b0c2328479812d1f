"""The memory bus by EDAC, where SMBIOS does not tell it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bench.hardware.memory_bus import probe
from tests.bench.hardware.conftest import Tree
from tests.bench.hardware.machines import BARE, EDAC, GIBIBYTE, UDEV, fixture, machine, values


def edac(controller: int, dimms: Mapping[str, tuple[str, str, str]], name: str) -> dict[str, str]:
    """Return the files of a controller; each module is its size in MB, type and location."""
    files = {f"{EDAC}/mc{controller}/mc_name": name + "\n"}
    for folder, texts in dimms.items():
        for key, text in zip(("size", "dimm_mem_type", "dimm_location"), texts, strict=True):
            files[f"{EDAC}/mc{controller}/{folder}/{key}"] = text + "\n"
    return files


def skylake(sockets: int = 2, kind: str = "Registered-DDR4") -> dict[str, str]:
    """Return two controllers a socket, three channels each, two slots each of which one is filled."""
    files: dict[str, str] = {}
    for number in range(2 * sockets):
        dimms = {f"dimm{2 * c}": ("16384", kind, f"channel {c} slot 0 ") for c in range(3)}
        empty = {f"dimm{2 * c + 1}": ("0", "Empty", f"channel {c} slot 1 ") for c in range(3)}
        files |= edac(number, dimms | empty, f"Skylake Socket#{number // 2} IMC#{number % 2}")
    return files


def test_edac_tells_channels_where_smbios_does_not(tree: Tree) -> None:
    files = BARE["letters_are_sockets"][0] | {"proc/meminfo": f"MemTotal: {180 << 20} kB\n"}
    facts = probe(tree(files | {UDEV: fixture("letters_are_sockets.udev")} | skylake()))
    found = values(facts)
    assert (found["channels"], found["bus_width"], found["bus_width_per_socket"]) == (12, 768, 384)
    assert facts["bus_width"]["kind"] == "derived"
    assert "taken as 64 bits" in facts["bus_width"]["source"]
    assert found["implied_bandwidth"] == 96 * 2_933_000_000  # at the rate that udev tells


def test_edac_alone_tells_no_rate(tree: Tree) -> None:
    found = values(probe(tree(machine(1) | skylake(1))))
    assert found == {"sockets": 1, "bus_width": 384, "bus_width_per_socket": 384, "channels": 6}


def test_ranks_of_one_channel_are_one_channel(tree: Tree) -> None:
    """Where a controller knows no modules, EDAC lists chip-select rows."""
    ranks = {f"rank{n}": ("8192", "Unbuffered-DDR3", f"csrow {n // 2} channel {n % 2} ") for n in range(8)}
    assert values(probe(tree(machine(1) | edac(0, ranks, "F15h"))))["bus_width"] == 128


def test_persistent_modules_are_no_channel_of_their_own(tree: Tree) -> None:
    module = ("16384", "Registered-DDR4", "channel 0 slot 0")
    persistent = {"dimm1": ("131072", "Non-volatile-RAM", "channel 1 slot 0")}
    assert values(probe(tree(machine(1) | edac(0, {"dimm0": module} | persistent, "x"))))["bus_width"] == 64


@pytest.mark.parametrize(
    "module",
    [
        ("8192", "Low-Power-DDR4-RAM", "channel 0 slot 0"),
        ("8192", "Unbuffered-DDR5", "channel 0 slot 0"),
        ("8192", "Unknown", "channel 0 slot 0"),
        ("8192", "Registered-DDR4", "memory 0"),
        ("many", "Registered-DDR4", "channel 0 slot 0"),
    ],
)
def test_edac_that_does_not_tell_a_channel_of_64_bits_is_unknown(tree: Tree, module: tuple[str, str, str]) -> None:
    files = machine(1) | edac(0, {"dimm0": module, "dimm1": ("8192", "Registered-DDR4", "channel 1 slot 0")}, "x")
    facts = probe(tree(files))
    assert "bus_width" not in values(facts)
    assert "EDAC: " in facts["bus_width"]["source"]


def test_edac_that_sees_only_some_of_the_memory_is_unknown(tree: Tree) -> None:
    assert "bus_width" not in values(probe(tree(machine(1, memory=128 * GIBIBYTE) | skylake(1))))
