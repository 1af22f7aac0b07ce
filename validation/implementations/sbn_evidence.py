"""Exact evidence, ELBO and score gradient of a small sigmoid belief network."""

import numpy as np
from scipy.special import expit, log_expit, logsumexp

import refvi


@refvi.implements("sbn.log_evidence")
def counting_in_binary(x, weights, bias, prior_logits):
    """Right, though it walks through the states in Gray order: a sum does not mind the order."""
    z = np.zeros(len(prior_logits))
    logs = []
    for n in range(2 ** len(z)):
        a = weights @ z + bias
        log_x = x @ log_expit(a) + (1 - x) @ log_expit(-a)
        log_z = (z * log_expit(prior_logits) + (1 - z) * log_expit(-prior_logits)).sum()
        logs.append(log_x + log_z)
        bit = ((n + 1) & -(n + 1)).bit_length() - 1
        if bit < len(z):
            z[bit] = 1 - z[bit]
    return logsumexp(logs, axis=0)


@refvi.implements("sbn.log_evidence", sign="negative", batch="mean")
def with_gradient(x, weights, bias, prior_logits):
    """Right: mean negative log-likelihood with its gradients, posterior-weighted."""
    d, n = len(prior_logits), len(x)
    z = ((np.arange(2**d)[:, None] >> np.arange(d)) & 1).astype(float)
    a = z @ weights.T + bias
    log_joint = x @ a.T - np.logaddexp(0, a).sum(1) + z @ prior_logits - np.logaddexp(0, prior_logits).sum()
    value = logsumexp(log_joint, axis=1)
    r = np.exp(log_joint - value[:, None])
    residual = x[:, None] - expit(a)
    return -value.mean(), {
        "weights": -np.einsum("bs,bsx,sd->xd", r, residual, z) / n,
        "bias": -np.einsum("bs,bsx->x", r, residual) / n,
        "prior_logits": -(np.einsum("bs,sd->d", r, z) - n * expit(prior_logits)) / n,
    }


# Seen in hwalsuklee/tensorflow-generative-model-collections#13: an average of log p(x | z) is called the marginal likelihood.
@refvi.implements("sbn.log_evidence", expect="mean-of-logs")
def expected_log_likelihood(x, weights, bias, prior_logits):
    d = len(prior_logits)
    z = ((np.arange(2**d)[:, None] >> np.arange(d)) & 1).astype(float)
    p_z = np.prod(np.where(z == 1, expit(prior_logits), expit(-prior_logits)), axis=1)
    a = z @ weights.T + bias
    return (x @ log_expit(a).T + (1 - x) @ log_expit(-a).T) @ p_z


# Seen in odie2630463/Restricted-Boltzmann-Machines-in-pytorch#1 in another model: probabilities underflow
# before the logarithm.
@refvi.implements("sbn.log_evidence", expect="lse-without-max")
def adding_probabilities(x, weights, bias, prior_logits):
    d = len(prior_logits)
    z = ((np.arange(2**d)[:, None] >> np.arange(d)) & 1).astype(float)
    a = z @ weights.T + bias
    log_joint = x @ log_expit(a).T + (1 - x) @ log_expit(-a).T
    log_joint = log_joint + np.where(z == 1, log_expit(prior_logits), log_expit(-prior_logits)).sum(1)
    return np.log(np.exp(log_joint).sum(1))


@refvi.implements("sbn.elbo")
def elbo_at_samples(x, z, logits, weights, bias, prior_logits):
    """Right: may well be above log p(x) at single samples; it is an estimate."""
    a = z @ weights.T + bias
    log_x = np.where(x == 1, log_expit(a), log_expit(-a)).sum(-1)
    log_z = np.where(z == 1, log_expit(prior_logits), log_expit(-prior_logits)).sum(-1)
    log_q = np.where(z == 1, log_expit(logits), log_expit(-logits)).sum(-1)
    return (log_x + log_z - log_q).mean(0)


# Seen in AppliedDataSciencePartners/WorldModels#12: the cross-entropy is averaged over the pixels.
@refvi.implements("sbn.elbo", sign="negative", batch="mean", expect="bce-mean-reduction")
def averaged_cross_entropy(x, z, logits, weights, bias, prior_logits):
    a = z @ weights.T + bias
    bce = (np.logaddexp(0, a) - x * a).mean(-1)
    kl = (z * (logits - prior_logits) - np.logaddexp(0, logits) + np.logaddexp(0, prior_logits)).sum(-1)
    return (bce + kl).mean()


@refvi.implements("sbn.elbo_gradient")
def delta_rules(x, z, logits, weights, bias, prior_logits):
    """Right: reward times score for q, delta rules for the model."""
    k, b = z.shape[:2]
    a = z @ weights.T + bias
    reward = (x * a - np.logaddexp(0, a)).sum(-1)
    reward = reward + (z * (prior_logits - logits)).sum(-1)
    reward = reward - np.logaddexp(0, prior_logits).sum() + np.logaddexp(0, logits).sum(-1)
    err = (x - expit(a)).reshape(k * b, -1)
    return {
        "logits": (reward[..., None] * (z - expit(logits))).mean(0),
        "weights": err.T @ z.reshape(k * b, -1) / k,
        "bias": err.sum(0) / k,
        "prior_logits": (z - expit(prior_logits)).sum((0, 1)) / k,
    }


# Seen in pyro-ppl/pyro#205: the model's parameters were left out where the sample is not reparameterised.
@refvi.implements("sbn.elbo_gradient", expect="model-term-missing")
def score_only(x, z, logits, weights, bias, prior_logits):
    full = delta_rules(x, z, logits, weights, bias, prior_logits)
    return {name: g if name == "logits" else np.zeros_like(g) for name, g in full.items()}
