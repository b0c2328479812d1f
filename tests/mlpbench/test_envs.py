"""``mlpbench env``: what it makes and removes, what it says, and how it ends."""

import functools
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from bench import pinned, venvs
from tests import fake_environments
from tests.mlpbench.conftest import ROOT

HERE = f"{os.uname().sysname} {os.uname().machine}"


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MLPBENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """Requirements of two frameworks, one of which no machine can have, and a venv and a pip that do what is told."""
    folder = tmp_path / "requirements"
    folder.mkdir()
    version = "{}.{}".format(*sys.version_info)
    for name, python in (("jax", version), ("mxnet", "9.9")):
        (folder / f"{name}.txt").write_text(f"# python: {python}\n# platforms: {HERE}\n# imports: {name}\n{name}==1\n")
    does = {}

    def run(command, variables, heard):
        tool = command[3] if "-m" in command else "import"
        if tool == "venv":
            fake_environments.make(Path(command[-1]), marked=False)
        if tool in does:
            return does[tool](heard)
        return True

    monkeypatch.setattr(pinned, "FOLDER", folder)
    monkeypatch.setattr(venvs, "create", functools.partial(venvs.create, runner=run))
    return does


def made():
    place = venvs.folder("jax", os.environ).parent
    return sorted(path.name for path in place.iterdir() if path.suffix != ".lock") if place.is_dir() else []


def test_create_tells_time_and_size_and_then_that_nothing_is_to_do(command, tools):
    status, out, err = command("env", "create", "jax")
    assert status == 0
    assert re.fullmatch(r"jax: made in \d+ s, \d+ MB on disk, Python [\d.]+ \(there was none\)\n", out)
    assert "jax: installing" not in out
    assert "jax: setting it up" in err
    assert command("env", "create", "jax")[:2] == (0, "jax: up to date, 0 MB on disk; nothing to do\n")
    assert made() == ["jax"]


def test_create_all_leaves_out_what_this_machine_cannot_have(command, tools):
    status, out, _ = command("env", "create", "all")
    assert status == 0
    assert "jax: made in" in out
    assert "skipped: mxnet needs Python 9.9: install it so that python9.9 is on the path" in out


def test_create_of_what_this_machine_cannot_have_is_bad_input(command, tools):
    status, _, err = command("env", "create", "mxnet")
    assert status == 2
    assert "mlpbench: mxnet needs Python 9.9" in err


def test_a_failed_pip_is_one_line_and_nothing_is_kept(command, tools):
    tools["pip"] = lambda heard: heard("ERROR: No matching distribution found for jax==1\n")
    status, out, err = command("env", "create", "all")
    assert status == 1
    assert "mlpbench: jax: pip failed: No matching distribution found for jax==1; " in err
    assert "try again with: mlpbench env create jax" in err
    assert "skipped: mxnet" in out
    assert made() == []


def test_an_interrupt_keeps_nothing_and_says_how_to_go_on(command, tools):
    def interrupt(heard):
        raise KeyboardInterrupt

    tools["pip"] = interrupt
    status, _, err = command("env", "create", "all")
    assert status == 130
    assert "go on with: mlpbench env create jax mxnet" in err
    assert made() == []


def test_remove_takes_away_what_is_there(command, tools):
    command("env", "create", "jax")
    assert command("env", "remove", "all")[:2] == (
        0, "jax: removed\nmxnet: there is no environment to remove\n",
    )  # fmt: skip
    assert made() == []


@pytest.mark.parametrize("verb", ["create", "remove"])
@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["cobol"], "NAME cobol: expected one of jax, mxnet, tensorflow, all"),
        (["jax", "../x"], "NAME ../x: expected one of"),
        ([""], "NAME : expected one of"),
        (["torch"], "NAME torch: lives where mlpbench is installed; name one of jax, mxnet, tensorflow, all"),
        ([], "Missing argument"),
    ],
)
def test_unknown_names_are_bad_input(command, verb, names, said):
    status, _, err = command("env", verb, *names)
    assert status == 2
    assert said in err
    assert made() == []


def test_env_alone_is_bad_input_and_has_help(command):
    assert command("env")[0] == 2
    status, out, _ = command("env", "--help")
    assert status == 0
    assert "create" in out
    assert "remove" in out


def test_a_cache_that_cannot_be_written_is_bad_input(command, tools, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MLPBENCH_CACHE", str(tmp_path / "file"))
    status, _, err = command("env", "create", "jax")
    assert status == 2
    assert "set MLPBENCH_CACHE to a folder that can be" in err


def test_a_table_that_replaces_what_was_made_is_pointed_out(command, tools, toml):
    toml(f'[jax]\npython = "{sys.executable}"\n')
    assert "names another environment for jax" in command("env", "create", "jax")[2]


@pytest.mark.parametrize("arguments", [["list"], ["hardware"], ["run"], ["verify"], ["env", "create", "jax"]])
def test_a_damaged_file_of_the_user_is_bad_input_to_every_command(command, toml, arguments):
    toml("[jax\n")
    status, _, err = command(*arguments)
    assert status == 2
    assert "environments.toml: cannot be read as TOML" in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_create_that_ends_in_the_middle_leaves_no_process_and_no_environment(tmp_path, number):
    """An index that never answers, so that pip is at work when the signal comes."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        index = f"http://127.0.0.1:{silent.getsockname()[1]}/simple"
        pip = {"PIP_INDEX_URL": index, "PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}
        environ = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        process = subprocess.Popen(
            [sys.executable, "-m", "mlpbench", "env", "create", "jax"],
            env=environ | pip | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        silent.settimeout(120)
        silent.accept()[0].close()
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive
    assert venvs.trouble("jax", os.environ)
    if number == signal.SIGKILL:
        assert "was not finished; make it with: mlpbench env create jax" in venvs.trouble("jax", os.environ)
    else:
        assert process.returncode == 130, err
        assert "go on with: mlpbench env create jax" in err
        assert made() == []
