"""What tests of the commands share: surroundings of their own, one finished run, and what bad input comes to."""

import os
import shutil
from pathlib import Path

import pytest

from mlpbench import cli

ROOT = Path(__file__).parents[2]
BROKEN = ROOT / "tests" / "broken"
SMALL = ["--width", "8", "--batch", "32", "--impl", "numpy_scratch", "--baseline", "numpy_scratch"]


@pytest.fixture(autouse=True, scope="session")
def _surroundings(tmp_path_factory):
    """A cache of its own, no file of the user's, synthetic images at once: no data, and a proxy that refuses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLPBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("MLPBENCH_ENVIRONMENTS", os.devnull)
        patch.delenv("MLPBENCH_DATA", raising=False)
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            patch.setenv(name, "http://127.0.0.1:9")
        yield


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """One finished run of numpy_scratch against itself."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert cli.main(["run", "throughput", *SMALL, "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def copy(finished, tmp_path):
    """The finished run, to be changed."""
    return Path(shutil.copytree(finished, tmp_path / "copy"))


@pytest.fixture
def complaint(capsys):
    """Make a function that runs a command that must end with one line and status 2, and returns the line."""

    def of(*arguments):
        assert cli.main(arguments) == 2
        captured = capsys.readouterr()
        lines = [line for line in captured.err.splitlines() if line.startswith("mlpbench: ")]
        assert len(lines) == 1
        assert "Traceback" not in captured.err
        return lines[0]

    return of


@pytest.fixture
def command(capsys):
    """Make a function that runs a command and returns its status, standard output and standard error."""

    def ran(*arguments):
        status = cli.main(arguments)
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return status, captured.out, captured.err

    return ran


@pytest.fixture
def toml(tmp_path, monkeypatch):
    """Make a function that writes the user's file; it is read once, so that each call needs a name of its own."""

    def write(text, name="environments"):
        path = tmp_path / f"{name}.toml"
        path.write_text(text)
        monkeypatch.setenv("MLPBENCH_ENVIRONMENTS", str(path))
        return path

    return write
