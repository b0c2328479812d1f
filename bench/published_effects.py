"""Published effects of shape, dtype and padding on matrix products: what the study ``reproduction`` repeats.

Each is a case over its baseline. Of an ``EFFECT`` the case is the slower one by its source. Of a ``CONTROL`` the case
is padded, copying included, and that gains nothing by its source: no one should recommend it.

``ratio`` is the case's time over the baseline's, per whole product or per FLOP as the source has it; None where the
source gives no figure. ``told`` is what the source says, ``assumed`` what it leaves open or what is done otherwise.
``hardware`` is the source's. Figures and shapes were read off the sources themselves.

Operands are row-major. Rows of bfloat16 and float16 all start on 16 bytes where their length is a multiple of 8. In a
``layout`` with a T an operand is stored transposed; NT is how PyTorch's linear layers hand their weights over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["CONTROL", "EFFECT", "EFFECTS", "FLOP", "NOT_RUN", "PRODUCT", "TABLE", "VERDICTS", "Effect", "Product"]

EFFECT, CONTROL = "effect", "negative control"
PRODUCT, FLOP = "product", "FLOP"
NOT_STATED = "not stated"

TABLE = "effects_published"  # in summary.json
NOT_RUN = "not run"
VERDICTS = ("reproduced", "weaker", "gone", "reversed", "inconclusive", NOT_RUN)  # see bench/reproduction.py


@dataclass(frozen=True)
class Product:
    """(m, k) times (k, n), or a stack of them; ``leading`` and ``layout`` as of the workload ``matmul``.

    ``padded`` is the (m, k, n) in which it is done, a copied into the larger matrix at every step.
    """

    name: str
    m: int
    k: int
    n: int
    dtype: str
    layout: str = "NN"
    stack: int = 1
    batched: bool = False
    leading: int | None = None
    padded: tuple[int, int, int] | None = None

    @property
    def workload(self) -> str:
        """The file of ``bench/workloads`` that does it."""
        return "matmul" if self.padded is None else "padded_product"

    @property
    def parameters(self) -> dict[str, Any]:
        """What the workload is told; its defaults are left out."""
        told: dict[str, Any] = {"m": self.m, "k": self.k, "n": self.n, "stack": self.stack}
        if self.layout != "NN":
            told["layout"] = self.layout
        if self.batched:
            told["batched"] = True
        if self.leading is not None:
            told["leading"] = self.leading
        if self.padded is not None:
            pads = zip(("pad_m", "pad_k", "pad_n"), self.padded, strict=True)
            told |= {**dict(pads), "copied": True}
        return told

    @property
    def flops(self) -> int:
        """Those of the product asked for, however it is done."""
        return 2 * self.stack * self.m * self.k * self.n


@dataclass(frozen=True)
class Effect:
    """One published effect; its name is that of its group."""

    name: str
    source: str
    hardware: str
    device: str
    library: str
    case: Product
    baseline: Product
    ratio: float | None
    per: str
    told: str
    assumed: str = ""
    kind: str = EFFECT

    @property
    def per_product(self) -> float:
        """By what a ratio per FLOP is multiplied for it to be one of whole products."""
        return self.case.flops / self.baseline.flops

    @property
    def ratio_per_flop(self) -> float | None:
        """The published ratio as the harness compares: per FLOP."""
        if self.ratio is None or self.per == FLOP:
            return self.ratio
        return self.ratio / self.per_product


TENTH = "k is a tenth of the published {k}, so that operands are soon drawn and checked"
NO_COPY = "the published time of the padded product holds its padding"
BEFOREHAND = "b is padded beforehand, as weights can be; the copy of a into the padded matrix is timed"

ON_GPUS = (
    Effect(
        "K of 588, bfloat16", "m87-labs/kestrel#143", "Hopper, locked at 1200 MHz", "cuda", "torch",
        Product("k 588", 9477, 588, 1152, "bfloat16", "NT"), Product("k 592", 9477, 592, 1152, "bfloat16", "NT"),
        130.56 / 36.96, PRODUCT,
        "130.56 µs, in a kernel for Ampere, against 36.96 µs in one for Hopper",
        "without the bias that the published layer adds",
    ),
    Effect(
        "K of 10922 in a stack, float16", "stas00/ml-engineering, SwiGLU-based MLP", "H100", "cuda", "torch",
        Product("k 10922", 4096, 10922, 4096, "float16", stack=4, batched=True),
        Product("k 10944", 4096, 10944, 4096, "float16", stack=4, batched=True),
        398.38 / 272.73, FLOP, "272.73 against 398.38 TFLOP/s, 46 % more",
    ),
    Effect(
        "odd rows, long K, bfloat16", "pytorch/pytorch#106469", NOT_STATED, "cuda", "torch",
        Product("m 5", 5, 100_000, 100, "bfloat16", "TN"), Product("m 6", 6, 100_000, 100, "bfloat16", "TN"),
        2.8314038645476103 / 0.1054578460752964, PRODUCT, "2.83 against 0.105 ms for ten products",
        "random operands in place of ones",
    ),
    Effect(
        "odd columns, long K, bfloat16", "pytorch/pytorch#146817", "A100", "cuda", "torch",
        Product("n 3", 16, 3_000_000, 3, "bfloat16", "NT"), Product("n 2", 16, 3_000_000, 2, "bfloat16", "NT"),
        78 / 0.570, PRODUCT, "78 s against 570 ms for a hundred products",
        f"{TENTH.format(k='30,000,000')}; the published times hold casts from float32",
    ),
    Effect(
        "13 columns, long K, bfloat16", "pytorch/pytorch#125650", "A100", "cuda", "torch",
        Product("n 13", 2, 2_056_960, 13, "bfloat16"), Product("n 16", 2, 2_056_960, 16, "bfloat16"),
        449 / 1.2578779458999634, PRODUCT, "449 against 1.26 ms once Inductor pads it",
        f"{TENTH.format(k='20,569,856')}; padded to 16 columns; {NO_COPY}",
    ),
    Effect(
        "2055 against 2040, bfloat16", "pytorch/pytorch#181718", "RTX 4090", "cuda", "torch",
        Product("2055", 2055, 2055, 2055, "bfloat16"), Product("2040", 2040, 2040, 2040, "bfloat16"),
        155.9 / 115.6, FLOP, "115.6 against 155.9 TFLOP/s",
    ),
    Effect(
        "2056 against 2055, bfloat16", "pytorch/pytorch#181718", "RTX 4090", "cuda", "torch",
        Product("2056", 2056, 2056, 2056, "bfloat16"), Product("2055", 2055, 2055, 2055, "bfloat16"),
        115.6 / 89.6, FLOP, "89.6 against 115.6 TFLOP/s: the multiple of 8 loses to the odd size",
    ),
    Effect(
        "140 columns in a stack, bfloat16", "pytorch/pytorch#83272", NOT_STATED, "cuda", "torch",
        Product("n 140", 1024, 1024, 140, "bfloat16", stack=48, batched=True),
        Product("n 128", 1024, 1024, 128, "bfloat16", stack=64, batched=True),
        132.71 / 12.21, FLOP, "12.21 against 132.71 TFLOP/s, with CUDA 11.6",
        "stacks of an eighth of the published 384 and 512, so that operands are soon drawn and checked",
    ),
    Effect(
        "8 rows against 9, bfloat16", "sgl-project/sglang#37491", "compute capability 12.0", "cuda", "torch",
        Product("m 8", 8, 5120, 48, "bfloat16", "NT"), Product("m 9", 9, 5120, 48, "bfloat16", "NT"),
        32 / 5.5, PRODUCT, "32 against 5.5 µs: cuBLAS splits K from m n k = 2^21 on",
        "weights stored as in a linear layer",
    ),
    Effect(
        "1157 squared of a transposed A, bfloat16", "pytorch/pytorch#196992", "B200", "cuda", "torch",
        Product("1157", 1157, 4096, 1157, "bfloat16", "TN"), Product("1160", 1160, 4096, 1160, "bfloat16", "TN"),
        99.08 / 61.01, PRODUCT, "99.08 against 61.01 µs once Inductor pads m",
        f"bfloat16, which the source does not say; both m and n padded; {NO_COPY}",
    ),
    Effect(
        "K of 2047 in a stack, tf32", "ml-explore/mlx#2712", NOT_STATED, "cuda", "torch",
        Product("k 2047", 2047, 2047, 128, "tf32", stack=16, batched=True),
        Product("k 2048", 2048, 2048, 128, "tf32", stack=16, batched=True),
        3.0, PRODUCT, "a threefold loss, which is within 20 % with CUDA 13 by a later comment",
        "the second of the two products that were timed together, in torch in place of MLX",
    ),
    Effect(
        "padding K from 2501, bfloat16", "meta-pytorch/float8_experimental#145", "H100", "cuda", "torch",
        Product("padded to 2512", 8193, 2501, 5008, "bfloat16", padded=(8193, 2512, 5008)),
        Product("k 2501", 8193, 2501, 5008, "bfloat16"),
        509 / 502, PRODUCT, "502 padded against 509 TFLOP/s", BEFOREHAND, CONTROL,
    ),
    Effect(
        "padding M from 1157, bfloat16", "pytorch/pytorch#193638", "B200", "cuda", "torch",
        Product("padded to 1160", 1157, 4096, 4096, "bfloat16", padded=(1160, 4096, 4096)),
        Product("m 1157", 1157, 4096, 4096, "bfloat16"),
        73.047 / 71.573, PRODUCT, "a graph of products takes 73.047 ms with m padded, 71.573 ms without",
        f"one product with aligned k and n in place of the graph, whose shapes are not given; {BEFOREHAND}", CONTROL,
    ),
    Effect(
        "padding from 2047, float32", "ml-explore/mlx#3977", "RTX 2060", "cuda", "torch",
        Product("padded to 2048", 2047, 2047, 128, "float32", padded=(2048, 2048, 128)),
        Product("2047", 2047, 2047, 128, "float32"),
        None, PRODUCT, "padding made it slower, by how much is not told",
        f"one of the stack of 16, in torch in place of MLX; {BEFOREHAND}", CONTROL,
    ),
)  # fmt: skip

ON_CPUS = (
    Effect(
        "float16 against float32", "pytorch/pytorch#146508", "Xeon with AVX2, without AVX-512", "cpu", "torch",
        Product("float16", 500, 500, 500, "float16"), Product("float32", 500, 500, 500, "float32"),
        81.1, PRODUCT, "196.3 against 2.4 ms, torch 2.10",
    ),
    Effect(
        "bfloat16 against float32", "pytorch/pytorch#146508", "Xeon with AVX2, without AVX-512", "cpu", "torch",
        Product("bfloat16", 500, 500, 500, "bfloat16"), Product("float32", 500, 500, 500, "float32"),
        48.9, PRODUCT, "118.4 against 2.4 ms, torch 2.10",
    ),
    Effect(
        "float16 against float32 in XLA", "jax-ml/jax#7462", "a laptop", "cpu", "jax",
        Product("float16", 1000, 1000, 1000, "float16"), Product("float32", 1000, 1000, 1000, "float32"),
        1.5 / 4.5e-3, PRODUCT, "1.5 s against 4.5 ms, before it was worked around",
        "another matrix in place of the first one transposed",
    ),
    Effect(
        "float64 against float32", "OpenMathLib/OpenBLAS#202", "Core i7-3770K, 4 cores", "cpu", "numpy",
        Product("float64", 1024, 1024, 1024, "float64"), Product("float32", 1024, 1024, 1024, "float32"),
        194.4 / 103.0, FLOP, "103.0 against 194.4 GFLOP/s, OpenBLAS 0.2.6",
    ),
    Effect(
        "35 by 60 over a long K, float32", "OpenMathLib/OpenBLAS#202", "Core i7-3770K, 4 cores", "cpu", "numpy",
        Product("35 by 60", 35, 25024, 60, "float32"), Product("64 by 96", 64, 25024, 96, "float32"),
        110.1 / 36.1, FLOP, "36.1 against 110.1 GFLOP/s, OpenBLAS 0.2.6",
    ),
    Effect(
        "rows 4096 bytes apart, float32", "oneMKL Developer Guide, Coding Techniques", NOT_STATED, "cpu", "torch",
        Product("4096 bytes", 1024, 1024, 1024, "float32", leading=1024),
        Product("4160 bytes", 1024, 1024, 1024, "float32", leading=1040),
        None, PRODUCT, "leading dimensions must not be a multiple of a large power of two; 64 bytes more can help",
    ),
)  # fmt: skip

EFFECTS = (*ON_GPUS, *ON_CPUS)
