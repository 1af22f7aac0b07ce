"""Mixtures: a component is drawn, then the datum from its emission. Evidence, posterior and EM's two steps, exactly.

    z_n ~ Categorical(softmax(mixing_logits)),   x_n | z_n = k ~ emission k

With a `CategoricalEmission` the latent class model (categorical mixture), with a `NormalEmission` or
`DiagonalNormalEmission` the Gaussian mixture. The gradient of the log evidence is the posterior expectation of the
complete-data score (Fisher's identity), so it is the gradient of Q at theta = theta'.
Not here: the loops (`refvi.algorithms`); which emission (`refvi.models.emissions`).

Source      Dempster, Laird and Rubin 1977, "Maximum likelihood from incomplete data via the EM algorithm", section 4.3;
            Bishop 2006, Pattern Recognition and Machine Learning, eq 9.23, 9.40
Checked by  tests/models/test_categorical_mixture.py, tests/models/test_gaussian_mixture.py
"""

import math
from typing import NamedTuple

import numpy as np

from refvi.errors import UsageError
from refvi.kernels.logspace import softmax
from refvi.kernels.portable import portable
from refvi.models import tables
from refvi.models.emissions import emission_functions
from refvi.targets import get_target


class Mixture(NamedTuple):
    """Parameters, and gradients by them.

    mixing_logits  (K,) of the components; -inf is an absent component
    emission       parameters of one of the emissions, K components
    """

    mixing_logits: np.ndarray
    emission: NamedTuple


class MixtureStatistics(NamedTuple):
    """Expected sufficient statistics of the complete data.

    components  (K,) sum_n p(z_n = k | x_n)
    emission    statistics of the emission
    """

    components: np.ndarray
    emission: NamedTuple


class LogTerms(NamedTuple):
    """What the kernel reads.

    log_mixing   (K,) log probabilities of the components
    log_density  (N, K) log p(x_n | z_n = k)
    """

    log_mixing: np.ndarray
    log_density: np.ndarray


@portable
def posterior_row(item, inputs, out, scratch):  # noqa: ARG001
    """Log evidence of one datum and the posterior of its component.

    Formula     out_0 = log p(x) = log sum_k exp( log pi_k + log p(x | k) );  out_(1+k) = p(k | x)
    Gradient    d log p(x) / d log pi_k = d log p(x) / d log p(x | k) = p(k | x)
    Shapes      inputs LogTerms, out (1 + K,)
    Domain      -inf allowed; where all terms are -inf the evidence is -inf and the posterior NaN
    Stability   shifted by the largest term
    """
    weights = out[1:]
    for k in range(inputs.log_mixing.shape[0]):
        weights[k] = inputs.log_mixing[k] + inputs.log_density[item, k]
    out[0] = softmax(weights, weights)


def check(theta):
    """One sentence where the parameters are not a mixture."""
    if not isinstance(theta, Mixture):
        raise UsageError(f"theta must be a Mixture, got {type(theta).__name__}")
    logits = np.asarray(theta.mixing_logits, dtype=np.float64)
    emission_functions(theta.emission).check(theta.emission)
    components = len(theta.emission[0])
    if logits.shape != (components,):
        raise UsageError(f"mixing_logits must have shape ({components},), got {logits.shape}")
    if np.any(np.isnan(logits)) or np.any(logits == np.inf) or np.all(logits == -np.inf):
        raise UsageError("mixing_logits must be finite or -inf, and not all -inf")


def log_joint(theta, x, target="python"):
    """Log joint of every datum with every component, log p(x_n, z_n = k), (N, K)."""
    check(theta)
    log_density = emission_functions(theta.emission).log_density(theta.emission, x, target)
    return tables.log_probabilities(theta.mixing_logits, target) + log_density


def _posterior(theta, x, target):
    """(N, 1 + K): log evidence and responsibilities."""
    check(theta)
    log_density = emission_functions(theta.emission).log_density(theta.emission, x, target)
    inputs = LogTerms(tables.log_probabilities(theta.mixing_logits, target), log_density)
    return get_target(target).rows(posterior_row, inputs, len(log_density), 1 + log_density.shape[1])


def log_evidence(theta, x, target="python"):
    """Log evidence of every datum, log p(x_n; theta), (N,); -inf for an impossible datum."""
    return _posterior(theta, x, target)[:, 0].copy()


def posterior(theta, x, target="python"):
    """Responsibilities p(z_n = k | x_n; theta), (N, K); an impossible datum is refused."""
    return _possible(_posterior(theta, x, target))[:, 1:].copy()


def _possible(rows):
    """The rows, unless a datum has probability zero."""
    impossible = np.flatnonzero(rows[:, 0] == -np.inf)
    if len(impossible):
        raise UsageError(
            f"every datum must have positive probability under the parameters, got zero for x[{impossible[0]}]"
        )
    return rows


def expect(theta, x, target="python"):
    """E step: the total log evidence and the expected statistics under the posterior of theta."""
    rows = _possible(_posterior(theta, x, target))
    return math.fsum(rows[:, 0]), expect_under(theta, x, rows[:, 1:], target)


def expect_under(theta, x, weights, target="python"):
    """Expected statistics under any weights (N, K) of the components: a posterior or a variational q."""
    weights = np.ascontiguousarray(weights, dtype=np.float64)
    emission = emission_functions(theta.emission).expect(theta.emission, x, weights, target)
    return MixtureStatistics(np.array([math.fsum(column) for column in weights.T]), emission)


def q_function(theta, statistics, target="python"):
    """Expected complete-data log likelihood Q(theta, theta'), the statistics being those of theta'.

    Formula     Q = sum_n sum_k p(z_n = k | x_n; theta') log p(x_n, z_n = k; theta)
    """
    mixing = tables.expected_log_mass(statistics.components, theta.mixing_logits, target)
    return mixing + emission_functions(theta.emission).q_function(theta.emission, statistics.emission, target)


def grad_q(theta, statistics, target="python"):
    """Gradient of Q by theta, theta' held fixed, as a `Mixture`."""
    mixing = tables.grad_expected_log_mass(statistics.components, theta.mixing_logits, target)
    emission = emission_functions(theta.emission)
    return Mixture(mixing, emission.grad_q(theta.emission, statistics.emission, target))


def maximise(theta, statistics, target="python"):
    """M step: the parameters that maximise Q; an empty component keeps its emission and gets weight zero."""
    mixing = tables.most_likely(statistics.components, theta.mixing_logits, target)
    emission = emission_functions(theta.emission)
    return Mixture(mixing, emission.maximise(theta.emission, statistics.emission, target))


def grad_log_evidence(theta, x, target="python"):
    """Total log evidence and its gradient: the posterior expectation of the complete-data score.

    Formula     grad L(theta) = sum_n E_{p(z | x_n; theta)} grad log p(x_n, z; theta)
    """
    value, statistics = expect(theta, x, target)
    return value, grad_q(theta, statistics, target)
