"""What a variational family must obey: mass one, a score of mean zero, its entropy, its path derivative.

A measure `total(function) -> Answer` integrates: `enumeration.total(states)` for discrete latents,
`quadrature.line(low, high)` on an interval, `quadrature.space(mean, covariance)` in R^D. Not here: samples
(`sampler`).
"""

import math

import numpy as np

from refvi.laws.compare import Tolerance, compare, of_answer
from refvi.laws.gradient import gradient_is_derivative
from refvi.laws.outcome import Outcome, combine
from refvi.oracles.trees import leaves, ravel


def mass_is_one(log_q, total, *, name="q"):
    """The density integrates to one.

    Formula     int exp(log_q(z)) dz = 1, within the measure's error and 8·u·S
    Shapes      log_q(z) -> (), total(function) -> Answer
    Checked by  tests/laws/test_family.py
    """
    answer = total(lambda z: _exp(log_q(z)))
    answer = answer._replace(magnitude=answer.magnitude * (2.0 + _size(log_q, total)))
    return compare("mass is one", 1.0, answer.value, of_answer(answer), f"mass of {name}")


def score_has_mean_zero(score, log_q, total, *, name="score"):
    """The score, the gradient of log q in its parameters, has mean zero under q.

    Formula     int q(z) d log q(z) dz = 0, entry by entry;  S = int q |d log q|
    Shapes      score(z) -> tree, log_q(z) -> ()
    Checked by  tests/laws/test_family.py
    """
    answer = total(lambda z: _times(_exp(log_q(z)), score(z)))
    amplification = 2.0 + _size(log_q, total)
    answer = answer._replace(
        magnitude={p: amplification * np.asarray(v) for p, v in leaves(answer.magnitude)}
    )
    zero = _times(0.0, answer.value)
    # The parts of an Answer are compared by path, so that errors keep their entry.
    answer = answer._replace(error=dict(leaves(answer.error)))
    return compare("score has mean zero", zero, answer.value, of_answer(answer), f"E {name}")


def score_is_gradient(score, log_q, parameters, z, *, name="score", **options):
    """The score is the gradient of log q in its parameters, the point held fixed.

    Formula     score(parameters, z) = d log_q(parameters, z) / d parameters
    Shapes      score(parameters, z) -> tree of the structure of parameters
    Checked by  tests/laws/test_family.py
    """
    outcome = gradient_is_derivative(
        lambda p: log_q(p, z), lambda p: score(p, z), parameters, name=name, **options
    )
    return outcome._replace(law="score is the gradient of log q")


def entropy_is_expectation(entropy, log_q, total, *, name="entropy"):
    """The entropy is the expectation of -log q.

    Formula     H = -int q(z) log q(z) dz, 0 log 0 = 0
    Shapes      entropy: a number
    Checked by  tests/laws/test_family.py
    """

    def term(z):
        log = float(log_q(z))
        return -_exp(log) * log if log > -math.inf else 0.0

    answer = total(term)
    answer = answer._replace(magnitude=answer.magnitude + 1.0)
    return compare("entropy is E[-log q]", answer.value, float(entropy), of_answer(answer), name)


def moments_are_stated(log_q, total, mean, variance=None, *, name="q"):
    """The stated mean (and variance, entry by entry) are those of the density.

    Formula     int q z = mean,  int q (z - mean)² = variance
    Shapes      mean and variance: of the structure of one z
    Checked by  tests/laws/test_family.py
    """
    law = "stated moments are the density's"
    first = total(lambda z: _times(_exp(log_q(z)), np.asarray(z, dtype=np.float64)))
    outcomes = [
        compare(law, first.value, np.asarray(mean, dtype=np.float64), of_answer(first), f"mean of {name}")
    ]
    if variance is not None:
        second = total(lambda z: _exp(log_q(z)) * (np.asarray(z, dtype=np.float64) - mean) ** 2)
        stated = np.asarray(variance, dtype=np.float64)
        outcomes.append(compare(law, second.value, stated, of_answer(second), f"variance of {name}"))
    return combine(law, outcomes)


def path_is_derivative(sample, path, parameters, noise, *, name="path", **options):
    """The path derivative is the derivative of the sample in its parameters, the noise held fixed.

    Formula     path(parameters, noise)[d] = d sample(parameters, noise)[d] / d parameters, for every output d
    Shapes      sample(parameters, noise) -> (D,) or (); path -> list of D trees like parameters
    Checked by  tests/laws/test_family.py
    """
    law = "path derivative at fixed noise"
    outputs = np.size(sample(parameters, noise))
    trees = path(parameters, noise)
    if np.shape(sample(parameters, noise)) == ():
        trees = [trees]
    if len(trees) != outputs:
        return Outcome(law, math.inf, 1, f"{name}: expected {outputs} derivatives, actual {len(trees)}")
    outcomes = []
    for d in range(outputs):
        outcome = gradient_is_derivative(
            lambda p, d=d: float(np.ravel(sample(p, noise))[d]),
            lambda p, d=d: _output(path(p, noise), d, outputs, sample, p, noise),
            parameters,
            name=f"{name}[{d}]",
            **options,
        )
        outcomes.append(outcome._replace(law=law))
    return combine(law, outcomes)


def pullback_is_derivative(sample, pullback, parameters, noise, cotangent, *, name="grad_phi", **options):
    """A vector-Jacobian product of the sampling path: what reparameterised gradients are built from.

    Formula     pullback(parameters, noise, c) = d <c, sample(parameters, noise)> / d parameters
    Shapes      sample -> (D,), cotangent (D,), pullback -> tree of the structure of parameters
    Checked by  tests/laws/test_family.py
    """
    c = np.asarray(cotangent, dtype=np.float64)
    outcome = gradient_is_derivative(
        lambda p: float(np.sum(c * np.asarray(sample(p, noise)))),
        lambda p: pullback(p, noise, cotangent),
        parameters,
        name=name,
        **options,
    )
    return outcome._replace(law="path derivative at fixed noise")


def divergence_is_expectation(divergence, log_q, log_p, total, *, name="kl"):
    """A divergence in closed form is the expectation of the difference of the log densities.

    Formula     KL(q || p) = int q(z) (log q(z) - log p(z)) dz
    Checked by  tests/laws/test_family.py
    """

    def term(z):
        log = float(log_q(z))
        return _exp(log) * (log - float(log_p(z))) if log > -math.inf else 0.0

    answer = total(term)
    answer = answer._replace(magnitude=answer.magnitude + 1.0)
    return compare("divergence is E[log q - log p]", answer.value, float(divergence), of_answer(answer), name)


def inverse_returns_the_noise(sample, inverse, parameters, noise, *, magnitude=1.0, name="noise"):
    """A transform and its inverse undo each other.

    Formula     inverse(parameters, sample(parameters, noise)) = noise within 64·u·S
    Checked by  tests/laws/test_family.py
    """
    found = inverse(parameters, sample(parameters, noise))
    size = 64.0 * 2.0**-53 * magnitude * (1.0 + float(np.max(np.abs(noise))))
    tolerance = Tolerance(size, "64·u·S")
    return compare(
        "the inverse returns the noise", np.asarray(noise, float), np.asarray(found, float), tolerance, name
    )


def _exp(log):
    """Exponential of a log density; NaN stays."""
    log = float(log)
    return math.exp(log) if log < 700.0 or math.isnan(log) else math.inf


def _times(weight, tree):
    """A tree times a number; a weight of zero gives zero, whatever the tree holds."""
    vector, rebuild, _ = ravel(tree)
    return rebuild(weight * vector if weight != 0.0 else np.zeros(len(vector)))


def _size(log_q, total):
    """Expectation of |log q|: how much the rounding of a log density moves the density."""
    return float(total(lambda z: _exp(log_q(z)) * abs(max(float(log_q(z)), -745.0))).value)


def _output(trees, d, outputs, sample, parameters, noise):
    """The derivative of output d."""
    scalar = outputs == 1 and np.shape(sample(parameters, noise)) == ()
    return trees if scalar else trees[d]
