"""The clock and who governs it, on planted file trees."""

from __future__ import annotations

from pathlib import Path

from bench.hardware.frequency import probe

from .conftest import Tree

CPUFREQ = "sys/devices/system/cpu/cpu0/cpufreq"


def test_frequencies_are_in_hertz(tree: Tree) -> None:
    """The kernel gives kHz."""
    facts = probe(tree({f"{CPUFREQ}/scaling_cur_freq": "2450000\n", f"{CPUFREQ}/cpuinfo_max_freq": "3500000\n"}), 0)
    assert (facts["now"]["value"], facts["now"]["unit"]) == (2_450_000_000, "Hz")
    assert (facts["max"]["value"], facts["max"]["unit"]) == (3_500_000_000, "Hz")


def test_proc_cpuinfo_gives_the_clock_where_there_is_no_governor(tree: Tree) -> None:
    facts = probe(tree({"proc/cpuinfo": "processor\t: 0\ncpu MHz\t\t: 2596.120\n"}), 0)
    assert facts["now"]["value"] == 2_596_120_000


def test_governor_and_driver_are_named(tree: Tree) -> None:
    facts = probe(tree({f"{CPUFREQ}/scaling_governor": "powersave\n", f"{CPUFREQ}/scaling_driver": "amd-pstate\n"}), 0)
    assert facts["governor"]["value"] == "powersave"
    assert facts["driver"]["value"] == "amd-pstate"


def test_boost_reads_intels_no_turbo_turned_round(tree: Tree) -> None:
    assert probe(tree({"sys/devices/system/cpu/cpufreq/boost": "1\n"}), 0)["boost"]["value"] is True
    assert probe(tree({"sys/devices/system/cpu/intel_pstate/no_turbo": "1\n"}), 0)["boost"]["value"] is False


def test_what_cannot_be_read_is_unknown(tmp_path: Path) -> None:
    facts = probe(tmp_path, 0)
    assert {entry["kind"] for entry in facts.values()} == {"unknown"}
    assert str(tmp_path) not in str(facts)
