"""``python -m mlpbench``."""

from mlpbench.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
