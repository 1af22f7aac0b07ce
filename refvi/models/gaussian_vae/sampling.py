"""Samples of the Gaussian variational autoencoder from given noise: encoder, reparameterised latents, data.

Not here: where the noise comes from.

Source      Kingma and Welling 2013, eq 10 and appendix C, arXiv:1312.6114v11
Checked by  tests/models/test_gaussian_vae.py
"""

from typing import NamedTuple

import numpy as np

from refvi import validate
from refvi.kernels.scalar import exp, sigmoid
from refvi.models.gaussian_vae.networks import decode, encode
from refvi.models.gaussian_vae.parameters import check_decoder, check_encoder


class Posterior(NamedTuple):
    """Parameters of q for every datum.

    mean     (N, Z)
    log_var  (N, Z)
    """

    mean: np.ndarray
    log_var: np.ndarray


def posterior(x, phi):
    """Mean and log variance of q(z | x_n)."""
    sizes = {}
    phi = check_encoder(phi, sizes)
    x = validate.array("x", x, "N X", sizes)
    found = Posterior(*np.zeros((2, len(x), sizes["Z"])))
    hidden = np.zeros(len(phi.bias_hidden))
    for row, mean, log_var in zip(x, *found, strict=True):
        encode(row, phi, hidden, mean, log_var)
    return found


def generate(noise, theta):
    """Ancestral samples (z (N, Z), x (N, X)) from noise (N, Z + X).

    Formula     z = the first Z columns;  Gaussian: x = f(z) + exp(log_std) noise, the rest being standard normal;
                Bernoulli: x_i = [ noise_i < sigmoid(f_i(z)) ], the rest being uniform on (0, 1)
    """
    sizes = {}
    theta = check_decoder(theta, sizes)
    latent, observed = sizes["Z"], sizes["X"]
    noise = validate.array("noise", noise, f"N {latent + observed}")
    z, rest, x = noise[:, :latent].copy(), noise[:, latent:], np.zeros((len(noise), observed))
    hidden = np.zeros(len(theta.bias_hidden))
    for row, given, out in zip(z, rest, x, strict=True):
        decode(row, theta, hidden, out)
        for i in range(observed):
            if theta.log_std.size:
                out[i] += exp(theta.log_std[i]) * given[i]
            else:
                out[i] = 1.0 if given[i] < sigmoid(out[i]) else 0.0
    return z, x
