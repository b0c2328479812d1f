"""Taking user names, host names and home folders out of what is recorded."""

from __future__ import annotations

import os
import pwd
import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Identity", "anonymous", "identity"]

STAND_IN = "~"
NAMES_OF_NOBODY = {"root", "localhost"}  # the same on every machine, hence telling nothing
USER_VARIABLES = ("USER", "LOGNAME", "USERNAME", "SUDO_USER")
OTHER_HOMES = re.compile(r"(?<![\w.~-])/(?:home|Users)/[^/:;,\s'\"]+")
URL_LOGIN = re.compile(r"(?<=://)[^/@\s]+@")


@dataclass(frozen=True)
class Identity:
    """Who runs this and where: home folders, and the names of user and host."""

    homes: tuple[str, ...]
    names: tuple[str, ...]


def identity(environ: Mapping[str, str] = os.environ, host: str | None = None) -> Identity:
    """Return what must not be recorded; the longest first, so that no part of one is left standing."""
    host = socket.gethostname() if host is None else host
    names = {environ.get(name, "") for name in USER_VARIABLES}
    names |= {host, host.split(".")[0], environ.get("HOSTNAME", "")}
    homes = {environ.get("HOME", "")}
    for account in _accounts():
        names.add(account.pw_name)
        homes.add(account.pw_dir)
    homes |= {os.path.realpath(home) for home in homes if home}
    cleaned = {home.rstrip("/") for home in homes}
    return Identity(_longest_first(cleaned), _longest_first(names - NAMES_OF_NOBODY))


def anonymous(value: Any, who: Identity | None = None) -> Any:
    """Return JSON-like data with home folders, user and host names in its strings replaced by ``~``; keys stay."""
    who = identity() if who is None else who
    if isinstance(value, str):
        return _anonymous_text(value, who)
    if isinstance(value, Mapping):
        return {key: anonymous(entry, who) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [anonymous(entry, who) for entry in value]
    return value


def _anonymous_text(text: str, who: Identity) -> str:
    text = URL_LOGIN.sub(f"{STAND_IN}@", text)
    for home in who.homes:
        # Bounded on both sides: /home/al is no part of /home/alice, nor /root of /var/root.
        text = re.sub(rf"(?<![\w.~-]){re.escape(home)}(?![\w-])", STAND_IN, text)
    text = OTHER_HOMES.sub(STAND_IN, text)
    for name in who.names:
        text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", STAND_IN, text)
    return text


def _accounts() -> Iterator[pwd.struct_passwd]:
    try:
        yield pwd.getpwuid(os.getuid())
    except KeyError:  # a container run under a number that has no account
        return


def _longest_first(texts: set[str]) -> tuple[str, ...]:
    return tuple(sorted(filter(None, texts), key=lambda text: (-len(text), text)))
