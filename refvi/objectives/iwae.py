"""The importance-weighted bound as a function of log weights, log w_k = log p(x, z_k) - log q(z_k | x).

    L_K = E log( (1/K) sum_k w_k ),   ELBO = L_1 <= L_2 <= ... <= log p(x)

Declared side: lower (maximised). Not here: gradients of parameters (the models and `refvi.estimators`).

Source      Burda, Grosse and Salakhutdinov 2015, eq 8 and theorem 1, arXiv:1509.00519v4
Checked by  tests/objectives/test_iwae.py
"""

from refvi import validate
from refvi.kernels.logspace import softmax
from refvi.kernels.portable import portable
from refvi.kernels.scalar import log
from refvi.objectives.bounds import Bound, LogWeights
from refvi.targets import get_target


@portable
def iwae(log_weights, grad_log_weights):
    """Importance-weighted bound of one datum.

    Formula     log( (1/K) sum_k w_k )
    Gradient    d/dlog w_k = w_k / sum_j w_j
    Shapes      log_weights (K,), grad_log_weights (K,) -> ()
    Domain      K >= 1; log w_k = -inf allowed; all -inf: bound -inf, gradient NaN
    Stability   shifted by the largest log weight
    Source      Burda, Grosse and Salakhutdinov 2015, eq 8 and 14, arXiv:1509.00519v4
    Checked by  tests/objectives/test_iwae.py
    """
    return softmax(log_weights, grad_log_weights) - log(float(log_weights.shape[0]))


@portable
def iwae_row(item, inputs, out, scratch):  # noqa: ARG001
    """`iwae` of one item: out = bound, then gradient.

    Shapes      inputs LogWeights (N, K), out (1 + K,)
    """
    out[0] = iwae(inputs.log_weights[item], out[1:])


def bound(log_weights, target="python"):
    """Importance-weighted bound of every datum from its log weights (N, K): Bound of (N,) and (N, K)."""
    table = LogWeights(validate.array("log_weights", log_weights, "N K", finite=False))
    count, samples = table.log_weights.shape
    validate.at_least("number of samples K", samples, 1)
    rows = get_target(target).rows(iwae_row, table, count, 1 + samples)
    return Bound(rows[:, 0].copy(), rows[:, 1:].copy())
