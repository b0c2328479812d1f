"""What cannot be: one line that names the input, what was expected and a remedy, and status 2."""

import gzip
import shutil

import pytest

from bench import fashion_mnist
from tests.mlpbench.conftest import BROKEN, SMALL


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
        (["run", "accuracy", "--epochs", "ten"], "--epochs ten: expected a whole number; see mlpbench run --help"),
        (["run", "accuracy", "--seeds", "0"], "--seeds 0: expected a whole number from 1"),
        (["run", "accuracy", "--seeds", "1001"], "--seeds 1001"),
        (["run", "accuracy", "--rate", "0"], "--rate 0.0: expected a learning rate above 0, such as 0.1"),
        (["run", "accuracy", "--rate", "-0.1"], "--rate -0.1"),
        (["run", "accuracy", "--rate", "nan"], "--rate nan"),
        (["run", "accuracy", "--rate", "inf"], "--rate inf"),
        (["run", "accuracy", "--rate", "fast"], "--rate fast: expected a number; see mlpbench run --help"),
        (["run", "throughput", "--epochs", "3"], "--epochs 3: means something to the study accuracy only"),
        (["run", "--seeds", "3"], "--seeds 3: means something to the study accuracy only"),
        (["run", "--rate", "0.1"], "--rate 0.1: means something to the study accuracy only"),
        (["run", "accuracy", "--size", "7"], "--size 7: means something to the study alignment or data_effect or"),
        (["run", "accuracy", "--budget", "60", "--data-root", "/no/such"], "--data-root"),
        (["run", "--nonsense"], "--nonsense"),
        (["verify", "--impl", "torch_magic"], "--impl torch_magic"),
        (["verify", "--width", "0"], "--width 0"),
        (["verify", "--width", "7", "--width=x"], "--width x: expected a whole number; see mlpbench verify --help"),
        (["verify", "--nonsense"], "; see mlpbench verify --help"),
        (["run", "--width"], "; see mlpbench run --help"),
        (["env", "frob"], "; see mlpbench env --help"),
        (["verify", "--impl", "numpy_scratch:fast"], "numpy_scratch has no variants"),
        (["report", "/no/such"], "/no/such: no such file or folder"),
        (["measure"], "see mlpbench --help"),
    ],
)
def test_bad_input_is_one_line_that_names_it(complaint, arguments, said):
    assert said in complaint(*arguments)


@pytest.mark.parametrize("text", ["FRAMEWORK = ", "x = 1", "FRAMEWORK = 3", "FRAMEWORK = 'numpy'", "\0"])
def test_a_file_that_is_no_implementation_is_bad_input(complaint, tmp_path, text):
    (tmp_path / "mine.py").write_text(text)
    assert "mine.py" in complaint("run", "--impl", str(tmp_path / "mine.py"))


def test_a_file_called_like_one_that_ships_is_bad_input(complaint, tmp_path):
    shutil.copy(BROKEN / "prints.py", tmp_path / "numpy_scratch.py")
    assert "ships already" in complaint("run", "--impl", str(tmp_path / "numpy_scratch.py"))


def test_a_folder_that_cannot_be_written_is_bad_input(complaint, tmp_path):
    (tmp_path / "file").write_text("")
    assert "--out" in complaint("run", "throughput", *SMALL, "--out", str(tmp_path / "file" / "run"))


def test_accuracy_without_data_is_bad_input_with_the_remedy(complaint, tmp_path):
    """Synthetic images would be learned, and mean nothing; timing studies take them."""
    said = complaint("run", "accuracy", "--impl", "numpy_scratch", "--out", str(tmp_path / "run"))
    assert "accuracy: needs Fashion-MNIST" in said
    assert "--data-root" in said
    assert "MLPBENCH_DATA" in said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("missing", [False, True])
def test_accuracy_with_a_label_file_of_zeros_or_without_it_is_bad_input(complaint, tmp_path, missing):
    """The sums of the files that come before are those of the real ones, so that the labels are looked at."""
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    labels = raw / "train-labels-idx1-ubyte.gz"
    if not missing:
        labels.write_bytes(gzip.compress((2049).to_bytes(4, "big") + (60_000).to_bytes(4, "big") + bytes(60_000)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fashion_mnist, "MD5", {labels.name: fashion_mnist.MD5[labels.name]})
        said = complaint("run", "accuracy", "--data-root", str(tmp_path), "--out", str(tmp_path / "run"))
    assert labels.name in said
    assert ("No such file" in said) if missing else ("expected MD5 25c81989df183df01b3e8a0aad5dffbe" in said)
    assert not (tmp_path / "run").exists()


def test_a_file_called_control_is_bad_input(complaint, tmp_path):
    shutil.copy(BROKEN / "prints.py", tmp_path / "control.py")
    assert "other than control" in complaint("run", "--impl", str(tmp_path / "control.py"))
