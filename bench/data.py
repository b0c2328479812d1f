"""Fashion-MNIST, or synthetic images of its shape, as NumPy files that any worker can map.

Workers may have no torchvision, so what torchvision reads is laid down once, as ``.npy`` files, in the user's cache.
A folder of arrays comes with their digests and is checked on every use; it appears in one rename, so that a run that is
killed, or a second one beside it, never leaves half of one.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bench import fashion_mnist, synthetic
from bench.errors import BadInput
from bench.folders import cache_folder

__all__ = ["CLASSES", "DataSource", "drawn", "examples", "find", "flat", "load"]

# Fashion-MNIST's labels, 0 to 9, by its authors' description.
CLASSES = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")

SHAPES = {
    "train-images": (60_000, 28, 28),
    "train-labels": (60_000,),
    "test-images": (10_000, 28, 28),
    "test-labels": (10_000,),
}
DIGESTS = "digests.json"


@dataclass(frozen=True)
class DataSource:
    """Where the images are, and what they are ("none": nobody asked for any); ``note`` says it without a path."""

    kind: Literal["fashion-mnist", "synthetic", "none"]
    directory: Path
    note: str


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
        for name in fashion_mnist.MD5:
            fashion_mnist.check_archive(root / fashion_mnist.RAW / name, option)
        _provide(target, lambda folder: fashion_mnist.extract(root, folder, option))
        return DataSource("fashion-mnist", target, "Fashion-MNIST from a given folder, MD5 sums checked")
    try:
        _provide(target, fashion_mnist.download)
    except fashion_mnist.Undelivered as reason:
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


def _draw(folder: Path) -> None:
    """Fill the folder with synthetic images."""
    for seed, split in enumerate(("train", "test")):
        images, labels = synthetic.draw(SHAPES[f"{split}-labels"][0], seed)
        np.save(folder / f"{split}-images.npy", images)
        np.save(folder / f"{split}-labels.npy", labels)
