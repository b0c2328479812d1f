"""Which kernels serve a product, and in what precision: what files of ``bench/libraries`` share in finding out.

BLAS and oneDNN name the kernels they chose only in their logs, which they read from the environment on loading: hence a
process of its own.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence

__all__ = ["DIGITS", "PROBE_SIZE", "first", "read_log", "sections"]

PROBE_SIZE = 256  # large enough for libraries and units that leave small products to others

# What float32 products with one leave of a number: the more digits, the more precise.
DIGITS = {1 + 2.0**-9 + 2.0**-20: "float32", 1 + 2.0**-9: "tf32", 1.0: "bfloat16"}

LIMIT_S = 120
PREAMBLE = """
import ctypes, json, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL: not to outlive the worker
sys.path[:], dtypes = json.loads(sys.argv[1])
"""


def read_log(code: str, dtypes: Sequence[str], variables: Mapping[str, str]) -> str:
    """Return what code prints, ``dtypes`` being what it is to multiply, and what libraries log of it.

    Args:
        code: Python that imports a framework and prints ``dtype NAME`` before each product.
        dtypes: Their names.
        variables: Environment variables that make libraries write logs.

    Raises:
        subprocess.SubprocessError: It failed, or took too long.
    """
    answer = subprocess.run(
        [sys.executable, "-c", PREAMBLE + code, json.dumps([sys.path, list(dtypes)])],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=True,
    )
    return answer.stdout


def sections(log: str) -> dict[str, str]:
    """Return the part of a log that belongs to each dtype."""
    return dict(re.findall(r"^dtype (\w+)\n(.*?)(?=^dtype |\Z)", log, re.MULTILINE | re.DOTALL))


def first(pattern: str, text: str) -> str | None:
    """Return the first group of a pattern's first match, or None."""
    match = re.search(pattern, text)
    return match[1].strip() if match else None
