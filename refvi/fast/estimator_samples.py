"""Score-function gradients of the ELBO from samples, at the speed of a table look-up and one division per factor.

The model is a sigmoid belief network of one hidden layer, q(h) = prod_k Bern(h_k; sigmoid(logits_k)). Tables of half states
and of q are made in every call. Where samples outnumber states and factors go by ratio, every sample is drawn and counted,
but f and residuals are formed once for each state (`counted_samples`): the estimate is that of the same samples.
`estimator_counts` does not draw samples one by one at all, and keeps tables from one estimate to the next.

Random numbers are those of `refvi.kernels.philox`, one evaluation for each sample, so that sample s of a seed is the same
for any number of samples and threads. Work is cut into pieces that depend on the numbers of samples and states alone and are
added in pairs: the result is the same to the last bit for any number of threads. Inside a piece of n samples sums are formed
one after another: their error is at most n u times the sum of absolute terms.

Not here: gradients in a recognition net, which are those in the logits times its own (d logits_k / d weights_ki = x_i).
"""

from functools import partial
from typing import NamedTuple

import numpy as np

from refvi import validate
from refvi.errors import UsageError
from refvi.fast.arguments import Problem, read_problem, read_threads

ESTIMATORS = ("score_function", "leave_one_out")
GROUP = 128
MOST_HIDDEN = 24
MOST_COUNTED = 1 << 16  # states whose counts a cache holds
PIECE, MOST_PIECES = 1 << 12, 1 << 10
FACTOR, SAMPLE = 24, 48  # what a factor and a counted sample cost, in units of `threads.share`


class SampledGradient(NamedTuple):
    """An estimate of the ELBO and of its gradients.

    value ()           (1/S) sum_s f(h_s), f = log p(x, h) - log q(h), in nats
    grad_W (D, K)      (1/S) sum_s d log p(x, h_s) / dW
    grad_b (D,)        (1/S) sum_s d log p(x, h_s) / db
    grad_c (K,)        (1/S) sum_s d log p(x, h_s) / dc
    grad_logits (K,)   (1/S) sum_s (f(h_s) - baseline_s) (h_s - sigmoid(logits))
    """

    value: float
    grad_W: np.ndarray  # noqa: N815
    grad_b: np.ndarray
    grad_c: np.ndarray
    grad_logits: np.ndarray


def elbo_gradient_samples(
    x,
    W,
    b,
    c,
    logits,
    samples,
    estimator="score_function",
    *,
    baseline=0.0,
    group=GROUP,
    seed=0,
    replicate=0,
    threads=None,
):
    """Estimate of the ELBO and its gradients from `samples` samples of q.

    Formula     grad_theta = (1/S) sum_s d log p(x, h_s),  grad_logits = (1/S) sum_s (f(h_s) - b_s) (h_s - q)
                score_function: b_s = baseline;  leave_one_out: the mean of f over the other samples of the group
    Gradient    target: the ELBO; unbiased
    Shapes      x (D,), W (D, K), b (D,), c (K,), logits (K,) -> SampledGradient
    Domain      x in {0, 1}; K <= 24; samples a multiple of `group` (2, 4, .. 128) for leave_one_out
    Source      Williams 1992, Simple statistical gradient-following algorithms, theorem 1; Kool, van Hoof and
                Welling 2019, Buy 4 REINFORCE samples, get a baseline for free!
    Checked by  tests/fast/test_estimator_samples.py
    """
    problem, logits = read_estimator_problem(x, W, b, c, logits)
    samples = validate.at_least("samples", samples, 1)
    seed, replicate = validate.at_least("seed", seed, 0), validate.at_least("replicate", replicate, 0)
    given = estimator, baseline, group, seed, replicate
    return _estimate(problem, logits, np.empty(0, np.int64), samples, given, read_threads(threads))


def elbo_gradient_of_states(
    x, W, b, c, logits, states, estimator="score_function", *, baseline=0.0, group=GROUP, threads=None
):
    """The same estimate from given states: what fixed noise, or an enumeration of samples, leads to.

    Shapes      states (S,), whole numbers whose bit k is h_k; otherwise as `elbo_gradient_samples`
    Checked by  tests/fast/test_estimator_samples.py
    """
    problem, logits = read_estimator_problem(x, W, b, c, logits)
    states = np.ascontiguousarray(states)
    if states.ndim != 1 or not states.size or states.dtype.kind not in "iu":
        raise UsageError(f"states must be whole numbers of shape (S,), got {states.dtype} {states.shape}")
    if states.min() < 0 or states.max() >= 1 << logits.size:
        raise UsageError(f"states must lie between 0 and 2^K - 1, got {states.min()} to {states.max()}")
    given = estimator, baseline, group, 0, 0
    return _estimate(problem, logits, states.astype(np.int64), states.size, given, read_threads(threads))


def drawn_states(logits, samples, *, seed=0, replicate=0):
    """The states that `elbo_gradient_samples` draws.

    Shapes      logits (K,) -> (S,) int64, bit k is h_k
    Checked by  tests/fast/test_estimator_samples.py
    """
    from refvi.fast.sample_kernels import draw_all
    from refvi.fast.sample_tables import drawing_cells

    logits = validate.array("logits", logits, "K")
    high, low = _halves(logits.size)
    plan = high, low, drawing_cells(logits, high), np.uint64(seed), np.uint64(replicate), 0, 0.0
    return draw_all(plan, validate.at_least("samples", samples, 1))


def read_estimator_problem(x, W, b, c, logits, most=MOST_HIDDEN):
    """A problem of one datum, and the logits of q."""
    if _is_plain(x, W, b, c, logits) and logits.size <= most:
        return Problem(x.reshape(1, -1), W, b, c), logits
    problem = read_problem(x, W, b, c)
    if np.ndim(x) != 1:
        raise UsageError(f"x must be one datum of shape (D,), got {np.shape(x)}")
    logits = validate.array("logits", logits, "K", {"K": problem.c.size})
    if logits.size > most:
        raise UsageError(f"K must be at most {most} for tables of states, got {logits.size}")
    return problem, logits


def _is_plain(*arrays):
    """Whether these are x, W, b, c and logits as compiled code takes them, which is then all there is to be checked."""
    from refvi.fast.sample_tables import is_sound

    for array in arrays:
        if type(array) is not np.ndarray or array.dtype != np.float64 or not array.flags.c_contiguous:
            return False
    x, W, b, c, logits = arrays
    if W.ndim != 2 or not W.size:
        return False
    return x.shape == b.shape == W.shape[:1] and c.shape == logits.shape == W.shape[1:] and is_sound(*arrays)


def _halves(K):
    return K // 2, K - K // 2


def _estimate(problem, logits, states, samples, given, threads):
    from refvi.fast.sample_tables import prepare

    estimator, baseline, group, seed, replicate = given
    validate.one_of("estimator", estimator, ESTIMATORS)
    if estimator == "score_function":
        group = 0
    elif group not in (2, 4, 8, 16, 32, 64, 128):
        raise UsageError(f"group must be 2, 4, 8, 16, 32, 64 or 128, got {group!r}")
    elif samples % group:
        raise UsageError(f"samples must be a multiple of group = {group}, got {samples}")
    (x,), W, b, c = problem
    high, low = _halves(logits.size)
    model, cells = prepare(x, W, b, c, logits, high, low, not states.size)
    plan = (
        high,
        low,
        cells,
        np.uint64(seed),
        np.uint64(replicate),
        group,
        float(validate.array("baseline", baseline, "")),
    )
    work = _count if model[0] and 1 << logits.size <= min(samples, MOST_COUNTED) else _visit
    return read_estimate(work(model, plan, states, samples, threads)(x, c, logits, samples), *W.shape)


def _pieces(samples, least):
    """Samples in a piece and the number of pieces, from the number of samples alone."""
    size = least * -(-samples // (least * MOST_PIECES))
    return size, -(-samples // size)


def _visit(model, plan, states, samples, threads):
    """Visit every sample; returns what makes an estimate of its sums."""
    from refvi.fast.counted_samples import conclude_pieces
    from refvi.fast.sample_kernels import sum_pieces
    from refvi.fast.threads import share

    size, pieces = _pieces(samples, PIECE)
    sums = np.zeros((1 << (pieces - 1).bit_length(), plan[0] + plan[1] + 2, model[1] + 2))

    def run(first, last):
        sum_pieces(model, plan, states, samples, size, first, last, sums)

    share(run, pieces, FACTOR * samples * model[1], threads)
    return partial(conclude_pieces, sums)


def _count(model, plan, states, samples, threads):
    """Count the samples of every state; returns what makes an estimate of the counts."""
    from refvi.fast.counted_samples import conclude_counted, count_pieces, tabulate
    from refvi.fast.threads import share

    f, counts = tabulate(model), []
    size, pieces = _pieces(samples, max(PIECE, f.size))
    by_group = np.zeros((1 << (pieces - 1).bit_length(), plan[0] + plan[1] + 1))

    def run(first, last):
        counts.append(np.zeros(f.size, np.int64))
        count_pieces(plan, states, f, samples, size, first, last, counts[-1], by_group)

    share(run, pieces, SAMPLE * samples, threads)
    return partial(conclude_counted, model, plan, f, sum(counts[1:], counts[0]), by_group)


def read_estimate(found, D, K):
    """Name the numbers that `sample_tables.conclude` writes one after another."""
    b, c = 1 + D * K, 1 + D * K + D
    return SampledGradient(
        float(found[0]), found[1:b].reshape(D, K), found[b:c], found[c : c + K], found[c + K :]
    )


def bernoulli_scores(on, total, logits):
    """Sum of w (h_k - sigmoid(logits_k)), from the sums of w over the samples with h_k = 1, (K,), and over all of them."""
    tail = np.exp(-np.abs(logits))
    large, small = 1.0 / (1.0 + tail), tail / (1.0 + tail)
    q, rest = np.where(logits > 0.0, (large, small), (small, large))
    return on * rest - (total - on) * q
