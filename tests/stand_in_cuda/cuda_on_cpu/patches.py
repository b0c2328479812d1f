"""What of torch is replaced."""

from __future__ import annotations

import torch
import torch.profiler

from cuda_on_cpu import graphs, streams
from cuda_on_cpu.device import DEVICE, PROPERTIES
from cuda_on_cpu.profiler import profile
from cuda_on_cpu.tensors import OnCuda

__all__ = ["install"]

VERSION = "13.0"
CUDA = {
    "is_available": lambda: True,
    "is_initialized": lambda: True,
    "init": lambda: None,
    "device_count": lambda: 1,
    "current_device": lambda: 0,
    "set_device": lambda device: None,
    "get_device_properties": lambda device=None: PROPERTIES,
    "get_device_capability": lambda device=None: (PROPERTIES.major, PROPERTIES.minor),
    "get_device_name": lambda device=None: PROPERTIES.name,
    "synchronize": lambda device=None: DEVICE.wait(),
    "current_stream": streams.current,
    "default_stream": lambda device=None: streams.DEFAULT,
    "stream": streams.using,
    "Stream": streams.Stream,
    "Event": streams.Event,
    "CUDAGraph": graphs.CUDAGraph,
    "graph": graphs.graph,
    "graph_pool_handle": graphs.pool_handle,
    "is_current_stream_capturing": lambda: DEVICE.graph is not None,
    "memory_stats": lambda device=None: {"allocation.all.allocated": DEVICE.allocations},
    "empty_cache": lambda: None,
    "manual_seed_all": lambda seed: None,
}
ACCELERATOR = {
    "is_available": lambda: True,
    "current_accelerator": lambda check_available=False: torch.device("cuda"),
    "current_device_index": lambda: 0,
    "set_device_index": lambda device: None,
    "device_count": lambda: 1,
}


def install() -> None:
    """Replace it."""
    for module, replacements in ((torch.cuda, CUDA), (torch.accelerator, ACCELERATOR)):
        for name, replacement in replacements.items():
            setattr(module, name, replacement)
    torch.version.cuda = VERSION
    torch.profiler.profile = profile
    torch.Tensor.pin_memory = lambda tensor, device=None: tensor
    torch.Tensor.is_pinned = lambda tensor, device=None: False
    torch.compile = _compiles_nothing
    torch.nn.LazyLinear.__init__ = _begin_on_the_host
    torch.nn.LazyLinear.initialize_parameters = _go_to_the_device
    OnCuda().__enter__()


_begin = torch.nn.LazyLinear.__init__
_initialize = torch.nn.LazyLinear.initialize_parameters


def _begin_on_the_host(self, out_features, bias=True, device=None, dtype=None):
    """A parameter without memory cannot become one of the device, as its class would have to change to two others."""
    _begin(self, out_features, bias, None, dtype)
    self.to_be_on = device


def _go_to_the_device(self, given):
    initialized = not self.has_uninitialized_params()
    _initialize(self, given.cpu())
    if not initialized and self.to_be_on is not None:
        for name, parameter in list(self.named_parameters()):
            setattr(self, name, torch.nn.Parameter(parameter.detach().to(self.to_be_on)))


def _compiles_nothing(*_, **__):
    raise RuntimeError("the stand-in for CUDA compiles nothing")
