"""A cost planted on one factor is found there and nowhere else."""

import numpy as np
import pytest

from bench import factorial, stats
from tests.bench.designs import (
    CELLS,
    FACTORS,
    PLANTED,
    REFERENCE,
    SECOND,
    TRAP,
    by_effect,
    derived,
    planted_on,
    simulated,
)
from tests.bench.regimes import autoregressive, drift, process, spikes


def landed(logs, planted):
    """Return the planted cause's share of what is found of all causes, and what is found of it over the truth."""
    return np.abs(logs[planted]) / sum(map(np.abs, logs.values())), logs[planted] / np.log1p(PLANTED)


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("regime", [process(0.5), drift(0.05)], ids=lambda regime: regime.name)
def test_a_planted_cost_is_attributed_to_its_cause(tmp_path, factor, regime):
    """From samples on file to effects: at least 80 % lands where it was planted, and nothing else is called a cost."""
    covered = []
    for seed in range(2):
        rows = derived(tmp_path / str(seed), simulated(regime, planted_on(factor), seed=seed)[0])["effects"]
        causes = [row for row in rows if row["kind"] in ("main", "simple")]
        logs = {(row["factor"], row["level"]): np.log(row["ratio"]) for row in causes}
        assert min(landed(logs, (factor, SECOND[factor]))) >= 0.8
        assert by_effect(rows)[factor, SECOND[factor]]["verdict"] == "slower"
        others = [row for row in by_effect(rows).values() if row["factor"] != factor or row["level"] == TRAP]
        covered += [row["ci_low"] <= 1 <= row["ci_high"] for row in others]
    assert sum(covered) >= 9  # of 12 at 95 %: fewer by chance once in 500 times


@pytest.mark.parametrize(
    ("factor", "regime"),
    list(zip(FACTORS, [process(0.5), autoregressive(0.8), spikes(0.01, 5.0)], strict=True)),
    ids=lambda value: getattr(value, "name", value),
)
def test_other_causes_show_no_effect_as_often_as_intervals_promise(factor, regime):
    """15,000 runs of known truth: each interval but the planted one's holds 1 in 95 %; 80 % lands there in all."""
    found = factorial.contrasts(CELLS, REFERENCE)
    effects = [(one.factor, one.level) for one in found]
    target, runs, covering = (factor, SECOND[factor]), 15_000, dict.fromkeys(effects, 0)
    for seed in range(6):
        times = simulated(regime, planted_on(factor), experiments=runs // 6, seed=seed)
        logs = stats.launch_medians(stats.log_ratios(times, times[:, :1]))
        launches = factorial.estimates(found, {name: logs[:, place] for place, name in enumerate(CELLS)})
        interval = stats.intervals(launches)
        means = {effect: interval.mean[:, place] for place, effect in enumerate(effects)}
        causes = {effect: mean for effect, mean in means.items() if "×" not in effect[0]}
        assert np.min(landed(causes, target)) >= 0.8
        for place, effect in enumerate(effects):
            truth = np.log1p(PLANTED) if effect == target else 0.0
            within = (interval.low[:, place] <= truth) & (truth <= interval.high[:, place])
            covering[effect] += np.count_nonzero(within)
    shares = {effect: 100 * count / runs for effect, count in covering.items()}
    assert all(94.25 <= share <= 95.75 for share in shares.values()), shares
