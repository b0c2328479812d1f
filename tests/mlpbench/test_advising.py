"""``mlpbench advise``: its options, what it prints and keeps, how it ends."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace

import pytest

from bench import hardware, plan, runner, store
from bench.advice import measuring, stages
from bench.advice import record as records
from bench.advice.problems import Place
from bench.plan import Preset
from bench.survey import Survey
from mlpbench import advice_checking, advice_preparing, cli
from tests.advice_worlds import CHEAP, World, arithmetic, gaining

PRODUCT = ["--m", "250", "--k", "330", "--n", "500", "--library", "numpy", "--threads", "1"]


def cheap(cases, told):
    told("numpy")
    return CHEAP


@pytest.fixture
def world(monkeypatch):
    """Have a made-up world carry plans out; Ctrl-C comes with the plan of a number, if one is set."""

    def set_up(effect, *, interrupted=None):
        made = World(effect)

        def carry_out(self, planned, margin):
            if len(made.plans) == interrupted:
                raise KeyboardInterrupt
            return made(planned, margin)

        monkeypatch.setattr(measuring.Measuring, "__call__", carry_out)
        monkeypatch.setattr(advice_preparing, "survey", cheap)
        return made

    return set_up


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "advise: on what?"),
        (["--m", "8"], "--k: missing"),
        (["--m", "8", "--k", "8"], "--n: missing"),
        (["--m", "0", "--k", "8", "--n", "8"], "--m 0: expected a whole number from 1 to 65536"),
        (["--m", "8", "--k", "-3", "--n", "8"], "--k -3: expected"),
        (["--m", "8", "--k", "8", "--n", "65537"], "--n 65537: expected"),
        (["--m", "8", "--k", "x", "--n", "8"], "--k x: expected a whole number"),
        (["--layers", "784,10", "--m", "8"], "--layers --m: one of"),
        (["--layers", "784,10", "--check", "2"], "--check --layers: one of"),
        (["--check", "2", "--n", "8"], "--check --n: one of"),
        (["--layers", "784"], "--layers 784: expected 2 to 10 whole numbers"),
        (["--layers", "784,,10"], "--layers 784,,10: expected"),
        (["--layers", "784,0,10"], "--layers 784,0,10: expected"),
        (["--layers", "784,2.5,10"], "--layers 784,2.5,10: expected"),
        (["--layers", "784,-250,10"], "--layers 784,-250,10: expected"),
        (["--layers", "784,²,10"], "--layers 784,²,10: expected"),
        (["--layers", "784,70000,10"], "--layers 784,70000,10: expected"),
        (["--layers", ",".join("9" * 11)], "expected 2 to 10 whole numbers"),
        (["--layers", "784," + "9" * 6000], "expected 2 to 10 whole numbers"),
        (["--layers", ""], "--layers : expected"),
        (["--layers", "784,10", "--batch", "0"], "--batch 0: expected"),
        (["--layers", "784,10", "--impl", "nothing"], "--impl nothing: no such implementation"),
        (["--layers", "784,10", "--impl", "all"], "--impl all: expected one implementation"),
        (["--layers", "784,10", "--library", "numpy"], "--library: means nothing with --layers"),
        (["--layers", "784,10", "--padded-once"], "--padded-once: means nothing with --layers"),
        ([*PRODUCT, "--batch", "3"], "--batch: means nothing with --m"),
        ([*PRODUCT, "--impl", "numpy_scratch"], "--impl: means nothing with --m"),
        (["--check", "0"], "--check 0: expected"),
        (["--check", "2", "--padded-once"], "--padded-once: means nothing with --check"),
        ([*PRODUCT, "--dtype", "int8"], "--dtype int8: expected one of float32"),
        ([*PRODUCT, "--device", "tpu"], "--device tpu: expected one of cpu, cuda"),
        ([*PRODUCT, "--preset", "slow"], "--preset slow: expected one of quick"),
        ([*PRODUCT[:6], "--library", "blas"], "--library blas: expected one of"),
        ([*PRODUCT, "--margin", "2"], "--margin 2.0: expected a fraction"),
        ([*PRODUCT[:6], "--threads", "0"], "--threads 0: expected"),
        ([*PRODUCT, "--seed", "-1"], "--seed -1: expected"),
        ([*PRODUCT, "--resume"], "--resume: means something with --check only"),
        (["--check", "2", "--resume"], "--resume: which check?"),
        (["--check", "2", "--resume", "--out", "nowhere"], "nowhere/run.json: missing"),
    ],
)
def test_bad_input_is_one_line_with_the_remedy(capsys, arguments, said):
    assert cli.main(["advise", *arguments]) == 2
    told = capsys.readouterr()
    assert told.err.startswith("mlpbench: ")
    assert said in told.err
    assert told.err.count("\n") == 1
    assert told.out == ""


def test_a_folder_that_holds_something_is_refused(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    for arguments in (PRODUCT, ["--check", "2"]):
        assert cli.main(["advise", *arguments, "--out", str(tmp_path)]) == 2
        assert "holds other files" in capsys.readouterr().err


def test_a_library_that_cannot_compute_this_is_bad_input(capsys):
    assert cli.main(["advise", *PRODUCT, "--dtype", "bfloat16"]) == 2
    assert "--library numpy: cannot compute this here (NumPy has no bfloat16)" in capsys.readouterr().err


def test_a_product_that_cannot_be_measured_is_bad_input(world, capsys):
    world(arithmetic).broken = {"as it is": "out of memory"}
    assert cli.main(["advise", *PRODUCT]) == 2
    assert "out of memory (in start-up); ask about something smaller" in capsys.readouterr().err


def test_advice_to_pad_says_what_to_do_and_what_it_gains(world, capsys):
    world(gaining(n={512: 0.8}))
    assert cli.main(["advise", *PRODUCT]) == 0
    text = capsys.readouterr().out.replace("\xa0", " ")
    assert "Pad n 500 → 512: 0.8" in text
    assert "Keep the weights in a (330, 512) matrix" in text
    assert "first 250 rows and 500 columns of the result" in text
    assert "µs a step; 27.8 kB more memory (+1.9 %)." in text
    assert "Keep the activations" not in text


def test_padded_activations_are_told_where_to_lie(world, capsys):
    world(gaining(k={336: 0.7}))
    assert cli.main(["advise", *PRODUCT]) == 0
    text = capsys.readouterr().out
    assert "first 250 rows and 330 columns of a (250, 336) matrix" in text


def test_advice_not_to_pad_says_what_came_closest(world, capsys):
    world(arithmetic)
    assert cli.main(["advise", *PRODUCT]) == 0
    text = capsys.readouterr().out
    assert "Do not pad." in text
    assert "The most promising, n 504, takes 1.0" in text
    assert "from 2 % on a gain would have been found" in text


def test_a_failed_control_says_to_run_it_again(world, capsys):
    world(lambda case: 1.2 if case.control else 1.0)
    assert cli.main(["advise", *PRODUCT]) == 0
    assert "Inconclusive: run it again, or with a longer --preset." in capsys.readouterr().out


def test_json_alone_is_on_standard_output(world, capsys):
    world(gaining(n={512: 0.8}))
    assert cli.main(["advise", *PRODUCT, "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["dimensions"][2]["pad_to"] == 512
    assert "looking at what can run here: numpy\n" in told.err


def test_layers_are_those_of_the_network(world, capsys):
    made = world(lambda case: 0.8 if case.parameters["pad_hidden"] == [256] else 1.0)
    layers = ["--layers", "784, 250, 10", "--batch", "64", "--impl", "numpy_scratch", "--threads", "1"]
    assert cli.main(["advise", *layers, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["problem"]["layers"] == [784, 250, 10]
    assert found["problem"]["batch"] == 64
    assert [(entry["name"], entry["pad_to"]) for entry in found["dimensions"]] == [("inputs", 784), ("hidden 1", 256)]
    case = made.plans[0].groups[0].group.cases[0]
    assert (case.provider, case.framework, case.workload) == ("numpy_scratch", "numpy", "padded_step")


@pytest.fixture
def _known_machine(monkeypatch):
    """No probing of hardware, which takes seconds."""
    monkeypatch.setattr(hardware, "record", dict)
    monkeypatch.setattr("mlpbench.machine.framework_facts", lambda places, threads, told: {})


@pytest.fixture
def brief(monkeypatch):
    """Presets of a moment, for what is measured for real."""
    monkeypatch.setattr(plan, "PRESETS", dict.fromkeys(plan.PRESETS, Preset(5, 4, 5, 4)))
    monkeypatch.setattr(stages.screen, "__defaults__", ("screen", 2, 4))


@pytest.mark.usefixtures("_known_machine")
def test_one_that_is_measured_for_real_leaves_records_that_can_be_read(tmp_path, brief, capsys):
    out = tmp_path / "advice"
    sizes = ["--m", "30", "--k", "40", "--n", "50", "--library", "numpy", "--threads", "1"]
    assert cli.main(["advise", *sizes, "--margin", "0.5", "--json", "--out", str(out)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == json.loads((out / "advice.json").read_text())
    assert found["advice"] == "do not pad"
    assert {row["size"] for row in found["screened"] if row["dimension"] == "n"} == {52, 56, 60, 64, 72}
    assert all(row["ratio"] > 0 for row in (*found["screened"], *found["confirmed"]))
    for stage in ("screen", "confirm"):
        kept = store.read(out / stage)
        equal = [outcome["equal"] for outcome in kept.outcomes if outcome["kind"] == "equality"]
        assert equal
        assert all(equal)
        assert kept.run["machine"]["fingerprint"]
    assert not list(out.glob("*/compiler-cache"))


def test_an_interrupt_leaves_nothing_behind(tmp_path, monkeypatch, capsys):
    def interrupted(planned, folder, *arguments, **keywords):
        folder.outcome("interrupted")
        raise KeyboardInterrupt

    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr(advice_preparing, "survey", cheap)
    monkeypatch.setattr(runner, "measure", interrupted)
    assert cli.main(["advise", *PRODUCT]) == 130
    told = capsys.readouterr()
    assert (told.out, "Traceback" in told.err) == ("", False)
    assert list((tmp_path / "tmp").iterdir()) == []


def checked(folder, count, *more):
    fixed = ["--library", "numpy", "--threads", "1", "--out", str(folder)]
    return cli.main(["advise", "--check", str(count), *fixed, *more])


@pytest.mark.usefixtures("_known_machine")
def test_a_check_that_holds_is_status_0_and_one_that_does_not_1(tmp_path, world, capsys):
    world(arithmetic)
    assert checked(tmp_path / "good", 2, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["count"], found["within"], found["needless"], found["padded"]) == (2, 2, 0, 0)

    def odd(case):  # a size that advice never tries
        wide, own = case.parameters["pad_n"], case.parameters["n"]
        return 0.7 if wide - own in (1, 2) and wide % 4 else arithmetic(case)

    world(odd)
    assert checked(tmp_path / "bad", 2) == 1
    assert "in 0, and beyond, by the interval as well, in 2; 0 were to be padded" in capsys.readouterr().out


@pytest.mark.usefixtures("_known_machine")
def test_an_interrupted_check_keeps_what_is_complete_and_goes_on(tmp_path, world, capsys, monkeypatch):
    monkeypatch.setattr(advice_checking, "BATCH", 1)
    folder = tmp_path / "check"
    world(arithmetic, interrupted=6)  # four plans a product
    assert checked(folder, 3) == 130
    assert "--resume" in capsys.readouterr().err
    _, lines, _ = records.read(folder)
    assert [line["number"] for line in lines] == [0]
    made = world(arithmetic)
    assert checked(folder, 3, "--resume") == 0
    _, lines, _ = records.read(folder)
    assert [line["number"] for line in lines] == [0, 1, 2]
    assert len(made.plans) == 8
    assert "Of 3 products" in capsys.readouterr().out


@pytest.mark.usefixtures("_known_machine")
@pytest.mark.parametrize("option", [["--seed", "7"], ["--margin", "0.5"], ["--dtype", "float64"]])
def test_what_holds_for_all_products_is_not_changed_in_between(tmp_path, world, capsys, option):
    world(arithmetic)
    assert checked(tmp_path / "check", 1) == 0
    assert checked(tmp_path / "check", 2, "--resume", *option) == 2
    assert f"was begun with {option[0]}" in capsys.readouterr().err


@pytest.mark.usefixtures("_known_machine")
def test_a_check_in_a_library_that_cannot_is_bad_input(tmp_path, monkeypatch, capsys):
    def without(cases, told):
        return Survey(reasons={case.id: "no module named numpy" for case in cases})

    monkeypatch.setattr(advice_preparing, "survey", without)
    assert checked(tmp_path / "check", 1) == 2
    assert "--library numpy: cannot compute this here (no module named numpy)" in capsys.readouterr().err
    assert not (tmp_path / "check").exists()


def test_threads_default_to_those_there_are():
    from mlpbench.advising import Asked

    asked = Asked({"m": 1, "k": 1, "n": 1})
    assert asked.place.threads >= 1
    assert replace(asked, threads=3).place == Place("cpu", "float32", 3)
