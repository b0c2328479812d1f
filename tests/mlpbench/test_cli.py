"""The command line: exit statuses, one clear line for bad input, JSON that keeps its contract."""

import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from bench import data
from mlpbench import cli

ROOT = Path(__file__).parents[2]
BROKEN = ROOT / "tests" / "broken"
SMALL = ["--width", "8", "--batch", "32", "--impl", "numpy_scratch", "--baseline", "numpy_scratch"]


@pytest.fixture(autouse=True, scope="module")
def _environment(tmp_path_factory):
    """Synthetic images at once: no data, and a proxy that refuses, so that no download is waited for."""
    patch = pytest.MonkeyPatch()
    patch.setenv("MLPBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
    patch.delenv("MLPBENCH_DATA", raising=False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        patch.setenv(name, "http://127.0.0.1:9")
    yield
    patch.undo()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One finished run of numpy_scratch against itself."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert cli.main(["run", "throughput", *SMALL, "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def copy(finished, tmp_path):
    return Path(shutil.copytree(finished, tmp_path / "copy"))


def complaint(capsys, *arguments):
    """Run a command that must end with one line and status 2, and return the line."""
    assert cli.main(arguments) == 2
    captured = capsys.readouterr()
    lines = [line for line in captured.err.splitlines() if line.startswith("mlpbench: ")]
    assert len(lines) == 1
    assert "Traceback" not in captured.err
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "speed"], "STUDY speed: expected one of accuracy, alignment,"),
        (["run", "--impl", "torch_magic"], "--impl torch_magic: no such implementation"),
        (["run", "--impl", "missing.py"], "--impl missing.py: no such file"),
        (["run", "--impl", "torch_concise:fast"], "--impl torch_concise:fast"),
        (["run", "--device", "tpu"], "--device tpu: expected one of cpu, cuda"),
        (["run", "--dtype", "float8"], "--dtype float8: expected one of"),
        (["run", "--preset", "hasty"], "--preset hasty: expected one of quick, standard, thorough"),
        (["run", "--width", "0"], "--width 0: expected a whole number from 1"),
        (["run", "--width", "-3"], "--width -3: expected a whole number from 1"),
        (["run", "--width", "wide"], "--width"),
        (["run", "--size", "0"], "--size 0"),
        (["run", "--batch", "0"], "--batch 0"),
        (["run", "--depth", "-1"], "--depth -1"),
        (["run", "--threads", "0"], "--threads 0"),
        (["run", "--seed", "-1"], "--seed -1"),
        (["run", "--margin", "2"], "--margin 2"),
        (["run", "--margin", "nan"], "--margin nan"),
        (["run", "--baseline", "torch_magic"], "--baseline torch_magic"),
        (["run", "throughput", "--baseline", "999"], "--baseline 999"),
        (["run", "--resume"], "--resume: which run?"),
        (["run", "--data-root", "/no/such"], "--data-root"),
        (["run", "accuracy", "--epochs", "0"], "--epochs 0: expected a whole number from 1"),
        (["run", "accuracy", "--epochs", "ten"], "--epochs"),
        (["run", "accuracy", "--seeds", "0"], "--seeds 0: expected a whole number from 1"),
        (["run", "accuracy", "--seeds", "1001"], "--seeds 1001"),
        (["run", "accuracy", "--rate", "0"], "--rate 0.0: expected a learning rate above 0, such as 0.1"),
        (["run", "accuracy", "--rate", "-0.1"], "--rate -0.1"),
        (["run", "accuracy", "--rate", "nan"], "--rate nan"),
        (["run", "accuracy", "--rate", "inf"], "--rate inf"),
        (["run", "accuracy", "--rate", "fast"], "--rate"),
        (["run", "throughput", "--epochs", "3"], "--epochs 3: means something to the study accuracy only"),
        (["run", "--seeds", "3"], "--seeds 3: means something to the study accuracy only"),
        (["run", "--rate", "0.1"], "--rate 0.1: means something to the study accuracy only"),
        (["run", "accuracy", "--size", "7"], "--size 7: means something to the study alignment or data_effect only"),
        (["run", "accuracy", "--budget", "60", "--data-root", "/no/such"], "--data-root"),
        (["run", "--nonsense"], "--nonsense"),
        (["verify", "--impl", "torch_magic"], "--impl torch_magic"),
        (["verify", "--width", "0"], "--width 0"),
        (["report", "/no/such"], "/no/such: no such file or folder"),
        (["measure"], "measure"),
    ],
)
def test_bad_input_is_one_line_that_names_it(capsys, arguments, said):
    assert said in complaint(capsys, *arguments)


@pytest.mark.parametrize("text", ["FRAMEWORK = ", "x = 1", "FRAMEWORK = 3", "FRAMEWORK = 'numpy'", "\0"])
def test_a_file_that_is_no_implementation_is_bad_input(capsys, tmp_path, text):
    (tmp_path / "mine.py").write_text(text)
    assert "mine.py" in complaint(capsys, "run", "--impl", str(tmp_path / "mine.py"))


def test_a_file_called_like_one_that_ships_is_bad_input(capsys, tmp_path):
    shutil.copy(BROKEN / "prints.py", tmp_path / "numpy_scratch.py")
    assert "ships already" in complaint(capsys, "run", "--impl", str(tmp_path / "numpy_scratch.py"))


def test_a_folder_that_cannot_be_written_is_bad_input(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    assert "--out" in complaint(capsys, "run", "throughput", *SMALL, "--out", str(tmp_path / "file" / "run"))


def test_accuracy_without_data_is_bad_input_with_the_remedy(capsys, tmp_path):
    """Synthetic images would be learned, and mean nothing; timing studies take them."""
    said = complaint(capsys, "run", "accuracy", "--impl", "numpy_scratch", "--out", str(tmp_path / "run"))
    assert "accuracy: needs Fashion-MNIST" in said
    assert "--data-root" in said
    assert "MLPBENCH_DATA" in said
    assert not (tmp_path / "run" / "run.json").exists()


@pytest.mark.parametrize("missing", [False, True])
def test_accuracy_with_a_label_file_of_zeros_or_without_it_is_bad_input(capsys, tmp_path, missing):
    """The sums of the files that come before are those of the real ones, so that the labels are looked at."""
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    labels = raw / "train-labels-idx1-ubyte.gz"
    if not missing:
        labels.write_bytes(gzip.compress((2049).to_bytes(4, "big") + (60_000).to_bytes(4, "big") + bytes(60_000)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "MD5", {labels.name: data.MD5[labels.name]})
        said = complaint(capsys, "run", "accuracy", "--data-root", str(tmp_path), "--out", str(tmp_path / "run"))
    assert labels.name in said
    assert ("No such file" in said) if missing else ("expected MD5 25c81989df183df01b3e8a0aad5dffbe" in said)
    assert not (tmp_path / "run" / "run.json").exists()


def test_a_run_is_not_overwritten(capsys, finished):
    before = (finished / "samples.jsonl").read_bytes()
    assert "--resume" in complaint(capsys, "run", "throughput", *SMALL, "--out", str(finished))
    assert (finished / "samples.jsonl").read_bytes() == before


def test_resuming_with_other_options_is_bad_input(capsys, finished):
    said = complaint(capsys, "run", "alignment", "--out", str(finished), "--resume")
    assert "other options" in said


@pytest.mark.parametrize("file", ["run.json", "samples.jsonl", "outcomes.jsonl"])
def test_damaged_records_are_bad_input_and_left_alone(capsys, copy, file):
    data = (copy / file).read_bytes()
    (copy / file).write_bytes(b"\x00\xff" + data[2:])
    before = {path.name: path.read_bytes() for path in copy.iterdir() if path.is_file()}
    assert file in complaint(capsys, "report", str(copy))
    assert file in complaint(capsys, "run", "--out", str(copy), "--resume")
    assert {path.name: path.read_bytes() for path in copy.iterdir() if path.is_file()} == before


def test_a_run_leaves_what_the_contract_says(finished):
    assert {"run.json", "samples.jsonl", "outcomes.jsonl", "summary.json", "summary.csv", "report.html"} <= {
        path.name for path in finished.iterdir()
    }
    assert list((finished / "figures").glob("*.png"))
    summary = json.loads((finished / "summary.json").read_text())
    assert [row["case"] for row in summary["comparisons"]] == ["control"]


def test_synthetic_images_are_named_in_the_title(finished):
    page = (finished / "report.html").read_text()
    assert json.loads((finished / "run.json").read_text())["data"]["kind"] == "synthetic"
    assert "synthetic" in re.search("<title>(.*?)</title>", page, re.DOTALL).group(1)


def test_no_record_holds_the_home_folder(finished):
    text = "".join(path.read_text() for path in finished.glob("*.json*"))
    assert f"{Path.home()}/" not in text


def test_the_summary_can_be_rebuilt(copy):
    before = (copy / "summary.json").read_bytes()
    for name in ("summary.json", "summary.csv", "report.html"):
        (copy / name).unlink()
    shutil.rmtree(copy / "figures")
    assert cli.main(["report", str(copy)]) == 0
    assert (copy / "summary.json").read_bytes() == before
    assert (copy / "report.html").exists()


def test_packed_records_give_the_same_summary(copy):
    before = (copy / "summary.json").read_bytes()
    for name in ("samples.jsonl", "outcomes.jsonl"):
        (copy / f"{name}.gz").write_bytes(gzip.compress((copy / name).read_bytes()))
        (copy / name).unlink()
    assert cli.main(["report", str(copy)]) == 0
    assert (copy / "summary.json").read_bytes() == before


def test_dry_run_shows_the_plan_and_writes_nothing(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["run", "throughput", *SMALL, "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "numpy_scratch" in shown
    assert "expected to take" in shown
    assert not list(tmp_path.iterdir())


def test_strict_makes_a_failure_count(tmp_path):
    broken = ["--impl", str(BROKEN / "update_skipped.py")]
    arguments = ["run", "throughput", *SMALL, *broken]
    assert cli.main([*arguments, "--out", str(tmp_path / "one"), "--strict"]) == 1


def test_a_device_that_is_not_there_is_a_skip_with_its_reason(tmp_path):
    assert cli.main(["run", "throughput", *SMALL, "--device", "cuda", "--out", str(tmp_path / "run")]) == 0
    rows = json.loads((tmp_path / "run" / "summary.json").read_text())["cases"]
    assert {row["status"] for row in rows} == {"skipped"}
    assert all("CUDA" in row["reason"] for row in rows)


@pytest.mark.parametrize("name", ["run.json", "samples.jsonl", "summary.csv", "page"])
def test_a_page_never_overwrites_a_record(capsys, copy, name):
    before = {path.name: path.read_bytes() for path in copy.iterdir() if path.is_file()}
    assert "ends in .html" in complaint(capsys, "report", str(copy), "--out", str(copy / name))
    assert {path.name: path.read_bytes() for path in copy.iterdir() if path.is_file()} == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("run.json", '"launches": {', '"launches": {"x": "many", '),
        ("run.json", '"parameters": {', '"parameters": 5, "was": {'),
        ("outcomes.jsonl", '"complete"', '"incomplete"'),
        ("outcomes.jsonl", '"too_slow"', '"slow"'),
    ],
)
def test_records_of_another_shape_are_bad_input(capsys, copy, file, old, new):
    text = (copy / file).read_text()
    assert old in text
    (copy / file).write_text(text.replace(old, new))
    for arguments in (("report", str(copy)), ("run", "--out", str(copy), "--resume")):
        assert re.search(r"damaged|missing; restore", complaint(capsys, *arguments))


def test_a_changed_implementation_is_not_resumed(capsys, tmp_path):
    mine = tmp_path / "mine.py"
    shutil.copy(BROKEN / "update_skipped.py", mine)
    folder = str(tmp_path / "run")
    assert cli.main(["run", "throughput", *SMALL, "--impl", str(mine), "--out", folder]) == 0
    mine.write_text(mine.read_text() + "\n")
    assert "has changed" in complaint(capsys, "run", "--resume", "--out", folder)
    mine.unlink()
    assert "not there" in complaint(capsys, "run", "--resume", "--out", folder)


def test_a_named_implementation_that_cannot_be_loaded_is_not_verified(tmp_path):
    (tmp_path / "mine.py").write_text("FRAMEWORK = 'numpy'\nbuild = unsupported = None\nraise RuntimeError\n")
    arguments = ["verify", "--impl", str(tmp_path / "mine.py"), "--impl", "numpy_scratch", "--width", "7"]
    assert cli.main([*arguments, "--depth", "1", "--dtype", "float32"]) == 1


def test_a_file_called_control_is_bad_input(capsys, tmp_path):
    shutil.copy(BROKEN / "prints.py", tmp_path / "control.py")
    assert "other than control" in complaint(capsys, "run", "--impl", str(tmp_path / "control.py"))


def test_closed_streams_do_not_cost_the_workers(tmp_path):
    """As under a daemon: the pipes of workers must not take the numbers of standard streams."""
    program = (
        "import os, sys; os.close(0); os.close(2); sys.argv[0] = 'mlpbench'; "
        "from mlpbench.cli import main; raise SystemExit(main())"
    )
    arguments = ["verify", "--impl", "numpy_scratch", "--width", "7", "--depth", "1", "--dtype", "float32", "--json"]
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program, *arguments], env=environ, stdout=subprocess.PIPE, check=False)
    assert done.returncode == 0
    assert json.loads(done.stdout)["results"][0]["equal"] is True


def test_list_keeps_its_contract(capsys):
    assert cli.main(["list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["name"] for row in found["implementations"]} == {
        "numpy_scratch", "torch_scratch", "torch_manual", "torch_concise", "torch_compile", "torch_cudagraph",
        "triton_fused", "jax_scratch", "flax_concise", "tensorflow_scratch", "keras_concise", "mxnet_scratch",
        "gluon_concise",
    }  # fmt: skip
    for row in found["implementations"]:
        assert row["available"] is (row["reason"] is None)
    assert {"throughput", "alignment"} <= {row["name"] for row in found["studies"]}
    places = {row["name"]: row for row in found["environments"]}
    assert {"numpy", "torch", "jax", "tensorflow", "mxnet"} <= set(places)
    assert {row["framework"] for row in found["implementations"]} <= set(places)
    for row in found["environments"]:
        assert {"framework", "python", "version"} <= set(row)
        assert row["available"] is (row["reason"] is None)
    assert places["numpy"]["version"] == np.__version__


def test_hardware_keeps_its_contract(capsys):
    assert cli.main(["hardware", "--json"]) == 0
    groups = json.loads(capsys.readouterr().out)
    facts = [fact for members in groups.values() for fact in members.values()]
    assert len(facts) > 20
    for fact in facts:
        assert set(fact) == {"value", "unit", "source", "kind"}
        assert (fact["value"] is None) == (fact["kind"] == "unknown")


def test_verify_keeps_its_contract(capsys):
    arguments = ["verify", "--impl", "numpy_scratch", "--width", "7", "--depth", "1", "--json"]
    assert cli.main(arguments) == 0
    rows = json.loads(capsys.readouterr().out)["results"]
    assert {row["dtype"] for row in rows} == {"float32", "float64"}
    for row in rows:
        assert row["equal"] is True
        assert row["deviation"] <= row["bound"]


def test_verify_says_what_is_not_equal(capsys):
    arguments = [
        "verify",
        "--impl",
        str(BROKEN / "sum_for_mean.py"),
        "--width",
        "7",
        "--depth",
        "1",
        "--dtype",
        "float64",
    ]
    assert cli.main(arguments) == 1
    assert "not equal" in capsys.readouterr().out


def start(*arguments):
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-m", "mlpbench", *arguments], env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def wait_for_samples(folder, count, limit_s=90):
    deadline = time.monotonic() + limit_s
    file = folder / "samples.jsonl"
    while time.monotonic() < deadline:
        if file.exists() and file.read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.05)
    raise AssertionError("no samples in time")


def test_ctrl_c_keeps_reports_and_ends_with_130(tmp_path):
    folder = tmp_path / "run"
    process = start("run", "throughput", *SMALL, "--out", str(folder))
    wait_for_samples(folder, 5)
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert b"--resume" in output
    assert (folder / "report.html").exists()
    assert not [child for child in children if child.is_running()]
    assert cli.main(["run", "--out", str(folder), "--resume"]) == 0


@pytest.mark.parametrize("samples", [1, 17, 60])
def test_a_killed_run_leaves_no_process_and_is_resumed(tmp_path, samples):
    folder = tmp_path / "run"
    process = start("run", "throughput", *SMALL, "--out", str(folder))
    wait_for_samples(folder, samples)
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
    before = (folder / "samples.jsonl").read_bytes()
    assert cli.main(["run", "--out", str(folder), "--resume"]) == 0
    assert (folder / "samples.jsonl").read_bytes().startswith(before[: before.rfind(b"\n") + 1])
    row = json.loads((folder / "summary.json").read_text())["comparisons"][0]
    assert row["launches"] == json.loads((folder / "run.json").read_text())["plan"]["launches"]["throughput"]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGHUP, 0)])
def test_signals_that_were_ignored_at_the_start(number, status):
    """A background job, which starts with SIGINT ignored, can be interrupted; under nohup no hang-up ends a run."""
    from mlpbench.running import signals

    before = signal.signal(number, signal.SIG_IGN)
    try:
        with signals(signal.default_int_handler, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            caught = 0
            try:
                os.kill(os.getpid(), number)
                time.sleep(0.01)
            except KeyboardInterrupt:
                caught = 130
    finally:
        signal.signal(number, before)
    assert caught == status
