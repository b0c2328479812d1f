"""Reading the JSON of ``pytest --benchmark-only --benchmark-json=FILE`` as a run and its summary.

pytest-benchmark measures one case after the other in one process, so that drift and the process itself are in every
difference: there are figures, but no comparisons, and no intervals either, since rounds within one process are not
independent of one another. Our own benchmarks carry the columns of a case; of anyone else's there is the time alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, NonNegativeInt, PositiveInt, ValidationError

from bench import hardware
from bench.errors import BadInput

__all__ = ["BANNER", "read"]

BANNER = "measured one after the other by pytest-benchmark: no verdicts"
STUDY = "pytest-benchmark"
MEMORY = "memory"  # the study whose steps move bytes
NO_GROUP = "no group"
HOW = "python3 -m pytest --benchmark-only --benchmark-json=FILE"
# What a case's row has in a run's summary.
COLUMNS = (
    *("baseline", "implementation", "provider", "device", "dtype", "threads", "batch", "width", "depth", "shape"),
    *("m", "k", "n", "stack", "reason", "time_low", "time_high", "throughput", "throughput_unit", "flops", "bytes"),
    *("flop_rate", "arithmetic_intensity", "percent_of_attainable", "deviation", "bound", "import_s", "build_s"),
    *("first_step_s", "cold_build_s", "cold_first_step_s"),
)

Row = dict[str, Any]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Stats(BaseModel):
    median: Seconds
    q1: Seconds
    q3: Seconds
    rounds: PositiveInt
    iterations: PositiveInt


class _Benchmark(BaseModel):
    name: str
    group: str | None = None
    extra_info: dict[str, Any] = {}
    stats: _Stats


class _Columns(BaseModel):
    """What tests/benchmarks stores in ``extra_info``."""

    study: str
    group: str
    case: str
    implementation: str
    provider: str
    device: str
    dtype: str
    threads: PositiveInt
    batch: PositiveInt | None
    width: PositiveInt | None
    depth: PositiveInt | None
    shape: str | None
    m: PositiveInt | None
    k: PositiveInt | None
    n: PositiveInt | None
    stack: PositiveInt | None
    flops: NonNegativeInt
    bytes: PositiveInt
    data: dict[str, str] | None


class _Fact(BaseModel):
    value: Any
    unit: str | None
    source: str
    kind: Literal["queried", "derived", "looked-up", "measured", "unknown"]

    def plain(self) -> hardware.Fact:
        return hardware.Fact(value=self.value, unit=self.unit, source=self.source, kind=self.kind)


class _Cpu(BaseModel):
    brand_raw: str | None = None


class _Machine(BaseModel):
    cpu: _Cpu = _Cpu()
    python_version: str | None = None
    mlpbench: dict[str, dict[str, _Fact]] | None = None


class _Commit(BaseModel):
    id: str | None = None
    dirty: bool | None = None


class _File(BaseModel):
    machine_info: _Machine
    commit_info: _Commit = _Commit()
    benchmarks: list[_Benchmark] = Field(min_length=1)
    datetime: str
    version: str


def read(path: Path) -> tuple[Row, Row]:
    """Return what run.json and summary.json would hold, as far as the file says; ``run["banner"]`` is for the page.

    Raises:
        BadInput: The file cannot be read or is not pytest-benchmark's.
    """
    try:
        file = _File.model_validate_json(path.read_bytes())
        ours = file.machine_info.mlpbench is not None
        cases = [_own_row(entry) if ours else _foreign_row(entry) for entry in file.benchmarks]
        sources = [_Columns.model_validate(entry.extra_info).data for entry in file.benchmarks] if ours else []
    except OSError as error:
        raise BadInput(f"{path}: expected JSON of pytest-benchmark, got {error.strerror}; make it with {HOW}") from None
    except ValidationError as error:
        raise BadInput(f"{path}: expected JSON of pytest-benchmark, got {_first(error)}; make it with {HOW}") from None
    run = _run(file, cases, next(filter(None, sources), None))
    none: dict[str, list[Row]] = {"comparisons": [], "fixed_costs": [], "crossovers": [], "notes": []}
    return run, {"format_version": 1, "cases": cases, **none}


def _first(error: ValidationError) -> str:
    """Return the first thing wrong in a few words."""
    found = error.errors()[0]
    where = ".".join(map(str, found["loc"]))
    return f"{where}: {found['msg']}" if where else found["msg"]


def _run(file: _File, cases: list[Row], data: dict[str, str] | None) -> Row:
    facts = _facts(file.machine_info)
    commit = file.commit_info
    known = commit.id not in (None, "unknown", "unversioned")
    return {
        "format_version": 1,
        "command": ["pytest", "--benchmark-only"],
        "label": hardware.machine_name(facts),
        "created": file.datetime,
        "seed": 0,
        "margin": None,
        "threads": max((row["threads"] or 0 for row in cases), default=0) or None,
        "data": data or {"kind": "none", "note": ""},
        "plan": {"launches": {}, "groups": []},
        "machine": {"fingerprint": hardware.fingerprint(facts), "facts": facts},
        "versions": {STUDY: file.version, "python": file.machine_info.python_version},
        "git": {"commit": commit.id, "dirty": commit.dirty} if known else None,
        "banner": BANNER,
    }


def _facts(machine: _Machine) -> dict[str, hardware.Facts]:
    """Return our hardware record, or of anyone else's what the file says."""
    if machine.mlpbench is not None:
        return {
            group: {name: entry.plain() for name, entry in members.items()}
            for group, members in machine.mlpbench.items()
        }
    source = "pytest-benchmark's machine_info"
    return {
        "cpu": {"brand": hardware.ask(source, lambda: machine.cpu.brand_raw)},
        "software": {"python": hardware.ask(source, lambda: machine.python_version)},
    }


def _own_row(entry: _Benchmark) -> Row:
    columns = _Columns.model_validate(entry.extra_info)
    row = _row(entry) | columns.model_dump(exclude={"data"})
    seconds, flops = entry.stats.median, columns.flops
    amount, unit = (flops, "FLOP/s") if columns.study != MEMORY else (columns.bytes, "B/s")
    if columns.batch is not None:
        amount, unit = columns.batch, "examples/s"
    return row | {
        "throughput": amount / seconds,
        "throughput_unit": unit,
        "flop_rate": flops / seconds,
        "arithmetic_intensity": flops / columns.bytes,
    }


def _foreign_row(entry: _Benchmark) -> Row:
    return _row(entry) | {"study": STUDY, "group": entry.group or NO_GROUP, "case": entry.name}


def _row(entry: _Benchmark) -> Row:
    """Return a case row with the times in it and every other column empty."""
    stats = entry.stats
    return dict.fromkeys(COLUMNS) | {
        "control": False,
        "status": "measured",
        "time_s": stats.median,
        "time_q1": stats.q1,
        "time_q3": stats.q3,
        "launches": 1,
        "rounds": stats.rounds,
        "steps": stats.iterations,
    }
