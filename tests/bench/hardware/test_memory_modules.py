"""Odd and damaged tables of memory modules: the answer is the right one or unknown."""

from __future__ import annotations

import random
from typing import Any

import pytest

from bench.hardware.memory_bus import probe
from tests.bench.hardware.conftest import Tree
from tests.bench.hardware.machines import BARE, GIBIBYTE, TABLE, TWO_SOCKETS, UDEV, Program, fixture, machine, values


def udev_with(name: str, **changes: str) -> str:
    """Return a fixture with properties of its devices changed: ``D3_TYPE="Flash"``."""
    text = fixture(f"{name}.udev")
    for key, value in changes.items():
        prefix = f"E:MEMORY_DEVICE_{key[1:]}="
        lines = [f"{prefix}{value}" if line.startswith(prefix) else line for line in text.splitlines()]
        assert f"{prefix}{value}" in lines, prefix
        text = "\n".join(lines) + "\n"
    return text


def found_with(tree: Tree, name: str, **changes: str) -> dict[str, Any]:
    files = BARE[name][0] | {"proc/meminfo": f"MemTotal: {8 << 20} kB\n"}
    return values(probe(tree(files | {UDEV: udev_with(name, **changes)})))


@pytest.mark.parametrize("kind", ["Flash", "Logical non-volatile device"])
def test_a_device_that_is_no_main_memory_does_not_count(tree: Tree, kind: str) -> None:
    assert found_with(tree, "server_1_socket", D0_TYPE=kind)["bus_width"] == 448


def test_unlike_speeds_leave_the_rate_unknown_and_the_width_known(tree: Tree) -> None:
    found = found_with(tree, "server_1_socket", D0_CONFIGURED_SPEED_MTS="2666")
    assert found["bus_width"] == 512
    assert not {"rate", "implied_bandwidth"} & set(found)


@pytest.mark.parametrize("speed", ["1600", "1466", "65535", "0", "999999", "fast"])
def test_a_clock_or_nonsense_is_not_taken_for_a_rate(tree: Tree, speed: str) -> None:
    """1600 is half of the 3200 that the modules are made for, 1466 below what DDR4 begins with."""
    changes = {f"D{2 * channel}_CONFIGURED_SPEED_MTS": speed for channel in range(8)}
    found = found_with(tree, "server_1_socket", **changes)
    assert "rate" not in found
    assert found["bus_width"] == 512


def test_a_rate_that_was_raised_above_what_modules_are_made_for_stands(tree: Tree) -> None:
    changes = {f"D{number}_CONFIGURED_SPEED_MTS": "3600" for number in range(4)}
    assert found_with(tree, "desktop_4_modules", **changes)["rate"] == 3_600_000_000


@pytest.mark.parametrize("width", ["72", "32", "0", "-64", "sixty-four", "9" * 5000])
def test_a_width_that_no_module_has_is_unknown(tree: Tree, width: str) -> None:
    found = found_with(tree, "server_1_socket", D0_DATA_WIDTH=width)
    assert not {"bus_width", "module_width", "implied_bandwidth"} & set(found)
    assert found["modules"] == 8


def test_modules_that_all_have_an_impossible_width_have_none(tree: Tree) -> None:
    text = fixture("server_1_socket.udev").replace("_DATA_WIDTH=64", "_DATA_WIDTH=72")
    assert not {"bus_width", "module_width"} & set(values(probe(tree(machine(1) | {UDEV: text}))))


def test_a_slot_that_may_be_empty_or_not_leaves_all_unknown(tree: Tree) -> None:
    text = fixture("server_1_socket.udev").replace("E:MEMORY_DEVICE_0_SIZE=17179869184\n", "")
    assert set(values(probe(tree(machine(1) | {UDEV: text})))) == {"sockets"}


def test_a_slot_whose_size_is_zero_is_empty(tree: Tree) -> None:
    text = fixture("server_1_socket.udev").replace("_PRESENT=0", "_SIZE=0")
    found = values(probe(tree(machine(1) | {UDEV: text})))
    assert (found["modules"], found["bus_width"]) == (8, 512)


def test_soldered_chips_that_share_a_channels_name_are_unknown(tree: Tree) -> None:
    """Two halves of one channel, or two ranks: not told."""
    found = found_with(tree, "lpddr_laptop", D1_LOCATOR="Controller0-ChannelA-DIMM1")
    assert "bus_width" not in found
    assert found["modules"] == 8


def test_modules_that_hold_less_than_the_memory_are_not_all(tree: Tree) -> None:
    files = machine(1, memory=256 * GIBIBYTE) | {UDEV: fixture("server_1_socket.udev")}
    facts = probe(tree(files))
    assert set(values(facts)) == {"sockets"}
    assert "less than the memory there is" in facts["bus_width"]["source"]


def test_unlike_sockets_have_no_width_per_socket(tree: Tree) -> None:
    """The last channel of the second socket is empty."""
    text = fixture("server_2_sockets.udev")
    text = text.replace("E:MEMORY_DEVICE_15_SIZE=68719476736", "E:MEMORY_DEVICE_15_PRESENT=0")
    found = values(probe(tree(machine(2) | {UDEV: text})))
    assert found["bus_width"] == 960
    assert "bus_width_per_socket" not in found


def test_a_socket_without_memory_leaves_no_width_per_socket(tree: Tree) -> None:
    text = fixture("server_2_sockets.udev")
    for number in range(8, 16):
        text = text.replace(f"E:MEMORY_DEVICE_{number}_SIZE=68719476736", f"E:MEMORY_DEVICE_{number}_PRESENT=0")
    found = values(probe(tree(machine(2) | {UDEV: text})))
    assert found["bus_width"] == 512
    assert "bus_width_per_socket" not in found


def test_a_table_cut_short_or_with_lines_lost_never_yields_another_width(tree: Tree) -> None:
    """Whatever is missing, the answer is the right one or unknown."""
    draw = random.Random(20)
    cases = ("server_1_socket.udev", 1, 125, 512), ("lpddr_laptop.udev", 1, 15, 128), (TWO_SOCKETS, 2, 760, 768)
    for name, sockets, size, right in cases:
        text = fixture(name)
        lines = text.splitlines(keepends=True)
        lost = [[line for line in lines if draw.random() > share] for share in (0.003, 0.01, 0.1) for _ in range(30)]
        cut = [text[:end] for end in range(0, len(text), len(text) // 40)]
        root = tree(machine(sockets, memory=size * GIBIBYTE) | {UDEV: "", TABLE: ""})
        widths = set()
        for damaged in [*cut, *map("".join, lost)]:
            if name.endswith("udev"):
                (root / UDEV).write_text(damaged)
            widths.add(probe(root, Program(damaged))["bus_width"]["value"])
        assert widths == {right, None}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00" * 1000,
        "E:MEMORY_DEVICE_0_SIZE=" + "9" * 10**5,
        "E:MEMORY_DEVICE_9999_SIZE=1\n" * 3,
        "E:MEMORY_ARRAY_NUM_DEVICES=4294967295\nE:MEMORY_DEVICE_0_SIZE=1\n",
        "E:MEMORY_DEVICE_0_=\nE:MEMORY_DEVICE_X_SIZE=1\nE:MEMORY_DEVICE_-1_SIZE=1\n",
        "\n \n" * 10**5,
    ],
)
def test_nonsense_is_unknown_and_raises_nothing(tree: Tree, text: str) -> None:
    root = tree(machine(1) | {UDEV: text, TABLE: ""})
    assert set(values(probe(root, Program(text)))) == {"sockets"}


def test_more_than_any_table_is_not_read(tree: Tree) -> None:
    text = fixture("server_1_socket.udev") + "E:X=1\n" * 200_000
    facts = probe(tree(machine(1) | {UDEV: text, TABLE: ""}), Program(text))
    assert facts["bus_width"]["source"].count("longer than any table") == 2
