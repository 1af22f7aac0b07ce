"""Every density kernel in one row of a schedule, so that one compilation compares them all between targets."""

import math
from typing import NamedTuple

import numpy as np

from refvi.kernels import bernoulli, categorical, dense, normal, normal_full
from refvi.kernels.portable import portable
from refvi.laws.target import check_target_agreement
from refvi.targets import get_target


class Table(NamedTuple):
    """Inputs of `every_kernel_row`.

    vectors  (N, 12) four vectors of three
    factors  (N, 6, 3) two lower triangular factors, one above the other
    """

    vectors: np.ndarray
    factors: np.ndarray


@portable
def every_kernel_row(item, inputs, out, scratch):
    """Every density, divergence and gradient of one item, for comparison between targets.

    Formula     the values and gradients of the kernels that it calls, one after the other
    Shapes      item (), inputs Table, out (74,), scratch (21,)
    Checked by  tests/kernels/test_densities.py
    """
    row = inputs.vectors[item]
    a, b, c, d = row[0:3], row[3:6], row[6:9], row[9:12]
    out[0] = normal.normal_log_density_grad(a[0], b[0], c[0] * c[0], out[1:4])
    out[4] = normal.diagonal_normal_log_density_grad(a, b, c, out[5:8], out[8:11], out[11:14])
    out[14] = normal.kl_diagonal_normals_grad(a, b, c, d, out[15:18], out[18:21], out[21:24], out[24:27])
    out[27] = normal.kl_normal_standard_grad(a, b, out[28:31], out[31:34])
    upper, lower = inputs.factors[item, 0:3], inputs.factors[item, 3:6]
    out[34] = normal_full.kl_full_normals_grad(
        a, upper, b, lower, out[35:38], out[38:47], out[47:50], out[50:59], scratch
    )
    out[59] = bernoulli.bernoulli_log_mass(1.0, a[0])
    out[60] = bernoulli.kl_bernoulli_grad(a[0], b[0], out[61:63])
    out[63] = categorical.kl_categorical_grad(a, b, out[64:67], out[67:70])
    out[70] = bernoulli.bernoulli_log_mass_probability(0.25, 0.5 + 0.25 * math.tanh(a[0]))
    dense.tanh_layer(lower, c, d, out[71:74])


def check_targets(quick=True, target="python"):
    """Every kernel on a target against plain Python: the same bits, or 64·u·S on a device."""
    rng = np.random.default_rng(5)
    count = 4 if quick else 64
    factors = np.tril(rng.normal(size=(count, 2, 3, 3)), -1) + np.eye(3) * rng.uniform(
        0.5, 2, (count, 2, 1, 3)
    )
    table = Table(rng.normal(size=(count, 12)), factors.reshape(count, 6, 3))
    plain = get_target("python")
    size = 100.0 * (1.0 + np.abs(plain.rows(every_kernel_row, table, count, 74, 21)))
    return check_target_agreement(
        plain, get_target(target), "rows", every_kernel_row, table, count, 74, 21, magnitude=size
    )
