"""What a processor's memory bus could be: another fact than what it is."""

from __future__ import annotations

import pytest

from bench.hardware.memory_bus import probe
from tests.bench.hardware.conftest import Tree
from tests.bench.hardware.machines import AMD, EVENTS, INTEL, machine


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
