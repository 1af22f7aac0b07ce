"""PyTorch, eager: the plain sum over all states in chunks, and its gradient in two passes of bounded memory."""

import itertools

import torch
from torch.nn import functional

from refvi.bench.halves import example, fastest, halves
from refvi.bench.peers import torch_autoencoder, torch_estimators

SIZES = (1 << 10, 1 << 12, 1 << 14)
GRADIENT_SIZES = (1 << 12, 1 << 14, 1 << 16)


def start(threads):
    """Double precision and a number of threads."""
    torch.set_num_threads(threads)
    torch.set_default_dtype(torch.float64)


def logarithm(logit, spelling):
    """Sum over visibles, the last axis or the first, of log(1 + exp(l))."""
    if spelling == "last":
        return functional.softplus(logit).sum(-1)
    if spelling == "first":
        return functional.softplus(logit).sum(0)
    return logit.clamp_min(0.0).sum(0) + logit.abs().neg_().exp_().log1p_().sum(0)


SPELLINGS = ("last", "first", "by hand")


def evidence(problem):
    """Log evidence of each datum; with several data the logarithms are shared by all."""
    small, key = example(problem), ("evidence", problem.b.size)
    calls = {c: lambda c=c: evidence_in_chunks(small, *c) for c in itertools.product(SPELLINGS, SIZES)}
    spelling, size = fastest(calls, key)

    def call():
        return (evidence_in_chunks(problem, spelling, size).numpy(),)

    call.note = f"softplus {spelling}, chunks of {size} states"
    return call


def tensors(problem):
    """Half states as tensors: u (D, I) and v (D, J); S (B, I), T (B, J) and what is added to all states (B,)."""
    tables = [halves(problem, q) for q in range(len(problem.x))]
    u, v = (torch.from_numpy(table) for table in tables[0][:2])
    S, T = (torch.stack([torch.from_numpy(t[part]) for t in tables]) for part in (2, 3))
    x, b, c = (torch.from_numpy(a) for a in (problem.x, problem.b, problem.c))
    return u, v, S, T, x @ b - functional.softplus(c).sum()


@torch.no_grad()
def evidence_in_chunks(problem, spelling, size, chunk=logarithm):
    """Log evidence (B,), `size` states at a time."""
    u, v, S, T, base = tensors(problem)
    rows = max(1, size // v.shape[1])
    parts = torch.empty(
        -(-S.shape[1] // rows), len(S)
    )  # small tensors between large ones would split the heap
    if spelling == "last":
        u, v = u.T.contiguous(), v.T.contiguous()
    for part, i in zip(parts, range(0, S.shape[1], rows), strict=True):
        if spelling == "last":
            logit = u[i : i + rows, None, :] + v
        else:
            logit = u[:, i : i + rows, None] + v[:, None, :]
        f = S[:, i : i + rows, None] + T[:, None, :] - chunk(logit, spelling)
        torch.logsumexp(f.flatten(1), 1, out=part)
    return base + torch.logsumexp(parts, 0)


def gradient(problem):
    """Log evidence and its gradient: one pass without a graph for the evidence, one with a graph for each chunk."""
    small, key = example(problem), ("gradient", problem.b.size)
    size = fastest({c: lambda c=c: two_passes(small, c) for c in GRADIENT_SIZES}, key)
    call = lambda: two_passes(problem, size)  # noqa: E731 - gets a note
    call.note = f"two passes, chunks of {size} states"
    return call


def two_passes(problem, size):
    """Gradient of sum_b log p(x_b) = sum over chunks of the gradient of sum_b sum_h p(h | x_b) f_b(h)."""
    value = evidence_in_chunks(problem, "last", min(size, 1 << 12))
    x = torch.from_numpy(problem.x)
    W, b, c = (torch.from_numpy(a).clone().requires_grad_() for a in problem[1:])
    K = c.numel()
    states = 1 << K
    size = min(size, states)
    bits = torch.arange(K)
    for first in range(0, states, size):
        h = (torch.arange(first, first + size)[:, None] >> bits & 1).to(W.dtype)
        f = log_joint(h, x, W, b, c)
        weight = torch.exp(f.detach() - value)
        (weight * f).sum().backward()
    return value.numpy(), W.grad.numpy(), b.grad.numpy(), c.grad.numpy()


def log_joint(h, x, W, b, c):
    """Log joint (N, B) of states h (N, K) with data x (B, D)."""
    logit = torch.addmm(b, h, W.T)
    prior = h @ c - functional.softplus(c).sum() - functional.softplus(logit).sum(1)
    return prior[:, None] + logit @ x.T


PREPARE = {
    "evidence": evidence,
    "gradient": gradient,
    "iwae": torch_autoencoder.step,
    **torch_estimators.ESTIMATES,
}
