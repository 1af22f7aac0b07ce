"""The exact ELBO of a discrete VAE: factorised Bernoulli q, logistic layer as the decoder, all states summed.

h_d ~ Bernoulli(sigmoid(prior_logits_d)),  x | h ~ prod Bernoulli(sigmoid(weights h + bias)),  q(h | x) = prod Bernoulli(mu)
with mu = sigmoid(logits) per datum. Prior and entropy are closed forms, the expected log-likelihood sums over 2^D states.
"""

from typing import NamedTuple

import numpy as np

from refvi.specs.discrete_vae_shared import add_shared, entropy_each, prior_each
from refvi.specs.sbn import MODEL, Joint, joint, pull
from refvi.specs.shared import SHARED
from refvi.specs.sized import (
    Sized,
    einsum,
    exp,
    expand,
    log,
    logsumexp,
    sigmoid,
    sized,
    softplus,
)
from refvi.specs.spec import Input, Spec

INPUTS = (
    Input("x", "B X", "binary", "data"),
    Input("logits", "B D", "real", "log odds of q's means mu, per datum"),
    *MODEL,
)
SOURCE = "Mnih and Gregor 2014, equation 2, arXiv:1402.0030v2; Saul, Jaakkola and Jordan 1996, equation 7"


class Exact(NamedTuple):
    """Everything at every state: the joint (S, B), q (S, B), its score (S, B, D), slope = mu (1 - mu) (B, D)."""

    joint: Joint
    q: Sized
    score: Sized
    slope: Sized


def exact(x, logits, weights, bias, prior_logits):
    """The model and q at every state."""
    j, a = joint(x, weights, bias, prior_logits), sized(logits)
    log_q = -(einsum("sd,bd->sb", j.states, softplus(-a)) + einsum("sd,bd->sb", 1.0 - j.states, softplus(a)))
    score = j.states[:, None] - expand(sigmoid(a), 0)
    return Exact(j, exp(log_q), score, sigmoid(a) * sigmoid(-a))


def bernoulli(x, a):
    """Log mass of bits by logits, summed over the last axis."""
    return (np.asarray(x) * sized(a) - softplus(a)).sum(-1)


def decoded(weights, bias, h):
    """Logits of the observed units at a point h (B, D) of the cube, (B, X)."""
    return einsum("bd,xd->bx", h, weights) + bias


def terms(x, logits, weights, bias, prior_logits):
    """Terms of the exact ELBO per datum."""
    e = exact(x, logits, weights, bias, prior_logits)
    return {
        "likelihood": (e.q * e.joint.log_likelihood).sum(0),
        "prior": prior_each(logits, prior_logits).sum(-1),
        "entropy": entropy_each(logits).sum(-1),
    }


def gradient(x, logits, weights, bias, prior_logits):
    """Gradient of the sum over data."""
    e = exact(x, logits, weights, bias, prior_logits)
    by_logits = {
        "likelihood": einsum("sb,sbd->bd", e.q * e.joint.log_likelihood, e.score),
        "prior": e.slope * prior_logits,
        "entropy": -(e.slope * logits),
    }
    return {"logits": by_logits, **by_model(pull(e.q, e.joint, prior_logits), logits, prior_logits)}


def by_model(found, logits, prior_logits):
    """Gradients of the model's parameters by the terms that hold them; the prior's is a closed form."""
    return {
        "weights": {"likelihood": found["weights"]},
        "bias": {"likelihood": found["bias"]},
        "prior_logits": {"prior": (sigmoid(logits) - sigmoid(prior_logits)).sum(0)},
    }


def edges():
    """Legal inputs off generic position."""
    generic = {
        "x": [[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]],
        "logits": [[0.5, -1.25], [1.75, 0.25]],
        "weights": [[0.75, -1.5], [2.25, 0.5], [-0.25, 1.25]],
        "bias": [0.25, -0.75, 1.5],
        "prior_logits": [-0.75, 0.25],
    }
    return {
        "one latent": {
            **generic,
            "logits": [[0.5], [-2.0]],
            "weights": [[0.75], [2.25], [-0.25]],
            "prior_logits": [0.5],
        },
        "q at a corner": {**generic, "logits": [[800.5, -750.25], [-900.25, 40.5]]},
        "decoder saturated": {**generic, "bias": [800.25, -300.75, -40.5]},
        "prior nearly certain": {**generic, "prior_logits": [60.5, -45.25]},
        "q is the prior": {**generic, "logits": [[-0.75, 0.25], [-0.75, 0.25]]},
        "weights are zero": {**generic, "weights": np.zeros((3, 2))},
    }


CONVENTIONS = {"sign": "positive", "batch": "none", "units": "nats"}
SIZES = {"B": (2, 3), "X": (5, 7), "D": (2, 3)}

elbo = Spec(
    id="discrete_vae.elbo",
    says="exact ELBO per datum of a discrete VAE with a logistic layer as its decoder, all 2^D states summed under q",
    inputs=INPUTS,
    output="B",
    reference=terms,
    gradient=gradient,
    conventions=CONVENTIONS,
    sizes=SIZES,
    source=SOURCE,
    edges=edges,
)


# ---- mistakes

add_shared(elbo, terms, gradient)


@elbo.mistake(
    "mean-inside-the-decoder",
    says="puts the mean of q into the decoder instead of averaging the log-likelihood: no lower bound of log p(x)",
)
def _(x, logits, weights, bias, prior_logits):
    at = bernoulli(x, decoded(weights, bias, sigmoid(logits)))
    return {**terms(x, logits, weights, bias, prior_logits), "likelihood": at}


@elbo.mistake(
    "likelihood-of-mean-probability",
    says="averages the decoder's probabilities under q and takes one log-likelihood of the average",
)
def _(x, logits, weights, bias, prior_logits):
    e = exact(x, logits, weights, bias, prior_logits)
    on = einsum("sb,sx->bx", e.q, sigmoid(e.joint.activations))
    off = einsum("sb,sx->bx", e.q, sigmoid(-e.joint.activations))
    likelihood = (x * log(on) + (1.0 - x) * log(off)).sum(-1)
    return {**terms(x, logits, weights, bias, prior_logits), "likelihood": likelihood}


@elbo.mistake("q-not-used", says="averages the log-likelihood over all states alike, without their q")
def _(**inputs):
    e = exact(**inputs)
    return {**terms(**inputs), "likelihood": e.joint.log_likelihood.mean(0)}


@elbo.mistake(
    "best-state", says="evaluates the log-likelihood at the most probable state of q instead of averaging it"
)
def _(x, logits, weights, bias, prior_logits):
    at = bernoulli(x, decoded(weights, bias, (logits > 0).astype(np.float64)))
    return {**terms(x, logits, weights, bias, prior_logits), "likelihood": at}


@elbo.mistake(
    "log-of-mean-weight",
    says="takes the logarithm of the mean of p(x, h) / q(h), which is log p(x), instead of the mean of the logarithm",
)
def _(**inputs):
    return logsumexp(exact(**inputs).joint.log_joint, 0)


@elbo.mistake(**SHARED["log-of-sigmoid"])
def _(x, logits, weights, bias, prior_logits):
    e = exact(x, logits, weights, bias, prior_logits)
    p, mu, c = sigmoid(e.joint.activations), sigmoid(logits), sigmoid(prior_logits)
    each = einsum("bx,sx->sb", x, log(p)) + einsum("bx,sx->sb", 1.0 - np.asarray(x), log(1.0 - p))
    return {
        "likelihood": (e.q * each).sum(0),
        "prior": (mu * log(c) + (1.0 - mu) * log(1.0 - c)).sum(-1),
        "entropy": -(mu * log(mu) + (1.0 - mu) * log(1.0 - mu)).sum(-1),
    }


@elbo.mistake(
    "gradient-at-the-mean",
    says="differentiates the log-likelihood at the mean of q, as the surrogate has it, beside the exact value",
    of="gradient",
)
def _(x, logits, weights, bias, prior_logits):
    residual = x - sigmoid(decoded(weights, bias, sigmoid(logits)))
    slope = sigmoid(logits) * sigmoid(-logits)
    found = gradient(x, logits, weights, bias, prior_logits)
    return {
        **found,
        "logits": {**found["logits"], "likelihood": slope * einsum("bx,xd->bd", residual, weights)},
    }


@elbo.mistake(
    "mean-plugged-into-weights",
    says="gives weights the product of mean residual and mean of q instead of the mean of the product",
    of="gradient",
)
def _(x, logits, weights, bias, prior_logits):
    e = exact(x, logits, weights, bias, prior_logits)
    residual = einsum("sb,sbx->bx", e.q, e.joint.residual)
    found = gradient(x, logits, weights, bias, prior_logits)
    return {**found, "weights": einsum("bx,bd->xd", residual, sigmoid(logits))}
