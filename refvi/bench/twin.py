"""The plain sum over all states in NumPy, chunked and well written: what a careful user has without refvi.

Logits of half states are added, not multiplied out: u of the high bits plus v of the low ones. The likelihood of a state
needs log(1 + exp(l)) of every visible.
"""

import numpy as np

from refvi.bench.halves import example, fastest, halves

CHUNKS = (1 << 10, 1 << 12, 1 << 14)


def evidence(problem):
    """A call that computes log p(x) of each datum in chunks of the fastest size."""
    small = example(problem)
    size = fastest({size: lambda size=size: _evidence(small, size) for size in CHUNKS}, problem.b.size)

    def call():
        return (_evidence(problem, size),)

    call.note = f"chunks of {size} states"
    return call


def _evidence(problem, size):
    tables = [halves(problem, q) for q in range(len(problem.x))]
    (u, v), S, T = tables[0][:2], np.stack([t[2] for t in tables]), np.stack([t[3] for t in tables])
    rows = max(1, size // v.shape[1])
    logit = np.empty((problem.b.size, min(rows, u.shape[1]), v.shape[1]))
    tail = np.empty_like(logit)
    parts = []
    for i in range(0, u.shape[1], rows):
        np.add(u[:, i : i + rows, None], v[:, None, :], out=logit)
        np.abs(logit, out=tail)
        np.negative(tail, out=tail)
        np.exp(tail, out=tail)
        np.log1p(tail, out=tail)
        np.maximum(logit, 0.0, out=logit)
        logit += tail
        f = S[:, i : i + rows, None] + T[:, None, :] - logit.sum(axis=0)
        top = f.max(axis=(1, 2))
        parts.append(top + np.log(np.exp(f - top[:, None, None]).sum(axis=(1, 2))))
    base = problem.x @ problem.b - np.logaddexp(0.0, problem.c).sum()
    return base + np.logaddexp.reduce(parts, axis=0)


PREPARE = {"evidence": evidence}
