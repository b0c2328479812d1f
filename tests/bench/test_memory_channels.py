"""Which locators tell a module's channel, and which do not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bench.memory_channels import channel_widths
from bench.smbios import Module, Unclear

Slots = Sequence[tuple[str, str]]


def modules(slots: Slots, empty: Slots = (), form: str = "DIMM", width: int = 64) -> list[Module]:
    filled = [Module(1 << 34, width, form, "DDR4", *slot, 3200, 3200) for slot in slots]
    return filled + [Module(0, None, form, "Unknown", *slot, None, None) for slot in empty]


def channels(slots: Slots, sockets: int | None, empty: Slots = ()) -> int:
    return len(channel_widths(modules(slots, empty), sockets))


def both(locators: str, bank: str = "") -> Slots:
    return [(locator, bank) for locator in locators.split(",")]


def banks(texts: str) -> Slots:
    """Return slots that are numbered on the board and named by their banks."""
    return [(f"DIMM {number}", text) for number, text in enumerate(texts.split(","))]


# The forms are those that vendors are known to use; what the number should be, the names say.
@pytest.mark.parametrize(
    ("slots", "sockets", "expected"),
    [
        (both("ChannelA-DIMM0,ChannelA-DIMM1,ChannelB-DIMM0", "BANK 0"), 1, 2),
        (both("Controller0-ChannelA-DIMM0,Controller1-ChannelA-DIMM0", "BANK 0"), 1, 2),
        ([("DIMM 0", "P0 CHANNEL A"), ("DIMM 1", "P0 CHANNEL A"), ("DIMM 0", "P0 CHANNEL B")], 1, 2),
        (banks("P0 CHANNEL A,P1 CHANNEL A"), 2, 2),
        (banks("P0_Node0_Channel0_Dimm0,P0_Node0_Channel0_Dimm1,P0_Node1_Channel0_Dimm0"), 1, 2),
        (banks("_Node1_Channel0_Dimm0,_Node1_Channel1_Dimm0"), 1, 2),
        (banks("NODE 0 CHANNEL 0 DIMM 0,NODE 0 CHANNEL 0 DIMM 1,NODE 1 CHANNEL 0 DIMM 0"), 2, 2),
        (both("CPU0 CH0/D0,CPU0 CH0/D1,CPU0 CH1/D0,CPU1 CH0/D0"), 2, 3),
        (both("CPU0_C0D0,CPU0_C0D1,CPU0_C1D0,CPU1_C0D0", "NODE 0"), 2, 3),
        ([("SODIMM0", "CHANNEL A DIMM0"), ("SODIMM1", "CHANNEL B DIMM0")], 1, 2),
        (both("CHANNEL A DIMM 0,CHANNEL A DIMM 1"), None, 1),
        (both("CPU1_DIMM_A1,CPU1_DIMM_A2,CPU1_DIMM_B1,CPU2_DIMM_A1", "NODE 1"), 2, 3),
        (both("P1-DIMMA1,P1-DIMMA2,P1-DIMMB1,P2-DIMMA1"), 2, 3),
        (both("DIMM_P0_A0,DIMM_P0_A1,DIMM_P0_B0,DIMM_P1_I0", "BANK 0"), 2, 3),
        (both("CPU0_MC0_DIMM_A1,CPU0_MC1_DIMM_A1"), 1, 2),
        (both("CPU0_A1,CPU0_B1,CPU1_A1"), 2, 3),
        (both("CPU0_DIMM_A,CPU0_DIMM_B,CPU1_DIMM_A", "BANK 0"), 2, 3),
        ([("DIMM_A1", "NODE 0"), ("DIMM_A2", "NODE 0"), ("DIMM_B1", "NODE 0"), ("DIMM_C1", "NODE 1")], 2, 3),
        (both("DIMM_A1,DIMM_A2,DIMM_B1,DIMM_B2", "BANK 0"), 1, 2),
        ([("CPU1_DIMM_A1", "CHANNEL A"), ("CPU2_DIMM_A1", "CHANNEL A")], 2, 2),
        (both("A1,B1"), 1, 2),
        (both("DDR4-A2,DDR4-B2"), 1, 2),
        (both("DIMMA1,DIMMB1,DIMMC1"), 2, 3),
    ],
)
def test_a_channel_that_is_told_counts_once(slots: Slots, sockets: int | None, expected: int) -> None:
    assert channels(slots, sockets) == expected


@pytest.mark.parametrize(
    ("slots", "sockets"),
    [
        (both("DIMM 1,DIMM 2"), 1),
        (both("DIMM0,DIMM1", "BANK 0"), 1),
        (both("PROC 1 DIMM 1,PROC 1 DIMM 2", "Not Specified"), 1),
        (both("DIMM A,DIMM B"), 1),  # a letter for the slot
        ([("DIMM A", "NODE 0"), ("DIMM B", "NODE 0")], 1),
        (both("P1-DIMM1A,P1-DIMM1B,P1-DIMM2A"), 1),  # the number is the channel, and none says so
        (both("DIMM-1A,DIMM-1B"), 1),
        (both("A1_DIMM0,A1_DIMM1"), 1),
        (both("XMM1,XMM2"), 1),
        (both("J1,J2"), 1),
        (both("U1,U2"), 1),
        (banks("BANK 0,BANK 1"), 1),
        (banks("P0-DIMM0,P0-DIMM1"), 1),
        (both("Motherboard", "BANK 0") + both("Slot", "BANK 1"), 1),
        (both("A1,A2"), 1),  # one letter: a processor's slots, or one channel's
        (both("A1,B1"), 2),  # as many letters as processors
        (both("A1,B1"), None),
        (both("P0/MB/CMP0/BR0/CH0/D0,P0/MB/CMP0/BR1/CH0/D0"), 1),  # BR0 and BR1 are not known to part channels
        (banks("CHANNEL A,CHANNEL B"), 2),  # of which processor?
        (both("", ""), 1),
        (both("DIMM_A1,DIMM 2"), 1),  # one is told, the other not
    ],
)
def test_a_channel_that_is_not_told_is_no_guess(slots: Slots, sockets: int | None) -> None:
    with pytest.raises(Unclear, match="locators"):
        channels(slots, sockets)


def test_more_slots_to_a_letter_than_a_channel_takes_make_it_a_processor() -> None:
    """Empty slots show it: A1 to A4 and B1 to B4, two of them filled, on a board with one processor in it."""
    slots = both("A1,B1")
    assert channels(slots, 1, empty=both("A2,B2")) == 2
    with pytest.raises(Unclear):
        channels(slots, 1, empty=both("A2,A3,A4,B2,B3,B4"))


def test_locators_that_contradict_one_another_are_unclear() -> None:
    """Some boards fill the bank's text with one and the same channel."""
    bad = [("P1-DIMMA1", "P0_Node0_Channel0_Dimm0"), ("P1-DIMMB1", "P0_Node0_Channel0_Dimm1")]
    with pytest.raises(Unclear, match="contradict"):
        channels(bad, 1)
    good = [("P1-DIMMA1", "P0_Node0_Channel0_Dimm0"), ("P1-DIMMB1", "P0_Node0_Channel1_Dimm0")]
    assert channels(good, 1) == 2


def test_two_modules_in_one_place_are_unclear() -> None:
    with pytest.raises(Unclear, match="the same locator"):
        channels([("DIMM 0", "P0 CHANNEL A"), ("DIMM 0", "P0 CHANNEL A")], 1)


def test_four_modules_are_too_many_for_a_channel() -> None:
    three = [(f"DIMM {number}", "P0 CHANNEL A") for number in range(3)]
    assert channels(three, 1) == 1
    with pytest.raises(Unclear, match="4 modules"):
        channels([*three, ("DIMM 3", "P0 CHANNEL A")], 1)


def test_widths_add_up_over_channels_each_at_its_own() -> None:
    narrow = modules(both("ChannelC-DIMM0"), form="Row Of Chips", width=32)
    wide = modules(both("ChannelA-DIMM0,ChannelB-DIMM0"))
    assert sorted(channel_widths(wide + narrow, 1).values()) == [32, 64, 64]


def test_unlike_widths_on_one_channel_are_unclear() -> None:
    chips = modules(both("ChannelA-DIMM0"), form="Row Of Chips", width=32)
    with pytest.raises(Unclear, match="width"):
        channel_widths(chips + modules(both("ChannelA-DIMM1")), 1)


def test_high_bandwidth_memory_is_unclear() -> None:
    stack = Module(1 << 34, 64, "Die", "HBM2", "CPU0_DIMM_A", "", None, None)
    with pytest.raises(Unclear, match="high-bandwidth"):
        channel_widths([stack], 1)


def test_a_channel_knows_its_processor() -> None:
    found = channel_widths(modules(banks("P0 CHANNEL A,P1 CHANNEL A")), 2)
    assert sorted(str(channel.processor) for channel in found) == ["0", "1"]
