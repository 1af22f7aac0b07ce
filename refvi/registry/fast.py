"""Evidence for `refvi.fast`: every fast answer against the plain model, state by state.

Quick rows are small enough to need no compiler; the others reach sizes that compiled routes answer.
"""

import itertools
import math

import numpy as np

from refvi import fast
from refvi.estimators import finite, score_function
from refvi.fast import estimator_counts, estimator_samples, half_priors, nested, network_mixture
from refvi.fast.doubling import bits
from refvi.laws.compare import compare, rounding
from refvi.laws.outcome import combine
from refvi.models import sigmoid_belief as sbn
from refvi.registry.entry import Entry, Evidence

SMALL, COMPILED = (4, 5), (12, 256)  # hidden and visible units; the second pair is worth compiling


def model(seed, hidden=4, observed=5, scale=1.0):
    """x, W, b, c in generic position."""
    rng = np.random.default_rng(seed)
    W, b, c = rng.normal(size=(observed, hidden)) * scale, rng.normal(size=observed), rng.normal(size=hidden)
    return (rng.random(observed) < 0.5).astype(np.float64), W, b, c


def terms(*parameters):
    """Sum of absolute terms that a log joint may hold."""
    return sum(np.abs(p).sum() + p.size for p in parameters)


def plain_tables(x, W, b, c, logits=None):
    """The plain model's tables over all states, bit k of the position being h_k."""
    K = c.size
    phi = sbn.Recognition(np.zeros(W.T.shape), np.zeros(K) if logits is None else logits)
    found = sbn.tables(x, sbn.Generative(c, W, b), phi)
    order = np.array([int(f"{n:0{K}b}"[::-1], 2) for n in range(1 << K)])
    return sbn.Tables(*(table[order] for table in found))


def plain_log_evidence(x, W, b, c, target="python"):
    """Log evidence of one datum by the plain model."""
    return float(sbn.log_evidence(x, sbn.Generative(c, W, b), target).log_evidence[0])


def log_sum(logs):
    """Logarithm of a correctly rounded sum of exponentials."""
    peak = max(logs)
    return peak + math.log(math.fsum(math.exp(v - peak) for v in logs))


def _cases(quick):
    yield from (
        (seed, *SMALL, scale) for seed, scale in enumerate((1.0,) if quick else (0.1, 1.0, 8.0, 300.0))
    )
    if not quick:
        yield from ((9, *COMPILED, scale) for scale in (0.05, 1.0))


def check_evidence(quick=True, _target="python"):
    """Log evidence and gradient against the plain model's enumeration."""
    outcomes = []
    for case in _cases(quick):
        x, W, b, c = model(*case)
        plain = sbn.log_evidence(x, sbn.Generative(c, W, b), "python" if W.size < 100 else "cpu")
        tolerance, found = rounding(terms(W, b, c), 16.0), fast.log_evidence_gradient(x, W, b, c)
        theta = sbn.Generative(found.grad_c, found.grad_W, found.grad_b)
        for name, wanted, got in (
            ("log_evidence", plain.log_evidence[0], fast.log_evidence(x, W, b, c)),
            ("log_evidence of the gradient", plain.log_evidence[0], found.log_evidence),
            ("gradient", plain.grad_theta, theta),
        ):
            outcomes.append(compare("fast evidence", wanted, got, tolerance, name))
    return combine("value and gradient are those of the plain model", outcomes)


def check_posterior(quick=True, _target="python"):
    """Posterior means and pair moments against probabilities of all states."""
    outcomes = []
    for seed in range(1 if quick else 8):
        case = model(seed)
        log_p, h = plain_tables(*case).log_p, bits(4)
        p = np.exp(log_p - log_sum(log_p))
        pairs = [[math.fsum(p * h[k] * h[m]) for m in range(4)] for k in range(4)]
        tolerance = rounding(terms(*case[1:]), 16.0)
        means, moments = fast.posterior_means(*case), fast.posterior_pair_moments(*case)
        outcomes.append(compare("posterior", np.diag(pairs), means, tolerance, "posterior_means"))
        outcomes.append(compare("posterior", np.array(pairs), moments, tolerance, "posterior_pair_moments"))
    return combine("moments are sums over posterior probabilities", outcomes)


def check_bound(quick=True, _target="python"):
    """The importance-weighted bound against a sum over all tuples of samples."""
    outcomes = []
    for seed in range(1 if quick else 4):
        case, logits = model(seed, 2, 3), np.random.default_rng(seed).normal(size=2)
        tables = plain_tables(*case, logits)
        log_w, log_q = tables.log_p - tables.log_q, tables.log_q
        for samples in (1, 2, 3):
            exact = math.fsum(
                math.exp(sum(log_q[s] for s in drawn))
                * (log_sum([log_w[s] for s in drawn]) - math.log(samples))
                for drawn in itertools.product(range(4), repeat=samples)
            )
            found = fast.iwae_bound(log_w, log_q, samples)
            outcomes.append(compare("bound", exact, found, rounding(terms(*case[1:]), 64.0), f"L_{samples}"))
    return combine("bound is the sum over tuples", outcomes)


def _estimators():
    return {"score_function": score_function.score_function, "leave_one_out": score_function.leave_one_out}


def check_moments(quick=True, _target="python"):
    """Mean and variance of score-function gradients against the enumeration of all tuples of samples."""
    outcomes, logits = [], np.array([0.4, -1.1])
    for seed in range(1 if quick else 4):
        case = model(seed, 2, 3)
        tables = plain_tables(*case, logits)
        theta, phi = sbn.Generative(case[3], case[1], case[2]), sbn.Recognition(np.zeros((2, 3)), logits)
        f, tolerance = tables.log_p - tables.log_q, rounding(terms(*case[1:]) ** 2, 16.0)
        for name, found in (
            ("score_function", fast.score_function_moments(f, logits, 3, 0.3)),
            ("leave_one_out", fast.leave_one_out_moments(f, logits, 3)),
        ):
            exact = finite.moments(_estimators()[name], tables, theta, phi, 3, 0.3)
            wanted = [exact.grad_phi.bias, exact.variance_phi.bias]
            outcomes.append(compare("moments", wanted, list(found), tolerance, name))
    return combine("moments are those over all tuples", outcomes)


def plain_estimate(case, logits, drawn, estimator):
    """Value and gradients of one group of samples by the plain estimator."""
    tables, K = plain_tables(*case, logits), logits.size
    f, weights_p, weights_q = (tables.log_p - tables.log_q)[drawn], np.zeros(len(drawn)), np.zeros(len(drawn))
    value = _estimators()[estimator](f, 0.3, weights_p, weights_q)
    theta, phi = weights_p @ tables.grad_log_p[drawn], weights_q @ tables.grad_log_q[drawn][:, -K:]
    return [
        value,
        theta[K : K + case[1].size].reshape(case[1].shape),
        theta[K + case[1].size :],
        theta[:K],
        phi,
    ]


def _check_estimates(estimate, quick):
    outcomes = []
    for seed in range(1 if quick else 6):
        rng = np.random.default_rng(seed)
        case, logits, drawn = model(seed, 3, 4), rng.normal(size=3), rng.integers(0, 8, 8)
        for name in _estimators():
            wanted = plain_estimate(case, logits, drawn, name)
            tolerance = rounding(terms(*case[1:], logits), 24.0)
            found = list(estimate(case, logits, drawn, name))
            outcomes.append(compare("estimate", wanted, found, tolerance, name))
    return combine("estimate is the plain one", outcomes)


def check_samples(quick=True, _target="python"):
    """Gradients of given samples against the plain estimators."""

    def estimate(case, logits, drawn, name):
        return estimator_samples.elbo_gradient_of_states(*case, logits, drawn, name, baseline=0.3, group=8)

    return _check_estimates(estimate, quick)


def check_counts(quick=True, _target="python"):
    """Gradients of counted samples against the plain estimators."""

    def estimate(case, logits, drawn, name):
        table, counts = estimator_counts.estimator_table(*case, logits), np.bincount(drawn, minlength=8)
        return estimator_counts.elbo_gradient_from_counts(table, counts, name, baseline=0.3)

    return _check_estimates(estimate, quick)


def check_nested(quick=True, _target="python"):
    """Two layers: the plain model given every state of the top layer."""
    outcomes = []
    for seed in range(1 if quick else 6):
        rng, (x, W, b, c) = np.random.default_rng(seed), model(seed, 3, 4)
        V, a = rng.normal(size=(3, 2)), rng.normal(size=2)
        logs = [
            math.fsum(-math.log1p(math.exp(-v if on else v)) for on, v in zip(h2, a, strict=True))
            + plain_log_evidence(x, W, b, c + V @ h2)
            for h2 in itertools.product((0, 1), repeat=2)
        ]
        found = nested.nested_log_evidence(x, W, b, V, c, a)
        tolerance = rounding(terms(W, b, c, V, a), 16.0)
        outcomes.append(compare("two layers", log_sum(logs), found, tolerance, "nested_log_evidence"))
    return combine("evidence is the sum over the top layer", outcomes)


def check_mixture(quick=True, _target="python"):
    """A mixture: the plain models of its components."""
    outcomes = []
    for seed in range(1 if quick else 6):
        mix = np.random.default_rng(seed).normal(size=2)
        (x, *first), (_, *second) = model(seed, 3, 4), model(seed + 1, 2, 4)
        logs = [
            v - log_sum(mix) + plain_log_evidence(x, *part)
            for v, part in zip(mix, (first, second), strict=True)
        ]
        found = network_mixture.mixture_log_evidence(x, mix, [first, second])
        tolerance = rounding(terms(*first, *second, mix), 16.0)
        outcomes.append(compare("mixture", log_sum(logs), found, tolerance, "mixture_log_evidence"))
    return combine("evidence is the sum over components", outcomes)


def check_halves(quick=True, _target="python"):
    """A prior of two tables: the plain model's states, weighted anew."""
    outcomes = []
    for seed in range(1 if quick else 6):
        rng, (x, W, b, c) = np.random.default_rng(seed), model(seed, 3, 4)
        first, second = rng.normal(size=2), rng.normal(size=4)
        logs = [v + first[n & 1] + second[n >> 1] for n, v in enumerate(plain_tables(x, W, b, c).log_p)]
        given = first + fast.log_q_table(c[:1]), second + fast.log_q_table(c[1:])
        found = half_priors.log_evidence_of_halves(x, W, b, *given)
        tolerance = rounding(terms(W, b, c, first, second), 16.0)
        outcomes.append(compare("two tables", log_sum(logs), found, tolerance, "log_evidence_of_halves"))
    return combine("evidence is the sum over weighted states", outcomes)


ENTRIES = [
    Entry("fast.log_evidence", "algorithm", "fast", fast.log_evidence),
    Entry("fast.log_evidence_gradient", "algorithm", "fast", fast.log_evidence_gradient),
    Entry("fast.posterior_means", "algorithm", "fast", fast.posterior_means),
    Entry("fast.posterior_pair_moments", "algorithm", "fast", fast.posterior_pair_moments),
    Entry("fast.iwae_bound", "objective", "fast", fast.iwae_bound),
    Entry("fast.score_function_moments", "estimator", "fast", fast.score_function_moments),
    Entry("fast.leave_one_out_moments", "estimator", "fast", fast.leave_one_out_moments),
    Entry("fast.elbo_gradient_samples", "estimator", "fast", estimator_samples.elbo_gradient_samples),
    Entry("fast.elbo_gradient_from_counts", "estimator", "fast", estimator_counts.elbo_gradient_from_counts),
    Entry("fast.nested_log_evidence", "algorithm", "fast", nested.nested_log_evidence),
    Entry("fast.mixture_log_evidence", "algorithm", "fast", network_mixture.mixture_log_evidence),
    Entry("fast.log_evidence_of_halves", "algorithm", "fast", half_priors.log_evidence_of_halves),
]

PLAIN = "value and gradient are those of the plain model"
MOMENTS = "moments are sums over posterior probabilities"
TUPLES = "mean and variance are those over all tuples of samples"
ESTIMATE = "estimate is the plain one from the same samples"
COMPILER = ("cpu",)  # always compiled: left out of the quick verification
EVIDENCE = [
    Evidence("fast", "fast.log_evidence", PLAIN, "16·u·S", check_evidence),
    Evidence("fast", "fast.log_evidence_gradient", PLAIN, "16·u·S", check_evidence),
    Evidence("fast", "fast.posterior_means", MOMENTS, "16·u·S", check_posterior),
    Evidence("fast", "fast.posterior_pair_moments", MOMENTS, "16·u·S", check_posterior),
    Evidence("fast", "fast.iwae_bound", "bound is the sum over all tuples of samples", "64·u·S", check_bound),
    Evidence("fast", "fast.score_function_moments", TUPLES, "16·u·S²", check_moments),
    Evidence("fast", "fast.leave_one_out_moments", TUPLES, "16·u·S²", check_moments),
    Evidence("fast", "fast.elbo_gradient_samples", ESTIMATE, "24·u·S", check_samples, COMPILER),
    Evidence("fast", "fast.elbo_gradient_from_counts", ESTIMATE, "24·u·S", check_counts, COMPILER),
    Evidence(
        "fast", "fast.nested_log_evidence", "evidence is the sum over the top layer", "16·u·S", check_nested
    ),
    Evidence(
        "fast", "fast.mixture_log_evidence", "evidence is the sum over components", "16·u·S", check_mixture
    ),
    Evidence(
        "fast", "fast.log_evidence_of_halves", "evidence is the sum over states", "16·u·S", check_halves
    ),
]
