"""Parameters of the discrete VAE, their checks, and what the kernels read besides.

A decoder has one tanh layer, or none: with U = 0 hidden units the output layer reads the latents. Its link is logistic, or
that of a noisy OR: outputs are then rates, P(x_i = 0 | h) = exp(-rate_i), which need weights and biases of at least 0.
"""

from typing import NamedTuple

import numpy as np

from refvi import validate
from refvi.errors import UsageError
from refvi.models.sigmoid_belief import Recognition

MOST_LATENTS = 20
LOGISTIC = np.zeros((0, 0))
NOISY_OR = np.zeros((1, 0))


class Generative(NamedTuple):
    """Parameters Psi.

    weights_hidden  (U, K) from the latents to the tanh layer
    bias_hidden     (U,)
    weights_out     (D, U), or (D, K) where U = 0
    bias_out        (D,)
    prior_logits    (K,) log odds of each latent, mu^h = sigmoid(prior_logits)
    link            an empty array whose number of rows names the link: `LOGISTIC` (0, 0) or `NOISY_OR` (1, 0)
    """

    weights_hidden: np.ndarray
    bias_hidden: np.ndarray
    weights_out: np.ndarray
    bias_out: np.ndarray
    prior_logits: np.ndarray
    link: np.ndarray = LOGISTIC


class Data(NamedTuple):
    """Observed data: x (N, D), zeros and ones."""

    x: np.ndarray


class Q(NamedTuple):
    """The approximate posterior of every datum: logits (N, K), means sigmoid(logits)."""

    logits: np.ndarray


class Table(NamedTuple):
    """One number for every datum and state: values (N, 2^K), states numbered with the first latent highest."""

    values: np.ndarray


class Noise(NamedTuple):
    """Uniforms on (0, 1): uniform (N, S, K)."""

    uniform: np.ndarray


def linear(weights, bias, prior_logits, link=LOGISTIC):
    """A decoder without hidden units: weights (D, K), bias (D,)."""
    return Generative(np.zeros((0, np.shape(weights)[1])), np.zeros(0), weights, bias, prior_logits, link)


def check_generative(psi, sizes):
    """Parameters as float64 arrays, or one sentence; binds K and D."""
    units = np.size(getattr(psi, "bias_hidden", ()))
    rows = (*np.shape(getattr(psi, "link", LOGISTIC)), 0)[0]
    axes = {
        "weights_hidden": "U K",
        "bias_hidden": "U",
        "weights_out": "D U" if units else "D K",
        "bias_out": "D",
        "prior_logits": "K",
        "link": f"{rows} 0",
    }
    local = {key: size for key, size in sizes.items() if key != "U"} | {"U": units}
    psi = validate.parameters("psi", psi, Generative, axes, local)
    sizes.update({"K": local["K"], "D": local["D"]})
    if rows > 1:
        raise UsageError(f"psi.link must be LOGISTIC (0, 0) or NOISY_OR (1, 0), got shape {psi.link.shape}")
    if rows == 1:
        if units:
            raise UsageError(
                f"psi.bias_hidden must be empty where the link is a noisy OR, got {units} hidden units"
            )
        if np.any(psi.weights_out < 0.0) or np.any(psi.bias_out <= 0.0):
            raise UsageError(
                "psi.weights_out must be at least 0 and psi.bias_out above 0 for a noisy OR, "
                f"got {psi.weights_out.min():g} and {psi.bias_out.min():g}"
            )
    validate.at_least("number of latents K", sizes["K"], 1)
    return psi


def check_data(x, sizes):
    """Data (N, D) of zeros and ones; a single datum (D,) counts as N = 1."""
    return Data(validate.array("x", np.atleast_2d(x), "N D", sizes, binary=True))


def check_logits(logits, sizes, name="logits"):
    """Log odds (N, K) of q; (K,) counts as N = 1."""
    return Q(validate.array(name, np.atleast_2d(logits), "N K", sizes))


def check_recognition(theta, sizes):
    """Recognition net: weights (K, D), bias (K,)."""
    return validate.parameters("theta", theta, Recognition, {"weights": "K D", "bias": "K"}, sizes)


def check_enumerable(sizes):
    """The number of states, 2^K, or one sentence where it is too large."""
    if sizes["K"] > MOST_LATENTS:
        raise UsageError(
            f"K must be at most {MOST_LATENTS} to enumerate 2^K states per datum, got {sizes['K']}"
        )
    return 2 ** sizes["K"]
