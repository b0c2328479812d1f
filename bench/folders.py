"""Where files of ours lie in a user's home."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench.errors import BadInput

__all__ = ["cache_folder"]


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Return ``$MLPBENCH_CACHE``, else ``mlpbench`` in ``$XDG_CACHE_HOME`` or ``~/.cache``.

    Raises:
        BadInput: There is no home folder to put it in.
    """
    if own := environ.get("MLPBENCH_CACHE"):
        return Path(own).absolute()
    # The XDG base directory specification has relative paths ignored.
    if (xdg := environ.get("XDG_CACHE_HOME", "")) and Path(xdg).is_absolute():
        return Path(xdg, "mlpbench")
    try:
        home = Path(environ.get("HOME") or Path.home())
    except RuntimeError:
        raise BadInput("HOME: expected a home folder for the cache; set MLPBENCH_CACHE to a writable folder") from None
    return home / ".cache" / "mlpbench"
