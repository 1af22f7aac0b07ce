"""Categorical log mass and divergence with gradients, by logits.

Any finite shift of the logits is the same distribution. Not here: mixtures and chains (the models use these).
"""

from refvi.kernels.logspace import log_sum
from refvi.kernels.portable import portable
from refvi.kernels.scalar import exp


@portable
def categorical_log_mass(x, logits):
    """Log mass of one categorical outcome.

    Formula     log p(x) = a_x - log sum_j exp(a_j)
    Gradient    `categorical_log_mass_grad`
    Shapes      x () integer, logits (C,) -> ()
    Domain      0 <= x < C; logits -inf allowed, not all of them
    Stability   a_x - max first, so a common shift of the logits costs nothing
    Source      Bishop 2006, Pattern Recognition and Machine Learning, eq 2.26, 4.104
    Checked by  tests/kernels/test_categorical.py
    """
    return logits[x] - log_sum(logits)


@portable
def categorical_log_mass_grad(x, logits, grad_logits):
    """Derivative of `categorical_log_mass`; returns the value.

    Formula     as `categorical_log_mass`
    Gradient    d/da_j = [j = x] - p_j
    Shapes      x () integer, logits (C,), grad_logits (C,) -> ()
    Domain      0 <= x < C; logits -inf allowed, not all of them
    Source      Bishop 2006, Pattern Recognition and Machine Learning, eq 4.106
    Checked by  tests/kernels/test_categorical.py
    """
    log_total = log_sum(logits)
    for j in range(logits.shape[0]):
        grad_logits[j] = (1.0 if j == x else 0.0) - exp(logits[j] - log_total)
    return logits[x] - log_total


@portable
def kl_categorical(logits_q, logits_p):
    """KL divergence between categorical distributions, by logits.

    Formula     KL(q || p) = sum_j q_j (log q_j - log p_j),  q = softmax(a), p = softmax(b)
    Gradient    `kl_categorical_grad`
    Shapes      logits_q (C,), logits_p (C,) -> ()
    Domain      -inf allowed, not all of them; where q_j = 0 the term is 0; inf where p_j = 0 < q_j
    Source      Bishop 2006, Pattern Recognition and Machine Learning, eq 1.113
    Checked by  tests/kernels/test_categorical.py
    """
    log_total_q = log_sum(logits_q)
    log_total_p = log_sum(logits_p)
    total = 0.0
    for j in range(logits_q.shape[0]):
        q = exp(logits_q[j] - log_total_q)
        if q != 0.0:
            total += q * ((logits_q[j] - log_total_q) - (logits_p[j] - log_total_p))
    return total


@portable
def kl_categorical_grad(logits_q, logits_p, grad_logits_q, grad_logits_p):
    """Derivatives of `kl_categorical`; returns the value.

    Formula     as `kl_categorical`
    Gradient    d/da_j = q_j (log q_j - log p_j - KL);  d/db_j = p_j - q_j
    Shapes      all (C,) -> ()
    Domain      as `kl_categorical`, with a finite divergence
    Source      Bishop 2006, Pattern Recognition and Machine Learning, eq 1.113
    Checked by  tests/kernels/test_categorical.py
    """
    log_total_q = log_sum(logits_q)
    log_total_p = log_sum(logits_p)
    value = kl_categorical(logits_q, logits_p)
    for j in range(logits_q.shape[0]):
        q = exp(logits_q[j] - log_total_q)
        log_ratio = (logits_q[j] - log_total_q) - (logits_p[j] - log_total_p)
        grad_logits_q[j] = q * (log_ratio - value) if q != 0.0 else 0.0
        grad_logits_p[j] = exp(logits_p[j] - log_total_p) - q
    return value
