"""What was found, in sentences, for readers who are not statisticians: the first screen of the page.

Every figure in a sentence comes from the summary. A sentence that judges uses one of the four verdict words, and a
group whose control failed supports none: its findings are left out, or say that they rest on it.
"""

from __future__ import annotations

from dataclasses import dataclass

from reports import (
    caveats,
    conditions,
    devices,
    effects,
    feeding,
    learning,
    lost,
    memory,
    operands,
    products,
    ranking,
    reproduction,
    roofline,
    starved,
    training,
)
from reports.rows import Row

__all__ = ["FIRST", "RANKS", "Finding", "findings"]

FIRST = "Before you read on"
FASTEST = "Which is fastest?"
RANKS = "How do they rank?"
WHY = "What goes with being fastest?"
MATTERS = "From which size on does it not matter?"
FIXED = "What does a step cost before any arithmetic?"
LIBRARIES = "Which library uses how much of this machine?"
ODD = "Do odd matrix sizes cost anything?"
PUBLISHED = "Does it learn what was published?"
ALIKE = "Do implementations learn alike?"
SOON = "How soon?"
MIND = "What to keep in mind"


@dataclass(frozen=True)
class Finding:
    """One sentence, or a few that belong together, under the question it answers; ``tone`` is answer or warning."""

    question: str
    text: str
    tone: str = "answer"


def findings(run: Row, summary: Row) -> list[Finding]:
    """Return what was found, in the order in which it is read."""
    said = [
        *((FIRST, text, "warning") for text in starved.warnings(summary)),
        *((FIRST, text, "warning") for text in caveats.steering(run, summary)),
        *((FIRST, text, "warning") for text in conditions.warnings(summary)),
        *((FASTEST, text, "answer") for text in training.fastest(summary)),
        *((RANKS, text, "answer") for text in ranking.ranks(summary)),
        *((WHY, text, "answer") for text in ranking.why(run, summary)),
        *((MATTERS, text, "answer") for text in training.matters(run, summary)),
        *((FIXED, text, "answer") for text in training.fixed(summary)),
        *((devices.QUESTION, text, "answer") for text in devices.sentences(summary)),
        *((LIBRARIES, text, "answer") for text in products.side_by_side(summary)),
        *((LIBRARIES, text, "answer") for text in products.use(run, summary)),
        *((roofline.QUESTION, text, "answer") for text in roofline.sentences(summary)),
        *((ODD, text, "answer") for text in products.odd(summary)),
        *((ODD, text, "answer") for text in products.alone(summary)),
        *((ODD, text, "answer") for text in products.padding(run, summary)),
        *((ODD, text, "answer") for text in products.slow(summary)),
        *((effects.CAUSES, text, "answer") for text in effects.causes(summary)),
        *((effects.TRAPS, text, "answer") for text in effects.traps(summary)),
        *((reproduction.QUESTION, text, "answer") for text in reproduction.sentences(summary)),
        *((PUBLISHED, text, "answer") for text in learning.reproduced(summary)),
        *((PUBLISHED, text, "warning") for text in learning.missed(summary)),
        *((PUBLISHED, text, "answer") for text in learning.uncompared(summary)),
        *((ALIKE, text, "answer") for text in learning.agreement(summary)),
        *((ALIKE, text, "answer") for text in learning.why(summary)),
        *((SOON, text, "answer") for text in learning.times(summary)),
        *((feeding.QUESTION, text, "answer") for text in feeding.sentences(summary)),
        *((memory.QUESTION, text, "answer") for text in memory.sentences(summary)),
        *((operands.QUESTION, text, "answer") for text in operands.sentences(summary)),
        *((MIND, text, "warning") for text in caveats.warnings(run, summary)),
        *((MIND, text, "answer") for text in lost.sentences(summary)),
        *((MIND, text, "answer") for text in caveats.notes(summary)),
    ]
    return [Finding(*parts) for parts in said]
