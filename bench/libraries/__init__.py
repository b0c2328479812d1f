"""What matmul, copy and synchronise are in each framework: one file is one framework, named after it.

A folder is none: it holds what a file would be too long with.

The contract of a library file, imported inside workers only. To import it changes nothing in its framework: workers of
implementations import it to ask for ``conditions``.

``unsupported(device, dtype) -> str | None``
    The reason why it cannot compute so here, or None.
``array(values, device, dtype) -> Any``
    A float64 host array placed on the device in that dtype.
``matmul(a, b, out) -> None``
    ``out = a @ b``; ``a`` may be a stack of matrices, and so may ``b`` then.
``multiplying(dtype) -> Callable[[a, b, out], object]``
    Optional: what multiplies arrays of a dtype, where that is not always ``matmul``. Of int8 the result is int32.
``set_products(device, dtype) -> None``
    Optional: have products of float32 arrays computed in ``tf32`` where that is the dtype, else in float32, until it is
    called again: cases of both may share a process. Sums of half types are kept in float32. Costs what it likes; it is
    called before a sample, never within.
``refuses(device, dtype, m, k, n) -> str | None``
    Optional: the reason why matrices of these sizes cannot be multiplied though others of the dtype can, or None.
``placed(values, device, dtype, *, leading=None, offset=None, transposed=False) -> Any``
    Optional: matrices, or stacks of them, placed as a view of the shape of ``values`` into a larger buffer: stored rows
    ``leading`` elements apart, the first one ``offset`` bytes beyond a multiple of ``bench.placing.PAGE``; what is None
    is as ``array`` has it. ``transposed``: stored column after column. Raises ValueError where that cannot be.
``ALIGNMENTS``
    With ``placed``: bytes that the library's own arrays are aligned to at least, by device.
``empty(shape, device, dtype) -> Any``
    An uninitialised array for ``out``.
``copy(source, target)``, ``fill(target, value)``, ``total(source) -> Any``, ``triad(b, c, scale, out)``
    One pass over contiguous arrays each: ``target = source``, ``target = value``, the sum of an array (unread) and
    ``out = b + scale * c``. A framework that would need two passes, or a new array, leaves one out. ``copy`` also takes
    arrays of which one is on the host.
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
    are computed in), ``onednn`` (whether products on the CPU go through oneDNN where it has a kernel) and ``xla``; and,
    where there is a switch for it, ``half_sums`` (``float32`` or less: what sums of half types are kept in).
``device_clock(device) -> DeviceClock | None``
    Optional: the device's own clock (``bench.timing.DeviceClock``), on the stream that this thread's work is handed to,
    whoever hands it in; None on a CPU.
``captured(step, device, copies) -> Callable[[], None]``
    Optional: call ``step`` so many times to warm it up and as many times again to capture what it hands to the device
    into one graph; what is returned hands a replay of it in, and keeps ``step`` and all it holds alive.
``last_cache(device) -> int | None``
    With ``captured``: bytes of the device's last cache, None where that is unknown.
``profiled(work, device) -> Sequence[Activity]``
    Optional: call ``work``, wait until the device is done with it, and return what a profiler saw the device do
    meanwhile (``bench.profiling.Activity``), in the order in which it began.
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
    return sorted(module.name for module in iter_modules(__path__) if not module.ispkg)


def load(name: str) -> ModuleType:
    """Return the library module of that name, its framework imported with it."""
    return import_module(f"bench.libraries.{name}")
