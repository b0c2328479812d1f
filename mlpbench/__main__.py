"""The process of ``mlpbench`` and ``python -m mlpbench``: from its first import to its end, Ctrl-C leaves no traceback."""

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
        return 130
    if status == 130:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one, while Python ends
    return status


if __name__ == "__main__":
    raise SystemExit(main())
