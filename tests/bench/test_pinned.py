"""What our environments hold, and on which Pythons."""

import os
import re
import sys

import pytest

from bench import pinned


@pytest.mark.parametrize("name", pinned.names())
def test_requirements_are_pinned_and_say_what_they_need(name):
    lines = (pinned.FOLDER / f"{name}.txt").read_text().splitlines()
    comments = [line for line in lines if line.startswith("#")]
    pins = [line for line in lines if not line.startswith("#")]
    for line in pins:
        assert re.fullmatch(r"[a-z0-9-]+==[0-9][\w.]*( ; platform_machine [!=]= \"\w+\")?", line), line
    assert pins == sorted(pins)
    assert {"numpy", "threadpoolctl", name} <= {line.partition("==")[0] for line in pins}
    assert {"python", "platforms", "imports"} <= {line[2:].partition(":")[0] for line in comments}


def test_there_are_requirements_for_three_frameworks():
    assert pinned.names() == ["jax", "mxnet", "tensorflow"]


def test_a_python_that_is_needed_is_found_on_the_path(ready, tmp_path):
    (tmp_path / "requirements" / "jax.txt").write_text(
        (tmp_path / "requirements" / "jax.txt").read_text().replace("{}.{}".format(*sys.version_info), "9.9")
    )
    with pytest.raises(pinned.Impossible, match=r"jax needs Python 9\.9: install it so that python9\.9 is on the path"):
        pinned.interpreter_for(pinned.read("jax"), ready)
    for number, code in enumerate(["exit 127", "echo garbage", "echo version 9.9.1"]):
        folder = tmp_path / f"path{number}"
        folder.mkdir()
        (folder / "python9.9").write_text(f"#!/bin/sh\n{code}\n")
        (folder / "python9.9").chmod(0o755)
    path = os.pathsep.join(str(tmp_path / f"path{number}") for number in range(3))
    assert pinned.interpreter_for(pinned.read("jax"), ready | {"PATH": path}) == str(tmp_path / "path2" / "python9.9")
