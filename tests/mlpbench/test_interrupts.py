"""Interrupted and killed: what was measured is kept, no process is left, and a second Ctrl-C changes nothing."""

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from mlpbench import __main__ as entry
from mlpbench import cli, listing
from mlpbench.interrupts import interruptible, uninterrupted
from tests.mlpbench.conftest import ROOT, SMALL


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


def test_ctrl_c_keeps_and_reports_and_ends_with_130(tmp_path):
    folder = tmp_path / "run"
    process = start("run", "throughput", *SMALL, "--out", str(folder))
    wait_for_samples(folder, 5)
    children = psutil.Process(process.pid).children(recursive=True)
    for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM):  # as tox ends what it runs
        process.send_signal(number)
        time.sleep(0.2)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert b"--resume" in output
    assert b"Traceback" not in output
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_at_the_start_leave_nothing_and_no_traceback(tmp_path, number):
    """While environments are asked, before anything is measured; pressed twice."""
    folder = tmp_path / "runs" / "run"
    process = start("run", "throughput", *SMALL, "--out", str(folder))
    said = process.stdout.readline()
    assert said.startswith(b"looking at what can run here")
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    time.sleep(0.05)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert output.splitlines()[-1] == b"mlpbench: interrupted"
    assert b"Traceback" not in output
    assert list(tmp_path.iterdir()) == []
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive


def interrupts(number):
    """Whether a signal to this process interrupts it."""
    try:
        os.kill(os.getpid(), number)
        time.sleep(0.01)
    except KeyboardInterrupt:
        return True
    return False


@pytest.mark.parametrize(
    ("number", "expected"), [(signal.SIGINT, True), (signal.SIGTERM, True), (signal.SIGHUP, False)]
)
def test_signals_that_were_ignored_before(number, expected):
    """A background job, which starts with SIGINT ignored, can be interrupted; under nohup no hang-up ends a run."""
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with interruptible():
            assert interrupts(number) == expected
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)


def test_a_signal_soon_after_one_that_interrupted_is_the_same_wish():
    now, found = [0.0], []
    with interruptible(clock=lambda: now[0]):
        for at, number in ((5, signal.SIGINT), (5.3, signal.SIGINT), (14.9, signal.SIGTERM), (15.1, signal.SIGINT)):
            now[0] = at
            found.append(interrupts(number))
    assert found == [True, False, False, True]


def test_nothing_interrupts_what_would_be_lost():
    with interruptible():
        with uninterrupted():
            assert not any(map(interrupts, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)))
        assert interrupts(signal.SIGINT)


def test_a_command_that_is_interrupted_says_so(capsys, monkeypatch):
    def interrupted(as_json):
        raise KeyboardInterrupt

    monkeypatch.setattr(listing, "show", interrupted)
    assert cli.main(["list"]) == 130
    assert capsys.readouterr() == ("", "mlpbench: interrupted\n")


@pytest.mark.parametrize("raises", [True, False])
def test_a_process_that_was_interrupted_ends_without_a_word_more(monkeypatch, capsys, raises):
    """Also where Ctrl-C comes before any handler is there, as while modules are imported."""

    def main():
        if raises:
            raise KeyboardInterrupt
        return 130

    monkeypatch.setattr(cli, "main", main)
    numbers = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
    before = [signal.getsignal(number) for number in numbers]
    try:
        assert entry.main() == 130
        assert {signal.getsignal(number) for number in numbers} == {signal.SIG_IGN}
    finally:
        for number, former in zip(numbers, before, strict=True):
            signal.signal(number, former)
    assert capsys.readouterr().err == "mlpbench: interrupted\n" * raises
