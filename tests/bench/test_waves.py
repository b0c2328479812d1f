"""Tiles and waves against arithmetic done by hand and NVIDIA's own example; tiles of kernels as they are named."""

from __future__ import annotations

import pytest

from bench import waves
from bench.waves import Tile

HOPPER = 132  # multiprocessors of an H100 or H200
TILE = Tile(128, 256)

# As printed in public: pytorch/pytorch#181718 and #146817, m87-labs/kestrel#143, NVIDIA/TensorRT-LLM#1541, and logs of
# torch.profiler and Nsight Systems in public repositories.
KERNELS = {
    "ampere_bf16_s1688gemm_bf16_128x128_ldg8_f2f_stages_32x1_nn": (128, 128),
    "ampere_fp16_s16816gemm_fp16_64x64_sliced1x2_ldg8_f2f_stages_64x6_tn": (64, 64),
    "cutlass::Kernel2<cutlass_75_tensorop_bf16_s1688gemm_bf16_128x128_nn_align1>": (128, 128),
    "cutlass::Kernel2<cutlass_80_tensorop_bf16_s16816gemm_relu_bf16_64x64_32x6_nn_align8>": (64, 64),
    "cutlass::Kernel2<cutlass_75_wmma_tensorop_bf16_s161616gemm_bf16_32x32_32x1_nn_align1>": (32, 32),
    "void cutlass::Kernel2<cutlass_80_tensorop_s1688gemm_64x256_16x4_nn_align4>(T1::Params)": (64, 256),
    "_ZN7cutlass7Kernel2I66cutlass_80_tensorop_f16_s16816gemm_relu_f16_256x128_32x3_tn_align8EEvNT_6ParamsE":
        (256, 128),
    "nvjet_sm90_tst_192x144_64x5_1x2_h_bz_coopB_bias_TNT": (192, 144),
    "nvjet_hsh_128x256_64x4_2x1_v_bz_coopA_TNN": (128, 256),
    "nvjet_hss_64x8_64x16_1x1_v_bz_splitK_NNT": (64, 8),
    "sm90_xmma_gemm_f16f16_f16f32_f32_tn_n_tilesize128x128x64_warpgroupsize1x1x1_execute_segment_k_off_kernel__5x_cublas":
        (128, 128),
    "sm80_xmma_gemm_f16f16_f16f32_f32_tn_n_tilesize32x32x64_stage6_warpsize2x2x1_tensor16x8x16_execute_kernel__5x_cublas":
        (32, 32),
}  # fmt: skip
TELL_NONE = (
    "gemmSN_TN_kernel_64x64_16x4_NN_vec",  # a matrix by a few vectors: not cut into tiles of a result
    "void gemv2T_kernel_val<int, int, __nv_bfloat16, __nv_bfloat16, float, 128, 16, 4, 4, false>",
    "cublasLt::splitKreduce_kernel<32, 16, int, float>",
    "void at::native::vectorized_elementwise_kernel<4, at::native::FillFunctor<float>>",
    "",
)


@pytest.mark.parametrize(
    ("size", "tiles", "waves_"), [(1024, 32, 1), (4096, 512, 4), (4097, 561, 5), (8192, 2048, 16), (8193, 2145, 17)]
)
def test_squares_on_hopper(size: int, tiles: int, waves_: int) -> None:
    found = waves.count(size, size, TILE, HOPPER)
    assert (found.tiles, found.waves) == (tiles, waves_)
    assert found.wave_efficiency == pytest.approx(tiles / (waves_ * HOPPER))


def test_nvidia_s_example_is_exactly_one_wave_and_a_column_more_is_two() -> None:
    full = waves.count(2304, 1536, Tile(256, 128), 108)
    assert (full.tiles, full.waves, full.efficiency) == (108, 1, 1.0)
    more = waves.count(2304, 1537, Tile(256, 128), 108)
    assert (more.tiles, more.waves) == (117, 2)
    assert more.efficiency == pytest.approx(2304 * 1537 / (2 * 108 * 256 * 128))


def test_edges_take_whole_tiles() -> None:
    found = waves.count(129, 256, TILE, HOPPER)
    assert found.tiles == 2
    assert found.tile_efficiency == pytest.approx(129 / 256)


def test_a_stack_has_the_tiles_of_all_its_results() -> None:
    one, stack = waves.count(1024, 1024, TILE, HOPPER), waves.count(1024, 1024, TILE, HOPPER, stack=5)
    assert (stack.tiles, stack.waves) == (5 * one.tiles, 2)
    assert stack.tile_efficiency == one.tile_efficiency


def test_unlike_sides_may_be_put_either_way() -> None:
    assert waves.count(129, 1024, TILE, HOPPER).tiles == 8
    assert waves.count(129, 1024, Tile(*reversed(TILE)), HOPPER).tiles == 8
    assert waves.count(128, 1025, TILE, HOPPER).tiles == 5
    assert waves.count(128, 1025, Tile(*reversed(TILE)), HOPPER).tiles == 9


@pytest.mark.parametrize("wrong", [(0, 8, TILE, 1), (8, 0, TILE, 1), (8, 8, Tile(0, 8), 1), (8, 8, TILE, 0)])
def test_nothing_is_counted_of_no_size(wrong: tuple[int, int, Tile, int]) -> None:
    with pytest.raises(ValueError, match="positive"):
        waves.count(*wrong)


def test_another_wave_is_predicted_to_cost_as_much_as_the_others() -> None:
    sizes = (4097, 4097, 4097), (4096, 4096, 4096)
    assert waves.time_ratio(*sizes, TILE, HOPPER, per_flop=False) == pytest.approx(5 / 4 * 4097 / 4096)
    assert waves.time_ratio(*sizes, TILE, HOPPER, per_flop=True) == pytest.approx(5 / 4 * (4096 / 4097) ** 2)


def test_within_a_wave_only_the_inner_dimension_costs() -> None:
    assert waves.time_ratio((1000, 1024, 900), (1024, 512, 1024), TILE, HOPPER, per_flop=False) == 2


@pytest.mark.parametrize(("kernel", "tile"), KERNELS.items())
def test_a_kernel_s_name_tells_its_tile(kernel: str, tile: tuple[int, int]) -> None:
    assert waves.tile_of(kernel) == tile


@pytest.mark.parametrize("kernel", TELL_NONE)
def test_other_names_tell_none(kernel: str) -> None:
    assert waves.tile_of(kernel) is None


def test_kernels_that_cut_the_inner_dimension_say_so() -> None:
    cut = [name for name in (*KERNELS, *TELL_NONE) if waves.cuts_inner_dimension(name)]
    assert cut == ["nvjet_hss_64x8_64x16_1x1_v_bz_splitK_NNT", "cublasLt::splitKreduce_kernel<32, 16, int, float>"]
