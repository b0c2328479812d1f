"""Which kernels a step has a GPU run: what is profiled, what is made of it, and that it costs no case anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from bench import conditions, libraries, profiling, timing
from bench.case import Case
from bench.profiling import Activity
from bench.worker import Worker
from bench.workloads import Prepared

GEMM, ADD = "void gemm<128, 128>(float*)", "void add(float*)"


def case(framework: str = "torch", device: str = "cuda") -> Case:
    sizes = {"m": 4, "k": 4, "n": 4, "stack": 1}
    return Case("alignment", "g", "c", "matmul", framework, framework, sizes, device=device)


class Gpu:
    """A device of its own time: a step runs kernels that take so long; its profiler sees those while it is on."""

    def __init__(self, step_s: float = 1e-3, kernels: Sequence[str] = (GEMM, ADD), copies: int = 1) -> None:
        self.now, self.step_s, self.kernels, self.copies = 0.0, step_s, list(kernels), copies
        self.log: list[str] = []
        self.seen: list[Activity] | None = None

    def clock(self) -> float:
        return self.now

    def step(self) -> None:
        self.log.append("step")
        self.now += self.step_s
        if self.seen is not None:
            for _ in range(self.copies):
                each = self.step_s / self.copies / len(self.kernels)
                self.seen += [Activity(name, each, is_kernel=True) for name in self.kernels]

    def wake(self) -> None:
        self.log.append("wake")
        if self.seen is not None:
            self.seen.append(Activity("void wake()", 1.0, is_kernel=True))

    def profiled(self, work: Callable[[], None], device: str = "cuda") -> list[Activity]:
        self.log.append("profile")
        self.seen = []
        work()
        seen, self.seen = self.seen, None
        return seen

    def prepared(self, **more: Any) -> Prepared:
        return Prepared(self.step, lambda: None, self.wake, copies=self.copies, **more)

    def asked(self, **more: Any) -> dict[str, Any]:
        return profiling._ask(self.prepared(**more), self.profiled, self.clock)


def test_kernels_are_told_once_in_their_order_and_their_seconds_per_step() -> None:
    told = profiling.tally([Activity(name, 2e-6, is_kernel=True) for name in (GEMM, ADD, ADD)] * 5, 5)
    assert told["kernels"] == [GEMM, ADD]
    assert told["kernel_s"] == pytest.approx(6e-6)
    assert told["copy_s"] == 0


def test_copies_and_fills_are_no_kernels_and_are_told_apart() -> None:
    each = [Activity("Memcpy DtoD", 5e-6, is_kernel=False), Activity(GEMM, 1e-6, is_kernel=True)]
    told = profiling.tally(each * 4, 4)
    assert told["kernels"] == [GEMM]
    assert (told["kernel_s"], told["copy_s"]) == pytest.approx((1e-6, 5e-6))


def test_no_more_than_twelve_names_of_a_line_each_are_kept() -> None:
    long = "void\n" + "x" * 500
    told = profiling.tally([Activity(name, 1e-6, is_kernel=True) for name in (long, *map(str, range(20)))], 1)
    assert len(told["kernels"]) == profiling.MOST_NAMES == 12
    assert told["kernels"][0].startswith("void x")
    assert len(told["kernels"][0]) == profiling.LONGEST
    assert told["kernel_s"] == pytest.approx(21e-6)  # of all, named or not


@pytest.mark.parametrize(("kernels", "steps"), [(0, 4), (7, 4), (3, 4)])
def test_where_steps_cannot_all_have_had_the_same_kernels_nothing_is_told(kernels: int, steps: int) -> None:
    with pytest.raises(LookupError, match=f"saw {kernels} kernels in {steps} steps"):
        profiling.tally([Activity(GEMM, 1e-6, is_kernel=True)] * kernels, steps)


def test_what_is_profiled_lasts_as_a_sample_does_and_follows_the_waking() -> None:
    gpu = Gpu(step_s=1e-4)
    told = gpu.asked()
    assert told["kernel_s"] == pytest.approx(1e-4)
    begun = gpu.log.index("profile")
    assert gpu.log[begun - 1] == "wake"
    assert set(gpu.log[begun + 1 :]) == {"step"}
    assert len(gpu.log[begun + 1 :]) == pytest.approx(timing.TARGET_SAMPLE_S / 1e-4, abs=1)
    assert gpu.log[:begun].count("step") >= profiling.SETTLING_CALLS


def test_steps_that_are_long_or_short_are_profiled_a_few_or_some_times() -> None:
    assert counted(Gpu(step_s=0.5)) == profiling.LEAST_CALLS
    assert counted(Gpu(step_s=1e-6)) == profiling.MOST_STEPS
    assert counted(Gpu(step_s=0.5), least_calls=7) == 7
    assert counted(Gpu(step_s=1e-3), sample_s=0.1) == pytest.approx(100, abs=1)


def counted(gpu: Gpu, **more: Any) -> int:
    gpu.asked(**more)
    return len(gpu.log) - 1 - gpu.log.index("profile")


def test_long_steps_are_not_waited_for_long_before() -> None:
    gpu = Gpu(step_s=0.5)
    gpu.asked()
    assert gpu.log[: gpu.log.index("profile")].count("step") <= profiling.SETTLING_S / 0.5 + 1 + profiling.LEAST_CALLS


def test_a_replay_of_many_steps_is_told_per_step() -> None:
    gpu = Gpu(step_s=1e-3, kernels=(GEMM,), copies=50)
    assert gpu.asked()["kernel_s"] == pytest.approx(1e-3 / 50)
    assert counted(Gpu(step_s=1e-3, copies=50)) == profiling.MOST_STEPS // 50
    assert counted(Gpu(step_s=1e-3, copies=1024)) == profiling.LEAST_CALLS


@pytest.mark.parametrize("kind", [{"lasts_s": 12.0}, {"first_step_warms": True}])
def test_of_a_pass_over_the_images_no_step_is_taken(kind: dict[str, Any]) -> None:
    gpu = Gpu()
    with pytest.raises(LookupError, match="many batches"):
        gpu.asked(**kind)
    assert gpu.log == []


# Who is asked, and what becomes of it among the conditions


def use(monkeypatch: pytest.MonkeyPatch, profiled: Any) -> None:
    switches = {"threads": 1, "float32_products": "float32", "onednn": False, "xla": False}
    library = SimpleNamespace(conditions=lambda device: dict(switches))
    if profiled is not None:
        library.profiled = profiled
    monkeypatch.setattr(libraries, "load", lambda name: library)


def told_by_worker(one: Case, prepared: Prepared) -> dict[str, Any]:
    worker = Worker()
    worker.prepared[one.id] = prepared
    return worker.conditions({"case": one.to_json()})


def test_a_worker_tells_kernels_among_the_conditions(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = Gpu()
    use(monkeypatch, gpu.profiled)
    told = told_by_worker(case(), gpu.prepared(graph="none"))
    assert told["conditions"]["kernels"] == [GEMM, ADD]
    assert told["conditions"]["kernel_s"] == pytest.approx(1e-3)
    assert told["conditions"]["copy_s"] == 0
    assert not set(profiling.ASKED) & set(told["reasons"])


def test_who_has_no_profiler_tells_nothing_of_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = Gpu()
    use(monkeypatch, gpu.profiled)
    others = [case(device="cpu"), case("own")]
    told = [told_by_worker(one, gpu.prepared()) for one in others]
    use(monkeypatch, None)
    told.append(told_by_worker(case(), gpu.prepared()))
    for one in told:
        assert not set(profiling.ASKED) & (set(one["conditions"]) | set(one["reasons"]))
    assert gpu.log == []


def test_a_profiler_that_fails_is_a_reason_and_no_failed_case(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(work: Callable[[], None], device: str) -> list[Activity]:
        raise RuntimeError("CUPTI_ERROR_NOT_INITIALIZED\nsee the log")

    use(monkeypatch, broken)
    told = told_by_worker(case(), Gpu().prepared(graph="none"))
    assert {told["conditions"][name] for name in profiling.ASKED} == {None}
    assert {told["reasons"][name] for name in profiling.ASKED} == {
        "RuntimeError: CUPTI_ERROR_NOT_INITIALIZED see the log"
    }
    assert told["conditions"]["threads"] == 1
    assert told["conditions"]["graph"] == "none"


def test_a_case_that_was_not_prepared_is_not_profiled() -> None:
    assert profiling.question(case(), None) is None


def test_an_epoch_s_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = Gpu()
    use(monkeypatch, gpu.profiled)
    assert "many batches" in told_by_worker(case(), gpu.prepared(lasts_s=12.0))["reasons"]["kernel_s"]


def test_how_sums_of_half_types_are_kept_is_told_by_those_who_know(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"threads": 1, "half_sums": "float32", "unheard_of": 1}
    monkeypatch.setattr(libraries, "load", lambda name: SimpleNamespace(conditions=lambda device: answers))
    told = conditions.ask(case(), "none")["conditions"]
    assert told["half_sums"] == "float32"
    assert "unheard_of" not in told
    del answers["half_sums"]
    assert "half_sums" not in conditions.ask(case(), "none")["conditions"]
