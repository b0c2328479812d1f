"""Seventeen rows of training, eleven implementations and their variants, in five frameworks, as a time model."""

from __future__ import annotations

FIXED_S = {  # seconds a step costs before any arithmetic
    "numpy_scratch": 62e-6,
    "torch_compile": 118e-6,
    "torch_concise": 214e-6,
    "torch_manual": 138e-6,
    "torch_scratch": 219e-6,
    "jax_scratch": 96e-6,
    "jax_scratch:eager": 2900e-6,
    "flax_concise": 104e-6,
    "flax_concise:eager": 4200e-6,
    "tensorflow_scratch": 310e-6,
    "tensorflow_scratch:eager": 1500e-6,
    "tensorflow_scratch:xla": 260e-6,
    "keras_concise": 420e-6,
    "keras_concise:eager": 2600e-6,
    "mxnet_scratch": 800e-6,
    "gluon_concise": 390e-6,
    "gluon_concise:eager": 900e-6,
}
RATE = {  # FLOP/s
    "numpy_scratch": 88e9,
    "torch_compile": 118.3e9,
    "torch_concise": 119e9,
    "torch_manual": 118.8e9,
    "torch_scratch": 117e9,
    "jax_scratch": 228e9,
    "jax_scratch:eager": 210e9,
    "flax_concise": 226e9,
    "flax_concise:eager": 205e9,
    "tensorflow_scratch": 151e9,
    "tensorflow_scratch:eager": 143e9,
    "tensorflow_scratch:xla": 90e9,
    "keras_concise": 150e9,
    "keras_concise:eager": 139e9,
    "mxnet_scratch": 61e9,
    "gluon_concise": 66e9,
    "gluon_concise:eager": 60e9,
}
FRAMEWORKS = {"flax": "jax", "keras": "tensorflow", "gluon": "mxnet"}  # else the first word of the name
GRAPHS = {
    "torch_compile": "torch.compile of the whole step, a graph per batch size",
    "jax_scratch": "jax.jit of the whole step, weights donated",
    "flax_concise": "jax.jit of the whole step, state donated",
    "tensorflow_scratch": "tf.function of the whole step",
    "tensorflow_scratch:xla": "tf.function of the whole step, compiled by XLA",
    "keras_concise": "tf.function of train_on_batch",
    "gluon_concise": "hybridised network and loss",
}
FIRST_S = {  # warm and cold
    "torch_compile": (1.6, 14.2),
    "jax_scratch": (0.31, 0.33),
    "flax_concise": (0.62, 0.66),
    "tensorflow_scratch": (0.9, 0.95),
    "keras_concise": (1.3, 1.4),
    "gluon_concise": (0.03, 0.08),
}
IMPORT_S = {"numpy_scratch": 0.11, "torch_compile": 2.1, "jax_scratch": 0.7, "flax_concise": 2.3,
            "tensorflow_scratch": 4.1, "keras_concise": 4.3, "mxnet_scratch": 0.9, "gluon_concise": 0.9}  # fmt: skip
MATMULS = {
    ("jax", "matmul", "float32"): (331e9, (1.18, 1.17, 1.04, 1.002)),
    ("jax", "matmul", "float64"): (160e9, (1.02, 1.01, 1.001, 0.999)),
    ("jax", "matmul", "bfloat16"): (40e9, (1.02, 1.01, 1.001, 0.999)),
    ("tensorflow", "matmul", "float32"): (205e9, (1.02, 1.02, 1.01, 1.001)),
    ("tensorflow", "matmul", "float64"): (98e9, (1.01, 1.01, 1.001, 0.999)),
    ("mxnet", "matmul", "float32"): (74e9, (1.3, 1.2, 1.1, 1.0)),
    ("mxnet", "matmul", "float64"): (36e9, (1.2, 1.1, 1.1, 1.0)),
}


def framework_of(name: str) -> str:
    """Return the framework of an implementation or library."""
    first = name.partition(":")[0].partition("_")[0]
    return FRAMEWORKS.get(first, first)
