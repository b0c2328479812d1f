"""Where files of ours lie in a user's home."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bench.errors import BadInput

__all__ = ["cache_folder", "environments_file"]


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Return ``$MLPBENCH_CACHE``, else ``mlpbench`` in ``$XDG_CACHE_HOME`` or ``~/.cache``.

    Raises:
        BadInput: There is no home folder to put it in.
    """
    if own := environ.get("MLPBENCH_CACHE"):
        return Path(own).absolute()
    try:
        return _base(environ, "XDG_CACHE_HOME", ".cache") / "mlpbench"
    except RuntimeError:
        raise BadInput("HOME: expected a home folder for the cache; set MLPBENCH_CACHE to a writable folder") from None


def environments_file(environ: Mapping[str, str]) -> Path | None:
    """Return ``$MLPBENCH_ENVIRONMENTS``, else ``mlpbench/environments.toml`` in ``$XDG_CONFIG_HOME`` or ``~/.config``.

    It need not exist. None where there is no home folder to look in.
    """
    if own := environ.get("MLPBENCH_ENVIRONMENTS"):
        return Path(own).absolute()
    try:
        return _base(environ, "XDG_CONFIG_HOME", ".config") / "mlpbench" / "environments.toml"
    except RuntimeError:
        return None


def _base(environ: Mapping[str, str], variable: str, folder: str) -> Path:
    # The XDG base directory specification has relative paths ignored.
    if (xdg := environ.get(variable, "")) and Path(xdg).is_absolute():
        return Path(xdg)
    return Path(environ.get("HOME") or Path.home()) / folder
