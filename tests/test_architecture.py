"""Who may import whom: mlpbench → reports → bench → mlp_impls, frameworks in three folders, a light command line."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("mlpbench", "reports", "bench", "mlp_impls")  # each may import itself and those after it
FRAMEWORKS = {"flax", "jax", "keras", "mxnet", "optax", "tensorflow", "torch", "torchvision", "triton"}
FRAMEWORK_FOLDERS = (Path("mlp_impls"), Path("bench", "libraries"), Path("bench", "pipelines"))
# pydantic is not among them: Typer itself loads it to read arguments.
HEAVY = FRAMEWORKS | {"cpuinfo", "jinja2", "matplotlib", "numpy", "pandas", "psutil", "pynvml", "scipy"}
SOURCES = [path.relative_to(ROOT) for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def imported(code: str) -> Iterator[str]:
    """Yield the top-level name of every import in the code, those inside functions and by ``import_module`` too."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where they point"
            yield (node.module or "").partition(".")[0]
        elif isinstance(node, ast.Call):
            yield from called(node)


def called(node: ast.Call) -> Iterator[str]:
    """Yield the top-level name that ``import_module("...")`` or ``__import__("...")`` imports, where it is spelled."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name not in ("import_module", "__import__") or not node.args:
        return
    argument = node.args[0].values[0] if isinstance(node.args[0], ast.JoinedStr) else node.args[0]
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        yield argument.value.partition(".")[0]


def misdirected(path: Path, code: str) -> set[str]:
    """Return the packages that a file of this path imports though they lie above its own."""
    return set(imported(code)) & set(PACKAGES[: PACKAGES.index(path.parts[0])])


def misplaced(path: Path, code: str) -> set[str]:
    """Return the frameworks that a file of this path imports though it lies in no folder for them."""
    return set() if any(folder in path.parents for folder in FRAMEWORK_FOLDERS) else set(imported(code)) & FRAMEWORKS


def test_every_package_has_files() -> None:
    assert {path.parts[0] for path in SOURCES} == set(PACKAGES)


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_imports_point_one_way(path: Path) -> None:
    assert misdirected(path, (ROOT / path).read_text()) == set()


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_frameworks_are_imported_only_where_they_may(path: Path) -> None:
    assert misplaced(path, (ROOT / path).read_text()) == set()


@pytest.mark.parametrize(
    ("path", "code", "found"),
    [
        ("bench/x.py", "from reports import page", {"reports"}),
        ("bench/x.py", "import reports.page as page, os", {"reports"}),
        ("mlp_impls/x.py", "def f():\n    import bench.case", {"bench"}),
        ("reports/x.py", "import_module('mlpbench.cli')", {"mlpbench"}),
        ("bench/x.py", "importlib.import_module(f'reports.plots.{name}')", {"reports"}),
        ("reports/x.py", "from bench import case; import mlp_impls", set()),
    ],
)
def test_an_import_that_points_back_is_found(path: str, code: str, found: set[str]) -> None:
    assert misdirected(Path(path), code) == found


@pytest.mark.parametrize(
    ("path", "code", "found"),
    [
        ("bench/data.py", "def f():\n    from torchvision.datasets import FashionMNIST", {"torchvision"}),
        ("bench/hardware/gpu.py", "try:\n    import torch\nexcept ImportError:\n    pass", {"torch"}),
        ("bench/data.py", "CODE = 'import torch'", set()),
        ("bench/libraries/torch.py", "import torch", set()),
        ("bench/pipelines/dataloader.py", "from torchvision.transforms import ToTensor", set()),
        ("bench/workloads/fed_epoch.py", "import torch", {"torch"}),
        ("mlp_impls/torch_concise.py", "from torch import nn", set()),
    ],
)
def test_a_framework_out_of_place_is_found(path: str, code: str, found: set[str]) -> None:
    assert misplaced(Path(path), code) == found


def loaded_by(*arguments: str) -> set[str]:
    """Return the top-level modules that Python has loaded when a command line ends, however it ends."""
    watch = "import atexit, json, sys; atexit.register(lambda: print('\\n' + json.dumps(sorted(sys.modules))))\n"
    run = f"import runpy; sys.argv[1:] = {list(arguments)!r}; runpy.run_module('mlpbench', run_name='__main__')"
    return modules(watch + (run if arguments else "import mlpbench.cli"))


def modules(code: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


@pytest.mark.parametrize("arguments", [("--help",), ("run", "--help"), ()])
def test_the_command_line_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    loaded = loaded_by(*arguments)
    assert "mlpbench" in loaded
    assert loaded & HEAVY == set()
