"""Which implementations there are, read off their files without importing a framework."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import os
import re
import sys
import tokenize
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import mlp_impls
from bench.case import CONTROL, spelled
from bench.errors import BadInput
from bench.folders import environments_file

__all__ = ["Implementation", "built_in", "load", "refusal", "resolve"]

IN_ENVIRONMENT = re.compile(r"(.+)@([A-Za-z0-9_-]+)", re.DOTALL)


@dataclass(frozen=True)
class Implementation:
    """An implementation's file and the literals in it; ``source`` is None for one that ships, ``environment`` "" for
    the framework's own.
    """

    name: str
    framework: str
    summary: str
    source: str | None = None
    variants: dict[str, dict[str, Any]] = field(default_factory=dict)
    environment: str = ""

    def spelled(self, variant: str) -> str:
        """Return what the command line and the records call it."""
        return spelled(self.name, variant, self.environment)


def built_in() -> dict[str, Implementation]:
    """Return the implementations that ship, by name."""
    folder = Path(mlp_impls.__path__[0])
    files = sorted(path for path in folder.glob("*.py") if path.stem != "__init__")
    return {path.stem: _describe(path, None) for path in files}


def resolve(asked: Sequence[str], environ: Mapping[str, str] = os.environ) -> list[tuple[Implementation, str]]:
    """Return (implementation, variant) for each NAME, NAME:VARIANT, FILE or ``all``, each once.

    ``@ENVIRONMENT`` after any of them has it run there. Nothing asked means all. Raises BadInput for what is none.
    """
    known = built_in()
    chosen: dict[str, tuple[Implementation, str]] = {}
    sources: dict[str, str | None] = {}
    for text in asked or ["all"]:
        for implementation, variant in _placed(text, known, environ):
            if sources.setdefault(implementation.name, implementation.source) != implementation.source:
                raise BadInput(f"--impl {text}: another file is called {implementation.name!r} already; rename one")
            chosen.setdefault(implementation.spelled(variant), (implementation, variant))
    return list(chosen.values())


def load(name: str, source: str | None) -> ModuleType:
    """Import an implementation; inside workers only."""
    if source is None:
        return importlib.import_module(f"mlp_impls.{name}")
    spec = importlib.util.spec_from_file_location(f"user_implementation_{name}", Path(source).expanduser())
    if spec is None or spec.loader is None:
        raise ImportError(f"{source} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def refusal(module: ModuleType, device: str, dtype: str, keywords: Mapping[str, Any]) -> str | None:
    """Return why an implementation, or a library, cannot run so here, or None.

    Of the keywords, a variant's and ``shape``, it is asked with those that its ``unsupported`` takes.
    """
    takes = inspect.signature(module.unsupported).parameters.keys()
    reason: str | None = module.unsupported(device, dtype, **{key: keywords[key] for key in takes & keywords.keys()})
    return reason


def _placed(
    text: str, known: dict[str, Implementation], environ: Mapping[str, str]
) -> list[tuple[Implementation, str]]:
    found = IN_ENVIRONMENT.fullmatch(text)
    if found is None:
        return _match(text, known)
    from bench import environments  # not above: workers, which choose nothing, load this file

    named, place = found.groups()
    if place not in environments.names(environ):
        raise BadInput(
            f"--impl {text}: no environment called {place}; expected one of {', '.join(environments.names(environ))}, "
            f"or give {environments_file(environ)} a table [{place}]"
        )
    framework = environments.find(place, environ).framework
    matched = _match(named, known)
    there = [(entry, variant) for entry, variant in matched if entry.framework == framework]
    if not there or (len(there) < len(matched) and named != "all"):
        needs = matched[0][0].framework if named != "all" else "any other"
        raise BadInput(
            f"--impl {text}: the environment {place} holds {framework}, {named} needs {needs}; name another environment"
        )
    own = "" if place == framework else place
    return [(replace(entry, environment=own), variant) for entry, variant in there]


def _match(text: str, known: dict[str, Implementation]) -> list[tuple[Implementation, str]]:
    if text == "all":
        return [(entry, variant) for entry in known.values() for variant in ("", *entry.variants)]
    if text.endswith(".py") or ".py:" in text or "/" in text:
        return _from_file(text, known)
    name, _, variant = text.partition(":")
    if name not in known:
        raise BadInput(f"--impl {text}: no such implementation; expected one of {', '.join(known)}, all, or a .py file")
    if variant and variant not in known[name].variants:
        raise BadInput(f"--impl {text}: {name} has {_variants(known[name])}")
    return [(known[name], variant)]


def _from_file(text: str, known: dict[str, Implementation]) -> list[tuple[Implementation, str]]:
    file, _, variant = text.partition(".py:")
    path = Path(f"{file}.py" if variant else text)
    if not path.is_file():
        raise BadInput(f"--impl {text}: no such file; expected the path of an implementation written in Python")
    if not path.stem.isidentifier() or path.stem == CONTROL:
        raise BadInput(f"--impl {text}: the file's name must be a Python identifier other than {CONTROL}; rename it")
    if path.stem in known:
        raise BadInput(f"--impl {text}: an implementation called {path.stem!r} ships already; rename the file")
    entry = _describe(path, _portable(path))
    if variant and variant not in entry.variants:
        raise BadInput(f"--impl {text}: it has {_variants(entry)}")
    return [(entry, variant)] if variant else [(entry, name) for name in ("", *entry.variants)]


def _variants(entry: Implementation) -> str:
    return f"the variants {', '.join(entry.variants)}" if entry.variants else "no variants"


def _portable(path: Path) -> str:
    """The path as records may hold it: no home folder's name in it."""
    whole = path.resolve()
    if whole.is_relative_to(Path.cwd()):
        return str(whole.relative_to(Path.cwd()))
    return f"~/{whole.relative_to(Path.home())}" if whole.is_relative_to(Path.home()) else str(whole)


def _describe(path: Path, source: str | None) -> Implementation:
    try:
        with tokenize.open(path) as file:
            tree = ast.parse(file.read())
        literals = _literals(tree)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError, OSError) as error:
        raise BadInput(f"--impl {path}: cannot be read as Python ({error}); mend the file") from None
    framework = literals.get("FRAMEWORK")
    missing = {"build", "unsupported"} - _defined(tree)
    if not isinstance(framework, str) or not framework.isidentifier() or missing:
        lacks = "a string literal FRAMEWORK" if not isinstance(framework, str) else ", ".join(sorted(missing))
        raise BadInput(f"--impl {path}: lacks {lacks}; see the contract in mlp_impls/__init__.py")
    variants = literals.get("VARIANTS", {})
    if not _are_variants(variants):
        raise BadInput(
            f"--impl {path}: VARIANTS must be a literal {{name: {{keyword: value}}}}; see mlp_impls/__init__.py"
        )
    summary = (ast.get_docstring(tree) or "").partition("\n")[0]
    return Implementation(path.stem, framework, summary, source, variants)


def _are_variants(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(name, str) and name.isidentifier() and isinstance(keywords, dict) for name, keywords in value.items()
    )


def _literals(tree: ast.Module) -> dict[str, Any]:
    found = {}
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and target.id in {"FRAMEWORK", "VARIANTS"} and isinstance(value, ast.expr):
            try:
                found[target.id] = ast.literal_eval(value)
            except ValueError:
                raise ValueError(f"{target.id} is no literal") from None
    return found


def _defined(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return names if "*" not in names else names | {"build", "unsupported"}
