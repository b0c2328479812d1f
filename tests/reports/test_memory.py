"""What is said and drawn of memory comes from its tables, and from groups that can be relied on."""

from __future__ import annotations

import pytest
from matplotlib.lines import Line2D

from reports import memory
from reports.plots import memory_bandwidth
from tests.reports.shown import Record, drawn, plain, words

FIGURE = "memory_bandwidth"
KIB, MIB = 1 << 10, 1 << 20
RATES = {24 * KIB: 30e9, 512 * KIB: 150e9, 16 * MIB: 60e9, 128 * MIB: 15e9}
RUN = {
    "machine": {
        "facts": {
            "caches": {
                "l1d_size": {"value": 48 * KIB, "unit": "B", "source": "planted", "kind": "queried"},
                "l2_size": {"value": MIB, "unit": "B", "source": "planted", "kind": "queried"},
                "l3_size": {"value": None, "unit": "B", "source": "planted", "kind": "unknown"},
            }
        }
    }
}


def curve(kernel: str = "copy", threads: int = 1, library: str = "torch", factor: float = 1.0) -> list[Record]:
    return [
        {"group": f"{library} {kernel} {threads}", "provider": library, "device": "cpu", "dtype": "float32",
         "threads": threads, "kernel": kernel, "working_set": size, "bandwidth": factor * rate,
         "low": 0.9 * factor * rate, "high": 1.1 * factor * rate, "call_bound": size < MIB}
        for size, rate in RATES.items()
    ]  # fmt: skip


def step(low: int, high: int, caches: list[str], kernel: str = "copy", threads: int = 1) -> Record:
    return {"group": f"torch {kernel} {threads}", "provider": "torch", "device": "cpu", "dtype": "float32",
            "threads": threads, "kernel": kernel, "from": low, "to": high, "before": 150e9, "after": 60e9,
            "caches": caches, "kind": "derived"}  # fmt: skip


def made(*curves: list[Record], steps: tuple[Record, ...] = (), marked: tuple[str, ...] = ()) -> Record:
    comparisons = [{"study": "memory", "group": group, "marked": True, "control": True} for group in marked]
    return {"bandwidths": [row for rows in curves for row in rows], "cache_steps": list(steps),
            "comparisons": comparisons}  # fmt: skip


def said(summary: Record) -> list[str]:
    return [plain(text) for text in memory.sentences(summary)]


def test_main_memory_is_told_by_kernel_with_its_interval() -> None:
    [text] = said(made(curve(), curve("triad", factor=2)))
    assert text.startswith("Over 128 MiB, beyond the caches, torch with 1 thread in float32 moves: ")
    assert "copy 15.0 GB/s (13.5 GB/s to 16.5 GB/s) and triad 30.0 GB/s" in text


def test_numbers_of_threads_and_libraries_are_told_apart() -> None:
    texts = said(made(curve(), curve(threads=2), curve(library="numpy")))
    assert [text.split("caches, ")[1].split(" in ")[0] for text in texts] == [
        "torch with 1 thread",
        "torch with 2 threads",
        "numpy with 1 thread",
    ]


def test_steps_are_told_as_derived_with_the_cache_that_ends_there() -> None:
    steps = (step(512 * KIB, 16 * MIB, ["l2"]), step(16 * MIB, 128 * MIB, []))
    text = said(made(curve(), steps=steps))[-1]
    assert text.startswith("Derived from its curve, calls into the library taken off: the bandwidth of copy in torch ")
    assert "from 150 GB/s to 60.0 GB/s between 512 KiB and 16 MiB, where L2 ends" in text
    assert text.endswith("between 16 MiB and 128 MiB.")


def test_steps_of_other_kernels_and_threads_are_left_alone() -> None:
    steps = (step(512 * KIB, 16 * MIB, ["l2"], "triad"), step(512 * KIB, 16 * MIB, ["l2"], threads=2))
    assert len(said(made(curve(), steps=steps))) == 1


def test_a_group_whose_control_failed_says_nothing() -> None:
    summary = made(curve(), curve("triad"), steps=(step(512 * KIB, 16 * MIB, []),), marked=("torch copy 1",))
    [text] = said(summary)
    assert "triad" in text
    assert "copy" not in text


@pytest.mark.parametrize("summary", [{}, made()])
def test_without_the_study_nothing_is_said_or_drawn(summary: Record) -> None:
    assert memory.sentences(summary) == []
    assert memory_bandwidth.draw(RUN, summary) is None


def test_tables_say_that_calls_are_in_their_bandwidths_where_there_are_any() -> None:
    assert "calls into the library included" in memory.passes({"cases": [{"throughput_unit": "B/s"}]})
    assert memory.passes({"cases": [{"throughput_unit": "FLOP/s"}]}) == memory.passes({}) == ""


def test_known_caches_are_drawn_with_their_sizes_and_unknown_ones_are_not() -> None:
    found = words(drawn(FIGURE, RUN, made(curve())))
    assert {"L1 48 KiB", "L2 1 MiB"} <= set(found)
    assert not any(text.startswith("L3") for text in found)
    assert not any(text.startswith("L2") for text in words(drawn(FIGURE, {}, made(curve()))))


def test_on_a_gpu_its_own_cache_is_drawn_and_none_of_the_hosts() -> None:
    torch = {"gpu0_l2_size": {"value": 8 * MIB, "unit": "B", "source": "planted", "kind": "queried"}}
    run = {"machine": {"facts": RUN["machine"]["facts"] | {"torch": torch}}}
    on_gpu = [row | {"device": "cuda"} for row in curve()]
    assert [text for text in words(drawn(FIGURE, run, made(on_gpu))) if text.startswith("L")] == ["L2 8 MiB"]
    assert [text for text in words(drawn(FIGURE, RUN, made(on_gpu))) if text.startswith("L")] == []


def test_a_cache_that_no_working_set_reaches_is_not_drawn() -> None:
    facts = {"l1d_size": {"value": 48 * KIB}, "l3_size": {"value": 1 << 30}}
    found = words(drawn(FIGURE, {"machine": {"facts": {"caches": facts}}}, made(curve())))
    assert [text for text in found if text.startswith("L")] == ["L1 48 KiB"]


def test_every_kernel_has_a_line_for_the_fewest_and_the_most_threads() -> None:
    def lines(*curves: list[Record]) -> list[tuple[str, str]]:
        axes = drawn(FIGURE, RUN, made(*curves)).axes[0]
        return [
            (str(line.get_color()), line.get_linestyle())
            for line in axes.findobj(Line2D)
            if isinstance(line, Line2D) and len(line.get_xdata()) == len(RATES)
        ]

    found = lines(curve(), curve(threads=2), curve(threads=8), curve("triad"))
    assert len(found) == 3
    copy, triad = memory_bandwidth.LOOKS["copy"].colour, memory_bandwidth.LOOKS["triad"].colour
    assert sorted(found) == sorted([(copy, "-"), (copy, "--"), (triad, "-")])


def test_the_key_names_kernels_and_numbers_of_threads() -> None:
    assert {"copy", "1 thread", "8 threads"} <= set(words(drawn(FIGURE, RUN, made(curve(), curve(threads=8)))))
    alone = set(words(drawn(FIGURE, RUN, made(curve()))))
    assert "1 thread" not in alone
    assert "triad" not in alone


def test_marks_are_open_where_the_call_weighs() -> None:
    def filled(summary: Record) -> list[bool]:
        marks = [
            line for line in drawn(FIGURE, RUN, summary).axes[0].findobj(Line2D)
            if isinstance(line, Line2D) and line.get_marker() == memory_bandwidth.LOOKS["copy"].marker
        ]  # fmt: skip
        marks.sort(key=lambda line: float(line.get_xdata()[0]))
        return [line.get_markerfacecolor() != "white" for line in marks]

    assert filled(made(curve())) == [False, False, True, True]


def test_intervals_are_drawn_from_end_to_end_and_may_be_missing() -> None:
    rows = curve()
    rows[0].update(low=None, high=None)
    lines = [line for line in drawn(FIGURE, RUN, made(rows)).axes[0].findobj(Line2D) if isinstance(line, Line2D)]
    ends = [tuple(round(float(y), 3) for y in line.get_ydata()) for line in lines if len(line.get_ydata()) == 2]
    assert (54.0, 66.0) in ends
    assert (30.0, 30.0) in ends


def test_each_library_has_a_panel_on_one_scale() -> None:
    figure = drawn(FIGURE, RUN, made(curve(), curve(library="numpy", factor=0.1)))
    titles = [text for text in words(figure) if text.endswith("· cpu · float32")]
    assert titles == ["torch · cpu · float32", "numpy · cpu · float32"]
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()


def test_a_failed_control_is_noted() -> None:
    assert any("control failed" in text for text in words(drawn(FIGURE, RUN, made(curve(), marked=("torch copy 1",)))))
