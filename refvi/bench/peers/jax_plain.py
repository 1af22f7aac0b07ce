"""JAX: the plain sum over all states, jitted, in chunks; its gradient with every chunk recomputed on the way back."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from refvi.bench.halves import example, fastest
from refvi.bench.peers import jax_autoencoder, jax_estimators

SIZES = (1 << 10, 1 << 13)
SPELLINGS = {
    "softplus": jax.nn.softplus,
    "log1p by hand": lambda a: jnp.maximum(a, 0.0) + jnp.log1p(jnp.exp(-jnp.abs(a))),
    "log by hand": lambda a: jnp.maximum(a, 0.0) + jnp.log(1.0 + jnp.exp(-jnp.abs(a))),
}
LAYOUTS, BY_HAND = ("first", "last"), ("log1p by hand", "log by hand")
GRADIENT_CHOICES = tuple(itertools.product(LAYOUTS, BY_HAND[:1], SIZES[1:]))
CHOICES = (
    *itertools.product(LAYOUTS, BY_HAND, SIZES[1:]),
    *itertools.product(LAYOUTS[:1], BY_HAND, SIZES[:1]),
)


def subset_sums(columns, base):
    """Sums over all subsets of columns (R, K), starting from base (R,): (R, 2^K)."""
    sums = base[:, None]
    for k in range(columns.shape[1]):
        sums = jnp.concatenate([sums, sums + columns[:, k : k + 1]], axis=1)
    return sums


def log_evidence(x, W, b, c, choice, keep=True):
    """Log evidence (B,); where `keep` is false, a chunk is computed again for its gradient."""
    layout, spelling, size = choice
    D, K = W.shape
    B, low = x.shape[0], K // 2
    factor = c + x @ W
    u, v = subset_sums(W[:, low:], jnp.zeros(D)), subset_sums(W[:, :low], b)
    S, T = (subset_sums(part, jnp.zeros(B)) for part in (factor[:, low:], factor[:, :low]))
    rows = max(1, size // v.shape[1])
    rows = min(rows, u.shape[1])

    def body(_, chunk):
        part, weight = chunk
        if layout == "first":
            logit = part[:, :, None] + v[:, None, :]
            soft = SPELLINGS[spelling](logit).sum(0)
        else:
            logit = part.T[:, None, :] + v.T
            soft = SPELLINGS[spelling](logit).sum(-1)
        f = weight[:, :, None] + T[:, None, :] - soft
        return None, jax.nn.logsumexp(f, axis=(1, 2))

    chunks = u.reshape(D, -1, rows).transpose(1, 0, 2), S.reshape(B, -1, rows).transpose(1, 0, 2)
    _, parts = jax.lax.scan(body if keep else jax.checkpoint(body), None, chunks)
    return jax.nn.logsumexp(parts, axis=0) + x @ b - jax.nn.softplus(c).sum()


def as_arrays(problem):
    """The arrays of a problem on JAX's side."""
    return tuple(jnp.asarray(a) for a in problem)


def evidence(problem, choices=CHOICES):
    """Log evidence of each datum by the fastest layout, spelling and chunk."""
    small, key = as_arrays(example(problem)), ("evidence", problem.b.size)
    jitted = {c: jax.jit(partial(log_evidence, choice=c)) for c in choices}
    best = fastest({c: lambda c=c: jitted[c](*small).block_until_ready() for c in choices}, key)
    given = as_arrays(problem)

    def call():
        return (np.asarray(jitted[best](*given)),)

    call.note = f"visibles {best[0]}, {best[1]}, chunks of {best[2]} states"
    return call


def gradient_call(function, problem):
    """Value (B,) and gradient of its sum in W, b and c, jitted."""

    def total(W, b, c, x):
        value = function(x, W, b, c)
        return value.sum(), value

    jitted = jax.jit(jax.value_and_grad(total, argnums=(0, 1, 2), has_aux=True))
    x, W, b, c = as_arrays(problem)

    def call():
        (_, value), grads = jitted(W, b, c, x)
        return tuple(np.asarray(a) for a in (value, *grads))

    return call


def gradient(problem, choices=GRADIENT_CHOICES):
    """The memory-bounded gradient by the fastest layout, spelling and chunk."""
    small, key = example(problem), ("gradient", problem.b.size)

    def bounded(choice):
        return partial(log_evidence, choice=choice, keep=False)

    best = fastest({c: gradient_call(bounded(c), small) for c in choices}, key)
    call = gradient_call(bounded(best), problem)
    call.note = f"checkpointed, visibles {best[0]}, {best[1]}, chunks of {best[2]} states"
    return call


PREPARE = {
    "evidence": evidence,
    "gradient": gradient,
    "iwae": jax_autoencoder.step,
    **jax_estimators.ESTIMATES,
}
