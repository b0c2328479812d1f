"""One worker process as its parent sees it: asked over a pipe, stopped while it is not its turn, ended for certain."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench import environments
from bench.case import Case
from bench.environments import Environment
from bench.privacy import anonymous

__all__ = ["WorkerError", "WorkerProcess", "cpu_seconds", "spawn", "start"]

OLD_PYTHON = re.compile("unknown option:? -P", re.IGNORECASE)


class WorkerError(Exception):
    """What a worker failed at, as it may be recorded; ``alive`` says whether it can go on with other cases."""

    def __init__(self, reason: str, *, alive: bool) -> None:
        self.reason: str = anonymous(reason)
        super().__init__(self.reason)
        self.alive = alive


class WorkerProcess:
    """A worker in an environment. It gets a process group of its own, so that Ctrl-C reaches the parent alone, and so
    that a stopped one left by a dead parent is hung up by the kernel also where there is no parent-death signal.

    One that cannot be started is one that has ended: whatever is asked of it, the reason is the answer.
    """

    def __init__(self, environment: Environment, variables: Mapping[str, str]) -> None:
        child_read, self._write = os.pipe()
        self._read, child_write = os.pipe()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._buffer = b""
        self._stopped = False
        self._number = 0
        self._cpu_at_stop = 0.0
        self.stopped_cpu_s = 0.0  # what it used while it was stopped: nothing, or it disturbs the others
        self.asked_at = time.perf_counter()
        self._process: subprocess.Popen[bytes] | None = None
        self._not_started = environment.reason
        try:
            if self._not_started is None:
                self._process = subprocess.Popen(
                    environments.command(environment, str(child_read), str(child_write), str(os.getpid())),
                    env=dict(variables),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=self._errors,
                    pass_fds=(child_read, child_write),
                    process_group=0,
                )
        except OSError as error:
            told = f"{environment.interpreter} cannot be started: {error.strerror or error}"
            self._not_started = "; ".join(filter(None, (told, environment.remedy)))
        os.close(child_read)
        os.close(child_write)
        # Where memory runs out despite the limits, the kernel should take a worker, not the run.
        if self._process is not None:
            with contextlib.suppress(OSError), open(f"/proc/{self.pid}/oom_score_adj", "w") as file:
                file.write("1000")

    @property
    def pid(self) -> int:
        """The process identifier; raises WorkerError where it could not be started."""
        if self._process is None:
            raise WorkerError(str(self._not_started), alive=False)
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process has not ended."""
        return self._process is not None and self._process.poll() is None

    def fileno(self) -> int:
        """The descriptor that its replies come from, as ``select`` wants it."""
        return self._read

    def request(self, message: Mapping[str, Any], limit_s: float) -> dict[str, Any]:
        """Send a request and return the reply.

        Raises:
            WorkerError: The worker answered with an error, died, or took longer than the limit and was ended.
        """
        self.send(message)
        return self.receive(limit_s)

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a request, waking the worker if it was stopped."""
        self.wake()
        self._number += 1
        with contextlib.suppress(BrokenPipeError):  # receive() says how it ended
            os.write(self._write, json.dumps({**message, "number": self._number}).encode() + b"\n")

    def receive(self, limit_s: float) -> dict[str, Any]:
        """Return the reply to the last request; raises WorkerError as ``request`` does."""
        line = self._line(time.monotonic() + limit_s, limit_s)
        try:
            reply: Any = json.loads(line)
        except ValueError:
            reply = None
        # A step that forks answers twice: a reply to an earlier request is as bad as none.
        if not isinstance(reply, dict) or reply.pop("number", None) != self._number:
            self.end()
            raise WorkerError("wrote something else than its reply into the pipe", alive=False)
        if "error" in reply:
            raise WorkerError(str(reply["error"]), alive=True)
        return reply

    def stop(self) -> None:
        """Stop the process and what it started; return when the kernel says it has: it takes no CPU from others."""
        if self._stopped or not self.alive:
            return
        self._signal(signal.SIGSTOP)
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        self._stopped = True
        self._cpu_at_stop = cpu_seconds(self.pid)

    def wake(self) -> None:
        """Continue a stopped process and what it started."""
        if self._stopped and self.alive:
            self.stopped_cpu_s += cpu_seconds(self.pid) - self._cpu_at_stop
            self._signal(signal.SIGCONT)
        self._stopped = False

    def end(self) -> None:
        """Kill the process and whatever it started; safe to call again."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()
        for descriptor in (self._read, self._write):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._read = self._write = -1
        self._errors.close()

    def _signal(self, number: signal.Signals) -> None:
        """Signal the process and whatever it started, as a loader of data may have processes of its own."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def _line(self, deadline: float, limit_s: float) -> bytes:
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                self.end()
                raise WorkerError(f"no answer within its limit of {limit_s:.0f} s", alive=False)
            data = os.read(self._read, 1 << 16)
            if not data:
                reason = self._how_it_ended()
                self.end()
                raise WorkerError(reason, alive=False)
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _how_it_ended(self) -> str:
        if self._process is None:
            return str(self._not_started)
        code = self._process.wait()
        if code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else "a real-time signal"
            return f"crashed: killed by signal {-code} ({name})"
        self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, self._errors.tell() - 4096))
        lines = self._errors.read().decode(errors="replace").strip().splitlines() or ["it wrote no error"]
        if any(OLD_PYTHON.match(line) for line in lines):
            return "its Python is older than 3.11, which workers need"
        return f"ended by itself with status {code}: {lines[-1].strip()[:300]}"


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and all its threads so far; 0 where the kernel does not tell."""
    if sys.platform != "linux":
        return 0.0
    with contextlib.suppress(OSError):
        # clock_getcpuclockid(3): the clock of a process is its inverted identifier and CPUCLOCK_SCHED, 2.
        return time.clock_gettime((~pid << 3) | 2)
    return 0.0


def spawn(case: Case, cache: Path, memory_limit: int | None = None) -> WorkerProcess:
    """Start a worker in a case's environment and ask it to import the provider; its answer is yet to be received.

    Args:
        case: Any of the cases the worker will serve.
        cache: Where compilers keep what later workers may reuse.
        memory_limit: Bytes of private memory it may allocate, or None.
    """
    return start(environments.find(case.where), case, cache, memory_limit)


def start(environment: Environment, case: Case | None, cache: Path, memory_limit: int | None = None) -> WorkerProcess:
    """Start a worker in an environment, as ``spawn`` does; without a case it imports no provider."""
    changes = environments.changes(environment, case.variables if case else {})
    worker = WorkerProcess(environment, environments.variables(case.threads if case else 1, cache, changes))
    cases = [case.to_json()] if case else []
    worker.send({"do": "hello", "cases": cases, "memory_limit": memory_limit, "asked_at": worker.asked_at})
    return worker
