"""Small models at their edges, and predicates of what comes back."""

import math

import numpy as np

from refvi.algorithms import (
    categorical_per_datum,
    effective_sample_size,
    em,
    hamiltonian,
    metropolis_hastings,
    svi,
    variational_em,
)
from refvi.models import mixture
from refvi.models.categorical_emission import CategoricalEmission
from refvi.models.diagonal_normal_emission import DiagonalNormalEmission
from refvi.models.hidden_markov import HiddenMarkov
from refvi.models.mixture import Mixture
from refvi.models.normal_emission import NormalEmission

INF, NAN = math.inf, math.nan
X = np.array([[0.5, -1.25], [2.0, 0.75], [-1.5, 0.25], [0.25, 1.0], [-0.75, -2.0]])
EQUAL = np.full((5, 2), 0.75)
LINE = np.array([[i, 2.0 * i] for i in range(5)])
MEANS = [[-1.0, 0.5], [1.0, -0.25]]
LEFT_OUT = "every datum must have positive probability under the parameters, got zero for x"
NO_SEQUENCE = "every sequence must have positive probability under the parameters, got zero for sequence 0"
FLAT = "must be positive definite, got"


def normal(logits=(0.0, 0.0), means=MEANS, cholesky=None):
    K = len(logits)
    factors = np.stack([np.eye(2)] * K) if cholesky is None else np.array(cholesky, float)
    return Mixture(np.array(logits, float), NormalEmission(np.array(means[:K], float), factors))


def diagonal(log_var=((0.0, 0.0), (0.0, 0.0)), means=MEANS):
    return Mixture(np.zeros(2), DiagonalNormalEmission(np.array(means, float), np.array(log_var, float)))


def table(*rows):
    """Two components over symbols."""
    return Mixture(np.zeros(len(rows)), CategoricalEmission(np.array(rows, float)[:, None, :]))


def chain(initial=(0.0, 0.0), transition=((0.0, 0.0), (0.0, 0.0)), symbols=((0.5, -0.5), (0.0, 1.0))):
    emission = CategoricalEmission(np.array(symbols, float)[:, None, :])
    return HiddenMarkov(np.array(initial, float), np.array(transition, float), emission)


def normal_chain(emission):
    return HiddenMarkov(np.zeros(2), np.zeros((2, 2)), emission)


FAR = [[0.0, 0.0], [1e6, 1e6]]
ONE = chain((0.0,), ((0.0,),), ((0.0, 0.0),))
NEVER = ((0.0, -INF), (0.0, -INF))  # the second symbol has probability zero in both states
HALF_NEVER = ((0.0, -INF), (0.0, 0.0))
MODELS = {"em": em.em, "gem": em.generalised_em, "ascent": em.gradient_ascent}


def run(how, model, theta, data, target):
    return MODELS[how](model, theta, data, steps=3, target=target)


def vem(model, family, theta, data, target, **options):
    return variational_em.variational_em(model, family, theta, data, steps=3, target=target, **options)


def stochastic(theta, data, target, batch=2, **options):
    options = {"steps": 3, "schedule": svi.Schedule(1.0), **options}
    return svi.svi(mixture, categorical_per_datum, theta, data, batch=batch, target=target, **options)


def walk(theta, start, target, proposal=None, noise=1.0, uniforms=0.5):
    proposal = metropolis_hastings.random_walk(np.eye(2)) if proposal is None else proposal
    made = np.full((1, 6, 2), noise), np.full((1, 6), uniforms)
    return metropolis_hastings.sample(theta, np.full((1, 2), start), *made, proposal=proposal, target=target)


def hmc(start, target, **options):
    options = {"step_size": 0.1, "steps": 10, **options}
    noise = np.ones((1, 3, 2)), np.full((1, 3), 0.5)
    return hamiltonian.sample(normal(), np.full((1, 2), start), *noise, target=target, **options)


def close(want):
    """The answer is this, to 1e-12."""

    def holds(found):
        found, wanted = np.asarray(found, float), np.asarray(want, float)
        return found.shape == wanted.shape and np.allclose(
            found, wanted, rtol=1e-12, atol=1e-12, equal_nan=True
        )

    return holds


def never_falls(found):
    """A run whose objective is finite and does not fall."""
    values = found.log_evidence if hasattr(found, "log_evidence") else found.elbo
    return np.all(np.isfinite(values)) and np.all(np.diff(values) >= -1e-12 * (1 + np.abs(values[1:])))


def keeps_component(kept):
    """The empty component has weight zero and the emission it had."""

    def holds(found):
        return never_falls(found) and found.theta.mixing_logits[1] == -INF and kept(found.theta.emission)

    return holds


def finite(found):
    if isinstance(found, tuple | list):
        return all(finite(part) for part in found)
    return bool(np.all(np.isfinite(np.asarray(found, float))))


def stays(found):
    """The chain never moves, and says that it accepted nothing."""
    at = found.positions[:, :1]
    return np.all(found.positions == at) and not found.accepted.any() and np.all(found.log_acceptance < 0.0)


def log_density_of_x(k):
    """Log N(x; m_k, I)."""
    return -math.log(2 * math.pi) - 0.5 * ((X - np.array(MEANS[k])) ** 2).sum(1)


SPREAD = X - X.mean(0)
ONE_COMPONENT = -len(X) * (
    math.log(2 * math.pi) + 1.0 + 0.5 * math.log(np.linalg.det(SPREAD.T @ SPREAD / len(X)))
)
CONSTANT = np.full((2, 64), 0.5)
APART = np.repeat([[0.5], [1.5]], 64, 1)
HALF_STUCK = np.stack([np.full(64, 0.5), np.arange(64.0) ** 2 % 5])
KINDS = ("plain", "split", "bulk", "tail")


def worth(draws, target, kinds=KINDS):
    return [effective_sample_size.effective_sample_size(draws, kind=k, target=target) for k in kinds]


def r_hat(draws, target, kinds=("plain", "split", "rank")):
    return [effective_sample_size.r_hat(draws, kind=k, target=target) for k in kinds]
