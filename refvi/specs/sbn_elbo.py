"""The evidence lower bound of a sigmoid belief network at given samples.

q(z | x) is a factorised Bernoulli with logits per datum; samples are given, so that every estimator is deterministic.
"""

from typing import NamedTuple

import numpy as np

from refvi.specs.sbn import MODEL
from refvi.specs.shared import SHARED
from refvi.specs.sized import Sized, einsum, log, logsumexp, sigmoid, sized, softplus
from refvi.specs.spec import Input, Spec

INPUTS = (
    Input("x", "B X", "binary", "data"),
    Input("z", "K B D", "binary", "samples of q(z | x) = prod_d Bernoulli(z_d; sigmoid(logits_d))"),
    Input("logits", "B D", "real", "logits of q"),
    *MODEL,
)


class Point(NamedTuple):
    """Everything at the samples: logs with axes K B, residuals with axes K B and X or D."""

    z: np.ndarray
    activations: Sized
    residual: Sized  # x - sigmoid(weights z + bias)
    score: Sized  # z - sigmoid(logits)
    prior_score: Sized  # z - sigmoid(prior_logits)
    log_likelihood: Sized
    log_prior_each: Sized  # K B D
    log_q_each: Sized  # K B D

    @property
    def log_prior(self):
        """Log p(z)."""
        return self.log_prior_each.sum(-1)

    @property
    def log_q(self):
        """Log q(z | x)."""
        return self.log_q_each.sum(-1)

    @property
    def reward(self):
        """Log p(x, z) - log q(z | x)."""
        return self.log_likelihood + self.log_prior - self.log_q


def at(x, z, logits, weights, bias, prior_logits):
    """The model and q at the samples."""
    z, logits, prior_logits = np.asarray(z), sized(logits), sized(prior_logits)
    a = einsum("kbd,xd->kbx", z, weights) + bias
    return Point(
        z,
        a,
        x - sigmoid(a),
        z - sigmoid(logits),
        z - sigmoid(prior_logits),
        (x * a - softplus(a)).sum(-1),
        z * prior_logits - softplus(prior_logits),
        z * logits - softplus(logits),
    )


# ---- the value


def terms(**inputs):
    """Terms of the bound at every sample, K B."""
    p = at(**inputs)
    return {"likelihood": p.log_likelihood, "prior": p.log_prior, "entropy": -p.log_q}


def edges():
    """Legal inputs off generic position."""
    generic = {
        "x": [[1.0, 0.0, 1.0]],
        "z": [[[1.0, 0.0]], [[0.0, 0.0]], [[1.0, 1.0]]],
        "logits": [[0.5, -1.25]],
        "weights": [[0.75, -1.5], [2.25, 0.5], [-0.25, 1.25]],
        "bias": [0.25, -0.75, 1.5],
        "prior_logits": [-0.75, 0.25],
    }
    return {
        "one sample": {**generic, "z": [[[1.0, 0.0]]]},
        "logits of q large": {**generic, "logits": [[40.5, -800.25]]},
        "decoder saturated": {**generic, "bias": [800.25, -300.75, -40.5]},
        "q is the prior": {**generic, "logits": [[-0.75, 0.25]]},
    }


elbo = Spec(
    id="sbn.elbo",
    says="ELBO of a sigmoid belief network at given samples of q: mean of log p(x, z) - log q(z | x)",
    inputs=INPUTS,
    output="K B",
    reference=terms,
    conventions={"sign": "positive", "batch": "none", "samples": "mean", "units": "nats"},
    source="Mnih and Gregor 2014, equation 2, arXiv:1402.0030v2",
    edges=edges,
)


def _total(terms):
    return sum(terms.values(), start=sized(0.0))


def _closed_entropy(logits):
    """Entropy of q per latent."""
    logits = sized(logits)
    return softplus(logits) - logits * sigmoid(logits)


@elbo.relative(
    "closed-form-entropy", says="has the entropy of q in closed form, not at the samples", of="value"
)
def _(**inputs):
    p = at(**inputs)
    return p.log_likelihood + p.log_prior + _closed_entropy(inputs["logits"]).sum(-1)


@elbo.relative("closed-form-kl", says="has KL(q || p(z)) in closed form, not at the samples", of="value")
def _(**inputs):
    prior = sized(inputs["prior_logits"])
    expected = sigmoid(inputs["logits"]) * prior - softplus(prior)
    return at(**inputs).log_likelihood + (expected + _closed_entropy(inputs["logits"])).sum(-1)


@elbo.mistake("log-q-missing", says="leaves -log q out of the bound")
def _(**inputs):
    return {n: t for n, t in terms(**inputs).items() if n != "entropy"}


@elbo.mistake("log-q-added", says="adds log q instead of subtracting it")
def _(**inputs):
    found = terms(**inputs)
    return {**found, "entropy": -found["entropy"]}


@elbo.mistake(**SHARED["kl-wrong-sign"])
def _(**inputs):
    p = at(**inputs)
    return p.log_likelihood - p.log_prior + p.log_q


@elbo.mistake("prior-missing", says="leaves log p(z) out of the bound")
def _(**inputs):
    return {n: t for n, t in terms(**inputs).items() if n != "prior"}


@elbo.mistake("prior-uniform", says="takes one half for every prior probability")
def _(**inputs):
    return terms(**{**inputs, "prior_logits": 0.0 * np.asarray(inputs["prior_logits"])})


@elbo.mistake(**SHARED["kl-mean-over-latents"])
def _(**inputs):
    p, count = at(**inputs), float(len(inputs["prior_logits"]))
    return p.log_likelihood + (p.log_prior - p.log_q) / count


@elbo.mistake(**SHARED["bce-mean-reduction"])
def _(**inputs):
    found = terms(**inputs)
    return {**found, "likelihood": found["likelihood"] / float(len(inputs["bias"]))}


@elbo.mistake(
    slug="bce-args-swapped",
    says="exchanges the prediction and the target of the cross-entropy (whose logarithms are cut at -100)",
    seen=SHARED["bce-args-swapped"]["seen"],
)
def _(**inputs):
    p, x = at(**inputs), np.asarray(inputs["x"])
    predicted = sigmoid(p.activations)
    swapped = -100.0 * (x * (1.0 - predicted) + (1.0 - x) * predicted)
    return swapped.sum(-1) + p.log_prior - p.log_q


@elbo.mistake(**SHARED["double-sigmoid"])
def _(**inputs):
    p, x = at(**inputs), np.asarray(inputs["x"])
    again = sigmoid(p.activations)
    return (x * again - softplus(again)).sum(-1) + p.log_prior - p.log_q


def by_probability(value, logits):
    """Log Bernoulli by way of the probability."""
    p = sigmoid(logits)
    return (value * log(p) + (1.0 - np.asarray(value)) * log(1.0 - p)).sum(-1)


@elbo.mistake(**SHARED["log-of-sigmoid"])
def _(**inputs):
    p, z = at(**inputs), inputs["z"]
    return (
        by_probability(inputs["x"], p.activations)
        + by_probability(z, inputs["prior_logits"])
        - by_probability(z, inputs["logits"])
    )


@elbo.mistake("zeros-not-counted", says="counts x log p only: observed units that are 0 contribute nothing")
def _(**inputs):
    p, x = at(**inputs), np.asarray(inputs["x"])
    return -(x * softplus(-p.activations)).sum(-1) + p.log_prior - p.log_q


@elbo.mistake("mean-for-sample", says="uses the probabilities of q in place of the samples")
def _(**inputs):
    means = np.broadcast_to(sigmoid(inputs["logits"]).value, np.shape(inputs["z"]))
    return terms(**{**inputs, "z": means})


BROADCAST = {
    "slug": "plate-broadcast-before-sum",
    "says": "broadcasts the log-likelihood over the latents before the sum, so that it counts D times",
    "seen": ("pyro-ppl/pyro#2893",),
}


@elbo.mistake(**BROADCAST)
def _(**inputs):
    found = terms(**inputs)
    return {**found, "likelihood": found["likelihood"] * float(len(inputs["prior_logits"]))}


@elbo.mistake(
    "log-of-mean-weight", says="takes the log of the mean weight: the importance-weighted bound, not the ELBO"
)
def _(**inputs):
    reward = at(**inputs).reward
    return logsumexp(reward, 0) - float(np.log(len(inputs["z"])))
