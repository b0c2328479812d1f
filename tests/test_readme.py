"""What the README shows works as it is written."""

import re
from pathlib import Path

import pytest

from mlpbench import cli

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def my_mlp(tmp_path):
    code = re.search(r"<!-- example: my_mlp.py -->\n```python\n(.*?)```", README, re.DOTALL)
    path = tmp_path / "my_mlp.py"
    path.write_text(code.group(1), encoding="utf-8")
    return path


def test_the_example_implementation_is_equal(my_mlp):
    assert cli.main(["verify", "--impl", str(my_mlp), "--width", "7", "--depth", "1"]) == 0


def test_every_command_and_option_of_the_readme_exists(capsys):
    """Each indented line that begins with mlpbench names a command, and each --option of it is in its help."""
    lines = re.findall(r"^    mlpbench (\w+)(.*)$", README, re.MULTILINE)
    assert {name for name, _ in lines} >= {"run", "report", "list", "hardware", "verify"}
    assert any("--" in rest for _, rest in lines)
    for name, rest in lines:
        assert cli.main([name, "--help"]) == 0
        shown = capsys.readouterr().out
        for option in re.findall(r"--[a-z-]+", rest):
            assert option in shown


@pytest.mark.parametrize("target", re.findall(r"\]\(((?!http)[^)#]+)", README))
def test_every_link_of_the_readme_leads_somewhere(target):
    assert (Path(__file__).parents[1] / target).exists()
