"""Environments that we make: whole or not at all, once, and as pinned."""

import json
import os
import re
import sys
import threading
import time
from pathlib import Path

import pytest

from bench import pinned, venvs
from bench.errors import BadInput
from tests import fake_environments


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


def test_a_marker_says_what_the_environment_cost(ready):
    made, _ = venvs.create("jax", ready, quiet, Tools())
    stored = json.loads((venvs.folder("jax", ready) / venvs.MARKER).read_text())
    assert stored["bytes"] == made.bytes
    assert stored["seconds"] >= 0
