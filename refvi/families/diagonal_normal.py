"""Independent normals, q(z) = N(mean, diag exp(log_var)): reparameterised, with score and path derivative.

Samples come from noise that is given. Not here: full covariances and flows.

Source      Kingma and Welling 2013, eq 9-10, arXiv:1312.6114v11
Checked by  tests/families/test_diagonal_normal.py
"""

from typing import NamedTuple

import numpy as np

from refvi import validate
from refvi.kernels.normal import (
    diagonal_normal_entropy,
    diagonal_normal_log_density_grad,
    diagonal_normal_sample,
    diagonal_normal_sample_back,
    kl_diagonal_normals_grad,
)
from refvi.kernels.portable import portable
from refvi.targets import get_target


class DiagonalNormal(NamedTuple):
    """Parameters phi.

    mean     (D,)
    log_var  (D,) logarithm of the variances
    """

    mean: np.ndarray
    log_var: np.ndarray


class Points(NamedTuple):
    """Where q is evaluated: values (K, D), noise or latents; grad_z (K, D) or (K, 0)."""

    values: np.ndarray
    grad_z: np.ndarray


class LogQ(NamedTuple):
    """Log density of latents held fixed, and its derivatives.

    log_q   (K,) in nats
    grad_z  (K, D) derivative in z
    score   derivative in the parameters, fields (K, D)
    """

    log_q: np.ndarray
    grad_z: np.ndarray
    score: DiagonalNormal


@portable
def log_q_row(item, inputs, out, scratch):  # noqa: ARG001
    """Log density of one latent, its derivative in z, and the score.

    Formula     log N(z; mean, exp(log_var))
    Gradient    see `diagonal_normal_log_density_grad`
    Shapes      inputs (phi, Points), out (1 + 3 D,)
    """
    phi, points = inputs
    size = phi.mean.shape[0]
    out[0] = diagonal_normal_log_density_grad(
        points.values[item],
        phi.mean,
        phi.log_var,
        out[1 : 1 + size],
        out[1 + size : 1 + 2 * size],
        out[1 + 2 * size :],
    )


@portable
def path_row(item, inputs, out, scratch):  # noqa: ARG001
    """One reparameterised sample, and the gradient in z carried back to the parameters.

    Formula     z = mean + exp(½ log_var) noise
    Gradient    see `diagonal_normal_sample_back`
    Shapes      inputs (phi, Points), out (3 D,): z, by mean, by log_var
    """
    phi, points = inputs
    size = phi.mean.shape[0]
    diagonal_normal_sample(phi.mean, phi.log_var, points.values[item], out[:size])
    if points.grad_z.shape[1] > 0:
        diagonal_normal_sample_back(
            points.grad_z[item], phi.log_var, points.values[item], out[size : 2 * size], out[2 * size :]
        )


def check(phi, sizes):
    """Parameters as float64 arrays, or one sentence."""
    return validate.parameters("phi", phi, DiagonalNormal, {"mean": "D", "log_var": "D"}, sizes)


def log_q(phi, z, target="python"):
    """Log density of latents z (K, D) that are held fixed, with its derivative in z and the score."""
    sizes = {}
    phi, z = check(phi, sizes), validate.array("z", z, "K D", sizes)
    size = sizes["D"]
    rows = get_target(target).rows(log_q_row, (phi, Points(z, z[:, :0])), len(z), 1 + 3 * size)
    parts = [rows[:, 1 + i * size : 1 + (i + 1) * size].copy() for i in range(3)]
    return LogQ(rows[:, 0].copy(), parts[0], DiagonalNormal(parts[1], parts[2]))


def sample(phi, noise, target="python"):
    """Latents (K, D) from standard normal noise (K, D)."""
    sizes = {}
    phi, noise = check(phi, sizes), validate.array("noise", noise, "K D", sizes)
    rows = get_target(target).rows(path_row, (phi, Points(noise, noise[:, :0])), len(noise), 3 * sizes["D"])
    return rows[:, : sizes["D"]].copy()


def path_gradient(phi, noise, grad_z, target="python"):
    """Gradients in z (K, D) carried to the parameters along the path, one for each sample: fields (K, D)."""
    sizes = {}
    phi, noise = check(phi, sizes), validate.array("noise", noise, "K D", sizes)
    points = Points(noise, validate.array("grad_z", grad_z, "K D", sizes))
    size = sizes["D"]
    rows = get_target(target).rows(path_row, (phi, points), len(noise), 3 * size)
    return DiagonalNormal(rows[:, size : 2 * size].copy(), rows[:, 2 * size :].copy())


def entropy(phi):
    """Entropy in nats and its gradient: (value, DiagonalNormal)."""
    phi = check(phi, {})
    grad = DiagonalNormal(np.zeros_like(phi.mean), np.full_like(phi.log_var, 0.5))
    return diagonal_normal_entropy(phi.log_var), grad


def kl(phi, other):
    """KL(q || p) between two members in nats, with the gradients in both: (value, of q, of p)."""
    sizes = {}
    phi, other = check(phi, sizes), check(other, sizes)
    grads = [np.zeros(sizes["D"]) for _ in range(4)]
    value = kl_diagonal_normals_grad(*phi, *other, *grads)
    return value, DiagonalNormal(*grads[:2]), DiagonalNormal(*grads[2:])
