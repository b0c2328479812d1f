"""Fashion-MNIST as torchvision has it: archives known by their MD5, read by torchvision in a short process of its own.

torchvision imports torch, and only workers hold a framework.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Literal

from bench.errors import BadInput

__all__ = ["MD5", "RAW", "Undelivered", "check_archive", "download", "extract", "run"]

# torchvision.datasets.FashionMNIST.resources
MD5 = {
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}
RAW = Path("FashionMNIST", "raw")
EXTRACTION_LIMIT_S = 300.0
DOWNLOAD_LIMIT_S = 60.0

# Prints nothing and needs no network unless told to download. It ends when its standard input does: with its parent.
TORCHVISION = """
import os, socket, sys, threading
from pathlib import Path
threading.Thread(target=lambda: (os.read(0, 1), os._exit(1)), daemon=True).start()
import numpy
from torchvision.datasets import FashionMNIST
from torchvision.datasets.utils import extract_archive
root, target, download = sys.argv[1:]
socket.setdefaulttimeout(10)
if download == "download":
    FashionMNIST(root, download=True)
else:
    for archive in Path(root, "FashionMNIST", "raw").glob("*.gz"):
        extract_archive(str(archive))
for split in ("train", "test"):
    dataset = FashionMNIST(root, train=split == "train")
    numpy.save(f"{target}/{split}-images.npy", dataset.data.numpy())
    numpy.save(f"{target}/{split}-labels.npy", dataset.targets.numpy().astype("uint8"))
"""


class Undelivered(Exception):
    """Why torchvision did not deliver, in a few words without a path."""


def check_archive(path: Path, option: str, given: Path | None = None) -> None:
    """Raise BadInput, which names the given file, unless the file has the MD5 that torchvision lists for its name."""
    shown = given or path
    remedy = f"give a folder that torchvision.datasets.FashionMNIST downloaded, or leave {option} out"
    try:
        with path.open("rb") as file:
            got = hashlib.file_digest(file, "md5").hexdigest()
    except OSError as error:
        raise BadInput(f"{option}: expected Fashion-MNIST's {shown}, got {error.strerror}; {remedy}") from None
    if got != MD5[path.name]:
        raise BadInput(f"{option}: expected MD5 {MD5[path.name]} of {shown}, got {got}; {remedy}")


def extract(root: Path, folder: Path, option: str) -> None:
    """Fill the folder from the given root's archives, which are copied first: what is checked is what is read."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        copied = Path(temporary, RAW)
        copied.mkdir(parents=True)
        for name in MD5:
            shutil.copyfile(root / RAW / name, copied / name)
            check_archive(copied / name, option, given=root / RAW / name)
        try:
            run("extract", Path(temporary), folder, EXTRACTION_LIMIT_S)
        except Undelivered as reason:
            raise BadInput(
                f"{option}: expected torchvision to extract Fashion-MNIST, but {reason}; "
                'install mlpbench with its framework: python3 -m pip install "mlpbench[torch]"'
            ) from None


def download(folder: Path) -> None:
    """Fill the folder from the network; torchvision checks the MD5 sums of what it downloads."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        run("download", Path(temporary), folder, DOWNLOAD_LIMIT_S)


def run(task: Literal["extract", "download"], root: Path, folder: Path, limit_s: float) -> None:
    """Have torchvision, in a process of its own, write the four arrays into the folder."""
    read_end, write_end = os.pipe()  # the write end closes with this process, however it ends
    try:
        subprocess.run(
            [sys.executable, "-P", "-c", TORCHVISION, str(root), str(folder), task],
            stdin=read_end,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit_s,
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise Undelivered(f"its {task} took longer than {limit_s:.0f} s") from None
    except subprocess.CalledProcessError as error:
        raise Undelivered(_reason(error.stderr, task)) from None
    finally:
        os.close(read_end)
        os.close(write_end)


def _reason(stderr: str, task: str) -> str:
    """Return why in a few words; of the output only what is known to hold no path is quoted."""
    if missing := re.search(r"No module named '([\w.]+)'", stderr):
        return f"{missing[1]} is not installed"
    if network := re.search(r"urlopen error (?:\[Errno -?\d+\] )?([\w ,'-]+)|(HTTP Error \d+)", stderr):
        return f"its {task} failed ({(network[1] or network[2]).strip().lower()})"
    return f"its {task} failed"
