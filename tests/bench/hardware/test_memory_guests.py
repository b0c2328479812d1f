"""The memory bus of guests: what a hypervisor made up is never taken for the hardware."""

from __future__ import annotations

import pytest

from bench.hardware.memory_bus import probe
from tests.bench.hardware.conftest import Tree
from tests.bench.hardware.machines import GIBIBYTE, UDEV, fixture, machine, values

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
