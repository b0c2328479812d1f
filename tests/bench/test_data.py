"""Whose images a run uses, and that nothing but Fashion-MNIST passes for Fashion-MNIST."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import data, fashion_mnist, folders
from bench.errors import BadInput

ARRAYS = {
    "train-images": ("train-images-idx3-ubyte.gz", 6),
    "train-labels": ("train-labels-idx1-ubyte.gz", 6),
    "test-images": ("t10k-images-idx3-ubyte.gz", 4),
    "test-labels": ("t10k-labels-idx1-ubyte.gz", 4),
}


def contents() -> dict[str, np.ndarray[Any, Any]]:
    generator = np.random.default_rng(3)
    return {
        name: generator.integers(
            0, 256 if "images" in name else 10, (count, 28, 28) if "images" in name else count, dtype=np.uint8
        )
        for name, (_, count) in ARRAYS.items()
    }


def idx(values: np.ndarray[Any, Any]) -> bytes:
    """Return the array as an IDX file: http://yann.lecun.com/exdb/mnist/, "the IDX file format"."""
    head = bytes([0, 0, 8, values.ndim]) + b"".join(size.to_bytes(4, "big") for size in values.shape)
    return head + values.tobytes()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that holds a small data set, which data.py takes for Fashion-MNIST."""
    folder = tmp_path / "given"
    (folder / fashion_mnist.RAW).mkdir(parents=True)
    for name, values in contents().items():
        archive = folder / fashion_mnist.RAW / ARRAYS[name][0]
        archive.write_bytes(gzip.compress(idx(values), mtime=0))
        monkeypatch.setitem(fashion_mnist.MD5, archive.name, hashlib.md5(archive.read_bytes()).hexdigest())
        monkeypatch.setitem(data.SHAPES, name, values.shape)
    return folder


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"MLPBENCH_CACHE": str(tmp_path / "cache")}


@pytest.fixture
def torchvision(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stand in for the short process; return the list of what it was asked for."""
    tasks: list[str] = []

    def write(task: str, _root: Path, folder: Path, _limit_s: float) -> None:
        tasks.append(task)
        for name, values in contents().items():
            np.save(folder / f"{name}.npy", values)

    monkeypatch.setattr(fashion_mnist, "run", write)
    return tasks


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(task: str, _root: Path, _folder: Path, _limit_s: float) -> None:
        raise fashion_mnist.Undelivered(f"its {task} failed (no route to host)")

    monkeypatch.setattr(fashion_mnist, "run", refuse)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_torchvision_extracts_what_was_given_and_writes_nothing_there(root: Path, environ: dict[str, str]) -> None:
    before = files(root)
    source = data.find(root, environ)
    for split in ("train", "test"):
        images, labels = data.load(source.directory, split)
        np.testing.assert_array_equal(images, contents()[f"{split}-images"])
        np.testing.assert_array_equal(labels, contents()[f"{split}-labels"])
    assert source.kind == "fashion-mnist"
    assert files(root) == before


def test_a_second_run_uses_the_cache(root: Path, environ: dict[str, str], torchvision: list[str]) -> None:
    first = data.find(root, environ)
    assert data.find(None, environ).directory == first.directory
    assert data.find(root, environ).directory == first.directory
    assert torchvision == ["extract"]


def test_the_variable_counts_as_the_option(root: Path, environ: dict[str, str], torchvision: list[str]) -> None:
    data.find(None, environ | {"MLPBENCH_DATA": str(root)})
    assert torchvision == ["extract"]


def test_the_option_overrules_the_variable(root: Path, environ: dict[str, str], torchvision: list[str]) -> None:
    data.find(root, environ | {"MLPBENCH_DATA": "/nowhere"})
    assert torchvision == ["extract"]


def test_an_empty_variable_counts_as_not_given(root: Path, environ: dict[str, str], torchvision: list[str]) -> None:
    data.find(None, environ | {"MLPBENCH_DATA": ""})
    assert torchvision == ["download"]


@pytest.mark.parametrize("name", sorted(fashion_mnist.MD5))
def test_a_missing_file_is_bad_input_even_with_the_cache_filled(
    root: Path, environ: dict[str, str], torchvision: list[str], name: str
) -> None:
    data.find(root, environ)
    (root / fashion_mnist.RAW / name).unlink()
    with pytest.raises(BadInput, match=f"^--data-root: .*{name}, got No such file"):
        data.find(root, environ)


@pytest.mark.parametrize("name", sorted(fashion_mnist.MD5))
@pytest.mark.parametrize("changed", [False, True])
def test_truncated_or_changed_data_is_bad_input_with_both_sums(
    root: Path, environ: dict[str, str], torchvision: list[str], name: str, changed: bool
) -> None:
    data.find(root, environ)
    archive = root / fashion_mnist.RAW / name
    held = archive.read_bytes()
    archive.write_bytes(held[:-9] + bytes([held[-9] ^ 1]) + held[-8:] if changed else held[:-1])
    expected, got = fashion_mnist.MD5[name], hashlib.md5(archive.read_bytes()).hexdigest()
    with pytest.raises(BadInput, match=f"^MLPBENCH_DATA: expected MD5 {expected} of .*{name}, got {got}; .+"):
        data.find(None, environ | {"MLPBENCH_DATA": str(root)})


def test_a_damaged_cache_is_filled_again(root: Path, environ: dict[str, str], torchvision: list[str]) -> None:
    directory = data.find(root, environ).directory
    for name in [*(f"{array}.npy" for array in ARRAYS), data.DIGESTS]:
        path = directory / name
        intact = path.read_bytes()
        path.write_bytes(intact[:-1] + b"\x7f")
        data.find(root, environ)
        assert path.read_bytes() == intact
    assert len(torchvision) == 1 + len(ARRAYS) + 1


def test_arrays_of_another_shape_are_not_used(
    root: Path, environ: dict[str, str], torchvision: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = data.find(root, environ).directory
    monkeypatch.setitem(data.SHAPES, "test-labels", (5,))
    assert not data._intact(directory)


def test_a_run_that_failed_leaves_no_half_of_a_folder(root: Path, environ: dict[str, str], monkeypatch: Any) -> None:
    def half(task: str, _root: Path, folder: Path, _limit_s: float) -> None:
        np.save(folder / "train-images.npy", contents()["train-images"])
        raise fashion_mnist.Undelivered("it was cut off")

    monkeypatch.setattr(fashion_mnist, "run", half)
    with pytest.raises(BadInput, match="it was cut off"):
        data.find(root, environ)
    assert [path.name for path in Path(environ["MLPBENCH_CACHE"], "data").iterdir()] == ["fashion-mnist.lock"]


def test_leftovers_of_killed_runs_are_removed(root: Path, environ: dict[str, str], torchvision: list[str]) -> None:
    leftover = Path(environ["MLPBENCH_CACHE"], "data", ".fashion-mnist-killed")
    leftover.mkdir(parents=True)
    data.find(root, environ)
    assert not leftover.exists()


def test_two_runs_at_once_extract_once(root: Path, environ: dict[str, str], torchvision: list[str]) -> None:
    failures: list[BaseException] = []

    def run() -> None:
        try:
            data.find(root, environ)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert torchvision == ["extract"]


@pytest.mark.usefixtures("offline")
def test_offline_gives_synthetic_images_and_says_why(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, (_, count) in ARRAYS.items():
        monkeypatch.setitem(data.SHAPES, name, (count, 28, 28) if "images" in name else (count,))
    source = data.find(None, environ)
    assert source.kind == "synthetic"
    assert source.note == "Fashion-MNIST is not in the cache, and its download failed (no route to host)"
    assert data.load(source.directory, "train")[0].shape == (6, 28, 28)


@pytest.mark.usefixtures("offline")
def test_what_was_given_and_cannot_be_extracted_is_never_replaced(root: Path, environ: dict[str, str]) -> None:
    with pytest.raises(BadInput, match=r"--data-root: expected torchvision to extract .* its extract failed"):
        data.find(root, environ)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"MLPBENCH_CACHE": "/a", "XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/a"),
        ({"XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/b/mlpbench"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/c"}, "/c/.cache/mlpbench"),
        ({"HOME": "/c"}, "/c/.cache/mlpbench"),
    ],
)
def test_where_the_cache_is(environ: dict[str, str], expected: str) -> None:
    assert folders.cache_folder(environ) == Path(expected)


def test_a_cache_that_cannot_be_written_is_bad_input(root: Path, tmp_path: Path, torchvision: list[str]) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match=r"^cache .*/file/data: expected a folder that can be written, .*MLPBENCH_CACHE"):
        data.find(root, {"MLPBENCH_CACHE": str(tmp_path / "file")})


def test_a_filled_cache_need_not_be_writable(root: Path, environ: dict[str, str], torchvision: list[str]) -> None:
    data.find(root, environ)
    lock = Path(environ["MLPBENCH_CACHE"], "data", "fashion-mnist.lock")
    lock.unlink()
    lock.mkdir()  # cannot be opened for writing, whoever runs this
    assert data.find(root, environ).kind == "fashion-mnist"


def test_mapped_arrays_cannot_be_changed(root: Path, environ: dict[str, str], torchvision: list[str]) -> None:
    images, _ = data.load(data.find(root, environ).directory, "test")
    assert isinstance(images, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        images[0] = 0


@pytest.mark.skipif(not os.environ.get("MLPBENCH_DATA"), reason="MLPBENCH_DATA names no Fashion-MNIST")
def test_the_real_data_is_read_right(environ: dict[str, str]) -> None:
    """Its labels are balanced, and its first training label is 9, an ankle boot (github.com/zalandoresearch)."""
    source = data.find(None, environ | {"MLPBENCH_DATA": os.environ["MLPBENCH_DATA"]})
    images, labels = data.load(source.directory, "train")
    assert images.shape == (60_000, 28, 28)
    assert labels[0] == 9
    assert np.bincount(labels).tolist() == [6000] * 10
    assert re.search("MD5", source.note)
