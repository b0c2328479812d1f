"""``mlpbench selfcheck``: its options, its record, what it exits with."""

import json

import pytest

from bench.selfcheck import record, schedule
from bench.selfcheck.schedule import Job
from mlpbench import cli
from tests.selfcheck_tries import planted


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MLPBENCH_CACHE", str(tmp_path / "cache"))


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
        (["--budget", "5"], "--budget 5.0: expected at least 15 seconds"),
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


def test_a_folder_in_use_is_refused(tmp_path, trying, capsys):
    (tmp_path / "other.txt").write_text("mine")
    assert cli.main(["selfcheck", "--out", str(tmp_path)]) == 2
    assert "holds other files" in capsys.readouterr().err


@pytest.mark.parametrize(("at_least", "caught", "status"), [(0.0, True, 0), (0.02, True, 1), (0.0, False, 1)])
def test_a_broken_promise_is_status_1(at_least, caught, status):
    from mlpbench import selfchecking

    found = {"aa": {"false": {"at_least": at_least}}, "timers": [{"caught": True}, {"caught": caught}]}
    assert selfchecking._holds(found) == (status == 0)
