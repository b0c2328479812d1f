"""Widths of memory buses by the name of the part, each with the maker's document that gives it.

The last resort where nothing on the machine answers. A processor's is the most that it can have; how much of it is
plugged in, no table knows. A part that no document of its maker gives the width of (H200) is not here.
"""

from __future__ import annotations

import re

__all__ = ["gpu_width", "processor_width"]

CHANNEL_WIDTH = 64  # bits of data, by JEDEC's JESD79-3, 79-4 and 79-5 (there two halves of 32)

# Brand string, memory channels, document.
PROCESSORS = (
    (r"AMD EPYC 7[0-9A-Z]\d[123][PX]?\b", 8, "AMD EPYC 7001, 7002 and 7003 Series data sheets"),
    (r"AMD EPYC 8\d\d4P?N?\b", 6, "AMD EPYC 8004 Series data sheet"),
    (r"AMD EPYC 9[0-9A-Z]\d[45][FPSX]?\b", 12, "AMD EPYC 9004 and 9005 Series data sheets"),
    (r"Intel\(R\) Xeon\(R\) CPU E5-26\d\d", 4, "Intel ARK, Xeon Processor E5-2600 families"),
    (
        r"Intel\(R\) Xeon\(R\) (Platinum 8|Gold [56]|Silver 4|Bronze 3)[12]\d\d",
        6,
        "Intel ARK, 1st and 2nd Generation Xeon Scalable Processors",
    ),
    # Those of the 3rd generation that end in H are Cooper Lake, with six.
    (
        r"Intel\(R\) Xeon\(R\) (Platinum 8|Gold [56]|Silver 4)3\d\d(?!\d*H)",
        8,
        "Intel ARK, 3rd Generation Xeon Scalable Processors",
    ),
    (
        r"Intel\(R\) Xeon\(R\) (Platinum 8|Gold [56]|Silver 4|Bronze 3)[45]\d\d",
        8,
        "Intel ARK, 4th and 5th Generation Xeon Scalable Processors",
    ),
)

# Name by the driver, bits, document.
GPUS = (
    (r"(NVIDIA )?Tesla V100-\S+", 4096, "NVIDIA Tesla V100 GPU Architecture white paper"),
    (r"(NVIDIA )?Tesla T4", 256, "NVIDIA T4 product brief"),
    (r"(NVIDIA )?A100[- ](SXM4-\d+GB|PCIE-\d+GB|80GB PCIe)", 5120, "NVIDIA A100 GPU Architecture white paper"),
    (r"NVIDIA H100 (80GB HBM3|PCIe)", 5120, "NVIDIA H100 GPU Architecture white paper"),
    (r"NVIDIA L4", 192, "NVIDIA L4 product brief"),
    (r"NVIDIA GeForce RTX 3090", 384, "NVIDIA Ampere GA102 GPU Architecture white paper"),
    (r"NVIDIA GeForce RTX 4090", 384, "NVIDIA Ada GPU Architecture white paper"),
)


def processor_width(brand: str) -> tuple[int, str] | None:
    """Return the data width in bits of all memory channels of a processor, and the document; None if not listed."""
    for pattern, channels, document in PROCESSORS:
        if re.match(pattern, brand):
            return channels * CHANNEL_WIDTH, f"{document}: {channels} channels, of {CHANNEL_WIDTH} bits"
    return None


def gpu_width(name: str) -> tuple[int, str] | None:
    """Return the width in bits of a GPU's memory bus, and the document; None if it is not listed."""
    return next(((bits, document) for pattern, bits, document in GPUS if re.fullmatch(pattern, name)), None)
