"""One matrix product whose operands come from the host's memory and whose result goes back there: end to end.

Parameters: ``m``, ``k``, ``n`` and ``stack``, as in ``matmul``; the provider is a file of ``bench/libraries``. A step
copies both operands to the device, multiplies them there and copies the result back; the next step begins when it is
there. On a CPU these are copies within the host's memory. The host's arrays are the library's own, in the case's dtype,
so that nothing is converted, and ordinary ones, which the system may page out.

Work is that of the product: what handing over costs is in the time alone. Waking is a discarded step, which brings the
operands into the host's caches, as far as they fit.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from bench import libraries
from bench.case import Case
from bench.equality import Equality
from bench.product_equality import compared
from bench.workloads import Prepared, Work, matmul

__all__ = ["check", "prepare", "unsupported", "work"]

HOST = "cpu"


class _Placed(NamedTuple):
    """The operands and the result on the host, then on the device."""

    host_a: Any
    host_b: Any
    host_out: Any
    a: Any
    b: Any
    out: Any


def work(case: Case) -> Work:
    """Return what the product needs."""
    return matmul.work(case)


def unsupported(case: Case) -> str | None:
    """Return why the case's library cannot do this, or None: it copies into arrays that are there already."""
    if not hasattr(libraries.load(case.provider), "copy"):
        return f"{case.provider} cannot copy into an array that is there, so that handing over cannot be measured in it"
    return matmul.unsupported(case)


def prepare(case: Case, provider: Any, data_dir: Path) -> Prepared:
    """Place random operands on the host, and room for them on the device."""
    return Prepared(
        _step(provider, _place(case, provider)),
        lambda: provider.synchronize(case.device),
        graph=getattr(provider, "GRAPH", "none"),
    )


def check(case: Case, provider: Any, data_dir: Path, cache: Path | None = None) -> Equality:
    """Compare what comes back with NumPy's product in float64, of the operands as the host has them.

    Before that everything else holds something that no product gives, so that a step which hands over less is found.
    """
    placed = _place(case, provider)
    a, b = provider.host(placed.host_a), provider.host(placed.host_b)
    if (wrong := matmul.misplaced(matmul.operands(case), (a, b), case.dtype)) is not None:
        return wrong
    for array in (placed.a, placed.b, placed.out, placed.host_out):
        provider.fill(array, matmul.UNTOUCHED)
    _step(provider, placed)()
    provider.synchronize(case.device)
    return compared(provider.host(placed.host_out), a, b, case.dtype)


def _place(case: Case, provider: Any) -> _Placed:
    values = matmul.operands(case)
    shapes = (values[0].shape, values[1].shape, (*values[0].shape[:-1], values[1].shape[-1]))
    host_a, host_b = (provider.array(one, HOST, case.dtype) for one in values)
    host_out = provider.empty(shapes[-1], HOST, case.dtype)
    a, b, out = (provider.empty(shape, case.device, case.dtype) for shape in shapes)
    return _Placed(host_a, host_b, host_out, a, b, out)


def _step(provider: Any, placed: _Placed) -> Callable[[], object]:
    """Return what a step calls, with as little around it as there can be."""
    copy, product = provider.copy, provider.matmul
    host_a, host_b, host_out, a, b, out = placed

    def step() -> None:
        copy(host_a, a)
        copy(host_b, b)
        product(a, b, out)
        copy(out, host_out)

    return step
