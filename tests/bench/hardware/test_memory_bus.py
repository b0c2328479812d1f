"""The memory bus on planted file trees: what each source tells, and which is asked first."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from bench import smbios
from bench.hardware import record
from bench.hardware.memory_bus import probe
from bench.smbios import Unclear, run_program
from tests.bench.hardware.conftest import Tree
from tests.bench.hardware.machines import BARE, GIBIBYTE, TABLE, TWO_SOCKETS, UDEV, Program, fixture, machine, values


@pytest.mark.parametrize("name", BARE)
def test_what_udev_keeps_is_told_whole(tree: Tree, name: str) -> None:
    files, expected = BARE[name]
    facts = probe(tree(files | {UDEV: fixture(f"{name}.udev")}))
    assert values(facts) == expected


def test_two_sockets_by_dmidecode_count_each_channel_once(tree: Tree) -> None:
    """24 modules on 12 channels; 72 bits each, 64 of them data."""
    root = tree(machine(2, memory=760 * GIBIBYTE) | {TABLE: "table"})
    program = Program(fixture(TWO_SOCKETS))
    found = values(probe(root, program))
    assert program.calls == [["dmidecode", "-t", "16,17"]]
    assert (found["modules"], found["channels"], found["bus_width"], found["bus_width_per_socket"]) == (
        24,
        12,
        768,
        384,
    )
    assert found["implied_bandwidth"] == 768 // 8 * 2_666_000_000


def test_units_kinds_and_sources(tree: Tree) -> None:
    files, _ = BARE["server_1_socket"]
    facts = probe(tree(files | {UDEV: fixture("server_1_socket.udev")}))
    assert {name: entry["unit"] for name, entry in facts.items() if entry["unit"]} == {
        "bus_width": "bit",
        "bus_width_per_socket": "bit",
        "implied_bandwidth": "B/s",
        "rate": "T/s",
        "module_width": "bit",
        "bus_width_supported_per_socket": "bit",
    }
    assert {name for name, entry in facts.items() if entry["kind"] == "derived"} == {
        "bus_width",
        "bus_width_per_socket",
        "channels",
        "implied_bandwidth",
    }
    assert facts["bus_width"]["source"] == "udev's copy of SMBIOS, summed over the channels of all sockets"


def test_where_nothing_tells_all_that_was_tried_is_said(tree: Tree) -> None:
    root = tree(machine(1))
    facts = probe(root, Program(AssertionError("not to be run without a table")))
    assert set(values(facts)) == {"sockets"}
    assert facts["bus_width"]["source"] == (
        "udev's copy of SMBIOS: not there; dmidecode: the table is not there or may not be read; "
        "EDAC: no memory controller with modules"
    )
    assert str(root) not in str(facts)


def test_without_anything_at_all_nothing_is_known_and_nothing_raises(tmp_path: Path) -> None:
    assert values(probe(tmp_path)) == {}


def test_serial_numbers_tags_and_locators_are_not_recorded(tree: Tree) -> None:
    for name in ("server_1_socket", "letters_are_sockets"):
        text = str(probe(tree(BARE[name][0] | {UDEV: fixture(f"{name}.udev")})))
        assert not [secret for secret in ("SN-", "TAG-", "PN-", "DIMM", "Node0", "A1") if secret in text]


def test_udev_is_asked_first_and_dmidecode_then_is_not(tree: Tree) -> None:
    files, _ = BARE["server_1_socket"]
    program = Program(fixture(TWO_SOCKETS))
    assert probe(tree(files | {UDEV: fixture("server_1_socket.udev"), TABLE: ""}), program)["bus_width"]["value"] == 512
    assert program.calls == []


def test_dmidecode_is_asked_where_udev_has_no_devices(tree: Tree) -> None:
    root = tree(machine(2) | {UDEV: fixture("ec2_guest.udev"), TABLE: ""})
    facts = probe(root, Program(fixture(TWO_SOCKETS)))
    assert facts["bus_width"]["source"].startswith("dmidecode")


@pytest.mark.parametrize(
    "answer",
    [subprocess.TimeoutExpired("dmidecode", 5), subprocess.CalledProcessError(1, "dmidecode"), "", "\x00\xff" * 99],
)
def test_a_dmidecode_that_fails_is_a_reason(tree: Tree, answer: str | Exception) -> None:
    facts = probe(tree(machine(1) | {TABLE: ""}), Program(answer))
    assert set(values(facts)) == {"sockets"}
    assert "dmidecode: " in facts["bus_width"]["source"]


def older(text: str) -> str:
    """Return what dmidecode 2.12 printed for it: clock speed, in MHz and megabytes."""
    text = text.replace("Configured Memory Speed", "Configured Clock Speed").replace(" MT/s", " MHz")
    return text.replace("Size: 32 GB", "Size: 32768 MB")


@pytest.mark.parametrize("spelt", [older, lambda text: text.replace(" GB", " GiB")])
def test_every_dmidecode_spells_sizes_and_speeds_its_own_way(tree: Tree, spelt: Any) -> None:
    root = tree(machine(2, memory=760 * GIBIBYTE) | {TABLE: ""})
    found = values(probe(root, Program(spelt(fixture(TWO_SOCKETS)))))
    assert (found["bus_width"], found["rate"]) == (768, 2_666_000_000)


def test_memory_of_another_use_does_not_count(tree: Tree) -> None:
    """An array for the firmware's flash, whose device would be a channel of its own."""
    flash = (
        "\nHandle 0x2000, DMI type 16, 23 bytes\nPhysical Memory Array\n\tUse: Flash Memory\n\tNumber Of Devices: 1\n\n"
        "Handle 0x2001, DMI type 17, 84 bytes\nMemory Device\n\tArray Handle: 0x2000\n\tData Width: 64 bits\n"
        "\tSize: 1 GB\n\tForm Factor: DIMM\n\tLocator: CPU1_DIMM_G1\n\tType: DDR4\n"
    )
    root = tree(machine(2) | {TABLE: ""})
    assert probe(root, Program(fixture(TWO_SOCKETS) + flash))["bus_width"]["value"] == 768


def test_a_program_is_found_beside_the_path_and_run_in_english_with_nothing_to_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "dmidecode"
    program.write_text('#!/bin/sh\necho "$LC_ALL $*"; cat\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert run_program(["dmidecode", "-t", "16,17"]) == "C -t 16,17\n"


def test_a_program_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "dmidecode"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(smbios, "SECONDS", 0.1)
    with pytest.raises(subprocess.TimeoutExpired):
        run_program(["dmidecode"])


def test_a_program_that_is_not_there_is_a_reason() -> None:
    with pytest.raises(Unclear, match="not installed"):
        run_program(["no-such-program-as-this"])


def test_the_record_has_the_group(tree: Tree) -> None:
    assert {"bus_width", "rate", "implied_bandwidth"} <= set(record()["memory_bus"])
