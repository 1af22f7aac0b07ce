"""The divergence term of a VAE's training objective, in the ways that people write it."""

import numpy as np

import refvi

# ---- right ones


@refvi.implements("kl.normal_standard", scale="log_var")
def per_datum(mu, log_var):
    return 0.5 * np.sum(np.exp(log_var) + mu**2 - 1.0 - log_var, axis=1)


@refvi.implements("kl.normal_standard", scale="log_std")
def with_log_sigma(mu, log_std):
    """2 log sigma is log sigma squared: XMUDeepLIT/VNMT#5 asked, and withdrew."""
    return -0.5 * np.sum(1.0 + 2.0 * log_std - np.square(mu) - np.square(np.exp(log_std)), axis=-1)


@refvi.implements("kl.normal_standard", scale="std")
def halves_merged(mu, std):
    return ((mu**2 + std**2 - 1) / 2 - np.log(std)).sum(1)


@refvi.implements("kl.normal_standard", scale="log_var", batch="mean")
def averaged_over_the_batch(mu, log_var):
    return np.mean(-0.5 * np.sum(1 + log_var - mu**2 - np.exp(log_var), axis=1))


@refvi.implements("kl.normal_standard", scale="var", sign="negative", batch="sum")
def appendix_b(mu, var):
    """The negative divergence, as Appendix B of the VAE paper prints it."""
    return 0.5 * np.sum(1 + np.log(var) - mu**2 - var)


@refvi.implements("kl.normal_standard", scale="log_var", units="bits")
def in_bits(mu, log_var):
    nats = 0.5 * np.sum(np.expm1(log_var) - log_var + mu * mu, axis=1)
    return nats / np.log(2.0)


@refvi.implements("kl.normal_standard", scale="log_var")
def with_gradient_by_hand(mu, log_var):
    value = 0.5 * (np.exp(log_var) + mu**2 - 1 - log_var).sum(1)
    return value, {"mu": mu, "log_var": 0.5 * (np.exp(log_var) - 1)}


# ---- wrong ones


@refvi.implements("kl.normal_standard", scale="log_var", expect="kl-mean-over-latents")
def averaged_over_latents(mu, log_var):
    """As in maxhodak/keras-molecules#59: the weight of the divergence shrinks with the number of latents."""
    return -0.5 * np.mean(1 + log_var - mu**2 - np.exp(log_var), axis=-1)


@refvi.implements("kl.normal_standard", scale="log_var", expect="kl-sum-without-dim")
def summed_over_everything(mu, log_var):
    """As in EDAPINENUT/GNTPP#4: one number, which then broadcasts silently."""
    return -0.5 * np.sum(1 + log_var - mu**2 - np.exp(log_var))


@refvi.implements("kl.normal_standard", scale="log_var", expect="logvar-used-as-logstd")
def convolutional_layer(mu, log_var):
    """As in KarenUllrich/Tutorial_BayesianCompressionForDL#1, where the dense layer next to it is right."""
    return (-log_var + 0.5 * (np.exp(log_var) ** 2 + mu**2) - 0.5).sum(1)


@refvi.implements("kl.normal_standard", scale="log_var", expect="head-activation-on-logvar")
def softplus_head(mu, log_var):
    """As in masato-ka/airc-rl-agent#43: the head of the log variance has an activation."""
    head = np.logaddexp(0.0, log_var)
    return 0.5 * np.sum(np.exp(head) + mu**2 - 1.0 - head, axis=1)


@refvi.implements("kl.normal_standard", scale="log_std", expect="kl-constant-once")
def constant_once(mu, log_std):
    """As in ericjang/draw#8: half of one is subtracted from the sum, not from each of its terms."""
    return 0.5 * np.sum(mu**2 + np.exp(2 * log_std) - 2 * log_std, axis=1) - 0.5


@refvi.implements("kl.normal_standard", scale="std", expect="double-exp-std")
def exponentiated_twice(mu, std):
    """As in sutaoyu/IBMEA#2: what arrives as a scale is taken for its logarithm."""
    return 0.5 * np.sum(np.exp(2 * std) + mu**2 - 1 - 2 * std, axis=1)


@refvi.implements("kl.normal_standard", scale="log_var", expect="dims-coincide")
def batch_for_latents(mu, log_var):
    """As in asyml/texar-pytorch#251: the sizes are equal in every configuration that was tried."""
    batch_size, _ = mu.shape
    return 0.5 * (np.sum(np.exp(log_var) + mu**2 - log_var, axis=1) - batch_size)
