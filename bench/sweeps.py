"""What the study ``alignment`` measures, preset by preset, as data.

A sweep is a base size and others close to it, in one group per library, dtype and device. In quick and standard all
that is measured is chosen so that it takes 4 and 40 minutes on two cores that multiply 200 GFLOP/s in float32, half of
that in float64; ``left_out`` of the study says what that leaves out. Thorough has all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bench import libraries
from bench.alignments import LINE
from bench.environments import DEFAULT_FRAMEWORKS
from bench.stats import LEAST_ROUNDS

__all__ = [
    "BASE",
    "BATCHED",
    "CAUSES",
    "HERE",
    "LAYOUTS",
    "MATMUL",
    "QUICK_OFFSETS",
    "STACK",
    "STACKED",
    "Sweep",
    "addresses",
    "chosen",
    "leadings",
]

BASE = 1024
STACK = 4  # the exercise's tensor: a stack of 4 matrices
MATMUL, STACKED, BATCHED = "matmul", "tensor-matrix", "batched"

# float32 rows are 16-byte aligned again at +4, 64-byte at +16 and 128-byte at +32; float64 and half types at half and
# at twice that. Below the base the same steps come from the other side, without the power of two among them.
OFFSETS = (0, 1, 2, 4, 8, 16, 32, -1, -2, -4)
QUICK_OFFSETS = (0, 1, 2, 4, 8)
FEW_OFFSETS = (0, 1, 8)

ALL = tuple(libraries.names())
HERE = tuple(name for name in ALL if name in DEFAULT_FRAMEWORKS)  # their arrays can be placed at will
ELSEWHERE = tuple(name for name in ALL if name not in HERE)
DTYPES = ("float32", "float64", "bfloat16", "tf32", "float16", "int8")
STACKABLE = tuple(dtype for dtype in DTYPES if dtype != "int8")

UNJUDGED = 4  # rounds where a product takes most of a second: one Williams square of three sizes and the control


@dataclass(frozen=True)
class Sweep:
    """Products of so many sizes in some libraries and dtypes.

    Attributes:
        libraries: Files of ``bench/libraries``.
        dtypes: Of operands.
        offsets: What sizes have more than the base, which is the first.
        kind: A matrix times a matrix, a stack of them times a matrix, or times a stack.
        varied: Which of m, k and n have these sizes; the others have the base's.
        base: The size that others are compared with.
        rounds: Rounds of a launch at the least, or None for the preset's, or a budget's.
        devices: Where it makes sense.
    """

    libraries: tuple[str, ...]
    dtypes: tuple[str, ...]
    offsets: tuple[int, ...]
    kind: str = MATMUL
    varied: str = "mkn"
    base: int = BASE
    rounds: int | None = LEAST_ROUNDS
    devices: tuple[str, ...] = ("cpu", "cuda")

    @property
    def suffix(self) -> str:
        """What its groups are called beside library, kind, dtype and device."""
        return (f", {self.varied} alone" if len(self.varied) == 1 else "") + (
            f", base {self.base}" if self.base != BASE else ""
        )

    @property
    def plain(self) -> bool:
        """Whether it is the one that every library and dtype has."""
        return (self.kind, self.suffix) == (MATMUL, "")


QUICK = (
    Sweep(HERE, ("float32",), QUICK_OFFSETS, rounds=None),
    Sweep(HERE, ("float64",), (0, 1, 2)),  # up to where its rows are 16-byte aligned again
    Sweep(HERE, ("bfloat16",), QUICK_OFFSETS),
    Sweep(ELSEWHERE, ("float32",), FEW_OFFSETS),
    Sweep(("torch",), ("bfloat16",), QUICK_OFFSETS, base=4096, devices=("cuda",)),  # 1024 does not fill a large GPU
)
STANDARD = (
    Sweep(HERE, DTYPES, OFFSETS),
    Sweep(ELSEWHERE, ("float32",), FEW_OFFSETS),
    *(Sweep(HERE, ("float32",), OFFSETS, varied=one) for one in "mkn"),
    Sweep(HERE, ("float32",), FEW_OFFSETS, STACKED),
    Sweep(("torch",), ("float32",), FEW_OFFSETS, BATCHED),
    Sweep(HERE, ("float32",), FEW_OFFSETS, base=2048),
    Sweep(("torch",), ("bfloat16",), FEW_OFFSETS, base=2048),
    Sweep(("torch",), ("float32", "bfloat16"), FEW_OFFSETS, base=4096, rounds=UNJUDGED),
    Sweep(("torch",), ("float32", "bfloat16"), FEW_OFFSETS, base=8192, rounds=UNJUDGED, devices=("cuda",)),
)
THOROUGH = (
    Sweep(ALL, DTYPES, OFFSETS, rounds=None),
    *(Sweep(ALL, DTYPES, OFFSETS, varied=one) for one in "mkn"),
    *(Sweep(ALL, STACKABLE, OFFSETS, kind) for kind in (STACKED, BATCHED)),
    *(Sweep(HERE, DTYPES, OFFSETS, varied=varied, base=base) for base in (2048, 4096) for varied in ("mkn", *"mkn")),
    *(Sweep(HERE, DTYPES, OFFSETS, varied=varied, base=8192, devices=("cuda",)) for varied in ("mkn", *"mkn")),
)
SWEEPS = {"quick": QUICK, "standard": STANDARD, "thorough": THOROUGH}

# By preset: in which dtypes layouts are compared, and causes told apart.
LAYOUTS: dict[str, tuple[str, ...]] = {"quick": (), "standard": ("float32",), "thorough": DTYPES}
CAUSES = {"quick": ("float32",), "standard": ("float32",), "thorough": STACKABLE}


def chosen(preset: str, dtypes: Sequence[str] = ()) -> Iterator[Sweep]:
    """Yield the sweeps of a preset; only in some dtypes where these are given.

    Then every library has those, and there is time for the preset's rounds, or for a budget's.
    """
    for sweep in SWEEPS[preset]:
        if not dtypes:
            yield sweep
            continue
        kept = tuple(dtype for dtype in dtypes if dtype in sweep.dtypes)
        if kept:
            yield replace(sweep, dtypes=kept, rounds=None if sweep.plain else sweep.rounds)
    had = {(library, dtype) for one in SWEEPS[preset] if one.plain for library in one.libraries for dtype in one.dtypes}
    for library in ALL:
        lacking = tuple(dtype for dtype in dtypes if (library, dtype) not in had)
        if lacking:
            yield Sweep((library,), lacking, QUICK_OFFSETS, rounds=None)


def leadings(item_size: int) -> dict[str, int]:
    """Return leading dimensions that hold the base and one more, by what they are called.

    Of whole cache lines without being a power of two, and one element more, so that only few rows start on a boundary.
    """
    aligned = BASE + LINE // item_size
    return {"aligned": aligned, "misaligned": aligned + 1}


def addresses(preset: str, item_size: int) -> tuple[int, ...]:
    """Return base addresses in bytes: on a page, one element beyond, and, quick apart, on the boundaries of vectors."""
    return (0, item_size) if preset == "quick" else (0, item_size, 16, 32, LINE)
