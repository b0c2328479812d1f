"""What --help shows: every command with a sentence that a terminal of 80 columns has room for."""

import pytest

from mlpbench import cli


@pytest.mark.parametrize(("arguments", "commands"), [(["--help"], 9), (["env", "--help"], 2)])
def test_no_description_of_a_command_is_cut_off(capsys, monkeypatch, arguments, commands):
    monkeypatch.setenv("COLUMNS", "80")
    assert cli.main(arguments) == 0
    shown = capsys.readouterr().out.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert len(shown) == commands
    assert all(line.endswith(".") and not line.endswith("...") for line in shown)
