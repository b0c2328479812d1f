"""Which kernels serve a product on a GPU, by the profiler, and where they are others than the baseline's."""

from __future__ import annotations

import re
from typing import NamedTuple

from reports.formats import listing
from reports.rows import Row

__all__ = ["Kernels", "changed", "compared", "said", "short"]

MOST_CHARACTERS = 72
MOST_NAMED = 3
CUTLASS = re.compile(r"\bKernel2?<\s*([\w:]+)")  # cutlass::Kernel2<NAME>
ARGUMENTS = re.compile(r"\(.*", re.DOTALL)  # of a demangled function
ANONYMOUS = "(anonymous namespace)::"


class Kernels(NamedTuple):
    """The kernels of a step of a case, and those of the baseline of its group."""

    own: tuple[str, ...]
    base: tuple[str, ...]

    @property
    def differ(self) -> bool:
        """Whether they are not the same kernels, in whatever order and number."""
        return set(self.own) != set(self.base)


def compared(summary: Row) -> dict[tuple[str, str], Kernels]:
    """Return, by group and case, the kernels of products where those of case and baseline are both known."""
    cases = [row for row in summary.get("cases") or [] if row.get("study") == "alignment" and row.get("kernels")]
    bases = {row["group"]: tuple(row["kernels"]) for row in cases if row["case"] == row["baseline"]}
    return {
        (row["group"], row["case"]): Kernels(tuple(row["kernels"]), bases[row["group"]])
        for row in cases
        if row["group"] in bases and not row.get("control")
    }


def changed(summary: Row) -> set[tuple[str, str]]:
    """Return group and case of the products that other kernels serve than the one they are compared with."""
    return {key for key, found in compared(summary).items() if found.differ}


def said(names: tuple[str, ...]) -> str:
    """Return kernels as a sentence names them, as code."""
    told = [f"`{short(name)}`" for name in dict.fromkeys(names)]
    more = len(told) - MOST_NAMED
    return listing(told[:MOST_NAMED] + ([f"{more} more"] if more > 0 else []))


def short(name: str) -> str:
    """Return what tells a kernel from others in its name: no arguments, no wrapper, no more than fits a line."""
    wrapped = CUTLASS.search(name)
    named = ARGUMENTS.sub("", name.replace(ANONYMOUS, "")).removeprefix("void ").strip()
    text = wrapped[1] if wrapped else named
    text = text.replace("`", "'") or "unnamed"
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}\N{HORIZONTAL ELLIPSIS}"
