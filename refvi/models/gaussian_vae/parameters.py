"""Decoder and encoder of a Gaussian variational autoencoder, and the checks of their shapes.

A network has one tanh layer, or none: with H = 0 hidden units the hidden layer is left out and the output layer reads the
input. A decoder with `log_std` of shape (X,) is Gaussian; with shape (0,) its outputs are Bernoulli logits.
"""

from typing import NamedTuple

import numpy as np

from refvi import validate


class Decoder(NamedTuple):
    """Parameters theta of p(x | z).

    weights_hidden  (H, Z) from the latent to the tanh layer
    bias_hidden     (H,)
    weights_out     (X, H), or (X, Z) where H = 0
    bias_out        (X,)
    log_std         (X,) log standard deviation of x given z; (0,) makes the outputs Bernoulli logits
    """

    weights_hidden: np.ndarray
    bias_hidden: np.ndarray
    weights_out: np.ndarray
    bias_out: np.ndarray
    log_std: np.ndarray


class Encoder(NamedTuple):
    """Parameters phi of q(z | x) = N(mean(x), diag exp(log_var(x))).

    weights_hidden   (H, X) from the data to the tanh layer
    bias_hidden      (H,)
    weights_mean     (Z, H), or (Z, X) where H = 0
    bias_mean        (Z,)
    weights_log_var  (Z, H), or (Z, X) where H = 0
    bias_log_var     (Z,)
    """

    weights_hidden: np.ndarray
    bias_hidden: np.ndarray
    weights_mean: np.ndarray
    bias_mean: np.ndarray
    weights_log_var: np.ndarray
    bias_log_var: np.ndarray


def check_decoder(theta, sizes):
    """A decoder as float64 arrays; binds Z and X."""
    units = np.size(getattr(theta, "bias_hidden", ()))
    reads = "H" if units else "Z"
    local = {k: v for k, v in sizes.items() if k != "H"} | {"H": units}
    bernoulli = np.shape(getattr(theta, "log_std", ())) == (0,)
    axes = {
        "weights_hidden": "H Z",
        "bias_hidden": "H",
        "weights_out": f"X {reads}",
        "bias_out": "X",
        "log_std": "0" if bernoulli else "X",
    }
    theta = validate.parameters("theta", theta, Decoder, axes, local)
    sizes.update({"Z": local["Z"], "X": local["X"]})
    return theta


def check_encoder(phi, sizes):
    """An encoder as float64 arrays; binds Z and X."""
    units = np.size(getattr(phi, "bias_hidden", ()))
    reads = "H" if units else "X"
    local = {k: v for k, v in sizes.items() if k != "H"} | {"H": units}
    axes = {
        "weights_hidden": "H X",
        "bias_hidden": "H",
        "weights_mean": f"Z {reads}",
        "bias_mean": "Z",
        "weights_log_var": f"Z {reads}",
        "bias_log_var": "Z",
    }
    phi = validate.parameters("phi", phi, Encoder, axes, local)
    sizes.update({"Z": local["Z"], "X": local["X"]})
    return phi


def check_data(x, theta, sizes):
    """Data (N, X); zeros and ones where the decoder is Bernoulli."""
    return validate.array("x", x, "N X", sizes, binary=theta.log_std.size == 0)


def check_noise(noise, sizes):
    """Noise (N, K, Z), or (K, Z) shared by all data."""
    if np.ndim(noise) == 2:
        noise = validate.array("noise", noise, "K Z", sizes)
        noise = np.ascontiguousarray(np.broadcast_to(noise, (sizes["N"], *noise.shape)))
    noise = validate.array("noise", noise, "N K Z", sizes)
    validate.at_least("number of samples K", sizes["K"], 1)
    return noise
