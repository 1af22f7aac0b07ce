"""What any mixture must obey, as functions of (theta, data, other theta); shared by all emissions.

Not here: which mixtures are run (`mixtures`).
"""

import itertools
import math

import numpy as np

from refvi.laws import em, gradient, model
from refvi.laws.compare import compare, rounding
from refvi.laws.outcome import combine
from refvi.models import mixture
from refvi.oracles import enumeration
from refvi.oracles import latent_models as oracle
from refvi.registry import latent_cases as cases

SIZE = 1e3  # bound of sum |terms| of all the tiny cases: 20 data, terms below 50


def table_of(theta, x):
    """Log joint (N, K) by the oracle."""
    mixing, density = oracle.softmax(theta.mixing_logits), cases.log_density(theta.emission, x)
    return np.array(
        [[oracle.mixture_log_joint(k, mixing, row) for k in range(len(mixing))] for row in density]
    )


def states(theta):
    """The components as states (K, 1)."""
    return enumeration.categorical_states((len(theta.mixing_logits),))


def total(theta, x):
    """Total log evidence."""
    return math.fsum(mixture.log_evidence(theta, x))


def log_evidence_is_sum(theta, x, _):
    """Log evidence of every datum against the sum over the components."""
    values = mixture.log_evidence(theta, x)
    return combine(
        "sum",
        [
            model.log_evidence_is_sum(v, lambda s, row=row: row[s[0]], states(theta))
            for v, row in zip(values, table_of(theta, x), strict=True)
        ],
    )


def posterior_is_exact(theta, x, _):
    """Responsibilities against enumeration."""
    return combine(
        "posterior",
        [
            model.posterior_is_exact(found, lambda s, row=row: row[s[0]], states(theta), factor=64.0)
            for found, row in zip(mixture.posterior(theta, x), table_of(theta, x), strict=True)
        ],
    )


def log_joint_is_the_oracles(theta, x, _):
    """Log joint against densities by eigenvalues or products of probabilities."""
    return compare("log joint", table_of(theta, x), mixture.log_joint(theta, x), rounding(SIZE))


def q_is_its_definition(theta, x, other):
    """Sum over data and components of the posterior under `other` times the log joint under theta."""
    statistics = mixture.expect(other, x)[1]
    answers = [
        oracle.expected_log_joint(
            enumeration.posterior(lambda s, o=old: o[s[0]], states(theta)),
            lambda s, r=row: r[s[0]],
            states(theta),
        )
        for row, old in zip(table_of(theta, x), table_of(other, x), strict=True)
    ]
    wanted, size = math.fsum(a.value for a in answers), math.fsum(a.magnitude for a in answers)
    return compare("Q", wanted, mixture.q_function(theta, statistics), rounding(size))


def grad_log_evidence_is_derivative(theta, x, _):
    """Fisher's identity against differences."""
    return gradient.gradient_is_derivative(
        lambda t: total(t, x),
        lambda t: mixture.grad_log_evidence(t, x)[1],
        theta,
        wrt=wrt(theta),
        magnitude=SIZE,
    )


def grad_q_is_derivative(theta, x, other):
    """Gradient of Q, the posterior held fixed, against differences."""
    statistics = mixture.expect(other, x)[1]
    return gradient.gradient_is_derivative(
        lambda t: mixture.q_function(t, statistics),
        lambda t: mixture.grad_q(t, statistics),
        theta,
        wrt=wrt(theta),
        magnitude=SIZE,
    )


def wrt(theta):
    """Names of what the gradient covers: all fields of the parameters."""
    return ["mixing_logits", *(f"emission.{name}" for name in theta.emission._fields)]


def grad_q_meets_grad_log_evidence(theta, x, _):
    """The posterior expectation of the complete-data score, summed by hand, against the gradient of Q."""

    def by_score(t):
        """Posterior expectation of the complete-data score, datum by datum, component by component."""
        sums = None
        for n in range(len(x)):
            r = mixture.posterior(t, x[n : n + 1])[0]
            for k, weight in enumerate(r):
                one = mixture.expect_under(t, x[n : n + 1], np.eye(len(r))[k : k + 1])
                score = mixture.grad_q(t, one)
                flat = [weight * np.asarray(a) for a in (score.mixing_logits, *score.emission)]
                sums = flat if sums is None else [a + b for a, b in zip(sums, flat, strict=True)]
        return mixture.Mixture(sums[0], type(t.emission)(*sums[1:]))

    return em.gradients_meet_at_theta(
        by_score, lambda t, old: mixture.grad_q(t, mixture.expect(old, x)[1]), theta, SIZE
    )


def m_step_is_stationary(theta, x, _):
    """The M step leaves Q no gradient."""
    statistics = mixture.expect(theta, x)[1]
    return em.is_stationary(mixture.grad_q(mixture.maximise(theta, statistics), statistics), SIZE)


def evidence_rises_at_least_by_q(theta, x, other):
    """The inequality behind EM, for an M step and for arbitrary parameters."""
    pairs = [(theta, other), (other, theta), (theta, mixture.maximise(theta, mixture.expect(theta, x)[1]))]
    return combine(
        "rise",
        [
            em.improves_at_least_by_q(
                lambda t: total(t, x),
                lambda t, o: mixture.q_function(t, mixture.expect(o, x)[1]),
                old,
                new,
                SIZE,
            )
            for old, new in pairs
        ],
    )


def em_never_decreases(theta, x, _):
    """Four steps of EM."""
    values = []
    for _step in range(4):
        value, statistics = mixture.expect(theta, x)
        theta = mixture.maximise(theta, statistics)
        values.append(value)
    return em.never_decreases(values, SIZE)


def relabelling_changes_nothing(theta, x, _):
    """All orders of the components, and the responsibilities moving along."""
    orders = list(itertools.permutations(range(len(theta.mixing_logits))))
    value = em.relabelling(lambda t: mixture.log_evidence(t, x), cases.relabel_mixture, theta, orders, SIZE)
    order = [2, 0, 1]
    moved = mixture.posterior(cases.relabel_mixture(theta, order), x)
    labels = compare("labels", mixture.posterior(theta, x)[:, order], moved, rounding(64.0))
    return combine("relabelling", [value, labels])


MIXTURE_LAWS = (
    log_evidence_is_sum,
    posterior_is_exact,
    log_joint_is_the_oracles,
    q_is_its_definition,
    grad_log_evidence_is_derivative,
    grad_q_is_derivative,
    grad_q_meets_grad_log_evidence,
    m_step_is_stationary,
    evidence_rises_at_least_by_q,
    em_never_decreases,
    relabelling_changes_nothing,
)
