"""Files of one JSON object a line, appended to by processes that may be killed at any moment."""

from __future__ import annotations

import errno
import fcntl
import gzip
import json
import math
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.errors import BadInput

__all__ = ["WORDS", "Appender", "existing", "loads", "read_lines", "require"]

Record = dict[str, Any]

WORDS = {
    dict: "an object", list: "a list", str: "text", int: "a whole number", float: "a number", bool: "true or false",
    type(None): "null",
}  # fmt: skip
MOST_DIGITS = 20  # that an integer of 64 bits takes, with its sign


class Appender:
    """A file that this process alone appends to, until it is closed."""

    def __init__(self, path: Path) -> None:
        """Open and lock the file; what a killed process left half written at its end is cut off.

        Raises BadInput where another process has it; OSError where it cannot be written.
        """
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise BadInput(f"--out {path.parent}: another process is recording there; wait for it, or end it") from None
        data = path.read_bytes()
        if data and not data.endswith(b"\n"):
            os.truncate(path, data.rfind(b"\n") + 1)

    def append(self, record: Mapping[str, Any]) -> None:
        """Add a record with one system call. Raises OSError where it does not fit, ValueError for what is no JSON."""
        data = json.dumps(record, allow_nan=False).encode() + b"\n"
        if os.write(self._descriptor, data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)


def loads(text: str | bytes) -> Any:
    """Return the value of a JSON text; ValueError also for NaN, infinities and integers beyond 64 bits."""
    return json.loads(text, parse_constant=_refused, parse_float=_finite, parse_int=_bounded)


def _refused(text: str) -> None:
    raise ValueError(f"{text} is no JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is beyond any number")
    return value


def _bounded(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise ValueError(f"an integer of {len(text)} digits")
    return int(text)


def read_lines(path: Path, notes: list[str]) -> list[Record]:
    """Return the records of a file, plain or gzipped, none where there is no file; a torn last line becomes a note.

    Raises BadInput, naming file and line, for any other line that is no JSON object.
    """
    if not path.exists():
        return []
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(f"{path}: cannot be read ({error}); restore the file from a copy") from None
    whole, newline, rest = data.rpartition(b"\n")
    if rest:
        notes.append(f"{path.name}: the last line was torn by a killed run and is left out")
    return [_record(line, f"{path}:{number}") for number, line in enumerate((whole + newline).splitlines(), 1)]


def _record(line: bytes, where: str) -> Record:
    try:
        record = loads(line)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise BadInput(f"{where}: not a JSON record; restore the file from a copy, or remove that line")
    return record


def existing(path: Path) -> Path:
    """Return the path, or that of its gzipped form where only that is there."""
    zipped = path.with_name(path.name + ".gz")
    return zipped if zipped.exists() and not path.exists() else path


def require(record: Any, fields: Mapping[str, type | tuple[type, ...]], where: str) -> None:
    """Raise BadInput unless a record has these fields, of these types; those with a question mark may be missing."""
    if not isinstance(record, dict):
        raise BadInput(f"{where}: expected a JSON object; restore the file from a copy")
    for field, expected in fields.items():
        name = field.removesuffix("?")
        value = record.get(name)
        if name not in record and name != field:
            continue
        of_type = isinstance(value, expected) and (expected is bool or not isinstance(value, bool))
        if name not in record or not of_type:
            raise BadInput(f"{where}: {_wrong(record, name, expected)}; restore the file from a copy")


def _wrong(record: Record, name: str, expected: type | tuple[type, ...]) -> str:
    kinds = expected if isinstance(expected, tuple) else (expected,)
    words = " or ".join(WORDS[kind] for kind in kinds if kind is not int or float not in kinds)
    return f"{name} {f'is {WORDS[type(record[name])]}' if name in record else 'missing'}, expected {words}"
