"""A worker as its parent sees it: answers, is quiet when stopped, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace

import psutil
import pytest

from bench.case import Case
from bench.process import WorkerError, cpu_seconds, spawn

CASE = Case("s", "g", "4", "matmul", "numpy", "numpy", {"m": 4, "k": 4, "n": 4, "stack": 1})


@pytest.fixture
def worker(tmp_path):
    process = spawn(CASE, tmp_path)
    process.receive(60)
    yield process
    process.end()


def test_it_prepares_and_samples(worker):
    worker.request({"do": "prepare", "case": CASE.to_json(), "data_dir": ""}, 60)
    reply = worker.request({"do": "sample", "case_id": CASE.id, "steps": 3}, 60)
    assert reply["elapsed_s"] > 0
    assert reply["telemetry"]["cpu_s"] >= 0


def test_an_error_inside_names_itself_and_the_worker_goes_on(worker):
    with pytest.raises(WorkerError, match="KeyError") as caught:
        worker.request({"do": "sample", "case_id": "unknown", "steps": 1}, 60)
    assert caught.value.alive
    assert worker.request({"do": "survey", "case": CASE.to_json()}, 60) == {"reason": None}


def test_one_that_is_killed_is_reported_with_its_signal(worker):
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(WorkerError, match="SIGKILL") as caught:
        worker.request({"do": "survey", "case": CASE.to_json()}, 60)
    assert not caught.value.alive


def test_one_that_does_not_answer_in_time_is_ended(worker):
    pid = worker.pid
    worker.send({"do": "survey", "case": CASE.to_json()})
    worker.receive(60)
    with pytest.raises(WorkerError, match="limit"):
        worker.receive(0.05)
    assert not psutil.pid_exists(pid)


def test_a_stopped_worker_is_stopped_when_stop_returns(worker):
    worker.stop()
    assert psutil.Process(worker.pid).status() == psutil.STATUS_STOPPED
    assert worker.request({"do": "survey", "case": CASE.to_json()}, 60) == {"reason": None}


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells another process's CPU time on Linux only")
def test_a_busy_worker_uses_no_cpu_while_stopped(tmp_path):
    """Its threads spin on, as those of BLAS and OpenMP do: unstopped they take CPU, stopped they take none."""
    spinning = tmp_path / "spinning.py"
    spinning.write_text(
        "import threading\nFRAMEWORK = 'numpy'\n"
        "def unsupported(device, dtype): return None\ndef build(*args, **kwargs): raise RuntimeError\n"
        "def spin():\n    while True: pass\nthreading.Thread(target=spin, daemon=True).start()\n"
    )
    process = spawn(replace(CASE, workload="training_step", provider="spinning", source=str(spinning)), tmp_path)
    try:
        process.receive(60)
        before = cpu_seconds(process.pid)
        while cpu_seconds(process.pid) < before + 0.02:
            time.sleep(0.01)
        process.stop()
        time.sleep(0.1)
        process.wake()
        assert process.stopped_cpu_s == 0
    finally:
        process.end()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells another process's CPU time on Linux only")
def test_what_a_worker_started_is_stopped_continued_and_ended_with_it(tmp_path):
    """Loaders of data have processes of their own, which would go on beside the next case's sample."""
    starting = tmp_path / "starting.py"
    starting.write_text(
        "import subprocess, sys\nFRAMEWORK = 'numpy'\n"
        "def unsupported(device, dtype): return None\ndef build(*args, **kwargs): raise RuntimeError\n"
        "child = subprocess.Popen([sys.executable, '-c', 'while True: pass'])\n"
    )
    process = spawn(replace(CASE, workload="training_step", provider="starting", source=str(starting)), tmp_path)
    try:
        process.receive(60)
        [child] = psutil.Process(process.pid).children()
        process.stop()
        assert eventually(lambda: child.status() == psutil.STATUS_STOPPED)
        before = cpu_seconds(child.pid)
        time.sleep(0.1)
        assert cpu_seconds(child.pid) == before
        process.wake()
        assert eventually(lambda: cpu_seconds(child.pid) > before)
        process.stop()
    finally:
        process.end()
    assert eventually(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def eventually(holds, limit_s=20.0):
    ends = time.monotonic() + limit_s
    while not holds() and time.monotonic() < ends:
        time.sleep(0.01)
    return holds()


def test_ending_a_stopped_worker_leaves_nothing(worker):
    worker.stop()
    pid = worker.pid
    worker.end()
    worker.end()
    assert not psutil.pid_exists(pid)


def test_what_cannot_be_imported_is_a_reason(tmp_path):
    (tmp_path / "broken.py").write_text("raise ImportError('no such library')\n")
    case = Case("s", "g", "x", "training_step", "broken", "numpy", {}, source=str(tmp_path / "broken.py"))
    process = spawn(case, tmp_path)
    try:
        with pytest.raises(WorkerError, match="no such library"):
            process.receive(60)
    finally:
        process.end()


def test_a_worker_that_ends_by_itself_is_a_reason(tmp_path):
    (tmp_path / "leaves.py").write_text("import os, sys\nprint('gone fishing', file=sys.stderr)\nos._exit(3)\n")
    case = Case("s", "g", "x", "training_step", "leaves", "numpy", {}, source=str(tmp_path / "leaves.py"))
    process = spawn(case, tmp_path)
    try:
        with pytest.raises(WorkerError, match="status 3: gone fishing"):
            process.receive(60)
    finally:
        process.end()


def ask_often(process, case):
    """The second answer of what forked may come late, but comes."""
    for _ in range(10):
        process.request({"do": "survey", "case": case.to_json()}, 60)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("os.fork()", "something else than its reply"),
        ("[os.write(n, b'[]\\n') for n in range(3, 64) if is_written_to(n)]", "something else than its reply"),
        ("os.kill(os.getpid(), 40)", "signal 40"),
        ("os._exit(0)", "ended by itself"),
        ("sys.exit(0)", "ended by itself"),
    ],
)
def test_what_an_implementation_does_to_its_process_is_its_own_failure(tmp_path, code, said):
    (tmp_path / "odd.py").write_text(
        "import fcntl, os, stat, sys\n"
        "def is_written_to(n):\n"
        "    try:\n"
        "        writable = fcntl.fcntl(n, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY\n"
        "        return writable and stat.S_ISFIFO(os.fstat(n).st_mode)\n"
        "    except OSError:\n"
        "        return False\n"
        f"def unsupported(device, dtype):\n    {code}\n    return None\n"
    )
    case = Case("s", "g", "x", "training_step", "odd", "numpy", {}, source=str(tmp_path / "odd.py"))
    process = spawn(case, tmp_path)
    try:
        process.receive(60)
        with pytest.raises(WorkerError, match=said) as caught:
            ask_often(process, case)
        assert not caught.value.alive
    finally:
        process.end()


def test_memory_beyond_the_limit_is_refused(tmp_path):
    """A gigabyte does not fit into 400 MB; the kernel, not the run, would be the next to object."""
    (tmp_path / "greedy.py").write_text("import numpy as np\nheld = np.ones(2**27)\n")
    case = Case("s", "g", "x", "training_step", "greedy", "numpy", {}, source=str(tmp_path / "greedy.py"))
    process = spawn(case, tmp_path, memory_limit=400_000_000)
    try:
        with pytest.raises(WorkerError, match="out of memory"):
            process.receive(60)
    finally:
        process.end()


@pytest.mark.parametrize("state", ["waiting", "stopped", "busy"])
def test_workers_die_with_a_killed_parent(tmp_path, state):
    """Also stopped ones and those in the middle of a step, which read no pipe that closes."""
    program = f"""
        import time
        from pathlib import Path
        from bench.process import spawn
        from tests_case import CASE
        worker = spawn(CASE, Path({str(tmp_path)!r}))
        worker.receive(60)
        if {state!r} == "stopped":
            worker.stop()
        if {state!r} == "busy":
            worker.send({{"do": "survey", "case": CASE.to_json()}})
            time.sleep(0.3)
        print(worker.pid, flush=True)
        time.sleep(60)
    """
    (tmp_path / "sleeps.py").write_text("import time\ndef unsupported(device, dtype):\n    time.sleep(60)\n")
    case = ("s", "g", "4", "training_step", "sleeps", "numpy")
    (tmp_path / "tests_case.py").write_text(
        f"from bench.case import Case\nCASE = Case(*{case!r}, {{}}, source={str(tmp_path / 'sleeps.py')!r})\n"
    )
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    environ = os.environ | {"PYTHONPATH": os.pathsep.join([root, str(tmp_path)])}
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True, env=environ
    ) as parent:
        pid = int(parent.stdout.readline())
        assert psutil.pid_exists(pid)
        parent.kill()
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not psutil.pid_exists(pid)


def test_a_worker_imports_light_modules_only(tmp_path):
    (tmp_path / "looks.py").write_text(
        "import sys\n"
        "heavy = {'scipy', 'matplotlib', 'typer', 'rich', 'pandas', 'mlpbench', 'reports'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "assert '' not in sys.path\n"
    )
    case = Case("s", "g", "x", "training_step", "looks", "numpy", {}, source=str(tmp_path / "looks.py"))
    process = spawn(case, tmp_path)
    try:
        assert process.receive(60)["import_s"] >= 0
    finally:
        process.end()
