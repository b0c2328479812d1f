"""What the causes of a slow size cost, each by itself: sentences for readers who never heard of them, and a table.

An effect is a row of ``summary["effects"]``. A group whose control failed supports no sentence; its effects are in the
table, with a warning.
"""

from __future__ import annotations

from typing import NamedTuple

from bench import alignments
from reports import formats, wording
from reports.cells import Cell, Section, Table
from reports.formats import listing, percent
from reports.matmuls import Cell as Kind
from reports.matmuls import base_sizes, item_size, label, of_least_base
from reports.rows import Row

__all__ = [
    "CAUSES",
    "CONDITIONAL",
    "INTERACTION",
    "MAIN",
    "TRAP",
    "TRAPS",
    "causes",
    "named",
    "panels",
    "table",
    "traps",
]

CAUSES = "What is it that costs: size, leading dimension or base address?"
TRAPS = "Is a power of two itself a trap?"
SIZE, ADDRESS = "size", "base address"
TRAP = "power of two"
MAIN, INTERACTION, CONDITIONAL = "main", "interaction", "conditional"
KINDS = {
    MAIN: "mean over the other causes",
    "simple": "one pair of cases",
    INTERACTION: "both together",
    CONDITIONAL: "part of the cases",
}
WIDER = 8  # the size of the sweep, above its base, by which the trap is judged where nothing can be placed
BY_SIZES = {
    "faster": "the wider one is faster, so that the trap shows,",
    "equivalent": "no trap shows (equivalent)",
    "slower": "no trap shows (1024 is the faster one)",
    "inconclusive": "it is inconclusive",
}


class Leading(NamedTuple):
    """The leading dimensions behind the levels of a design, None where it has none: the reference, an odd one, 2^n."""

    reference: int | None
    odd: int | None
    trap: int | None


def panels(summary: Row, *, marked: bool = True) -> dict[Kind, list[Row]]:
    """Return the effects of each library, device and dtype, cause by cause; of marked groups only where asked for.

    What a cause costs under conditions follows what it costs by and large; what two cost together comes last.
    """
    found: dict[Kind, list[Row]] = {}
    for row in summary.get("effects") or []:
        if marked or not row.get("marked"):
            found.setdefault(Kind.of(row), []).append(row)
    return {kind: _ordered(members) for kind, members in found.items()}


def named(row: Row) -> str:
    """Return an effect in a few words: ``leading dimension: misaligned instead of aligned``; its own within a group."""
    if row["kind"] == INTERACTION:
        return f"{row['level']}{_unit(row['factor'])}, together"
    unit = _unit(row["factor"])
    if row["kind"] == CONDITIONAL:
        return f"{row['level']}{unit}, where {_given(row)}"
    return f"{row['factor']}: {row['level']} instead of {row['reference']}{unit}"


def causes(summary: Row) -> list[str]:
    """Return a sentence per library and dtype: what each cause costs by itself."""
    return [_sentence(summary, kind, members) for kind, members in panels(summary, marked=False).items()]


def traps(summary: Row) -> list[str]:
    """Return where a leading dimension that is a large power of two is slow, with a verdict for each library."""
    chosen = [row for row in summary.get("effects") or [] if row["level"] == TRAP and not row.get("marked")]
    told = [_trap(summary, row) for row in chosen]
    placing = {row["provider"] for row in summary.get("effects") or []}
    return told + _by_sizes(summary, placing) if placing else []


def table(summary: Row) -> Table | None:
    """Return every effect; None where there are none."""
    columns = (
        ("cause", "name wrap"),
        ("kind", "text"),
        ("ratio", "number"),
        ("95 % interval", "number"),
        ("adjusted p", "number"),
        ("verdict", "verdict"),
        ("MDE", "number"),
        ("cases", "number"),
        ("launches", "number"),
    )
    groups: dict[str, list[Row]] = {}
    for row in summary.get("effects") or []:
        groups.setdefault(str(row["group"]), []).append(row)
    sections = tuple(
        Section(name, tuple(_line(row) for row in members), wording.NOT_RELIABLE if members[0].get("marked") else "")
        for name, members in groups.items()
    )
    return Table("effects", "What each cause costs by itself", columns, sections) if sections else None


def _line(row: Row) -> tuple[Cell, ...]:
    marked = " (!)" if row.get("marked") else ""
    return (
        Cell(named(row), "name wrap"),
        Cell(KINDS[row["kind"]]),
        Cell(wording.ratio_of(row), "number"),
        Cell(wording.interval_of(row), "number"),
        Cell(formats.p_value(row.get("p_adjusted")), "number"),
        Cell(f"{row['verdict']}{marked}", "verdict", str(row.get("reason") or "")),
        Cell(percent(row.get("mde")), "number"),
        Cell(str(row["cells"]), "number"),
        Cell(str(row["launches"]), "number"),
    )


def _ordered(members: list[Row]) -> list[Row]:
    heads = [(row["factor"], row["level"]) for row in members if row["kind"] not in (INTERACTION, CONDITIONAL)]

    def key(row: Row) -> tuple[int, bool]:
        head = (row["factor"], row["level"])
        return heads.index(head) if head in heads else len(heads), row["kind"] == CONDITIONAL

    return sorted(members, key=key)


def _unit(factor: str) -> str:
    return " bytes" if factor.endswith(ADDRESS) else ""


def _given(row: Row) -> str:
    """Return under which condition an effect holds: ``base address is 4 bytes``."""
    return " and ".join(f"{factor} is {level}{_unit(factor)}" for factor, level in (row.get("given") or {}).items())


def _sentence(summary: Row, kind: Kind, members: list[Row]) -> str:
    """Tell each cause, or, where its cost depends on another one, what it costs under each condition."""
    leading = _leading(summary, members[0])
    parts = []
    for row in members:
        under = [one for one in members if one["kind"] == CONDITIONAL and one["factor"] == row["factor"]]
        if row["kind"] in (INTERACTION, CONDITIONAL) or row["level"] == TRAP:
            continue
        told = [f"{_costs(one)} where the {_given(one)}" for one in under if one["level"] == row["level"]]
        parts.append(f"{_cause(row, leading)} {listing(told) if told else _costs(row)}")
    return f"In {label(kind)}, per unit of arithmetic: {'; '.join(parts)}."


def _cause(row: Row, leading: Leading) -> str:
    """Return a cause as the subject of a sentence."""
    if row["factor"] == SIZE:
        return f"size {row['level']} instead of {row['reference']}"
    if row["factor"] == ADDRESS:
        return f"a base address {row['level']} bytes beyond a boundary"
    numbers = f" ({leading.odd} instead of {leading.reference})" if leading.odd and leading.reference else ""
    return f"a {row['level']} {row['factor']}{numbers}"


def _costs(row: Row) -> str:
    figures = f"({row['verdict']}, {wording.ratio_of(row)}, {wording.interval_of(row)})"
    if row["verdict"] in ("faster", "slower"):
        return f"{'costs' if row['verdict'] == 'slower' else 'saves'} {percent(abs(row['ratio'] - 1))} {figures}"
    return f"{'makes no difference' if row['verdict'] == 'equivalent' else 'is undecided'} {figures}"


def _trap(summary: Row, row: Row) -> str:
    leading = _leading(summary, row)
    size = item_size(row["dtype"])
    trap = f"{leading.trap} as leading dimension" if leading.trap else "a power of two as leading dimension"
    apart = f", rows {leading.trap * size} bytes apart," if leading.trap and size else ""
    other = f"{leading.reference}" if leading.reference else "one beside it"
    figures = f"({wording.figures(row)})"
    said = f"In {label(Kind.of(row))}, {trap}{apart}"
    if row["verdict"] == "slower":
        return (
            f"{said} is slower than {other} {figures}: a matrix {leading.trap} wide is faster in a buffer {other} wide."
        )
    if row["verdict"] == "inconclusive":
        return f"{said} against {other} is inconclusive {figures}."
    return (
        f"{said} is {row['verdict']}{' to' if row['verdict'] == 'equivalent' else ' than'} {other} {figures}: no trap."
    )


def _by_sizes(summary: Row, placing: set[str]) -> list[str]:
    """Return the same for libraries that place their arrays themselves, by two sizes of the square sweep."""
    found: dict[str, list[str]] = {}
    sizes = set()
    bases = base_sizes(summary)
    for row in of_least_base(summary, "comparisons"):
        base, size = bases.get(row["group"], 0), item_size(row["dtype"])
        here = row["n"] == base + WIDER and (row.get("stack") or 1) == 1 and row["provider"] not in placing
        if here and size and alignments.is_stride_trap(base, size) and row.get("verdict") and not row.get("marked"):
            found.setdefault(row["verdict"], []).append(f"{label(Kind.of(row))} ({wording.figures(row)})")
            sizes.add((base + WIDER, base))
    if not found:
        return []
    pairs = listing([f"{wider} against {base}" for wider, base in sorted(sizes)])
    parts = [f"{BY_SIZES[verdict]} in {listing(names)}" for verdict, names in found.items()]
    return [
        "Where a library places its arrays itself, the trap can only be judged by sizes that differ in more than that, "
        f"{pairs} per unit of arithmetic: {'; '.join(parts)}."
    ]


def _leading(summary: Row, effect: Row) -> Leading:
    """Return the leading dimensions of the cases that an effect's group is made of."""
    cases = [row for row in summary.get("cases") or [] if row.get("group") == effect["group"] and row.get("leading")]
    reference = next((row["leading"] for row in cases if row["case"] == row["baseline"]), None)
    size = item_size(effect["dtype"]) or 1
    others = {row["leading"] for row in cases} - {reference}
    traps = [leading for leading in others if alignments.is_stride_trap(leading, size)]
    odd = [leading for leading in others if leading not in traps]
    return Leading(reference, odd[0] if len(odd) == 1 else None, traps[0] if len(traps) == 1 else None)
