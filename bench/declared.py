"""The environments that a user names: interpreters and variables of their own, in a TOML file.

    [jax]                                   # in place of what `mlpbench env create jax` makes
    python = "~/conda/envs/jax/bin/python"

    [torch-2-6]                             # beside torch's own: --impl torch_concise@torch-2-6
    framework = "torch"
    python = "/opt/torch-2-6/bin/python"
    variables = { OMP_PROC_BIND = "close" }
    unset = ["MKL_ENABLE_INSTRUCTIONS"]

Without ``python`` it is the interpreter of that framework's own environment, under other variables.
"""

from __future__ import annotations

import functools
import os
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from bench.errors import BadInput
from bench.folders import environments_file

__all__ = ["NAME", "Declared", "read"]

NAME = re.compile(r"[A-Za-z0-9_-]+")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
KEYS = ("framework", "python", "variables", "unset")


@dataclass(frozen=True)
class Declared:
    """A table of the file; ``python`` is None where the framework's own interpreter is meant.

    ``variables`` are set, or, where None, removed.
    """

    name: str
    framework: str
    python: str | None
    variables: Mapping[str, str | None] = field(default_factory=dict)


def read(environ: Mapping[str, str], frameworks: Collection[str]) -> Mapping[str, Declared]:
    """Return the user's environments by name; none where there is no file.

    The file is read once: what is edited while a run measures is for the next one.

    Args:
        environ: Environment variables, which say where the file is.
        frameworks: Names that a table need not explain, being those of frameworks.

    Raises:
        BadInput: It cannot be read or says something that cannot be; the text names file, table, key and remedy.
    """
    path = environments_file(environ)
    if path is None or path == Path(os.devnull):
        return {}
    if not environ.get("MLPBENCH_ENVIRONMENTS") and not os.path.lexists(path):
        return {}
    return _read(path, frozenset(frameworks))


@functools.cache
def _read(path: Path, frameworks: frozenset[str]) -> Mapping[str, Declared]:
    if path.exists() and not path.is_file():
        raise BadInput(f"{path}: expected a TOML file; remove what is there, or point MLPBENCH_ENVIRONMENTS at one")
    try:
        tables = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise BadInput(
            f"{path}: expected a TOML file that can be read, got {error.strerror}; mend it, or unset "
            "MLPBENCH_ENVIRONMENTS where that names it"
        ) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadInput(f"{path}: cannot be read as TOML ({error}); mend it") from None
    return {name: _Table(path, name, table).declared(frameworks) for name, table in tables.items()}


class _Table:
    """One table of the file, and the complaints about it."""

    def __init__(self, path: Path, name: str, table: Any) -> None:
        self.path = path
        self.name = name
        if not NAME.fullmatch(name):
            self._complain("", "expected a name of letters, digits, - and _; rename it")
        if not isinstance(table, dict):
            raise BadInput(f"{path}: {name}: expected a table, such as [jax], before its keys; put it under one")
        self.table: dict[str, Any] = table

    def declared(self, frameworks: frozenset[str]) -> Declared:
        for key in self.table:
            if key not in KEYS:
                self._complain(key, f"no such key; expected {', '.join(KEYS)}")
        return Declared(self.name, self._framework(frameworks), self._python(), self._variables())

    def _framework(self, frameworks: frozenset[str]) -> str:
        named = self.table.get("framework")
        if named is None:
            if self.name not in frameworks:
                self._complain("framework", f'missing; say which it holds, such as framework = "{min(frameworks)}"')
            return self.name
        if not isinstance(named, str) or not named.isidentifier():
            self._complain("framework", f'expected a framework\'s name, such as "{min(frameworks)}"')
        if self.name in frameworks and named != self.name:
            self._complain("framework", f"[{self.name}] is the environment of {self.name}; call the table otherwise")
        return str(named)

    def _python(self) -> str | None:
        named = self.table.get("python")
        if named is None:
            return None
        example = 'such as "~/conda/envs/jax/bin/python"'
        if not isinstance(named, str) or "\0" in named:
            self._complain("python", f"expected the path of a Python interpreter in quotes, {example}")
        found = os.path.expanduser(named)
        if not os.path.isabs(found):
            self._complain("python", f"expected a path that begins with / or a home folder's ~, {example}")
        return found

    def _variables(self) -> dict[str, str | None]:
        given, unset = self.table.get("variables", {}), self.table.get("unset", [])
        if not isinstance(given, dict):
            self._complain("variables", 'expected a table, such as { OMP_PROC_BIND = "close" }')
        if not isinstance(unset, list):
            self._complain("unset", 'expected a list of names, such as ["OPENBLAS_CORETYPE"]')
        for key, names in (("variables", given), ("unset", unset)):
            for name in names:
                if not isinstance(name, str) or not VARIABLE.fullmatch(name):
                    self._complain(key, f"{name!r} is no name of an environment variable; mend it")
        for name, value in given.items():
            if not isinstance(value, str) or "\0" in value:
                self._complain("variables", f'{name}: expected text in quotes, such as {name} = "1"')
        if both := sorted(set(given) & set(unset)):
            self._complain("unset", f"{both[0]} is among variables as well; take it out of one")
        return dict(given) | dict.fromkeys(unset)

    def _complain(self, key: str, text: str) -> NoReturn:
        raise BadInput(f"{self.path}: [{self.name}]{' ' if key else ''}{key}: {text}")
