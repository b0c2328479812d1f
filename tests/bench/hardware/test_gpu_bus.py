"""The memory bus of GPUs: which source is believed first, and what bandwidth it implies."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bench.hardware import Facts, fact, unknown
from bench.hardware.gpu import prefer_torch, probe

MEGA = 10**6


def nvml(names: list[str], width: int | Exception = 6144, clock: int | Exception = 3201) -> SimpleNamespace:
    """Return a driver that knows the names of GPUs, one width in bits and one memory clock in MHz."""

    def answer(value: Any) -> Any:
        if isinstance(value, Exception):
            raise value
        return value

    return SimpleNamespace(
        NVML_CLOCK_SM=1,
        NVML_CLOCK_MEM=2,
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetCount=lambda: len(names),
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetName=lambda device: names[device],
        nvmlDeviceGetMemoryBusWidth=lambda device: answer(width),
        nvmlDeviceGetMaxClockInfo=lambda device, kind: answer(clock),
    )


def cuda(name: str, width: int | None, clock: int | None = 3201 * MEGA) -> dict[str, Any]:
    return {"name": name, "memory_bus_width": width, "memory_clock": clock}


def no_driver() -> list[dict[str, Any]]:
    raise RuntimeError("libcuda.so.1: cannot open shared object file")


def bus(facts: Facts, index: int = 0) -> tuple[Any, str, str]:
    entry = facts[f"gpu{index}_memory_bus_width"]
    return entry["value"], entry["kind"], entry["source"]


def no_nvml() -> SimpleNamespace:
    def refuse() -> None:
        raise RuntimeError("Library Not Found")

    return SimpleNamespace(nvmlInit=refuse)


def test_the_driver_attribute_comes_before_nvml() -> None:
    facts = probe(nvml(["NVIDIA H200"], width=1), lambda: [cuda("NVIDIA H200", 6144)])
    assert bus(facts) == (6144, "queried", "CUDA driver GLOBAL_MEMORY_BUS_WIDTH")


@pytest.mark.parametrize("devices", [[], [cuda("NVIDIA H200", None)], [cuda("NVIDIA H200 MIG 1g.18gb", 768)]])
def test_nvml_comes_before_the_table(devices: list[dict[str, Any]]) -> None:
    """A slice of a GPU has another name, and is another thing."""
    assert bus(probe(nvml(["NVIDIA H200"]), lambda: devices))[:2] == (6144, "queried")


@pytest.mark.parametrize("width", [RuntimeError("Not Supported"), 0])
def test_the_table_comes_last_and_is_labelled(width: int | Exception) -> None:
    value, kind, source = bus(probe(nvml(["NVIDIA L4"], width=width), no_driver))
    assert (value, kind) == (192, "looked-up")
    assert "NVIDIA L4 product brief" in source


@pytest.mark.parametrize(
    ("name", "bits"),
    [
        ("Tesla V100-SXM2-16GB", 4096),
        ("Tesla T4", 256),
        ("NVIDIA A100-SXM4-80GB", 5120),
        ("NVIDIA A100 80GB PCIe", 5120),
        ("NVIDIA H100 80GB HBM3", 5120),
        ("NVIDIA H100 PCIe", 5120),
        ("NVIDIA H100 NVL", None),
        ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", None),
        ("NVIDIA H200", None),  # whose data sheet gives its bandwidth and not its width
        ("NVIDIA L40", None),
        ("NVIDIA GeForce RTX 4090", 384),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", None),
    ],
)
def test_the_table_holds_whole_names_only(name: str, bits: int | None) -> None:
    value, kind, _ = bus(probe(nvml([name], width=RuntimeError("Not Supported")), no_driver))
    assert (value, kind) == (bits, "unknown" if bits is None else "looked-up")


def test_where_none_tells_all_that_was_tried_is_said() -> None:
    value, kind, source = bus(probe(nvml(["Imagined"], width=RuntimeError("Not Supported")), no_driver))
    assert (value, kind) == (None, "unknown")
    assert all(part in source for part in ("libcuda.so.1", "nvmlDeviceGetMemoryBusWidth", "Not Supported", "table"))


def test_gpus_are_matched_by_name_since_cuda_orders_them_otherwise() -> None:
    facts = probe(nvml(["NVIDIA L4", "NVIDIA H200"]), lambda: [cuda("NVIDIA H200", 6144), cuda("NVIDIA L4", 192)])
    assert (bus(facts, 0)[0], bus(facts, 1)[0]) == (192, 6144)


def test_two_of_a_name_with_unlike_widths_are_left_to_nvml() -> None:
    facts = probe(nvml(["x", "x"], width=128), lambda: [cuda("x", 96), cuda("x", 64)])
    assert bus(facts)[0] == 128


@pytest.mark.parametrize(
    ("name", "megahertz", "bits", "data_sheet"),
    [
        ("NVIDIA H200", 3201, 6144, 4.8e12),
        ("NVIDIA H100 80GB HBM3", 2619, 5120, 3.35e12),
        ("NVIDIA A100-SXM4-80GB", 1593, 5120, 2.039e12),
        ("NVIDIA L4", 6251, 192, 300e9),
        ("Tesla T4", 5001, 256, 320e9),
        ("NVIDIA GeForce RTX 4090", 10501, 384, 1008e9),
        ("Tesla V100-SXM2-16GB", 877, 4096, 900e9),
    ],
)
def test_implied_bandwidth_is_that_of_the_data_sheet(name: str, megahertz: int, bits: int, data_sheet: float) -> None:
    """Within 3 %, HBM and GDDR alike: two transfers a clock."""
    entry = probe(nvml([name], bits, megahertz), no_driver)["gpu0_implied_bandwidth"]
    assert (entry["unit"], entry["kind"]) == ("B/s", "derived")
    assert entry["value"] == 2 * megahertz * MEGA * bits // 8
    assert entry["value"] == pytest.approx(data_sheet, rel=0.03)


def test_nvml_gives_the_clock_and_the_driver_where_nvml_does_not() -> None:
    assert probe(nvml(["x"], 64, 1), lambda: [cuda("x", 64, 100)])["gpu0_memory_clock_max"]["value"] == MEGA
    facts = probe(nvml(["x"], 64, RuntimeError("Not Supported")), lambda: [cuda("x", 64, 100)])
    assert facts["gpu0_memory_clock_max"]["value"] == 100
    assert facts["gpu0_implied_bandwidth"]["value"] == 1600


def test_without_a_clock_or_width_nothing_is_implied() -> None:
    assert probe(nvml(["x"], 64, RuntimeError("no")), no_driver)["gpu0_implied_bandwidth"]["kind"] == "unknown"
    assert probe(nvml(["x"], RuntimeError("no")), no_driver)["gpu0_implied_bandwidth"]["kind"] == "unknown"


def test_without_nvml_the_cuda_driver_describes_the_gpus() -> None:
    facts = probe(no_nvml(), lambda: [cuda("NVIDIA H200", 6144), cuda("NVIDIA L4", None, None)])
    assert facts["count"]["value"] == 2
    assert facts["gpu0_name"]["value"] == "NVIDIA H200"
    assert facts["gpu0_implied_bandwidth"]["value"] == 4_916_736_000_000
    assert bus(facts, 1)[:2] == (192, "looked-up")
    assert facts["gpu1_memory_clock_max"]["kind"] == "unknown"


def test_without_either_the_count_is_unknown_with_both_reasons() -> None:
    facts = probe(no_nvml(), no_driver)
    assert list(facts) == ["count"]
    assert "Library Not Found" in facts["count"]["source"]
    assert "libcuda.so.1" in facts["count"]["source"]


def torch_facts(**widths: int | None) -> Facts:
    facts: Facts = {"version": fact("2.11", "torch"), "gpus": fact(len(widths), "torch")}
    for index, (name, width) in enumerate(widths.items()):
        facts[f"gpu{index}_name"] = fact(name, "torch")
        facts[f"gpu{index}_memory_bus_width"] = (
            unknown("torch", "bit") if width is None else fact(width, "torch", "bit")
        )
    return facts


def test_torch_comes_first_of_all() -> None:
    gpus = probe(nvml(["a", "b"], 64, 100), no_driver)
    chosen = prefer_torch({"gpu": gpus, "torch": torch_facts(b=128)})
    assert bus(chosen, 1) == (128, "queried", "torch.cuda.get_device_properties")
    assert chosen["gpu1_implied_bandwidth"]["value"] == 2 * 100 * MEGA * 128 // 8
    assert {name: entry for name, entry in chosen.items() if name.startswith("gpu0")} == {
        name: entry for name, entry in gpus.items() if name.startswith("gpu0")
    }


@pytest.mark.parametrize(
    "torch", [{}, torch_facts(), torch_facts(a=None), torch_facts(other=1), {"gpu0_name": fact("a", "torch")}]
)
def test_a_torch_that_does_not_tell_changes_nothing(torch: Facts) -> None:
    gpus = probe(nvml(["a"], 64, 100), no_driver)
    assert prefer_torch({"gpu": gpus, "torch": torch}) == gpus


def test_without_gpus_or_torch_there_is_nothing_to_prefer() -> None:
    assert prefer_torch({}) == {}
    assert prefer_torch({"gpu": {"count": unknown("NVML")}, "torch": torch_facts(a=1)}) == {"count": unknown("NVML")}
