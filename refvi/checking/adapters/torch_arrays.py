"""PyTorch tensors; gradients by torch.autograd where the function returns only a value."""

import contextlib

import numpy as np
import torch

name = "torch"
SHAPES = None


def call(function, inputs, wrt):
    """Call with float64 tensors; differentiate the sum of the value with respect to the inputs named in `wrt`."""
    with _one_thread():
        return _call(function, inputs, wrt)


@contextlib.contextmanager
def _one_thread():
    """On arrays this small, waking other threads takes longer than the work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _call(function, inputs, wrt):
    given = {
        k: torch.tensor(np.array(v), dtype=torch.float64, requires_grad=k in wrt) for k, v in inputs.items()
    }
    result = function(**given)
    gradients = None
    if wrt and isinstance(result, torch.Tensor):
        gradients = {k: np.zeros(np.shape(inputs[k])) for k in wrt}
        if result.requires_grad:
            found = torch.autograd.grad(result.sum(), [given[k] for k in wrt], allow_unused=True)
            gradients = {
                k: to_numpy(g) if g is not None else np.zeros(np.shape(inputs[k]))
                for k, g in zip(wrt, found, strict=True)
            }
    return result, gradients, {k: to_numpy(v) for k, v in given.items()}


def to_numpy(thing):
    """A tensor, detached, on the host, resolved; bfloat16 by way of float32."""
    if isinstance(thing, torch.Tensor):
        thing = thing.detach().resolve_conj().resolve_neg().cpu()
        return (thing.float() if thing.dtype == torch.bfloat16 else thing).numpy()
    return np.asarray(thing)
