"""Evidence for variational EM, SVI and amortised inference: divergences over all states, sums over all minibatches."""

import itertools
import math

import numpy as np

from refvi.algorithms import amortised, categorical_per_datum, em, mean_field_chain, svi, variational_em
from refvi.laws import bound, gradient
from refvi.laws import em as em_law
from refvi.laws.compare import compare, rounding
from refvi.laws.outcome import combine
from refvi.models import hidden_markov, mixture
from refvi.oracles import latent_models as oracle
from refvi.registry import latent_cases as cases
from refvi.registry.entry import Entry, Evidence

ALL = ("python", "cpu", "cuda")
SIZE = 1e3
LENGTHS = (5, 1, 4)


def chain(kind, seed=0):
    """A hidden Markov model, three sequences, generic logits of a mean field q."""
    data = hidden_markov.sequences([cases.data(kind, count, seed) for count in LENGTHS])
    logits = np.random.default_rng([seed, 7]).normal(size=(sum(LENGTHS), 3))
    return cases.hidden_markov(kind, seed=seed), data, logits


def tables_of(theta, data, logits, n):
    """Paths, log joint and log q of sequence n, by the oracle."""
    at = slice(data.offsets[n], data.offsets[n + 1])
    q, initial = oracle.softmax(logits[at]), oracle.softmax(theta.initial_logits)
    transition, density = (
        oracle.softmax(theta.transition_logits),
        cases.log_density(theta.emission, data.x[at]),
    )

    def log_joint(path):
        return oracle.path_log_joint(path, initial, transition, density)

    def log_q(path):
        return math.fsum(oracle.log(q[t, s]) for t, s in enumerate(path))

    return oracle.all_paths(3, len(density)), log_joint, log_q


def check_mean_field_elbo(quick=True, target="python"):
    """The gap of the mean field bound is KL(q || posterior) over all paths."""
    outcomes = []
    for kind in cases.KINDS[:1] if quick and target == "cuda" else cases.KINDS:
        for seed in range(1 if quick else 4):
            theta, data, logits = chain(kind, seed)
            for n, value in enumerate(mean_field_chain.elbo(theta, logits, data, target)):
                paths, log_joint, log_q = tables_of(theta, data, logits, n)
                outcomes.append(bound.gap_is_divergence(value, log_joint, log_q, paths))
    return combine("the gap is KL(q || posterior) over all paths", outcomes)


def check_per_datum_elbo(quick=True, target="python"):
    """The gap of the bound of a mixture is KL(q || posterior) over its components."""
    outcomes = []
    for kind in cases.KINDS[:1] if quick and target == "cuda" else cases.KINDS:
        theta, x = cases.mixture(kind), cases.data(kind)
        logits = np.random.default_rng(1).normal(size=(len(x), 3))
        mixing, density = oracle.softmax(theta.mixing_logits), cases.log_density(theta.emission, x)
        q = oracle.softmax(logits)
        for n, value in enumerate(categorical_per_datum.elbo(theta, logits, x, target)):
            outcomes.append(
                bound.gap_is_divergence(
                    value,
                    lambda s, n=n, m=mixing, d=density: oracle.mixture_log_joint(s[0], m, d[n]),
                    lambda s, n=n, q=q: oracle.log(q[n, s[0]]),
                    [(k,) for k in range(3)],
                )
            )
    return combine("the gap is KL(q || posterior) over the components", outcomes)


def check_gradients(quick=True, _target="python"):
    """Gradients of both bounds by the logits of q are derivatives."""
    outcomes = []
    for kind in cases.KINDS[:2] if quick else cases.KINDS:
        data, at = (
            hidden_markov.sequences([cases.data(kind, n) for n in (3, 1)]),
            np.random.default_rng(2).normal(size=(4, 3)),
        )
        for family, theta, given in (
            (mean_field_chain, cases.hidden_markov(kind), data),
            (categorical_per_datum, cases.mixture(kind), data.x),
        ):
            outcomes.append(
                gradient.gradient_is_derivative(
                    lambda a, f=family, t=theta, g=given: math.fsum(f.elbo(t, a, g)),
                    lambda a, f=family, t=theta, g=given: f.grad_elbo(t, a, g),
                    at,
                    name="grad_logits",
                    magnitude=SIZE,
                )
            )
    return combine(gradient.DERIVATIVE, outcomes)


def check_sweeps(quick=True, target="python"):
    """Coordinate ascent over q never lowers the bound of any sequence."""
    outcomes = []
    for kind in cases.KINDS:
        theta, data, logits = chain(kind)
        values = []
        for _ in range(10 if quick else 50):
            values.append(mean_field_chain.elbo(theta, logits, data, target))
            logits = mean_field_chain.improve(theta, logits, data, target)
        outcomes += [em_law.never_decreases(column, SIZE, name="ELBO") for column in np.array(values).T]
    return combine("no sweep lowers the ELBO", outcomes)


def check_variational_em(quick=True, target="python"):
    """Variational EM never falls, stays below the evidence, and is EM where the family holds the posterior."""
    outcomes = []
    for kind in cases.KINDS:
        theta, x = cases.mixture(kind), cases.data(kind, 20)
        exact = em.em(mixture, theta, x, steps=3, target=target)
        flat = variational_em.variational_em(mixture, categorical_per_datum, theta, x, steps=3, target=target)
        outcomes.append(compare("is EM", exact.theta, flat.theta, rounding(SIZE), "theta"))
        # Long runs need enough data that no covariance collapses: the maximum of the likelihood is a pole there.
        parts = [cases.data(kind, n, seed=n) for n in ((12, 9, 1) if quick else (40, 25, 1))]
        given = hidden_markov.sequences(parts)
        run = variational_em.variational_em(
            hidden_markov,
            mean_field_chain,
            cases.hidden_markov(kind),
            given,
            steps=3 if quick else 10,
            target=target,
        )
        outcomes.append(em_law.never_decreases(run.elbo, 1e4, name="ELBO"))
        evidence = math.fsum(hidden_markov.log_evidence(run.theta, given, target))
        outcomes.append(em_law.gaps_add_up(evidence, run.elbo[-1], run.elbo[-1], magnitude=1e4))
    return combine("no step lowers the ELBO; EM where the family holds the posterior", outcomes)


def minibatch_outcomes(theta, x, size, target):
    """Objective and gradient averaged over every minibatch of this size."""
    family, total = categorical_per_datum, len(x)
    logits = np.random.default_rng(3).normal(size=(total, 3))
    subsets = list(itertools.combinations(range(total), size))

    def objective(chosen):
        return svi.minibatch_objective(family, theta, logits[list(chosen)], x[list(chosen)], total, target)

    def slope(chosen):
        part = logits[list(chosen)], x[list(chosen)]
        return svi.minibatch_gradient(mixture, family, theta, *part, total, target)

    full = math.fsum(family.elbo(theta, logits, x, target))
    full_slope = mixture.grad_q(theta, family.expect(theta, logits, x, target), target)
    yield em_law.minibatches_average_to_all(objective, subsets, full, SIZE)
    yield em_law.minibatches_average_to_all(slope, subsets, full_slope, SIZE, name="gradient")


def check_minibatches(quick=True, target="python"):
    """The mean over every minibatch of 1, 2, 3 out of 7 data is the full-data value."""
    outcomes = []
    for kind in cases.KINDS[:1] if quick else cases.KINDS:
        for size in (1, 2, 3):
            outcomes += minibatch_outcomes(cases.mixture(kind), cases.data(kind, 7), size, target)
    return combine("the mean over all minibatches is the full-data value", outcomes)


def check_amortised(quick=True, _target="python"):
    """Both gaps in order, each zero where it must be; gradients by theta and phi are derivatives."""
    theta, x = cases.mixture("categorical"), cases.data("categorical", 8)
    features, rng = amortised.one_hot(x, 4), np.random.default_rng(0)
    best = categorical_per_datum.improve(theta, None, x)
    joint = amortised.Joint(theta, amortised.Encoder(rng.normal(size=(3, 8)), rng.normal(size=3)))
    gaps = amortised.gaps(mixture, categorical_per_datum, joint, features, x, best)
    outcomes = [
        compare("no approximation gap", np.zeros(8), gaps.approximation, rounding(SIZE), "approximation")
    ]
    for data in (
        [[cases.data("categorical", 5)]] if quick else [[cases.data("categorical", n)] for n in (2, 5, 6)]
    ):
        chain_theta = cases.hidden_markov("categorical")
        given = hidden_markov.sequences(data)
        found = mean_field_chain.best(chain_theta, given, starts=3)
        part = amortised.Joint(chain_theta, joint.encoder)
        hot = amortised.one_hot(given.x, 4)
        gap = amortised.gaps(hidden_markov, mean_field_chain, part, hot, given, found)
        evidence = float(hidden_markov.log_evidence(chain_theta, given)[0])
        reached = float(amortised.elbo(mean_field_chain, part, hot, given)[0])
        outcomes.append(
            em_law.gaps_add_up(evidence, evidence - gap.approximation[0], reached, magnitude=SIZE)
        )
    small = amortised.Joint(theta, joint.encoder)
    outcomes.append(
        gradient.gradient_is_derivative(
            lambda p: math.fsum(amortised.elbo(categorical_per_datum, p, features[:3], x[:3])),
            lambda p: amortised.grad_elbo(mixture, categorical_per_datum, p, features[:3], x[:3]),
            small,
            magnitude=SIZE,
        )
    )
    return combine("the gaps are in order, the gradients derivatives", outcomes)


ENTRIES = [
    Entry("algorithms.categorical_per_datum", "family", "S6", categorical_per_datum),
    Entry("algorithms.mean_field_chain", "family", "S6", mean_field_chain),
    Entry("algorithms.variational_em", "algorithm", "S6", variational_em.variational_em),
    Entry("algorithms.svi", "algorithm", "S6", svi.svi),
    Entry("algorithms.svi.minibatch_objective", "estimator", "S6", svi.minibatch_objective),
    Entry("algorithms.amortised", "algorithm", "S6", amortised.amortised_ascent),
    Entry("algorithms.amortised.gaps", "objective", "S6", amortised.gaps),
]

DIFFERENCES = "4 times the differences' own error estimate"
BOTH = ("python", "cpu")


def _row(name, words, tolerance, run, targets=("python",)):
    return Evidence("S6", f"algorithms.{name}", words, tolerance, run, targets)


EVIDENCE = [
    _row("categorical_per_datum", "the gap is KL(q || posterior)", "8·u·S", check_per_datum_elbo, ALL),
    _row(
        "mean_field_chain",
        "the gap is KL(q || posterior) over all paths",
        "8·u·S",
        check_mean_field_elbo,
        ALL,
    ),
    _row("mean_field_chain", "gradients by the logits are derivatives", DIFFERENCES, check_gradients),
    _row("mean_field_chain", "no sweep lowers the ELBO", "8·u·S", check_sweeps, BOTH),
    _row(
        "variational_em",
        "no step lowers the ELBO; EM where q can be exact",
        "8·u·S",
        check_variational_em,
        BOTH,
    ),
    _row(
        "svi.minibatch_objective", "unbiased, summed over every minibatch", "8·u·S", check_minibatches, BOTH
    ),
    _row("amortised.gaps", "gaps in order, gradients derivatives", f"8·u·S; {DIFFERENCES}", check_amortised),
]
