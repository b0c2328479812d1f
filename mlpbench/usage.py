"""What is said of arguments that no command can take, Typer's complaint in our words where it is about a number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import typer

from mlpbench.commands import app

__all__ = ["complaint"]

# Typer's words are pydantic's or Click's, by its release; the value itself is not always among them.
NUMBERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "valid integer": ("a whole number", int),
    "valid float": ("a number", float),
    "valid number": ("a number", float),
}


def complaint(error: Any, arguments: Sequence[str]) -> str:
    """Return a line that names the input, what was expected, and the help of the command that was called.

    Args:
        error: One of Typer's own, which carries ``format_message``.
        arguments: As typed.
    """
    told = error.format_message().rstrip(".")
    return f"{_no_number(error, told, arguments) or told}; see {_called(arguments)} --help"


def _no_number(error: Any, told: str, arguments: Sequence[str]) -> str | None:
    """Return which option was given what in place of a number; None where that is not what is wrong."""
    expected, read = next((found for words, found in NUMBERS.items() if words in told), (None, str))
    for name in getattr(getattr(error, "param", None), "opts", ()):
        for value in _given(name, arguments):
            try:
                read(value)
            except ValueError:
                return f"{name} {value}: expected {expected}"
    return None


def _given(name: str, arguments: Sequence[str]) -> list[str]:
    """Return the values that an option was given, as NAME VALUE or NAME=VALUE."""
    beside = [value for word, value in pairwise(arguments) if word == name]
    return beside + [word.partition("=")[2] for word in arguments if word.startswith(f"{name}=")]


def _called(arguments: Sequence[str]) -> str:
    """Return the program with the command, or commands, that the arguments begin with."""
    command: Any = typer.main.get_command(app)
    names = ["mlpbench"]
    for word in arguments:
        command = getattr(command, "commands", {}).get(word)
        if command is None:
            break
        names.append(word)
    return " ".join(names)
