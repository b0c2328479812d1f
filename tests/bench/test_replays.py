"""Steps captured into a graph: how many sets of operands take turns, what is captured in which order, and what for."""

from __future__ import annotations

import gc
import re
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from bench import libraries, replays
from bench.case import Case
from bench.workloads import Prepared

L2 = 60 << 20


def case(clock: str | None = "device", device: str = "cuda", framework: str = "torch") -> Case:
    sizes: dict[str, Any] = {"m": 4, "k": 4, "n": 4, "stack": 1}
    parameters = sizes | ({} if clock is None else {"clock": clock})
    return Case("alignment", "g", "c", "matmul", framework, framework, parameters, device=device)


@pytest.mark.parametrize("set_bytes", [3 * 2 * 1024**2, 3 * 4 * 1024**2, 3 * 2 * 4096**2, 1 << 30, L2, 2 * L2])
def test_operands_that_take_turns_exceed_the_last_cache_twice_and_not_by_more_than_one(set_bytes: int) -> None:
    turns = replays.rotation(set_bytes, L2)
    assert turns.bytes == turns.copies * set_bytes > 2 * L2
    assert turns.bytes - set_bytes <= 2 * L2
    assert "less" not in turns.described


def test_a_set_larger_than_two_caches_is_one_alone() -> None:
    assert replays.rotation(2 * L2 + 1, L2).copies == 1
    assert replays.rotation(2 * L2, L2).copies == 2


def test_more_sets_than_a_graph_may_hold_are_not_made_and_that_is_said() -> None:
    turns = replays.rotation(3 * 4 * 16**2, L2)
    assert turns.copies == replays.MOST_COPIES
    assert turns.bytes < 2 * L2
    assert "less than 2 times the L2" in turns.described


def test_where_the_cache_is_unknown_the_largest_is_exceeded_and_that_is_said() -> None:
    turns = replays.rotation(1 << 20, None)
    assert turns.bytes > 2 * 126 * 10**6
    assert "unknown" in turns.described


def test_what_is_captured_is_told_in_a_few_words() -> None:
    assert replays.rotation(6 << 20, L2).described == "graph of 21 steps over 132.1 MB of operands (L2 62.91 MB)"
    assert replays.rotation(1 << 30, L2).described.startswith("graph of 1 step over")


def test_the_libraries_that_capture_are_those_that_say_so() -> None:
    found = {name for name in libraries.names() if hasattr_captured(name)}
    assert found == set(replays.CAPTURING)
    assert replays.parameters("torch", "cuda") == {"clock": "device"}
    assert replays.parameters("torch", "cpu") == replays.parameters("jax", "cuda") == {}


def hasattr_captured(name: str) -> bool:
    """Read off the file, as importing it would import its framework."""
    text = (Path(libraries.__file__).parent / f"{name}.py").read_text()
    return bool(re.search(r"^(def captured|from .* import .*\bcaptured\b|    captured,$)", text, re.MULTILINE))


def test_without_a_clock_of_its_own_a_case_has_the_users() -> None:
    assert not replays.asked(case(clock=None))
    assert replays.asked(case())


def test_a_clock_there_is_none_of_is_an_error() -> None:
    with pytest.raises(ValueError, match="'sun': expected 'device'"):
        replays.asked(case(clock="sun"))


def test_what_cannot_be_captured_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "load", lambda name: SimpleNamespace())
    assert "CPU" in str(replays.unsupported(case(device="cpu")))
    assert "jax captures no steps" in str(replays.unsupported(case(framework="jax")))
    assert "own captures no steps" in str(replays.unsupported(case(framework="own")))


def test_what_can_be_captured_has_no_reason_against_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "load", lambda name: SimpleNamespace(captured=None))
    assert replays.unsupported(case()) is None
    assert replays.unsupported(replace(case(clock=None), device="cpu")) is None


def test_a_call_of_the_step_replays_all_that_was_captured() -> None:
    taken: list[int] = []
    following = cycle(range(3)).__next__

    def captured(step: Any, device: str, copies: int) -> Any:
        for _ in range(2 * copies):
            step()
        return lambda: taken.append(-1)

    turns = replays.Rotation(3, 300, 100)
    plain = Prepared(lambda: taken.append(following()), lambda: None, sample_s=0.1)
    prepared = replays.captured(plain, SimpleNamespace(captured=captured), "cuda", turns)
    assert taken == [0, 1, 2, 0, 1, 2]
    prepared.step()
    assert taken[6:] == [-1]
    assert (prepared.copies, prepared.least_calls) == (3, replays.IN_FLIGHT)
    assert (prepared.graph, prepared.sample_s) == (turns.described, 0.1)


# torch's capture and events, on a CUDA that keeps a diary


class Diary:
    """Stands for ``torch.cuda``: notes what is called, and on which stream."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.on = "main"

    def note(self, text: str) -> None:
        self.notes.append(f"{text} on {self.on}")

    def Stream(self, device: str) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(name="side", wait_stream=lambda other: self.note(f"side waits for {other.name}"))

    def current_stream(self, device: str) -> SimpleNamespace:
        return SimpleNamespace(name=self.on)

    def synchronize(self, device: str) -> None:
        self.note("synchronize")

    @contextmanager
    def stream(self, stream: SimpleNamespace) -> Iterator[None]:
        before, self.on = self.on, stream.name
        yield
        self.on = before

    def CUDAGraph(self) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(replay=lambda: self.note("replay"))

    @contextmanager
    def graph(self, graph: SimpleNamespace, *, stream: SimpleNamespace) -> Iterator[None]:
        with self.stream(stream):
            self.note("begin")
            yield
            self.note("end")


@pytest.fixture
def diary(monkeypatch: pytest.MonkeyPatch, torch_library: ModuleType) -> Diary:
    found = Diary()
    for name in ("Stream", "current_stream", "synchronize", "stream", "CUDAGraph", "graph"):
        monkeypatch.setattr(torch_library.torch.cuda, name, getattr(found, name))
    return found


def test_steps_are_warmed_up_where_they_are_captured_and_replayed_where_they_are_called(
    torch_library: ModuleType, diary: Diary
) -> None:
    replay = torch_library.captured(lambda: diary.note("step"), "cuda", 2)
    side = "on side"
    assert diary.notes == [
        "side waits for main on main", f"step {side}", f"step {side}", "synchronize on main",
        f"begin {side}", f"step {side}", f"step {side}", f"end {side}",
    ]  # fmt: skip
    replay()
    assert diary.notes[8:] == ["replay on main"]


def test_operands_live_as_long_as_the_graph_that_reads_them(torch_library: ModuleType, diary: Diary) -> None:
    class Operand:
        pass

    operand = Operand()
    alive = weakref.ref(operand)
    replay = torch_library.captured(lambda kept=operand: diary.note("step"), "cuda", 1)
    del operand
    gc.collect()
    assert alive() is not None
    del replay
    gc.collect()
    assert alive() is None


class Event:
    """Stands for torch.cuda.Event, on a device whose time is given in milliseconds."""

    now_ms = 0.0
    done = True

    def __init__(self, enable_timing: bool) -> None:
        assert enable_timing
        self.at_ms = 0.0

    def record(self) -> None:
        self.at_ms = Event.now_ms

    def query(self) -> bool:
        return Event.done

    def elapsed_time(self, other: Event) -> float:
        return other.at_ms - self.at_ms


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch, torch_library: ModuleType) -> Any:
    monkeypatch.setattr(torch_library.torch.cuda, "Event", Event)
    clock = torch_library.device_clock("cuda")
    monkeypatch.setattr(Event, "now_ms", 100.0)
    clock.start()
    monkeypatch.setattr(Event, "now_ms", 107.5)
    clock.stop()
    return clock


def test_events_are_told_in_seconds(events: Any) -> None:
    assert events.seconds() == pytest.approx(0.0075)


def test_events_that_are_still_to_come_are_an_error(events: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Event, "done", False)
    with pytest.raises(RuntimeError, match="before the device was done"):
        events.seconds()


def test_a_cpu_has_no_clock_of_its_own(torch_library: ModuleType) -> None:
    assert torch_library.device_clock("cpu") is None


@pytest.mark.parametrize(
    ("properties", "found"), [({"L2_cache_size": L2}, L2), ({"L2_cache_size": 0}, None), ({}, None)]
)
def test_the_last_cache_is_torchs_answer_or_unknown(
    torch_library: ModuleType, monkeypatch: pytest.MonkeyPatch, properties: dict[str, int], found: int | None
) -> None:
    monkeypatch.setattr(torch_library.torch.cuda, "get_device_properties", lambda device: SimpleNamespace(**properties))
    assert torch_library.last_cache("cuda") == found
