"""Which memory channel a module is on, where its locators tell, and how wide the channels are together.

SMBIOS has two free texts for where a module is. Board makers write the channel there or do not:

    ChannelA-DIMM0, P0 CHANNEL A, P0_Node0_Channel0_Dimm0, NODE 0 CHANNEL 0 DIMM 0, CPU0 CH0/D0, CPU0_C0D0
        name it
    CPU1_DIMM_A1, P1-DIMMA1, DIMM_P0_A0, CPU0_DIMM_A
        a letter for the channel and a number for the slot on it, the processor being named apart
    DIMM_A1, A1
        the same on some boards; on others the letter is the processor. The former where there are more letters than
        processors and at most three numbers to a letter.
    DIMM 1, PROC 1 DIMM 1, DIMM A, P1-DIMM1A, BANK 0, Motherboard
        tell nothing of channels, or not which part is the channel

Two modules on one channel count once; soldered ones that share the name of a channel may be halves of it or ranks.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from bench.smbios import DATA_WIDTHS, Module, Unclear, populated

__all__ = ["MODULE_WIDTH", "Channel", "channel_widths"]

PROCESSOR = re.compile(r"(?<![a-z])(?:cpu|proc(?:essor)?|socket|p)[ _#-]?(\d{1,2})(?!\d)", re.IGNORECASE)
NODE = re.compile(r"(?<![a-z])node[ _#-]?(\d{1,2})(?!\d)", re.IGNORECASE)
QUALIFIER = re.compile(
    rf"{PROCESSOR.pattern}|{NODE.pattern}|(?<![a-z])(?:controller|i?mc)[ _#-]?(\d{{1,2}})", re.IGNORECASE
)
CHANNEL = re.compile(
    r"(?<![a-z])ch(?:annel|an)?[ _-]?([a-z]|\d{1,2})(?![a-z0-9])|(?<![a-z0-9])c(\d{1,2})d\d(?![a-z0-9])", re.IGNORECASE
)
SLOT = re.compile(r"(?:(?:so-?|u|r)?dimm|slot|bank|ddr)[ _-]?\d*", re.IGNORECASE)
KIND = re.compile(r"(?:so-?|u|r)?dimm|ddr[2-5]?", re.IGNORECASE)
LETTERED = re.compile(r"([A-Z])(\d?)")
SEPARATORS = " _-/#.,:"
MODULES = {"DIMM", "SODIMM"}
MODULE_WIDTH = 64  # bits of data, by JEDEC from DDR to DDR5 (there in two halves)
MOST_ON_A_CHANNEL = 3

Told = list[Hashable | None]  # the channel of each populated module; None where it is not told


@dataclass(frozen=True)
class Channel:
    """One channel; ``processor`` is whatever its socket is called, None where it is not told."""

    processor: str | None
    name: Hashable


def channel_widths(modules: Sequence[Module], sockets: int | None) -> dict[Channel, int]:
    """Return the data width in bits of each channel that holds a module.

    Args:
        modules: Every slot, the empty ones too: they show how slots are numbered.
        sockets: How many processors there are, None if that is not known.

    Raises:
        Unclear: The locators or widths do not tell.
    """
    filled = populated(modules)
    if max(Counter((module.locator, module.bank) for module in filled).values()) > 1:
        raise Unclear("modules that have one and the same locator")
    names = _agreed(_named(filled, sockets), _lettered(modules, sockets))
    members = defaultdict(list)
    for module, name in zip(filled, names, strict=True):
        members[Channel(_processor(module), name)].append(module)
    return {channel: _width(group) for channel, group in members.items()}


def _agreed(named: Told, lettered: Told) -> Told:
    """Return the channels by one way of naming them; where both tell, they must part the modules alike."""
    ways = [way for way in (named, lettered) if None not in way]
    if not ways:
        raise Unclear("locators that do not name the channel of every module")
    if len({*zip(*ways, strict=True)}) != len({*ways[0]}) or len({*ways[0]}) != len({*ways[-1]}):
        raise Unclear("locators that contradict one another")
    return ways[0]


def _named(filled: Sequence[Module], sockets: int | None) -> Told:
    names = [_name(module.locator) or _name(module.bank) for module in filled]
    if (sockets or 1) > 1 and any(_processor(module) is None for module in filled):
        return [None for _ in filled]
    return [name and (_processor(module), name) for module, name in zip(filled, names, strict=True)]


def _name(text: str) -> Hashable | None:
    """Return the channel that a text names, with the controller it names, or None."""
    match = CHANNEL.search(text)
    if not match or re.search("[a-z0-9]", SLOT.sub("", QUALIFIER.sub("", text[: match.start()])), re.IGNORECASE):
        return None
    return (*QUALIFIER.findall(text.lower()), (match[1] or match[2]).lower())


def _lettered(modules: Sequence[Module], sockets: int | None) -> Told:
    slots = [_letter_and_number(module) for module in modules]
    numbers = defaultdict(set)
    for slot in filter(None, slots):
        numbers[slot[0]].add(slot[1])
    beside_processor = all(PROCESSOR.search(module.locator) for module in modules)
    numbered = all("" not in group for group in numbers.values())
    processors_apart = all(_processor(module) is not None for module in modules)
    more_than_processors = sockets is not None and len(numbers) > sockets
    is_channel = beside_processor or (numbered and (processors_apart or more_than_processors))
    if not is_channel or any(len(group) > MOST_ON_A_CHANNEL for group in numbers.values()):
        return [None for module in modules if module.size]
    return [slot and slot[0] for module, slot in zip(modules, slots, strict=True) if module.size]


def _letter_and_number(module: Module) -> tuple[Hashable, str] | None:
    bare = KIND.sub("", QUALIFIER.sub("", module.locator)).strip(SEPARATORS)
    match = LETTERED.fullmatch(bare.upper())
    return ((_processor(module), *QUALIFIER.findall(module.locator.lower()), match[1]), match[2]) if match else None


def _processor(module: Module) -> str | None:
    for pattern in (PROCESSOR, NODE):
        if match := pattern.search(module.locator) or pattern.search(module.bank):
            return match[1]
    return None


def _width(group: Sequence[Module]) -> int:
    widths = {module.data_width for module in group}
    fitting = {MODULE_WIDTH} if {module.form for module in group} <= MODULES else DATA_WIDTHS
    if len(widths) != 1 or not widths <= fitting:
        raise Unclear("a data width that no such module has, or unlike ones on one channel")
    soldered = any(module.form not in MODULES for module in group)
    if len(group) > (1 if soldered else MOST_ON_A_CHANNEL):
        raise Unclear(f"{len(group)} modules or chips on one channel")
    if any(module.type.startswith("HBM") for module in group):
        raise Unclear("high-bandwidth memory, whose channels SMBIOS does not describe")
    return group[0].data_width or 0
