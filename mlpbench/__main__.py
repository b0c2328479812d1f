"""The process of ``mlpbench`` and ``python -m mlpbench``: from first import to last, Ctrl-C leaves no traceback."""

import signal
import sys

__all__ = ["main"]


def main() -> int:
    """Run the command line of this process and return its exit status."""
    try:
        from mlpbench import cli  # takes most of the time until interrupts are handled

        status = cli.main()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print("mlpbench: interrupted", file=sys.stderr)
        status = 130
    if status == 130:
        from mlpbench.interrupts import ignore

        ignore()  # a second one, while Python ends
    return status


if __name__ == "__main__":
    raise SystemExit(main())
