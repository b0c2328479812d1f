"""What matmul, copy and synchronise are in each framework: one file is one framework, named after it.

The contract of a library file, imported inside workers only. To import it changes nothing in its framework: workers of
implementations import it to ask for ``conditions``.

``unsupported(device, dtype) -> str | None``
    The reason why it cannot compute so here, or None.
``array(values, device, dtype) -> Any``
    A float64 host array placed on the device in that dtype.
``matmul(a, b, out) -> None``
    ``out = a @ b``; ``a`` may be a stack of matrices.
``empty(shape, device, dtype) -> Any``
    An uninitialised array for ``out``.
``copy(source, target)``, ``fill(target, value)``, ``total(source) -> Any``, ``triad(b, c, scale, out)``
    One pass over contiguous arrays each: ``target = source``, ``target = value``, the sum of an array (unread) and
    ``out = b + scale * c``. A framework that would need two passes, or a new array, leaves one out.
``host(array) -> NDArray[float64]``
    An array copied back.
``synchronize(device) -> None``
    Returns when all work handed to the device is done.
``facts() -> dict[str, Fact]``
    What the software record says of the framework: version, BLAS, the kernel architecture it chose, threads; each
    fact ``{"value", "unit", "source", "kind"}``.
``conditions(device) -> dict[str, Any]``
    What steers speed, as it is in this very process, asked of the framework and left as it is; None is unknown:
    ``threads`` (an int), ``float32_products`` (``float32``, ``tf32`` or ``bfloat16``: what products of float32 arrays
    are computed in), ``onednn`` (whether products on the CPU go through oneDNN where it has a kernel) and ``xla``.
``GRAPH``
    Optional: what of a product is compiled, in a few words; ``none`` where it is not given.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

__all__ = ["load", "names"]


def names() -> list[str]:
    """Return the frameworks there is a file for."""
    return sorted(module.name for module in iter_modules(__path__))


def load(name: str) -> ModuleType:
    """Return the library module of that name, its framework imported with it."""
    return import_module(f"bench.libraries.{name}")
