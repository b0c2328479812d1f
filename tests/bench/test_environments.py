"""Environments: why one cannot be used, who asks for one, and what a worker in one is started with."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench import environments, implementations, venvs
from bench.case import Case
from bench.errors import BadInput
from bench.studies import Options, training_case
from tests import fake_environments

# --- reasons


@pytest.mark.parametrize(
    ("python", "said"),
    [("missing", "is not there"), ("folder", "is a folder, not a Python interpreter"), ("text", "cannot be executed")],
)
def test_an_interpreter_that_cannot_be_one_is_a_reason_that_names_the_table(environ, tmp_path, python, said):
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("")
    (tmp_path / "text").chmod(0o644)
    found = environments.find("jax", environ(f'[jax]\npython = "{tmp_path / python}"'))
    assert found.reason.startswith(f"{tmp_path / python} {said}; see [jax] in ")


def test_an_environment_that_was_not_made_is_a_reason_with_its_remedy(environ):
    assert environments.find("jax", environ()).reason == "no environment for jax; make it with: mlpbench env create jax"


@pytest.mark.parametrize("made", [False, True])
def test_a_framework_that_this_interpreter_has_runs_in_it_unless_an_environment_was_made(environ, monkeypatch, made):
    given = environ()
    monkeypatch.setattr(environments, "find_spec", lambda name: name if name == "jax" else None)
    if made:
        fake_environments.make(venvs.folder("jax", given))
    found = environments.find("jax", given)
    assert (found.interpreter == sys.executable, found.kind == environments.MADE) == (not made, made)
    assert "mlpbench env create jax" in found.remedy
    assert found.reason is None
    assert environments.find("mxnet", given).reason.startswith("no environment for mxnet")


def test_an_environment_without_its_marker_does_not_count(environ):
    given = environ()
    fake_environments.make(venvs.folder("jax", given), marked=False)
    assert "was not finished; make it with: mlpbench env create jax" in environments.find("jax", given).reason


def test_an_environment_whose_python_is_gone_is_a_reason(environ):
    given = environ()
    python = fake_environments.make(venvs.folder("jax", given))
    assert environments.find("jax", given).reason is None
    python.unlink()
    python.symlink_to("/no/such/python")
    assert "the Python of the environment for jax is gone" in environments.find("jax", given).reason


def test_a_framework_nobody_knows_is_a_reason_that_names_the_file(environ):
    assert "name its interpreter in " in environments.find("paddle", environ()).reason


# --- what is asked for


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("numpy_scratch@numpy-2", "numpy_scratch@numpy-2"),
        ("numpy_scratch@numpy", "numpy_scratch"),
        ("torch_concise@torch", "torch_concise"),
    ],
)
def test_an_implementation_is_asked_for_in_an_environment(environ, text, label):
    [(entry, variant)] = implementations.resolve([text], environ('[numpy-2]\nframework = "numpy"'))
    assert entry.spelled(variant) == label


def test_a_users_file_is_asked_for_in_an_environment(environ, tmp_path):
    folder = tmp_path / "me@work"
    folder.mkdir()
    mine = fake_environments.implementation(folder / "mine.py", "numpy")
    mine.write_text(mine.read_text() + "VARIANTS = {'eager': {}}\n")
    given = environ('[numpy-2]\nframework = "numpy"')
    labels = {text: [entry.spelled(variant) for entry, variant in implementations.resolve([f"{mine}{text}"], given)]
              for text in ("", "@numpy-2", ":eager@numpy-2")}  # fmt: skip
    assert labels == {
        "": ["mine", "mine:eager"],
        "@numpy-2": ["mine@numpy-2", "mine:eager@numpy-2"],
        ":eager@numpy-2": ["mine:eager@numpy-2"],
    }


def test_all_in_an_environment_are_those_of_its_framework(environ):
    found = implementations.resolve(["all@numpy-2"], environ('[numpy-2]\nframework = "numpy"'))
    assert {entry.framework for entry, _ in found} == {"numpy"}
    assert {entry.environment for entry, _ in found} == {"numpy-2"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "numpy_scratch@nowhere",
            "no environment called nowhere; expected one of numpy, torch, jax, mxnet, tensorflow",
        ),
        ("torch_concise@numpy-2", "the environment numpy-2 holds numpy, torch_concise needs torch"),
        ("torch_concise@jax", "the environment jax holds jax, torch_concise needs torch"),
        ("nothing@numpy-2", "no such implementation"),
        ("numpy_scratch@", "no such implementation"),
        ("@numpy-2", "no such implementation"),
        ("numpy_scratch@numpy 2", "no such implementation"),
        ("missing.py@numpy-2", "no such file"),
    ],
)
def test_an_environment_that_does_not_fit_is_bad_input(environ, text, said):
    with pytest.raises(
        BadInput, match=f"--impl {re.escape(text.split('@')[0] if 'needs' not in said else text)}"
    ) as caught:
        implementations.resolve([text], environ('[numpy-2]\nframework = "numpy"'))
    assert said in str(caught.value)


def test_one_implementation_in_two_environments_is_two_rows_in_two_workers(environ):
    options = Options(threads=1)
    chosen = implementations.resolve(
        ["numpy_scratch", "numpy_scratch@numpy-2"], environ('[numpy-2]\nframework="numpy"')
    )
    cases = [training_case(options, ("s", "g"), "training_step", one, {}, "float32", "cpu") for one in chosen]
    assert [case.name for case in cases] == ["numpy_scratch", "numpy_scratch@numpy-2"]
    assert [case.where for case in cases] == ["numpy", "numpy-2"]
    assert len({case.worker for case in cases}) == len({case.id for case in cases}) == 2
    assert Case.from_json(cases[1].to_json()) == cases[1]
    older = {key: value for key, value in cases[0].to_json().items() if key != "environment"}
    assert Case.from_json(older) == cases[0]


# --- what a worker is started with


def test_a_case_is_above_its_environment_and_both_above_the_shell(environ):
    environment = replace(environments.find("numpy", environ()), variables={"A": "environment", "B": None, "C": "1"})
    changes = environments.changes(environment, {"A": "case"})
    told = environments.variables(1, Path("/c"), changes, {"A": "shell", "B": "shell", "D": "shell"})
    assert {name: told.get(name) for name in "ABCD"} == {"A": "case", "B": None, "C": "1", "D": "shell"}


def test_paths_of_this_interpreter_do_not_reach_another(environ, tmp_path):
    python = fake_environments.make(tmp_path / "own", marked=False)
    other = environments.find("jax", environ(f'[jax]\npython = "{python}"'))
    shell = {"PYTHONPATH": "/host", "PYTHONHOME": "/host"}
    told = environments.variables(1, Path("/c"), environments.changes(other, {}), shell)
    assert "PYTHONPATH" not in told
    assert "PYTHONHOME" not in told
    here = environments.changes(environments.find("numpy", environ()), {})
    assert environments.variables(1, Path("/c"), here, shell)["PYTHONPATH"] == "/host"
