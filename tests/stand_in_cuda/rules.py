"""What the stand-in for CUDA allows and forbids; a process of its own must start with it (tests/test_stand_in_cuda.py).

Prints, as JSON, what each rule below raised, or None.
"""

from __future__ import annotations

import json
import sys

import numpy as np
import torch


def on_device(*values: float) -> torch.Tensor:
    return torch.tensor(values or (1.0, 2.0), device="cuda")


def capture(function) -> torch.cuda.CUDAGraph:
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        function()
    return graph


def a_graph_is_done_at_replays_and_not_before() -> None:
    total, step = on_device(0.0), on_device(1.0)
    graph = capture(lambda: total.add_(step * 2))
    assert total.item() == 0
    step.fill_(3.0)
    graph.replay()
    graph.replay()
    assert total.item() == 12


def what_is_captured_has_no_value_yet() -> None:
    made = []
    graph = capture(lambda: made.append(on_device.source + 1))
    assert made[0].isnan().all().item()
    graph.replay()
    assert made[0].tolist() == [2.0, 3.0]


def tensors_know_where_they_are() -> None:
    there = torch.zeros(2).to("cuda")
    assert (there.device.type, (there + 1).is_cuda, there.cpu().device.type) == ("cuda", True, "cpu")
    assert torch.nn.Linear(2, 1, device="cuda").weight.is_cuda
    assert there.to(torch.float64).is_cuda
    assert there.new_empty(1).is_cuda


def time_passes_between_events() -> None:
    before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    before.record()
    after.record()
    assert not after.query()
    torch.cuda.synchronize()
    assert after.query()
    assert before.elapsed_time(after) >= 0


def a_branch_may_be_joined() -> None:
    capture(lambda: branch(join=True))


def branch(*, join: bool) -> None:
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        on_device.source.add_(1)
    if join:
        torch.cuda.current_stream().wait_stream(stream)


def elsewhere() -> None:
    with torch.cuda.stream(torch.cuda.Stream()):
        on_device.source.add_(1)


def unwaited() -> None:
    before, after = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    before.record()
    after.record()
    before.elapsed_time(after)


def freed() -> None:
    sources = [on_device()]
    graph = capture(lambda: on_device.source.copy_(sources[0]))
    graph.replay()
    sources.clear()
    graph.replay()


on_device.source = on_device()
ALLOWED = [
    a_branch_may_be_joined, a_graph_is_done_at_replays_and_not_before, tensors_know_where_they_are,
    time_passes_between_events, what_is_captured_has_no_value_yet,
]  # fmt: skip
FORBIDDEN = {
    "operands on two devices": lambda: on_device() + torch.ones(2),
    "an array for NumPy": lambda: np.asarray(on_device()),
    "an event that was not waited for": unwaited,
    "reading a value while capturing": lambda: capture(lambda: on_device.source.sum().item()),
    "copying to the host while capturing": lambda: capture(on_device.source.cpu),
    "copying from the host while capturing": lambda: capture(lambda: on_device.source.copy_(torch.ones(2))),
    "placing while capturing": lambda: capture(on_device),
    "synchronising while capturing": lambda: capture(torch.cuda.synchronize),
    "asking an event while capturing": lambda: capture(torch.cuda.Event().query),
    "work on another stream while capturing": lambda: capture(elsewhere),
    "a branch that is not joined": lambda: capture(lambda: branch(join=False)),
    "a replay of what was freed": freed,
}


def raised(function) -> str | None:
    try:
        function()
    except Exception as error:  # whatever it is, it is told
        return f"{type(error).__name__}: {error}"
    return None


if __name__ == "__main__":
    allowed = {function.__name__: raised(function) for function in ALLOWED}
    json.dump({"allowed": allowed, "forbidden": {name: raised(one) for name, one in FORBIDDEN.items()}}, sys.stdout)
