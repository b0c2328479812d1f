"""How the suite uses pytest-benchmark: plain ``pytest`` runs each benchmark once, as a smoke test.

Whichever option asks for figures measures them; what is stored with them is the machine as our probes know it, without
the names of its host and user.
"""

from __future__ import annotations

from typing import Any

import pytest

from bench.privacy import anonymous
from mlpbench import machine

ASKS_FOR_FIGURES = (
    "benchmark_autosave",
    "benchmark_compare",
    "benchmark_enable",
    "benchmark_json",
    "benchmark_only",
    "benchmark_save",
)


def pytest_configure(config: pytest.Config) -> None:
    # Not in addopts: there, pytest-benchmark refuses it together with --benchmark-only. Its own hook runs last.
    if not any(config.getoption(option) for option in ASKS_FOR_FIGURES):
        config.option.benchmark_disable = True


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    machine_info.pop("node", None)
    machine_info["mlpbench"] = machine.facts()


def pytest_benchmark_update_json(output_json: dict[str, Any]) -> None:
    output_json |= anonymous(output_json)
