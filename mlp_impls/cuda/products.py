"""What torch computes products in: what the dtype says, whatever the environment asks for."""

from __future__ import annotations

import warnings

import torch

__all__ = ["multiply_exactly"]


def multiply_exactly(*, tf32: bool = False) -> None:
    """Have products of float32 computed in float32, or in tf32; those of half types summed in float32 throughout."""
    with warnings.catch_warnings():  # torch 2.9 warns of what sets both its older switches and its newer ones
        warnings.filterwarnings("ignore", message="Please use the new API settings")
        torch.set_float32_matmul_precision("high" if tf32 else "highest")
    switches = torch.backends.cuda.matmul
    switches.allow_fp16_reduced_precision_reduction = switches.allow_bf16_reduced_precision_reduction = False
