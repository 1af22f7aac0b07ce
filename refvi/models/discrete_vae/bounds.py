"""Bounds of the discrete VAE, exact by enumeration: log evidence, ELBO, the surrogate, and their gradients.

    ELBO(mu)       = E_q[log p(x, h)] + H(q),   q(h) = prod_k Bern(h_k; mu_k),  mu = sigmoid(logits)
    surrogate(mu)  = log p(x, mu) + H(q)        the expectation moved inside the decoder
    gap            = surrogate - ELBO = log p(x | mu) - E_q[log p(x | h)]

The gap is zero at the corners of the cube and wherever log p(x | h) is linear in each latent; it is never negative where
log p(x | h) is concave on the cube, as it is for a linear logistic decoder and for a noisy OR (Jensen): the surrogate is
then no lower bound of anything. Gradients come in the logits and in the means; those of a data set are summed over its data.

Source      notes "Gradient-based Inference for Refining the Approximate Inference in Variational Autoencoder with
            Discrete Latent Variables", 22 September 2015, eq 3-4
Checked by  tests/models/test_discrete_vae.py
"""

import math
from typing import NamedTuple

import numpy as np

from refvi.kernels.bernoulli import bernoulli_log_mass, bernoulli_log_mass_grad
from refvi.kernels.portable import portable
from refvi.kernels.scalar import sigmoid, softplus
from refvi.models.discrete_vae.density import log_joint, log_joint_back, workspace_size
from refvi.models.discrete_vae.parameters import (
    Data,
    Generative,
    Table,
    check_data,
    check_enumerable,
    check_generative,
    check_logits,
)
from refvi.models.parameters import like, size
from refvi.models.sigmoid_belief import Tables, write_state
from refvi.targets import get_target


class Evidence(NamedTuple):
    """Log evidence (N,) in nats, and the gradient of its sum in Psi."""

    log_evidence: np.ndarray
    grad_psi: Generative


class Elbo(NamedTuple):
    """Exact ELBO and its gradients in q.

    elbo         (N,) in nats
    grad_logits  (N, K)
    grad_means   (N, K): grad_logits / (mu (1 - mu)), finite also where mu is 0 or 1
    """

    elbo: np.ndarray
    grad_logits: np.ndarray
    grad_means: np.ndarray


class Surrogate(NamedTuple):
    """The surrogate and its gradients.

    surrogate    (N,) in nats
    grad_logits  (N, K)
    grad_means   (N, K)
    grad_psi     gradient of the sum over data
    """

    surrogate: np.ndarray
    grad_logits: np.ndarray
    grad_means: np.ndarray
    grad_psi: Generative


# ---- kernels


@portable
def fold(table, logits, differenced, work):
    """Mean of a table over all states under q, or its derivative by one mean.

    Formula     sum_h prod_k q_k(h_k) table(h);  for k = differenced the factors are -1 at h_k = 0 and 1 at h_k = 1
    Gradient    by mean k: fold with differenced = k, because the mean of a table is linear in each mean
    Shapes      table (2^K,), logits (K,), differenced () integer, work (2^K,) -> ()
    """
    length = table.shape[0]
    for s in range(length):
        work[s] = table[s]
    for k in range(logits.shape[0]):
        length = length // 2
        on, off = sigmoid(logits[k]), sigmoid(-logits[k])
        if k == differenced:
            on, off = 1.0, -1.0
        for s in range(length):
            work[s] = off * work[s] + on * work[length + s]
    return work[0]


@portable
def entropy(logits):
    """Entropy of q.

    Formula     sum_k [ mu_k softplus(-a_k) + (1 - mu_k) softplus(a_k) ],  mu_k = sigmoid(a_k)
    Gradient    by mean k: -a_k
    Shapes      logits (K,) -> ()
    """
    total = 0.0
    for k in range(logits.shape[0]):
        total += sigmoid(logits[k]) * softplus(-logits[k]) + sigmoid(-logits[k]) * softplus(logits[k])
    return total


@portable
def joint_row(item, inputs, out, scratch):
    """Log joint of one datum and one state, item = datum · 2^K + state.

    Shapes      inputs (psi, Data), out (1,), scratch (K + workspace_size,)
    """
    psi, data = inputs
    latents = psi.prior_logits.shape[0]
    states = 1 << latents
    h = scratch[:latents]
    write_state(item % states, h)
    out[0] = log_joint(h, data.x[item // states], psi, scratch[latents:])


@portable
def elbo_row(item, inputs, out, scratch):
    """Exact ELBO of one datum from its table of log joints: value, gradient in the logits, gradient in the means.

    Formula     sum_h q(h) log p(x, h) + H(q)
    Gradient    by mean k: E_q[log p(x, h_k = 1, rest) - log p(x, h_k = 0, rest)] - logit_k; by logit: that · mu (1 - mu)
    Shapes      inputs (Table, Q), out (1 + 2 K,), scratch (2^K + K,)
    """
    table, q = inputs
    logits = q.logits[item]
    latents = logits.shape[0]
    work, slope = scratch[latents:], scratch[:latents]
    out[0] = fold(table.values[item], logits, -1, work) + entropy(logits)
    for k in range(latents):
        slope[k] = fold(table.values[item], logits, k, work) - logits[k]
        out[1 + k] = slope[k] * sigmoid(logits[k]) * sigmoid(-logits[k])
        out[1 + latents + k] = slope[k]


@portable
def surrogate_row(item, inputs, out, scratch):
    """The surrogate of one datum: value, gradient in the logits, in the means, in Psi.

    Formula     log p(x, mu) + H(q)
    Gradient    by mean k: d log p(x, h) / dh_k at h = mu, less logit_k; by logit: that · mu (1 - mu);
                in Psi: that of log p(x, h) at h = mu
    Shapes      inputs (psi, Data, Q), out (1 + 2 K + P,), scratch (2 K + workspace_size,)
    """
    psi, data, q = inputs
    logits = q.logits[item]
    latents = logits.shape[0]
    means, grad_h = scratch[:latents], scratch[latents : 2 * latents]
    out[0] = entropy(logits)
    for k in range(latents):
        means[k], grad_h[k] = sigmoid(logits[k]), -logits[k]
    out[0] += log_joint_back(
        means, data.x[item], psi, 1.0, out[1 + 2 * latents :], grad_h, scratch[2 * latents :]
    )
    for k in range(latents):
        out[1 + k] = grad_h[k] * means[k] * sigmoid(-logits[k])
        out[1 + latents + k] = grad_h[k]


@portable
def weighted_state(state, inputs, out, scratch):
    """One state of an expectation of the log joint: the log weight, the log joint, its gradient in Psi.

    Formula     sum_h w(h) log p(x, h) / sum_h w(h),  log w from the table; with w = p(x, h) this is Fisher's identity
    Gradient    the weights being fixed: that of log p(x, h)
    Shapes      inputs (psi, Data of one datum, Table of one datum), out (2 + P,), scratch (2 K + workspace_size,)
    """
    psi, data, table = inputs
    latents = psi.prior_logits.shape[0]
    h, unused = scratch[:latents], scratch[latents : 2 * latents]
    write_state(state, h)
    out[0] = table.values[0, state]
    out[1] = log_joint_back(h, data.x[0], psi, 1.0, out[2:], unused, scratch[2 * latents :])


@portable
def log_q_row(item, inputs, out, scratch):
    """Log q of one datum and one state, item = datum · 2^K + state.

    Formula     sum_k log Bern(h_k; sigmoid(logits_k))
    Shapes      inputs Q, out (1,), scratch (K,)
    """
    latents = inputs.logits.shape[1]
    states = 1 << latents
    h = scratch[:latents]
    write_state(item % states, h)
    for k in range(latents):
        out[0] += bernoulli_log_mass(h[k], inputs.logits[item // states, k])


@portable
def table_row(state, inputs, out, scratch):
    """One row of `tables`: log p, log q, gradient of log p in Psi, score in the logits.

    Shapes      inputs (psi, Data, Q) of one datum, out (2 + P + K,), scratch (2 K + workspace_size,)
    """
    psi, data, q = inputs
    latents = psi.prior_logits.shape[0]
    h, unused = scratch[:latents], scratch[latents : 2 * latents]
    parameters = out.shape[0] - 2 - latents
    write_state(state, h)
    out[0] = log_joint_back(h, data.x[0], psi, 1.0, out[2 : 2 + parameters], unused, scratch[2 * latents :])
    for k in range(latents):
        out[1] += bernoulli_log_mass(h[k], q.logits[0, k])
        out[2 + parameters + k] = bernoulli_log_mass_grad(h[k], q.logits[0, k])


# ---- arrays in, arrays out


def check(x, psi, logits=None):
    """Data, parameters, q as float64 arrays, and their sizes; or one sentence."""
    sizes = {}
    psi, data = check_generative(psi, sizes), check_data(x, sizes)
    return data, psi, None if logits is None else check_logits(logits, sizes), sizes


def joint_table(x, psi, target="python"):
    """Log joint of every datum and state, (N, 2^K)."""
    data, psi, _, sizes = check(x, psi)
    count = len(data.x) * check_enumerable(sizes)
    scratch = sizes["K"] + workspace_size(psi)
    rows = get_target(target).rows(joint_row, (psi, data), count, 1, scratch)
    return rows.reshape(len(data.x), -1)


def log_q_table(logits, target="python"):
    """Log q of every datum and state, (N, 2^K)."""
    sizes = {}
    q = check_logits(logits, sizes)
    count = sizes["N"] * check_enumerable(sizes)
    return get_target(target).rows(log_q_row, q, count, 1, sizes["K"]).reshape(sizes["N"], -1)


def expected_log_joint(x, psi, log_weights, target="python"):
    """Weighted means of the log joint over all states, (N,), their log total weight (N,), and the gradient in Psi.

    Formula     E_w[log p(x, h)],  weights exp(log_weights) (N, 2^K) normalised per datum and held fixed
    Returns (values, log of the sum of the weights, gradient of the sum over data).
    """
    data, psi, _, sizes = check(x, psi)
    states = check_enumerable(sizes)
    log_weights = np.ascontiguousarray(log_weights, dtype=np.float64).reshape(len(data.x), states)
    width, scratch = 1 + size(psi), 2 * sizes["K"] + workspace_size(psi)
    run = get_target(target).states
    rows = np.array(
        [
            run(weighted_state, (psi, Data(row[None]), Table(weights[None])), states, width, scratch)
            for row, weights in zip(data.x, log_weights, strict=True)
        ]
    )
    return rows[:, 1].copy(), rows[:, 0].copy(), like(psi, _sum(rows[:, 2:]))


def log_evidence(x, psi, target="python"):
    """Log evidence of every datum by enumeration, and the gradient of their sum by Fisher's identity."""
    _, totals, gradient = expected_log_joint(x, psi, joint_table(x, psi, target), target)
    return Evidence(totals, gradient)


def elbo_of_table(table, logits, target="python"):
    """Exact ELBO of every datum from its table of log joints (N, 2^K), with the gradients in q."""
    sizes = {}
    q = check_logits(logits, sizes)
    states, latents = check_enumerable(sizes), sizes["K"]
    table = Table(np.ascontiguousarray(table, dtype=np.float64).reshape(sizes["N"], states))
    rows = get_target(target).rows(elbo_row, (table, q), sizes["N"], 1 + 2 * latents, states + latents)
    return Elbo(rows[:, 0].copy(), rows[:, 1 : 1 + latents].copy(), rows[:, 1 + latents :].copy())


def elbo(x, psi, logits, target="python"):
    """Exact ELBO of every datum at q (N, K), with the gradients in q; that in Psi is `grad_elbo_psi`'s."""
    check(x, psi, logits)
    return elbo_of_table(joint_table(x, psi, target), logits, target)


def grad_elbo_psi(x, psi, logits, target="python"):
    """Gradient in Psi of the sum of the exact ELBO over data: E_q of that of log p(x, h)."""
    check(x, psi, logits)
    return expected_log_joint(x, psi, log_q_table(logits, target), target)[2]


def surrogate(x, psi, logits, target="python"):
    """The surrogate log p(x, mu) + H(q) of every datum, with the gradients in q and in Psi."""
    data, psi, q, sizes = check(x, psi, logits)
    latents = sizes["K"]
    width, scratch = 1 + 2 * latents + size(psi), 2 * latents + workspace_size(psi)
    rows = get_target(target).rows(surrogate_row, (psi, data, q), len(data.x), width, scratch)
    return Surrogate(
        rows[:, 0].copy(),
        rows[:, 1 : 1 + latents].copy(),
        rows[:, 1 + latents : 1 + 2 * latents].copy(),
        like(psi, _sum(rows[:, 1 + 2 * latents :])),
    )


def gap(x, psi, logits, target="python"):
    """Surrogate - ELBO of every datum, (N,); of either sign unless log p(x | h) is concave on the cube."""
    return surrogate(x, psi, logits, target).surrogate - elbo(x, psi, logits, target).elbo


def tables(x, psi, logits, target="python"):
    """All states of one datum x (D,) and q (K,): what `refvi.estimators.finite` enumerates an estimator over."""
    data, psi, q, sizes = check(x, psi, logits)
    latents, parameters, states = sizes["K"], size(psi), check_enumerable(sizes)
    width, scratch = 2 + parameters + latents, 2 * latents + workspace_size(psi)
    rows = get_target(target).rows(table_row, (psi, data, q), states, width, scratch)
    split = 2 + parameters
    return Tables(rows[:, 0].copy(), rows[:, 1].copy(), rows[:, 2:split].copy(), rows[:, split:].copy())


def _sum(rows):
    """Correctly rounded sum over data."""
    return np.array([math.fsum(column) for column in rows.T])
