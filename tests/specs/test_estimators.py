"""Score-function and pathwise gradients: definitions at 60 digits, exact means over all samples or by quadrature."""

import itertools

import numpy as np
import pytest
from mpmath import mp

from refvi.specs import pathwise, score
from refvi.specs.sized import value_of
from tests.specs import exact
from tests.specs.exact import affine, assert_derivative, assert_within, log_bernoulli, log_normal

SIZES = {"K": 3, "B": 2, "D": 2, "X": 3}
PATHWISE = tuple(pathwise.ALL.values())
SCORE = (score.plain, score.leave_one_out)


def label(thing):
    return exact.label(thing)


def summed(gradients):
    """Plain arrays, terms summed."""
    return {
        name: sum(value_of(t) for t in g.values()) if isinstance(g, dict) else value_of(g)
        for name, g in gradients.items()
    }


# ---- score function


def log_q(z, logits):
    return mp.fsum(log_bernoulli(v, logit) for v, logit in zip(z, logits, strict=True))


@pytest.mark.parametrize(("name", "inputs"), exact.cases(score.plain, 3, SIZES))
def test_score_gradient_is_the_derivative_of_its_surrogate(name, inputs):
    """(1/K) sum_kb f log q with f fixed."""

    def surrogate(z, f, logits):
        k, b = len(f), len(f[0])
        return mp.fsum(f[i][j] * log_q(z[i][j], logits[j]) for i in range(k) for j in range(b)) / k

    assert_derivative(exact.gradients(score.plain, inputs), surrogate, inputs, name)


@pytest.mark.parametrize(("name", "inputs"), exact.cases(score.leave_one_out, 3, SIZES))
def test_leave_one_out_gradient_is_the_mean_over_pairs(name, inputs):
    """The other form: the mean over ordered pairs j != k of (f_k - f_j) log q_k."""

    def surrogate(z, f, logits):
        k = len(f)
        pairs = [(i, j, b) for i in range(k) for j in range(k) if i != j for b in range(len(f[0]))]
        return mp.fsum((f[i][b] - f[j][b]) * log_q(z[i][b], logits[b]) for i, j, b in pairs) / (k * (k - 1))

    assert_derivative(exact.gradients(score.leave_one_out, inputs), surrogate, inputs, name)


LOGITS = np.array([[0.5, -1.25], [0.75, 0.25]])
STATES = np.array(list(itertools.product((0.0, 1.0), repeat=2)))
F = np.array([[0.5, -1.5, 2.25, 3.75], [-0.25, 1.75, 0.5, -2.0]])  # F[b, state]


def mass(logits):
    """Probabilities of the states under the logits of one datum."""
    p = 1 / (1 + np.exp(-logits))
    return np.prod(np.where(STATES == 1, p, 1 - p), axis=1)


def score_mean(estimator):
    """Sum over all pairs of samples of both data: 256 terms."""
    total = 0.0
    q = [mass(row) for row in LOGITS]
    for picks in itertools.product(range(4), repeat=4):
        pick = np.array(picks).reshape(2, 2)  # k, b
        weight = np.prod([q[b][pick[k, b]] for k in range(2) for b in range(2)])
        f = np.array([[F[b, pick[k, b]] for b in range(2)] for k in range(2)])
        with np.errstate(all="ignore"):
            found = summed(estimator(STATES[pick], f, LOGITS))["logits"]
        total = total + weight * found
    return total


def score_target():
    """d E_q f / d logits, from the table: E f z_d - E f E z_d."""
    found = []
    for b, logits in enumerate(LOGITS):
        q = mass(logits)
        found.append((q * F[b]) @ STATES - (q @ F[b]) * (q @ STATES))
    return np.array(found)


TARGET = score_target()


@pytest.mark.parametrize("spec", SCORE, ids=label)
def test_mean_of_the_score_estimator_is_the_gradient(spec):
    assert score_mean(spec.gradient) == pytest.approx(TARGET, abs=1e-14)


@pytest.mark.parametrize(("spec", "slug"), [(s, r) for s in SCORE for r in s.relatives], ids=label)
def test_relatives_of_the_score_estimator_have_its_mean(spec, slug):
    assert score_mean(spec.relatives[slug].wrong) == pytest.approx(TARGET, abs=1e-14)


@pytest.mark.parametrize(("spec", "slug"), [(s, m) for s in SCORE for m in s.mistakes], ids=label)
def test_mistakes_of_the_score_estimator_have_another_mean(spec, slug):
    mean = score_mean(spec.mistakes[slug].wrong)
    assert not np.max(np.abs(mean - TARGET)) < 1e-2


@pytest.mark.parametrize("spec", SCORE, ids=label)
def test_own_sample_in_the_baseline_shrinks_the_mean_by_one_kth(spec):
    wrong = spec.mistakes["baseline-uses-own-sample"].wrong
    assert score_mean(wrong) == pytest.approx(TARGET / 2, abs=1e-14)


# ---- pathwise


def terms(x, mu, std, noise, weights, bias, inside=None):
    """Mean over samples of (log likelihood, log prior, log q), each summed over data; `inside` as q's stopped parameters."""
    inside, found = inside or (mu, std), [0, 0, 0]
    for row in noise:
        for b, eps in enumerate(row):
            z = [m + s * e for m, s, e in zip(mu[b], std[b], eps, strict=True)]
            mean = [mp.tanh(a) for a in affine(weights, z, bias)]
            found[0] += mp.fsum(log_normal(v, m, 1) for v, m in zip(x[b], mean, strict=True)) / len(noise)
            found[1] += mp.fsum(log_normal(v, 0, 1) for v in z) / len(noise)
            found[2] += mp.fsum(map(log_normal, z, inside[0][b], inside[1][b])) / len(noise)
    return found


def elbo(inside=None, **inputs):
    likelihood, prior, log_q = terms(**inputs, inside=inside)
    return likelihood + prior - log_q


def closed_form(**inputs):
    kl = mp.fsum(
        (m**2 + s**2 - 1) / 2 - mp.log(s)
        for ms, ss in zip(inputs["mu"], inputs["std"], strict=True)
        for m, s in zip(ms, ss, strict=True)
    )
    return terms(**inputs)[0] - kl


@pytest.mark.parametrize(("name", "inputs"), exact.cases(pathwise.plain, 2, SIZES))
def test_pathwise_gradients_are_their_definitions(name, inputs):
    stopped = (exact.exact(inputs["mu"]), exact.exact(inputs["std"]))
    surrogates = {
        "plain": elbo,
        "analytic": closed_form,
        "stl": lambda **moved: elbo(inside=stopped, **moved),
    }
    for key, function in surrogates.items():
        assert_derivative(exact.gradients(pathwise.ALL[key], inputs), function, inputs, f"{key}, {name}")


@pytest.mark.parametrize(("name", "inputs"), exact.cases(pathwise.plain, 2, SIZES))
def test_terms_of_the_reference_are_the_terms_of_the_bound(name, inputs):
    found, count = pathwise.plain.reference(**inputs), len(inputs["noise"])
    assert count >= 1
    with mp.workdps(exact.DIGITS):
        likelihood, prior, log_q = terms(**{k: exact.exact(v) for k, v in inputs.items()})
    for term, want in (("likelihood", likelihood), ("prior", prior), ("entropy", -log_q)):
        assert_within(found[term].sum(), float(want), f"{name}: {term}")


ONE = {
    "x": np.array([[1.5, -0.75]]),
    "mu": np.array([[0.5]]),
    "std": np.array([[0.75]]),
    "weights": np.array([[0.75], [-0.5]]),
    "bias": np.array([0.25, -0.5]),
}
WRT = ("mu", "std", "weights", "bias")


def mean_over_noise(function, nodes):
    """E over two standard normal noises of a function of noise (2, 1, 1)."""
    roots, mass = np.polynomial.hermite_e.hermegauss(nodes)
    mass = mass / mass.sum()
    pairs = itertools.product(zip(roots, mass, strict=True), repeat=2)
    return sum(p * q * flat(function(np.array([[[a]], [[b]]]))) for (a, p), (b, q) in pairs)


def flat(gradients):
    whole = summed(gradients)
    return np.concatenate([np.ravel(whole[name]) for name in WRT])


def expected_elbo(**inputs):
    """The bound with the divergence in closed form and 60 nodes for the likelihood."""
    roots, mass = np.polynomial.hermite_e.hermegauss(60)
    mu, std = inputs["mu"][0, 0], inputs["std"][0, 0]
    z = mu + std * roots
    error = inputs["x"][0] - np.tanh(z[:, None] * inputs["weights"][:, 0] + inputs["bias"])
    likelihood = (mass / mass.sum()) @ (-0.5 * error**2).sum(1)
    return float(likelihood - 0.5 * (mu**2 + std**2 - 1) + np.log(std))


def elbo_gradient():
    h, found = 1e-3, []
    for name in WRT:
        for index in np.ndindex(ONE[name].shape):
            five = []
            for step in (-2, -1, 1, 2):
                moved = {k: v.copy() for k, v in ONE.items()}
                moved[name][index] += step * h
                five.append(expected_elbo(**moved))
            found.append((five[0] - 8 * five[1] + 8 * five[2] - five[3]) / (12 * h))
    return np.array(found)


ELBO_GRADIENT = elbo_gradient()


@pytest.mark.parametrize("spec", PATHWISE, ids=label)
def test_mean_of_the_pathwise_estimator_is_the_gradient(spec):
    """The samples enter additively, so that 36 nodes per noise do; the difference is good for 1e-10."""
    mean = mean_over_noise(lambda noise: spec.gradient(**ONE, noise=noise), 36)
    assert mean == pytest.approx(ELBO_GRADIENT, abs=1e-8)


@pytest.mark.parametrize(("spec", "slug"), [(s, r) for s in PATHWISE for r in s.relatives], ids=label)
def test_relatives_of_the_pathwise_estimators_have_their_mean(spec, slug):
    relative = spec.relatives[slug].wrong
    mean = mean_over_noise(lambda noise: relative(**ONE, noise=noise), 36)
    assert mean == pytest.approx(ELBO_GRADIENT, abs=1e-8)


@pytest.mark.parametrize(("spec", "slug"), [(s, m) for s in PATHWISE for m in s.mistakes], ids=label)
def test_mistakes_of_the_pathwise_estimators_have_another_mean(spec, slug):
    """Shared noise alone keeps the mean: it costs variance only, and its words say so."""
    wrong = spec.mistakes[slug].wrong
    mean = mean_over_noise(
        lambda noise: {**spec.gradient(**ONE, noise=noise), **wrong(**ONE, noise=noise)}, 12
    )
    far = np.max(np.abs(mean - ELBO_GRADIENT))
    if spec.mistakes[slug].says.find("the mean is right") >= 0:
        assert far < 1e-4
    elif slug != "kl-mean-over-latents":  # with one latent, mean and sum agree
        assert far > 1e-3
