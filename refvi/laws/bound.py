"""What a function of log weights must obey to be a bound of the log evidence.

Expectations are sums over all tuples of draws, never averages of samples. Subjects: `bound(log_weights)
-> ()` and `gradient(log_weights) -> (K,)`; a model and q arrive as tables log_w (S,) and q (S,), a state's log
weight being log p(x, s) - log q(s). Not here: which bound (`refvi.objectives`).
"""

import math

import numpy as np

from refvi.laws.compare import UNIT_ROUNDOFF, Tolerance, at_most, compare, of_answer, rounding
from refvi.laws.outcome import Outcome, combine
from refvi.oracles import enumeration, importance

FACTOR = 8.0


def expected(bound, log_w, q, k):
    """Exact expectation of bound(log weights of k draws), as an Answer; the log weights join S."""
    log_w = np.asarray(log_w, dtype=np.float64)
    with np.errstate(divide="ignore"):
        log_q = np.log(np.asarray(q, dtype=np.float64))
    answer = enumeration.expectation_over_tuples(lambda draws: float(bound(log_w[list(draws)])), log_q, k)
    reached = log_w[np.asarray(q) > 0.0]
    finite = reached[np.isfinite(reached)]
    return answer._replace(
        magnitude=answer.magnitude + 1.0 + (float(np.abs(finite).max()) if len(finite) else 0.0)
    )


def log_evidence_of(log_w, q):
    """Logarithm of sum_s q_s w_s over the states that q reaches."""
    pairs = [(float(w), float(p)) for w, p in zip(log_w, q, strict=True) if p > 0.0]
    return enumeration.log_sum_exp([w + math.log(p) for w, p in pairs])


def below_evidence(bound, log_w, q, k, *, side="lower", name="bound"):
    """The expectation lies on the declared side of the log evidence.

    Formula     lower: E bound(log w_1 ... log w_k) <= log sum_s q_s w_s;  upper: >=
    Shapes      log_w (S,), q (S,): the sum runs over the states that q reaches
    Checked by  tests/laws/test_bound.py
    """
    law = f"expectation is on the {side} side of the log evidence"
    if side not in ("lower", "upper"):
        raise ValueError(f"side must be 'lower' or 'upper', got {side!r}")
    found, limit = expected(bound, log_w, q, k), log_evidence_of(log_w, q)
    size = FACTOR * UNIT_ROUNDOFF * (found.magnitude + abs(limit))
    low, high = (found.value, limit) if side == "lower" else (limit, found.value)
    words = f"E {name} with k={k}" if side == "lower" else f"log evidence against E {name} with k={k}"
    return at_most(law, low, high, size, "8·u·S", words)


def monotone_in_k(bound, log_w, q, ks, *, name="bound"):
    """More samples never lower the expectation.

    Formula     E bound(k) <= E bound(k') for k < k', all pairs of neighbours in ks
    Shapes      log_w (S,), q (S,), ks increasing
    Checked by  tests/laws/test_bound.py
    """
    law = "expectation never falls with k"
    found = [expected(bound, log_w, q, k) for k in ks]
    outcomes = []
    for k, few, more in zip(ks[1:], found, found[1:], strict=False):
        size = FACTOR * UNIT_ROUNDOFF * (few.magnitude + more.magnitude)
        outcomes.append(at_most(law, few.value, more.value, size, "8·u·S", f"E {name} below that with k={k}"))
    return combine(law, outcomes)


def one_sample_is_elbo(bound, log_w, q, *, name="bound"):
    """With one sample the bound is the log weight itself, and its expectation the ELBO.

    Formula     bound([log w]) = log w for every state;  E bound = sum_s q_s log w_s
    Shapes      log_w (S,), q (S,)
    Checked by  tests/laws/test_bound.py
    """
    law = "one sample gives the ELBO"
    log_w = np.asarray(log_w, dtype=np.float64)
    single = np.array([float(bound(log_w[state : state + 1])) for state in range(len(log_w))])
    each = compare(law, log_w, single, rounding(1.0 + np.abs(log_w)), f"{name} of one log weight")
    elbo = enumeration.expectation(lambda s: log_w[s], range(len(log_w)), q)
    answer = elbo._replace(magnitude=elbo.magnitude + 1.0)
    mean = compare(
        law, elbo.value, expected(bound, log_w, q, 1).value, of_answer(answer), f"E {name} with k=1"
    )
    return combine(law, [each, mean])


def expectation_is_integral(bound, log_w, q, k, *, name="bound"):
    """The expectation of the importance-weighted bound equals its one-dimensional integral.

    Formula     E bound = int_0^inf (exp(-t) - M(t/k)^k) / t dt
    Source      `refvi.oracles.importance.iwae_bound`
    Checked by  tests/laws/test_bound.py
    """
    answer, found = importance.iwae_bound(log_w, q, k), expected(bound, log_w, q, k)
    joined = answer._replace(magnitude=answer.magnitude + found.magnitude)
    law = "expectation equals the one-dimensional integral"
    return compare(law, answer.value, found.value, of_answer(joined), f"E {name} with k={k}")


def shift(bound, log_weights, *, constants=(1.0, -37.5, 700.0), name="bound"):
    """A constant added to every log weight is added to the bound.

    Formula     bound(log w + c) = bound(log w) + c
    Shapes      log_weights (K,)
    Checked by  tests/laws/test_bound.py
    """
    law = "a shift of the log weights shifts the bound"
    log_weights = np.asarray(log_weights, dtype=np.float64)
    here = float(bound(log_weights.copy()))
    outcomes = []
    for c in constants:
        size = rounding(1.0 + abs(here) + abs(c) + _largest(log_weights))
        moved = float(bound(log_weights + c))
        outcomes.append(compare(law, here + c, moved, size, f"{name} of log weights + {c:g}"))
    return combine(law, outcomes)


def permutation(bound, log_weights, gradient=None, *, name="bound", seed=0):
    """The order of the samples does not matter: the value stays, the gradient moves along.

    Formula     bound(P log w) = bound(log w),  gradient(P log w) = P gradient(log w)
    Shapes      log_weights (K,)
    Checked by  tests/laws/test_bound.py
    """
    law = "the order of the samples does not matter"
    log_weights = np.asarray(log_weights, dtype=np.float64)
    rng = np.random.default_rng(seed)
    orders = [np.arange(len(log_weights))[::-1], rng.permutation(len(log_weights))]
    here = float(bound(log_weights.copy()))
    size = rounding(1.0 + abs(here) + _largest(log_weights))
    outcomes = []
    for order in orders:
        outcomes.append(
            compare(law, here, float(bound(log_weights[order])), size, f"{name} of permuted samples")
        )
        if gradient is not None:
            plain = np.asarray(gradient(log_weights.copy()), dtype=np.float64)
            moved = np.asarray(gradient(log_weights[order]), dtype=np.float64)
            scale = rounding((1.0 + _largest(log_weights)) * (1.0 + np.abs(plain[order])))
            outcomes.append(compare(law, plain[order], moved, scale, "grad_log_weights of permuted samples"))
    return combine(law, outcomes)


def gradient_sums_to_one(gradient, log_weights, *, total=1.0, name="grad_log_weights"):
    """The derivative of the shift law: the entries of the gradient add up to one.

    Formula     sum_k dbound / dlog w_k = 1;  S = sum_k |dbound / dlog w_k|
    Shapes      log_weights (K,), gradient(log_weights) (K,)
    Checked by  tests/laws/test_bound.py
    """
    grad = np.asarray(gradient(np.asarray(log_weights, dtype=np.float64)), dtype=np.float64)
    size = math.fsum(np.abs(grad)) + abs(total) + _largest(log_weights)
    found = math.fsum(grad) if np.all(np.isfinite(grad)) else math.nan
    return compare("the gradient sums to one", total, found, rounding(size), f"sum of {name}")


def tight_at_posterior(bound, log_evidence, k, *, states=3, name="bound"):
    """Where q is the posterior every weight is p(x), and the bound is the log evidence.

    Formula     bound(c, ..., c) = c
    Checked by  tests/laws/test_bound.py
    """
    law = "tight where q is the posterior"
    outcomes = []
    for c in np.linspace(log_evidence, log_evidence - 3.0, states):
        found = float(bound(np.full(k, c)))
        outcomes.append(
            compare(law, c, found, rounding(1.0 + 2.0 * abs(c)), f"{name} of {k} equal log weights")
        )
    return combine(law, outcomes)


def gap_is_divergence(elbo, log_joint, log_q, states, *, name="elbo"):
    """The gap between the log evidence and the ELBO is the divergence from q to the posterior.

    Formula     log p(x) - ELBO = sum_s q(s) log( q(s) / p(s | x) )
    Shapes      elbo: a number; log_joint(state), log_q(state) -> (); states (S, K)
    Checked by  tests/laws/test_bound.py
    """
    evidence = enumeration.log_evidence(log_joint, states)
    q = enumeration.probabilities(log_q, states)

    def ratio(state):
        return float(log_q(state)) - (float(log_joint(state)) - evidence.value)

    divergence = enumeration.expectation(ratio, states, q)
    size = rounding(evidence.magnitude + divergence.magnitude + abs(float(elbo)))
    law = "the gap is KL(q || posterior)"
    return compare(law, divergence.value, evidence.value - float(elbo), size, f"log evidence - {name}")


def _largest(log_weights):
    """Largest finite absolute log weight."""
    finite = np.abs(np.asarray(log_weights, dtype=np.float64))
    finite = finite[np.isfinite(finite)]
    return float(finite.max()) if len(finite) else 0.0


def limit_in(bound_of, limit, points, *, law, rate=1.0, name="bound"):
    """A family of values approaches its limit at the stated rate as a parameter goes to zero.

    Formula     |bound_of(eps) - limit| <= C eps^rate with C from the first point, doubled; points decreasing
    Checked by  tests/laws/test_bound.py
    """
    errors = [abs(float(bound_of(eps)) - limit) for eps in points]
    constant = 2.0 * errors[0] / points[0] ** rate
    outcomes = []
    for eps, error in zip(points[1:], errors[1:], strict=False):
        size = constant * eps**rate + 64.0 * UNIT_ROUNDOFF * (1.0 + abs(limit)) / eps
        words = f"2 C eps^{rate:g}, C from eps = {points[0]:g}, plus 64·u·S/eps"
        outcomes.append(
            compare(law, 0.0, error, Tolerance(size, words), f"distance of {name} to its limit at {eps:g}")
        )
    return combine(law, outcomes) if outcomes else Outcome(law, math.inf, 0, "a limit needs two points")
