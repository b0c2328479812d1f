"""Files of one JSON object a line, appended to by processes that may be killed at any moment."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.errors import BadInput

__all__ = ["cut_torn_line", "existing", "not_json", "read_lines", "require"]

Record = dict[str, Any]


def read_lines(path: Path, notes: list[str]) -> list[Record]:
    """Return the records of a file, plain or gzipped, none where there is no file; a torn last line becomes a note.

    Raises BadInput, naming file and line, for any other line that is no JSON object.
    """
    if not path.exists():
        return []
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError) as error:
        raise BadInput(f"{path}: cannot be read ({error}); restore the file from a copy") from None
    whole, newline, rest = data.rpartition(b"\n")
    if rest:
        notes.append(f"{path.name}: the last line was torn by a killed run and is left out")
    return [_record(line, f"{path}:{number}") for number, line in enumerate((whole + newline).splitlines(), 1)]


def _record(line: bytes, where: str) -> Record:
    try:
        record = json.loads(line, parse_constant=not_json)
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
    """Raise BadInput unless a record has these fields, of these types."""
    if not isinstance(record, dict):
        raise BadInput(f"{where}: expected a JSON object; restore the file from a copy")
    for name, expected in fields.items():
        value = record.get(name)
        if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
            found = "missing" if name not in record else f"is {type(value).__name__}"
            raise BadInput(f"{where}: {name} {found}; restore the file from a copy")


def cut_torn_line(path: Path) -> None:
    """Cut off what a killed process left half written: a new line must not be glued to it."""
    data = path.read_bytes()
    if data and not data.endswith(b"\n"):
        os.truncate(path, data.rfind(b"\n") + 1)


def not_json(text: str) -> None:
    """Refuse NaN and infinities, which Python's parser would take."""
    raise ValueError(f"{text} is no JSON number")
