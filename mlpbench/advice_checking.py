"""``mlpbench advise --check``: advice against a wide measurement, on products of random sizes."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import hardware
from bench.advice import record as records
from bench.advice import wide
from bench.advice.measuring import Measuring
from bench.advice.problems import Place
from bench.advice.stages import Settings, Unmeasurable
from bench.errors import BadInput
from bench.store import FORMAT_VERSION, RunFolder, write_json
from bench.survey import Survey
from mlpbench import advice_preparing, advice_text, recording
from mlpbench.console import ProgressLine, error_console, output_console
from mlpbench.interrupts import INTERRUPTED

__all__ = ["Asked", "check"]

BATCH = 5  # products that share their launches: a worker's start is the dearest part of one alone

Row = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """How many products, and how advice is asked on each."""

    count: int
    place: Place
    library: str
    preset: str
    margin: float
    seed: int

    def kept(self) -> Row:
        """Return what holds for all products of a record."""
        place = {"dtype": self.place.dtype, "device": self.place.device, "threads": self.place.threads}
        return place | {
            "library": self.library, "preset": self.preset, "margin": self.margin, "seed": self.seed
        }  # fmt: skip


def check(asked: Asked, out: Path | None, *, resume: bool, as_json: bool) -> int:
    """Check advice on so many products; 0 if it holds, 1 if not, 130 if interrupted."""
    if resume and out is None:
        raise BadInput("--resume: which check? name its folder with --out")
    console = error_console()
    folder = _resumed(asked, out) if resume and out is not None else _begun(asked, out, console)
    console.print(f"recording into {folder}; Ctrl-C keeps the products that are complete")
    interrupted = _go_on(folder, asked, console)
    _, lines, notes = records.read(folder)
    lines = [line for line in lines if line["number"] < asked.count]
    found = records.derive(lines)
    for note in notes:
        console.print(note)
    if as_json:
        print(json.dumps(found | {"products": lines}, indent=1))
    else:
        advice_text.show_check(found, lines, asked.margin, output_console())
    if interrupted:
        console.print(f"interrupted; go on with the same options and --resume --out {folder}")
        return INTERRUPTED
    return 0 if found["holds"] else 1


def _able(asked: Asked, console: Console) -> Survey:
    return advice_preparing.able(wide.drawn(0, asked.seed, asked.place, asked.library), "--library", console)


def _begun(asked: Asked, out: Path | None, console: Console) -> Path:
    with RunFolder.reserved(out):
        seen = _able(asked, console)
        described = recording.describe(None, asked.place.threads, console, seen)
        folder = out or described.folder("advice-check-")
        run = {"format_version": FORMAT_VERSION, "kind": records.KIND, **described.record, **asked.kept()}
        with RunFolder.reserved(folder):
            write_json(folder / "run.json", run)
    return folder


def _resumed(asked: Asked, folder: Path) -> Path:
    run, _, _ = records.read(folder)
    for name, value in asked.kept().items():
        if run[name] != value:
            raise BadInput(f"--resume: {folder} was begun with --{name} {run[name]}, not {value}; give that again")
    if hardware.fingerprint(hardware.record()) != run["machine"].get("fingerprint"):
        raise BadInput(f"--resume: {folder} was begun on another machine; go on there, or begin a new one here")
    return folder


def _go_on(folder: Path, asked: Asked, console: Console) -> bool:
    """Check what has no line yet, some products at a time; return whether that was interrupted."""
    done = {line["number"] for line in records.read(folder)[1]}
    left = [number for number in range(asked.count) if number not in done]
    file = records.opened(folder)
    try:
        seen = _able(asked, console)
        with ProgressLine(console) as progress:
            measure = Measuring(advice_preparing.record(None, None, console), None, progress)
            settings = Settings(measure, seen, asked.preset, asked.margin, asked.seed)
            for first in range(0, len(left), BATCH):
                numbers = left[first : first + BATCH]
                problems = [wide.drawn(number, asked.seed, asked.place, asked.library) for number in numbers]
                for line in wide.compare(numbers, problems, settings):
                    file.append(line)
                    console.print(advice_text.line(line))
    except KeyboardInterrupt:
        return True
    except Unmeasurable as error:
        raise BadInput(f"--check: {error}; what is complete is kept, add --resume") from None
    except OSError as error:
        raise BadInput(
            f"{error.filename or f'{folder} or {tempfile.gettempdir()}'}: cannot be written ({error.strerror}); the "
            "products that are complete are kept: make room, or set TMPDIR, then add --resume"
        ) from None
    finally:
        file.close()
    return False
