"""What Triton needs beside itself to compile for CUDA."""

from __future__ import annotations

import os
import shutil

__all__ = ["without_compiler"]


def without_compiler() -> str | None:
    """Return why Triton cannot build what launches its kernels, or None; it looks for a C compiler as is done here."""
    if os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang"):
        return None
    return "Triton needs a C compiler, and found none: install one, or name it in CC"
