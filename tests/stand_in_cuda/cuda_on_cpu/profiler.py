"""What torch's profiler would tell of the device."""

from __future__ import annotations

import time
from collections import Counter
from types import SimpleNamespace

from torch.autograd import DeviceType

from cuda_on_cpu.device import DEVICE

__all__ = ["profile"]


class profile:  # noqa: N801 - torch's name
    """Stands in for ``torch.profiler.profile``."""

    def __init__(self, *, activities, **_) -> None:
        self._with_host = any(one.name == "CPU" for one in activities)
        self._events: list[SimpleNamespace] = []

    def __enter__(self) -> profile:
        DEVICE.profiles.append(self)
        return self

    def __exit__(self, *_) -> None:
        DEVICE.wait()
        DEVICE.profiles.remove(self)

    def add(self, name: str, start_us: float, end_us: float, on_device: bool) -> None:
        if on_device or self._with_host:
            kind = DeviceType.CUDA if on_device else DeviceType.CPU
            self._events.append(
                SimpleNamespace(
                    name=name, device_type=kind, is_user_annotation=False, at=time.perf_counter(),
                    time_range=SimpleNamespace(start=start_us, end=end_us),
                )
            )  # fmt: skip

    def events(self):
        return list(self._events)

    def key_averages(self):
        counts = Counter(one.name for one in self._events)
        return [SimpleNamespace(key=name, count=count) for name, count in counts.items()]
