"""Read by every Python whose PYTHONPATH leads here: torch is given a CUDA device as soon as it is imported.

With STAND_IN_SMALL set to a number of launches, studies ask for small networks and products, and no more launches.
"""

from __future__ import annotations

import os
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder


def _with_a_device(torch):
    import cuda_on_cpu

    cuda_on_cpu.install()


class _Changed(MetaPathFinder):
    """Finds modules where they are, and has them changed once they are there."""

    def __init__(self, changes):
        self.changes = changes

    def find_spec(self, name, path=None, target=None):
        change = self.changes.pop(name, None)
        spec = None if change is None else PathFinder.find_spec(name, path, target)
        if spec is None:
            return None
        execute = spec.loader.exec_module

        def executed(module):
            execute(module)
            change(module)

        spec.loader.exec_module = executed
        return spec


_changes = {"torch": _with_a_device}
if os.environ.get("STAND_IN_SMALL"):
    import small

    _changes |= dict.fromkeys(small.CHANGES, small.change)
sys.meta_path.insert(0, _Changed(_changes))
