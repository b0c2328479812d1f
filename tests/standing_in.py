"""Commands in a process to which a stand-in for CUDA is the machine's GPU (tests/stand_in_cuda)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["python"]

FOLDER = Path(__file__).parent / "stand_in_cuda"
# Triton cannot compile for such a device; with this, triton_fused is a skip with its reason.
INTERPRETED = {"TRITON_INTERPRET": "1"}


def python(*arguments: str, launches: int = 1, environ: Mapping[str, str] = os.environ) -> tuple[int, str, str]:
    """Run Python; return its status, standard output and standard error.

    Args:
        arguments: After the interpreter.
        launches: Of each study whose launches are not asked for; networks and products are small ones.
        environ: The variables that it has besides.
    """
    root = str(FOLDER.parent.parent)
    variables = {**environ, **INTERPRETED, "PYTHONPATH": f"{FOLDER}{os.pathsep}{root}", "STAND_IN_SMALL": str(launches)}
    done = subprocess.run([sys.executable, *arguments], env=variables, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr
