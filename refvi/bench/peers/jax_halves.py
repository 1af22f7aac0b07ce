"""JAX with refvi's own algorithm: products of sums of two table entries, no logarithm inside the 2^K loop.

What is compared is the machine code that XLA makes of it with ours.
"""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from refvi.bench.halves import example, fastest
from refvi.bench.peers.jax_plain import as_arrays, gradient_call, subset_sums

SIZES = (1 << 12, 1 << 14)
LAYOUTS = ("loop over visibles", "product over the first axis")


def log_evidence(x, W, b, c, choice, keep=True):
    """Log evidence (B,) by 1 + exp(u + v) = exp(v + m) (exp(u - m) + exp(-v - m))."""
    layout, size = choice
    D, K = W.shape
    B, high = x.shape[0], K // 2
    u, v = subset_sums(W[:, :high], jnp.zeros(D)), subset_sums(W[:, high:], b)
    lowest = jnp.maximum(u.min(1), (-v).min(1))
    largest = jnp.maximum(u.max(1), (-v).max(1)) + jnp.log(2.0)
    m = jax.lax.stop_gradient(0.5 * (lowest + largest))[:, None]
    A, C = jnp.exp(u - m), jnp.exp(-v - m)
    prior_u = subset_sums(jnp.broadcast_to(c[:high], (B, high)), jnp.zeros(B))
    prior_v = subset_sums(jnp.broadcast_to(c[high:], (B, K - high)), jnp.zeros(B))
    log_S, log_T = prior_u + x @ u, prior_v + x @ v - v.sum(0) - m.sum()
    top_S, top_T = (jax.lax.stop_gradient(a.max(1, keepdims=True)) for a in (log_S, log_T))
    S, T = jnp.exp(log_S - top_S), jnp.exp(log_T - top_T)
    rows = min(max(1, size // C.shape[1]), A.shape[1])

    def body(total, chunk):
        part, weight = chunk
        if layout == LAYOUTS[0]:
            product = part[0][:, None] + C[0]
            for d in range(1, D):
                product = product * (part[d][:, None] + C[d])
        else:
            product = jnp.prod(part[:, :, None] + C[:, None, :], axis=0)
        return total + ((weight @ (1.0 / product)) * T).sum(1), None

    chunks = A.reshape(D, -1, rows).transpose(1, 0, 2), S.reshape(B, -1, rows).transpose(1, 0, 2)
    total, _ = jax.lax.scan(body if keep else jax.checkpoint(body), jnp.zeros(B), chunks)
    return jnp.log(total) + (top_S + top_T)[:, 0] - jax.nn.softplus(c).sum()


def evidence(problem):
    """Log evidence of each datum by the fastest layout."""
    small, given, key = as_arrays(example(problem)), as_arrays(problem), ("evidence", problem.b.size)
    jitted = {c: jax.jit(partial(log_evidence, choice=c)) for c in itertools.product(LAYOUTS, SIZES)}
    best = fastest({c: lambda c=c: jitted[c](*small).block_until_ready() for c in jitted}, key)

    def call():
        return (np.asarray(jitted[best](*given)),)

    call.note = f"{best[0]}, blocks of {best[1]} states"
    return call


def gradient(problem):
    """Autodiff of the same algorithm, a block of rows recomputed on the way back."""
    small, key = example(problem), ("gradient", problem.b.size)

    def bounded(choice):
        return partial(log_evidence, choice=choice, keep=False)

    tried = itertools.product(LAYOUTS, SIZES[1:])
    best = fastest({c: gradient_call(bounded(c), small) for c in tried}, key)
    call = gradient_call(bounded(best), problem)
    call.note = f"checkpointed, {best[0]}, blocks of {best[1]} states"
    return call


PREPARE = {"evidence": evidence, "gradient": gradient}
