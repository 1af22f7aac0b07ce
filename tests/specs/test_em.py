"""Specs of EM, SVI and variational Bayes against their definitions at 60 digits."""

import itertools
import math

import numpy as np
import pytest
from mpmath import mp

from refvi.specs import em, held_out, svi
from refvi.specs.spec import PROJECTIONS
from tests.specs import exact

SIZES = {"B": 3, "C": 2, "P": 2}


def plogp(p):
    return p * mp.log(p) if p > 0 else mp.mpf(0)


def q_function(log_joint, responsibilities):
    return [
        mp.fsum(r * v for r, v in zip(*rows, strict=True))
        for rows in zip(responsibilities, log_joint, strict=True)
    ]


def elbo(log_joint, q):
    return [a - mp.fsum(map(plogp, row)) for a, row in zip(q_function(log_joint, q), q, strict=True)]


def evidence_score(log_joint, score):
    """The derivative of sum_b log sum_c exp(log_joint + h · score) at h = 0, per parameter."""
    found = []
    for p in range(len(score[0][0])):
        sides = []
        for h in (mp.mpf(exact.STEP), -mp.mpf(exact.STEP)):
            logs = [
                [v + h * s[p] for v, s in zip(*rows, strict=True)]
                for rows in zip(log_joint, score, strict=True)
            ]
            sides.append(mp.fsum(map(exact.log_sum_exp, logs)))
        found.append((sides[0] - sides[1]) / (2 * mp.mpf(exact.STEP)))
    return found


def minibatch(local_elbo, global_kl, total):
    return total / len(local_elbo) * mp.fsum(local_elbo) - global_kl


def per_word(local_elbo, words, global_kl, train_words):
    return mp.fsum(local_elbo) / mp.fsum(words) - global_kl / train_words


def expected_log(concentration):
    return [[mp.digamma(a) - mp.digamma(mp.fsum(row)) for a in row] for row in concentration]


DEFINITIONS = [
    (em.q_function, q_function),
    (em.elbo, elbo),
    (em.evidence_score, evidence_score),
    (svi.minibatch_objective, minibatch),
    (svi.dirichlet_expected_log, expected_log),
    (held_out.held_out, per_word),
]
CASES = [
    pytest.param(spec, definition, inputs, id=f"{spec.id} {name}")
    for spec, definition in DEFINITIONS
    for name, inputs in exact.cases(spec, 2, SIZES)
]


def whole(found):
    return mp.fsum(whole(v) for v in found) if isinstance(found, list) else found


@pytest.mark.parametrize(("spec", "definition", "inputs"), CASES)
def test_value_is_the_definition(spec, definition, inputs):
    found = spec.answer(inputs, dict(spec.conventions))["value"]
    with mp.workdps(exact.DIGITS):
        want = np.array(definition(**{k: exact.exact(v) for k, v in inputs.items()}), dtype=object).astype(
            float
        )
    exact.assert_within(found, want, spec.id)


@pytest.mark.parametrize(
    ("spec", "definition", "inputs"), [c for c in CASES if c.values[0].gradient and "certain" not in c.id]
)
def test_gradient_is_the_derivative_of_the_definition(spec, definition, inputs):
    found = exact.gradients(spec, inputs)
    assert set(found) == set(spec.wrt)
    for wrt, g in found.items():
        if wrt == "global_kl":
            want = -1.0 / inputs.get("train_words", 1.0)  # the objective is affine in it
        else:
            want = exact.differences(lambda **i: whole(definition(**i)), inputs, wrt)
        project = PROJECTIONS.get(next(i.domain for i in spec.inputs if i.name == wrt))
        exact.assert_within(
            project(g) if project else g, project(want).value if project else want, wrt, 1e-30
        )


def test_the_minibatch_objective_is_unbiased():
    """The mean over all minibatches of 3 out of 7 is the full objective; of every mistake it is not."""
    rng = np.random.default_rng(0)
    local, kl, N = rng.normal(size=7) - 3.0, np.asarray(1.5), np.asarray(7.0)
    full = math.fsum(local) - 1.5
    subsets = list(itertools.combinations(range(7), 3))

    def mean(estimate):
        return math.fsum(float(estimate(local[list(b)])) for b in subsets) / len(subsets)

    def value(terms):
        return sum(t.value for t in terms.values())

    assert abs(mean(lambda x: value(svi._minibatch(x, kl, N))) - full) < 1e-13
    for slug, mistake in svi.minibatch_objective.mistakes.items():
        assert abs(mean(lambda x, m=mistake: value(m.wrong(x, kl, N))) - full) > 0.1, slug


def test_expected_log_is_the_mean_of_the_logarithm():
    """Against the integral of log p under the Beta marginal, by quadrature at 30 digits."""
    a, b = 1.25, 2.75
    with mp.workdps(30):
        density = lambda p: p ** (mp.mpf(a) - 1) * (1 - p) ** (mp.mpf(b) - 1) / mp.beta(a, b)
        want = mp.quad(lambda p: mp.log(p) * density(p), [0, mp.mpf("0.01"), 0.5, 1])
    found = svi.dirichlet_expected_log.answer({"concentration": np.array([[a, b]])}, {})["value"]
    assert abs(found.value[0, 0] - float(want)) < 1e-12
