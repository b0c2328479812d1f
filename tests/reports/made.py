"""A run and its summary, from an analytic time model with seeded noise: what the reports are tested on."""

from __future__ import annotations

import copy
import random
from itertools import pairwise
from typing import Any

from tests.reports import crowd
from tests.reports.judged import BATCH, MARGIN, case_of, compare, unmeasured
from tests.reports.learnt import examples, learn

Record = dict[str, Any]

BASELINE = "torch_concise"
FIXED_S = {name: crowd.FIXED_S[name] for name in (
    "numpy_scratch", "torch_compile", "torch_concise", "torch_manual", "torch_scratch"
)}  # fmt: skip
VERSIONS = {"numpy": "2.4.6", "torch": "2.15.0", "jax": "0.10.2", "tensorflow": "2.21.0", "mxnet": "1.9.1"}
IMPORT_S = {"numpy_scratch": 0.11, "torch_compile": 2.1}
FIRST_S = {"torch_compile": (1.6, 14.2)}
SIZES = (1024, 1025, 1026, 1028, 1032)
MATMULS = {  # group: FLOP/s at 1024, and the time ratio per FLOP of the odd sizes
    ("numpy", "matmul", "float32"): (61e9, (1.148, 1.121, 1.031, 1.004)),
    ("numpy", "matmul", "float64"): (30e9, (1.061, 1.042, 1.012, 0.999)),
    ("torch", "matmul", "float32"): (118e9, (1.004, 1.003, 1.001, 0.996)),
    ("torch", "matmul", "float64"): (58e9, (1.043, 1.002, 1.001, 1.002)),
    ("torch", "matmul", "bfloat16"): (240e9, (1.36, 1.11, 1.10, 1.001)),
    ("numpy", "tensor-matrix", "float32"): (60e9, (1.139, 1.117, 1.028, 1.001)),
    ("torch", "tensor-matrix", "float32"): (117e9, (1.002, 1.004, 1.000, 0.999)),
}


def flops_of(width: int, depth: int) -> int:
    """Three matmuls a layer, two FLOPs a product, no input gradient in the first (design, method 10)."""
    sizes = [784, *[width] * depth, 10]
    counts = [2 * BATCH * rows * columns for rows, columns in pairwise(sizes)]
    return 2 * counts[0] + 3 * sum(counts[1:])


def conditions_of(framework: str, dtype: str, graph: str = "none") -> Record:
    """What steers a case's speed, as bench records it."""
    return {
        "device": "cpu", "dtype": dtype, "framework": framework, "version": VERSIONS[framework], "threads": 2,
        "float32_products": "float32", "onednn": framework in ("torch", "tensorflow"), "xla": framework == "jax",
        "graph": graph, "allocator": "glibc 2.36", "reasons": {},
    }  # fmt: skip


def cast(crowded: bool) -> list[str]:
    """The rows of training."""
    return list(crowd.FIXED_S if crowded else FIXED_S)


def training_group(
    noise: random.Random, width: int, depth: int, crowded: bool = False
) -> tuple[list[Record], list[Record]]:
    first_s, import_s = (crowd.FIRST_S, crowd.IMPORT_S) if crowded else (FIRST_S, IMPORT_S)
    shape = "-".join(map(str, [784, *[width] * depth, 10]))
    group, flops = f"{shape} batch {BATCH} float32 cpu", flops_of(width, depth)
    identity = {"study": "throughput", "group": group, "baseline": BASELINE, "dtype": "float32", "batch": BATCH}
    identity |= {"width": width, "depth": depth, "shape": shape, "flops": flops, "throughput_unit": "examples/s"}
    cases = []
    for name in [*cast(crowded), "control"]:
        who = BASELINE if name == "control" else name
        time_s = crowd.FIXED_S[who] * (0.7 + 0.3 * depth) + flops / crowd.RATE[who]
        provider, framework = who.partition(":")[0], crowd.framework_of(who)
        mine = {"case": name, "implementation": who, "provider": provider, "control": name == "control"}
        mine["framework"] = framework
        case = case_of(noise, time_s, **identity, **mine)
        case |= {"deviation": noise.uniform(1e-7, 4e-7), "bound": 2.4e-5, "import_s": import_s.get(provider, 1.42)}
        warm, cold = first_s.get(who, (0.004, 0.031))
        case |= {"build_s": 0.012, "cold_build_s": 0.019, "first_step_s": warm, "cold_first_step_s": cold}
        case |= {"interpreter_s": 0.05, "cold_interpreter_s": 0.06, "cold_import_s": 1.3 * case["import_s"]}
        case["conditions"] = conditions_of(framework, "float32", crowd.GRAPHS.get(who, "none"))
        if who in crowd.GRAPHS:
            case |= {"compile_s": warm - time_s, "cold_compile_s": cold - time_s, "breakeven_steps": 4210}
            case["breakeven_against"] = f"{who}:eager" if f"{who}:eager" in cast(crowded) else BASELINE
        cases.append(case)
    base = next(case for case in cases if case["case"] == BASELINE)
    others = [case for case in cases if case is not base]
    return cases, [compare(noise, case, base, case["time_s"] / base["time_s"]) for case in others]


def matmul_group(noise: random.Random, library: str, kind: str, dtype: str) -> tuple[list[Record], list[Record]]:
    rate, ratios = (MATMULS | crowd.MATMULS)[library, kind, dtype]
    stack = 4 if kind == "tensor-matrix" else 1
    identity = {"study": "alignment", "group": f"{library} {kind} {dtype} cpu", "baseline": "1024", "stack": stack}
    identity |= {"provider": library, "implementation": library, "dtype": dtype, "throughput_unit": "FLOP/s"}
    identity |= {"framework": library, "conditions": conditions_of(library, dtype)}
    cases, comparisons = [], []
    for name, size, true in zip((*map(str, SIZES), "control"), (*SIZES, 1024), (1.0, *ratios, 1.0), strict=True):
        flops = 2 * size**3 * stack
        sizes = {"m": size, "k": size, "n": size, "flops": flops, "control": name == "control"}
        cases.append(case_of(noise, true * flops / rate, case=name, **identity, **sizes))
        if name != "1024":
            comparisons.append(compare(noise, cases[-1], cases[0], true))
    return cases, comparisons


def library_group(noise: random.Random, crowded: bool) -> tuple[list[Record], list[Record]]:
    """One product of 1024 in every library, against torch's."""
    libraries = ["jax", "mxnet", "numpy", "tensorflow", "torch"] if crowded else ["numpy", "torch"]
    size = {"m": 1024, "k": 1024, "n": 1024, "stack": 1, "flops": 2 * 1024**3, "dtype": "float32"}
    identity = {"study": "alignment", "group": "libraries matmul float32 cpu", "baseline": "torch"} | size
    cases = []
    for name in (*libraries, "control"):
        who = "torch" if name == "control" else name
        rate = (MATMULS | crowd.MATMULS)[who, "matmul", "float32"][0]
        mine = {"case": name, "provider": who, "implementation": who, "framework": who, "control": name == "control"}
        mine |= {"throughput_unit": "FLOP/s", "conditions": conditions_of(who, "float32")}
        cases.append(case_of(noise, size["flops"] / rate, **identity, **mine))
    base = next(case for case in cases if case["case"] == "torch")
    others = [case for case in cases if case is not base]
    return cases, [compare(noise, case, base, case["time_s"] / base["time_s"]) for case in others]


def steering_group(noise: random.Random) -> tuple[list[Record], list[Record]]:
    identity: Record = {"study": "alignment", "group": "numpy steering cpu", "baseline": "as set", "provider": "numpy"}
    identity |= {"implementation": "numpy", "dtype": "float32", "m": 1024, "k": 1024, "n": 1024, "flops": 2 * 1024**3}
    identity |= {"throughput_unit": "FLOP/s", "framework": "numpy"}
    base = case_of(noise, 35e-3, case="as set", **identity)
    other = case_of(noise, 14e-3, case="without OPENBLAS_CORETYPE", **identity)
    return [base, other], [compare(noise, other, base, 0.4)]


def fits(comparisons: list[Record], names: list[str]) -> tuple[list[Record], list[Record]]:
    """The fixed costs of the time model, and the width from which on every verdict is equivalent."""
    key = {"device": "cpu", "dtype": "float32", "batch": BATCH, "depth": 1, "widths": [16, 64, 256, 1024]}
    fixed = [
        key
        | {
            "implementation": name,
            "fixed_s": crowd.FIXED_S[name],
            "fixed_low": crowd.FIXED_S[name] * 0.96,
            "fixed_high": crowd.FIXED_S[name] * 1.05,
            "rate": crowd.RATE[name],
            "launches": 8,
        }
        for name in names
    ]
    crossovers = []
    for name in sorted(set(names) - {BASELINE}):
        mine = [row for row in comparisons if row["case"] == name and row["depth"] == 1]
        first = None
        for row in sorted(mine, key=lambda row: -row["width"]):
            if row["verdict"] != "equivalent":
                break
            first = row["width"]
        crossovers.append(key | {"implementation": name, "baseline": BASELINE, "width": first})
    return fixed, crossovers


def flaws(summary: Record) -> None:
    """A skip, a failure, a case that is not equal, and a group whose control failed."""
    cases = {(case["group"], case["case"]): case for case in summary["cases"]}
    skipped = copy.deepcopy(cases["numpy matmul float64 cpu", "1024"])
    skipped |= {"group": "numpy matmul bfloat16 cpu", "dtype": "bfloat16"}
    unmeasured(skipped, "skipped", "NumPy has no bfloat16")
    summary["cases"].append(skipped)
    lost = {("784-1024-10", "numpy_scratch"): ("failed", "the worker was killed: out of memory, limit 2 GB")}
    lost["784-256-256-256-10", "torch_manual"] = ("not equal", "bias gradient of layer 2 off by 0.31, bound 2.4e-05")
    for (shape, name), (status, reason) in lost.items():
        group = f"{shape} batch {BATCH} float32 cpu"
        unmeasured(cases[group, name], status, reason)
        summary["comparisons"] = [row for row in summary["comparisons"] if (row["group"], row["case"]) != (group, name)]
    for row in summary["comparisons"]:
        if row["group"].startswith("784-64-10 "):
            row["marked"] = True
            if row["control"]:
                row |= {"ratio": 1.034, "ci_low": 1.021, "ci_high": 1.047, "verdict": "slower", "p": 0.0004}


def fact(value: Any, unit: str | None = None, source: str = "py-cpuinfo", kind: str = "queried") -> Record:
    return {"value": value, "unit": unit, "source": source, "kind": kind}


def facts(steered: bool) -> Record:
    brand = "AMD EPYC 7B13"
    cpu = {
        "brand": fact(brand),
        "physical_cores": fact(2, None, "/proc/cpuinfo", "derived"),
        "governor": fact(None, None, "/sys/devices/system/cpu/cpu0/cpufreq: no such folder", "unknown"),
    }
    cpu |= {"simd": fact(["avx", "avx2", "fma"]), "l2 cache": fact(524288, "bytes", "lscpu")}
    software = {"python": fact("3.11.4", None, "platform"), "numpy": fact("2.4.6", None, "importlib.metadata")}
    if steered:
        software["OPENBLAS_CORETYPE"] = fact("Prescott", None, "environment variable")
    numpy = {"blas": fact("OpenBLAS 0.3.30"), "architecture": fact("Prescott" if steered else "Zen", None, "openblas")}
    memory = {"total": fact(8_000_000_000, "bytes", "psutil")}
    return {"cpu": cpu, "memory": memory, "gpu": {}, "software": software, "numpy": numpy, "torch": {}}


def make(
    *, seed: int = 7, synthetic: bool = False, steered: bool = False, flawed: bool = True, crowded: bool = False
) -> tuple[Record, Record]:
    """Return a run and its summary."""
    noise = random.Random(seed)
    networks = ((16, 1), (64, 1), (256, 1), (1024, 1), (256, 3))
    groups = [training_group(noise, width, depth, crowded) for width, depth in networks]
    groups += [matmul_group(noise, *key) for key in (MATMULS | crowd.MATMULS if crowded else MATMULS)]
    groups += [library_group(noise, crowded)] + ([steering_group(noise)] if steered else [])
    summary: Record = {"format_version": 1}
    summary |= {"cases": [row for cases, _ in groups for row in cases]}
    summary |= {"comparisons": [row for _, comparisons in groups for row in comparisons]}
    if flawed:
        flaws(summary)
    summary |= learn(random.Random(seed), cast(crowded))
    summary["fixed_costs"], summary["crossovers"] = fits(summary["comparisons"], cast(crowded))
    data = {"kind": "synthetic", "note": "no Fashion-MNIST to be had"} if synthetic else {"kind": "fashion-mnist"}
    run: Record = {"format_version": 1, "command": ["mlpbench", "run", "--seed", "7"]}
    run |= {"label": "AMD EPYC 7B13, 2 cores"}
    run |= {"created": "2026-11-22T15:00:00+00:00", "seed": 7, "preset": "quick", "margin": MARGIN, "threads": 2}
    run |= {"data": {"note": ""} | data, "plan": {"launches": {"throughput": 5, "alignment": 8}, "groups": []}}
    run |= {"machine": {"fingerprint": "3f9a", "facts": facts(steered)}, "git": {"commit": "0123abcd", "dirty": False}}
    run["examples"] = examples()
    return run | {"versions": {"mlpbench": "0.1.0", "python": "3.11.4"}}, summary
