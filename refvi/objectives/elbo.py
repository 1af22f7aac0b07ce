"""The evidence lower bound as a function of log weights, log w_k = log p(x, z_k) - log q(z_k | x).

    log p(x) >= E_q[ log p(x, z) - log q(z | x) ],   with a gap of KL(q || p(z | x))

Declared side: lower (maximised). Not here: the forms that use a closed-form KL or entropy (`refvi.models.gaussian_vae`).

Source      Jordan et al. 1999, "An introduction to variational methods for graphical models", eq 18
Checked by  tests/objectives/test_elbo.py
"""

from refvi import validate
from refvi.kernels.portable import portable
from refvi.objectives.bounds import Bound, LogWeights
from refvi.targets import get_target


@portable
def elbo(log_weights, grad_log_weights):
    """Sampled evidence lower bound of one datum.

    Formula     (1/K) sum_k log w_k
    Gradient    d/dlog w_k = 1/K
    Shapes      log_weights (K,), grad_log_weights (K,) -> ()
    Domain      K >= 1; log w_k = -inf gives -inf
    Source      Kingma and Welling 2013, eq 6, arXiv:1312.6114v11
    Checked by  tests/objectives/test_elbo.py
    """
    count = log_weights.shape[0]
    total = 0.0
    for k in range(count):
        total += log_weights[k]
        grad_log_weights[k] = 1.0 / count
    return total / count


@portable
def elbo_row(item, inputs, out, scratch):  # noqa: ARG001
    """`elbo` of one item: out = value, then gradient.

    Shapes      inputs LogWeights (N, K), out (1 + K,)
    """
    out[0] = elbo(inputs.log_weights[item], out[1:])


def bound(log_weights, target="python"):
    """Sampled ELBO of every datum from its log weights (N, K): Bound of (N,) and (N, K)."""
    table = LogWeights(validate.array("log_weights", log_weights, "N K", finite=False))
    count, samples = table.log_weights.shape
    validate.at_least("number of samples K", samples, 1)
    rows = get_target(target).rows(elbo_row, table, count, 1 + samples)
    return Bound(rows[:, 0].copy(), rows[:, 1:].copy())
