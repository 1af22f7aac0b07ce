"""Score-function gradients of the ELBO from the counts of states: the cost hardly grows with the samples.

Samples of a finite q enter an estimate only through how often each state was drawn, and those counts are one draw from a
multinomial distribution. What is kept from one estimate to the next: f and the residuals of all states, and alias tables
of binomials (`split_counts`). They belong to x, the parameters and q, and take as long to make as some ten estimates from
samples: they pay where many estimates are wanted of one model, not where every step changes it.

Not here: models with too many states for a table (`estimator_samples`); exact moments (`score_moments`).
"""

from typing import NamedTuple

import numpy as np

from refvi import validate
from refvi.errors import UsageError
from refvi.fast import log_domain
from refvi.fast.doubling import subset_sums
from refvi.fast.estimator_samples import ESTIMATORS, read_estimate, read_estimator_problem
from refvi.fast.score_moments import log_q_table

MOST_HIDDEN = 16
COUNTS = "counts must be whole numbers of at least 0, got others"


class EstimatorTable(NamedTuple):
    """What estimates see of a model, for every state; bit k of the position is h_k.

    f (2^K,)             log p(x, h) - log q(h)
    log_q (2^K,)         log q(h)
    residual (D, 2^K)    x_d - sigmoid((W h + b)_d)
    c, logits (K,)       as given
    cells, lowest        what counts are drawn with, see `split_counts`
    """

    f: np.ndarray
    log_q: np.ndarray
    residual: np.ndarray
    c: np.ndarray
    logits: np.ndarray
    cells: np.ndarray
    lowest: np.ndarray


def estimator_table(x, W, b, c, logits):
    """Tables of a model and of q(h) = prod_k Bern(h_k; sigmoid(logits_k)).

    Shapes      x (D,), W (D, K), b (D,), c (K,), logits (K,) -> EstimatorTable
    Domain      x in {0, 1}, finite parameters, K <= 16
    Checked by  tests/fast/test_estimator_counts.py
    """
    from refvi.fast.split_counts import split_tables

    problem, logits = read_estimator_problem(x, W, b, c, logits, MOST_HIDDEN)
    log_q, sign = log_q_table(logits), 1.0 - 2.0 * problem.x[0]
    wrong = subset_sums(
        sign * problem.b, sign[:, None] * problem.W
    )  # logit of the value that x_d does not have
    tail = np.exp(-np.abs(wrong))
    residual = -sign[:, None] * np.where(wrong > 0.0, 1.0, tail) / (1.0 + tail)
    f = log_domain.log_joint_table(problem)[0] - log_q
    return EstimatorTable(f, log_q, residual, problem.c, logits, *split_tables(logits))


def draw_counts(table, samples, *, seed=0, replicate=0):
    """How often each state is drawn in `samples` samples of q.

    Formula     counts ~ Multinomial(S, q), to 52 bits of every binomial that they are made of
    Shapes      -> (2^K,) int64; the same for the same seed and replicate, and other samples than those of
                `elbo_gradient_samples`
    Checked by  tests/fast/test_estimator_counts.py
    """
    _check_table(table)
    from refvi.fast.split_counts import split_counts

    samples = validate.at_least("samples", samples, 1)
    seed, replicate = validate.at_least("seed", seed, 0), validate.at_least("replicate", replicate, 0)
    return split_counts(table.cells, table.lowest, samples, np.uint64(seed), np.uint64(replicate))


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
    _check_table(table)
    from refvi.fast.counted_samples import conclude_table, count_samples

    validate.one_of("estimator", estimator, ESTIMATORS)
    counts = _read_counts(counts, table.f.size)
    if (S := count_samples(counts)) < 0:
        raise UsageError(COUNTS)
    one_group = estimator == "leave_one_out"
    if (least := 1 + one_group) > S:
        raise UsageError(f"counts must sum to at least {least} for {estimator}, got {S}")
    given = counts, one_group, float(validate.array("baseline", baseline, "")), table.c, table.logits, S
    found = conclude_table(table.f, table.residual, *given)
    return read_estimate(found, table.residual.shape[0], table.c.size)


def _check_table(table):
    if not isinstance(table, EstimatorTable):
        raise UsageError(
            f"table must come from estimator_table(x, W, b, c, logits), got {type(table).__name__}"
        )


def _read_counts(counts, size):
    """Counts as whole numbers; whether any is negative is seen later."""
    if isinstance(counts, np.ndarray) and counts.dtype == np.int64 and counts.shape == (size,):
        return np.ascontiguousarray(counts)
    found = validate.array("counts", counts, "S", {"S": size})
    if (found != np.rint(found)).any():
        raise UsageError(COUNTS)
    return found.astype(np.int64)
