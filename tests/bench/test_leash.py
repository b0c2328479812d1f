"""Commands that end with us, however we end."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from bench import leash
from tests.waiting import running, until

ROOT = Path(__file__).parents[2]


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
    assert until(lambda: not running(started[0]))


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
    assert until(lambda: not running(process))
