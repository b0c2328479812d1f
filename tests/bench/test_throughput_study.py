"""The networks of the throughput study."""

from __future__ import annotations

import pytest

from bench import implementations
from bench.studies import Options, throughput

CHOSEN = tuple(implementations.resolve(["torch_concise"]))


def networks(**options: object) -> set[tuple[int, int, int]]:
    found = throughput.groups(Options(implementations=CHOSEN, **options))  # type: ignore[arg-type]
    parameters = [group.cases[0].parameters for group in found]
    assert len({group.name for group in found}) == len(found)
    return {(one["hidden"][0], len(one["hidden"]), one["batch"]) for one in parameters}


def test_a_gpu_gets_networks_that_fill_it_and_several_batches() -> None:
    found = networks(preset="standard", devices=("cuda",))
    assert {width for width, _, _ in found} >= {16, 1024, 8192, 16384}
    assert {depth for _, depth, _ in found} == {1, 3}
    assert {batch for _, _, batch in found} >= {64, 256, 4096, 16384}
    assert (8192, 3, 8192) in networks(devices=("cuda",))
    assert networks(preset="standard", devices=("cpu",)).isdisjoint({(8192, 3, 8192), (16384, 1, 256)})


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_what_is_asked_for_is_combined_with_the_rest_of_the_preset(device: str) -> None:
    assert networks(devices=(device,), widths=(8, 9), batches=(2,)) == {(8, 1, 2), (9, 1, 2)}
    assert {batch for _, _, batch in networks(devices=(device,), batches=(2, 3))} == {2, 3}
    assert {depth for _, depth, _ in networks(devices=(device,), depths=(2,))} == {2}
    assert {width for width, _, _ in networks(devices=(device,), depths=(2,))} == {
        width for width, _, _ in networks(devices=(device,))
    }


@pytest.mark.parametrize(
    ("device", "asked", "expected"),
    [("cuda", (), {"bfloat16"}), ("cpu", (), {"float32"}), ("cuda", ("float32", "float64"), {"float32", "float64"})],
)
def test_the_network_for_tensor_cores_is_in_bfloat16_on_a_gpu_unless_dtypes_are_asked_for(
    device: str, asked: tuple[str, ...], expected: set[str]
) -> None:
    largest = Options(
        implementations=CHOSEN, devices=(device,), dtypes=asked, widths=(8192,), depths=(3,), batches=(8192,)
    )
    assert {group.cases[0].dtype for group in throughput.groups(largest)} == expected
    others = throughput.groups(Options(implementations=CHOSEN, devices=("cuda",)))
    assert [group.cases[0].dtype for group in others] == ["float32"] * (len(others) - 1) + ["bfloat16"]
