"""PyTorch with torch.compile: one compiled function for the chunk, which is where all the time goes."""

import itertools
import shutil

import torch
from torch.nn import functional

from refvi.bench.halves import example, fastest
from refvi.bench.peers import torch_plain
from refvi.bench.peers.torch_plain import tensors

start = torch_plain.start
SIZES = (1 << 12, 1 << 14)


def chunk_first(u, v, S, T):
    """Log of the sum over a chunk, visibles first: u (D, R), v (D, J), S (R,), T (J,)."""
    logit = u[:, :, None] + v[:, None, :]
    return torch.logsumexp((S[:, None] + T - functional.softplus(logit).sum(0)).flatten(), 0)


def chunk_by_hand(u, v, S, T):
    """The same with log(1 + exp(l)) spelled out."""
    logit = u[:, :, None] + v[:, None, :]
    soft = logit.clamp_min(0.0) + torch.log1p(torch.exp(-logit.abs()))
    return torch.logsumexp((S[:, None] + T - soft.sum(0)).flatten(), 0)


def chunk_last(u, v, S, T):
    """The same with visibles last: u (R, D), v (J, D)."""
    logit = u[:, None, :] + v
    return torch.logsumexp((S[:, None] + T - functional.softplus(logit).sum(-1)).flatten(), 0)


CHUNKS = {"first": chunk_first, "by hand": chunk_by_hand, "last": chunk_last}


def evidence(problem):
    """Log evidence of one datum."""
    if not any(shutil.which(name) for name in ("g++", "clang++", "c++")):
        raise RuntimeError("torch.compile needs a C++ compiler, there is none")
    small = example(problem)
    given = [_arguments(small, name) for name in CHUNKS]
    compiled = {name: torch.compile(chunk, dynamic=True) for name, chunk in CHUNKS.items()}
    choices = list(itertools.product(zip(CHUNKS, given), SIZES))
    calls = {
        (name, size): lambda n=name, g=g, s=size: _sum(compiled[n], g, s, n) for (name, g), size in choices
    }
    name, size = fastest(calls, problem.b.size)

    def call():
        return (_sum(compiled[name], _arguments(problem, name), size, name).numpy(),)

    call.note = f"softplus {name}, chunks of {size} states"
    return call


def _arguments(problem, name):
    u, v, S, T, base = tensors(problem)
    if name == "last":
        u, v = u.T.contiguous(), v.T.contiguous()
    return u, v, S[0], T[0], base


@torch.no_grad()
def _sum(chunk, arguments, size, name):
    u, v, S, T, base = arguments
    rows = max(1, size // T.numel())
    axis = 0 if name == "last" else 1
    parts = torch.empty(-(-S.numel() // rows))
    for n, i in enumerate(range(0, S.numel(), rows)):
        parts[n] = chunk(u.narrow(axis, i, min(rows, S.numel() - i)), v, S[i : i + rows], T)
    return base + torch.logsumexp(parts, 0)


PREPARE = {"evidence": evidence}
