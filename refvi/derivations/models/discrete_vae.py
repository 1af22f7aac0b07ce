"""Two latent bits under a decoder that is defined on the whole square: the ELBO, and log p(x, μ) + H(q) in its place.

p(h_k = 1) = μ^h_k, p(x_d = 1 | h) = f_d(h), q(h_k = 1) = μ_k; tables over h have their four states on the last axis, a
function of μ takes any stack of them, shape (..., 2). Every decoder is a formula for f at any point of the square.
Not here: decoders (`discrete_vae_decoders`), learning (`discrete_vae_steps`), the cost of the recognition network
(`discrete_vae_auxiliary`).
"""

import itertools
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from refvi.derivations.models.arrays import keep, nabla, reshaped
from refvi.derivations.models.bits import BITS, sigmoid
from refvi.derivations.models.tables import Enumerated
from refvi.derivations.numbers import Number, approximate, log, number, stack, total

COARSE = np.arange(-7.2, 7.3, 0.6)  # logits of the first grid for the best μ
LEVELS = 8  # refinements, each four times finer


def chance(on, bits):
    """Probability of every bit value."""
    return on * bits + (1.0 - on) * (1.0 - bits)


def product_of(a):
    """Product over the last axis."""
    value = a[..., 0]
    for k in range(1, a.shape[-1]):
        value = value * a[..., k]
    return value


def affine(weights, bias, h):
    """Σ_k weights_dk h_k + bias_d for every d, shape (..., D)."""
    h = number(h)
    weights = number(np.array(weights))
    return keep(h[..., 0]) * weights[:, 0] + keep(h[..., 1]) * weights[:, 1] + np.array(bias)


def square(centre, offsets):
    """All points around a centre, shape (P, 2)."""
    one, two = np.meshgrid(centre[0] + offsets, centre[1] + offsets, indexing="ij")
    return np.stack([one.ravel(), two.ravel()], axis=1)


@dataclass(frozen=True)
class Square(Enumerated):
    """μ^h, μ and one x of D bits; a subclass adds the decoder."""

    mu_prior: tuple
    mu_q: tuple
    bits: tuple

    total = staticmethod(total)
    K = 2

    def f(self, h):
        """μ^x = f(h), shape (..., D)."""
        raise NotImplementedError

    @property
    def h(self):
        """The four states of h, shape (4, 2)."""
        return number(BITS)

    @property
    def x(self):
        """The observed bits."""
        return number(np.array(self.bits, dtype=np.float64))

    @property
    def visibles(self):
        """Every x."""
        return [number(np.array(x, dtype=float)) for x in itertools.product((0, 1), repeat=len(self.bits))]

    @property
    def mu_h(self):
        """Parameters of the prior."""
        return number(np.array(self.mu_prior))

    @property
    def mu(self):
        """Parameters of q."""
        return number(np.array(self.mu_q))

    # ---- the model as tables, by products of probabilities

    def product_law(self, mu):
        """Π_k μ_k^h_k (1 - μ_k)^(1 - h_k), shape (..., 4)."""
        mu = number(mu)
        return product_of(chance(reshaped(mu, lambda v: v[..., None, :]), BITS))

    @cached_property
    def prior(self):
        """p(h)."""
        return self.product_law(self.mu_h)

    @cached_property
    def likelihood(self):
        """p(x | h)."""
        return product_of(chance(self.f(self.h), self.x))

    @property
    def evidence_bit_by_bit(self):
        """p(x), the first latent summed out of the sums over the second."""
        value = number(0.0)
        for one, on in enumerate((1.0 - self.mu_h[0], self.mu_h[0])):
            inner = (1.0 - self.mu_h[1]) * self.likelihood[2 * one] + self.mu_h[1] * self.likelihood[
                2 * one + 1
            ]
            value = value + on * inner
        return value

    # ---- expectations and bounds under q at any μ

    def q_at(self, mu):
        """q(h | x) = Π_k Bernoulli(h_k; μ_k)."""
        return self.product_law(mu)

    @cached_property
    def q(self):
        """q(h | x) at the model's μ."""
        return self.q_at(self.mu)

    @property
    def q_is_positive(self):
        """True where q(h | x) > 0 for every h."""
        return bool(np.all(self.q.value > 0.0))

    @property
    def q_where_positive(self):
        """q(h | x) where it is positive."""
        return self.q[self.q.value > 0.0]

    @property
    def joint_where_positive(self):
        """p(x, h) at the same h."""
        return self.joint[self.q.value > 0.0]

    def E(self, f):
        """E_q of a table at the model's μ."""
        return total(self.q * f)

    def E_at(self, mu, f):
        """E_q of a table at any μ."""
        return total(self.q_at(mu) * f)

    def H(self, mu):
        """Entropy of q at μ, a sum over its bits."""
        mu = number(mu)
        return -total(mu * log(mu) + (1.0 - mu) * log(1.0 - mu))

    def log_p_h(self, h):
        """log p(h) of Eq 2, for any h of the square."""
        h = number(h)
        return total(h * log(self.mu_h) + (1.0 - h) * log(1.0 - self.mu_h))

    def log_p_x(self, mu_x):
        """log p(x | h) of Eq 2 with μ^x given."""
        return total(self.x * log(mu_x) + (1.0 - self.x) * log(1.0 - mu_x))

    def log_p(self, h):
        """log p(x, h) of Eq 2, for any h of the square."""
        return self.log_p_h(h) + self.log_p_x(self.f(h))

    def elbo(self, mu):
        """Σ_h q(h | x) log p(x, h) + H(q) at μ."""
        return self.E_at(mu, log(self.joint)) + self.H(mu)

    def surrogate(self, mu):
        """log p(x, μ) + H(q) at μ."""
        return self.log_p(mu) + self.H(mu)

    @staticmethod
    def KL(a, b):
        """KL(a || b) of two tables."""
        return total(a * log(a / b))

    # ---- maxima over μ

    def arg_max_mu(self, function):
        """The μ that maximises a function of stacks of μ: grids in its logits, each around the best of the last."""
        best, step = np.zeros(2), 0.6
        points = square(best, COARSE)
        for level in range(LEVELS + 1):
            values = number(function(sigmoid(points))).value
            best = points[int(np.argmax(values))]
            if level < LEVELS:
                step /= 4.0
                points = square(best, step * np.arange(-6, 7))
        return approximate(sigmoid(best).value, step)

    def arg_min_mu(self, function):
        """The μ that minimises it."""
        return self.arg_max_mu(lambda mu: -function(mu))

    def max_mu(self, function):
        """The largest value over μ: a step of the last grid away it is larger by a few step² at most."""
        found = number(function(number(self.arg_max_mu(function).value)))
        return Number(found.value, found.size, found.error + 16.0 * (0.6 / 4.0**LEVELS) ** 2)

    def min_mu(self, function):
        """The smallest value over μ."""
        return -self.max_mu(lambda mu: -function(mu))

    def climb(self, function):
        """Where ascent from the model's μ ends: to the best of the eight neighbours in logits until none is better."""
        here = np.log(self.mu.value / (1.0 - self.mu.value))
        steps = 0.2 * np.array(list(itertools.product((-1, 0, 1), repeat=2)))
        for _ in range(100):
            values = number(function(sigmoid(here + steps))).value
            if int(np.argmax(values)) == 4:
                break
            here = here + steps[int(np.argmax(values))]
        return number(sigmoid(here).value)

    @cached_property
    def mu_elbo(self):
        """arg max ELBO."""
        return number(self.arg_max_mu(self.elbo).value)

    @cached_property
    def mu_surrogate(self):
        """arg max log p(x, μ) + H(q)."""
        return number(self.arg_max_mu(self.surrogate).value)

    def nabla_mu(self, function):
        """∇_μ at the model's μ, by differences."""
        return nabla(function, self.mu_q)

    @staticmethod
    def near(one, other):
        """1 where two points agree to a tenth in every coordinate, else 0."""
        return float(np.max(np.abs(one.value - other.value)) < 0.1)

    @property
    def E_of_f(self):
        """E_q f(h), shape (D,)."""
        corners = self.f(self.h)
        return stack([self.E(corners[:, d]) for d in range(len(self.bits))])

    @property
    def corner(self):
        """The corner next to μ."""
        return number(np.round(self.mu.value))

    def score(self, k):
        """∂ log q(h | x)/∂μ_k of every h."""
        return (self.h[:, k] - self.mu[k]) / (self.mu[k] * (1.0 - self.mu[k]))

    def flip_gain(self, f):
        """E over the other bit of f at h_k = 1 less f at h_k = 0, shape (2,); f a table over h."""
        one, two = self.mu[0], self.mu[1]
        return stack(
            [
                (1.0 - two) * (f[2] - f[0]) + two * (f[3] - f[1]),
                (1.0 - one) * (f[1] - f[0]) + one * (f[3] - f[2]),
            ]
        )

    @property
    def KL_to_prior(self):
        """KL(q || p(h)), summed over the states."""
        return self.KL(self.q, self.prior)

    def log_p_x_each(self, mu_x):
        """log p(x_d | h) for every d with μ^x given."""
        return log(chance(mu_x, self.x))

    def E_each_visible(self, function):
        """E_q of a function of p(x_d | h), for every d."""
        each = chance(self.f(self.h), self.x)
        return stack([self.E(function(each[:, d])) for d in range(len(self.bits))])

    # ---- conditions

    @cached_property
    def grid(self):
        """Points of the square, corners and edges left out."""
        return number(sigmoid(square(np.zeros(2), np.arange(-3.0, 3.1, 0.75))).value)

    @property
    def likelihood_is_affine(self):
        """True where log p(x|h) at every μ of a grid is its mean over the corners: affine in each h_k."""
        gap = self.log_p_x(self.f(self.grid)) - self.E_at(self.grid, log(self.likelihood))
        return bool(np.max(np.abs(gap.value)) < 1e-12)

    @property
    def likelihood_is_below(self):
        """True where log p(x|μ) ≤ E_q log p(x|h) at every μ of a grid."""
        gap = self.log_p_x(self.f(self.grid)) - self.E_at(self.grid, log(self.likelihood))
        return bool(np.max(gap.value) < 1e-12)

    @property
    def mean_is_affine(self):
        """True where f(μ) = E_q f(h) at every μ of a grid."""
        corners, inside = self.f(self.h), self.f(self.grid)
        average = np.stack(
            [(self.q_at(self.grid) * corners[:, d]).value.sum(-1) for d in range(len(self.bits))], axis=-1
        )
        return bool(np.max(np.abs(average - inside.value)) < 1e-12)

    @property
    def posterior_factorises(self):
        """True where p(h | x) is the product of its marginals."""
        on = stack([total(self.posterior * BITS[:, k]) for k in (0, 1)])
        return bool(np.max(np.abs(self.posterior.value - self.product_law(on).value)) < 1e-12)

    @property
    def q_is_posterior(self):
        """True where q = p(h | x)."""
        return bool(np.max(np.abs(self.posterior.value - self.q.value)) < 1e-12)

    def at_posterior(self):
        """A factorising posterior, and q equal to it."""
        made = self.alone()
        on = [total(made.posterior * BITS[:, k]) for k in (0, 1)]
        return replace(made, mu_q=tuple(float(o) for o in on))

    def alone(self):
        """The same with a decoder that does not couple the bits."""
        return self

    def largest_bend(self, function):
        """Largest J(a) - 2 J((a+b)/2) + J(b) over neighbours a, b of a grid: positive where J is not concave."""
        centre = square((0.5, 0.5), np.arange(-0.4, 0.41, 0.1))
        steps = 0.08 * np.array([[1, 0], [0, 1], [1, 1], [1, -1]])
        bends = [function(centre + s) - 2.0 * function(number(centre)) + function(centre - s) for s in steps]
        found = stack(bends)
        at = np.unravel_index(np.argmax(found.value), found.shape)
        return found[at]
