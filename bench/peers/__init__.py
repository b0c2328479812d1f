"""The verdicts of other tools on pairs whose truth is known: one file is one tool, which decides by its own way.

The contract of a peer file:

``TOOL``
    Its name as its users write it.
``REQUIRES``
    The modules it needs; ``missing`` tells whether they are here.
``RULE``
    How it decides, in a sentence.
``decide(pair, budget_s, folder) -> Decision``
    Its verdict on a pair in about ``budget_s`` seconds of wall time, start-up included; what it measured stays in
    ``folder``, which is empty before. Raises PeerError.

Every tool times the same function of the same module in processes with the same environment, and warms up by its own
means. Its options are its defaults or its documentation's examples, but for those that spend the budget.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from bench import environments

__all__ = ["Decision", "Pair", "PeerError", "missing", "run", "write"]

PRODUCTS = 100  # at least so many to a call: it outlasts any tool's own overhead, and +1 % is a whole product

# Both sides call one function with their count, so that the code of an identical pair is the same in every respect.
MODULE = """
import numpy as np
{imports}

generator = np.random.default_rng(0)
a, b = (generator.standard_normal(({size}, {size}), dtype=np.float32) for _ in range(2))
{place}


def products(count):
    for _ in range(count):
        matmul(a, b, out=out)
"""
PARTS = {
    "numpy": {"imports": "from numpy import matmul", "place": "out = np.empty_like(a)"},
    "torch": {
        "imports": "import torch\nfrom torch import matmul",
        "place": "torch.set_num_threads({threads})\na, b = map(torch.from_numpy, (a, b))\nout = torch.empty_like(a)",
    },
}


class PeerError(Exception):
    """Why a tool gave no verdict, in one line."""


@dataclass(frozen=True)
class Pair:
    """Two sides, A and B, of back-to-back products of one (size, size) float32 matrix with another.

    ``library`` is numpy or torch; B does ``planted[0]`` products for every ``planted[1]`` of A's.
    """

    library: str
    size: int
    threads: int = 1
    planted: tuple[int, int] = (1, 1)

    @property
    def truth(self) -> float:
        """The time of B over that of A; 1 where both are the same code."""
        return self.planted[0] / self.planted[1]

    @property
    def products(self) -> tuple[int, int]:
        """How many products a call of A and of B does: the planted ratio exactly, and at least 100 for A."""
        does, reports = self.planted
        times = -(-PRODUCTS // reports)
        return reports * times, does * times

    @property
    def name(self) -> str:
        """What a reader calls it, such as ``numpy 256 A/A`` or ``torch 512 +5 %``."""
        return f"{self.library} {self.size} " + ("A/A" if self.truth == 1 else f"{100 * (self.truth - 1):+.3g} %")


@dataclass(frozen=True)
class Decision:
    """What a tool said of a pair.

    Attributes:
        ratio: The time of B over that of A by the statistic the tool decides on.
        ci_low: Its interval's lower end, None where the tool gives no interval of the ratio.
        ci_high: Its interval's upper end, or None.
        verdict: ``faster``, ``slower``, ``same`` or ``inconclusive``: B against A.
        seconds: Wall time of everything that led to it.
    """

    ratio: float
    ci_low: float | None
    ci_high: float | None
    verdict: str
    seconds: float


def missing(modules: Sequence[str]) -> str | None:
    """Return why a tool that requires these modules cannot be used, or None."""
    absent = [module for module in modules if find_spec(module) is None]
    return f"not installed: {', '.join(absent)}; pip install 'mlpbench[peers]' brings the peers" if absent else None


def write(pair: Pair, folder: Path, scripts: Mapping[str, str]) -> None:
    """Write the module ``pair`` with its function ``products(count)``, and the tool's own scripts, into the folder."""
    if pair.library not in PARTS:
        raise PeerError(f"no pairs of {pair.library!r}; expected one of {', '.join(PARTS)}")
    parts = {name: text.format(threads=pair.threads) for name, text in PARTS[pair.library].items()}
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {"pair.py": MODULE.format(size=pair.size, **parts), **scripts}.items():
        (folder / name).write_text(text)


def run(
    pair: Pair,
    folder: Path,
    arguments: Sequence[str],
    limit_s: float,
    products: int = 0,
    regressed: str | None = None,
) -> str:
    """Run this Python in the folder, with the pair's threads set before any library loads, and return what it printed.

    Args:
        pair: What is timed.
        folder: Where its module lies.
        arguments: Of the interpreter.
        limit_s: Seconds after which it is ended.
        products: What the script finds in the variable ``PRODUCTS``.
        regressed: A text with which an exit with an error is the tool's verdict.

    Raises:
        PeerError: It failed, or took longer than the limit.
    """
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env=variables(pair, folder, products),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,  # tools have processes of their own: they are ended together
    )
    output = _output(process, limit_s)
    if process.returncode and (regressed is None or regressed not in output):
        raise PeerError(f"ended with exit status {process.returncode}: {reason(output)}")
    return output


def _output(process: subprocess.Popen[str], limit_s: float) -> str:
    """Return what a process printed; on a time-out or an interrupt it is killed with whatever it started."""
    try:
        return process.communicate(timeout=limit_s)[0]
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise PeerError(f"took longer than its limit of {limit_s:.0f} s") from None
        raise


def variables(pair: Pair, folder: Path, products: int) -> dict[str, str]:
    """Return the user's environment with the pair's threads, the folder to import from, and no options of pytest's."""
    path = os.pathsep.join(filter(None, (str(folder.resolve()), os.environ.get("PYTHONPATH"))))
    changes: dict[str, str | None] = dict.fromkeys(name for name in os.environ if name.startswith("PYTEST_"))
    changes |= {"PYTHONPATH": path, "PRODUCTS": str(products), "PYTHONDONTWRITEBYTECODE": None}
    return environments.variables(pair.threads, folder.resolve(), changes)


def reason(output: str) -> str:
    """Return the line of a failed tool's output that says most: the last with an error's name, or the last."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if "Error" in line), lines[-1] if lines else "it printed nothing")
