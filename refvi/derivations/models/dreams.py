"""Wake-sleep with tables: p_θ(x, z) = p(z) softmax, q_φ(z | x) softmax; gradients of both phases by hand.

Axes of every table are (x, z), of every gradient (parameter, x, z). Not here: maxima (`phases`), logistic units (`bits`).
"""

import itertools
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from refvi.derivations.models.arrays import keep, nabla, rows_of, softmax_rows, sum_all, transposed
from refvi.derivations.models.tables import fractions
from refvi.derivations.numbers import Number, exp, log, number, total


@dataclass(frozen=True)
class Dreams:
    """θ: logits of p(x | z), one row of X for each z, then a tilt of the prior for each z; φ: S logits for each x.

    xs         the data, numbers of x; the law of the data is their frequency
    exact      q_φ is replaced by the posterior
    fitted     the law of the data is p_θ(x)
    frozen_prior  the tilt of the prior is no parameter: its gradient is zero
    """

    theta: tuple
    phi: tuple
    prior_weights: tuple
    xs: tuple
    exact: bool = False
    fitted: bool = False
    frozen_prior: bool = False

    @property
    def S(self):
        """States of z."""
        return len(self.prior_weights)

    @property
    def X(self):
        """Values of x."""
        return len(self.phi) // self.S

    @property
    def N(self):
        """Number of data."""
        return len(self.xs)

    def p_at(self, theta):
        """p_θ(x, z)."""
        cut = self.S * self.X
        likelihood = transposed(softmax_rows(rows_of(theta[:cut], self.X)))
        tilted = fractions(self.prior_weights) * exp(number(theta[cut:]))
        return tilted / total(tilted) * likelihood

    @cached_property
    def p(self):
        """p_θ(x, z) at the model's θ."""
        return self.p_at(self.theta)

    @cached_property
    def prior(self):
        """p_θ(z), shape (S,)."""
        return total(transposed(self.p))

    @cached_property
    def likelihood(self):
        """p_θ(x | z)."""
        return self.p / self.prior

    @cached_property
    def p_x(self):
        """p_θ(x), shape (X,)."""
        return total(self.p)

    @cached_property
    def posterior(self):
        """p_θ(z | x)."""
        return self.p / keep(self.p_x)

    def q_at(self, phi):
        """q_φ(z | x)."""
        return softmax_rows(rows_of(phi, self.S))

    @cached_property
    def q(self):
        """q_φ(z | x) at the model's φ."""
        return self.posterior if self.exact else self.q_at(self.phi)

    @cached_property
    def data(self):
        """Law of the data, shape (X,)."""
        return self.p_x if self.fitted else fractions(np.bincount(self.xs, minlength=self.X))

    def E_data(self, f):
        """E over the data of a function of x, shape (X,)."""
        return total(self.data * f)

    def E_wake(self, f):
        """E over x from the data and z ~ q(z | x)."""
        return sum_all(keep(self.data) * self.q * f)

    def E_dream(self, f):
        """E over (x, z) ~ p_θ(x, z)."""
        return sum_all(self.p * f)

    def E_x(self, f):
        """E over x ~ p_θ(x) of a function of x, shape (X,)."""
        return total(self.p_x * f)

    @staticmethod
    def KL(a, b):
        """KL(a(z|x) || b(z|x)) for every x, shape (X,)."""
        return total(a * log(a / b))

    @cached_property
    def grad_log_p(self):
        """∇_θ log p_θ(x, z)."""
        z, x = np.divmod(np.arange(self.S * self.X), self.X)
        hit = 1.0 * (np.arange(self.X)[:, None] == x[:, None, None])
        here = 1.0 * (np.arange(self.S) == z[:, None, None])
        decoder = (hit - keep(keep(self.likelihood[x, z]))) * here
        tilt = 1.0 * np.eye(self.S)[:, None, :] - keep(keep(self.prior)) + np.zeros((1, self.X, 1))
        tilt = 0.0 * tilt if self.frozen_prior else tilt
        return _joined(decoder, tilt)

    @cached_property
    def grad_log_q(self):
        """∇_φ log q_φ(z | x)."""
        x, z = np.divmod(np.arange(self.S * self.X), self.S)
        hit = 1.0 * (np.arange(self.S) == z[:, None, None])
        here = 1.0 * (np.arange(self.X)[:, None] == x[:, None, None])
        return (hit - keep(keep(self.q_at(self.phi)[x, z]))) * here

    def log_evidence_at(self, theta):
        """E_data log p_θ(x) at any θ."""
        return self.E_data(log(total(self.p_at(theta))))

    def bound_at(self, theta):
        """E_data of L(θ, φ; x) at any θ."""
        return self.E_wake(log(self.p_at(theta) / self.q))

    def mean_log_likelihood_at(self, theta):
        """E_data E_q log p_θ(x | z) at any θ."""
        p = self.p_at(theta)
        return self.E_wake(log(p / total(transposed(p))))

    def bound_on_dreams_at(self, phi):
        """L(θ, φ; x) averaged over x ~ p_θ(x), at any φ."""
        q = self.q_at(phi)
        return self.E_x(total(q * log(self.p / q)))

    def description_length_at(self, theta, phi):
        """Mean bits-back code length of the data in nats: E_data E_q [-log p_θ(x, z) + log q_φ(z|x)]."""
        q = self.q_at(phi)
        return sum_all(keep(self.data) * q * (-log(self.p_at(theta)) + log(q)))

    def description_length_of_theta(self, theta):
        """The same as a function of θ."""
        return self.description_length_at(theta, self.phi)

    def divergence_on_dreams_at(self, phi):
        """E_{p_θ(x)} KL(p_θ(z|x) || q_φ(z|x)) at any φ."""
        return self.E_x(self.KL(self.posterior, self.q_at(phi)))

    total = staticmethod(total)

    def wake_along(self, phi):
        """u · wake update at any φ, u fixed."""
        wake = sum_all(keep(self.data) * self.q_at(phi) * self.grad_log_p)
        return total(self.u * wake)

    def sleep_along(self, theta):
        """v · sleep update at any θ, v fixed."""
        return total(self.v * sum_all(self.p_at(theta) * self.grad_log_q))

    @cached_property
    def u(self):
        """A direction of θ."""
        return np.cos(1.0 + np.arange(len(self.theta)))

    @cached_property
    def v(self):
        """A direction of φ."""
        return np.cos(2.0 * np.arange(len(self.phi)))

    def nabla_theta(self, function):
        """∇_θ of a scalar function at the model's θ, by differences."""
        return nabla(function, self.theta)

    def nabla_phi(self, function):
        """∇_φ of a scalar function at the model's φ, by differences."""
        return nabla(function, self.phi)

    def E_pairs(self, f):
        """E over N pairs (x^i, z^i) ~ p_θ; f takes the numbers of x and of z, each of shape (N, tuples)."""
        cells = itertools.product(range(self.X * self.S), repeat=self.N)
        x, z = np.divmod(np.array(list(cells)).T, self.S)
        weight = number(1.0)
        for i in range(self.N):
            weight = weight * self.p[x[i], z[i]]
        return total(weight * f(x, z))


def _joined(a, b):
    """Two gradients, one after the other."""
    return Number(*(np.concatenate([getattr(a, n), getattr(b, n)]) for n in ("value", "size", "error")))


def dreams(draws):
    """A generic one, with two or three x, two z and two data."""
    X = draws.integer(2, 3)
    return Dreams(
        draws.reals(2 * X + 2, -1.2, 1.2),
        draws.reals(2 * X, -1.2, 1.2),
        draws.weights(2),
        (draws.integer(0, X - 1), draws.integer(0, X - 1)),
    )


def exact_or_not(draws):
    """Every other time with q_φ the posterior."""
    return replace(dreams(draws), exact=bool(draws.integer(0, 1)))


def fitted_and_exact_or_not(draws):
    """Every other time with p_θ(x) the law of the data and q_φ the posterior."""
    yes = bool(draws.integer(0, 1))
    made = dreams(draws)
    if not yes:
        return made
    logits = tuple(float(a) for a in np.log(made.posterior.value.ravel()))
    return replace(made, phi=logits, exact=True, fitted=True)


def fitted_or_not(draws):
    """Every other time with p_θ(x) the law of the data."""
    return replace(dreams(draws), fitted=bool(draws.integer(0, 1)))


def movable_or_fixed_prior(draws):
    """Every other time with a prior without parameters."""
    return replace(dreams(draws), frozen_prior=bool(draws.integer(0, 1)))
