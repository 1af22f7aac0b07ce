"""The exact log-evidence of a sigmoid belief network with one hidden layer, by enumeration of the hidden states.

z_d ~ Bernoulli(sigmoid(prior_logits_d)),  x | z ~ prod Bernoulli(sigmoid(weights z + bias)).
The terms pull out what does not depend on z: log p(x) = x·bias - sum softplus(prior_logits) + log sum_z exp(rest).
"""

import itertools
from typing import NamedTuple

import numpy as np

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
    softmax,
    softplus,
)
from refvi.specs.spec import Input, Spec

MODEL = (
    Input("weights", "X D", "real", "weights from hidden to observed units"),
    Input("bias", "X", "real", "biases of the observed units"),
    Input("prior_logits", "D", "real", "logits of the hidden units"),
)


def states(count):
    """Every binary vector, (S, D)."""
    return np.array(list(itertools.product((0.0, 1.0), repeat=count)))


class Joint(NamedTuple):
    """Everything at every hidden state: states (S, D), activations (S, X), residual (S, B, X), logs (S, B) or (S, 1)."""

    states: np.ndarray
    activations: Sized
    residual: Sized
    log_likelihood: Sized
    log_prior: Sized

    @property
    def log_joint(self):
        """Log p(x, z)."""
        return self.log_likelihood + self.log_prior


def joint(x, weights, bias, prior_logits):
    """The joint density and what its gradients need."""
    z, x, prior_logits = states(np.shape(weights)[1]), np.asarray(x), sized(prior_logits)
    a = einsum("sd,xd->sx", z, weights) + bias
    return Joint(
        z,
        a,
        x - expand(sigmoid(a), 1),
        einsum("bx,sx->sb", x, a) - expand(softplus(a).sum(-1), 1),
        expand((z * prior_logits - softplus(prior_logits)).sum(-1), 1),
    )


def _log_evidence(x, weights, bias, prior_logits):
    x, z, prior_logits = np.asarray(x), states(np.shape(weights)[1]), sized(prior_logits)
    by_weights = einsum("sd,xd->sx", z, weights)
    normaliser = softplus(by_weights + bias).sum(-1)
    rest = einsum("bx,sx->sb", x, by_weights) + expand((z * prior_logits).sum(-1) - normaliser, 1)
    return {
        "bias": (x * sized(bias)).sum(-1),
        "prior_normaliser": -softplus(prior_logits).sum() + np.zeros(len(x)),
        "log_sum": logsumexp(rest, 0),
    }


def pull(c, j, prior_logits):
    """sum_sb c_sb d log p(x_b, z_s): the gradient with state weights c held fixed."""
    return {
        "weights": einsum("sbx,sd->xd", expand(c, -1) * j.residual, j.states),
        "bias": einsum("sb,sbx->x", c, j.residual),
        "prior_logits": {
            "states": einsum("sb,sd->d", c, j.states),
            "normaliser": -(c.sum() * sigmoid(prior_logits)),
        },
    }


def _gradient(x, weights, bias, prior_logits):
    j = joint(x, weights, bias, prior_logits)
    return pull(softmax(j.log_joint, 0), j, prior_logits)


def _edges():
    generic = {
        "x": [[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]],
        "weights": [[0.75, -1.5], [2.25, 0.5], [-0.25, 1.25]],
        "bias": [0.25, -0.75, 1.5],
        "prior_logits": [0.5, -1.25],
    }
    return {
        "evidence below exp(-745)": {**generic, "bias": [-900.25, 300.75, -1000.5]},
        "prior logits large": {**generic, "prior_logits": [800.5, -300.25]},
        "one hidden unit": {
            **generic,
            "weights": [[0.75], [2.25], [-0.25]],
            "prior_logits": [0.5],
        },
        "weights are zero": {**generic, "weights": np.zeros((3, 2))},
        "x all zero, x all one": {**generic, "x": [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]},
    }


log_evidence = Spec(
    id="sbn.log_evidence",
    says="exact log p(x) per datum of a sigmoid belief network with one hidden layer, all hidden states summed",
    inputs=(Input("x", "B X", "binary", "data"), *MODEL),
    output="B",
    reference=_log_evidence,
    gradient=_gradient,
    conventions={"sign": "positive", "batch": "none", "units": "nats"},
    sizes={"B": (2, 3), "X": (3, 5, 7), "D": (2, 3, 5)},
    source="Neal 1992, Connectionist learning of belief networks",
    edges=_edges,
)


def _sum(**inputs):
    return sum(_log_evidence(**inputs).values(), start=sized(0.0))


@log_evidence.mistake(
    "prior-normaliser-missing", says="leaves the normaliser of the prior, -sum softplus(prior_logits), out"
)
def _(**inputs):
    return {n: t for n, t in _log_evidence(**inputs).items() if n != "prior_normaliser"}


@log_evidence.mistake(
    "prior-missing", says="sums the likelihood over the states without their prior probability"
)
def _(**inputs):
    return logsumexp(joint(**inputs).log_likelihood, 0)


@log_evidence.mistake(
    "prior-uniform", says="averages the likelihood over the states, as if the prior were uniform"
)
def _(**inputs):
    j = joint(**inputs)
    return logsumexp(j.log_likelihood, 0) - float(np.log(len(j.states)))


@log_evidence.mistake(
    "mean-of-logs",
    says="averages the log-likelihood under the prior: a lower bound of log p(x), not log p(x)",
    seen=("hwalsuklee/tensorflow-generative-model-collections#13",),
)
def _(**inputs):
    j = joint(**inputs)
    return (exp(j.log_prior) * j.log_likelihood).sum(0)


@log_evidence.mistake(
    "mean-for-sample", says="puts the prior mean of z into the likelihood instead of summing over z"
)
def _(x, weights, bias, prior_logits):
    a = einsum("xd,d->x", weights, sigmoid(prior_logits)) + bias
    return (x * a - softplus(a)).sum(-1)


@log_evidence.mistake("best-state", says="keeps the most probable hidden state only")
def _(**inputs):
    logs = joint(**inputs).log_joint
    return Sized(logs.value.max(0), logs.size.max(0))


@log_evidence.mistake("zero-state-missing", says="leaves out the state where all hidden units are 0")
def _(**inputs):
    return logsumexp(joint(**inputs).log_joint[1:], 0)


@log_evidence.mistake("one-hot-states", says="sums over the states with exactly one hidden unit on")
def _(**inputs):
    j = joint(**inputs)
    return logsumexp(j.log_joint[j.states.sum(-1) == 1.0], 0)


@log_evidence.mistake("bias-missing", says="leaves the biases of the observed units out")
def _(x, weights, bias, prior_logits):
    return _sum(x=x, weights=weights, bias=0.0 * np.asarray(bias), prior_logits=prior_logits)


@log_evidence.mistake(
    "zeros-not-counted", says="counts x log p only: observed units that are 0 contribute nothing"
)
def _(x, weights, bias, prior_logits):
    j = joint(x, weights, bias, prior_logits)
    return logsumexp(einsum("bx,sx->sb", x, -softplus(-j.activations)) + j.log_prior, 0)


@log_evidence.mistake(**SHARED["bce-mean-reduction"])
def _(**inputs):
    j = joint(**inputs)
    return logsumexp(j.log_likelihood / float(len(inputs["bias"])) + j.log_prior, 0)


@log_evidence.mistake(**SHARED["log-of-sigmoid"])
def _(x, weights, bias, prior_logits):
    j = joint(x, weights, bias, prior_logits)
    p, q = sigmoid(j.activations), sigmoid(prior_logits)
    log_x = einsum("bx,sx->sb", x, log(p)) + einsum("bx,sx->sb", 1.0 - np.asarray(x), log(1.0 - p))
    log_z = (j.states * log(q) + (1.0 - j.states) * log(1.0 - q)).sum(-1)
    return logsumexp(log_x + expand(log_z, 1), 0)


@log_evidence.mistake(
    "batch-summed-before-lse",
    says="sums the log-likelihood over the data before the sum over states, so that all data share one hidden state",
    seen=("pyro-ppl/pyro#2220",),
)
def _(**inputs):
    j = joint(**inputs)
    return logsumexp(j.log_likelihood.sum(1) + j.log_prior[:, 0], 0)


@log_evidence.mistake(
    "lse-without-max",
    says="adds up probabilities and takes the logarithm at the end: -inf as soon as they underflow",
    seen=("pyro-ppl/pyro#1214", "odie2630463/Restricted-Boltzmann-Machines-in-pytorch#1"),
)
def _(**inputs):
    return log(exp(joint(**inputs).log_joint).sum(0))


# ---- gradients


@log_evidence.mistake(
    "prior-weighted-gradient",
    says="averages the gradient of the joint under the prior instead of the posterior",
    of="gradient",
)
def _(x, weights, bias, prior_logits):
    j = joint(x, weights, bias, prior_logits)
    return pull(exp(j.log_prior) + np.zeros(j.log_joint.shape), j, prior_logits)


@log_evidence.mistake(
    "posterior-mean-plugged-in",
    says="puts the posterior mean of z into the gradient of the joint instead of averaging the gradient",
    of="gradient",
)
def _(x, weights, bias, prior_logits):
    j = joint(x, weights, bias, prior_logits)
    c = softmax(j.log_joint, 0)
    mean = einsum("sb,sd->bd", c, j.states)
    residual = x - sigmoid(einsum("bd,xd->bx", mean, weights) + bias)
    return {
        **pull(c, j, prior_logits),
        "weights": einsum("bx,bd->xd", residual, mean),
        "bias": residual.sum(0),
    }


@log_evidence.mistake(
    "joint-weights-not-normalised",
    says="weights the states with p(x, z) instead of p(z | x): the gradient of p(x), not of log p(x)",
    of="gradient",
)
def _(x, weights, bias, prior_logits):
    j = joint(x, weights, bias, prior_logits)
    return pull(exp(j.log_joint), j, prior_logits)


@log_evidence.mistake(
    "prior-gradient-without-mean",
    says="gives prior_logits the posterior mean of z, without subtracting the prior mean",
    of="gradient",
)
def _(**inputs):
    return {**_gradient(**inputs), "prior_logits": _gradient(**inputs)["prior_logits"]["states"]}
