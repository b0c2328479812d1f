"""What the libraries say of what steers their speed, in the process that asks, and that asking changes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from types import ModuleType, SimpleNamespace

import pytest

from bench import libraries
from bench.conditions import SWITCHES
from bench.hardware.cpu import usable_cores
from tests.bench.loaded import load


def told_by(code: str, **environ: str) -> list[str]:
    """What a fresh process prints: switches of a framework are its process's own."""
    answer = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environ, capture_output=True, text=True, check=True
    )
    return answer.stdout.split()


@pytest.mark.parametrize(
    ("setting", "products"),
    [
        ("pass", "float32"),
        ("torch.set_float32_matmul_precision('medium')", "bfloat16"),
        ("torch.backends.mkldnn.matmul.fp32_precision = 'bf16'", "bfloat16"),
    ],
)
def test_asking_for_torchs_conditions_changes_nothing(setting: str, products: str) -> None:
    """The process asked is one that an implementation has set up: it is as it was, on the first asking and later."""
    torch = pytest.importorskip("torch")
    if "mkldnn" in setting and not hasattr(torch.backends.mkldnn, "matmul"):
        pytest.skip("this torch has no precision of oneDNN's products")
    code = (
        f"import torch; {setting}; from bench import libraries; ask = libraries.load('torch').conditions;"
        "print(ask('cpu')['float32_products'], ask('cpu')['float32_products'])"
    )
    assert told_by(code) == [products, products]


@pytest.mark.parametrize(("allow", "products"), [(True, "tf32"), (False, "float32")])
def test_torchs_products_on_cuda_are_tf32_where_it_is_allowed(allow: bool, products: str) -> None:
    pytest.importorskip("torch")
    code = (
        f"import torch; torch.backends.cuda.matmul.allow_tf32 = {allow}; from bench import libraries;"
        "print(libraries.load('torch').conditions('cuda')['float32_products'])"
    )
    assert told_by(code) == [products]


@pytest.mark.parametrize("precision", ["highest", "high", "medium"])
def test_an_older_torch_tells_its_products_too(
    precision: str, torch_library: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    backends = SimpleNamespace(
        cuda=SimpleNamespace(matmul=SimpleNamespace(allow_tf32=precision != "highest")), mkldnn=SimpleNamespace()
    )
    monkeypatch.setattr(torch_library.torch, "backends", backends)
    monkeypatch.setattr(torch_library.torch, "get_float32_matmul_precision", lambda: precision)
    assert torch_library._float32_products("cpu") == ("bfloat16" if precision == "medium" else "float32")
    assert torch_library._float32_products("cuda") == ("float32" if precision == "highest" else "tf32")


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_threads_are_those_that_the_environment_asked_for(name: str) -> None:
    pytest.importorskip(name)
    code = f"from bench import libraries; print(libraries.load({name!r}).conditions('cpu')['threads'])"
    variables = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    assert told_by(code, **variables) == ["1"]
    if name == "torch" or usable_cores() > 1:  # OpenBLAS starts no more threads than there are cores
        assert told_by(code, **dict.fromkeys(variables, "2")) == ["2"]


def test_torchs_threads_are_asked_and_not_read_off_the_environment(torch_library: ModuleType) -> None:
    torch = torch_library.torch
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(before + 2)
        assert torch_library.conditions("cpu")["threads"] == before + 2
    finally:
        torch.set_num_threads(before)


def test_onednn_that_is_switched_off_is_not_used(torch_library: ModuleType) -> None:
    if not torch_library.torch.backends.mkldnn.is_available():
        pytest.skip("this torch was built without oneDNN")
    assert torch_library.conditions("cpu")["onednn"] is True
    assert torch_library.conditions("cuda")["onednn"] is False
    code = "import torch; torch._C._set_mkldnn_enabled(False); from bench import libraries;"
    assert told_by(f"{code} print(libraries.load('torch').conditions('cpu')['onednn'])") == ["False"]


def test_without_threadpoolctl_numpys_threads_are_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    assert libraries.load("numpy").conditions("cpu")["threads"] is None
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert libraries.load("numpy").conditions("cpu")["threads"] == 3


@pytest.mark.parametrize("name", ["numpy", "torch"])
def test_conditions_have_the_keys_of_the_contract(name: str) -> None:
    assert set(load(name).conditions("cpu")) == set(SWITCHES)
