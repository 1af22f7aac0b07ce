"""Score-function gradient of the discrete VAE's ELBO in the logits of every datum's q, from given uniforms.

Its mean, summed over all samples, is the exact gradient `refvi.models.discrete_vae.elbo(...).grad_logits`. With two samples
or more each one's baseline is the mean of the others.
Not here: what the gradient is used for (`refvi.algorithms.gradient_refinement`).

Source      Williams 1992, "Simple statistical gradient-following algorithms", theorem 1; Kool, van Hoof and Welling 2019,
            "Buy 4 REINFORCE samples, get a baseline for free!", eq 8
Checked by  tests/algorithms/test_gradient_refinement.py
"""

from typing import NamedTuple

import numpy as np

from refvi import validate
from refvi.estimators.score_function import leave_one_out, score_function
from refvi.kernels.bernoulli import bernoulli_log_mass, bernoulli_log_mass_grad
from refvi.kernels.portable import portable
from refvi.kernels.scalar import sigmoid
from refvi.models.discrete_vae.bounds import check
from refvi.models.discrete_vae.density import log_joint, workspace_size
from refvi.models.discrete_vae.parameters import Noise
from refvi.targets import get_target


class Estimate(NamedTuple):
    """A sampled ELBO (N,) in nats and its gradient (N, K) in the logits."""

    elbo: np.ndarray
    grad_logits: np.ndarray


@portable
def refinement_row(item, inputs, out, scratch):
    """Sampled ELBO of one datum, and its score-function gradient.

    Formula     (1/S) sum_s log w_s,  w_s = p(x, h_s) / q(h_s),  h_sk = [ uniform_sk < mu_k ]
    Gradient    (1/S) sum_s (log w_s - mean of the others) (h_s - mu), the mean of the others being 0 for S = 1
    Shapes      inputs (psi, Data, Q, Noise), out (1 + K,), scratch (S (K + 3) + workspace_size,)
    """
    psi, data, q, noise = inputs
    logits, uniform = q.logits[item], noise.uniform[item]
    samples, latents = uniform.shape[0], logits.shape[0]
    log_weights, weights_p = scratch[:samples], scratch[samples : 2 * samples]
    weights_q, states = scratch[2 * samples : 3 * samples], scratch[3 * samples : samples * (3 + latents)]
    work = scratch[samples * (3 + latents) :]
    for s in range(samples):
        h = states[s * latents : (s + 1) * latents]
        log_q = 0.0
        for k in range(latents):
            h[k] = 1.0 if uniform[s, k] < sigmoid(logits[k]) else 0.0
            log_q += bernoulli_log_mass(h[k], logits[k])
        log_weights[s] = log_joint(h, data.x[item], psi, work) - log_q
    if samples > 1:
        out[0] = leave_one_out(log_weights, 0.0, weights_p, weights_q)
    else:
        out[0] = score_function(log_weights, 0.0, weights_p, weights_q)
    for s in range(samples):
        for k in range(latents):
            out[1 + k] += weights_q[s] * bernoulli_log_mass_grad(states[s * latents + k], logits[k])


def estimate(x, psi, logits, uniform, target="python"):
    """Sampled ELBO of every datum and its score-function gradient, from uniforms (N, S, K)."""
    data, psi, q, sizes = check(x, psi, logits)
    noise = Noise(validate.array("uniform", uniform, "N S K", sizes))
    samples = validate.at_least("number of samples S", sizes["S"], 1)
    scratch = samples * (sizes["K"] + 3) + workspace_size(psi)
    rows = get_target(target).rows(
        refinement_row, (psi, data, q, noise), len(data.x), 1 + sizes["K"], scratch
    )
    return Estimate(rows[:, 0].copy(), rows[:, 1:].copy())
