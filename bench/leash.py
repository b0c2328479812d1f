"""A command that ends with its parent, whichever way that ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

__all__ = ["Runner", "run"]

# Its standard input ends with the process that holds the other end, a killed one included; then the whole group does.
LEASH = """
import os, signal, subprocess, sys, threading
threading.Thread(target=lambda: (os.read(0, 1), os.killpg(0, signal.SIGKILL)), daemon=True).start()
sys.exit(subprocess.call(sys.argv[1:], stdin=subprocess.DEVNULL) != 0)
"""

Runner = Callable[[Sequence[str], Mapping[str, str], Callable[[str], None]], bool]


def run(command: Sequence[str], variables: Mapping[str, str], heard: Callable[[str], None]) -> bool:
    """Run a command under these environment variables, line by line heard; return whether it succeeded.

    It has a process group of its own, so that Ctrl-C reaches the parent alone, which then ends it.
    """
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", LEASH, *command],
        env=dict(variables),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        process_group=0,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        try:
            for line in process.stdout:
                heard(line)
            return process.wait() == 0
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
