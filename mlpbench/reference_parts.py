"""What ``mlpbench reference`` measures, as data: one part is one run of ``mlpbench run``.

Time on a GPU is often lent by the quarter of an hour. So parts take a few minutes each there, those come first on which
most depends, and none has more rows than what it should show (mlpbench/holding.py) needs; the last has all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["NAMES", "PARTS", "TESTS", "Part"]

TESTS = "tests"  # those of tests/cuda, which come first


@dataclass(frozen=True)
class Part:
    """One run.

    Attributes:
        name: That of its folder.
        arguments: Those of ``mlpbench run`` on a GPU.
        rehearsed: Those on a CPU, where they are others.
    """

    name: str
    arguments: tuple[str, ...]
    rehearsed: tuple[str, ...] | None = None

    def on(self, device: str) -> tuple[str, ...]:
        """Return the arguments on a device."""
        return self.arguments if self.rehearsed is None or device != "cpu" else self.rehearsed


def _each(option: str, *values: object) -> tuple[str, ...]:
    return tuple(word for value in values for word in (option, str(value)))


EAGER, CAPTURED = ("torch_concise", "torch_manual"), ("torch_cudagraph", "torch_cudagraph:forked", "triton_fused")
NARROW = ("throughput", *_each("--impl", *EAGER, "torch_compile", *CAPTURED), *_each("--width", 16, 128, 256, 1024))
WIDE = ("throughput", "roofline", *_each("--impl", "torch_concise", "torch_compile"), "--dtype", "bfloat16")
EPOCHS = ("accuracy", *_each("--impl", "torch_concise", "torch_cudagraph", "triton_fused"))
AGAIN = ("--seed", "1")

PARTS = (
    Part("throughput", NARROW),
    Part("memory", ("memory",)),
    Part("wide", (*WIDE, *_each("--width", 8192), *_each("--depth", 3), *_each("--batch", 8192)),
         (*WIDE, *_each("--width", 256), *_each("--depth", 3), *_each("--batch", 256))),
    Part("alignment", ("alignment",)),
    Part("accuracy", EPOCHS),
    Part("reproduction", ("reproduction",)),
    Part("throughput-again", (*NARROW, *AGAIN)),
    Part("alignment-again", ("alignment", *AGAIN)),
    Part("devices", ("devices", *_each("--impl", "torch_concise", "torch_cudagraph"), "--baseline", "torch_concise"),
         ("devices",)),
    Part("frameworks", ("throughput", "roofline")),
)  # fmt: skip
NAMES = (TESTS, *(part.name for part in PARTS))
