"""NVML of one made-up GPU whose clock and power vary a little from one question to the next."""

from __future__ import annotations

from itertools import cycle
from types import SimpleNamespace

NVML_CLOCK_SM, NVML_CLOCK_MEM = 1, 2
NVML_TEMPERATURE_GPU = 0
MEGABYTE = 1 << 20
MHZ = {NVML_CLOCK_SM: 1980, NVML_CLOCK_MEM: 3201}

_sm_mhz = cycle([1980, 1965, 1950]).__next__
_milliwatts = cycle([120_000, 340_000, 410_000]).__next__
_reasons = cycle([0, 4, 0, 0]).__next__


def nvmlInit():  # noqa: N802 - NVML's names
    return None


nvmlShutdown = nvmlInit  # noqa: N816


def nvmlDeviceGetCount():  # noqa: N802
    return 1


def nvmlDeviceGetHandleByIndex(index):  # noqa: N802
    return SimpleNamespace(index=index)


def nvmlSystemGetDriverVersion():  # noqa: N802
    return "580.65.06"


def nvmlSystemGetCudaDriverVersion_v2():  # noqa: N802
    return 13000


def nvmlDeviceGetMaxClockInfo(device, kind):  # noqa: N802
    return MHZ[kind]


def nvmlDeviceGetClockInfo(device, kind):  # noqa: N802
    return _sm_mhz() if kind == NVML_CLOCK_SM else MHZ[kind]


def _answer(value):
    return lambda device, *_: value() if callable(value) else value


for _name, _value in {
    "nvmlDeviceGetName": "NVIDIA Stand-in H200",
    "nvmlDeviceGetMemoryInfo": SimpleNamespace(total=143_771 * MEGABYTE),
    "nvmlDeviceGetMemoryBusWidth": 6016,
    "nvmlDeviceGetPowerManagementLimit": 700_000,
    "nvmlDeviceGetCudaComputeCapability": (9, 0),
    "nvmlDeviceGetMaxPcieLinkGeneration": 5,
    "nvmlDeviceGetMaxPcieLinkWidth": 16,
    "nvmlDeviceGetEccMode": (1, 1),
    "nvmlDeviceGetMigMode": (0, 0),
    "nvmlDeviceGetPersistenceMode": 1,
    "nvmlDeviceGetPowerUsage": _milliwatts,
    "nvmlDeviceGetTemperature": 45,
    "nvmlDeviceGetCurrentClocksEventReasons": _reasons,
}.items():
    globals()[_name] = _answer(_value)
