"""The short process in which torchvision runs: what it checks, how long it may take, and that it ends with us."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from bench import fashion_mnist
from tests.waiting import running, until


def test_the_sums_are_those_torchvision_checks() -> None:
    code = "from torchvision.datasets import FashionMNIST as F; print(dict(F.resources))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == str(fashion_mnist.MD5)


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        ("ModuleNotFoundError: No module named 'torchvision'\n", "torchvision is not installed"),
        ("got:\n<urlopen error [Errno -2] Name not known>\n", "its download failed (name not known)"),
        ("got:\n<urlopen error timed out>\n", "its download failed (timed out)"),
        ("got:\nHTTP Error 403: Forbidden\n", "its download failed (http error 403)"),
        ("PermissionError: [Errno 13] Permission denied: '/home/someone/x'\n", "its download failed"),
    ],
)
def test_a_reason_is_short_and_holds_no_path(printed: str, reason: str) -> None:
    assert fashion_mnist._reason(printed, "download") == reason


def test_the_short_process_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fashion_mnist, "TORCHVISION", "import time; time.sleep(60)")
    with pytest.raises(fashion_mnist.Undelivered, match="took longer than 0 s"):
        fashion_mnist.run("download", tmp_path, tmp_path, 0.2)


def test_the_short_process_ends_with_its_parent(tmp_path: Path) -> None:
    watch = fashion_mnist.TORCHVISION.partition("import numpy")[0]
    child_code = watch + "import time; Path(sys.argv[1], 'pid').write_text(str(os.getpid())); time.sleep(60)"
    parent = (
        "from pathlib import Path\nfrom bench import fashion_mnist\n"
        f"fashion_mnist.TORCHVISION = {child_code!r}\n"
        f"fashion_mnist.run('download', Path({str(tmp_path)!r}), Path(), 60)"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], cwd=Path(fashion_mnist.__file__).parents[1])
    pid = until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    child = psutil.Process(int(pid))
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert until(lambda: not running(child))
