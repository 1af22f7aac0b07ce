"""A sigmoid belief network of two latent and two visible bits with its recognition network: every sum has 16 terms.

p(z_j = 1) = σ(b_j), p(x_d = 1 | z) = σ(W_d z + c_d), q(z_j = 1 | x) = σ(V_j x + d_j); tables have axes (x, z).
Not here: maxima over parameters (`rounds`), tables without structure (`dreams`).
"""

import itertools
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from refvi.derivations.models.arrays import keep, nabla, reshaped, sum_all, transposed
from refvi.derivations.models.tables import fractions
from refvi.derivations.numbers import exp, log, number, stack, total

BITS = np.array(list(itertools.product((0.0, 1.0), repeat=2)))  # the four states of two bits


def sigmoid(a):
    """1 / (1 + exp(-a))."""
    return 1.0 / (1.0 + exp(-number(a)))


@dataclass(frozen=True)
class Bits:
    """θ = (W row by row, c, b), 8 numbers; φ = (V row by row, d), 6 numbers; the data as weights of the four x."""

    theta: tuple
    phi: tuple
    data_weights: tuple

    z = BITS
    x = BITS

    @staticmethod
    def unit(rows, offset, unit, inputs):
        """Probability that one unit is on for each of the four input states."""
        return sigmoid(rows[2 * unit] * inputs[:, 0] + rows[2 * unit + 1] * inputs[:, 1] + offset[unit])

    def reconstruction_at(self, theta, d):
        """p(x_d = 1 | z), shape (z,)."""
        return self.unit(theta[:4], theta[4:6], d, self.z)

    def likelihood_at(self, theta):
        """p(x | z)."""
        one, two = (_chance(self.reconstruction_at(theta, d), self.x[:, d]) for d in (0, 1))
        return one * two

    def prior_at(self, theta):
        """p(z), shape (z,)."""
        one, two = (sigmoid(theta[6 + j]) for j in (0, 1))
        return _chance(one, self.z[:, 0])[:, 0] * _chance(two, self.z[:, 1])[:, 0]

    def p_at(self, theta):
        """p(x, z)."""
        return self.prior_at(theta) * self.likelihood_at(theta)

    def guess_at(self, phi, j):
        """q(z_j = 1 | x), shape (x,)."""
        return self.unit(phi[:4], phi[4:6], j, self.x)

    def q_at(self, phi):
        """q(z | x)."""
        one, two = (_chance(self.guess_at(phi, j), self.z[:, j]) for j in (0, 1))
        return transposed(one * two)

    @cached_property
    def p(self):
        """p(x, z) at the model's θ."""
        return self.p_at(self.theta)

    @cached_property
    def q(self):
        """q(z | x) at the model's φ."""
        return self.q_at(self.phi)

    @cached_property
    def data(self):
        """Law of the data, a column over x."""
        return keep(fractions(self.data_weights))

    @cached_property
    def posterior(self):
        """p(z | x)."""
        return self.p / keep(total(self.p))

    @cached_property
    def prior(self):
        """p(z), by summing p(x, z) over x."""
        return total(transposed(self.p))

    def E_wake(self, f):
        """E over the data and z ~ q(z | x)."""
        return sum_all(self.data * self.q * f)

    def E_dream(self, f):
        """E over (x, z) ~ p(x, z)."""
        return sum_all(self.p * f)

    def wake_at(self, theta):
        """Wake objective E_data E_q log p_θ(x, z)."""
        return self.E_wake(log(self.p_at(theta)))

    @staticmethod
    def with_other_prior(theta):
        """θ with other biases of the latent units, the layer above."""
        return theta + np.array([0.0] * 6 + [0.37, -0.59])

    def sleep_at(self, phi):
        """Sleep objective E_{p(x,z)} log q_φ(z | x)."""
        return self.E_dream(log(self.q_at(phi)))

    @cached_property
    def grad_sleep(self):
        """∇_φ of the sleep objective by the delta rule, in the order of φ."""
        weights = [self.E_dream(self.error_z(j) * self.x_unit(d)) for j, d in self.pairs]
        return stack(weights + [self.E_dream(self.error_z(j)) for j in (0, 1)])

    def nabla_theta(self, function):
        """∇_θ by differences."""
        return nabla(function, self.theta)

    def nabla_phi(self, function):
        """∇_φ by differences."""
        return nabla(function, self.phi)

    def error_x(self, d):
        """x_d - p(x_d = 1 | z): a visible unit and its top-down reconstruction."""
        return number(self.x[:, d : d + 1]) - self.reconstruction_at(self.theta, d)

    def error_z(self, j):
        """z_j - q(z_j = 1 | x): a latent unit and its bottom-up guess."""
        return number(self.z[:, j]) - keep(self.guess_at(self.phi, j))

    pairs = tuple(
        itertools.product((0, 1), repeat=2)
    )  # (output unit, input unit), in the order of the parameters

    def x_unit(self, d):
        """x_d as a column over x."""
        return number(self.x[:, d : d + 1])

    def z_unit(self, j):
        """z_j as a row over z."""
        return number(self.z[:, j])

    def reconstruction(self, d):
        """p(x_d = 1 | z) at the model's θ, a row over z."""
        return self.reconstruction_at(self.theta, d)

    def guess(self, j):
        """q(z_j = 1 | x) at the model's φ, a column over x."""
        return keep(self.guess_at(self.phi, j))

    def surprise_z(self, j):
        """z_j - p(z_j = 1)."""
        return number(self.z[:, j]) - sigmoid(self.theta[6 + j])

    def single_bits(self, law):
        """Product of the two marginals of a law over the four z (last axis)."""
        on = [total(law * self.z[:, j]) for j in (0, 1)]
        found = stack([_either(on[0], s[0]) * _either(on[1], s[1]) for s in self.z])
        return reshaped(found, lambda v: np.moveaxis(v, 0, -1))


def _either(on, bit):
    return on if bit else 1.0 - on


def _chance(on, bits):
    """Probability of each bit value, shape (bits, inputs) or (bits, 1)."""
    on = number(on)
    on = on if on.shape else keep(on)
    return number(bits[:, None]) * on + number(1.0 - bits[:, None]) * (1.0 - on)


def bits(draws):
    """A generic network."""
    return Bits(draws.reals(8, -1.5, 1.5), draws.reals(6, -1.5, 1.5), draws.weights(4))
