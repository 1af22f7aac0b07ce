"""Reparameterised ELBO gradients of a tanh decoder with unit variance, derived by hand."""

import numpy as np

import refvi


def decoder(z, x, weights, bias):
    """d log p(x | z) by the decoder's pre-activations."""
    mean = np.tanh(z @ weights.T + bias)
    return (x - mean) * (1 - mean**2)


@refvi.implements("pathwise.gradient")
def sampled_kl(x, mu, std, noise, weights, bias):
    """Right: log q at the sample is -log std - noise²/2, so its total derivative is that of the closed-form entropy."""
    z = mu + std * noise
    d = decoder(z, x, weights, bias)
    dz = d @ weights - z
    k = len(noise)
    return (
        dz.mean(0),
        (dz * noise).mean(0) + 1 / std,
        np.einsum("kbx,kbd->xd", d, z) / k,
        d.sum((0, 1)) / k,
    )


@refvi.implements("pathwise.gradient_stl", scale="log_std")
def sticking_the_landing(x, mu, log_std, noise, weights, bias):
    """Right: only the path through z, in log std."""
    std = np.exp(log_std)
    z = mu + std * noise
    d = decoder(z, x, weights, bias)
    dz = d @ weights - z + noise / std
    return {
        "mu": dz.mean(0),
        "log_std": (dz * noise).mean(0) * std,
        "weights": np.tensordot(d, z, ((0, 1), (0, 1))) / len(noise),
        "bias": d.mean(0).sum(0),
    }


@refvi.implements("pathwise.gradient_analytic_kl", scale="log_var", sign="negative")
def loss_of_a_vae(x, mu, log_var, noise, weights, bias):
    """Right: reconstruction through the samples, KL in closed form."""
    std = np.exp(0.5 * log_var)
    z = mu + std * noise
    d = decoder(z, x, weights, bias)
    back = d @ weights
    return (
        mu - back.mean(0),
        0.5 * (np.exp(log_var) - 1) - (back * noise).mean(0) * std / 2,
        -np.einsum("kbx,kbd->xd", d, z) / len(noise),
        -d.sum((0, 1)) / len(noise),
    )


# Seen in rachtsingh/ibp_vae#3: the noise is multiplied by exp(log_var), which is the variance.
@refvi.implements("pathwise.gradient_analytic_kl", scale="log_var", expect="sample-with-variance")
def noise_times_variance(x, mu, log_var, noise, weights, bias):
    var = np.exp(log_var)
    z = mu + var * noise
    d = decoder(z, x, weights, bias)
    back = d @ weights
    return (
        back.mean(0) - mu,
        (back * noise).mean(0) * var - 0.5 * (var - 1),
        np.einsum("kbx,kbd->xd", d, z) / len(noise),
        d.sum((0, 1)) / len(noise),
    )


# Not public, derived: the chain rule stops before the activation.
@refvi.implements("pathwise.gradient", expect="activation-slope-missing")
def tanh_without_slope(x, mu, std, noise, weights, bias):
    z = mu + std * noise
    d = x - np.tanh(z @ weights.T + bias)
    dz = d @ weights - z
    k = len(noise)
    return (
        dz.mean(0),
        (dz * noise).mean(0) + 1 / std,
        np.einsum("kbx,kbd->xd", d, z) / k,
        d.sum((0, 1)) / k,
    )


# Seen in jankrepl/deepdow#106 and izmailovpavel/understandingbdl#8: only the KL moves the encoder.
@refvi.implements("pathwise.gradient_analytic_kl", expect="sample-not-rsample")
def only_kl_moves_the_encoder(x, mu, std, noise, weights, bias):
    z = mu + std * noise
    d = decoder(z, x, weights, bias)
    return -mu, 1 / std - std, np.einsum("kbx,kbd->xd", d, z) / len(noise), d.sum((0, 1)) / len(noise)
