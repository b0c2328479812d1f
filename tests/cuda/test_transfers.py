"""Steps and products that begin and end in the host's memory, on a GPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import implementations, libraries
from bench.case import Case
from bench.workloads import transferred_product, transferred_step

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
