"""Tensors of the device: the CPU's memory, and a class that says otherwise."""

from __future__ import annotations

import time

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_map_only

from cuda_on_cpu.device import DEVICE, is_view

READ_BY_THE_HOST = {"aten::_local_scalar_dense", "aten::equal", "aten::nonzero", "aten::is_nonzero"}
COPIES = {"aten::copy_", "aten::_foreach_copy_"}
TAKE_INDICES = {"aten::index", "aten::index_put_", "aten::index_put"}  # of the host, which are copied
TO_DEVICE, TO_HOST = "Memcpy HtoD (Pageable -> Device)", "Memcpy DtoH (Device -> Pageable)"
NUMPY = "can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first."


class CudaTensor(torch.Tensor):
    """A tensor on the device."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        kwargs, name = kwargs or {}, function._schema.name
        given = [one for one in tree_flatten((args, kwargs))[0] if isinstance(one, torch.Tensor)]
        of_host = [one for one in given if not isinstance(one, CudaTensor)]
        if name in READ_BY_THE_HOST:
            DEVICE.wait()
        with torch._C._DisableTorchDispatch(), torch._C.DisableTorchFunction():
            if name in COPIES and of_host:
                return _transferred(function, args, kwargs, to_host=of_host[0] is given[0])
            if any(one.ndim for one in of_host):
                if name not in TAKE_INDICES:
                    raise RuntimeError(f"Expected all tensors to be on the same device, but {name} got cuda:0 and cpu")
                DEVICE.forbid("a copy from ordinary memory of the host")
            result = DEVICE.do(function, args, kwargs)
            return tree_map_only(torch.Tensor, lambda one: _named(one, given, function), result)

    device = property(lambda self: torch.device("cuda", 0))
    is_cuda = property(lambda self: True)
    is_cpu = property(lambda self: False)

    def get_device(self):
        return 0

    def cpu(self, *_, **__):
        return fetched(self)

    def cuda(self, *_, **__):
        return self

    def to(self, *args, **kwargs):
        device, dtype, copy = _asked(args, kwargs)
        with torch._C.DisableTorchFunction():
            there = torch.Tensor.to(self, dtype or self.dtype, copy=copy)
        return there if device is None or on_cuda(device) else fetched(there)

    def tolist(self):
        return fetched(self).tolist()

    def numpy(self, *_, **__):
        raise TypeError(NUMPY)

    def __array__(self, *_, **__):
        raise TypeError(NUMPY)


class OnCuda(TorchFunctionMode):
    """Has whatever is asked for on ``cuda`` made on the CPU, and called a tensor of the device."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function in (torch.Tensor.to, torch.Tensor.cuda) and not isinstance(args[0], CudaTensor):
            return _moved(function, args, kwargs)
        device = kwargs.get("device")
        if device is None or not on_cuda(device):
            return function(*args, **kwargs)
        rest = {name: value for name, value in kwargs.items() if name != "device"}
        if args and isinstance(args[0], CudaTensor):
            return function(*args, **rest)
        requires = rest.pop("requires_grad", False)
        copied = function in (torch.tensor, torch.as_tensor, torch.from_numpy)
        return _placed(function(*args, device="cpu", **rest), copied=copied).requires_grad_(requires)


def on_cuda(device) -> bool:
    """Return whether a device that is asked for is ours."""
    return torch.device(device).type == "cuda"


def fetched(tensor):
    """Return a copy on the host, waited for."""
    DEVICE.wait()
    began = time.perf_counter()
    with torch._C._DisableTorchDispatch(), torch._C.DisableTorchFunction():
        found = tensor.detach().as_subclass(torch.Tensor).clone()
    DEVICE.saw(TO_HOST, began)
    return found


def _named(tensor, given, function):
    """Return a result as one of the device, unless it is among what was given."""
    if any(tensor is one for one in given):
        return tensor
    if not is_view(function):
        DEVICE.allocations += 1
    return torch.Tensor._make_subclass(CudaTensor, tensor)


def _placed(tensor, *, copied: bool):
    """Return a new tensor of the host's as one of the device."""
    if copied:
        DEVICE.saw(TO_DEVICE, time.perf_counter())
    DEVICE.forbid("a copy from ordinary memory of the host, or what the stand-in cannot tell from it")
    DEVICE.allocations += 1
    return torch.Tensor._make_subclass(CudaTensor, tensor.detach())


def _transferred(function, args, kwargs, *, to_host: bool):
    """Copy between host and device, and wait for it."""
    DEVICE.wait()
    began = time.perf_counter()
    function(*args, **kwargs)
    DEVICE.saw(TO_HOST if to_host else TO_DEVICE, began)
    return args[0] if function._schema.returns else None


def _moved(function, args, kwargs):
    """Return a tensor of the host's where it is to be."""
    device, dtype, _ = ("cuda", None, True) if function is torch.Tensor.cuda else _asked(args[1:], kwargs)
    if device is None or not on_cuda(device):
        return function(*args, **kwargs)
    return _placed(args[0].to(dtype or args[0].dtype, copy=True), copied=True)


def _asked(args, kwargs):
    """Return device, dtype and whether to copy as the arguments of ``Tensor.to`` say."""
    device, dtype = kwargs.get("device"), kwargs.get("dtype")
    for one in args:
        if isinstance(one, torch.Tensor):
            device, dtype = one.device, one.dtype
        elif isinstance(one, str | torch.device):
            device = one
        elif isinstance(one, torch.dtype):
            dtype = one
    return device, dtype, kwargs.get("copy", False)
