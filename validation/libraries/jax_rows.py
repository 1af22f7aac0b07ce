"""What JAX computes: (name, spec id, function, conventions), one row per form. Values, and gradients by jax.vjp."""

import jax
import jax.numpy as jnp
from jax.nn import log_sigmoid, log_softmax
from jax.scipy.special import rel_entr, xlog1py, xlogy
from jax.scipy.stats import bernoulli, multivariate_normal, norm


def rows():
    """Every row."""
    yield "norm.logpdf", "log_density.normal", lambda x, mu, std: norm.logpdf(x, mu, std), {}
    yield "norm.logpdf", "log_density.normal_diagonal", lambda x, mu, std: norm.logpdf(x, mu, std).sum(-1), {}
    yield (
        "multivariate_normal.logpdf",
        "log_density.normal_full",
        lambda x, mu, cholesky: jax.vmap(multivariate_normal.logpdf)(x, mu, cholesky @ cholesky.mT),
        {},
    )
    yield (
        "bernoulli.logpmf",
        "log_density.bernoulli",
        lambda x, probs: bernoulli.logpmf(x, probs).sum(-1),
        {},
    )
    yield (
        "special.xlogy, xlog1py",
        "log_density.bernoulli",
        lambda x, probs: (xlogy(x, probs) + xlog1py(1 - x, -probs)).sum(-1),
        {},
    )
    yield (
        "nn.log_sigmoid",
        "log_density.bernoulli_logits",
        lambda x, logits: jnp.where(x == 1, log_sigmoid(logits), log_sigmoid(-logits)).sum(-1),
        {},
    )
    yield (
        "nn.log_softmax",
        "log_density.categorical_logits",
        lambda x, logits: (x * log_softmax(logits)).sum(-1),
        {},
    )
    yield (
        "special.rel_entr",
        "kl.categorical",
        lambda q_probs, p_probs: rel_entr(q_probs, p_probs).sum(-1),
        {},
    )
