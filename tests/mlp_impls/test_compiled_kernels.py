"""What the fused kernels are compiled to for a GPU that is not here: Triton needs none, and brings ptxas with it."""

from __future__ import annotations

import re
import subprocess
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
triton = pytest.importorskip("triton", reason="Triton is not installed")

from mlp_impls import Shape, initial_weights, triton_fused  # noqa: E402
from mlp_impls.cuda import kernels  # noqa: E402

pytestmark = pytest.mark.skipif(kernels.INTERPRETED, reason="Triton interprets")

NAMES = ("first_products", "examples", "update", "sum_up")
MULTIPROCESSORS = 132  # of an H200; its capability is 9.0
# Of a multiprocessor of capability 9.0: CUDA C++ Programming Guide, Technical Specifications per Compute Capability.
SHARED_OF_A_BLOCK, REGISTERS, THREADS_OF_A_WARP = 227 << 10, 65536, 32
SPILLED = 32  # bytes for each thread, a few values: in one kernel or another any version of ptxas leaves some


@dataclass(frozen=True)
class Compiled:
    """A kernel: registers and bytes spilled for each thread, bytes of shared memory, warps, counts of instructions."""

    name: str
    registers: int
    spilled: int
    shared: int
    warps: int
    instructions: Counter[str]

    def count(self, *names: str) -> int:
        return sum(self.instructions[name] for name in names)


class NoGpu:
    """Stands in for a driver: Triton asks it what to compile for."""

    def get_current_target(self):
        from triton.backends.compiler import GPUTarget

        return GPUTarget("cuda", 90, THREADS_OF_A_WARP)

    def get_current_device(self):
        return 0

    def get_current_stream(self, device):
        return 0


class Compiling:
    """Stands in for a kernel: it is compiled as a launch would have it, for just these arguments, and kept."""

    def __init__(self, kernel, kept):
        self._kernel = kernel
        self._kept = kept

    def __getitem__(self, grid):
        def compile_for(*arguments, **options):
            self._kept.append(self._kernel.warmup(*arguments, grid=grid, **options))

        return compile_for


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("triton")


@pytest.fixture
def compiled(monkeypatch, cache):
    """Make a function that returns the kernels of one step, as compiled for an H200."""

    def compile_step(hidden, batch, dtype):
        kept = []
        for name in NAMES:
            kernel = getattr(kernels, name)
            kernel = kernel._kernel if isinstance(kernel, Compiling) else kernel
            monkeypatch.setattr(kernel, "device_caches", defaultdict(kernel.create_binder))
            monkeypatch.setattr(kernels, name, Compiling(kernel, kept))
        shape = Shape(784, hidden, 10)
        settings = {"learning_rate": 0.1, "loss_divisor": None, "device": "cpu", "dtype": dtype}
        model = triton_fused.build(shape, initial_weights(shape, 0), **settings)
        model.train_step(model.place(np.zeros((batch, 784), np.float32), np.zeros(batch, np.int64)))
        return [_read(kernel, cache / "kernel.cubin") for kernel in {id(one): one for one in kept}.values()]

    monkeypatch.setenv("TRITON_CACHE_DIR", str(cache))
    monkeypatch.setattr(triton.runtime.driver, "_active", NoGpu())
    monkeypatch.setattr(triton_fused, "INTERPRETED", MULTIPROCESSORS)
    return compile_step


def _read(kernel, path):
    path.write_bytes(kernel.asm["cubin"])
    used = _tool("cuobjdump", "-res-usage", path)
    registers, stack, local = (int(re.search(rf"\b{what}:(\d+)", used)[1]) for what in ("REG", "STACK", "LOCAL"))
    code = re.findall(r"/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+ )?(\w+)", _tool("nvdisasm", "-c", path))
    metadata = kernel.metadata
    return Compiled(metadata.name, registers, stack + local, metadata.shared, metadata.num_warps, Counter(code))


def _tool(name, *arguments):
    path = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / name
    if not path.is_file():
        pytest.skip(f"this Triton brings no {name}")
    return subprocess.run([path, *arguments], capture_output=True, text=True, check=True).stdout


SHARED_INPUTS, WHOLE = {"first_products", "examples", "update"}, {"examples", "update", "sum_up"}


@pytest.mark.parametrize(
    ("hidden", "batch", "dtype", "names"),
    [
        ((16,), 256, "float32", SHARED_INPUTS),
        ((128, 128, 128), 4096, "float32", WHOLE),
        ((256,), 256, "float32", SHARED_INPUTS),
        ((256,), 4096, "float32", WHOLE),
        ((256,), 256, "bfloat16", SHARED_INPUTS),
        ((256,), 4096, "bfloat16", WHOLE),
        ((7,), 1, "float32", SHARED_INPUTS),  # sizes of 1 are constants to Triton
        ((128,), 256, "bfloat16", SHARED_INPUTS),
        ((128, 128), 16384, "bfloat16", WHOLE),
        ((64,), 4096, "float16", WHOLE),
    ],
    ids=lambda value: "" if isinstance(value, set) else str(value),
)
def test_kernels_fit_a_multiprocessor_and_multiply_as_their_dtype_says(compiled, hidden, batch, dtype, names):
    found = compiled(hidden, batch, dtype)
    assert {kernel.name for kernel in found} == names
    for kernel in found:
        assert kernel.shared <= SHARED_OF_A_BLOCK, kernel
        assert kernel.registers * kernel.warps * THREADS_OF_A_WARP <= REGISTERS, kernel
        assert kernel.spilled <= SPILLED, kernel
        if kernel.name != "sum_up":
            on_tensor_cores = kernel.count("HMMA", "HGMMA")
            assert not on_tensor_cores if dtype == "float32" else on_tensor_cores, kernel
            assert kernel.count("FFMA") >= (16 if dtype == "float32" else 0), kernel
