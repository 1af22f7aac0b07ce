"""Small mixtures and hidden Markov models in generic position, as parameters and as probability tables."""

import numpy as np

from refvi.models.categorical_emission import CategoricalEmission
from refvi.models.diagonal_normal_emission import DiagonalNormalEmission
from refvi.models.hidden_markov import HiddenMarkov
from refvi.models.mixture import Mixture
from refvi.models.normal_emission import NormalEmission
from refvi.oracles import latent_models as oracle

KINDS = ("categorical", "full", "tied", "diagonal")


def emission(kind, components=3, seed=0):
    """Parameters of one emission."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    if kind == "categorical":
        return CategoricalEmission(rng.normal(size=(components, 2, 4)))
    means = 1.5 * rng.normal(size=(components, 2))
    if kind == "diagonal":
        return DiagonalNormalEmission(means, 0.5 * rng.normal(size=(components, 2)))
    factors = 1 if kind == "tied" else components
    lower = np.tril(0.5 * rng.normal(size=(factors, 2, 2)), -1)
    diagonal = np.exp(0.4 * rng.normal(size=(factors, 2)))
    return NormalEmission(means, lower + diagonal[:, :, None] * np.eye(2))


def mixture(kind, components=3, seed=0):
    """A mixture."""
    rng = np.random.default_rng([seed, 100])
    return Mixture(rng.normal(size=components), emission(kind, components, seed))


def hidden_markov(kind, states=3, seed=0):
    """A hidden Markov model."""
    rng = np.random.default_rng([seed, 200])
    return HiddenMarkov(
        rng.normal(size=states), rng.normal(size=(states, states)), emission(kind, states, seed)
    )


def data(kind, count=8, seed=0):
    """Data (count, 2)."""
    rng = np.random.default_rng([seed, 300, count])
    if kind == "categorical":
        return rng.integers(0, 4, size=(count, 2))
    return 1.5 * rng.normal(size=(count, 2))


def log_density(parameters, x):
    """(N, K) by the oracle."""
    if isinstance(parameters, CategoricalEmission):
        tables = oracle.softmax(parameters.logits)
        return np.array([[oracle.symbols_log_mass(row, table) for table in tables] for row in x])
    if isinstance(parameters, DiagonalNormalEmission):
        covariances = [np.diag(np.exp(v)) for v in parameters.log_var]
    else:
        covariances = [a @ a.T for a in parameters.cholesky]
        covariances *= len(parameters.means) // len(covariances)
    pairs = list(zip(parameters.means, covariances, strict=True))
    return np.array([[oracle.normal_log_density(row, m, c) for m, c in pairs] for row in x])


def relabel_emission(parameters, order):
    """The components in another order."""
    order = list(order)
    return type(parameters)(*(p[order] if len(p) == len(order) else p for p in parameters))


def relabel_mixture(theta, order):
    """The components in another order."""
    return Mixture(theta.mixing_logits[list(order)], relabel_emission(theta.emission, order))


def relabel_hidden_markov(theta, order):
    """The states in another order."""
    order = list(order)
    transition = theta.transition_logits[np.ix_(order, order)]
    return HiddenMarkov(theta.initial_logits[order], transition, relabel_emission(theta.emission, order))
