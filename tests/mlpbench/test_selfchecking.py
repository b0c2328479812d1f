"""``mlpbench selfcheck``: its options, its record, what it exits with."""

import json

import pytest

from bench.selfcheck import record, schedule
from bench.selfcheck.schedule import Job
from bench.survey import Survey
from mlpbench import cli, selfchecking
from tests.selfcheck_tries import planted


@pytest.fixture
def trying(monkeypatch):
    """Tries that are drawn, not measured; as many as are set, then Ctrl-C."""
    done = []

    def do(number, report):
        if len(done) == trying.most:
            raise KeyboardInterrupt
        done.append(number)
        return [drawn | {"number": number}]

    drawn = planted(1)[0]
    monkeypatch.setattr(schedule, "jobs", lambda parts, around: [Job("planted", drawn["setting"], 0.1, False, do)])

    def trying(most):
        trying.most = most

    return trying


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--budget", "0"], "--budget 0: expected seconds, from 1 to 2592000"),
        (["--budget", "1e20"], "--budget 1e+20"),
        (["--budget", "nan"], "--budget nan"),
        (["--budget", "inf"], "--budget inf"),
        (["--part", "all"], "--part all"),
        (["--framework", "jax"], "--framework jax"),
        (["--margin", "2"], "--margin 2.0"),
        (["--threads", "0"], "--threads 0"),
        (["--seed", "-1"], "--seed -1"),
        (["--resume"], "--resume: which self-check?"),
        (["--resume", "--out", "nowhere"], "--out nowhere: no self-check's folder"),
    ],
)
def test_bad_input_is_one_line_with_the_remedy(capsys, arguments, said):
    assert cli.main(["selfcheck", *arguments]) == 2
    told = capsys.readouterr().err
    assert f"mlpbench: {said}" in told
    assert "Traceback" not in told


def test_an_interrupted_one_keeps_its_tries_and_goes_on(tmp_path, trying, capsys):
    folder = tmp_path / "check"
    trying(3)
    assert cli.main(["selfcheck", "--out", str(folder), "--threads", "1", "--json"]) == 130
    assert json.loads(capsys.readouterr().out)["planted"]["settings"][0]["tries"] == 3
    assert len(record.read(folder).lines) == 3
    trying(5)
    assert cli.main(["selfcheck", "--out", str(folder), "--resume"]) == 130
    numbers = [line["number"] for line in record.read(folder).lines]
    assert numbers == list(range(5))
    assert (folder / "report.html").is_file()


def test_a_budget_too_short_for_any_try_says_what_one_takes(tmp_path, monkeypatch, capsys):
    job = Job("planted", "a long one", 80.0, False, lambda number, report: [])
    monkeypatch.setattr(schedule, "jobs", lambda parts, around: [job])
    assert cli.main(["selfcheck", "--budget", "20", "--threads", "1", "--out", str(tmp_path / "check")]) == 2
    assert "a long one, takes about 80 s" in capsys.readouterr().err


@pytest.mark.parametrize("option", [["--seed", "7"], ["--margin", "0.5"], ["--threads", "3"]])
def test_what_holds_for_all_tries_is_not_changed_in_between(tmp_path, trying, capsys, option):
    folder = tmp_path / "check"
    trying(1)
    cli.main(["selfcheck", "--out", str(folder), "--threads", "1"])
    assert cli.main(["selfcheck", "--out", str(folder), "--resume", *option]) == 2
    assert f"leave {option[0]}" in capsys.readouterr().err


def test_a_framework_that_cannot_run_is_bad_input(tmp_path, monkeypatch, capsys):
    def without_torch(cases, told):
        return Survey(reasons={case.id: "no module named torch" for case in cases if case.framework == "torch"})

    monkeypatch.setattr(selfchecking, "survey", without_torch)
    arguments = ["selfcheck", "--framework", "torch", "--threads", "1", "--out", str(tmp_path / "check")]
    assert cli.main(arguments) == 2
    assert "--framework torch: cannot run here (no module named torch)" in capsys.readouterr().err


def test_one_that_is_a_self_check_is_no_run(tmp_path, trying, capsys):
    folder = tmp_path / "check"
    trying(1)
    cli.main(["selfcheck", "--out", str(folder), "--threads", "1"])
    assert cli.main(["run", "--resume", "--out", str(folder)]) == 2
    assert "a self-check, not a run" in capsys.readouterr().err


def test_a_folder_in_use_is_refused(tmp_path, trying, capsys):
    (tmp_path / "other.txt").write_text("mine")
    assert cli.main(["selfcheck", "--out", str(tmp_path)]) == 2
    assert "holds other files" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("at_least", "caught", "traced", "status"),
    [(0.0, True, 0.95, 0), (0.02, True, 0.95, 1), (0.0, False, 0.95, 1), (0.0, True, 0.8, 1)],
)
def test_a_broken_promise_is_status_1(at_least, caught, traced, status):
    found = {"aa": {"false": {"at_least": at_least}}, "timers": [{"caught": True}, {"caught": caught}]}
    found["attribution"] = [{"enough": {"at_most": 1.0}}, {"enough": {"at_most": traced}}]
    assert selfchecking._holds(found) == (status == 0)
