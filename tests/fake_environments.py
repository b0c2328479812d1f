"""Environments made in a tenth of a second: no pip, this interpreter's packages, and modules of one's own first."""

from __future__ import annotations

import json
import venv
from pathlib import Path

import numpy as np

MARKER = json.dumps({"requirements": "", "python": "", "files": "", "seconds": 1.0, "bytes": 1_000_000})


def make(folder: Path, marked: bool = True, **modules: str) -> Path:
    """Make an environment whose modules of these names hold this code; return its interpreter."""
    venv.create(folder, with_pip=False)
    [packages] = folder.glob("lib/python*/site-packages")
    (packages / "others.pth").write_text(f"{Path(np.__path__[0]).parent}\n")
    for name, code in modules.items():
        (packages / f"{name}.py").write_text(code)
    if marked:
        (folder / "mlpbench-environment.json").write_text(MARKER)
    return folder / "bin" / "python"


def implementation(path: Path, framework: str) -> Path:
    """Write an implementation that needs a framework, and computes what numpy_scratch does."""
    path.write_text(
        f"import {framework}\n"
        "from mlp_impls import numpy_scratch\n"
        "from mlp_impls.numpy_scratch import build\n"
        f"FRAMEWORK = {framework!r}\n"
        "def unsupported(device, dtype):\n    return numpy_scratch.unsupported(device, dtype)\n"
    )
    return path
