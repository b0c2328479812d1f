"""``mlpbench advise``: what to pad a product or a network to, on this machine."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import implementations, libraries
from bench.advice import answer, choice
from bench.advice.measuring import Measuring
from bench.advice.networks import Network
from bench.advice.problems import Place, Problem
from bench.advice.products import Product
from bench.advice.stages import Settings, Unmeasurable
from bench.errors import BadInput
from bench.hardware.cpu import usable_cores
from bench.plan import PRESETS
from bench.store import RunFolder, write_json
from mlp_impls import Shape
from mlpbench import advice_checking, advice_preparing, advice_text, choices
from mlpbench.console import ProgressLine, error_console, output_console

__all__ = ["Asked", "advise"]

DTYPES = ("float32", "float64", "bfloat16", "float16")
LIBRARY, IMPLEMENTATION, BATCH = "torch", "torch_concise", 256
LARGEST = 65_536
MOST_LAYERS = 10  # each distinct width is a dimension, and their combinations are gone through

Row = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """The options of ``mlpbench advise``; None where nothing was said."""

    sizes: Mapping[str, int | None]
    layers: str | None = None
    batch: int | None = None
    library: str | None = None
    impl: str | None = None
    padded_once: bool = False
    check: int | None = None
    dtype: str = "float32"
    device: str = "cpu"
    threads: int | None = None
    preset: str = "quick"
    margin: float = 0.02
    seed: int = 0

    @property
    def place(self) -> Place:
        """Where it is computed."""
        return Place(self.device, self.dtype, self.threads or usable_cores())

    def problem(self) -> Problem | None:
        """Return what advice is asked on; None for a check. Raises BadInput for the first option that cannot be."""
        choices.among("--dtype", (self.dtype,), DTYPES)
        choices.among("--device", (self.device,), choices.DEVICES)
        choices.among("--preset", (self.preset,), tuple(PRESETS))
        choices.among("--library", (self.library or LIBRARY,), libraries.names())
        choices.positive("--threads", _given(self.threads), most=4096)
        choices.positive("--seed", (self.seed,), least=0, most=2**31 - 1)
        choices.fraction("--margin", self.margin, "0.02 for 2 %")
        self._one_form()
        if self.check is not None:
            choices.positive("--check", (self.check,), most=10_000)
            return None
        return self._product() if self.layers is None else self._network(self.layers)

    def _one_form(self) -> None:
        """Raise BadInput unless one thing is asked about, by the options that go with it."""
        sizes = [f"--{name}" for name, size in self.sizes.items() if size is not None]
        forms = {"--check": self.check is not None, "--layers": self.layers is not None, **dict.fromkeys(sizes, True)}
        given = [option for option, said in forms.items() if said]
        if not given:
            raise BadInput("advise: on what? give --m, --k and --n of a product, or --layers such as 784,250,10")
        if len(given) > 1 and given != sizes:
            raise BadInput(f"{given[0]} {given[1]}: one of --layers, --check and --m with --k and --n; leave one out")
        of_layers = {"--batch": self.batch is not None, "--impl": self.impl is not None}
        of_products = {"--library": self.library is not None, "--padded-once": self.padded_once}
        others = of_products if self.layers is not None else of_layers
        if self.check is not None:
            others = {**of_layers, "--padded-once": self.padded_once}
        for option, said in others.items():
            if said:
                raise BadInput(f"{option}: means nothing with {given[0]}; leave it out")

    def _product(self) -> Product:
        for name, size in self.sizes.items():
            if size is None:
                raise BadInput(f"--{name}: missing; a product of (m, k) times (k, n) needs --m, --k and --n")
            choices.positive(f"--{name}", (size,), most=LARGEST)
        m, k, n = (int(self.sizes[name] or 0) for name in "mkn")
        return Product(self.place, m, k, n, self.library or LIBRARY, self.padded_once)

    def _network(self, text: str) -> Network:
        parts = text.replace(" ", "").split(",")
        layers = [int(part) for part in parts if re.fullmatch("[0-9]{1,9}", part)]
        if not 2 <= len(layers) == len(parts) <= MOST_LAYERS or not all(1 <= size <= LARGEST for size in layers):
            raise BadInput(
                f"--layers {text}: expected 2 to {MOST_LAYERS} whole numbers from 1 to {LARGEST}, inputs first and "
                "outputs last, such as 784,250,10"
            )
        batch = BATCH if self.batch is None else self.batch
        choices.positive("--batch", (batch,), most=LARGEST)
        found = implementations.resolve([self.impl or IMPLEMENTATION])
        if (self.impl or "").partition("@")[0] == "all":
            raise BadInput(f"--impl {self.impl}: expected one implementation; name it")
        shape = Shape(layers[0], tuple(layers[1:-1]), layers[-1])
        return Network(self.place, shape, batch, *found[0])


def advise(asked: Asked, out: Path | None, *, resume: bool, as_json: bool) -> int:
    """Answer, and say why; 0 whatever the answer, 1 where a check of advice does not hold, 130 if interrupted."""
    problem = asked.problem()
    if problem is None:
        check = advice_checking.Asked(
            asked.check or 0, asked.place, asked.library or LIBRARY, asked.preset, asked.margin, asked.seed
        )
        return advice_checking.check(check, out, resume=resume, as_json=as_json)
    if resume:
        raise BadInput("--resume: means something with --check only; leave it out")
    with RunFolder.reserved(out):
        found = _answered(problem, asked, out, error_console())
    if as_json:
        print(json.dumps(found, indent=1))
    else:
        advice_text.show(problem, found, output_console())
    return 0


def _answered(problem: Problem, asked: Asked, out: Path | None, console: Console) -> Row:
    seen = advice_preparing.able(problem, "--impl" if asked.layers else "--library", console)
    record = advice_preparing.record(None if out is None else seen, asked.threads, console)
    with ProgressLine(console) as progress:
        settings = Settings(Measuring(record, out, progress), seen, asked.preset, asked.margin, asked.seed)
        try:
            (advice,) = choice.advise([problem], settings)
        except Unmeasurable as error:
            raise BadInput(f"advise: {error}; ask about something smaller") from None
    found = answer.to_json(advice, asked.margin)
    if out is not None:
        write_json(out / "advice.json", found)
        console.print(f"recorded in {out}")
    return found


def _given(value: int | None) -> tuple[int, ...]:
    return () if value is None else (value,)
