"""What the CUDA driver says of its devices: libcuda's attributes through ctypes, without any framework.

Asked in a short process of its own: a driver may crash or hang, and one that is started stays so to the end. That
process runs this very file, which imports nothing but the standard library.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

__all__ = ["ask_devices", "devices"]

LIBRARY = "libcuda.so.1"
SECONDS = 60
NAME_BYTES = 256
# CUdevice_attribute in cuda.h
MEMORY_CLOCK_RATE = 36  # kHz
GLOBAL_MEMORY_BUS_WIDTH = 37  # bits
KILO = 1000


def ask_devices(environ: Mapping[str, str] = os.environ) -> list[dict[str, Any]]:
    """Return what ``devices`` does, from a process of its own that sees every device.

    Raises:
        RuntimeError: The driver is not there or did not answer; the message says why.
    """
    visible = {name: value for name, value in environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    command = [sys.executable, "-I", "-S", __file__]
    done = subprocess.run(command, env=visible, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"ended with status {done.returncode}"]
        raise RuntimeError(said[-1])
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def devices(library: Any) -> list[dict[str, Any]]:
    """Return name, memory bus width in bits and memory clock in Hz of each device; None for what is not told.

    Raises:
        RuntimeError: A call of the driver's failed.
    """
    _call(library, "cuInit", 0)
    count = ctypes.c_int()
    _call(library, "cuDeviceGetCount", ctypes.byref(count))
    return [_device(library, ordinal) for ordinal in range(count.value)]


def _device(library: Any, ordinal: int) -> dict[str, Any]:
    device, name = ctypes.c_int(), ctypes.create_string_buffer(NAME_BYTES)
    _call(library, "cuDeviceGet", ctypes.byref(device), ordinal)
    _call(library, "cuDeviceGetName", name, NAME_BYTES, device)
    clock = _attribute(library, MEMORY_CLOCK_RATE, device)
    return {
        "name": name.value.decode(errors="replace"),
        "memory_bus_width": _attribute(library, GLOBAL_MEMORY_BUS_WIDTH, device),
        "memory_clock": clock and KILO * clock,
    }


def _attribute(library: Any, attribute: int, device: ctypes.c_int) -> int | None:
    value = ctypes.c_int()
    status = library.cuDeviceGetAttribute(ctypes.byref(value), attribute, device)
    return value.value if status == 0 and value.value > 0 else None


def _call(library: Any, function: str, *arguments: Any) -> None:
    status = getattr(library, function)(*arguments)
    if status != 0:
        raise RuntimeError(f"{function}: CUDA error {status}")


if __name__ == "__main__":
    try:
        print(json.dumps(devices(ctypes.CDLL(LIBRARY))))
    except (AttributeError, OSError, RuntimeError) as error:
        raise SystemExit(str(error)) from None
