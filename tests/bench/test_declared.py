"""The user's file of environments: what it may say, and what it may not."""

import os
import sys
from pathlib import Path

import pytest

from bench import declared, environments
from bench.errors import BadInput
from bench.folders import environments_file
from tests import fake_environments

FRAMEWORKS = ("numpy", "torch", "jax")


def test_a_table_named_after_a_framework_replaces_its_environment(environ, tmp_path):
    python = fake_environments.make(tmp_path / "own", marked=False)
    found = environments.find("jax", environ(f'[jax]\npython = "{python}"\n'))
    assert (found.framework, found.interpreter, found.reason) == ("jax", str(python), None)
    assert found.kind == "environments.toml"


def test_another_table_adds_an_environment_and_leaves_the_frameworks_own(environ):
    given = environ(
        f'[numpy-2]\nframework = "numpy"\npython = "{sys.executable}"\nvariables = {{ A = "1" }}\nunset = ["B"]'
    )
    found = environments.find("numpy-2", given)
    assert (found.name, found.framework, found.variables) == ("numpy-2", "numpy", {"A": "1", "B": None})
    assert environments.find("numpy", given).variables == {}
    assert environments.names(given)[-1] == "numpy-2"


def test_without_python_it_is_the_frameworks_own_interpreter(environ):
    found = environments.find(
        "numpy-native", environ('[numpy-native]\nframework = "numpy"\nunset = ["OPENBLAS_CORETYPE"]')
    )
    assert found.interpreter == sys.executable
    assert found.variables == {"OPENBLAS_CORETYPE": None}


def test_without_python_it_is_that_of_the_table_that_replaces_the_framework(environ):
    given = environ('[numpy]\npython = "/bin/sh"\nvariables = { A = "1" }\n[other]\nframework = "numpy"\n')
    assert environments.find("other", given).interpreter == "/bin/sh"
    assert environments.find("other", given).variables == {}


def test_a_home_folder_is_expanded(environ, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    python = fake_environments.make(tmp_path / "own", marked=False)
    assert environments.find("jax", environ('[jax]\npython = "~/own/bin/python"')).interpreter == str(python)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[jax", "cannot be read as TOML"),
        ("jax = 1", "jax: expected a table, such as [jax]"),
        ("[jax]\npyhton = '/x'", "[jax] pyhton: no such key; expected framework, python, variables, unset"),
        ("[jax]\npython = 3", "[jax] python: expected the path of a Python interpreter in quotes"),
        ("[jax]\npython = 'python3'", "[jax] python: expected a path that begins with /"),
        ("[jax]\npython = ''", "[jax] python: expected a path that begins with /"),
        ('[jax]\npython = "/x\\u0000y"', "[jax] python: expected the path"),
        ("[jax]\npython = '~nosuchuser/python'", "[jax] python: expected a path that begins with /"),
        ("[jax-old]\npython = '/x'", "[jax-old] framework: missing; say which it holds"),
        ("[jax-old]\nframework = 3", "[jax-old] framework: expected a framework's name"),
        ("[jax-old]\nframework = 'a b'", "[jax-old] framework: expected a framework's name"),
        ("[jax]\nframework = 'torch'", "[jax] framework: [jax] is the environment of jax"),
        ("[jax]\nvariables = 'A=1'", "[jax] variables: expected a table"),
        ("[jax]\nvariables = { A = 1 }", '[jax] variables: A: expected text in quotes, such as A = "1"'),
        ("[jax]\nvariables = { 'A=B' = '1' }", "[jax] variables: 'A=B' is no name of an environment variable"),
        ('[jax]\nvariables = { A = "\\u0000" }', "[jax] variables: A: expected text"),
        ("[jax]\nunset = 'A'", "[jax] unset: expected a list of names"),
        ("[jax]\nunset = [1]", "[jax] unset: 1 is no name"),
        ("[jax]\nunset = ['A']\nvariables = { A = '1' }", "[jax] unset: A is among variables as well"),
        ("['a b']\nframework = 'torch'", "[a b]: expected a name of letters, digits, - and _"),
        ("['a@b']\nframework = 'torch'", "[a@b]: expected a name of letters"),
        ("[[jax]]\npython = '/x'", "jax: expected a table"),
    ],
)
def test_what_the_file_may_not_say_is_bad_input_that_names_file_table_and_key(environ, text, said):
    with pytest.raises(BadInput) as caught:
        environments.names(environ(text))
    assert said in str(caught.value)
    assert "environments.toml: " in str(caught.value)


@pytest.mark.parametrize("kind", ["folder", "binary", "pipe", "missing"])
def test_what_is_no_readable_file_is_bad_input(tmp_path, kind):
    path = tmp_path / "environments.toml"
    if kind == "folder":
        path.mkdir()
    elif kind == "binary":
        path.write_bytes(b"\x80\x00\xff")
    elif kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(BadInput, match=r"environments\.toml: "):
        declared.read({"MLPBENCH_ENVIRONMENTS": str(path)}, FRAMEWORKS)


def test_where_the_file_is_looked_for(tmp_path):
    home, config = {"HOME": "/h"}, {"XDG_CONFIG_HOME": "/c"}
    assert environments_file(home) == Path("/h/.config/mlpbench/environments.toml")
    assert environments_file(home | config) == Path("/c/mlpbench/environments.toml")
    assert environments_file(home | config | {"MLPBENCH_ENVIRONMENTS": "/e.toml"}) == Path("/e.toml")
    assert declared.read({"HOME": str(tmp_path)}, FRAMEWORKS) == {}
    assert declared.read({"MLPBENCH_ENVIRONMENTS": os.devnull}, FRAMEWORKS) == {}


def test_what_is_edited_meanwhile_is_for_the_next_run(environ):
    given = environ('[numpy-2]\nframework = "numpy"\n')
    assert "numpy-2" in environments.names(given)
    Path(given["MLPBENCH_ENVIRONMENTS"]).write_text("[broken")
    assert "numpy-2" in environments.names(given)
