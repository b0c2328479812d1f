"""The software record and the variables that steer it."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata

import pytest

from bench.hardware.software import PACKAGES, probe, steering_variables


@pytest.mark.parametrize(
    "name",
    [
        "OMP_NUM_THREADS",
        "GOMP_CPU_AFFINITY",
        "KMP_BLOCKTIME",
        "MKL_NUM_THREADS",
        "OPENBLAS_CORETYPE",
        "BLIS_NUM_THREADS",
        "GOTO_NUM_THREADS",
        "NUMEXPR_MAX_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "CUDA_VISIBLE_DEVICES",
        "NVIDIA_TF32_OVERRIDE",
        "CUBLAS_WORKSPACE_CONFIG",
        "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
        "TORCHINDUCTOR_MAX_AUTOTUNE",
        "PYTORCH_CUDA_ALLOC_CONF",
        "XLA_FLAGS",
        "TF_ENABLE_ONEDNN_OPTS",
        "TF_NUM_INTRAOP_THREADS",
        "JAX_PLATFORMS",
        "MXNET_ENGINE_TYPE",
        "DNNL_MAX_CPU_ISA",
        "ONEDNN_MAX_CPU_ISA",
        "ATEN_CPU_CAPABILITY",
        "NVPL_BLAS_DEBUG_CPU_TYPE",
        "NPY_DISABLE_CPU_FEATURES",
        "MALLOC_ARENA_MAX",
        "GLIBC_TUNABLES",
        "LD_PRELOAD",
    ],
)
def test_a_variable_that_steers_is_recorded(name: str) -> None:
    assert steering_variables({name: "1", "PATH": "/bin"}) == {name: "1"}


@pytest.mark.parametrize(
    "name",
    [
        "TF_CLI_CONFIG_FILE",
        "TF_VAR_region",
        "TF_LOG",
        "TF_DISABLE_PLUGIN_TLS",
        "MY_OMP_X",
        "MLPBENCH_DATA",
        "LANG",
        "COMP_WORDS",
    ],
)
def test_a_variable_of_another_program_is_not(name: str) -> None:
    assert steering_variables({name: "1"}) == {}


@pytest.mark.parametrize("name", ["NVIDIA_API_KEY", "TORCH_HUB_TOKEN", "CUDA_SECRET", "MXNET_Password"])
def test_what_looks_like_a_credential_is_left_out(name: str) -> None:
    assert steering_variables({name: "hunter2"}) == {}


def test_home_and_user_are_taken_out_of_values() -> None:
    environ = {"HOME": "/srv/alice", "USER": "alice", "LD_PRELOAD": "/srv/alice/sets:/scratch/alice/x"}
    assert steering_variables(environ) == {"LD_PRELOAD": "~/sets:/scratch/~/x"}


def test_each_variable_is_a_fact_of_its_own() -> None:
    facts = probe({"OMP_NUM_THREADS": "2"})
    assert facts["OMP_NUM_THREADS"] == {"value": "2", "unit": None, "source": "environment", "kind": "queried"}


def test_versions_are_those_of_the_package_metadata() -> None:
    assert probe({})["numpy"]["value"] == metadata.version("numpy")


def test_a_missing_package_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    facts = probe({})
    assert {facts[name]["kind"] for name in PACKAGES} == {"unknown"}


def test_python_is_named_with_its_version() -> None:
    assert ".".join(map(str, sys.version_info[:3])) in probe({})["python"]["value"]


def test_no_framework_is_imported_for_its_version() -> None:
    code = (
        "import sys; from bench.hardware.software import probe; probe(); print({'numpy', 'torch'} & set(sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"
