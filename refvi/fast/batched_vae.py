"""Manual gradients of the ELBO and the importance-weighted bound of a Gaussian autoencoder, for batches.

The quantities are those of `refvi.models.gaussian_vae.elbo` and `.iwae`, sample by sample; here all samples of a few
data make a block, and the networks become matrix products (`batched_vae_encoder`, `batched_vae_direct`). Where the
likelihood is Gaussian and samples are many, the Gram matrix of the output weights takes the place of the outputs
(`batched_vae_gram`).

The batch is cut into blocks and groups by its sizes alone, and every sum has a fixed order: no bit of the answer
depends on the number of threads.

    sizes for a comparison (X, Z, H, N, K): `SIZES`
    call     iwae_step(x, theta, phi, noise), of everything once before a clock is started

Source      Burda, Grosse and Salakhutdinov 2015, eq 8 and 13-14, arXiv:1509.00519v4;
            Kingma and Welling 2013, eq 3, 7 and 10, arXiv:1312.6114v11
Checked by  tests/fast/test_batched_vae.py
"""

from typing import NamedTuple

import numpy as np

from refvi import validate

COEFFICIENTS = {
    "joint": (1.0, 1.0, 1.0, 0.0, 0.0),
    "entropy": (1.0, 1.0, 0.0, 1.0, 0.0),
    "kl": (1.0, 0.0, 0.0, 0.0, 1.0),
}

NO_WEIGHTS, JOINT = np.empty(0), np.array(COEFFICIENTS["joint"])


class Step(NamedTuple):
    """A bound and its gradients, as `refvi.models.gaussian_vae.Bound`.

    bound       (N,) on the scale of log p(x_n), in nats
    grad_theta  gradient of the sum over n in theta, of theta's type
    grad_phi    gradient of the sum over n in phi, of phi's type
    """

    bound: np.ndarray
    grad_theta: NamedTuple
    grad_phi: NamedTuple


def iwae_step(x, theta, phi, noise, method=None, threads=None):
    """Importance-weighted bound of every datum and the pathwise gradients of their sum.

    Formula     log (1/K) sum_k w_k,  log w_k = log p(x | z_k) + log p(z_k) - log q(z_k | x),  z_k = mean + std noise_k
    Gradient    sum_k w~_k d log w_k along the path,  w~_k = w_k / sum_j w_j
    Shapes      x (N, X), noise (N, K, Z) or (K, Z), theta Decoder, phi Encoder -> Step
    Domain      finite arguments; |½ log_var(x)| and |log_std| up to 700, UsageError beyond
    method      "direct" forms every output; "gram" needs a Gaussian likelihood; None takes the faster that is precise
    threads     None for one per core; the answer has the same bits for any number
    """
    return _step(x, theta, phi, noise, NO_WEIGHTS, JOINT, method, threads)


def elbo_step(x, theta, phi, noise, form="kl", beta=1.0, sample_weights=None, method=None, threads=None):
    """ELBO of every datum and the pathwise gradients of their sum.

    Formula     sum_k sample_weights_k (terms of `form`)_k, the divergence multiplied by beta
    Shapes      as `iwae_step`; sample_weights (K,) 1/K by default, or the weights of a quadrature rule
    form        "joint", "entropy" or "kl": which terms are in closed form, see `refvi.models.gaussian_vae.sample`
    """
    coefficients = np.array(COEFFICIENTS[validate.one_of("form", form, tuple(COEFFICIENTS))])
    coefficients[1:] *= float(validate.array("beta", beta, ""))
    if sample_weights is None:
        samples = np.shape(noise)[-2] if np.ndim(noise) >= 2 else 1
        sample_weights = np.full(samples, 1.0 / max(samples, 1))
    return _step(
        x,
        theta,
        phi,
        noise,
        validate.array("sample_weights", sample_weights, "K"),
        coefficients,
        method,
        threads,
    )


def _step(*arguments):
    # Compiled code, loaded when first used: this module is imported with `refvi.fast`.
    from refvi.fast.batched_vae_step import step

    return step(*arguments)
