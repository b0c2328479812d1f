"""What the self-check compares: identical cases, and cases that do a few steps more than they report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from bench.case import Case, Group
from bench.studies import LEARNING_RATE, network, with_control
from mlp_impls import Shape

__all__ = ["AGAIN", "FAMILIES", "PLANTED", "SETTINGS", "STUDY", "Setting", "identical", "planted"]

STUDY = "selfcheck"
REFERENCE = "as reported"
PLANTED = "planted"
AGAIN = "again"
REPORTED = 100  # steps; one more of them is a difference of exactly 1 %

Make = Callable[[int], Case]  # threads to case


@dataclass(frozen=True)
class Setting:
    """A planted difference to be found: so many steps for every 100 reported, within so many seconds."""

    framework: str
    done: int
    budget_s: float
    margin: float

    @property
    def name(self) -> str:
        """What records and figures call it."""
        return f"{self.framework} +{self.done - REPORTED} % in {self.budget_s:g} s"


SETTINGS = (
    Setting("numpy", 105, 12, 0.02),
    Setting("numpy", 102, 18, 0.01),
    Setting("numpy", 101, 36, 0.005),
    Setting("torch", 105, 60, 0.02),
    Setting("torch", 102, 120, 0.01),
)


def _product(library: str, size: int, dtype: str = "float32", stack: int = 1) -> Make:
    def make(threads: int) -> Case:
        name = f"{library} matmul {size} {dtype}" + (f" stack {stack}" if stack > 1 else "")
        parameters = {"m": size, "k": size, "n": size, "stack": stack}
        return Case(STUDY, name, REFERENCE, "matmul", library, library, parameters, dtype=dtype, threads=threads)

    return make


def _training(implementation: str, width: int, batch: int) -> Make:
    def make(threads: int) -> Case:
        shape = Shape(hidden=(width,))
        parameters = network(shape, batch, LEARNING_RATE)
        framework = implementation.partition("_")[0]
        name = f"{implementation} {shape.name} batch {batch}"
        return Case(STUDY, name, REFERENCE, "training_step", implementation, framework, parameters, threads=threads)

    return make


# Families take turns, so that a run has few workers and few groups, and many runs see all of them.
FAMILIES: tuple[tuple[Make, ...], ...] = (
    (_product("numpy", 64), _product("numpy", 128), _product("numpy", 256), _product("numpy", 256, "float64")),
    (_training("numpy_scratch", 16, 256), _training("numpy_scratch", 64, 256), _training("numpy_scratch", 16, 16)),
    (_product("torch", 128), _product("torch", 256), _product("torch", 512), _product("torch", 128, stack=4)),
    (_product("numpy", 96), _product("numpy", 129), _product("numpy", 512), _product("numpy", 128, stack=4)),
    (_training("torch_manual", 16, 256), _training("torch_manual", 64, 256), _training("torch_manual", 256, 64)),
    (_training("torch_concise", 16, 256), _training("torch_concise", 64, 256), _training("torch_concise", 256, 64)),
)
# A hundred steps of these last some milliseconds.
HOSTS: dict[str, tuple[Make, ...]] = {
    "numpy": (_product("numpy", 64), _product("numpy", 128), _training("numpy_scratch", 16, 16)),
    "torch": (_product("torch", 64), _product("torch", 128), _training("torch_manual", 16, 16)),
}


def identical(number: int, threads: int, frameworks: tuple[str, ...]) -> list[Group]:
    """Return the groups of one A/A run: each a case and the same again in a process of its own, judged as any other."""
    families = [family for family in FAMILIES if family[0](threads).framework in frameworks]
    return [_twice(make(threads)) for make in families[number % len(families)]]


def planted(number: int, setting: Setting, threads: int) -> Group:
    """Return a case, the same with steps it does not report, and the control, each in a process of its own."""
    hosts = HOSTS[setting.framework]
    base = replace(hosts[number % len(hosts)](threads), planted=(REPORTED, REPORTED))
    slower = replace(base, name=PLANTED, apart=PLANTED, planted=(setting.done, REPORTED))
    return with_control(Group(STUDY, base.group, (base, slower), base.name))


def _twice(case: Case) -> Group:
    return Group(STUDY, case.group, (case, replace(case, name=AGAIN, apart=AGAIN)), case.name)
