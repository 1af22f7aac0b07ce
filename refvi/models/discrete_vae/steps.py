"""What the M step of the discrete VAE ascends: the expected log joint by samples or exactly, and its closed-form part.

    sampled    (1/S) sum_s log p(x, h^s),  h^s_k = [ uniform^s_k < mu_k ]
    exact      E_q[log p(x, h)] by enumeration, the mean of `sampled` over the uniforms
    prior      the maximiser in mu^h of both the exact one and the surrogate: mu^h_k = mean over data of mu_k

Source      notes "Gradient-based Inference for Refining the Approximate Inference in Variational Autoencoder with
            Discrete Latent Variables", 22 September 2015, eq 6
Checked by  tests/models/test_discrete_vae.py
"""

from typing import NamedTuple

import numpy as np

from refvi import validate
from refvi.kernels.portable import portable
from refvi.kernels.scalar import exp, larger, log, log_sigmoid, sigmoid, smaller
from refvi.models.discrete_vae.bounds import check, expected_log_joint, log_q_table
from refvi.models.discrete_vae.density import jacobian, log_joint_back, sample_joint, workspace_size
from refvi.models.discrete_vae.parameters import Generative, Noise, check_generative, check_logits
from refvi.models.parameters import like, size
from refvi.targets import get_target


class Objective(NamedTuple):
    """What the M step ascends, summed over data, in nats, and its gradient in Psi."""

    value: float
    grad_psi: Generative


class Points(NamedTuple):
    """Points of the cube, or uniforms: values (N, K) or (N, K + D)."""

    values: np.ndarray


# ---- kernels


@portable
def sampled_pair(datum, sample, inputs, out, scratch):
    """One sample of the objective of the M step: log joint, then its gradient in Psi.

    Formula     log p(x, h),  h_k = [ uniform_k < sigmoid(logit_k) ]
    Gradient    in Psi, the sample held fixed
    Shapes      inputs (psi, Data, Q, Noise), out (1 + P,), scratch (2 K + workspace_size,)
    """
    psi, data, q, noise = inputs
    latents = psi.prior_logits.shape[0]
    h, unused = scratch[:latents], scratch[latents : 2 * latents]
    for k in range(latents):
        h[k] = 1.0 if noise.uniform[datum, sample, k] < sigmoid(q.logits[datum, k]) else 0.0
    out[0] = log_joint_back(h, data.x[datum], psi, 1.0, out[1:], unused, scratch[2 * latents :])


@portable
def prior_row(item, inputs, out, scratch):  # noqa: ARG001
    """Log odds of the mean over data of one latent.

    Formula     log (1/N) sum_n mu_nk - log (1/N) sum_n (1 - mu_nk),  mu = sigmoid(logits)
    Shapes      inputs Q (N, K), out (1,)
    Stability   the largest term is taken out of each sum: finite for all finite logits
    """
    count, low, high = inputs.logits.shape[0], inputs.logits[0, item], inputs.logits[0, item]
    for n in range(count):
        low = smaller(low, inputs.logits[n, item])
        high = larger(high, inputs.logits[n, item])
    top_on, top_off = log_sigmoid(high), log_sigmoid(-low)
    on, off = 0.0, 0.0
    for n in range(count):
        on += exp(log_sigmoid(inputs.logits[n, item]) - top_on)
        off += exp(log_sigmoid(-inputs.logits[n, item]) - top_off)
    out[0] = (top_on + log(on)) - (top_off + log(off))


@portable
def jacobian_row(item, inputs, out, scratch):
    """Jacobian of the decoder's means at one point: `refvi.models.discrete_vae.density.jacobian`.

    Shapes      inputs (psi, Points), out (D * K,), scratch (workspace_size,)
    """
    psi, points = inputs
    jacobian(points.values[item], psi, out, scratch)


@portable
def ancestral_row(item, inputs, out, scratch):
    """One ancestral sample: h, then x.

    Formula     h_k = [ uniform_k < mu_k ];  x_i = [ uniform_(K + i) < f_i(h) ]
    Shapes      inputs (psi, Points), out (K + D,), scratch (workspace_size,)
    """
    psi, points = inputs
    latents = psi.prior_logits.shape[0]
    sample_joint(psi, points.values[item], out[:latents], out[latents:], scratch)


# ---- arrays in, arrays out


def sampled_objective(x, psi, logits, uniform, target="python"):
    """The objective of the M step at samples from uniforms (N, S, K), and its gradient in Psi."""
    data, psi, q, sizes = check(x, psi, logits)
    noise = Noise(validate.array("uniform", uniform, "N S K", sizes))
    samples = validate.at_least("number of samples S", sizes["S"], 1)
    width, scratch = 1 + size(psi), 2 * sizes["K"] + workspace_size(psi)
    run = get_target(target).pairs
    total = run(sampled_pair, (psi, data, q, noise), len(data.x), samples, width, scratch) / samples
    return Objective(float(total[0]), like(psi, total[1:]))


def expected_objective(x, psi, logits, target="python"):
    """The exact mean of `sampled_objective`, and its gradient in Psi, by enumeration."""
    check(x, psi, logits)
    values, _, gradient = expected_log_joint(x, psi, log_q_table(logits, target), target)
    return Objective(float(np.sum(values)), gradient)


def prior_step(logits, target="python"):
    """The prior logits (K,) that maximise the expected log joint: those of the mean over data of sigmoid(logits)."""
    q = check_logits(logits, sizes := {})
    return get_target(target).rows(prior_row, q, sizes["K"], 1)[:, 0].copy()


def decoder_jacobian(h, psi, target="python"):
    """Jacobian of f at points h (N, K) of the cube, (N, D, K)."""
    sizes = {}
    psi = check_generative(psi, sizes)
    points = Points(validate.array("h", np.atleast_2d(h), "N K", sizes))
    _check_cube("h", points.values)
    width = sizes["D"] * sizes["K"]
    rows = get_target(target).rows(jacobian_row, (psi, points), sizes["N"], width, workspace_size(psi))
    return rows.reshape(sizes["N"], sizes["D"], sizes["K"])


def generate(uniform, psi, target="python"):
    """Ancestral samples (h (N, K), x (N, D)) from uniforms (N, K + D)."""
    sizes = {}
    psi = check_generative(psi, sizes)
    points = Points(validate.array("uniform", uniform, f"N {sizes['K'] + sizes['D']}"))
    width = points.values.shape[1]
    rows = get_target(target).rows(
        ancestral_row, (psi, points), len(points.values), width, workspace_size(psi)
    )
    return rows[:, : sizes["K"]].copy(), rows[:, sizes["K"] :].copy()


def _check_cube(name, values):
    """One sentence unless every entry lies in [0, 1]."""
    outside = values[(values < 0.0) | (values > 1.0)]
    if outside.size:
        raise validate.UsageError(f"{name} must lie in [0, 1], got {outside[0]:g}")
