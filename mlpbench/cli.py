"""The command line as a process sees it: arguments in, an exit status out, and one line for what went wrong."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from bench.errors import BadInput
from mlpbench.commands import Interrupted, app
from mlpbench.interrupts import INTERRUPTED, interruptible
from mlpbench.usage import complaint

__all__ = ["app", "main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; bad input is one line on standard error and 2, an interrupt 130."""
    if sys.platform == "win32":
        print("mlpbench: Windows is not supported; use Linux, macOS or WSL", file=sys.stderr)
        return 2
    _open_streams()
    with interruptible():
        return _run(list(sys.argv[1:] if arguments is None else arguments) or ["--help"])


def _run(arguments: list[str]) -> int:
    try:
        code = app(args=arguments, standalone_mode=False)
        return code if isinstance(code, int) else 0
    except BadInput as error:
        return _bad_input(str(error))
    except (Interrupted, KeyboardInterrupt):
        print("mlpbench: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        return _bad_input(f"{name}{error.strerror or error}; name a file or folder that can be used")
    except Exception as error:
        # Typer's own errors, whose base class moved between releases, are all that carry format_message.
        if type(error).__name__ == "Abort":
            return INTERRUPTED
        if not hasattr(error, "format_message"):
            raise
        return _bad_input(complaint(error, arguments))


def _open_streams() -> None:
    """Give standard streams that were closed a place to go: workers' pipes would take their numbers otherwise."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115 - for as long as the process lives
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without the sign for a thin space still gets the rest
    if not os.environ.get("COLUMNS", "80").isdigit() or os.environ.get("COLUMNS") == "0":
        del os.environ["COLUMNS"]  # a width of 0, which would hide all output


def _bad_input(text: str) -> int:
    print(f"mlpbench: {' '.join(text.split())}", file=sys.stderr)
    return 2
