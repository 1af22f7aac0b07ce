"""Score-function gradients of the ELBO from the counts of states: the cost does not grow with the samples.

Samples of a finite q enter an estimate only through how often each state was drawn, and those counts are one draw from a
multinomial distribution. With f and the residuals of all states in tables, S samples cost as much as one.

Not here: models with too many states for a table (`estimator_samples`); exact moments (`score_moments`).
"""

from typing import NamedTuple

import numpy as np

from refvi import validate
from refvi.errors import UsageError
from refvi.fast import log_domain
from refvi.fast.doubling import fold_bits, subset_sums
from refvi.fast.estimator_samples import ESTIMATORS, SampledGradient, bernoulli_scores, read_estimator_problem
from refvi.fast.score_moments import log_q_table

MOST_HIDDEN = 16


class EstimatorTable(NamedTuple):
    """What estimates see of a model, for every state; bit k of the position is h_k.

    f (2^K,)             log p(x, h) - log q(h)
    log_q (2^K,)         log q(h)
    residual (D, 2^K)    x_d - sigmoid((W h + b)_d)
    c, logits (K,)       as given
    """

    f: np.ndarray
    log_q: np.ndarray
    residual: np.ndarray
    c: np.ndarray
    logits: np.ndarray


def estimator_table(x, W, b, c, logits):
    """Tables of a model and of q(h) = prod_k Bern(h_k; sigmoid(logits_k)).

    Shapes      x (D,), W (D, K), b (D,), c (K,), logits (K,) -> EstimatorTable
    Domain      x in {0, 1}, finite parameters, K <= 16
    Checked by  tests/fast/test_estimator_counts.py
    """
    problem, logits = read_estimator_problem(x, W, b, c, logits, MOST_HIDDEN)
    log_q, sign = log_q_table(logits), 1.0 - 2.0 * problem.x[0]
    wrong = subset_sums(
        sign * problem.b, sign[:, None] * problem.W
    )  # logit of the value that x_d does not have
    tail = np.exp(-np.abs(wrong))
    residual = -sign[:, None] * np.where(wrong > 0.0, 1.0, tail) / (1.0 + tail)
    f = log_domain.log_joint_table(problem)[0] - log_q
    return EstimatorTable(f, log_q, residual, problem.c, logits)


def draw_counts(table, samples, generator):
    """How often each state is drawn in `samples` samples of q.

    Formula     counts ~ Multinomial(S, q)
    Shapes      generator: numpy.random.Generator -> (2^K,) int64
    Checked by  tests/fast/test_estimator_counts.py
    """
    q = np.exp(table.log_q)
    return generator.multinomial(validate.at_least("samples", samples, 1), q / q.sum())


def elbo_gradient_from_counts(table, counts, estimator="score_function", *, baseline=0.0):
    """The estimate that samples with these counts lead to, all of them being one group for leave_one_out.

    Formula     grad_theta = (1/S) sum_h n_h d log p(x, h),  grad_logits = (1/S) sum_h n_h (f(h) - b_h) (h - q)
                score_function: b_h = baseline;  leave_one_out: (S mean f - f(h)) / (S - 1)
    Gradient    target: the ELBO; unbiased for multinomial counts
    Shapes      counts (2^K,), S = sum_h n_h -> SampledGradient
    Domain      counts >= 0 and whole; S >= 1, S >= 2 for leave_one_out
    Source      Williams 1992, Simple statistical gradient-following algorithms, theorem 1; Kool, van Hoof and
                Welling 2019, Buy 4 REINFORCE samples, get a baseline for free!
    Checked by  tests/fast/test_estimator_counts.py
    """
    validate.one_of("estimator", estimator, ESTIMATORS)
    counts = validate.array("counts", counts, "S", {"S": table.f.size})
    S = counts.sum()
    if counts.min() < 0.0 or (counts != np.rint(counts)).any():
        raise UsageError("counts must be whole numbers of at least 0, got others")
    if (least := 2 if estimator == "leave_one_out" else 1) > S:
        raise UsageError(f"counts must sum to at least {least} for {estimator}, got {S:g}")
    share = counts / S
    value = (share * table.f).sum()
    weight = table.f - baseline if estimator == "score_function" else (table.f - value) * (S / (S - 1.0))
    (total, on), (weight_total, weight_on) = fold_bits(share), fold_bits(share * weight)
    grad_b, by_bit = fold_bits(share * table.residual)
    grad_c, grad_logits = (
        bernoulli_scores(on, total, table.c),
        bernoulli_scores(weight_on, weight_total, table.logits),
    )
    return SampledGradient(value, by_bit, grad_b, grad_c, grad_logits)
