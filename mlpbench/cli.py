"""The commands and their options; what they do is imported when they are called, so that --help answers at once."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from bench.errors import BadInput

__all__ = ["app", "main"]

HELP = "Time MLPs written from scratch and with frameworks, and matmuls of odd sizes; its verdicts hold on a rerun."

app = typer.Typer(
    name="mlpbench",
    epilog="Examples: mlpbench run · mlpbench run throughput --width 64 --width 512 · mlpbench report runs/NAME",
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
)

RUN_EPILOG = (
    "Examples: mlpbench run · mlpbench run throughput --impl my_mlp.py --width 256 · "
    "mlpbench run alignment --size 1024 --size 1025 --dtype float32 · mlpbench run --out runs/NAME --resume"
)

environments = typer.Typer(
    help="Make and remove the environments in which JAX, TensorFlow and MXNet run.", rich_markup_mode=None
)
app.add_typer(environments, name="env")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
Impl = Annotated[
    list[str] | None,
    typer.Option(
        "--impl",
        metavar="NAME|FILE|all",
        help="Repeat to add; NAME may be NAME:VARIANT, and @ENVIRONMENT after any has it run there. [all]",
    ),
]


@app.command("run", epilog=RUN_EPILOG)
def run_command(
    studies: Annotated[
        list[str] | None, typer.Argument(metavar="[STUDY]...", help="Studies; by default throughput and alignment.")
    ] = None,
    preset: Annotated[str, typer.Option(help="quick, standard or thorough: launches, rounds and sizes.")] = "quick",
    impl: Impl = None,
    width: Annotated[list[int] | None, typer.Option(help="Hidden width; repeat to add.")] = None,
    depth: Annotated[list[int] | None, typer.Option(help="Hidden layers; repeat to add.")] = None,
    batch: Annotated[list[int] | None, typer.Option(help="Examples per step; repeat to add.")] = None,
    size: Annotated[list[int] | None, typer.Option(help="Matrix size; repeat to add.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Of the study accuracy. [10]")] = None,
    seeds: Annotated[int | None, typer.Option(help="Of the study accuracy, each a launch. [3]")] = None,
    rate: Annotated[
        list[float] | None, typer.Option(help="Learning rate of accuracy; repeat to add. [0.1 0.5]")
    ] = None,
    device: Annotated[list[str] | None, typer.Option(help="cpu or cuda; repeat to add. [cpu; devices: cuda]")] = None,
    dtype: Annotated[
        list[str] | None,
        typer.Option(
            help="float32, float64, bfloat16 or float16; with alignment or data_effect alone also tf32 and int8; "
            "repeat to add."
        ),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Threads per worker; by default the physical cores this process may use.")
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(help="Implementation or size to compare with, added if left out. [torch_concise; 1024]"),
    ] = None,
    margin: Annotated[float, typer.Option(help="Ratios within 1 + margin either way are equivalent.")] = 0.02,
    budget: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Fix launches and rounds so that measuring takes so long, by a pilot."),
    ] = None,
    precision: Annotated[
        float | None,
        typer.Option(
            metavar="FRACTION", help="Stop a study, from 10 launches on, once its widest interval is within this."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of weights, operands and every random order.")] = 0,
    data_root: Annotated[
        Path | None, typer.Option(help="Folder that holds FashionMNIST/raw; also $MLPBENCH_DATA.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder. [runs/<machine>-<time>]")] = None,
    label: Annotated[str | None, typer.Option(help="What to call this machine in the report.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Finish the run in --out by its own plan.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the cases and the time they will take.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 if a case was skipped or failed.")] = False,
) -> None:
    """Measure, record, judge, and write the report."""
    from mlpbench import running

    asked = running.Asked(
        tuple(studies or ()), preset, tuple(impl or ()), tuple(width or ()), tuple(depth or ()), tuple(batch or ()),
        tuple(size or ()), tuple(device or ()), tuple(dtype or ()), threads, baseline, margin, seed,
        budget, precision, epochs, seeds, tuple(rate or ()),
    )  # fmt: skip
    code = running.run(asked, data_root=data_root, out=out, label=label, resume=resume, dry_run=dry_run, strict=strict)
    raise typer.Exit(code)


@app.command("report", epilog="Examples: mlpbench report runs/NAME · mlpbench report benchmarks.json --out page.html")
def report_command(
    source: Annotated[Path, typer.Argument(metavar="RUN_DIR|FILE", help="A run folder, or pytest-benchmark's JSON.")],
    out: Annotated[Path | None, typer.Option(help="Page to write. [report.html in the run folder]")] = None,
) -> None:
    """Rebuild summary, figures and page from the records of a run."""
    from mlpbench import reporting

    raise typer.Exit(reporting.report(source, out))


@app.command("list", epilog="Example: mlpbench list --json")
def list_command(as_json: AsJson = False) -> None:
    """Show implementations, studies and environments: each available, or why not."""
    from mlpbench import listing

    raise typer.Exit(listing.show(as_json))


@app.command("hardware", epilog="Example: mlpbench hardware --json")
def hardware_command(as_json: AsJson = False) -> None:
    """Show what is known of this machine, each fact with its source."""
    from mlpbench import machine

    raise typer.Exit(machine.show(as_json))


@app.command("verify", epilog="Examples: mlpbench verify · mlpbench verify --impl my_mlp.py --json")
def verify_command(
    impl: Impl = None,
    width: Annotated[list[int] | None, typer.Option(help="Hidden width; repeat to add. [1 7 256]")] = None,
    depth: Annotated[list[int] | None, typer.Option(help="Hidden layers; repeat to add. [0 1 2 3]")] = None,
    batch: Annotated[list[int] | None, typer.Option(help="Examples per step; repeat to add. [256]")] = None,
    dtype: Annotated[list[str] | None, typer.Option(help="Repeat to add. [float32 float64]")] = None,
    device: Annotated[list[str] | None, typer.Option(help="cpu or cuda; repeat to add. [cpu]")] = None,
    as_json: AsJson = False,
) -> None:
    """Check every implementation against the float64 reference; exit 1 if one is not equal."""
    from mlpbench import verifying

    code = verifying.verify(
        tuple(impl or ()), tuple(width or ()), tuple(depth or ()), tuple(batch or ()), tuple(dtype or ()),
        tuple(device or ()), as_json=as_json,
    )  # fmt: skip
    raise typer.Exit(code)


@app.command(
    "selfcheck",
    epilog="Examples: mlpbench selfcheck · mlpbench selfcheck --budget 3600 --out runs/check · "
    "mlpbench selfcheck --part peers --budget 1800 · mlpbench selfcheck --out runs/check --resume",
)
def selfcheck_command(
    budget: Annotated[float, typer.Option(metavar="SECONDS", help="How long to try pairs of known truth.")] = 300.0,
    part: Annotated[
        list[str] | None,
        typer.Option(
            metavar="aa|planted|timers|peers|attribution",
            help="aa: identical pairs; planted: known differences; timers: deliberately broken ones; peers: pyperf, "
            "pytest-benchmark and torch.utils.benchmark on the same pairs (extra `peers`); attribution: a cost on one "
            "factor of three. Repeat to add. "
            "[timers aa planted]",
        ),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="Threads per worker; by default the physical cores this process may use.")
    ] = None,
    framework: Annotated[
        list[str] | None, typer.Option(metavar="numpy|torch", help="Whose pairs; repeat to add. [those there are]")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of operands and every random order. [0]")] = None,
    margin: Annotated[float | None, typer.Option(help="At which identical pairs are judged. [0.02]")] = None,
    out: Annotated[Path | None, typer.Option(help="Its folder. [runs/selfcheck-<machine>-<time>]")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Add tries to the self-check in --out.")] = False,
    as_json: AsJson = False,
) -> None:
    """Measure what this machine and harness can resolve: false verdicts, planted differences found, own cost."""
    from mlpbench import selfchecking

    asked = selfchecking.Asked(budget, tuple(part or ()), tuple(framework or ()), threads, seed, margin)
    code = selfchecking.selfcheck(asked, out, resume=resume, as_json=as_json)
    raise typer.Exit(code)


@app.command(
    "reference",
    epilog="Examples: mlpbench reference --device cuda --out results/my-gpu · until it stops asking for another piece: "
    "while mlpbench reference --out results/my-gpu; [ $? -eq 130 ]; do :; done",
)
def reference_command(
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cuda",
    out: Annotated[Path, typer.Option(help="Folder of all its runs, one in each folder within.")] = Path(
        "runs/reference"
    ),
    piece: Annotated[float, typer.Option(metavar="SECONDS", help="How long this call may take.")] = 540.0,
    preset: Annotated[str, typer.Option(help="quick, standard or thorough, of runs that are not begun yet.")] = "quick",
    as_json: AsJson = False,
) -> None:
    """Run throughput, roofline, alignment, memory, reproduction and accuracy on one device, in pieces that resume one
    another, the first three twice, and say what holds.
    """
    from mlpbench import reference

    raise typer.Exit(reference.reference(device, out, piece, preset, as_json=as_json))


@app.command(
    "advise",
    epilog="Examples: mlpbench advise --layers 784,250,10 --batch 256 · mlpbench advise --m 256 --k 333 --n 55 "
    "--library numpy · mlpbench advise --check 20 --threads 1 --out runs/advice",
)
def advise_command(
    m: Annotated[int | None, typer.Option(help="Rows of the activations, such as the batch.")] = None,
    k: Annotated[int | None, typer.Option(help="Columns of the activations, rows of the weights.")] = None,
    n: Annotated[int | None, typer.Option(help="Columns of the weights.")] = None,
    layers: Annotated[
        str | None, typer.Option(metavar="IN,HIDDEN,...,OUT", help="A network whose training step is to be padded.")
    ] = None,
    batch: Annotated[int | None, typer.Option(help="Examples per step of --layers. [256]")] = None,
    dtype: Annotated[str, typer.Option(help="float32, float64, bfloat16 or float16.")] = "float32",
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    library: Annotated[str | None, typer.Option(metavar="numpy|torch", help="That multiplies m, k, n. [torch]")] = None,
    impl: Annotated[str | None, typer.Option(metavar="NAME|FILE", help="That trains --layers. [torch_concise]")] = None,
    threads: Annotated[
        int | None, typer.Option(help="Threads per worker; by default the physical cores this process may use.")
    ] = None,
    padded_once: Annotated[
        bool, typer.Option("--padded-once", help="Activations are kept padded too, not copied in each step.")
    ] = False,
    preset: Annotated[str, typer.Option(help="quick, standard or thorough: launches of what is confirmed.")] = "quick",
    margin: Annotated[float, typer.Option(help="The least gain that is worth padding for.")] = 0.02,
    seed: Annotated[int, typer.Option(help="Of operands and every random order.")] = 0,
    check: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Compare advice with a wide measurement on N random products up to 700, a minute or two each; "
            "exit 1 if under 95 % are within 3 % of the best.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Keep the records there. [a check: runs/advice-check-...]")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the check in --out.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what to pad a product or a network to, and what that gains after all it costs; or not to pad."""
    from mlpbench import advising

    asked = advising.Asked(
        {"m": m, "k": k, "n": n}, layers, batch, library, impl, padded_once, check, dtype, device, threads, preset,
        margin, seed,
    )  # fmt: skip
    raise typer.Exit(advising.advise(asked, out, resume=resume, as_json=as_json))


EnvironmentNames = Annotated[
    list[str], typer.Argument(metavar="NAME...|all", help="Frameworks: jax, tensorflow, mxnet.", show_default=False)
]


@environments.command("create", epilog="Examples: mlpbench env create all · mlpbench env create jax mxnet")
def create_command(names: EnvironmentNames) -> None:
    """Make environments of pinned packages, by venv and pip, in the user's cache.

    One that is there and up to date is left alone, one whose requirements or files changed is made anew. pip takes its
    index from PIP_INDEX_URL and its other settings. An interpreter of your own goes into
    ~/.config/mlpbench/environments.toml instead.
    """
    from mlpbench import envs

    raise typer.Exit(envs.create(names))


@environments.command("remove", epilog="Example: mlpbench env remove jax")
def remove_command(names: EnvironmentNames) -> None:
    """Remove environments that `mlpbench env create` made."""
    from mlpbench import envs

    raise typer.Exit(envs.remove(names))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; bad input is one line on standard error and 2, an interrupt 130."""
    if sys.platform == "win32":
        print("mlpbench: Windows is not supported; use Linux, macOS or WSL", file=sys.stderr)
        return 2
    _open_streams()
    try:
        given = list(sys.argv[1:] if arguments is None else arguments)
        code = app(args=given or ["--help"], standalone_mode=False)
        return code if isinstance(code, int) else 0
    except BadInput as error:
        return _bad_input(str(error))
    except KeyboardInterrupt:
        print("mlpbench: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        return _bad_input(f"{name}{error.strerror or error}; name a file or folder that can be used")
    except Exception as error:
        # Typer's own errors, whose base class moved between releases, are all that carry format_message.
        if type(error).__name__ == "Abort":
            return 130
        describe = getattr(error, "format_message", None)
        if describe is None:
            raise
        return _bad_input(f"{describe().rstrip('.')}; see mlpbench --help")


def _open_streams() -> None:
    """Give standard streams that were closed a place to go: workers' pipes would take their numbers otherwise."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115 - for as long as the process lives
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without the sign for a thin space still gets the rest
    if not os.environ.get("COLUMNS", "80").isdigit() or os.environ.get("COLUMNS") == "0":
        del os.environ["COLUMNS"]  # a width of 0, which would hide all output


def _show_version(asked: bool) -> None:
    if asked:
        from importlib import metadata

        print(metadata.version("mlpbench"))
        raise typer.Exit


@app.callback(help=HELP)
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """What all commands have in common."""


def _bad_input(text: str) -> int:
    print(f"mlpbench: {' '.join(text.split())}", file=sys.stderr)
    return 2
