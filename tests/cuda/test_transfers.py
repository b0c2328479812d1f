"""Steps that begin and end in the host's memory, on a GPU; and both devices in one group of one run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import implementations, libraries
from bench.case import Case
from bench.workloads import transferred_product, transferred_step
from mlpbench.cli import main

NETWORK = {"inputs": 784, "hidden": [64], "outputs": 10, "batch": 256, "learning_rate": 0.1}


@pytest.mark.parametrize("name", ["torch_concise", "torch_cudagraph"])
def test_a_step_end_to_end_is_equal(name: str, tmp_path: Path) -> None:
    case = Case("devices", "g", "a", "transferred_step", name, "torch", NETWORK, device="cuda")
    provider = implementations.load(name, None)
    found = transferred_step.check(case, provider, tmp_path)
    assert found.equal, found


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_a_product_end_to_end_is_equal(dtype: str) -> None:
    sizes = {"m": 256, "k": 257, "n": 129, "stack": 1}
    case = Case("devices", "g", "a", "transferred_product", "torch", "torch", sizes, device="cuda", dtype=dtype)
    found = transferred_product.check(case, libraries.load("torch"), Path())
    assert found.equal, found


def test_operands_are_on_the_host_and_the_product_on_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = libraries.load("torch")
    devices: list[tuple[str, ...]] = []
    product = torch.matmul

    def multiply(*operands: object) -> None:
        devices.append(tuple(operand.device.type for operand in operands))  # type: ignore[attr-defined]
        product(*operands)

    copies: list[tuple[str, str]] = []
    copy = torch.copy

    def hand_over(source: object, target: object) -> None:
        copies.append((source.device.type, target.device.type))  # type: ignore[attr-defined]
        copy(source, target)

    monkeypatch.setattr(torch, "matmul", multiply)
    monkeypatch.setattr(torch, "copy", hand_over)
    sizes = {"m": 8, "k": 8, "n": 8, "stack": 1}
    case = Case("devices", "g", "a", "transferred_product", "torch", "torch", sizes, device="cuda")
    transferred_product.prepare(case, torch, Path()).step()
    assert devices == [("cuda",) * 3]
    assert copies == [("cpu", "cuda")] * 2 + [("cuda", "cpu")]


def test_both_devices_end_in_verdicts_of_one_group(tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert main(["run", "devices", "--width", "16", "--size", "2048", "--out", str(out)]) == 0
    summary = json.loads((out / "summary.json").read_text())
    assert {row["status"] for row in summary["cases"]} == {"measured"}
    for group in {row["group"] for row in summary["comparisons"]}:
        rows = [row for row in summary["comparisons"] if row["group"] == group]
        assert {row["device"] for row in rows if not row["control"]} == {"cuda"}
        assert {row["device"] for row in rows if row["control"]} == {"cpu"}
        assert all(row["verdict"] for row in rows)
    resident, moved = (
        next(row for row in summary["comparisons"] if row["case"] == f"torch cuda, {how}")
        for how in ("resident", "end to end")
    )
    assert resident["ratio"] < moved["ratio"]
    (sizes,) = {tuple(row["sizes"]) for row in summary["device_crossovers"] if row["kind"] == "product"}
    assert sizes == (2048,)
