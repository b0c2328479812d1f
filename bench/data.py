"""Fashion-MNIST, or synthetic images of its shape, as NumPy files that any worker can map.

Workers may have no torchvision, so what torchvision reads is laid down once, as ``.npy`` files, in the user's cache.
torchvision itself runs in a short process: it imports torch, and only workers hold a framework. A folder of arrays
comes with their digests and is checked on every use; it appears in one rename, so that a run that is killed, or a
second one beside it, never leaves half of one.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bench import synthetic
from bench.errors import BadInput
from bench.folders import cache_folder

__all__ = ["CLASSES", "DataSource", "drawn", "examples", "find", "flat", "load"]

# Fashion-MNIST's labels, 0 to 9, by its authors' description.
CLASSES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")

# torchvision.datasets.FashionMNIST.resources
MD5 = {
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}
RAW = Path("FashionMNIST", "raw")
SHAPES = {
    "train-images": (60_000, 28, 28),
    "train-labels": (60_000,),
    "test-images": (10_000, 28, 28),
    "test-labels": (10_000,),
}
DIGESTS = "digests.json"
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


@dataclass(frozen=True)
class DataSource:
    """Where the images are, and what they are ("none": nobody asked for any); ``note`` says it without a path."""

    kind: Literal["fashion-mnist", "synthetic", "none"]
    directory: Path
    note: str


class _TorchvisionError(Exception):
    """Why torchvision did not deliver, in a few words without a path."""


def find(data_root: Path | None, environ: Mapping[str, str]) -> DataSource:
    """Return the images a run uses: those of a given folder, else the cache's, downloaded ones, or synthetic ones.

    Args:
        data_root: A folder that holds ``FashionMNIST/raw/*.gz``; it is only read. None: ``$MLPBENCH_DATA``, if set.
        environ: Environment variables.

    Raises:
        BadInput: A file of the given folder is missing or is not Fashion-MNIST, or the cache cannot be written.
    """
    given = str(data_root) if data_root is not None else environ.get("MLPBENCH_DATA", "")
    option = "--data-root" if data_root is not None else "MLPBENCH_DATA"
    target = cache_folder(environ) / "data" / "fashion-mnist"
    if given:
        root = Path(given)
        for name in MD5:
            _check_archive(root / RAW / name, option)
        _provide(target, lambda folder: _extract(root, folder, option))
        return DataSource("fashion-mnist", target, "Fashion-MNIST from a given folder, MD5 sums checked")
    try:
        _provide(target, _download)
    except _TorchvisionError as reason:
        return drawn(environ, f"Fashion-MNIST is not in the cache, and {reason}")
    return DataSource("fashion-mnist", target, "Fashion-MNIST from the cache, digests checked")


def examples(directory: Path, count: int) -> dict[str, Any]:
    """Return the first test images as a record holds them: pixels of all in base64, labels, and what labels mean."""
    images, labels = load(directory, "test")
    pixels = base64.b64encode(np.ascontiguousarray(images[:count]).tobytes()).decode()
    return {"pixels": pixels, "side": int(images.shape[1]), "labels": labels[:count].tolist(), "names": list(CLASSES)}


def drawn(environ: Mapping[str, str], note: str = "synthetic images were asked for") -> DataSource:
    """Return synthetic images. Raises BadInput where the cache cannot be written."""
    target = cache_folder(environ) / "data" / "synthetic"
    _provide(target, _draw)
    return DataSource("synthetic", target, note)


def load(directory: Path, split: Literal["train", "test"]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return images, (count, 28, 28), and labels, (count,), of a folder that ``find`` named, mapped and read-only."""
    images = np.load(directory / f"{split}-images.npy", mmap_mode="r")
    labels = np.load(directory / f"{split}-labels.npy", mmap_mode="r")
    return images, labels


def flat(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return images, (count, rows, columns), as (count, inputs) in [0, 1]."""
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255)


def _check_archive(path: Path, option: str, given: Path | None = None) -> None:
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


def _provide(target: Path, fill: Callable[[Path], None]) -> None:
    """Have ``fill`` write the arrays into a new folder that then becomes ``target``, unless that is intact."""
    if _intact(target):
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _locked(target.with_suffix(".lock")):
            if not _intact(target):  # another run may have filled it while this one waited
                _fill(target, fill)
    except OSError as error:
        raise BadInput(
            f"cache {target.parent}: expected a folder that can be written, got {error.strerror or error}; "
            "set MLPBENCH_CACHE to one"
        ) from None


def _fill(target: Path, fill: Callable[[Path], None]) -> None:
    for leftover in target.parent.glob(f".{target.name}-*"):  # of a killed run: the lock says no other is at it
        shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as temporary:
        folder = Path(temporary, "arrays")
        folder.mkdir()
        fill(folder)
        digests = {name: _digest(folder / f"{name}.npy") for name in SHAPES}
        (folder / DIGESTS).write_text(json.dumps(digests, indent=1))
        if target.exists():
            target.rename(Path(temporary, "damaged"))
        folder.rename(target)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _intact(folder: Path) -> bool:
    """Return whether the folder holds arrays of the right shapes that match the digests stored beside them."""
    try:
        digests = json.loads((folder / DIGESTS).read_text())
        return all(
            _digest(folder / f"{name}.npy") == digests[name] and _shape(folder / f"{name}.npy") == ("uint8", shape)
            for name, shape in SHAPES.items()
        )
    except (OSError, ValueError, LookupError, TypeError):
        return False


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _shape(path: Path) -> tuple[str, tuple[int, ...]]:
    array = np.load(path, mmap_mode="r")
    return str(array.dtype), array.shape


def _extract(root: Path, folder: Path, option: str) -> None:
    """Fill the folder from the given root's archives, which are copied first: what is checked is what is read."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        copied = Path(temporary, RAW)
        copied.mkdir(parents=True)
        for name in MD5:
            shutil.copyfile(root / RAW / name, copied / name)
            _check_archive(copied / name, option, given=root / RAW / name)
        try:
            _torchvision("extract", Path(temporary), folder, EXTRACTION_LIMIT_S)
        except _TorchvisionError as reason:
            raise BadInput(
                f"{option}: expected torchvision to extract Fashion-MNIST, but {reason}; "
                'install mlpbench with its framework: python3 -m pip install "mlpbench[torch]"'
            ) from None


def _download(folder: Path) -> None:
    """Fill the folder from the network; torchvision checks the MD5 sums of what it downloads."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        _torchvision("download", Path(temporary), folder, DOWNLOAD_LIMIT_S)


def _torchvision(task: Literal["extract", "download"], root: Path, folder: Path, limit_s: float) -> None:
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
        raise _TorchvisionError(f"its {task} took longer than {limit_s:.0f} s") from None
    except subprocess.CalledProcessError as error:
        raise _TorchvisionError(_reason(error.stderr, task)) from None
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


def _draw(folder: Path) -> None:
    """Fill the folder with synthetic images."""
    for seed, split in enumerate(("train", "test")):
        images, labels = synthetic.draw(SHAPES[f"{split}-labels"][0], seed)
        np.save(folder / f"{split}-images.npy", images)
        np.save(folder / f"{split}-labels.npy", labels)
