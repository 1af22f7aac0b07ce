"""Gradients of the importance-weighted bound of a small variational autoencoder, at given noise.

The model has a Bernoulli decoder with one linear layer: z_k = mu + std noise_k, logits_k = weights z_k + bias,
log w_k = log p(x | z_k) + log N(z_k; 0, I) - log N(z_k; mu, std²). A gradient is sum_k c_k d log w_k with coefficients
c_k that depend on the estimator; every mistake is another c, or leaves out or adds a part of d log w_k.
"""

from typing import NamedTuple

import numpy as np

from refvi.specs.elbo_vae import vae_inputs
from refvi.specs.shared import SHARED
from refvi.specs.sized import (
    LOG_2_PI,
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
from refvi.specs.spec import Spec

CONVENTIONS = {"scale": "std", "sign": "positive", "batch": "sum", "units": "nats"}


class Point(NamedTuple):
    """Everything at the samples, with axes K, B and D or X."""

    z: Sized
    residual: Sized  # x - sigmoid(logits)
    standard: Sized  # (z - mu) / std
    std: Sized
    weights: Sized
    log_likelihood: Sized  # K B
    log_prior: Sized  # K B
    log_q: Sized  # K B

    @property
    def log_weights(self):
        """Log p(x, z) - log q(z | x)."""
        return self.log_likelihood + self.log_prior - self.log_q


def at(x, mu, std, noise, weights, bias):
    """The model at z = mu + std noise; `standard` has the value of the noise and the rounding of (z - mu) / std."""
    mu, std, weights = sized(mu), sized(std), sized(weights)
    z = mu + std * noise
    standard = Sized(np.broadcast_to(noise, z.shape), ((z - mu) / std).size)
    logits = einsum("kbd,xd->kbx", z, weights) + bias
    return Point(
        z,
        x - sigmoid(logits),
        standard,
        std,
        weights,
        (x * logits - softplus(logits)).sum(-1),
        (-0.5 * z**2 - 0.5 * LOG_2_PI).sum(-1),
        (-0.5 * standard**2 - log(std) - 0.5 * LOG_2_PI).sum(-1),
    )


def pull(c, p, direction=None):
    """Terms of sum_kb c_kb d log w_kb with c held fixed; `direction` is dz / dstd, the noise where nothing is wrong.

    path and score are the two halves of -d log q: through z, and through mu and std at fixed z.
    """
    direction = p.standard if direction is None else direction
    through = einsum("kbx,xd->kbd", p.residual, p.weights)
    path, square = p.standard / p.std, p.standard**2

    def over_samples(a):
        return einsum("kb,kbd->bd", c, a)

    return {
        "mu": {
            "likelihood": over_samples(through),
            "prior": -over_samples(p.z),
            "path": over_samples(path),
            "score": -over_samples(path),
        },
        "std": {
            "likelihood": over_samples(through * direction),
            "prior": -over_samples(p.z * direction),
            "path": over_samples(path * direction),
            "score": over_samples((1.0 - square) / p.std),
        },
        "weights": {"likelihood": einsum("kbx,kbd->xd", expand(c, -1) * p.residual, p.z)},
        "bias": {"likelihood": einsum("kb,kbx->x", c, p.residual)},
    }


def keep(gradients, *terms):
    """The gradients of mu and std reduced to some of their terms; those of the decoder stay."""
    zero = {"likelihood": 0.0 * gradients["mu"]["likelihood"]}
    return {
        name: ({t: g[t] for t in terms} or zero) if name in ("mu", "std") else g
        for name, g in gradients.items()
    }


def share(p):
    """Normalised weights."""
    return softmax(p.log_weights, 0)


def plain(**inputs):
    """Normalised weights, whole derivative of the log-weights."""
    p = at(**inputs)
    return pull(share(p), p)


def doubly_reparameterised(p):
    """Squared weights along the path for mu and std, plain weights for the decoder."""
    c = share(p)
    path = keep(pull(c * c, p), "likelihood", "prior", "path")
    return {**path, **{name: g for name, g in pull(c, p).items() if name in ("weights", "bias")}}


def _edges():
    generic = {
        "x": [[1.0, 0.0, 1.0]],
        "mu": [[0.5, -1.25]],
        "std": [[0.75, 1.5]],
        "noise": [[[0.5, -0.25]], [[-1.5, 0.75]], [[0.25, 2.5]]],
        "weights": [[0.75, -1.5], [2.25, 0.5], [-0.25, 1.25]],
        "bias": [0.25, -0.75, 1.5],
    }
    return {
        "one sample": {**generic, "noise": [[[0.5, -0.25]]]},
        "equal samples": {**generic, "noise": [[[0.5, -0.25]]] * 3},
        "std near zero": {**generic, "std": [[2.0**-10, 2.0**-7]]},
        "one weight dominates": {**generic, "noise": [[[0.5, -0.25]], [[-30.5, 20.75]], [[40.25, 2.5]]]},
        "logits large": {**generic, "bias": [200.25, -300.75, 100.5]},
    }


def model_spec(name, says, gradient, source):
    """A spec of an estimator of this model."""
    return Spec(
        id=name,
        says=says,
        inputs=vae_inputs("binary"),
        output="B",
        reference=lambda **inputs: {"log_mean": logsumexp(at(**inputs).log_weights, 0)},
        gradient=gradient,
        conventions=CONVENTIONS,
        only="gradient",
        source=source,
        edges=_edges,
    )


gradient = model_spec(
    "iwae.gradient",
    "gradient of the importance-weighted bound of a small Bernoulli VAE at given noise: weights held fixed",
    plain,
    "Burda, Grosse and Salakhutdinov 2016, equations 13 and 14, arXiv:1509.00519v4",
)


@gradient.relative(
    "doubly-reparameterised",
    says="squares the weights and drops the score of q for mu and std",
    declare="iwae.gradient_dreg",
)
def _(**inputs):
    return doubly_reparameterised(at(**inputs))


# ---- wrong coefficients


@gradient.mistake(
    "iwae-weights-not-detached",
    says="differentiates through the normalised weights as well: w (1 + log w - sum w log w) in place of w",
    seen=("AntixK/PyTorch-VAE#34", "AntixK/PyTorch-VAE#53"),
    of="gradient",
)
def _(**inputs):
    p = at(**inputs)
    c, logs = share(p), p.log_weights
    return pull(c * (1.0 + logs - expand((c * logs).sum(0), 0)), p)


@gradient.mistake(
    "iwae-mean-of-logs",
    says="gives every sample the weight 1/K: the gradient of the mean of the logs, which is the ELBO",
    seen=("arahuja/generative-tf#1",),
    of="gradient",
)
def _(**inputs):
    p = at(**inputs)
    return pull(0.0 * share(p) + 1.0 / len(p.z), p)


@gradient.mistake(
    "lse-of-losses",
    says="takes the log-sum-exp of the losses: the weights of the samples are softmax(-log w), the worst one leads",
    seen=("phlippe/CategoricalNF#2", "YosefLab/scVI-dev#8"),
    of="gradient",
)
def _(**inputs):
    p = at(**inputs)
    return pull(softmax(-p.log_weights, 0), p)


@gradient.mistake(
    "weights-normalised-over-batch",
    says="normalises the weights over the data instead of over the samples",
    of="gradient",
)
def _(**inputs):
    p = at(**inputs)
    return pull(softmax(p.log_weights, 1), p)


@gradient.mistake(
    "weights-not-normalised",
    says="leaves the weights unnormalised: w/K belongs to the mean weight, not to its logarithm",
    of="gradient",
)
def _(**inputs):
    p = at(**inputs)
    return pull(exp(p.log_weights) / float(len(p.z)), p)


@gradient.mistake(
    "weights-averaged-again",
    says="averages the weighted terms over the samples instead of summing: the gradient is K times too small",
    of="gradient",
)
def _(**inputs):
    p = at(**inputs)
    return pull(share(p) / float(len(p.z)), p)


@gradient.mistake(
    "batch-summed-before-lse",
    says="sums the log-weights over the data before the log-sum-exp over samples, so that all data share one weight",
    seen=("pyro-ppl/pyro#2220", "breze-no-salt/breze#85"),
    of="gradient",
)
def _(**inputs):
    p = at(**inputs)
    together = softmax(p.log_weights.sum(1), 0)
    return pull(expand(together, 1) + np.zeros(p.log_weights.shape), p)


# ---- wrong log-weights


@gradient.mistake(
    "iwae-analytic-kl",
    says="uses the closed-form KL in place of log q - log p at each sample: for K > 1 that is another objective",
    seen=("AntixK/PyTorch-VAE#34", "scverse/scvi-tools#369"),
    of="gradient",
)
def _(**inputs):
    p = at(**inputs)
    found = keep(pull(softmax(p.log_likelihood, 0), p), "likelihood")
    found["mu"]["kl"] = -sized(inputs["mu"])
    found["std"]["kl"] = 1.0 / p.std - p.std
    return found


@gradient.mistake("log-q-missing", says="leaves log q out of the log-weights", of="gradient")
def _(**inputs):
    p = at(**inputs)
    return keep(pull(softmax(p.log_likelihood + p.log_prior, 0), p), "likelihood", "prior")


@gradient.mistake("prior-missing", says="leaves log p(z) out of the log-weights", of="gradient")
def _(**inputs):
    p = at(**inputs)
    return keep(pull(softmax(p.log_likelihood - p.log_q, 0), p), "likelihood", "path", "score")


@gradient.mistake(**SHARED["bce-mean-reduction"], of="gradient")
def _(**inputs):
    p = at(**inputs)
    count = float(len(inputs["bias"]))
    p = p._replace(residual=p.residual / count, log_likelihood=p.log_likelihood / count)
    return pull(share(p), p)


def by_probability(**inputs):
    """The model with the Bernoulli density by way of its probabilities, as autodiff then differentiates it."""
    p, x = at(**inputs), np.asarray(inputs["x"])
    q = sigmoid(einsum("kbd,xd->kbx", p.z, p.weights) + inputs["bias"])
    return p._replace(
        residual=(x / q - (1.0 - x) / (1.0 - q)) * q * (1.0 - q),
        log_likelihood=(x * log(q) + (1.0 - x) * log(1.0 - q)).sum(-1),
    )


@gradient.mistake(**SHARED["log-of-sigmoid"], of="gradient")
def _(**inputs):
    p = by_probability(**inputs)
    return pull(share(p), p)


# ---- wrong path


@gradient.mistake(
    "sample-not-rsample",
    says="cuts the gradient at the sample: mu and std get the score of q only, nothing through the decoder",
    seen=SHARED["sample-not-rsample"]["seen"],
    of="gradient",
)
def _(**inputs):
    return keep(plain(**inputs), "score")


@gradient.mistake(
    "iwae-score-dropped",
    says="drops the score of q but keeps the weights unsquared: unbiased for K = 1 only",
    of="gradient",
)
def _(**inputs):
    return keep(plain(**inputs), "likelihood", "prior", "path")


@gradient.mistake(**SHARED["sample-with-variance"], of="gradient")
def _(**inputs):
    std, noise = sized(inputs["std"]), np.asarray(inputs["noise"])
    p = at(**{**inputs, "noise": std.value * noise})
    return pull(share(p), p, 2.0 * std * noise)


@gradient.mistake("noise-shared", says="uses the noise of the first sample for every sample", of="gradient")
def _(**inputs):
    return plain(**{**inputs, "noise": np.repeat(inputs["noise"][:1], len(inputs["noise"]), 0)})
