"""What a broken environment costs a run: exactly its own rows."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench import venvs
from mlpbench import cli
from mlpbench.asked import Asked, groups
from tests import fake_environments
from tests.mlpbench.conftest import ROOT

SMALL = ["throughput", "--width", "8", "--batch", "32", "--impl", "numpy_scratch"]
PLACES = ["numpy-gone", "numpy-corrupt", "numpy-loud", "numpy-plain"]


@pytest.fixture(autouse=True, scope="module")
def _broken(tmp_path_factory):
    """Environments for NumPy: one deleted, one whose import raises, one that prints garbage, one that hides a variable;
    and of those that are made one that is missing and one that is corrupt.
    """
    folder = tmp_path_factory.mktemp("environments")
    fake_environments.make(folder / "gone")
    shutil.rmtree(folder / "gone")
    garbage = "import os, sys\nprint('garbage', flush=True)\nos.write(1, b'{}\\n' * 99)\nprint('more', file=sys.stderr)"
    tables = {
        "numpy-gone": folder / "gone" / "bin" / "python",
        "numpy-corrupt": fake_environments.make(folder / "corrupt", numpy="raise ImportError('corrupted on purpose')"),
        "numpy-loud": fake_environments.make(folder / "loud", sitecustomize=garbage),
    }
    (folder / "environments.toml").write_text(
        "".join(f'[{name}]\nframework = "numpy"\npython = "{python}"\n' for name, python in tables.items())
        + '[numpy-plain]\nframework = "numpy"\nunset = ["OPENBLAS_CORETYPE"]\n'
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLPBENCH_CACHE", str(folder / "cache"))
        patch.setenv("MLPBENCH_ENVIRONMENTS", str(folder / "environments.toml"))
        fake_environments.make(venvs.folder("jax", os.environ), jax="raise ImportError('corrupted as well')")
        yield


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """A run of numpy_scratch in each of them, and of files whose frameworks are missing and corrupt."""
    folder = tmp_path_factory.mktemp("mixed")
    mine = [fake_environments.implementation(folder / f"on_{name}.py", name) for name in ("jax", "mxnet")]
    chosen = [f"numpy_scratch@{place}" for place in PLACES] + [str(path) for path in mine]
    words = [word for name in chosen for word in ("--impl", name)]
    where = ["--baseline", "numpy_scratch@numpy-plain", "--threads", "1", "--out", str(folder / "run")]
    assert cli.main(["run", *SMALL, *words, *where]) == 0
    return folder / "run"


def stored(folder, name):
    return json.loads((folder / name).read_text())


def test_each_broken_environment_costs_a_run_its_own_rows_alone(mixed):
    rows = {row["case"]: row for row in stored(mixed, "summary.json")["cases"]}
    assert {name: row["status"] for name, row in rows.items()} == {
        "numpy_scratch": "measured", "numpy_scratch@numpy-plain": "measured", "numpy_scratch@numpy-loud": "measured",
        "control": "measured", "numpy_scratch@numpy-gone": "skipped", "numpy_scratch@numpy-corrupt": "skipped",
        "on_jax": "skipped", "on_mxnet": "skipped",
    }  # fmt: skip
    assert "numpy-gone] in" in rows["numpy_scratch@numpy-gone"]["reason"]
    assert "corrupted on purpose; see [numpy-corrupt] in" in rows["numpy_scratch@numpy-corrupt"]["reason"]
    assert rows["on_jax"]["reason"].endswith("corrupted as well; mend it with: mlpbench env create jax")
    assert rows["on_mxnet"]["reason"] == "no environment for mxnet; make it with: mlpbench env create mxnet"


def test_one_implementation_in_two_environments_is_two_rows_of_one_group(mixed):
    rows = {row["case"]: row for row in stored(mixed, "summary.json")["cases"]}
    assert {row["baseline"] for row in rows.values()} == {"numpy_scratch@numpy-plain"}
    assert rows["numpy_scratch@numpy-loud"]["implementation"] == "numpy_scratch@numpy-loud"


def test_a_run_records_what_each_environment_is_and_no_home_folder(mixed):
    record = stored(mixed, "run.json")["environments"]
    assert set(record) == {"numpy", "numpy-loud", "numpy-plain", "jax"}
    assert record["numpy-plain"]["variables"] == {"OPENBLAS_CORETYPE": None}
    assert record["numpy"]["kind"] == "this interpreter"
    assert record["jax"]["kind"] == "made by mlpbench env create"
    assert record["numpy-loud"]["packages"]["numpy"] == record["numpy"]["packages"]["numpy"]
    for path in mixed.glob("*.json*"):
        assert f"{Path.home()}/" not in path.read_text()


def test_a_run_is_not_finished_with_another_version_of_a_framework(mixed, tmp_path, complaint):
    folder = Path(shutil.copytree(mixed, tmp_path / "run"))
    run = stored(folder, "run.json")
    now = run["environments"]["numpy"]["packages"]["numpy"]
    run["environments"]["numpy-loud"]["packages"]["numpy"] = "0.1"
    (folder / "run.json").write_text(json.dumps(run))
    said = complaint("run", "--resume", "--out", str(folder))
    assert f"environment numpy-loud: numpy was 0.1 when the run began, and is now {now}; restore it" in said


def test_list_tells_each_environment_with_its_reason(command):
    status, out, _ = command("list", "--json")
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


def test_verify_checks_an_implementation_in_an_environment(command):
    arguments = ["--width", "7", "--depth", "1", "--dtype", "float32", "--json"]
    chosen = [word for place in ("numpy-loud", "numpy-corrupt") for word in ("--impl", f"numpy_scratch@{place}")]
    status, out, _ = command("verify", *chosen, *arguments)
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
def test_an_environment_that_does_not_fit_is_bad_input(command, arguments, said):
    status, _, err = command("run", "throughput", *arguments)
    assert status == 2
    assert said in err


def test_one_implementation_in_two_environments_feeds_two_groups_of_the_pipeline(toml):
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
