"""``list``, ``hardware`` and ``verify``: JSON that keeps its contract."""

import json
import os
import re
import subprocess
import sys

import numpy as np

from bench.survey import Survey
from mlpbench import cli, verifying
from tests.mlpbench.conftest import BROKEN, ROOT


def test_list_keeps_its_contract(capsys):
    assert cli.main(["list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["name"] for row in found["implementations"]} == {
        "numpy_scratch", "torch_scratch", "torch_manual", "torch_concise", "torch_compile", "torch_cudagraph",
        "triton_fused", "jax_scratch", "flax_concise", "tensorflow_scratch", "keras_concise", "mxnet_scratch",
        "gluon_concise",
    }  # fmt: skip
    for row in found["implementations"]:
        assert row["available"] is (row["reason"] is None)
    assert {"throughput", "alignment"} <= {row["name"] for row in found["studies"]}
    places = {row["name"]: row for row in found["environments"]}
    assert {"numpy", "torch", "jax", "tensorflow", "mxnet"} <= set(places)
    assert {row["framework"] for row in found["implementations"]} <= set(places)
    for row in found["environments"]:
        assert {"framework", "python", "version"} <= set(row)
        assert row["available"] is (row["reason"] is None)
    assert places["numpy"]["version"] == np.__version__


def test_hardware_keeps_its_contract(capsys):
    assert cli.main(["hardware", "--json"]) == 0
    groups = json.loads(capsys.readouterr().out)
    facts = [fact for members in groups.values() for fact in members.values()]
    assert len(facts) > 20
    for fact in facts:
        assert set(fact) == {"value", "unit", "source", "kind"}
        assert (fact["value"] is None) == (fact["kind"] == "unknown")


def test_verify_keeps_its_contract(capsys):
    arguments = ["verify", "--impl", "numpy_scratch", "--width", "7", "--depth", "1", "--json"]
    assert cli.main(arguments) == 0
    rows = json.loads(capsys.readouterr().out)["results"]
    assert {row["dtype"] for row in rows} == {"float32", "float64"}
    for row in rows:
        assert row["equal"] is True
        assert row["deviation"] <= row["bound"]


def test_verify_tells_each_reason_once_and_counts_rows(capsys):
    chosen = ["--impl", "numpy_scratch", "--impl", str(BROKEN / "sum_for_mean.py"), "--dtype", "float32"]
    assert cli.main(["verify", *chosen, "--dtype", "bfloat16", "--width", "7", "--width", "8", "--depth", "1"]) == 1
    *table, said, last = capsys.readouterr().out.splitlines()
    assert said.startswith("not checked: 2 rows of numpy_scratch, sum_for_mean: ")
    assert not any("not checked" in line for line in table)
    assert last == "1 equal, 1 not equal, 2 not checked"


def test_verify_has_variants_only_where_they_are_asked_for(monkeypatch):
    seen = []

    def survey(cases, told):
        seen.append({case.implementation for case in cases})
        return Survey(reasons={case.id: "not today" for case in cases})

    monkeypatch.setattr(verifying, "survey", survey)
    for arguments in ([], ["--impl", "all"]):
        assert cli.main(["verify", *arguments]) == 2
    default, every = seen
    assert default == {name for name in every if ":" not in name}
    assert default < every


def test_help_of_verify_speaks_of_no_study(capsys):
    assert cli.main(["verify", "--help"]) == 0
    assert not re.search("stud|throughput", capsys.readouterr().out)


def test_verify_says_what_is_not_equal(capsys):
    arguments = [
        "verify",
        "--impl",
        str(BROKEN / "sum_for_mean.py"),
        "--width",
        "7",
        "--depth",
        "1",
        "--dtype",
        "float64",
    ]
    assert cli.main(arguments) == 1
    assert "not equal" in capsys.readouterr().out


def test_a_named_implementation_that_cannot_be_loaded_is_not_verified(tmp_path):
    (tmp_path / "mine.py").write_text("FRAMEWORK = 'numpy'\nbuild = unsupported = None\nraise RuntimeError\n")
    arguments = ["verify", "--impl", str(tmp_path / "mine.py"), "--impl", "numpy_scratch", "--width", "7"]
    assert cli.main([*arguments, "--depth", "1", "--dtype", "float32"]) == 1


def test_closed_streams_do_not_cost_the_workers(tmp_path):
    """As under a daemon: the pipes of workers must not take the numbers of standard streams."""
    program = (
        "import os, sys; os.close(0); os.close(2); sys.argv[0] = 'mlpbench'; "
        "from mlpbench.cli import main; raise SystemExit(main())"
    )
    arguments = ["verify", "--impl", "numpy_scratch", "--width", "7", "--depth", "1", "--dtype", "float32", "--json"]
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program, *arguments], env=environ, stdout=subprocess.PIPE, check=False)
    assert done.returncode == 0
    assert json.loads(done.stdout)["results"][0]["equal"] is True
