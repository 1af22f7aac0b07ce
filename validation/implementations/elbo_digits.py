"""A VAE on handwritten digits (digits.csv, twelve images of scikit-learn's data set `digits`, grey values 0 to 16).

Run it to train a linear VAE by hand-written gradients; the functions that it trains with are the ones that are checked.
"""

from pathlib import Path

import numpy as np
from scipy.special import expit

import refvi

DIGITS = np.loadtxt(Path(__file__).with_name("digits.csv"), delimiter=",") / 16.0
BITS = (DIGITS > 0.5).astype(float)


@refvi.implements("elbo.bernoulli_vae", scale="log_std", batch="mean")
def bound(x, mu, log_std, noise, weights, bias):
    """Mean bound of the images and its gradient."""
    samples, images, _ = noise.shape
    std = np.exp(log_std)
    z = mu + std * noise
    logits = z @ weights.T + bias
    divergence = (0.5 * (mu**2 + std**2 - 1) - log_std).sum(1)
    value = (x * logits - np.logaddexp(0.0, logits)).sum(-1).mean(0) - divergence
    error = (x - expit(logits)) / samples
    by_z = error @ weights
    gradient = {
        "mu": by_z.sum(0) - mu,
        "log_std": (by_z * noise).sum(0) * std - std**2 + 1,
        "weights": np.einsum("kbx,kbd->xd", error, z),
        "bias": error.sum((0, 1)),
    }
    return value.mean(), {k: g / images for k, g in gradient.items()}


@refvi.implements("elbo.bernoulli_vae", scale="log_std", batch="mean", expect="bce-mean-reduction")
def bound_averaged_over_pixels(x, mu, log_std, noise, weights, bias):
    """The same with the cross-entropy averaged over pixels, as in zdebruine/MMVAE#19: 64 times too little on digits."""
    z = mu + np.exp(log_std) * noise
    logits = z @ weights.T + bias
    divergence = (0.5 * (mu**2 + np.exp(2 * log_std) - 1) - log_std).sum(1)
    return np.mean(x * logits - np.logaddexp(0.0, logits)) - divergence.mean()


def train(latents=4, steps=400, rate=2.0, seed=0):
    """Ascend the bound on the twelve digits; returns the bound before and after."""
    rng = np.random.default_rng(seed)
    parameters = {
        "mu": 0.1 * rng.normal(size=(len(BITS), latents)),
        "log_std": np.zeros((len(BITS), latents)),
        "weights": 0.1 * rng.normal(size=(BITS.shape[1], latents)),
        "bias": np.zeros(BITS.shape[1]),
    }
    test_noise = rng.normal(size=(64, len(BITS), latents))
    before = bound(BITS, noise=test_noise, **parameters)[0]
    for _ in range(steps):
        _, gradient = bound(BITS, noise=rng.normal(size=(8, len(BITS), latents)), **parameters)
        parameters = {k: parameters[k] + rate * g for k, g in gradient.items()}
    return before, bound(BITS, noise=test_noise, **parameters)[0]


if __name__ == "__main__":
    print("bound before and after training, nats per digit: {:.1f} {:.1f}".format(*train()))
