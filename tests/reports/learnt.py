"""Learning curves made of the published ones and noise, and images, as a run's records hold them."""

from __future__ import annotations

import base64
import random
from typing import Any

from bench import curves, published
from tests.reports import crowd

Record = dict[str, Any]

LOW, HIGH = published.RUNS
TABLES = ("curves", "learned", "reproduced")

# What an epoch's test accuracy is off by under the mean at lr 0.5, where the last batch kicks it about.
KICKS = (-0.05, -0.02, -0.06, -0.01, -0.04, 0.0, -0.07, -0.01, -0.03, -0.02)


def learn(noise: random.Random, names: list[str], seeds: int = 3) -> Record:
    """The tables of ten epochs at each recipe, made of the published curves and noise; derived as bench does."""
    rows = []
    for recipe in published.RECIPES:
        jagged = recipe == published.HIGH_MEAN
        test = [0.768 + 0.0074 * n for n in range(10)] if recipe == published.LOW else list(HIGH.test_accuracy)
        slow = 1.25 if recipe == published.LOW else 1.0
        for seed in range(seeds):
            kicks = [noise.gauss(0, 0.003) + (noise.uniform(0.4, 1.4) * KICKS[n] if jagged else 0) for n in range(10)]
            for name in names:
                total = 0.0
                for n in range(10):
                    own = noise.gauss(0, 0.012 if jagged else 0.0004 if recipe == published.LOW else 0.002)
                    took = 0.6 + 700 * crowd.FIXED_S[name] * noise.uniform(0.97, 1.1)
                    total += took
                    accuracy = round(test[n] + kicks[n] + own, 4)
                    rows.append({
                        "group": f"784-256-10 batch 256 {recipe.name} float32 cpu", "case": name,
                        "implementation": name, "dtype": "float32", "device": "cpu", "batch": 256, "width": 256,
                        "depth": 1, "learning_rate": recipe.learning_rate, "division": recipe.division, "seed": seed,
                        "epoch": n + 1, "seconds": took, "total_s": total,
                        "train_loss": HIGH.train_loss[n] * slow + noise.gauss(0, 0.001),
                        "train_accuracy": accuracy + 0.004, "test_accuracy": accuracy,
                        "predicted": [9, 2, 1, 1, 6, 1, 4, 6, 5 if seed else 7],
                    })  # fmt: skip
    return {"curves": rows, "learned": curves.learned(rows), "reproduced": curves.reproduced(rows)}


def rederived(summary: Record) -> Record:
    """Return the summary with what follows from its curves derived anew."""
    rows = summary["curves"]
    return summary | {"learned": curves.learned(rows), "reproduced": curves.reproduced(rows)}


def examples() -> Record:
    """Nine images of 28 x 28, as run.json holds them."""
    pixels = bytes((17 * place + row * column) % 256 for place in range(9) for row in range(28) for column in range(28))
    names = ["T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"]
    return {"pixels": base64.b64encode(pixels).decode(), "side": 28, "labels": [9, 2, 1, 1, 6, 1, 4, 6, 5],
            "names": names}  # fmt: skip
