"""The memory bus, on planted file trees; fixtures/README.md says what its tables are constructed after."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench import smbios
from bench.hardware import Facts, record
from bench.hardware.memory_bus import probe
from bench.smbios import Unclear, run_program

from .conftest import Tree

FIXTURES = Path(__file__).parent / "fixtures" / "memory_bus"
UDEV, TABLE = "run/udev/data/+dmi:id", "sys/firmware/dmi/tables/DMI"
EDAC, EVENTS = "sys/devices/system/edac/mc", "sys/bus/event_source/devices"
CPUINFO = "processor\t: 0\nvendor_id\t: {vendor}\ncpu family\t: {family}\nmodel\t\t: {model}\nmodel name\t: {brand}\n"
INTEL = {"vendor": "GenuineIntel", "family": 6, "model": 85, "brand": "Intel(R) Xeon(R) w9-0000"}
AMD = {"vendor": "AuthenticAMD", "family": 25, "model": 17, "brand": "AMD EPYC"}
GIBIBYTE = 1 << 30
TWO_SOCKETS = "server_2_sockets.dmidecode"


def fixture(name: str) -> str:
    return (FIXTURES / name).read_text()


def machine(
    sockets: int = 1, flags: str = "fpu sse2", memory: int = 0, processor: Mapping[str, Any] = INTEL, dmi: str = ""
) -> dict[str, str]:
    """Return the files of a machine that says nothing of its modules; ``dmi`` is maker and product."""
    maker, _, product = dmi.partition("/")
    files = {f"sys/devices/system/cpu/cpu{n}/topology/physical_package_id": f"{n}\n" for n in range(sockets)}
    files["proc/cpuinfo"] = CPUINFO.format(**processor) + f"flags\t\t: {flags}\n"
    files["proc/meminfo"] = f"MemTotal:       {memory >> 10} kB\n"
    return files | {"sys/class/dmi/id/sys_vendor": maker + "\n", "sys/class/dmi/id/product_name": product + "\n"}


def values(facts: Facts) -> dict[str, Any]:
    return {name: entry["value"] for name, entry in facts.items() if entry["value"] is not None}


class Program:
    """Stands in for dmidecode: prints a text or raises, and keeps what it was called with."""

    def __init__(self, answer: str | Exception = "") -> None:
        self.answer = answer
        self.calls: list[Sequence[str]] = []

    def __call__(self, command: Sequence[str]) -> str:
        self.calls.append(command)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


BARE = {
    "server_1_socket": (
        machine(1, memory=125 * GIBIBYTE),
        {
            "sockets": 1,
            "bus_width": 512,
            "bus_width_per_socket": 512,
            "channels": 8,
            "implied_bandwidth": 187_712_000_000,
            "rate": 2_933_000_000,
            "modules": 8,
            "module_width": 64,
            "memory_type": "DDR4",
        },
    ),
    "server_2_sockets": (
        machine(2, memory=1000 * GIBIBYTE),
        {
            "sockets": 2,
            "bus_width": 1024,
            "bus_width_per_socket": 512,
            "channels": 16,
            "implied_bandwidth": 614_400_000_000,
            "rate": 4_800_000_000,
            "modules": 16,
            "module_width": 64,
        },
    ),
    "lpddr_laptop": (
        machine(1, memory=15 * GIBIBYTE),
        {
            "sockets": 1,
            "bus_width": 128,
            "bus_width_per_socket": 128,
            "channels": 8,
            "implied_bandwidth": 68_272_000_000,
            "rate": 4_267_000_000,
            "modules": 8,
            "module_width": 16,
            "memory_type": "LPDDR4",
        },
    ),
    "desktop_4_modules": (
        machine(1, memory=62 * GIBIBYTE),
        {
            "sockets": 1,
            "bus_width": 128,
            "bus_width_per_socket": 128,
            "channels": 2,
            "implied_bandwidth": 51_200_000_000,
            "rate": 3_200_000_000,
            "modules": 4,
            "module_width": 64,
            "memory_type": "DDR4",
        },
    ),
    # The letters of its slots are the processors, not channels: what is told of modules stands, the bus is unknown.
    "letters_are_sockets": (
        machine(2, memory=380 * GIBIBYTE),
        {"sockets": 2, "rate": 2_933_000_000, "modules": 12, "module_width": 64, "memory_type": "DDR4"},
    ),
}


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


GUESTS = {
    "ec2_guest": machine(2, "fpu sse2 hypervisor", dmi="Amazon EC2/c7i.large"),
    "vmware_guest": machine(1, "fpu sse2 hypervisor", 8 * GIBIBYTE, dmi="VMware, Inc./VMware Virtual Platform"),
    "virtualbox_guest": machine(1, "fpu sse2 hypervisor", dmi="innotek GmbH/VirtualBox"),
}


@pytest.mark.parametrize("name", GUESTS)
def test_a_guest_knows_nothing_of_the_hardware(tree: Tree, name: str) -> None:
    facts = probe(tree(GUESTS[name] | {UDEV: fixture(f"{name}.udev")}))
    assert set(values(facts)) == {"sockets"}


def test_what_a_hypervisor_says_is_quoted_and_not_taken(tree: Tree) -> None:
    facts = probe(tree(GUESTS["vmware_guest"] | {UDEV: fixture("vmware_guest.udev")}))
    assert facts["bus_width"]["source"].startswith(
        "the hypervisor's SMBIOS (VMware, Inc. VMware Virtual Platform) says 1 modules of 64 bits, "
        "which is not the hardware"
    )


@pytest.mark.parametrize(
    "dmi", ["QEMU/Standard PC (Q35 + ICH9, 2009)", "Microsoft Corporation/Virtual Machine", "Red Hat/KVM"]
)
def test_a_hypervisor_is_known_by_its_board_though_it_hides_its_flag(tree: Tree, dmi: str) -> None:
    files = machine(1, memory=GIBIBYTE, dmi=dmi) | {UDEV: fixture("server_1_socket.udev")}
    assert probe(tree(files))["bus_width"]["kind"] == "unknown"


@pytest.mark.parametrize("dmi", ["", "QEMU/Standard PC"])
def test_a_believable_table_under_a_hypervisor_is_not_believed(tree: Tree, dmi: str) -> None:
    files = machine(1, "fpu sse2 hypervisor", GIBIBYTE, dmi=dmi) | {UDEV: fixture("server_1_socket.udev")}
    assert set(values(probe(tree(files)))) == {"sockets"}


@pytest.mark.parametrize("dmi", ["Amazon EC2/c5.metal", "Alibaba Cloud/Alibaba Cloud ECS"])
def test_a_whole_machine_of_a_cloud_is_no_guest(tree: Tree, dmi: str) -> None:
    """On x86 the flag says so."""
    files = machine(1, memory=GIBIBYTE, dmi=dmi) | {UDEV: fixture("server_1_socket.udev")}
    assert probe(tree(files))["bus_width"]["value"] == 512


@pytest.mark.parametrize(("product", "expected"), [("m7g.large", None), ("m7g.metal", 512)])
def test_without_a_flag_for_it_a_cloud_is_taken_for_a_hypervisor(
    tree: Tree, product: str, expected: int | None
) -> None:
    """ARM has no such flag."""
    files = machine(1, memory=GIBIBYTE, dmi=f"Amazon EC2/{product}") | {UDEV: fixture("server_1_socket.udev")}
    files["proc/cpuinfo"] = "processor\t: 0\nFeatures\t: fp asimd sve\n"
    assert probe(tree(files))["bus_width"]["value"] == expected


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


def sources(kind: str, count: int) -> dict[str, str]:
    return {f"{EVENTS}/{kind}_{number}/type": "20\n" for number in range(count)}


def test_event_sources_tell_what_the_processor_has_and_not_what_is_populated(tree: Tree) -> None:
    """One stands for a channel of both sockets; those that run freely are none of a channel."""
    files = machine(2) | sources("uncore_imc", 6) | sources("uncore_imc_free_running", 2)
    facts = probe(tree(files))
    supported = facts["bus_width_supported_per_socket"]
    assert (supported["value"], supported["unit"], supported["kind"]) == (384, "bit", "derived")
    assert "each taken as 64 bits" in supported["source"]
    assert facts["bus_width"]["kind"] == "unknown"


def test_amd_has_event_sources_of_every_socket(tree: Tree) -> None:
    facts = probe(tree(machine(2, processor=AMD) | sources("amd_umc", 24)))
    assert facts["bus_width_supported_per_socket"]["value"] == 768


@pytest.mark.parametrize(
    "files",
    [
        machine(1, processor=INTEL | {"model": 106}) | sources("uncore_imc", 12),  # Ice Lake: twelve for eight
        machine(2, processor=AMD) | sources("amd_umc", 23),
        machine(1, processor=AMD | {"brand": "AMD Ryzen 9 7950X"}) | sources("amd_umc", 4),
        machine(1) | sources("uncore_imc_free_running", 2),
        machine(1, "sse2 hypervisor") | sources("uncore_imc", 6),
    ],
)
def test_event_sources_that_need_not_be_channels_are_not_counted(tree: Tree, files: dict[str, str]) -> None:
    assert probe(tree(files))["bus_width_supported_per_socket"]["kind"] == "unknown"


@pytest.mark.parametrize(
    ("brand", "bits"),
    [
        ("AMD EPYC 7763 64-Core Processor", 512),
        ("AMD EPYC 7H12 64-Core Processor", 512),
        ("AMD EPYC 9654 96-Core Processor", 768),
        ("AMD EPYC 9V64H 88-Core Processor", None),  # with memory of its own, and unlisted
        ("AMD EPYC", None),
        ("AMD EPYC 4564P 16-Core Processor", None),
        ("Intel(R) Xeon(R) CPU E5-2690 v4 @ 2.60GHz", 256),
        ("Intel(R) Xeon(R) CPU E5-2430 v2 @ 2.50GHz", None),
        ("Intel(R) Xeon(R) Platinum 8280 CPU @ 2.70GHz", 384),
        ("Intel(R) Xeon(R) Platinum 9282 CPU @ 2.60GHz", None),
        ("Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz", 512),
        ("Intel(R) Xeon(R) Platinum 8380H CPU @ 2.90GHz", None),  # Cooper Lake, of the same generation
        ("Intel(R) Xeon(R) Platinum 8480+", 512),
        ("Intel(R) Core(TM) i7-12700H", None),
    ],
)
def test_a_look_up_by_name_is_labelled_and_is_of_the_most_there_can_be(
    tree: Tree, brand: str, bits: int | None
) -> None:
    """In a guest too, which may be told its processor's name."""
    files = machine(1, "sse2 hypervisor", processor=INTEL | {"brand": brand})
    facts = probe(tree(files))
    supported = facts["bus_width_supported_per_socket"]
    assert supported["value"] == bits
    assert supported["kind"] == ("unknown" if bits is None else "looked-up")
    assert facts["bus_width"]["kind"] == "unknown"
    if bits is not None:
        assert "data sheet" in supported["source"] or "Intel ARK" in supported["source"]


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
