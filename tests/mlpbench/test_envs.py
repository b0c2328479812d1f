"""``mlpbench env``, and what a broken environment costs a run: exactly its own rows."""

import functools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from bench import pinned, venvs
from mlpbench import cli
from tests import fake_environments

ROOT = Path(__file__).parents[2]
HERE = f"{os.uname().sysname} {os.uname().machine}"
SMALL = ["throughput", "--width", "8", "--batch", "32", "--impl", "numpy_scratch"]


@pytest.fixture(autouse=True)
def _places(tmp_path, monkeypatch):
    """A cache of its own, no file of the user's, synthetic images at once: a proxy that refuses."""
    monkeypatch.setenv("MLPBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MLPBENCH_ENVIRONMENTS", os.devnull)
    monkeypatch.delenv("MLPBENCH_DATA", raising=False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")


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


@pytest.fixture
def toml(tmp_path, monkeypatch):
    """Make a function that writes the user's file; it is read once, so that each call needs a name of its own."""

    def write(text, name="environments"):
        path = tmp_path / f"{name}.toml"
        path.write_text(text)
        monkeypatch.setenv("MLPBENCH_ENVIRONMENTS", str(path))
        return path

    return write


def run(capsys, *arguments):
    status = cli.main(arguments)
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return status, captured.out, captured.err


def made():
    place = venvs.folder("jax", os.environ).parent
    return sorted(path.name for path in place.iterdir() if path.suffix != ".lock") if place.is_dir() else []


# --- create and remove


def test_create_tells_time_and_size_and_then_that_nothing_is_to_do(capsys, tools):
    status, out, err = run(capsys, "env", "create", "jax")
    assert status == 0
    assert re.fullmatch(r"jax: made in \d+ s, \d+ MB on disk, Python [\d.]+ \(there was none\)\n", out)
    assert "jax: installing" not in out
    assert "jax: setting it up" in err
    assert run(capsys, "env", "create", "jax")[:2] == (0, "jax: up to date, 0 MB on disk; nothing to do\n")
    assert made() == ["jax"]


def test_create_all_leaves_out_what_this_machine_cannot_have(capsys, tools):
    status, out, _ = run(capsys, "env", "create", "all")
    assert status == 0
    assert "jax: made in" in out
    assert "skipped: mxnet needs Python 9.9: install it so that python9.9 is on the path" in out


def test_create_of_what_this_machine_cannot_have_is_bad_input(capsys, tools):
    status, _, err = run(capsys, "env", "create", "mxnet")
    assert status == 2
    assert "mlpbench: mxnet needs Python 9.9" in err


def test_a_failed_pip_is_one_line_and_nothing_is_kept(capsys, tools):
    tools["pip"] = lambda heard: heard("ERROR: No matching distribution found for jax==1\n")
    status, out, err = run(capsys, "env", "create", "all")
    assert status == 1
    assert "mlpbench: jax: pip failed: No matching distribution found for jax==1; " in err
    assert "try again with: mlpbench env create jax" in err
    assert "skipped: mxnet" in out
    assert made() == []


def test_an_interrupt_keeps_nothing_and_says_how_to_go_on(capsys, tools):
    def interrupt(heard):
        raise KeyboardInterrupt

    tools["pip"] = interrupt
    status, _, err = run(capsys, "env", "create", "all")
    assert status == 130
    assert "go on with: mlpbench env create jax mxnet" in err
    assert made() == []


def test_remove_takes_away_what_is_there(capsys, tools):
    run(capsys, "env", "create", "jax")
    assert run(capsys, "env", "remove", "all")[:2] == (
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
def test_unknown_names_are_bad_input(capsys, verb, names, said):
    status, _, err = run(capsys, "env", verb, *names)
    assert status == 2
    assert said in err
    assert made() == []


def test_env_alone_is_bad_input_and_has_help(capsys):
    assert run(capsys, "env")[0] == 2
    status, out, _ = run(capsys, "env", "--help")
    assert status == 0
    assert "create" in out
    assert "remove" in out


def test_a_cache_that_cannot_be_written_is_bad_input(capsys, tools, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MLPBENCH_CACHE", str(tmp_path / "file"))
    status, _, err = run(capsys, "env", "create", "jax")
    assert status == 2
    assert "set MLPBENCH_CACHE to a folder that can be" in err


def test_a_table_that_replaces_what_was_made_is_pointed_out(capsys, tools, toml):
    toml(f'[jax]\npython = "{sys.executable}"\n')
    assert "names another environment for jax" in run(capsys, "env", "create", "jax")[2]


@pytest.mark.parametrize("arguments", [["list"], ["hardware"], ["run"], ["verify"], ["env", "create", "jax"]])
def test_a_damaged_file_of_the_user_is_bad_input_to_every_command(capsys, toml, arguments):
    toml("[jax\n")
    status, _, err = run(capsys, *arguments)
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


# --- a run with broken environments


@pytest.fixture
def broken(tmp_path, toml):
    """Environments for NumPy: one deleted, one whose import raises, one that prints garbage, one that hides a variable;
    and of those that are made one that is missing and one that is corrupt.
    """
    gone = fake_environments.make(tmp_path / "gone")
    shutil.rmtree(tmp_path / "gone")
    corrupt = fake_environments.make(tmp_path / "corrupt", numpy="raise ImportError('corrupted on purpose')")
    garbage = "import os, sys\nprint('garbage', flush=True)\nos.write(1, b'{}\\n' * 99)\nprint('more', file=sys.stderr)"
    loud = fake_environments.make(tmp_path / "loud", sitecustomize=garbage)
    fake_environments.make(venvs.folder("jax", os.environ), jax="raise ImportError('corrupted as well')")
    tables = {"numpy-gone": gone, "numpy-corrupt": corrupt, "numpy-loud": loud}
    toml(
        "".join(f'[{name}]\nframework = "numpy"\npython = "{python}"\n' for name, python in tables.items())
        + '[numpy-plain]\nframework = "numpy"\nunset = ["OPENBLAS_CORETYPE"]\n'
    )


def test_each_broken_environment_costs_a_run_its_own_rows_alone(broken, tmp_path, capsys):
    """And the same implementation in two environments is two rows of one group."""
    mine = {name: fake_environments.implementation(tmp_path / f"on_{name}.py", name) for name in ("jax", "mxnet")}
    places = ["numpy-gone", "numpy-corrupt", "numpy-loud", "numpy-plain"]
    chosen = [f"numpy_scratch@{place}" for place in places] + [str(path) for path in mine.values()]
    folder = tmp_path / "run"
    arguments = [
        *SMALL,
        *(word for name in chosen for word in ("--impl", name)),
        "--baseline",
        "numpy_scratch@numpy-plain",
    ]
    assert run(capsys, "run", *arguments, "--threads", "1", "--out", str(folder))[0] == 0

    rows = {row["case"]: row for row in json.loads((folder / "summary.json").read_text())["cases"]}
    assert {name: row["status"] for name, row in rows.items()} == {
        "numpy_scratch": "measured", "numpy_scratch@numpy-plain": "measured", "numpy_scratch@numpy-loud": "measured",
        "control": "measured", "numpy_scratch@numpy-gone": "skipped", "numpy_scratch@numpy-corrupt": "skipped",
        "on_jax": "skipped", "on_mxnet": "skipped",
    }  # fmt: skip
    assert "numpy-gone] in" in rows["numpy_scratch@numpy-gone"]["reason"]
    assert "corrupted on purpose; see [numpy-corrupt] in" in rows["numpy_scratch@numpy-corrupt"]["reason"]
    assert rows["on_jax"]["reason"].endswith("corrupted as well; mend it with: mlpbench env create jax")
    assert rows["on_mxnet"]["reason"] == "no environment for mxnet; make it with: mlpbench env create mxnet"
    assert {row["baseline"] for row in rows.values()} == {"numpy_scratch@numpy-plain"}
    assert rows["numpy_scratch@numpy-loud"]["implementation"] == "numpy_scratch@numpy-loud"

    record = json.loads((folder / "run.json").read_text())["environments"]
    assert set(record) == {"numpy", "numpy-loud", "numpy-plain", "jax"}
    assert record["numpy-plain"]["variables"] == {"OPENBLAS_CORETYPE": None}
    assert record["numpy"]["kind"] == "this interpreter"
    assert record["jax"]["kind"] == "made by mlpbench env create"
    assert record["numpy-loud"]["packages"]["numpy"] == record["numpy"]["packages"]["numpy"]
    for path in folder.glob("*.json*"):
        assert f"{Path.home()}/" not in path.read_text()

    stored = json.loads((folder / "run.json").read_text())
    stored["environments"]["numpy-loud"]["packages"]["numpy"] = "0.1"
    (folder / "run.json").write_text(json.dumps(stored))
    status, _, err = run(capsys, "run", "--resume", "--out", str(folder))
    assert status == 2
    now = record["numpy"]["packages"]["numpy"]
    assert f"environment numpy-loud: numpy was 0.1 when the run began, and is now {now}; restore it" in err


def test_list_tells_each_environment_with_its_reason(broken, capsys):
    status, out, _ = run(capsys, "list", "--json")
    assert status == 0
    rows = {row["name"]: row for row in json.loads(out)["environments"]}
    assert {name for name, row in rows.items() if row["framework"] == "numpy" and row["available"]} == {
        "numpy", "numpy-loud", "numpy-plain",
    }  # fmt: skip
    for row in rows.values():
        assert {"name", "framework", "available", "reason", "python", "version"} <= set(row)
        assert row["available"] is (row["reason"] is None)
    assert "is not there; see [numpy-gone] in" in rows["numpy-gone"]["reason"]
    assert "corrupted on purpose; see [numpy-corrupt] in" in rows["numpy-corrupt"]["reason"]
    assert "corrupted as well; mend it with: mlpbench env create jax" in rows["jax"]["reason"]
    assert rows["mxnet"]["reason"] == "no environment for mxnet; make it with: mlpbench env create mxnet"
    assert rows["numpy-loud"]["version"] == rows["numpy"]["version"]
    assert rows["numpy"]["python"] == "{}.{}.{}".format(*sys.version_info)


def test_verify_checks_an_implementation_in_an_environment(broken, capsys):
    arguments = ["--width", "7", "--depth", "1", "--dtype", "float32", "--json"]
    chosen = [word for place in ("numpy-loud", "numpy-corrupt") for word in ("--impl", f"numpy_scratch@{place}")]
    status, out, _ = run(capsys, "verify", *chosen, *arguments)
    assert status == 1
    found = json.loads(out)
    assert [(row["implementation"], row["equal"]) for row in found["results"]] == [("numpy_scratch@numpy-loud", True)]
    assert [row["implementation"] for row in found["skipped"]] == ["numpy_scratch@numpy-corrupt"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--impl", "numpy_scratch@nowhere"], "--impl numpy_scratch@nowhere: no environment called nowhere"),
        (["--baseline", "numpy_scratch@nowhere"], "--baseline numpy_scratch@nowhere: no environment called nowhere"),
        (["--impl", "torch_concise@numpy-loud"], "holds numpy, torch_concise needs torch"),
        (["--baseline", "all"], "--baseline all: expected one implementation; name it"),
    ],
)
def test_an_environment_that_does_not_fit_is_bad_input(broken, capsys, arguments, said):
    status, _, err = run(capsys, "run", "throughput", *arguments)
    assert status == 2
    assert said in err


def test_one_implementation_in_two_environments_feeds_two_groups_of_the_pipeline(toml):
    from mlpbench.asked import Asked, groups

    toml('[torch-b]\nframework = "torch"\n')
    found = groups(Asked(studies=("pipeline",), impl=("torch_concise", "torch_concise@torch-b")))
    ids = [case.id for group in found for case in group.cases]
    assert len(found) == 2
    assert len(set(ids)) == len(ids)


def test_a_run_whose_environment_goes_in_the_middle_keeps_the_other_rows(toml, tmp_path):
    """The worker of the next launch cannot be started: a failure of that row, and no traceback."""
    python = fake_environments.make(tmp_path / "other")
    toml(f'[numpy-b]\nframework = "numpy"\npython = "{python}"\n')
    folder = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-m", "mlpbench", "run", *SMALL, "--impl", "numpy_scratch@numpy-b", "--baseline",
         "numpy_scratch", "--threads", "1", "--out", str(folder)],
        env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    ends = time.monotonic() + 120
    while not (folder / "samples.jsonl").exists() and time.monotonic() < ends:
        time.sleep(0.02)
    shutil.rmtree(tmp_path / "other")
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 0, output
    assert "Traceback" not in output
    rows = {row["case"]: row for row in json.loads((folder / "summary.json").read_text())["cases"]}
    assert rows["numpy_scratch@numpy-b"]["status"] == "failed"
    assert rows["numpy_scratch"]["status"] == rows["control"]["status"] == "measured"
