"""Environments: what the user names, what is made and removed, and what a worker in one is started with."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from bench import declared, environments, implementations, leash, pinned, venvs
from bench.case import Case
from bench.errors import BadInput
from bench.folders import environments_file
from bench.studies import Options, training_case
from tests import fake_environments

ROOT = Path(__file__).parents[2]
FRAMEWORKS = ("numpy", "torch", "jax")


@pytest.fixture
def environ(tmp_path):
    """Make a function that returns environment variables under which the user's file says this."""

    def make(text=None):
        if text is not None:
            (tmp_path / "environments.toml").write_text(text)
        named = {"MLPBENCH_ENVIRONMENTS": str(tmp_path / "environments.toml")} if text is not None else {}
        return {"HOME": str(tmp_path), "MLPBENCH_CACHE": str(tmp_path / "cache"), "PATH": os.environ["PATH"]} | named

    return make


# --- the user's file


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


# --- requirements


@pytest.mark.parametrize("name", pinned.names())
def test_requirements_are_pinned_and_say_what_they_need(name):
    lines = (pinned.FOLDER / f"{name}.txt").read_text().splitlines()
    comments = [line for line in lines if line.startswith("#")]
    pins = [line for line in lines if not line.startswith("#")]
    for line in pins:
        assert re.fullmatch(r"[a-z0-9-]+==[0-9][\w.]*( ; platform_machine [!=]= \"\w+\")?", line), line
    assert pins == sorted(pins)
    assert {"numpy", "threadpoolctl", name} <= {line.partition("==")[0] for line in pins}
    assert {"python", "platforms", "imports"} <= {line[2:].partition(":")[0] for line in comments}


def test_there_are_requirements_for_three_frameworks():
    assert pinned.names() == ["jax", "mxnet", "tensorflow"]


# --- making


class Tools:
    """A venv and a pip that work at once, and remember how they were called."""

    def __init__(self, fails="", interrupted="", code="version = 1"):
        self.fails = fails
        self.interrupted = interrupted
        self.code = code
        self.commands = []
        self.variables = []

    def __call__(self, command, variables, heard):
        tool = command[3] if "-m" in command else "import"
        self.commands.append(command)
        self.variables.append(variables)
        folder = Path(command[-1]) if tool == "venv" else Path(command[0]).parents[1]
        if tool == "venv":
            (folder / "bin").mkdir(parents=True)
            (folder / "lib").mkdir()
            (folder / "bin" / "python").symlink_to(sys.executable)
        if tool == "pip":
            heard("Looking in indexes: somewhere\n")
            heard("Collecting jax==1.0 (from -r x)\n")
            (folder / "lib" / "jax.py").write_text(self.code)
        if tool == self.interrupted:
            raise KeyboardInterrupt
        if tool == self.fails:
            heard("ERROR: first\n")
            heard("ERROR: No matching distribution found for jax==1.0\n")
            heard("\n")
        return tool != self.fails


@pytest.fixture
def ready(environ, monkeypatch, tmp_path):
    """Environment variables, and requirements of one framework that any machine can have."""
    (tmp_path / "requirements").mkdir()
    version = "{}.{}".format(*sys.version_info)
    here = f"{os.uname().sysname} {os.uname().machine}"
    (tmp_path / "requirements" / "jax.txt").write_text(
        f"# python: {version}\n# platforms: {here}\n# imports: jax\njax==1.0\n"
    )
    monkeypatch.setattr(pinned, "FOLDER", tmp_path / "requirements")
    return environ()


def require_more():
    path = pinned.FOLDER / "jax.txt"
    path.write_text(path.read_text() + "numpy==2\n")


def quiet(text):
    pass


def left(environ):
    """What lies in the folder of environments, locks aside."""
    return sorted(path.name for path in venvs.folder("jax", environ).parent.iterdir() if path.suffix != ".lock")


def test_an_environment_is_made_once_and_then_up_to_date(ready):
    tools, said = Tools(), []
    made, reason = venvs.create("jax", ready, said.append, tools)
    assert reason == "there was none"
    assert venvs.trouble("jax", ready) is None
    assert made.bytes > 0
    assert made.python == "{}.{}.{}".format(*sys.version_info)
    assert any("jax==1.0" in text for text in said)
    assert not any("somewhere" in text for text in said)
    again, reason = venvs.create("jax", ready, quiet, Tools(fails="venv"))
    assert (again, reason) == (made, None)


def test_pip_installs_what_is_pinned_and_nothing_else(ready):
    tools = Tools()
    venvs.create("jax", ready, quiet, tools)
    [pip] = [command for command in tools.commands if "pip" in command]
    assert {"--no-deps", "--only-binary=:all:", "--compile"} <= set(pip)
    assert pip[pip.index("--requirement") + 1] == str(pinned.FOLDER / "jax.txt")


def test_pips_index_is_the_users_and_nothing_leads_elsewhere(ready):
    tools = Tools()
    given = {"PIP_INDEX_URL": "https://i", "PIP_CERT": "/c", "PIP_TARGET": "/t", "PYTHONPATH": "/p", "PYTHONHOME": "/h"}
    venvs.create("jax", ready | given, quiet, tools)
    assert tools.variables
    for variables in tools.variables:
        assert {name for name in given if name in variables} == {"PIP_INDEX_URL", "PIP_CERT"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda place: require_more(), "requirements changed"),
        (lambda place: (place / "lib" / "jax.py").write_text("raise ImportError"), "files changed"),
        (lambda place: (place / "lib" / "jax.py").unlink(), "files changed"),
        (lambda place: (place / "bin" / "python").unlink(), "its Python is no longer"),
        (lambda place: (place / venvs.MARKER).write_text("{"), "there was none"),
        (lambda place: (place / venvs.MARKER).unlink(), "there was none"),
    ],
)
def test_what_changed_is_made_anew(ready, change, said):
    venvs.create("jax", ready, quiet, Tools())
    change(venvs.folder("jax", ready))
    _, reason = venvs.create("jax", ready, quiet, Tools())
    assert said in reason
    assert left(ready) == ["jax"]
    assert venvs.create("jax", ready, quiet, Tools(fails="venv"))[1] is None


def test_caches_that_python_writes_by_itself_are_no_change(ready):
    venvs.create("jax", ready, quiet, Tools())
    (venvs.folder("jax", ready) / "lib" / "__pycache__").mkdir()
    (venvs.folder("jax", ready) / "lib" / "__pycache__" / "jax.pyc").write_text("")
    assert venvs.create("jax", ready, quiet, Tools(fails="venv"))[1] is None


@pytest.mark.parametrize("tool", ["venv", "pip", "import"])
@pytest.mark.parametrize("kind", ["fails", "interrupted"])
def test_what_failed_or_was_interrupted_leaves_nothing(ready, tool, kind):
    expected = {"fails": venvs.MakingError, "interrupted": KeyboardInterrupt}[kind]
    with pytest.raises(expected) as caught:
        venvs.create("jax", ready, quiet, Tools(**{kind: tool}))
    if kind == "fails":
        assert str(caught.value).endswith("failed: No matching distribution found for jax==1.0")
    assert left(ready) == []
    assert "no environment for jax" in venvs.trouble("jax", ready)


@pytest.mark.parametrize("kind", ["fails", "interrupted"])
def test_what_failed_gives_back_what_was_there(ready, kind):
    venvs.create("jax", ready, quiet, Tools(code="first = 1"))
    require_more()
    with pytest.raises((venvs.MakingError, KeyboardInterrupt)):
        venvs.create("jax", ready, quiet, Tools(**{kind: "pip"}))
    assert left(ready) == ["jax"]
    assert (venvs.folder("jax", ready) / "lib" / "jax.py").read_text() == "first = 1"
    assert venvs.trouble("jax", ready) is None
    assert venvs.is_old("jax", ready)


@pytest.mark.parametrize("with_former", [False, True])
def test_what_a_killed_process_left_is_cleaned(ready, with_former):
    place = venvs.folder("jax", ready)
    venvs.create("jax", ready, quiet, Tools())
    if with_former:
        place.rename(place.with_name(".jax.former"))
        place.mkdir()
    else:
        (place / venvs.MARKER).unlink()
    (place / "half").write_text("")
    assert venvs.trouble("jax", ready)
    _, reason = venvs.create("jax", ready, quiet, Tools(fails="venv") if with_former else Tools())
    assert reason == (None if with_former else "there was none")
    assert left(ready) == ["jax"]
    assert not (place / "half").exists()


def test_two_at_once_make_it_once(ready):
    inside, found = threading.Event(), []

    class Slow(Tools):
        def __call__(self, command, variables, heard):
            inside.set()
            time.sleep(0.05)
            return super().__call__(command, variables, heard)

    both = [Slow(), Slow()]
    threads = [
        threading.Thread(target=lambda tools=tools: found.append(venvs.create("jax", ready, quiet, tools)))
        for tools in both
    ]
    threads[0].start()
    inside.wait()
    threads[1].start()
    for thread in threads:
        thread.join()
    assert both[1].commands == []
    assert [reason for _, reason in found] == ["there was none", None]


def test_a_link_to_an_environment_is_taken_away_and_what_it_leads_to_stays(ready, tmp_path):
    fake_environments.make(tmp_path / "own", marked=True)
    place = venvs.folder("jax", ready)
    place.parent.mkdir(parents=True)
    place.symlink_to(tmp_path / "own")
    assert venvs.trouble("jax", ready) is None
    venvs.create("jax", ready, quiet, Tools())
    assert not place.is_symlink()
    assert (tmp_path / "own" / venvs.MARKER).exists()


@pytest.mark.parametrize("where", ["cache", "cache/environments", "cache/environments/jax"])
def test_a_file_where_a_folder_is_to_be_is_bad_input_and_stays(ready, tmp_path, where):
    (tmp_path / where).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / where).write_text("mine")
    with pytest.raises(BadInput, match=r"cache.*: "):
        venvs.create("jax", ready, quiet, Tools())
    assert (tmp_path / where).read_text() == "mine"


def test_a_file_is_not_removed_in_place_of_an_environment(ready):
    place = venvs.folder("jax", ready)
    place.parent.mkdir(parents=True)
    place.write_text("mine")
    with pytest.raises(BadInput, match="a file where a folder is to be; remove it"):
        venvs.remove("jax", ready, quiet)
    assert place.read_text() == "mine"


def test_removing_takes_all_of_it_away(ready):
    venvs.create("jax", ready, quiet, Tools())
    assert venvs.remove("jax", ready, quiet)
    assert left(ready) == []
    assert not venvs.remove("jax", ready, quiet)


def test_a_python_that_is_needed_is_found_on_the_path(ready, tmp_path):
    (tmp_path / "requirements" / "jax.txt").write_text(
        (tmp_path / "requirements" / "jax.txt").read_text().replace("{}.{}".format(*sys.version_info), "9.9")
    )
    with pytest.raises(pinned.Impossible, match=r"jax needs Python 9\.9: install it so that python9\.9 is on the path"):
        pinned.interpreter_for(pinned.read("jax"), ready)
    for number, code in enumerate(["exit 127", "echo garbage", "echo version 9.9.1"]):
        folder = tmp_path / f"path{number}"
        folder.mkdir()
        (folder / "python9.9").write_text(f"#!/bin/sh\n{code}\n")
        (folder / "python9.9").chmod(0o755)
    path = os.pathsep.join(str(tmp_path / f"path{number}") for number in range(3))
    assert pinned.interpreter_for(pinned.read("jax"), ready | {"PATH": path}) == str(tmp_path / "path2" / "python9.9")


def test_a_platform_without_packages_is_named(ready, tmp_path):
    text = (tmp_path / "requirements" / "jax.txt").read_text()
    (tmp_path / "requirements" / "jax.txt").write_text(re.sub("platforms: .*", "platforms: Plan9 mips", text))
    with pytest.raises(pinned.Impossible, match="jax needs one of Plan9 mips"):
        venvs.create("jax", ready, quiet, Tools())


def test_the_real_tools_make_a_venv_and_say_what_pip_said_last(ready):
    offline = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    with pytest.raises(venvs.MakingError, match=r"^pip failed: No matching distribution found for jax==1\.0$"):
        venvs.create("jax", ready | offline, quiet)
    assert left(ready) == []


# --- commands that end with their parent


def test_a_command_is_heard_and_its_failure_told():
    heard = []
    assert leash.run([sys.executable, "-c", "print('one'); print('two')"], os.environ, heard.append)
    assert heard == ["one\n", "two\n"]
    assert not leash.run([sys.executable, "-c", "raise SystemExit(3)"], os.environ, heard.append)


def test_an_interrupt_ends_what_the_command_started():
    started = []

    def interrupt(line):
        started.append(psutil.Process(int(line)))
        raise KeyboardInterrupt

    code = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    with pytest.raises(KeyboardInterrupt):
        leash.run([sys.executable, "-c", code], os.environ, interrupt)
    assert gone(started[0])


def test_a_command_ends_with_a_killed_parent():
    child = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    code = (
        "import os, sys\nfrom bench import leash\n"
        f"leash.run([sys.executable, '-c', {child!r}], os.environ, lambda line: print(line, end='', flush=True))"
    )
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environ) as parent:
        process = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    assert gone(process)


def gone(process, limit_s=20.0):
    ends = time.monotonic() + limit_s
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE and time.monotonic() < ends:
        time.sleep(0.02)
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_a_marker_says_what_the_environment_cost(ready):
    made, _ = venvs.create("jax", ready, quiet, Tools())
    stored = json.loads((venvs.folder("jax", ready) / venvs.MARKER).read_text())
    assert stored["bytes"] == made.bytes
    assert stored["seconds"] >= 0
