"""The GPUs, told by a driver that is a stand-in."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from bench.hardware import Facts, gpu

UUID = "GPU-4f3a"


def probe(nvml: Any) -> Facts:
    """What NVML alone tells, whatever driver this machine has."""
    return gpu.probe(nvml, list)


def driver(**changes: Any) -> SimpleNamespace:
    clocks = {"SM": 1980, "MEM": 3201}
    functions = {
        "NVML_CLOCK_SM": "SM",
        "NVML_CLOCK_MEM": "MEM",
        "closed": [],
        "nvmlInit": lambda: None,
        "nvmlDeviceGetCount": lambda: 1,
        "nvmlSystemGetDriverVersion": lambda: "570.86.10",
        "nvmlSystemGetCudaDriverVersion_v2": lambda: 12080,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetName": lambda device: "NVIDIA H200",
        "nvmlDeviceGetUUID": lambda device: UUID,
        "nvmlDeviceGetSerial": lambda device: UUID,
        "nvmlDeviceGetMemoryInfo": lambda device: SimpleNamespace(total=150754820096),
        "nvmlDeviceGetMemoryBusWidth": lambda device: 6144,
        "nvmlDeviceGetMaxClockInfo": lambda device, clock: clocks[clock],
        "nvmlDeviceGetPowerManagementLimit": lambda device: 700000,
        "nvmlDeviceGetCudaComputeCapability": lambda device: (9, 0),
        "nvmlDeviceGetMaxPcieLinkGeneration": lambda device: 5,
        "nvmlDeviceGetMaxPcieLinkWidth": lambda device: 16,
        "nvmlDeviceGetEccMode": lambda device: [1, 1],
        "nvmlDeviceGetMigMode": lambda device: [0, 0],
        "nvmlDeviceGetPersistenceMode": lambda device: 1,
    } | changes
    nvml = SimpleNamespace(**functions)
    nvml.nvmlShutdown = lambda: nvml.closed.append(True)
    return nvml


def refuse(*arguments: Any) -> Any:
    raise RuntimeError("Not Supported")


def test_a_gpu_is_described_in_base_units() -> None:
    facts = probe(driver())
    values = {name: (entry["value"], entry["unit"]) for name, entry in facts.items()}
    assert values["gpu0_name"] == ("NVIDIA H200", None)
    assert values["gpu0_memory"] == (150754820096, "B")
    assert values["gpu0_memory_bus_width"] == (6144, "bit")
    assert values["gpu0_clock_max"] == (1_980_000_000, "Hz")
    assert values["gpu0_memory_clock_max"] == (3_201_000_000, "Hz")
    assert values["gpu0_power_limit"] == (700.0, "W")
    assert values["gpu0_compute_capability"] == ("9.0", None)
    assert values["driver_version"] == ("570.86.10", None)
    assert values["cuda_driver_version"] == ("12.8", None)


def test_every_gpu_is_described() -> None:
    facts = probe(driver(nvmlDeviceGetCount=lambda: 2))
    assert {"gpu0_name", "gpu1_name"} <= set(facts)


def test_names_that_old_versions_give_as_bytes_are_text() -> None:
    assert probe(driver(nvmlDeviceGetName=lambda device: b"Tesla T4"))["gpu0_name"]["value"] == "Tesla T4"


def test_a_question_the_driver_refuses_leaves_one_fact_unknown() -> None:
    facts = probe(driver(nvmlDeviceGetMemoryBusWidth=refuse))
    assert facts["gpu0_memory_bus_width"]["kind"] == "unknown"
    assert "Not Supported" in facts["gpu0_memory_bus_width"]["source"]
    assert facts["gpu0_name"]["value"] == "NVIDIA H200"


def test_a_function_that_pynvml_lacks_leaves_one_fact_unknown() -> None:
    nvml = driver()
    del nvml.nvmlDeviceGetMigMode
    assert probe(nvml)["gpu0_mig"]["kind"] == "unknown"


def test_without_a_driver_the_count_is_unknown_with_the_reason() -> None:
    facts = probe(driver(nvmlInit=refuse))
    assert list(facts) == ["count"]
    assert "Not Supported" in facts["count"]["source"]


def test_the_driver_is_let_go() -> None:
    nvml = driver()
    probe(nvml)
    assert nvml.closed == [True]


def test_neither_uuid_nor_serial_is_recorded() -> None:
    assert UUID not in str(probe(driver()))
