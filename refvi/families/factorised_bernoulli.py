"""Independent Bernoulli latents, q(h) = prod_d Bern(h_d; sigmoid(logits_d)): score, entropy, divergence.

Samples come from uniforms that are given; there is no path derivative, a sample being a step of its logit.
Not here: how logits come from data (`refvi.models.sigmoid_belief`).

Source      Saul, Jaakkola and Jordan 1996, "Mean field theory for sigmoid belief networks", eq 7
Checked by  tests/families/test_factorised_bernoulli.py
"""

from typing import NamedTuple

import numpy as np

from refvi import validate
from refvi.kernels.bernoulli import bernoulli_log_mass, bernoulli_log_mass_grad, kl_bernoulli_grad
from refvi.kernels.portable import portable
from refvi.kernels.scalar import sigmoid, softplus
from refvi.targets import get_target


class FactorisedBernoulli(NamedTuple):
    """Parameters phi.

    logits  (D,) log odds of one
    """

    logits: np.ndarray


class Points(NamedTuple):
    """Where q is evaluated: values (K, D), latents of zeros and ones, or uniforms."""

    values: np.ndarray


class LogQ(NamedTuple):
    """Log mass of latents, and its derivative in the parameters.

    log_q  (K,) in nats
    score  fields (K, D)
    """

    log_q: np.ndarray
    score: FactorisedBernoulli


@portable
def log_q_row(item, inputs, out, scratch):  # noqa: ARG001
    """Log mass of one latent, and the score.

    Formula     sum_d log Bern(h_d; sigmoid(a_d))
    Gradient    d/da_d = h_d - sigmoid(a_d)
    Shapes      inputs (phi, Points), out (1 + D,)
    """
    phi, points = inputs
    for d in range(phi.logits.shape[0]):
        out[0] += bernoulli_log_mass(points.values[item, d], phi.logits[d])
        out[1 + d] = bernoulli_log_mass_grad(points.values[item, d], phi.logits[d])


@portable
def sample_row(item, inputs, out, scratch):  # noqa: ARG001
    """One sample from uniforms.

    Formula     h_d = [ u_d < sigmoid(a_d) ]
    Shapes      inputs (phi, Points), out (D,)
    """
    phi, points = inputs
    for d in range(phi.logits.shape[0]):
        out[d] = 1.0 if points.values[item, d] < sigmoid(phi.logits[d]) else 0.0


@portable
def factorised_bernoulli_entropy(logits, grad_logits):
    """Entropy of independent Bernoulli variables.

    Formula     sum_d [ s(a_d) softplus(-a_d) + s(-a_d) softplus(a_d) ],  s = sigmoid
    Gradient    d/da_d = -a_d s(a_d) s(-a_d)
    Shapes      logits (D,), grad_logits (D,) -> ()
    Domain      finite logits
    """
    total = 0.0
    for d in range(logits.shape[0]):
        on, off = sigmoid(logits[d]), sigmoid(-logits[d])
        total += on * softplus(-logits[d]) + off * softplus(logits[d])
        grad_logits[d] = -logits[d] * on * off
    return total


def check(phi, sizes):
    """Parameters as float64 arrays, or one sentence."""
    return validate.parameters("phi", phi, FactorisedBernoulli, {"logits": "D"}, sizes)


def log_q(phi, h, target="python"):
    """Log mass of latents h (K, D) of zeros and ones, and the score."""
    sizes = {}
    phi, h = check(phi, sizes), validate.array("h", h, "K D", sizes, binary=True)
    rows = get_target(target).rows(log_q_row, (phi, Points(h)), len(h), 1 + sizes["D"])
    return LogQ(rows[:, 0].copy(), FactorisedBernoulli(rows[:, 1:].copy()))


def sample(phi, uniform, target="python"):
    """Latents (K, D) from uniforms (K, D) on (0, 1)."""
    sizes = {}
    phi, uniform = check(phi, sizes), validate.array("uniform", uniform, "K D", sizes)
    return get_target(target).rows(sample_row, (phi, Points(uniform)), len(uniform), sizes["D"])


def entropy(phi):
    """Entropy in nats and its gradient: (value, FactorisedBernoulli)."""
    phi = check(phi, {})
    grad = np.zeros_like(phi.logits)
    return factorised_bernoulli_entropy(phi.logits, grad), FactorisedBernoulli(grad)


def kl(phi, other):
    """KL(q || p) between two members in nats, with the gradients in both: (value, of q, of p)."""
    sizes = {}
    phi, other = check(phi, sizes), check(other, sizes)
    grads = np.zeros((sizes["D"], 2))
    value = 0.0
    for a, b, grad in zip(phi.logits, other.logits, grads, strict=True):
        value += kl_bernoulli_grad(a, b, grad)
    return value, FactorisedBernoulli(grads[:, 0].copy()), FactorisedBernoulli(grads[:, 1].copy())
