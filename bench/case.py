"""What is measured: a case fixes every parameter of one workload; a group is what is compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

__all__ = ["CONTROL", "TOO_SLOW", "Case", "Group", "spelled"]

CONTROL = "control"
TOO_SLOW = "too slow"  # what became of a case that would take too long for a verdict


def spelled(name: str, variant: str = "", environment: str = "") -> str:
    """Return an implementation as the command line spells it: NAME, NAME:VARIANT, NAME:VARIANT@ENVIRONMENT."""
    return name + (f":{variant}" if variant else "") + (f"@{environment}" if environment else "")


@dataclass(frozen=True)
class Case:
    """One workload with every parameter fixed.

    Attributes:
        study: The study that asks for it.
        group: The cases it is compared with.
        name: Its name within the group: the implementation, or the size.
        workload: A file of ``bench/workloads``.
        provider: The implementation or library that does the work.
        framework: What the provider needs.
        parameters: What the workload is told (sizes, batch, seed of its data), as JSON holds it.
        device: ``cpu`` or ``cuda``.
        dtype: That of operands and results.
        threads: Threads the framework may use.
        seed: Of weights and operands.
        source: The path of a user's implementation file, or None for one that ships.
        variant: Name of the implementation's variant, or "".
        variables: Environment variables set (or, where None, removed) for its worker.
        control: Whether this is the baseline under another name, in a process of its own.
        apart: Name of a worker of its own, where it must share no process with the provider's other cases.
        planted: (done, reported): does ``done`` steps for every ``reported`` it is asked for, so that the truth of its
            comparison is known; only the self-check plants anything.
        reseeded: Whether each launch has a seed of its own: that of the case plus the launch's number.
        environment: Name of the environment it runs in, or "" for the framework's own.
    """

    study: str
    group: str
    name: str
    workload: str
    provider: str
    framework: str
    parameters: Mapping[str, Any]
    device: str = "cpu"
    dtype: str = "float32"
    threads: int = 1
    seed: int = 0
    source: str | None = None
    variant: str = ""
    variables: Mapping[str, str | None] = field(default_factory=dict)
    control: bool = False
    apart: str = ""
    planted: tuple[int, int] = (1, 1)
    reseeded: bool = False
    environment: str = ""

    @property
    def id(self) -> str:
        """The key of this case in every record."""
        return f"{self.study}/{self.group}/{self.name}"

    @property
    def implementation(self) -> str:
        """The provider with its variant and environment, as the command line spells it."""
        return spelled(self.provider, self.variant, self.environment)

    @property
    def where(self) -> str:
        """The name of the environment it runs in."""
        return self.environment or self.framework

    @property
    def worker(self) -> str:
        """Which process of a launch serves it: one per implementation or library, device, and control or part.

        A GPU has processes of its own: their memory is not limited as on the CPU, and their telemetry is the GPU's.
        """
        device = "" if self.device == "cpu" else self.device
        steering = ",".join(f"{name}={value}" for name, value in sorted(self.variables.items()))
        parts = (self.implementation, device, steering, CONTROL if self.control else "", self.apart)
        return " ".join(filter(None, parts))

    def to_json(self) -> dict[str, Any]:
        """Return the case as JSON holds it."""
        return asdict(self) | {"parameters": dict(self.parameters), "variables": dict(self.variables)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Case:
        """Return the case of a record; fields that later versions added are left out."""
        known = {entry.name for entry in fields(cls)}
        found = {key: value for key, value in record.items() if key in known}
        done, reported = found.pop("planted", (1, 1))
        return cls(**found, planted=(done, reported))


@dataclass(frozen=True)
class Group:
    """Cases that are compared with one another, one of them, by name, the baseline.

    Where the baseline is none of them, nothing is compared. A study may fix launches and rounds, which else come from a
    preset or a budget; rounds alone are the least there should be and become whole Williams squares.
    """

    study: str
    name: str
    cases: tuple[Case, ...]
    baseline: str
    launches: int | None = None
    rounds: int | None = None

    def case(self, name: str) -> Case:
        """Return the case of that name; KeyError where there is none."""
        for case in self.cases:
            if case.name == name:
                return case
        raise KeyError(name)
