"""Score-function gradients of the ELBO from samples, at the speed of a table look-up and one division per factor.

The model is a sigmoid belief network of one hidden layer, q(h) = prod_k Bern(h_k; sigmoid(logits_k)). Where the number of
states is below that of the samples, `estimator_counts` is faster still: its cost does not grow with the samples.

Random numbers are those of `refvi.kernels.philox`, one evaluation for each sample, so that sample s of a seed is the same
for any number of samples and threads. Work is cut into pieces that depend on the number of samples alone and are added
in pairs: the result is the same to the last bit for any number of threads. Inside a piece of n samples sums are formed
one after another: their error is at most n u times the sum of absolute terms.

Not here: gradients in a recognition net, which are those in the logits times its own (d logits_k / d weights_ki = x_i).
"""

from typing import NamedTuple

import numpy as np

from refvi import validate
from refvi.errors import UsageError
from refvi.fast.arguments import read_problem, read_threads
from refvi.fast.doubling import choice_sums, fold_bits, subset_sums

ESTIMATORS = ("score_function", "leave_one_out")
GROUP = 128
MOST_HIDDEN = 24
PIECE, MOST_PIECES = 1 << 12, 1 << 10
NEVER = -1000.0  # logit of a visible that is not there


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
    from refvi.fast.layout import LANES
    from refvi.fast.philox_lanes import draw_words
    from refvi.fast.sample_kernels import pick_states

    logits = validate.array("logits", logits, "K")
    high, low = _halves(logits.size)
    one, two = np.empty(LANES, np.uint64), np.empty(LANES, np.uint64)
    i, j, found, cells = np.empty(LANES, np.int64), np.empty(LANES, np.int64), [], _cells(logits, high)
    for start in range(0, validate.at_least("samples", samples, 1), LANES):
        draw_words(np.uint64(seed), np.uint64(replicate), np.uint64(start), one, two)
        pick_states(one, two, high, low, cells, i, j)
        found.append(i + (j << high))
    return np.concatenate(found)[:samples]


def read_estimator_problem(x, W, b, c, logits, most=MOST_HIDDEN):
    """A problem of one datum, and the logits of q."""
    problem = read_problem(x, W, b, c)
    if np.ndim(x) != 1:
        raise UsageError(f"x must be one datum of shape (D,), got {np.shape(x)}")
    logits = validate.array("logits", logits, "K", {"K": problem.c.size})
    if logits.size > most:
        raise UsageError(f"K must be at most {most} for tables of states, got {logits.size}")
    return problem, logits


def _halves(K):
    return K // 2, K - K // 2


def _estimate(problem, logits, states, samples, given, threads):
    from refvi.fast.sample_kernels import sum_pieces
    from refvi.fast.threads import share

    estimator, baseline, group, seed, replicate = given
    validate.one_of("estimator", estimator, ESTIMATORS)
    if estimator == "score_function":
        group = 0
    elif group not in (2, 4, 8, 16, 32, 64, 128):
        raise UsageError(f"group must be 2, 4, 8, 16, 32, 64 or 128, got {group!r}")
    elif samples % group:
        raise UsageError(f"samples must be a multiple of group = {group}, got {samples}")
    high, low = _halves(logits.size)
    model = _model(problem, logits, high, low)
    cells = _cells(logits, high) if not states.size else (np.empty(0, np.int64),) * 4
    plan = high, low, cells, np.uint64(seed), np.uint64(replicate), group, float(baseline)
    size = PIECE * -(-samples // (PIECE * MOST_PIECES))
    pieces = -(-samples // size)
    sums = np.zeros((1 << (pieces - 1).bit_length(), high + low + 2, model[1] + 2))

    def run(first, last):
        scratch, own = _space(model, high, low)
        sum_pieces(model, plan, states, samples, size, first, last, scratch, own, sums)

    share(run, pieces, samples * model[1], threads)
    total = fold_bits(np.moveaxis(sums, 0, -1))[0] if pieces > 1 else sums[0]
    return _gradient(problem, logits, total, samples)


def _space(model, high, low):
    """Scratch and sums of one thread, as `sum_pieces` takes them."""
    from refvi.fast.layout import LANES

    by_ratio, visibles = model[:2]
    words, halves = np.empty((2, LANES), np.uint64), np.empty((2, LANES), np.int64)
    scratch = words, halves, _table(4, LANES), _table(3, 0 if by_ratio else LANES * visibles)
    rows = _table(1 << high, visibles), _table(1 << low, visibles)
    return scratch, (*rows, np.empty((1 << high, 2)), np.empty((1 << low, 2)))


def _table(rows, columns):
    """Uninitialised numbers that start a cache line."""
    from refvi.fast.compiled import aligned

    return aligned(rows * columns).reshape(rows, columns)


def _gradient(problem, logits, total, samples):
    D, K = problem.W.shape
    sign = 2.0 * problem.x[0] - 1.0
    weight, count = total[:, -2], total[:, -1]
    return SampledGradient(
        total[K + 1, 0] / samples,
        sign[:, None] * total[:K, :D].T / samples,
        sign * total[K, :D] / samples,
        bernoulli_scores(count[:K], count[K], problem.c) / samples,
        bernoulli_scores(weight[:K], weight[K], logits) / samples,
    )


def bernoulli_scores(on, total, logits):
    """Sum of w (h_k - sigmoid(logits_k)), from the sums of w over the samples with h_k = 1, (K,), and over all of them."""
    tail = np.exp(-np.abs(logits))
    large, small = 1.0 / (1.0 + tail), tail / (1.0 + tail)
    q, rest = np.where(logits > 0.0, (large, small), (small, large))
    return on * rest - (total - on) * q


def _cells(logits, high):
    """Alias tables of both halves of q."""
    from refvi.fast.alias import alias_table

    cells = []
    for part in (logits[:high], logits[high:]):
        n = 1 << part.size
        cells += [np.empty(n, np.int64), np.empty(n, np.int64)]
        q = np.exp(choice_sums(-np.logaddexp(0.0, part), -np.logaddexp(0.0, -part)))
        alias_table(q, *cells[-2:])
    return tuple(cells)


def _model(problem, logits, high, low):
    """What `sample_kernels.visit_samples` takes: factors by ratio where their products fit, else by logit."""
    from refvi.fast.ranges import LIMIT, LN2, measure_visibles
    from refvi.fast.tables import high_table

    D = problem.b.size
    visibles = -(-D // 8) * 8
    # The logit of the value that a visible does not have.
    sign = 1.0 - 2.0 * problem.x[0]
    W, b = sign[:, None] * problem.W, sign * problem.b
    log_off = np.logaddexp(0.0, logits) - np.logaddexp(0.0, problem.c)
    log_on = np.logaddexp(0.0, -logits) - np.logaddexp(0.0, -problem.c)
    shift, half = np.zeros(visibles, np.int64), np.zeros(visibles)
    reach = measure_visibles(W, b, high, low, shift, half)
    if reach <= LIMIT and half.sum() <= LIMIT:
        log_on[high:] -= W[:, high:].sum(axis=0)
        log_high = choice_sums(log_off[:high], log_on[:high]) - (b.sum() + LN2 * shift.sum())
        A, C, start = _table(1 << high, visibles), _table(1 << low, visibles), np.zeros((D, 2))
        high_table(W, high, shift, start, A)
        start[:, 0] = -b
        high_table(np.ascontiguousarray(-W[:, high:]), low, shift, start, C)
        C[:, D:] = 1.0
        return True, visibles, A, C, log_high, choice_sums(log_off[high:], log_on[high:])
    U, V = _table(1 << high, visibles), _table(1 << low, visibles)
    U[:], V[:] = NEVER, 0.0
    U[:, :D], V[:, :D] = subset_sums(np.zeros(D), W[:, :high]).T, subset_sums(b, W[:, high:]).T
    tables = choice_sums(log_off[:high], log_on[:high]), choice_sums(log_off[high:], log_on[high:])
    return False, visibles, U, V, *tables
