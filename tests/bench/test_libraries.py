"""What the libraries compute and what they say of themselves."""

from __future__ import annotations

import importlib
import os
import platform
import subprocess
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench import libraries, threadpools
from tests.bench.loaded import load

PAIRS = [("numpy", "float32"), ("numpy", "float64")]
PAIRS += [("torch", dtype) for dtype in ("float16", "bfloat16", "float32", "float64")]
SIGNIFICANT_BITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}


@pytest.fixture
def torch_record(torch_library: ModuleType) -> ModuleType:
    """What asks torch for the software record."""
    return importlib.import_module("bench.libraries.of_torch.facts")


@pytest.fixture(scope="module")
def torch_facts() -> dict[str, Any]:
    facts: dict[str, Any] = load("torch").facts()
    return facts


@pytest.mark.parametrize(("name", "dtype"), PAIRS)
def test_matmul_writes_the_product_to_out(name: str, dtype: str) -> None:
    """Small whole numbers, which every dtype holds exactly."""
    library = load(name)
    a, b = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4) - 5
    out = library.empty((2, 4), "cpu", dtype)
    library.matmul(library.array(a, "cpu", dtype), library.array(b, "cpu", dtype), out)
    library.synchronize("cpu")
    np.testing.assert_array_equal(library.host(out), a @ b)


@pytest.mark.parametrize(("name", "dtype"), PAIRS)
def test_matmul_takes_a_stack_of_matrices(name: str, dtype: str) -> None:
    library = load(name)
    a, b = np.arange(24.0).reshape(4, 2, 3) - 11, np.arange(6.0).reshape(3, 2)
    out = library.empty((4, 2, 2), "cpu", dtype)
    library.matmul(library.array(a, "cpu", dtype), library.array(b, "cpu", dtype), out)
    np.testing.assert_array_equal(library.host(out), a @ b)


@pytest.mark.parametrize(("name", "dtype"), PAIRS)
def test_array_rounds_to_the_dtype_and_host_gives_float64(name: str, dtype: str) -> None:
    """1 + 2^-(p-1) is the next number after 1 with p significant bits; half that step is not held."""
    library = load(name)
    step = 2.0 ** (1 - SIGNIFICANT_BITS[dtype])
    got = library.host(library.array(np.array([1 + step, 1 + step / 2]), "cpu", dtype))
    assert got.dtype == np.float64
    assert got.tolist() == [1 + step, 1.0]


@pytest.mark.parametrize(("name", "dtype"), [("numpy", "float64"), ("torch", "float64")])
def test_array_and_host_are_copies(name: str, dtype: str) -> None:
    library = load(name)
    values = np.ones(3)
    placed = library.array(values, "cpu", dtype)
    values[:] = 2
    library.host(placed)[:] = 3
    assert library.host(placed).tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("device", "dtype", "word"),
    [
        ("cpu", "float16", "loop"),
        ("cpu", "int8", "loop"),
        ("cpu", "bfloat16", "bfloat16"),
        ("cpu", "tf32", "tf32"),
        ("cuda", "float32", "CPU"),
    ],
)
def test_numpy_says_why_it_cannot(device: str, dtype: str, word: str) -> None:
    assert word in libraries.load("numpy").unsupported(device, dtype)


@pytest.mark.parametrize(("name", "dtype"), PAIRS)
def test_supported_pairs_have_no_reason(name: str, dtype: str) -> None:
    assert load(name).unsupported("cpu", dtype) is None


def test_torch_says_why_there_is_no_cuda(torch_library: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_library.torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch_library.torch.version, "cuda", None)
    assert torch_library.unsupported("cuda", "float32") == "this torch was built without CUDA"
    monkeypatch.setattr(torch_library.torch.version, "cuda", "12.8")
    assert torch_library.unsupported("cuda", "float32") == "torch finds no CUDA device"


def test_torch_refuses_what_it_does_not_know(torch_library: ModuleType) -> None:
    assert "int4" in torch_library.unsupported("cpu", "int4")
    assert "tpu" in torch_library.unsupported("tpu", "float32")


def test_bfloat16_needs_a_gpu_that_has_it(torch_library: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = torch_library.torch.cuda
    monkeypatch.setattr(cuda, "is_available", lambda: True)
    monkeypatch.setattr(cuda, "get_device_name", lambda: "Tesla T4")
    monkeypatch.setattr(cuda, "get_device_capability", lambda: (7, 5))
    assert "Tesla T4" in torch_library.unsupported("cuda", "bfloat16")
    assert torch_library.unsupported("cuda", "float16") is None
    monkeypatch.setattr(cuda, "get_device_capability", lambda: (9, 0))
    assert torch_library.unsupported("cuda", "bfloat16") is None


def test_tf32_is_cudas_and_needs_a_gpu_that_has_it(torch_library: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "the CPU has none" in torch_library.unsupported("cpu", "tf32")
    cuda = torch_library.torch.cuda
    monkeypatch.setattr(cuda, "is_available", lambda: True)
    monkeypatch.setattr(cuda, "get_device_name", lambda: "Tesla T4")
    monkeypatch.setattr(cuda, "get_device_capability", lambda: (7, 5))
    assert torch_library.unsupported("cuda", "tf32") == "Tesla T4 has no tf32 arithmetic"
    monkeypatch.setattr(cuda, "get_device_capability", lambda: (8, 0))
    assert torch_library.unsupported("cuda", "tf32") is None


def test_a_torch_without_int8_products_says_so(torch_library: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(a: Any, b: Any) -> None:
        raise NotImplementedError("Could not run 'aten::_int_mm' with arguments from the 'CPU' backend.\nMore")

    monkeypatch.setattr(torch_library.torch, "_int_mm", missing)
    reason = torch_library.unsupported("cpu", "int8")
    assert reason == "torch._int_mm: Could not run 'aten::_int_mm' with arguments from the 'CPU' backend."


def test_int8_products_of_torch_are_written_to_out(torch_library: ModuleType) -> None:
    if reason := torch_library.unsupported("cpu", "int8"):
        pytest.skip(reason)
    a, b = np.arange(6.0).reshape(2, 3) - 127, 127 - np.arange(12.0).reshape(3, 4)
    out = torch_library.empty((2, 4), "cpu", "int32")
    torch_library.multiplying("int8")(*(torch_library.array(one, "cpu", "int8") for one in (a, b)), out)
    np.testing.assert_array_equal(torch_library.host(out), a @ b)
    assert torch_library.multiplying("float32") is torch_library.matmul


def test_torchs_float32_products_are_set_and_set_back() -> None:
    pytest.importorskip("torch")
    code = (
        "import numpy; from bench import libraries; library = libraries.load('torch')\n"
        "from bench.libraries.of_torch.facts import _precision\n"
        "for dtype in ('tf32', 'float32', 'tf32', 'bfloat16'):\n"
        "    library.set_products('cpu', dtype); print(_precision()['tf32_matmul']['value'])\n"
        "library.array(numpy.ones(1), 'cpu', 'tf32'); print(_precision()['tf32_matmul']['value'])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["True", "False", "True", "False", "True"]


@pytest.mark.parametrize("dtype", ["float32", "tf32", "float16", "bfloat16"])
def test_torch_keeps_sums_of_half_types_in_float32(dtype: str, torch_library: ModuleType) -> None:
    """By torch's default a GPU may keep them in less; implementations have that switched off as well."""
    switches = torch_library.torch.backends.cuda.matmul
    switches.allow_fp16_reduced_precision_reduction = switches.allow_bf16_reduced_precision_reduction = True
    assert torch_library.conditions("cuda")["half_sums"] == "less than float32"
    torch_library.set_products("cuda", dtype)
    assert not switches.allow_fp16_reduced_precision_reduction
    assert not switches.allow_bf16_reduced_precision_reduction
    assert torch_library.conditions("cuda")["half_sums"] == "float32"
    switches.allow_bf16_reduced_precision_reduction = True
    assert torch_library.conditions("cuda")["half_sums"] == "less than float32"
    torch_library.set_products("cpu", "float32")


def test_a_folder_beside_the_files_is_no_library() -> None:
    assert "torch" in libraries.names()
    assert "of_torch" not in libraries.names()


def test_placing_an_operand_switches_tf32_off() -> None:
    pytest.importorskip("torch")
    code = (
        "import torch, numpy; torch.set_float32_matmul_precision('high'); from bench import libraries;"
        "library = libraries.load('torch'); library.array(numpy.ones(1), 'cpu', 'float32');"
        "from bench.libraries.of_torch.facts import _precision; facts = _precision();"
        "print(facts['float32_matmul_precision']['value'], facts['tf32_matmul']['value'])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["highest", "False"]


@pytest.mark.parametrize("kernel", ["Nehalem", "Haswell"])
def test_numpy_facts_say_which_kernels_openblas_chose(kernel: str) -> None:
    library = libraries.load("numpy").facts()["blas_loaded"]["value"]
    if platform.machine() != "x86_64" or library != "openblas":
        pytest.skip("kernels are chosen by name on x86-64 with OpenBLAS only")
    code = "from bench import libraries; print(libraries.load('numpy').facts()['blas_architecture']['value'])"
    environ = os.environ | {"OPENBLAS_CORETYPE": kernel}
    answer = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == kernel


def test_without_threadpoolctl_numpys_kernels_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    facts = libraries.load("numpy").facts()
    assert facts["blas_architecture"]["kind"] == "unknown"
    assert "threadpoolctl" in facts["blas_architecture"]["source"]
    assert facts["version"]["value"] == np.__version__


def test_facts_hold_no_path(torch_facts: dict[str, Any]) -> None:
    for facts in (torch_facts, libraries.load("numpy").facts()):
        assert "site-packages" not in str(facts)


def test_torch_facts_name_its_blas_and_kernels(torch_facts: dict[str, Any]) -> None:
    names = {"version", "blas", "blas_version", "blas_architecture", "onednn_architecture", "float32_kernel", "threads"}
    names |= {"interop_threads", "cpu_capability", "float32_matmul_precision", "tf32_matmul", "cuda_version", "gpus"}
    assert names <= set(torch_facts)
    assert torch_facts["threads"]["value"] >= 1


LOG = """dtype float16
dtype float32
MKL_VERBOSE oneMKL 2024.0 Update 2 Product build 20240605 for Intel(R) 64 architecture Intel(R) Advanced Vector \
Extensions 512 (Intel(R) AVX-512) enabled processors, Lnx 2.60GHz lp64 gnu_thread
MKL_VERBOSE SGEMM(N,N,64,64,64,0x7ffd,0x557a) 3.56ms CNR:OFF Dyn:1 FastMM:1 TID:0  NThr:2
dtype bfloat16
onednn_verbose,v1,info,cpu,isa:Intel AVX-512 with Intel DL Boost and bfloat16 support
onednn_verbose,v1,primitive,exec,cpu,matmul,brg_matmul:avx512_core_bf16,undef,src:bf16::blocked:ab::f0
"""


def test_kernels_are_read_off_the_logs(torch_record: ModuleType) -> None:
    facts = torch_record._kernels(lambda: LOG)
    values = {name: entry["value"] for name, entry in facts.items()}
    assert (
        values["blas_architecture"] == "Intel(R) Advanced Vector Extensions 512 (Intel(R) AVX-512) enabled processors"
    )
    assert values["onednn_architecture"] == "Intel AVX-512 with Intel DL Boost and bfloat16 support"
    assert values["float32_kernel"] == "MKL SGEMM"
    assert values["bfloat16_kernel"] == "oneDNN brg_matmul:avx512_core_bf16"
    assert values["float16_kernel"] is None


def test_a_log_that_cannot_be_had_leaves_the_kernels_unknown(torch_record: ModuleType) -> None:
    def fail() -> str:
        raise OSError("no more processes")

    facts = torch_record._kernels(fail)
    assert {entry["kind"] for entry in facts.values()} == {"unknown"}
    assert "no more processes" in facts["float32_kernel"]["source"]


def test_builds_say_which_blas_they_have(torch_record: ModuleType) -> None:
    mkl = "  - Intel(R) oneAPI Math Kernel Library Version 2024.2-Product Build 20240605 for x\n BLAS_INFO=mkl, Y=1"
    facts = torch_record._libraries(mkl)
    assert (facts["blas"]["value"], facts["blas_version"]["value"]) == ("mkl", "2024.2-Product Build 20240605")
    assert torch_record._libraries("BLAS_INFO=open, USE_MKL=OFF")["blas"]["value"] == "open"


def test_gpu_properties_that_a_version_lacks_are_unknown(torch_record: ModuleType) -> None:
    properties = SimpleNamespace(
        name="NVIDIA H200", major=9, minor=0, multi_processor_count=132, total_memory=150 << 30, clock_rate=1_980_000
    )
    facts = torch_record._device("gpu0", properties)
    assert facts["gpu0_multiprocessors"]["value"] == 132
    assert (facts["gpu0_clock"]["value"], facts["gpu0_clock"]["unit"]) == (1_980_000_000, "Hz")
    assert facts["gpu0_l2_size"]["kind"] == "unknown"


@pytest.mark.parametrize(
    ("path", "package", "expected"),
    [
        ("/env/lib/python3.11/site-packages/numpy.libs/libopenblas.so", "numpy", True),
        ("/env/lib/python3.11/site-packages/scipy.libs/libopenblas.so", "numpy", False),
        ("/env/lib/python3.11/site-packages/torch/lib/libgomp.so.1", "torch", True),
        ("/env/lib/python3.11/site-packages/torchvision.libs/libgomp.so.1", "torch", False),
        ("/usr/lib/x86_64-linux-gnu/libopenblas.so.0", "numpy", True),
    ],
)
def test_a_library_belongs_to_the_package_it_came_with(path: str, package: str, expected: bool) -> None:
    assert threadpools.belongs(path, package) is expected
