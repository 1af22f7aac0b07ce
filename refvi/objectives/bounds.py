"""What every bound takes and returns."""

from typing import NamedTuple

import numpy as np


class LogWeights(NamedTuple):
    """Input of a bound.

    log_weights  (N, K) log p(x_n, z_nk) - log q(z_nk | x_n), in nats
    """

    log_weights: np.ndarray


class Bound(NamedTuple):
    """A bound and its gradient.

    bound             (N,) on the scale of log p(x_n), in nats
    grad_log_weights  (N, K) d bound_n / d log w_nk
    """

    bound: np.ndarray
    grad_log_weights: np.ndarray
