"""What --help shows, on a terminal of 80 columns: a sentence on every command, and examples that can be typed."""

import shlex

import pytest
import typer

from mlpbench import cli

GROUP = typer.main.get_command(cli.app)
COMMANDS = [
    *([name] for name in GROUP.commands),
    *(["env", name] for name in GROUP.commands["env"].commands),
]


def found(names):
    """The command of these names."""
    command = GROUP
    for name in names:
        command = command.commands[name]
    return command


def examples(names):
    """The arguments of the examples that --help of a command ends in."""
    lines = (found(names).epilog or "").splitlines()
    return [shlex.split(line) for line in lines if line.startswith("  ")]


@pytest.mark.parametrize(("arguments", "commands"), [(["--help"], 9), (["env", "--help"], 2)])
def test_no_description_of_a_command_is_cut_off(capsys, monkeypatch, arguments, commands):
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.main(arguments) == 0
    shown = capsys.readouterr().out.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert len(shown) == commands
    assert all(line.endswith(".") and not line.endswith("...") for line in shown)


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_help_fits_and_names_no_type_of_python(capsys, monkeypatch, names):
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.main([*names, "--help"]) == 0
    shown = capsys.readouterr().out
    assert "Examples:" in shown
    assert max(map(len, shown.splitlines())) <= 80
    options = shown.partition("Options:")[2]
    assert "<list" not in options
    for words in examples(names):
        assert f"\n    {shlex.join(words)}\n" in shown  # on a line of its own, however long


@pytest.mark.parametrize("names", [[], *COMMANDS], ids=" ".join)
def test_examples_have_options_that_there_are(names):
    for program, *arguments in examples(names):
        assert program == "mlpbench"
        if "--help" in arguments:
            continue
        depth = 2 if arguments[0] == "env" else 1
        with found(arguments[:depth]).make_context(program, arguments[depth:]):
            pass
