"""The sigmoid belief network: enumeration at 60 digits, and exact means of the score-function gradient."""

import itertools

import numpy as np
import pytest
from mpmath import mp

from refvi.specs.sbn import log_evidence
from refvi.specs.sbn_elbo import elbo
from refvi.specs.sbn_gradient import gradient
from refvi.specs.sized import value_of
from tests.specs import exact
from tests.specs.exact import affine, assert_derivative, assert_within, log_bernoulli, log_sum_exp

SIZES = {"K": 3, "B": 2, "D": 2, "X": 3}


def label(thing):
    return exact.label(thing)


def bernoullis(z, logits):
    return mp.fsum(log_bernoulli(v, logit) for v, logit in zip(z, logits, strict=True))


def log_joint(x, z, weights, bias, prior_logits):
    return bernoullis(x, affine(weights, z, bias)) + bernoullis(z, prior_logits)


def evidence(x, weights, bias, prior_logits):
    hidden = [list(z) for z in itertools.product((0, 1), repeat=len(prior_logits))]
    return [log_sum_exp([log_joint(row, z, weights, bias, prior_logits) for z in hidden]) for row in x]


@pytest.mark.parametrize(("name", "inputs"), exact.cases(log_evidence, 3))
def test_evidence_is_the_sum_over_all_hidden_states(name, inputs):
    found = log_evidence.answer(inputs, dict(log_evidence.conventions))
    assert_within(found["value"], exact.value(evidence, inputs), name)


@pytest.mark.parametrize(("name", "inputs"), exact.cases(log_evidence, 2, {"B": 2, "X": 3, "D": 2}))
def test_gradient_of_the_evidence(name, inputs):
    found = exact.gradients(log_evidence, inputs)
    assert set(found) == {"weights", "bias", "prior_logits"} == set(log_evidence.wrt)
    assert_derivative(found, lambda **moved: mp.fsum(evidence(**moved)), inputs, name)


def test_evidence_of_all_observations_sums_to_one():
    rng = np.random.default_rng(3)
    weights, bias, prior_logits = rng.normal(size=(4, 3)), rng.normal(size=4), rng.normal(size=3)
    x = np.array(list(itertools.product((0.0, 1.0), repeat=4)))
    terms = log_evidence.reference(x=x, weights=weights, bias=bias, prior_logits=prior_logits)
    assert np.exp(sum(t.value for t in terms.values())).sum() == pytest.approx(1.0, abs=1e-14)


# ---- ELBO at given samples


def elbo_terms(x, z, logits, weights, bias, prior_logits):
    k, b = len(z), len(x)
    return {
        "likelihood": [
            [bernoullis(x[j], affine(weights, z[i][j], bias)) for j in range(b)] for i in range(k)
        ],
        "prior": [[bernoullis(z[i][j], prior_logits) for j in range(b)] for i in range(k)],
        "entropy": [[-bernoullis(z[i][j], logits[j]) for j in range(b)] for i in range(k)],
    }


@pytest.mark.parametrize(("name", "inputs"), exact.cases(elbo, 3))
def test_terms_of_the_elbo(name, inputs):
    with mp.workdps(exact.DIGITS):
        want = elbo_terms(**{k: exact.exact(v) for k, v in inputs.items()})
    for term, found in elbo.reference(**inputs).items():
        assert_within(found, np.array(want[term], dtype=np.float64), f"{name}: {term}")


@pytest.mark.parametrize(("name", "inputs"), exact.cases(gradient, 2, SIZES))
def test_gradient_is_the_derivative_of_its_surrogate(name, inputs):
    """Mean of sg(reward) log q + log p(x, z)."""
    with mp.workdps(exact.DIGITS):
        at = elbo_terms(**{k: exact.exact(v) for k, v in inputs.items()})
        k, b = np.shape(inputs["z"])[:2]
        reward = [[sum(at[t][i][j] for t in at) for j in range(b)] for i in range(k)]

    def surrogate(**moved):
        now = elbo_terms(**moved)
        pairs = [(i, j) for i in range(k) for j in range(b)]
        return (
            mp.fsum(
                -reward[i][j] * now["entropy"][i][j] + now["likelihood"][i][j] + now["prior"][i][j]
                for i, j in pairs
            )
            / k
        )

    found = exact.gradients(gradient, inputs)
    assert set(found) == {"logits", "weights", "bias", "prior_logits"} == set(gradient.wrt)
    assert_derivative(found, surrogate, inputs, name)


# ---- exact means: one datum, two latents, two samples, 16 tuples

ONE = {
    "x": np.array([[1.0, 0.0, 1.0]]),
    "logits": np.array([[0.5, -1.25]]),
    "weights": np.array([[0.75, -1.5], [2.25, 0.5], [-0.25, 1.25]]),
    "bias": np.array([0.25, -0.75, 1.5]),
    "prior_logits": np.array([-0.75, 0.25]),
}
WRT = ("logits", "weights", "bias", "prior_logits")
STATES = np.array(list(itertools.product((0.0, 1.0), repeat=2)))


def flat(gradients):
    whole = {
        name: sum(value_of(t) for t in g.values()) if isinstance(g, dict) else value_of(g)
        for name, g in gradients.items()
    }
    return np.concatenate([np.ravel(whole[name]) for name in WRT])


def over_tuples(function):
    p = 1 / (1 + np.exp(-ONE["logits"][0]))
    q = np.prod(np.where(STATES == 1, p, 1 - p), axis=1)
    pairs = itertools.product(range(4), repeat=2)
    return sum(q[i] * q[j] * function(STATES[[i, j]][:, None]) for i, j in pairs)


def exact_elbo(x, logits, weights, bias, prior_logits):
    """Sum over the four states at 60 digits."""
    total = 0
    for z in itertools.product((0, 1), repeat=2):
        q = bernoullis(z, logits[0])
        total += mp.exp(q) * (log_joint(x[0], z, weights, bias, prior_logits) - q)
    return total


TARGET = np.concatenate([np.ravel(exact.differences(exact_elbo, ONE, name)) for name in WRT])


def test_mean_of_the_estimator_is_the_gradient_of_the_elbo():
    assert over_tuples(lambda z: flat(gradient.gradient(**ONE, z=z))) == pytest.approx(TARGET, abs=1e-13)


@pytest.mark.parametrize("slug", gradient.relatives)
def test_relatives_have_the_same_mean(slug):
    relative = gradient.relatives[slug].wrong
    assert over_tuples(lambda z: flat(relative(**ONE, z=z))) == pytest.approx(TARGET, abs=1e-13)


@pytest.mark.parametrize("slug", gradient.mistakes)
def test_mistakes_have_another_mean(slug):
    wrong = gradient.mistakes[slug].wrong
    mean = over_tuples(lambda z: flat({**gradient.gradient(**ONE, z=z), **wrong(**ONE, z=z)}))
    far = np.max(np.abs(mean - TARGET))
    assert (
        (far < 1e-13) if slug == "log-of-sigmoid" else (far > 1e-2)
    )  # a rounded sigmoid is right off the edges


@pytest.mark.parametrize("slug", elbo.relatives)
def test_relatives_of_the_elbo_have_the_same_mean(slug):
    with mp.workdps(exact.DIGITS):
        want = float(exact_elbo(**{k: exact.exact(v) for k, v in ONE.items()}))
    plain = over_tuples(lambda z: sum(t.value for t in elbo.reference(**ONE, z=z).values()).mean())
    relative = elbo.relatives[slug].wrong
    assert plain == pytest.approx(want, abs=1e-13)
    assert over_tuples(lambda z: value_of(relative(**ONE, z=z)).mean()) == pytest.approx(want, abs=1e-13)
