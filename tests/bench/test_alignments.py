"""Where rows start: the facts that predict the place of a step."""

import numpy as np
import pytest

from bench import alignments

FIRST_16 = {8: 1026, 4: 1028, 2: 1032, 1: 1040}  # size of an element in bytes: the first size with 16-byte rows


@pytest.mark.parametrize(("item_size", "size"), FIRST_16.items())
def test_rows_are_16_byte_aligned_first_where_it_is_known(item_size, size):
    assert 1024 + alignments.steps(1024, item_size, range(1, 129))[16] == size


@pytest.mark.parametrize("item_size", [1, 2, 4, 8])
def test_lines_and_pairs_of_lines_come_later_in_proportion(item_size):
    found = alignments.steps(1024, item_size, range(1, 129))
    assert [offset * item_size for offset in found.values()] == [16, 64, 128]


def test_only_offsets_that_are_measured_are_steps():
    assert alignments.steps(1024, 4, (0, 1, 2, 4, 8)) == {16: 4}
    assert alignments.steps(1024, 1, (0, 1, 2, 4, 8)) == {}
    assert alignments.steps(1024, 8, (-8, 0, 8, 1)) == {16: 8, 64: 8}


@pytest.mark.parametrize("item_size", [1, 2, 4, 8])
@pytest.mark.parametrize("leading", [1, 5, 1023, 1024, 1025, 1026, 1028, 1032, 1040, 1041])
def test_alignment_and_share_are_those_of_rows_laid_out_in_memory(leading, item_size):
    starts = np.arange(4096) * leading * item_size
    aligned = alignments.alignment(leading, item_size)
    assert not (starts % aligned).any()
    assert (starts % (2 * aligned)).any()
    for boundary in alignments.BOUNDARIES:
        assert alignments.aligned_share(leading, item_size, boundary) * np.sum(starts % boundary == 0) == 4096


@pytest.mark.parametrize(
    ("leading", "item_size", "trapped"),
    [(1024, 4, True), (1024, 8, True), (1024, 2, True), (1024, 1, False), (1040, 4, False), (1041, 4, False),
     (1536, 4, True), (1025, 8, False)],
)  # fmt: skip
def test_a_stride_of_a_large_power_of_two_is_the_trap(leading, item_size, trapped):
    assert alignments.is_stride_trap(leading, item_size) == trapped


def test_rows_of_the_trap_start_in_few_sets_of_a_cache_and_those_64_bytes_longer_in_all():
    """64 sets of lines of 64 bytes, as in a first cache of 32 KiB with 8 ways."""

    def sets(leading):
        return len({row * leading * 4 // alignments.LINE % 64 for row in range(1024)})

    assert alignments.is_stride_trap(1024, 4)
    assert (sets(1024), sets(1040)) == (1, 64)
