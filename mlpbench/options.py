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
        help="Repeat to add; NAME may be NAME:VARIANT, and @ENVIRONMENT after any has it run there. "
        "[each, without variants, which all has]",
    ),
]
Threads = Annotated[
    int | None, typer.Option(help="Threads per worker; by default the physical cores this process may use.")
]
Device = Annotated[str, typer.Option(help="cpu or cuda.")]
Devices = Annotated[
    list[str] | None, typer.Option(help="cpu or cuda; repeat to add. [cpu; of the study devices: cuda]")
]

# --- run

Studies = Annotated[
    list[str] | None, typer.Argument(metavar="[STUDY]...", help="Studies; by default throughput and alignment.")
]
RunPreset = Annotated[str, typer.Option(help="quick, standard or thorough: launches, rounds and sizes.")]
RunWidth = Annotated[list[int] | None, typer.Option(help="Hidden width; repeat to add.")]
RunDepth = Annotated[list[int] | None, typer.Option(help="Hidden layers; repeat to add.")]
RunBatch = Annotated[list[int] | None, typer.Option(help="Examples per step; repeat to add.")]
Size = Annotated[list[int] | None, typer.Option(help="Matrix size; repeat to add.")]
Epochs = Annotated[int | None, typer.Option(help="Of the study accuracy. [10]")]
Seeds = Annotated[int | None, typer.Option(help="Of the study accuracy, each a launch. [3; standard 5, thorough 10]")]
Rate = Annotated[list[float] | None, typer.Option(help="Learning rate of accuracy; repeat to add. [0.1 0.5]")]
RunDtype = Annotated[
    list[str] | None,
    typer.Option(
        help="float32, float64, bfloat16 or float16; with alignment or data_effect alone also tf32 and int8; "
        "repeat to add."
    ),
]
Baseline = Annotated[
    str | None,
    typer.Option(help="Implementation or size to compare with, added if left out. [torch_concise; 1024]"),
]
RunMargin = Annotated[float, typer.Option(help="Ratios within 1 + margin either way are equivalent.")]
RunBudget = Annotated[
    float | None,
    typer.Option(metavar="SECONDS", help="Fix launches and rounds so that measuring takes so long, by a pilot."),
]
Precision = Annotated[
    float | None,
    typer.Option(
        metavar="FRACTION", help="Stop a study, from 10 launches on, once its widest interval is within this."
    ),
]
RunSeed = Annotated[int, typer.Option(help="Of weights, operands and every random order.")]
DataRoot = Annotated[Path | None, typer.Option(help="Folder that holds FashionMNIST/raw; also $MLPBENCH_DATA.")]
RunOut = Annotated[Path | None, typer.Option(help="Run folder. [runs/<machine>-<time>]")]
Label = Annotated[str | None, typer.Option(help="What to call this machine in the report.")]
RunResume = Annotated[bool, typer.Option("--resume", help="Finish the run in --out by its own plan.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the cases and the time they will take.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit 1 if a case was skipped or failed.")]

# --- report

Source = Annotated[Path, typer.Argument(metavar="RUN_DIR|FILE", help="A run folder, or pytest-benchmark's JSON.")]
Page = Annotated[Path | None, typer.Option(help="Page to write. [report.html in the run folder]")]

# --- verify

VerifyWidth = Annotated[list[int] | None, typer.Option(help="Hidden width; repeat to add. [1 7 256]")]
VerifyDepth = Annotated[list[int] | None, typer.Option(help="Hidden layers; repeat to add. [0 1 2 3]")]
VerifyBatch = Annotated[list[int] | None, typer.Option(help="Examples per step; repeat to add. [256]")]
VerifyDtype = Annotated[list[str] | None, typer.Option(help="Repeat to add. [float32 float64]")]

# --- selfcheck

CheckBudget = Annotated[float, typer.Option(metavar="SECONDS", help="How long to try pairs of known truth.")]
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
    list[str] | None, typer.Option(metavar="numpy|torch", help="Whose pairs; repeat to add. [those there are]")
]
CheckSeed = Annotated[int | None, typer.Option(help="Of operands and every random order. [0]")]
CheckMargin = Annotated[float | None, typer.Option(help="At which identical pairs are judged. [0.02]")]
CheckOut = Annotated[Path | None, typer.Option(help="Its folder. [runs/selfcheck-<machine>-<time>]")]
CheckResume = Annotated[bool, typer.Option("--resume", help="Add tries to the self-check in --out.")]

# --- reference

ReferenceOut = Annotated[Path, typer.Option(help="Folder of all its runs, one in each folder within.")]
Piece = Annotated[float, typer.Option(metavar="SECONDS", help="How long this call may take.")]
ReferencePart = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help=f"Only this part of {', '.join(REFERENCE_PARTS)}; repeat to add. [all]"),
]
ReferencePreset = Annotated[str, typer.Option(help="quick, standard or thorough, of runs that are not begun yet.")]

# --- advise

M = Annotated[int | None, typer.Option(help="Rows of the activations, such as the batch.")]
K = Annotated[int | None, typer.Option(help="Columns of the activations, rows of the weights.")]
N = Annotated[int | None, typer.Option(help="Columns of the weights.")]
Layers = Annotated[
    str | None, typer.Option(metavar="IN,HIDDEN,...,OUT", help="A network whose training step is to be padded.")
]
LayersBatch = Annotated[int | None, typer.Option(help="Examples per step of --layers. [256]")]
AdviseDtype = Annotated[str, typer.Option(help="float32, float64, bfloat16 or float16.")]
Library = Annotated[str | None, typer.Option(metavar="numpy|torch", help="That multiplies m, k, n. [torch]")]
LayersImpl = Annotated[str | None, typer.Option(metavar="NAME|FILE", help="That trains --layers. [torch_concise]")]
PaddedOnce = Annotated[
    bool, typer.Option("--padded-once", help="Activations are kept padded too, not copied in each step.")
]
AdvisePreset = Annotated[str, typer.Option(help="quick, standard or thorough: launches of what is confirmed.")]
AdviseMargin = Annotated[float, typer.Option(help="The least gain that is worth padding for.")]
AdviseSeed = Annotated[int, typer.Option(help="Of operands and every random order.")]
Check = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Compare advice with a wide measurement on N random products up to 700, a minute or two each; "
        "exit 1 if under 95 % are within 3 % of the best.",
    ),
]
AdviseOut = Annotated[Path | None, typer.Option(help="Keep the records there. [a check: runs/advice-check-...]")]
AdviseResume = Annotated[bool, typer.Option("--resume", help="Go on with the check in --out.")]

# --- env

EnvironmentNames = Annotated[
    list[str], typer.Argument(metavar="NAME...|all", help="Frameworks: jax, tensorflow, mxnet.", show_default=False)
]
