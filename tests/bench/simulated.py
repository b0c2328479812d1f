"""Stand-ins for what takes time, so that the code around it can be asked thousands of times."""

import os

import numpy as np

from bench import stats

READY = os.open(os.devnull, os.O_RDONLY)  # a descriptor that one never has to wait for


class Worker:
    """Stands for a process that is always well."""

    stopped_cpu_s = 0.0

    def __init__(self, case):
        self.case = case
        self.asked = []

    def fileno(self):
        return READY

    def receive(self, limit_s):
        return {}

    def request(self, message, limit_s):
        self.asked.append(message["case_id"])
        return {}

    def stop(self):
        pass


class SimulatedLaunch:
    """Stands for a launch: records at once what a machine of known truth would.

    Interrupted where that is asked for, after samples of case 1 that are ten times too slow and before the last round;
    one that is repeated loses its first round.
    """

    taken = []  # noqa: RUF012 - replaced for each test
    interruptions = set()  # noqa: RUF012 - likewise; (launch, attempt)
    case_s = staticmethod(lambda generator: 1.0)

    def __init__(self, context, groups, generator, index, attempt=0):
        self.context, self.groups, self.generator = context, groups, generator
        self.index, self.attempt = index, attempt

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def start(self, keep=None):
        pass

    def prepare(self, case):
        return None

    def release(self, cases):
        pass

    def figures(self):
        return {}

    def run(self):
        self.taken.append(self.index)
        interrupted = (self.index, self.attempt) in self.interruptions
        slower = self.case_s(self.generator)
        for planned in self.groups:
            for number in range(self.attempt > 0, planned.rounds - interrupted):
                for position, case in enumerate(planned.group.cases):
                    elapsed = (1.0 if case.name == "0" else slower) * (10 if interrupted and case.name == "1" else 1)
                    self.context.folder.sample({"case": case.id, "launch": self.index, "attempt": self.attempt,
                                                "round": number, "position": position, "steps": 1,
                                                "elapsed_s": elapsed})  # fmt: skip
        if interrupted:
            raise KeyboardInterrupt


def each(found, rounds):
    """Intervals of log ratios as comparisons, one by one."""
    rows = np.exp([found.mean, found.low, found.high]).T.tolist()
    others = zip(found.p.tolist(), found.deviation.tolist(), found.launches.tolist(), strict=True)
    return [
        stats.Comparison(ratio, low, high, ratio, p, deviation, launches, rounds)
        for (ratio, low, high), (p, deviation, launches) in zip(rows, others, strict=True)
    ]
