"""What the user asked a run to measure: validated, and turned into the groups of each study."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from typing import Any

from bench import environments, implementations, plugins, studies, workloads
from bench.case import Group
from bench.errors import BadInput
from bench.hardware.cpu import usable_cores
from bench.hardware.software import steering_variables
from bench.plan import PRESETS
from bench.studies import Options, devices, pipeline, throughput
from bench.studies.alignment import SIZES
from mlpbench import choices

__all__ = ["Asked", "groups", "left_out", "needs_data", "needs_real_data"]

Chosen = tuple[implementations.Implementation, str]

NETWORK_STUDIES = ("throughput", "accuracy", "pipeline", "devices")
PRODUCT_STUDIES = ("alignment", "data_effect")  # of nothing else
OF_ALL = ("throughput", "accuracy", "roofline")  # which have all implementations unless some are asked for
WITH_FLOORS = (*NETWORK_STUDIES, "roofline")  # whose cases also differ by implementation and depth


@dataclass(frozen=True)
class Asked:
    """The options of ``mlpbench run`` that decide what is measured; empty or None where nothing was said."""

    studies: tuple[str, ...] = ()
    preset: str = "quick"
    impl: tuple[str, ...] = ()
    width: tuple[int, ...] = ()
    depth: tuple[int, ...] = ()
    batch: tuple[int, ...] = ()
    size: tuple[int, ...] = ()
    device: tuple[str, ...] = ()
    dtype: tuple[str, ...] = ()
    threads: int | None = None
    baseline: str | None = None
    margin: float = 0.02
    seed: int = 0
    budget: float | None = None
    precision: float | None = None
    epochs: int | None = None
    seeds: int | None = None
    rate: tuple[float, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return what was asked as run.json holds it."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    def check(self) -> None:
        """Raise BadInput, with the remedy, for the first option that cannot be."""
        choices.among("STUDY", self.studies, plugins.names(studies))
        choices.among("--preset", (self.preset,), tuple(PRESETS))
        choices.among("--device", self.device, choices.DEVICES)
        choices.among("--dtype", self.dtype, choices.PRODUCT_DTYPES)
        choices.positive("--width", self.width)
        choices.positive("--depth", self.depth, least=0, most=100)
        choices.positive("--batch", self.batch)
        choices.positive("--size", self.size)
        choices.positive("--threads", () if self.threads is None else (self.threads,), most=4096)
        choices.positive("--seed", (self.seed,), least=0, most=2**63 - 1)
        choices.positive("--epochs", () if self.epochs is None else (self.epochs,), most=10_000)
        choices.positive("--seeds", () if self.seeds is None else (self.seeds,), most=1000)
        for rate in self.rate:
            if not 0 < rate <= 100:
                raise BadInput(f"--rate {rate}: expected a learning rate above 0, such as 0.1")
        self._check_applicable()
        choices.fraction("--margin", self.margin, "0.02 for 2 %")
        if self.budget is not None:
            choices.seconds("--budget", self.budget)
        if self.precision is not None:
            choices.fraction("--precision", self.precision, "0.01 for 1 %")

    def _check_applicable(self) -> None:
        """Options that no chosen study looks at are mistakes, and so are dtypes that one of them cannot have."""
        chosen = set(self.studies or studies.DEFAULT)
        for dtype in self.dtype:
            if dtype not in choices.DTYPES and not chosen <= set(PRODUCT_STUDIES):
                raise BadInput(
                    f"--dtype {dtype}: only matrix products have it; name {' or '.join(PRODUCT_STUDIES)} alone, or "
                    "leave this out"
                )
        for option, values, meant in (
            ("--impl", self.impl, WITH_FLOORS),
            ("--width", self.width, NETWORK_STUDIES),
            ("--depth", self.depth, WITH_FLOORS),
            ("--batch", self.batch, NETWORK_STUDIES),
            ("--size", self.size, (*PRODUCT_STUDIES, "devices")),
            ("--epochs", (self.epochs,), ("accuracy",)),
            ("--seeds", (self.seeds,), ("accuracy",)),
            ("--rate", self.rate, ("accuracy",)),
        ):
            if any(value is not None for value in values) and not chosen.intersection(meant):
                names = " or ".join(meant)
                raise BadInput(
                    f"{option} {values[0]}: means something to the study {names} only; add it or leave this out"
                )


def groups(asked: Asked, environ: Mapping[str, str] = os.environ) -> list[Group]:
    """Return the groups of every study asked for. Raises BadInput for an option that cannot be."""
    asked.check()
    environments.names(environ)  # complains of the user's file at once
    options = _options(asked, environ)
    # What feeds a network is asked of one network, unless others are named; there is no other to compare them with.
    fed = implementations.resolve(asked.impl or [pipeline.IMPLEMENTATION], environ)
    learning = _implementations(asked, environ)  # no baseline among them
    # On both devices likewise: each is compared with itself, or with a baseline that is named.
    moved = fed + [one for one in options.implementations
                   if one not in fed and one[0].spelled(one[1]) == options.baseline]  # fmt: skip
    other = options.devices if asked.device else (devices.DEVICE,)
    own = {
        "pipeline": replace(options, implementations=tuple(fed)),
        "accuracy": replace(options, implementations=tuple(learning)),
        "devices": replace(options, implementations=tuple(moved), devices=other),
    }
    names = dict.fromkeys(asked.studies or studies.DEFAULT)
    return [group for name in names for group in import_module(f"bench.studies.{name}").groups(own.get(name, options))]


def left_out(asked: Asked, environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return, in sentences, what the studies asked for could measure as well, where they say so."""
    options = _options(asked, environ)
    found = {name: import_module(f"bench.studies.{name}") for name in asked.studies or studies.DEFAULT}
    told = [
        f"{name}, {asked.preset}: {sentence}"
        for name, study in found.items()
        if hasattr(study, "left_out")
        for sentence in study.left_out(options)
    ]
    return _variants_left_out(asked, environ) + told


def _variants_left_out(asked: Asked, environ: Mapping[str, str]) -> list[str]:
    chosen = _implementations(asked, environ)
    names = [entry.spelled(variant) for entry, variant in implementations.resolve(asked.impl, environ)
             if (entry, variant) not in chosen]  # fmt: skip
    concerned = [name for name in dict.fromkeys(asked.studies or studies.DEFAULT) if name in OF_ALL]
    if not names or not concerned:
        return []
    return [f"{', '.join(concerned)}, {asked.preset}: left out are variants, which --impl all has: {', '.join(names)}."]


def needs_data(found: list[Group]) -> bool:
    """Return whether any case trains."""
    return any(case.workload not in workloads.OF_LIBRARIES for group in found for case in group.cases)


def needs_real_data(found: list[Group]) -> bool:
    """Return whether any case learns something that synthetic images would not show."""
    return any(group.study == "accuracy" for group in found)


def _options(asked: Asked, environ: Mapping[str, str]) -> Options:
    chosen = {entry.spelled(variant): (entry, variant) for entry, variant in _implementations(asked, environ)}
    size, name = _baselines(asked)
    base = _baseline(name or throughput.BASELINE, chosen, environ)
    label = base[0].spelled(base[1])
    if label not in chosen:
        chosen = {label: base} | chosen
    return Options(
        preset=asked.preset,
        implementations=tuple(chosen.values()),
        widths=_unique(asked.width),
        depths=_unique(asked.depth),
        batches=_unique(asked.batch),
        sizes=_unique((int(size), *(asked.size or SIZES))) if size else _unique(asked.size),
        devices=tuple(dict.fromkeys(asked.device)) or ("cpu",),
        dtypes=tuple(dict.fromkeys(asked.dtype)),
        threads=asked.threads or usable_cores(),
        baseline=label if name else None,
        base_size=size,
        seed=asked.seed,
        steering=steering_variables(environ),
        epochs=asked.epochs,
        seeds=asked.seeds,
        rates=tuple(dict.fromkeys(asked.rate)),
    )


def _implementations(asked: Asked, environ: Mapping[str, str]) -> list[Chosen]:
    """Return those asked for; where none are, all there are, in quick without their variants."""
    found = implementations.resolve(asked.impl, environ)
    whole = bool(asked.impl) or asked.preset != "quick"
    return [(entry, variant) for entry, variant in found if whole or not variant]


def _baselines(asked: Asked) -> tuple[str | None, str | None]:
    """Return the base size and the baseline implementation that --baseline means: a number is a size."""
    text = asked.baseline
    if text is None:
        return None, None
    if not (text.isascii() and text.isdigit()):
        return None, text
    if asked.studies and "alignment" not in asked.studies:
        raise BadInput(f"--baseline {text}: a size is a baseline of the alignment study only; name an implementation")
    choices.positive("--baseline", (int(text),))
    return text, None


def _baseline(text: str, chosen: Mapping[str, Chosen], environ: Mapping[str, str]) -> Chosen:
    """Return the baseline. A user's file that was chosen may be named without its folder and ending."""
    if text in chosen:
        return chosen[text]
    try:
        found = implementations.resolve([text], environ)
    except BadInput as error:
        raise BadInput(str(error).replace("--impl", "--baseline", 1)) from None
    if text.partition("@")[0] == "all":
        raise BadInput(f"--baseline {text}: expected one implementation; name it")
    entry, variant = found[0]
    if any(entry.name == other.name and entry.source != other.source for other, _ in chosen.values()):
        raise BadInput(f"--baseline {text}: another file is called {entry.name!r} already; rename one")
    return entry, variant


def _unique(values: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(values))
