"""The commands; what they do is imported when they are called, so that --help answers at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from mlpbench import options

__all__ = ["Interrupted", "app"]

HELP = "Time MLPs written from scratch and with frameworks, and matmuls of odd sizes; its verdicts hold on a rerun."


class Interrupted(Exception):
    """A command was interrupted before it had anything to keep or to say."""


def _examples(*lines: str) -> str:
    """Return what --help ends in: a command a line, which no terminal wraps into the next."""
    return "\n".join(("\b", "Examples:", *(f"  mlpbench {line}" for line in lines)))


class _Commands(TyperGroup):
    """Commands whose interrupt reaches the caller; Typer by itself ends without a word."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted from None


app = typer.Typer(
    name="mlpbench",
    cls=_Commands,
    epilog=_examples("run", "run throughput --width 64 --width 512", "report runs/NAME", "run --help"),
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
)
environments = typer.Typer(
    help="Make and remove environments for JAX, TensorFlow and MXNet.",
    epilog=_examples("env create all", "env create jax mxnet", "env remove jax"),
    rich_markup_mode=None,
)
app.add_typer(environments, name="env")


@app.command(
    "run",
    epilog=_examples(
        "run",
        "run throughput --impl my_mlp.py --width 256",
        "run alignment --size 1024 --size 1025 --dtype float32",
        "run throughput roofline --dry-run",
        "run --out runs/NAME --resume",
    ),
)
def run_command(
    studies: options.Studies = None,
    preset: options.Preset = "quick",
    impl: options.Impl = None,
    width: options.Width = None,
    depth: options.Depth = None,
    batch: options.Batch = None,
    size: options.Size = None,
    epochs: options.Epochs = None,
    seeds: options.Seeds = None,
    rate: options.Rate = None,
    device: options.Devices = None,
    dtype: options.RunDtype = None,
    threads: options.Threads = None,
    baseline: options.Baseline = None,
    margin: options.RunMargin = 0.02,
    budget: options.RunBudget = None,
    precision: options.Precision = None,
    seed: options.Seed = 0,
    data_root: options.DataRoot = None,
    out: options.RunOut = None,
    label: options.Label = None,
    resume: options.RunResume = False,
    dry_run: options.DryRun = False,
    strict: options.Strict = False,
) -> None:
    """Measure, record, judge, and write the report.

    The cases that are compared take turns, one sample of each a round, in several launches of fresh processes; a
    verdict rests on how far launches agree. Before the first, a pilot checks that all cases compute the same.
    """
    from mlpbench import running

    asked = running.Asked(
        tuple(studies or ()), preset, tuple(impl or ()), tuple(width or ()), tuple(depth or ()), tuple(batch or ()),
        tuple(size or ()), tuple(device or ()), tuple(dtype or ()), threads, baseline, margin, seed,
        budget, precision, epochs, seeds, tuple(rate or ()),
    )  # fmt: skip
    code = running.run(asked, data_root=data_root, out=out, label=label, resume=resume, dry_run=dry_run, strict=strict)
    raise typer.Exit(code)


@app.command("report", epilog=_examples("report runs/NAME", "report benchmarks.json --out page.html"))
def report_command(source: options.Source, out: options.Page = None) -> None:
    """Rebuild summary, figures and page from the records of a run."""
    from mlpbench import reporting

    raise typer.Exit(reporting.report(source, out))


@app.command("list", epilog=_examples("list", "list --json"))
def list_command(as_json: options.AsJson = False) -> None:
    """Show implementations, studies and environments. Each is available, or it says why not."""
    from mlpbench import listing

    raise typer.Exit(listing.show(as_json))


@app.command("hardware", epilog=_examples("hardware", "hardware --json"))
def hardware_command(as_json: options.AsJson = False) -> None:
    """Show the facts of this machine, each with its source."""
    from mlpbench import machine

    raise typer.Exit(machine.show(as_json))


@app.command("verify", epilog=_examples("verify", "verify --impl my_mlp.py --json"))
def verify_command(
    impl: options.Impl = None,
    width: options.Width = None,
    depth: options.Depth = None,
    batch: options.VerifyBatch = None,
    dtype: options.VerifyDtype = None,
    device: options.VerifyDevices = None,
    as_json: options.AsJson = False,
) -> None:
    """Check every implementation against the float64 reference. Exit 1 if one is not equal.

    Unless told otherwise, widths 1, 7 and 256 with 0, 1, 2 and 3 hidden layers are checked.
    """
    from mlpbench import verifying

    code = verifying.verify(
        tuple(impl or ()), tuple(width or ()), tuple(depth or ()), tuple(batch or ()), tuple(dtype or ()),
        tuple(device or ()), as_json=as_json,
    )  # fmt: skip
    raise typer.Exit(code)


@app.command(
    "selfcheck",
    epilog=_examples(
        "selfcheck",
        "selfcheck --budget 3600 --out runs/check",
        "selfcheck --part peers --budget 1800",
        "selfcheck --out runs/check --resume",
    ),
)
def selfcheck_command(
    budget: options.CheckBudget = 300.0,
    part: options.Part = None,
    threads: options.Threads = None,
    framework: options.Framework = None,
    seed: options.CheckSeed = None,
    margin: options.CheckMargin = None,
    out: options.CheckOut = None,
    resume: options.CheckResume = False,
    as_json: options.AsJson = False,
) -> None:
    """Measure what this machine and harness can resolve.

    Identical cases and cases with a planted difference are compared again and again, each time in a small run of its
    own: how often is a verdict false, how often is the difference found, and what does the measuring cost?
    """
    from mlpbench import selfchecking

    asked = selfchecking.Asked(budget, tuple(part or ()), tuple(framework or ()), threads, seed, margin)
    code = selfchecking.selfcheck(asked, out, resume=resume, as_json=as_json)
    raise typer.Exit(code)


@app.command(
    "reference",
    epilog=_examples("reference --out results/my-gpu", "reference --part memory --part alignment", "reference --json"),
)
def reference_command(
    device: options.Device = "cuda",
    out: options.ReferenceOut = Path("runs/reference"),
    piece: options.Piece = 540.0,
    preset: options.ReferencePreset = "quick",
    part: options.ReferencePart = None,
    as_json: options.AsJson = False,
) -> None:
    """Run all studies on one device, in parts, and say what holds. A part takes a few minutes on a GPU; a call ends
    when its time is over, with status 130, and the next one goes on from there.
    """
    from mlpbench import reference

    raise typer.Exit(reference.reference(device, out, piece, preset, parts=tuple(part or ()), as_json=as_json))


@app.command(
    "advise",
    epilog=_examples(
        "advise --layers 784,250,10 --batch 256",
        "advise --m 256 --k 333 --n 55 --library numpy",
        "advise --check 20 --threads 1 --out runs/advice",
    ),
)
def advise_command(
    m: options.M = None,
    k: options.K = None,
    n: options.N = None,
    layers: options.Layers = None,
    batch: options.LayersBatch = None,
    dtype: options.AdviseDtype = "float32",
    device: options.Device = "cpu",
    library: options.Library = None,
    impl: options.LayersImpl = None,
    threads: options.Threads = None,
    padded_once: options.PaddedOnce = False,
    preset: options.Preset = "quick",
    margin: options.AdviseMargin = 0.02,
    seed: options.Seed = 0,
    check: options.Check = None,
    out: options.AdviseOut = None,
    resume: options.AdviseResume = False,
    as_json: options.AsJson = False,
) -> None:
    """Say what to pad a product or a network to, or not to pad. It tells what that gains after all it costs."""
    from mlpbench import advising

    asked = advising.Asked(
        {"m": m, "k": k, "n": n}, layers, batch, library, impl, padded_once, check, dtype, device, threads, preset,
        margin, seed,
    )  # fmt: skip
    raise typer.Exit(advising.advise(asked, out, resume=resume, as_json=as_json))


@environments.command("create", epilog=_examples("env create all", "env create jax mxnet"))
def create_command(names: options.EnvironmentNames) -> None:
    """Make environments of pinned packages, by venv and pip.

    They lie in the user's cache. One that is there and up to date is left alone, one whose requirements or files
    changed is made anew. pip takes its index from PIP_INDEX_URL and its other settings. An interpreter of your own goes
    into ~/.config/mlpbench/environments.toml instead.
    """
    from mlpbench import envs

    raise typer.Exit(envs.create(names))


@environments.command("remove", epilog=_examples("env remove jax", "env remove all"))
def remove_command(names: options.EnvironmentNames) -> None:
    """Remove environments that `mlpbench env create` made."""
    from mlpbench import envs

    raise typer.Exit(envs.remove(names))


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
