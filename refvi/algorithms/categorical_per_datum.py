"""One categorical q per datum, by logits: the full family for a mixture's component, so that it holds the posterior.

    q(z_n = k; lambda_n) = softmax(lambda_n)_k,    ELBO_n = sum_k q_k ( log p(x_n, k; theta) - log q_k )

Not here: an encoder that predicts lambda (`amortised`); chains (`mean_field_chain`).

Source      Neal and Hinton 1998, "A view of the EM algorithm that justifies incremental, sparse, and other variants",
            eq 7; Bishop 2006, Pattern Recognition and Machine Learning, eq 9.70-9.72
Checked by  tests/algorithms/test_variational_em.py
"""

from typing import NamedTuple

import numpy as np

from refvi.errors import UsageError
from refvi.kernels.logspace import log_sum
from refvi.kernels.portable import portable
from refvi.kernels.scalar import exp
from refvi.models import mixture
from refvi.targets import get_target


class Pair(NamedTuple):
    """What the kernel reads: log joint (N, K) of every datum with every component, logits (N, K) of q."""

    log_joint: np.ndarray
    logits: np.ndarray


@portable
def elbo_row(item, inputs, out, scratch):  # noqa: ARG001
    """ELBO of one datum, its gradient by the logits of q, and q.

    Formula     out_0 = sum_k q_k f_k,  f_k = log p(x, k) - log q_k,  q = softmax(lambda); q_k = 0 gives no term
    Gradient    out_(1+k) = q_k (f_k - out_0);  out_(1+K+k) = q_k
    Shapes      inputs Pair, out (1 + 2 K,)
    Domain      logits not all -inf; -inf where q sits on an impossible component
    """
    row, joint = inputs.logits[item], inputs.log_joint[item]
    size = row.shape[0]
    log_total = log_sum(row)
    for k in range(size):
        q = exp(row[k] - log_total)
        out[1 + size + k] = q
        if q > 0.0:
            out[0] += q * (joint[k] - (row[k] - log_total))
    for k in range(size):
        q = out[1 + size + k]
        if q > 0.0:
            out[1 + k] = q * (joint[k] - (row[k] - log_total) - out[0])


def _rows(theta, logits, x, target):
    joint = mixture.log_joint(theta, x, target)
    logits = np.ascontiguousarray(logits, dtype=np.float64)
    if logits.shape != joint.shape:
        raise UsageError(f"logits must have shape {joint.shape}, got {logits.shape}")
    if np.any(np.isnan(logits)):
        raise UsageError("logits must be finite or -inf, got NaN")
    K = joint.shape[1]
    return get_target(target).rows(elbo_row, Pair(joint, logits), len(joint), 1 + 2 * K), K


def _possible(joint):
    """The log joint (N, K), unless a datum has probability zero."""
    impossible = np.flatnonzero(joint.max(1) == -np.inf)
    if len(impossible):
        raise UsageError(
            f"every datum must have positive probability under the parameters, got zero for x[{impossible[0]}]"
        )
    return joint


def start(theta, x, target="python"):
    """Logits of the q that is uniform over the components from which a datum can come, (N, K)."""
    joint = _possible(mixture.log_joint(theta, x, target))
    return np.where(joint == -np.inf, -np.inf, 0.0)


def elbo(theta, logits, x, target="python"):
    """ELBO of every datum, (N,)."""
    return _rows(theta, logits, x, target)[0][:, 0].copy()


def grad_elbo(theta, logits, x, target="python"):
    """Gradient of the sum of the ELBOs by the logits, (N, K): row n belongs to datum n alone."""
    rows, K = _rows(theta, logits, x, target)
    return rows[:, 1 : 1 + K].copy()


def improve(theta, logits, x, target="python"):  # noqa: ARG001 - the maximiser needs no start
    """E step: the logits that maximise the ELBO. The family holds the posterior, so that one step is enough."""
    return _possible(mixture.log_joint(theta, x, target))


def expect(theta, logits, x, target="python"):
    """Expected statistics under q."""
    rows, K = _rows(theta, logits, x, target)
    return mixture.expect_under(theta, x, rows[:, 1 + K :], target)


def take(x, chosen):
    """The chosen data."""
    return np.asarray(x)[list(chosen)]


def take_logits(logits, x, chosen):  # noqa: ARG001 - chains need the data to know where a sequence lies
    """The rows of the logits that belong to the chosen data."""
    return np.asarray(logits)[list(chosen)]
