"""What can run here: an environment that is gone, broken, silent or loud costs its own cases, and no others."""

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from bench import environments, survey, venvs
from bench.case import Case
from bench.privacy import Identity
from bench.process import WorkerError, start
from tests import fake_environments

MATMUL = {"m": 4, "k": 4, "n": 4, "stack": 1}


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """Make a function that writes the user's file; without a call of it there is none, and no environment is made."""
    monkeypatch.setenv("MLPBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MLPBENCH_ENVIRONMENTS", os.devnull)

    def write(**pythons):
        path = tmp_path / "environments.toml"
        tables = [f'[{name}]\nframework = "numpy"\npython = "{python}"\n' for name, python in pythons.items()]
        path.write_text("\n".join(tables))
        monkeypatch.setenv("MLPBENCH_ENVIRONMENTS", str(path))

    return write


def case(name, source=None, framework="numpy", environment=""):
    return Case("s", "g", f"{name} {environment}", "training_step", name, framework, {}, source=source,
                environment=environment)  # fmt: skip


def matmul(environment=""):
    return Case("s", "m", environment or "numpy", "matmul", "numpy", "numpy", MATMUL, environment=environment)


def user_file(path, code):
    path.write_text(f"FRAMEWORK = 'numpy'\n{code}\ndef unsupported(device, dtype): return None\ndef build(): pass\n")
    return str(path)


def reasons(*cases):
    return survey.survey(cases).reasons


def test_each_broken_environment_costs_its_own_cases_and_a_loud_one_nothing(places, tmp_path):
    loud = "import sys; print('garbage'); sys.stdout.flush(); import os; os.write(1, b'{}\\n')"
    places(
        gone=tmp_path / "deleted" / "bin" / "python",
        corrupt=fake_environments.make(tmp_path / "corrupt", numpy="raise RuntimeError('corrupted on purpose')"),
        crash=fake_environments.make(tmp_path / "crash", numpy="import os; os.kill(os.getpid(), 11)"),
        loud=fake_environments.make(tmp_path / "loud", sitecustomize=loud),
    )
    asked = [case("numpy_scratch", environment=name) for name in ("", "gone", "corrupt", "crash", "loud")]
    found = reasons(*asked, matmul(), matmul("loud"))
    assert set(found) == {one.id for one in asked if one.environment in {"gone", "corrupt", "crash"}}
    told = {one.environment: found.get(one.id, "") for one in asked}
    assert "deleted/bin/python is not there; see [gone] in " in told["gone"]
    assert "RuntimeError: corrupted on purpose; see [corrupt] in " in told["corrupt"]
    assert "killed by signal 11 (SIGSEGV); see [crash] in " in told["crash"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("#!/bin/sh\nexit 0\n", "ended by itself with status 0: it wrote no error; see [odd]"),
        ("#!/bin/sh\necho 'no such luck' >&2; exit 3\n", "ended by itself with status 3: no such luck; see [odd]"),
        ("#!/bin/sh\necho 'unknown option -P' >&2; exit 2\n", "its Python is older than 3.11"),
        ("#!/bin/sh\nkill -9 $$\n", "killed by signal 9 (SIGKILL); see [odd]"),
        ("#!/no/such/interpreter\n", "cannot be started: No such file or directory; see [odd]"),
        ("\0garbage", "cannot be started: Exec format error; see [odd]"),
    ],
)
def test_what_is_no_python_is_a_reason(places, tmp_path, code, said):
    odd = tmp_path / "odd"
    odd.write_text(code)
    odd.chmod(0o755)
    places(odd=odd)
    found = reasons(case("numpy_scratch", environment="odd"), case("numpy_scratch"))
    assert len(found) == 1
    assert said in next(iter(found.values()))


def test_an_environment_that_hangs_is_waited_for_once(places, tmp_path, monkeypatch):
    monkeypatch.setattr(survey, "ANSWER_LIMIT_S", 1.0)
    started = tmp_path / "started"
    hangs = tmp_path / "hangs"
    hangs.write_text(f"#!/bin/sh\necho x >> {started}\nexec sleep 60\n")
    hangs.chmod(0o755)
    places(hangs=hangs)
    cases = [case("numpy_scratch", environment="hangs"), matmul("hangs")]
    found = survey.survey([*cases, case("mine", str(tmp_path / "mine.py"), environment="hangs")], ["hangs"])
    assert len(found.reasons) == 3
    assert all(reason.startswith("no answer within its limit") for reason in found.reasons.values())
    assert found.unanswered.keys() == {"hangs"}
    assert started.read_text() == "x\n"


def test_a_provider_that_cannot_be_imported_leaves_the_others_of_its_environment(places, tmp_path):
    """As where one package of several in an environment is broken; scipy is not what numpy_scratch needs."""
    files = {
        "raises": user_file(tmp_path / "raises.py", "raise ValueError('mine')"),
        "crashes": user_file(tmp_path / "crashes.py", "import os; os.abort()"),
        "works": user_file(tmp_path / "works.py", ""),
    }
    cases = {name: case(name, source) for name, source in files.items()}
    found = survey.survey([*cases.values(), case("numpy_scratch"), case("no_such_implementation"), matmul()])
    assert set(found.reasons) == {cases["raises"].id, cases["crashes"].id, case("no_such_implementation").id}
    assert found.reasons[cases["raises"].id] == "ValueError: mine"
    assert found.environments["numpy"]["framework"] == "numpy"


def test_variants_and_networks_are_asked_about_where_an_implementation_looks_at_them(tmp_path):
    path = tmp_path / "looks.py"
    path.write_text(
        "FRAMEWORK = 'numpy'\nVARIANTS = {'fast': {'mode': 'fast', 'other': 1}}\ndef build(): pass\n"
        "def unsupported(device, dtype, mode=None, shape=None):\n"
        "    return f'{mode} {shape.name}' if mode or shape and shape.hidden else None\n"
    )
    networks = [{"inputs": 4, "hidden": hidden, "outputs": 2} for hidden in ([], [3], [5])]
    cases = [
        replace(case("looks", str(path)), name=f"{number} {variant}", variant=variant, parameters=network)
        for number, network in enumerate(networks)
        for variant in ("", "fast")
    ]
    found = reasons(*cases)
    assert [found.get(one.id) for one in cases] == [
        None,
        "fast 4-2",
        "None 4-3-2",
        "fast 4-3-2",
        "None 4-5-2",
        "fast 4-5-2",
    ]


def test_a_missing_environment_has_its_remedy_and_starts_nothing(monkeypatch):
    found = survey.survey([case("jax_scratch", framework="jax")], ["mxnet"])
    assert list(found.reasons.values()) == ["no environment for jax; make it with: mlpbench env create jax"]
    assert found.unanswered["mxnet"] == "no environment for mxnet; make it with: mlpbench env create mxnet"
    assert found.environments == {}


@pytest.mark.parametrize("code", ["raise ImportError('corrupted')", "import os; os.abort()"])
def test_a_broken_environment_that_was_made_is_mended_by_making_it(code):
    """Its remedy is told beside the reason, also for a user's file, which is not at fault."""
    place = venvs.folder("jax", os.environ)
    fake_environments.make(place, jax=code)
    mine = fake_environments.implementation(place.parent / "mine.py", "jax")
    found = reasons(case("jax_scratch", framework="jax"), case("mine", str(mine), framework="jax"))
    assert len(found) == 2
    for reason in found.values():
        assert reason.endswith("; mend it with: mlpbench env create jax")


def test_an_environment_of_another_python_is_a_reason(monkeypatch):
    """Its packages lie in a folder that this Python does not look into."""
    place = venvs.folder("jax", os.environ)
    fake_environments.make(place)
    [packages] = place.glob("lib/python*")
    packages.rename(packages.with_name("python3.1"))
    [reason] = reasons(case("jax_scratch", framework="jax")).values()
    assert "No module named 'numpy'; mend it with: mlpbench env create jax" in reason


def test_no_reason_holds_a_home_folder_or_a_name(places, tmp_path, monkeypatch):
    from bench import privacy

    who = Identity((str(tmp_path / "home"),), ("alice",))
    monkeypatch.setattr(privacy, "identity", lambda: who)
    broken = fake_environments.make(tmp_path / "home" / "one", numpy="raise ImportError(f'alice has {__file__}')")
    places(broken=broken, gone=tmp_path / "home" / "two")
    found = reasons(case("x", environment="broken"), case("x", environment="gone"))
    assert len(found) == 2
    for reason in found.values():
        assert str(tmp_path / "home") not in reason
        assert "alice" not in reason
        assert "~/" in reason


def test_an_environment_says_what_it_is(tmp_path, monkeypatch):
    path = tmp_path / "environments.toml"
    path.write_text(
        '[numpy-native]\nframework = "numpy"\nunset = ["OPENBLAS_CORETYPE"]\n'
        'variables = { OMP_PROC_BIND = "close", MY_TOKEN = "secret", MY_PLACE = "x" }\n'
    )
    monkeypatch.setenv("MLPBENCH_ENVIRONMENTS", str(path))
    told = survey.survey([case("numpy_scratch", environment="numpy-native")]).environments["numpy-native"]
    assert told["framework"] == "numpy"
    assert told["kind"] == "environments.toml"
    assert told["python"] == "{}.{}.{}".format(*sys.version_info)
    assert told["packages"]["numpy"]
    assert told["variables"] == {
        "OMP_PROC_BIND": "close", "MY_TOKEN": "(set)", "MY_PLACE": "(set)", "OPENBLAS_CORETYPE": None,
    }  # fmt: skip


def test_variables_of_an_environment_reach_its_workers(tmp_path, monkeypatch):
    path = tmp_path / "environments.toml"
    path.write_text('[numpy-b]\nframework = "numpy"\nunset = ["FIRST"]\nvariables = { SECOND = "here" }\n')
    monkeypatch.setenv("MLPBENCH_ENVIRONMENTS", str(path))
    monkeypatch.setenv("FIRST", "shell")
    source = user_file(
        tmp_path / "looks.py", "import os; raise ValueError([os.environ.get(n) for n in ('FIRST', 'SECOND')])"
    )
    found = reasons(case("looks", source), case("looks", source, environment="numpy-b"))
    assert list(found.values()) == ["ValueError: ['shell', None]", "ValueError: [None, 'here']"]


def test_a_start_is_timed_by_environment(places, tmp_path):
    places(other=fake_environments.make(tmp_path / "other"))
    found = survey.survey([case("numpy_scratch"), case("numpy_scratch", environment="other")])
    assert found.start_s.keys() == {"numpy", "other"}
    assert all(seconds > 0 for seconds in found.start_s.values())


def test_facts_of_what_is_not_there_are_unknown_with_the_reason():
    facts = survey.framework_facts(["numpy", "jax"], 1)
    assert facts["numpy"]["version"]["value"]
    assert facts["jax"]["available"]["value"] is None
    assert facts["jax"]["available"]["source"].startswith("no environment for jax")


def test_a_worker_that_cannot_be_started_is_one_that_has_ended(places, tmp_path):
    """Whoever holds it may do with it what can be done with any other."""
    places(gone=tmp_path / "gone")
    worker = start(environments.find("gone"), None, tmp_path)
    assert not worker.alive
    worker.stop()
    worker.wake()
    with pytest.raises(WorkerError, match="is not there; see ") as caught:
        worker.receive(10)
    assert not caught.value.alive
    assert worker.stopped_cpu_s == 0
    worker.end()
    worker.end()


def test_a_survey_leaves_no_process(places, tmp_path):
    places(corrupt=fake_environments.make(tmp_path / "corrupt", numpy="raise RuntimeError"))
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    reasons(case("numpy_scratch"), case("numpy_scratch", environment="corrupt"))
    time.sleep(0.05)
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before


def test_the_library_of_every_framework_stands_for_its_environment():
    assert survey.library_case("numpy", 2) == Case("", "", "numpy", "matmul", "numpy", "numpy", {}, threads=2)
    assert survey.library_case("paddle") is None
    assert environments.find("paddle").reason
    assert Path(environments.find("numpy").interpreter) == Path(sys.executable)


def test_each_environment_is_named_before_it_is_asked(places, tmp_path):
    """A start takes seconds with some frameworks; one that is not there takes none."""
    places(other=fake_environments.make(tmp_path / "other"), gone=tmp_path / "gone")
    mine = case("mine", user_file(tmp_path / "mine.py", ""))
    asked = [case("numpy_scratch"), mine, case("numpy_scratch", environment="gone")]
    said = []
    survey.survey(asked, ["other", "jax", "numpy"], said.append)
    assert said == ["numpy", "mine.py in numpy", "other"]
    said.clear()
    survey.framework_facts(["numpy", "jax"], 1, said.append)
    assert said == ["numpy"]
