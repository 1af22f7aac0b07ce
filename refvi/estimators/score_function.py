"""Score-function estimators of bounds, for latents of any kind: what each sample's gradients are multiplied with.

An estimator looks at the log weights of K samples and writes two multipliers for each of them:

    grad_theta = sum_k weights_p[k] d log p(x, z_k) / d theta
    grad_phi   = sum_k weights_q[k] d log q(z_k | x) / d phi

All have the signature (log_weights, baseline, weights_p, weights_q) -> value, so that one enumeration
(`refvi.estimators.finite`) gives the exact mean and variance of each. Not here: gradients through the sample (`pathwise`).

Checked by  tests/estimators/test_score_function.py
"""

from refvi.kernels.logspace import log_mean, softmax
from refvi.kernels.portable import portable


@portable
def score_function(log_weights, baseline, weights_p, weights_q):
    """ELBO by the score function (REINFORCE), with a constant baseline.

    Formula     (1/K) sum_k (log w_k - b) d log q(z_k | x)
    Gradient    target: the ELBO; unbiased for every b that does not depend on the samples
    Shapes      log_weights (K,), baseline (), weights_p (K,), weights_q (K,) -> ()
    Domain      K >= 1
    Source      Williams 1992, "Simple statistical gradient-following algorithms", theorem 1, eq 4;
                Mnih and Gregor 2014, eq 5-7, arXiv:1402.0030v2
    Checked by  tests/estimators/test_score_function.py
    """
    count = log_weights.shape[0]
    total = 0.0
    for k in range(count):
        total += log_weights[k]
        weights_p[k] = 1.0 / count
        weights_q[k] = (log_weights[k] - baseline) / count
    return total / count


@portable
def leave_one_out(log_weights, baseline, weights_p, weights_q):
    """ELBO by the score function, each sample's baseline being the mean of the others.

    Formula     (1/K) sum_k (log w_k - (1/(K - 1)) sum_(j != k) log w_j) d log q(z_k | x)
    Gradient    target: the ELBO; unbiased, because a sample's baseline does not see it
    Shapes      log_weights (K,), baseline () not used, weights_p (K,), weights_q (K,) -> ()
    Domain      K >= 2
    Source      Kool, van Hoof and Welling 2019, "Buy 4 REINFORCE samples, get a baseline for free!", eq 8
    Checked by  tests/estimators/test_score_function.py
    """
    count = log_weights.shape[0]
    value = score_function(log_weights, baseline, weights_p, weights_q)
    for k in range(count):
        others = 0.0
        for j in range(count):
            if j != k:
                others += log_weights[j]
        weights_q[k] = (log_weights[k] - others / (count - 1)) / count
    return value


@portable
def iwae_score_function(log_weights, baseline, weights_p, weights_q):
    """Importance-weighted bound by the score function, with a constant baseline.

    Formula     theta: sum_k w~_k d log p(x, z_k);  phi: sum_k (L^ - b - w~_k) d log q(z_k | x),
                L^ = log (1/K) sum_k w_k,  w~_k = w_k / sum_j w_j
    Gradient    target: L_K; unbiased for every b that does not depend on the samples
    Shapes      log_weights (K,), baseline (), weights_p (K,), weights_q (K,) -> ()
    Domain      K >= 1
    Source      Mnih and Rezende 2016, eq 5, arXiv:1602.06725v2
    Checked by  tests/estimators/test_score_function.py
    """
    softmax(log_weights, weights_p)
    value = log_mean(log_weights)
    for k in range(log_weights.shape[0]):
        weights_q[k] = value - baseline - weights_p[k]
    return value
