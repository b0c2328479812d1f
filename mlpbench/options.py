"""What options of the commands are called, take and mean; which command has which, and their defaults: ``commands.py``.

One that means the same to several commands is one; else it is named after its command.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlpbench.reference_parts import NAMES as REFERENCE_PARTS

# --- of several commands

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
Impl = Annotated[
    list[str] | None,
    typer.Option(
        "--impl",
        metavar="NAME|FILE|all",
        help="Implementation, or a file with one; NAME:VARIANT is a variant, NAME@ENVIRONMENT has it run there; repeat "
        "to add. [each, without variants; all has these too]",
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(metavar="N", help="Threads per worker process. [the physical cores that this process may use]"),
]
Device = Annotated[str, typer.Option(metavar="cpu|cuda", help="Where it runs.")]
Devices = Annotated[
    list[str] | None,
    typer.Option(metavar="cpu|cuda", help="Where it runs; repeat to add. [cpu; of the study devices: cuda]"),
]
Width = Annotated[list[int] | None, typer.Option(metavar="N", help="Width of the hidden layers; repeat to add.")]
Depth = Annotated[list[int] | None, typer.Option(metavar="N", help="How many hidden layers; repeat to add.")]
Batch = Annotated[
    list[int] | None,
    typer.Option(metavar="N", help="Examples per step; repeat to add. [256; on a GPU throughput has others too]"),
]
Preset = Annotated[
    str, typer.Option(metavar="quick|standard|thorough", help="How many launches, rounds and sizes there are.")
]
Seed = Annotated[int, typer.Option(metavar="N", help="What weights, operands and every random order are drawn from.")]

# --- run

Studies = Annotated[
    list[str] | None,
    typer.Argument(metavar="STUDY", help="What to measure; `mlpbench list` names all. [throughput alignment]"),
]
Size = Annotated[list[int] | None, typer.Option(metavar="N", help="Size of matrix products; repeat to add.")]
Epochs = Annotated[int | None, typer.Option(metavar="N", help="How long the study accuracy trains. [10]")]
Seeds = Annotated[
    int | None,
    typer.Option(metavar="N", help="How often accuracy trains, from other weights. [3; standard 5, thorough 10]"),
]
Rate = Annotated[
    list[float] | None, typer.Option(metavar="RATE", help="Learning rate of accuracy; repeat to add. [0.1 0.5]")
]
RunDtype = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="float32, float64, bfloat16 or float16; with alignment or data_effect alone also tf32 and int8; "
        "repeat to add.",
    ),
]
Baseline = Annotated[
    str | None,
    typer.Option(metavar="NAME|SIZE", help="What to compare with, added if left out. [torch_concise; products: 1024]"),
]
RunMargin = Annotated[
    float, typer.Option(metavar="FRACTION", help="Times that differ by no more than this are equivalent.")
]
RunBudget = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS", help="Take about so long; trial launches, which enter no result, find how many fit."
    ),
]
Precision = Annotated[
    float | None,
    typer.Option(metavar="FRACTION", help="Stop a study, from 10 launches on, once all its intervals are this narrow."),
]
DataRoot = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Folder that holds FashionMNIST/raw; also $MLPBENCH_DATA.")
]
RunOut = Annotated[Path | None, typer.Option(metavar="DIR", help="Run folder. [runs/<machine>-<time>]")]
Label = Annotated[str | None, typer.Option(metavar="TEXT", help="What to call this machine in the report.")]
RunResume = Annotated[bool, typer.Option("--resume", help="Finish the interrupted run in --out.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the cases and the time they will take.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit 1 if a case was skipped or failed.")]

# --- report

Source = Annotated[Path, typer.Argument(metavar="RUN_DIR|FILE", help="A run folder, or pytest-benchmark's JSON.")]
Page = Annotated[Path | None, typer.Option(metavar="FILE", help="Page to write. [report.html in the run folder]")]

# --- verify

VerifyBatch = Annotated[list[int] | None, typer.Option(metavar="N", help="Examples per step; repeat to add. [256]")]
VerifyDevices = Annotated[
    list[str] | None, typer.Option(metavar="cpu|cuda", help="Where it runs; repeat to add. [cpu]")
]
VerifyDtype = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="A dtype; repeat to add. [float32 float64]")
]

# --- selfcheck

CheckBudget = Annotated[float, typer.Option(metavar="SECONDS", help="How long to try cases of known truth.")]
Part = Annotated[
    list[str] | None,
    typer.Option(
        metavar="aa|planted|timers|peers|attribution",
        help="aa: identical pairs; planted: known differences; timers: deliberately broken ones; peers: pyperf, "
        "pytest-benchmark and torch.utils.benchmark on the same pairs (extra `peers`); attribution: a cost on one "
        "factor of three. Repeat to add. "
        "[timers aa planted]",
    ),
]
Framework = Annotated[
    list[str] | None,
    typer.Option(metavar="numpy|torch", help="Which cases are tried; repeat to add. [those there are]"),
]
CheckSeed = Annotated[
    int | None, typer.Option(metavar="N", help="What operands and every random order are drawn from. [0]")
]
CheckMargin = Annotated[
    float | None,
    typer.Option(metavar="FRACTION", help="Identical cases that differ by no more are equivalent. [0.02]"),
]
CheckOut = Annotated[Path | None, typer.Option(metavar="DIR", help="Its folder. [runs/selfcheck-<machine>-<time>]")]
CheckResume = Annotated[bool, typer.Option("--resume", help="Add to the self-check in --out.")]

# --- reference

ReferenceOut = Annotated[Path, typer.Option(help="Folder of all its runs, one in each folder within.")]
Piece = Annotated[float, typer.Option(metavar="SECONDS", help="How long this call may take.")]
ReferencePart = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help=f"Only this part of {', '.join(REFERENCE_PARTS)}; repeat to add. [all]"),
]
ReferencePreset = Annotated[str, typer.Option(help="quick, standard or thorough, of runs that are not begun yet.")]

# --- advise

M = Annotated[int | None, typer.Option(metavar="N", help="Rows of the activations, such as the batch.")]
K = Annotated[int | None, typer.Option(metavar="N", help="Columns of the activations, rows of the weights.")]
N = Annotated[int | None, typer.Option(metavar="N", help="Columns of the weights.")]
Layers = Annotated[
    str | None, typer.Option(metavar="IN,HIDDEN,...,OUT", help="A network whose training step is to be padded.")
]
LayersBatch = Annotated[int | None, typer.Option(metavar="N", help="Examples per step of --layers. [256]")]
AdviseDtype = Annotated[str, typer.Option(metavar="NAME", help="float32, float64, bfloat16 or float16.")]
Library = Annotated[str | None, typer.Option(metavar="numpy|torch", help="What multiplies m, k, n. [torch]")]
LayersImpl = Annotated[str | None, typer.Option(metavar="NAME|FILE", help="What trains --layers. [torch_concise]")]
PaddedOnce = Annotated[
    bool, typer.Option("--padded-once", help="Activations are kept padded too, not copied in each step.")
]
AdviseMargin = Annotated[float, typer.Option(metavar="FRACTION", help="The least gain that is worth padding for.")]
Check = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Compare advice with a wide measurement on N random products up to 700, a minute or two each; "
        "exit 1 if under 95 % are within 3 % of the best.",
    ),
]
AdviseOut = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Keep the records there. [a check: runs/advice-check-...]")
]
AdviseResume = Annotated[bool, typer.Option("--resume", help="Go on with the check in --out.")]

# --- env

EnvironmentNames = Annotated[
    list[str], typer.Argument(metavar="NAME|all", help="Frameworks: jax, tensorflow, mxnet.", show_default=False)
]
