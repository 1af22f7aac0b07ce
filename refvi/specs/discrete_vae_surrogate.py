"""The surrogate of a discrete VAE: the log joint at the means of q, plus the entropy of q, log p(x, mu) + H(q).

It is what is ascended when the expectation of the ELBO is moved inside the decoder. It equals the ELBO at the corners of
the cube; through a logistic layer it lies above the ELBO everywhere else, and may lie above log p(x).
"""

import numpy as np

from refvi.specs.discrete_vae import (
    CONVENTIONS,
    INPUTS,
    SIZES,
    bernoulli,
    by_model,
    decoded,
    edges,
)
from refvi.specs.discrete_vae import terms as exact_terms
from refvi.specs.discrete_vae_shared import add_shared, entropy_each, prior_each
from refvi.specs.shared import SHARED
from refvi.specs.sized import einsum, log, sigmoid, softplus
from refvi.specs.spec import Spec


def terms(x, logits, weights, bias, prior_logits):
    """Terms of the surrogate per datum."""
    return {
        "likelihood": bernoulli(x, decoded(weights, bias, sigmoid(logits))),
        "prior": prior_each(logits, prior_logits).sum(-1),
        "entropy": entropy_each(logits).sum(-1),
    }


def _gradient(x, logits, weights, bias, prior_logits):
    mu, slope = sigmoid(logits), sigmoid(logits) * sigmoid(-logits)
    residual = x - sigmoid(decoded(weights, bias, mu))
    found = {"weights": einsum("bx,bd->xd", residual, mu), "bias": residual.sum(0)}
    by_logits = {
        "likelihood": slope * einsum("bx,xd->bd", residual, weights),
        "prior": slope * prior_logits,
        "entropy": -(slope * logits),
    }
    return {"logits": by_logits, **by_model(found, logits, prior_logits)}


surrogate = Spec(
    id="discrete_vae.surrogate",
    says="log p(x, mu) + H(q) per datum: the log joint of a discrete VAE at the means of q, plus the entropy of q",
    inputs=INPUTS,
    output="B",
    reference=terms,
    gradient=_gradient,
    conventions=CONVENTIONS,
    sizes=SIZES,
    source="notes on gradient-based inference for VAEs with discrete latent variables, 22 September 2015, equation 4",
    edges=edges,
)
add_shared(surrogate, terms, _gradient)


@surrogate.mistake(
    "expectation-outside",
    says="averages the log-likelihood over all states of q: the exact ELBO, not the surrogate",
)
def _(**inputs):
    return exact_terms(**inputs)


@surrogate.mistake(
    "rounded-mean", says="rounds the means of q to zeros and ones before the decoder sees them"
)
def _(x, logits, weights, bias, prior_logits):
    at = bernoulli(x, decoded(weights, bias, (logits > 0).astype(np.float64)))
    return {**terms(x, logits, weights, bias, prior_logits), "likelihood": at}


@surrogate.mistake("logits-for-means", says="hands the decoder the logits of q where its means belong")
def _(x, logits, weights, bias, prior_logits):
    at = bernoulli(x, decoded(weights, bias, logits))
    return {**terms(x, logits, weights, bias, prior_logits), "likelihood": at}


@surrogate.mistake(
    "prior-mean-for-q-mean",
    says="evaluates the log joint at the prior's means: one symbol, mu^h, for the prior's and for q's",
)
def _(x, logits, weights, bias, prior_logits):
    prior = np.broadcast_to(prior_logits, logits.shape)
    return {
        **terms(x, prior, weights, bias, prior_logits),
        "entropy": entropy_each(logits).sum(-1),
    }


@surrogate.mistake(
    "means-centred", says="centres the means of q at zero, 2 mu - 1, before the decoder sees them"
)
def _(x, logits, weights, bias, prior_logits):
    at = bernoulli(x, decoded(weights, bias, 2.0 * sigmoid(logits) - 1.0))
    return {**terms(x, logits, weights, bias, prior_logits), "likelihood": at}


@surrogate.mistake(
    "zeros-not-counted", says="counts x log p only: observed units that are 0 contribute nothing"
)
def _(x, logits, weights, bias, prior_logits):
    ones = -(x * softplus(-decoded(weights, bias, sigmoid(logits)))).sum(-1)
    return {**terms(x, logits, weights, bias, prior_logits), "likelihood": ones}


@surrogate.mistake(**SHARED["double-sigmoid"])
def _(x, logits, weights, bias, prior_logits):
    again = bernoulli(x, sigmoid(decoded(weights, bias, sigmoid(logits))))
    return {**terms(x, logits, weights, bias, prior_logits), "likelihood": again}


@surrogate.mistake(**SHARED["log-of-sigmoid"])
def _(x, logits, weights, bias, prior_logits):
    mu, c = sigmoid(logits), sigmoid(prior_logits)
    p = sigmoid(decoded(weights, bias, mu))
    return {
        "likelihood": (x * log(p) + (1.0 - x) * log(1.0 - p)).sum(-1),
        "prior": (mu * log(c) + (1.0 - mu) * log(1.0 - c)).sum(-1),
        "entropy": -(mu * log(mu) + (1.0 - mu) * log(1.0 - mu)).sum(-1),
    }


@surrogate.mistake(
    "mean-detached",
    says="does not differentiate the decoder by the means: the logits get the prior's and the entropy's gradient only",
    of="gradient",
)
def _(**inputs):
    found = _gradient(**inputs)
    return {**found, "logits": {n: t for n, t in found["logits"].items() if n != "likelihood"}}


@surrogate.mistake(
    "likelihood-slope-missing",
    says="leaves mu (1 - mu) out of the likelihood's gradient alone, as straight-through estimators do",
    of="gradient",
)
def _(x, logits, weights, bias, prior_logits):
    residual = x - sigmoid(decoded(weights, bias, sigmoid(logits)))
    found = _gradient(x, logits, weights, bias, prior_logits)
    return {**found, "logits": {**found["logits"], "likelihood": einsum("bx,xd->bd", residual, weights)}}
