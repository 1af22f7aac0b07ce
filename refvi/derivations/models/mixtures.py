"""A mixture of two products of Bernoulli distributions on two bits: EM, its gradients and its bound, exactly.

θ = (a_1, a_2, l_11, l_12, l_21, l_22): p(z = k) = softmax(a)_k, p(x_d = 1 | z = k) = σ(l_kd). Tables have axes (n, z),
gradients (parameter, n, z). Not here: variational parameters (`locals`), normal components (`gaussian_mixtures`).
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from refvi.derivations.models.arrays import best, keep, nabla, rows_of, softmax_rows, sum_all, transposed
from refvi.derivations.models.bits import BITS, sigmoid
from refvi.derivations.numbers import Number, log, number, stack, total


def joined(parts):
    """Numbers one after the other along the first axis."""
    fields = ([getattr(p, field) for p in parts] for field in ("value", "size", "error"))
    return Number(*(np.concatenate(f) for f in fields))


@dataclass(frozen=True)
class Mixture:
    """θ^(i), another θ, the data (numbers of bit pairs), a step size, and a list of further θ."""

    theta: tuple
    other: tuple
    xs: tuple
    eta: float = 0.05
    thetas: tuple = ()

    total = staticmethod(total)

    @property
    def N(self):
        """Number of data."""
        return len(self.xs)

    @cached_property
    def x(self):
        """The data, shape (n, 2)."""
        return BITS[list(self.xs)]

    @cached_property
    def point(self):
        """θ^(i) as an array."""
        return number(np.array(self.theta))

    def prior_at(self, theta):
        """p(z; θ)."""
        return softmax_rows(number(theta)[:2])

    def likelihood_at(self, theta):
        """p(x^n | z; θ), shape (n, z)."""
        on = self.ons_at(theta)
        chance = 1.0
        for d in (0, 1):
            bit = self.x[:, d : d + 1]
            chance = chance * (bit * on[:, d] + (1.0 - bit) * (1.0 - on[:, d]))
        return chance

    def joint_at(self, theta):
        """p(x^n, z; θ)."""
        return self.prior_at(theta) * self.likelihood_at(theta)

    def evidence_at(self, theta):
        """p(x^n; θ), shape (n,)."""
        return total(self.joint_at(theta))

    def posterior_at(self, theta):
        """p(z | x^n; θ)."""
        return self.joint_at(theta) / keep(self.evidence_at(theta))

    @cached_property
    def posterior(self):
        """p(z | x^n; θ^(i))."""
        return self.posterior_at(self.theta)

    @cached_property
    def joint(self):
        """p(x^n, z; θ^(i))."""
        return self.joint_at(self.theta)

    @cached_property
    def evidence(self):
        """p(x^n; θ^(i)), shape (n, 1)."""
        return keep(self.evidence_at(self.theta))

    @cached_property
    def frequency(self):
        """How often x^n is among the data, shape (n, 1)."""
        return number(np.array([[self.xs.count(x) / self.N] for x in self.xs]))

    def log_evidence_at(self, theta):
        """L(θ) = Σ_n log p(x^n; θ)."""
        return total(log(self.evidence_at(theta)))

    def likelihood_of_data(self, theta):
        """p(x^{1:N}; θ), the product."""
        value = number(1.0)
        for p in self.evidence_at(theta):
            value = value * p
        return value

    def Q(self, theta, old):
        """Q(θ, θ') = Σ_n E_{p(z|x^n; θ')} log p(x^n, z; θ)."""
        return sum_all(self.posterior_at(old) * log(self.joint_at(theta)))

    def Q_now(self, theta):
        """Q(θ, θ^(i)) as a function of θ."""
        return self.E_now(log(self.joint_at(theta)))

    def entropy_at(self, old):
        """Σ_n H[p(z | x^n; θ')]."""
        return -sum_all(self.posterior_at(old) * log(self.posterior_at(old)))

    def KL_posteriors(self, old, theta):
        """Σ_n KL(p(z | x^n; θ') || p(z | x^n; θ))."""
        return sum_all(self.posterior_at(old) * log(self.posterior_at(old) / self.posterior_at(theta)))

    def E_now(self, f):
        """Σ_n E_{p(z|x^n; θ^(i))} f."""
        return sum_all(self.posterior * f)

    def grad_log_joint_at(self, theta):
        """∇_θ log p(x^n, z; θ)."""
        here = 1.0 * np.eye(2)[:, None, :] + np.zeros((1, self.N, 1))
        weights = here - keep(keep(self.prior_at(theta)))
        rows = [keep(self.x[:, d] - self.ons_at(theta)[k, d]) * here[k] for k in (0, 1) for d in (0, 1)]
        return joined([weights, stack(rows)])

    @cached_property
    def grad_log_joint(self):
        """∇_θ log p(x^n, z; θ) at θ^(i)."""
        return self.grad_log_joint_at(self.theta)

    @cached_property
    def grad_joint(self):
        """∇_θ p(x^n, z; θ) at θ^(i), without the logarithm."""
        return self.joint * self.grad_log_joint

    @cached_property
    def gradient(self):
        """∇L at θ^(i) by Fisher's identity."""
        return self.E_now(self.grad_log_joint)

    def KL_from(self, old):
        """Σ_n KL(p(z | x^n; θ') || p(z | x^n; θ)) as a function of θ."""
        before = self.posterior_at(old)
        return lambda theta: sum_all(before * log(before / self.posterior_at(theta)))

    @cached_property
    def mass(self):
        """Σ_n p(z | x^n; θ^(i)), shape (z,)."""
        return total(transposed(self.posterior))

    @cached_property
    def ons(self):
        """Posterior-weighted frequencies of every bit, shape (z, d)."""
        share = transposed(self.posterior)
        return stack([stack([total(share[k] * self.x[:, d]) / self.mass[k] for d in (0, 1)]) for k in (0, 1)])

    def ons_at(self, theta):
        """p(x_d = 1 | z; θ), shape (z, d)."""
        return sigmoid(rows_of(number(theta)[2:], 2))

    def nabla(self, function):
        """∇_θ of a scalar function at θ^(i), by differences."""
        return nabla(function, self.theta)

    def nabla_other(self, function):
        """The same at the other θ."""
        return nabla(function, self.other)

    def maximise(self, weight):
        """The θ with the largest Σ_n Σ_z weight log p(x^n, z; θ): frequencies, as logits."""
        share = transposed(weight)  # (z, n)
        mass = total(share)
        logits = [log(mass / total(mass))]
        for k in (0, 1):
            on = stack([total(share[k] * self.x[:, d]) / mass[k] for d in (0, 1)])
            logits.append(log(on / (1.0 - on)))
        return joined(logits)

    @cached_property
    def em_step(self):
        """θ^(i+1) = arg max Q(θ, θ^(i))."""
        return self.maximise(self.posterior)

    @cached_property
    def gradient_step(self):
        """θ^(i) + η ∇L(θ^(i))."""
        return self.point + self.eta * self.gradient

    @property
    def small_step(self):
        """True where η is 0.05."""
        return self.eta == 0.05

    @property
    def q_was_raised(self):
        """True where the gradient step does not lower Q."""
        return float(self.Q_now(self.gradient_step)) >= float(self.Q_now(self.theta))

    @property
    def theta_is_current(self):
        """True where the other θ is θ^(i)."""
        return self.other == self.theta

    @property
    def is_stationary(self):
        """True where EM does not move θ^(i)."""
        return float(np.max(np.abs(self.em_step.value - np.array(self.theta)))) < 1e-9

    def at_current(self):
        """The same with the other θ at θ^(i)."""
        return replace(self, other=self.theta)

    def at_fixed_point(self):
        """The same at a fixed point of EM: both components are the frequencies of the bits."""
        on = self.x.mean(0)
        logits = tuple(float(a) for a in np.log(on / (1.0 - on)))
        weights = number(np.log(self.prior_at(self.theta).value)).value
        return replace(self, theta=(*map(float, weights), *logits, *logits))

    def arg_max_theta(self, f):
        """Which further θ has the largest value."""
        return best(f, self.thetas)


def _theta(draws):
    return draws.reals(6, -1.5, 1.5)


def mixtures(draws):
    """Four data in which every bit takes both values; a generic θ^(i) and another."""
    xs = draws.integer(0, 1), draws.integer(2, 3)
    return Mixture(_theta(draws), _theta(draws), (*xs, *(3 - x for x in xs)))


def mixtures_with_rivals(draws):
    """The same with four further θ."""
    return replace(mixtures(draws), thetas=tuple(_theta(draws) for _ in range(4)))


def current_or_not(draws):
    """Every other time with the other θ at θ^(i)."""
    made = mixtures(draws)
    return made.at_current() if draws.integer(0, 1) else made


def small_or_large_steps(draws):
    """A small step size, every other time one that overshoots."""
    made = mixtures(draws)
    return replace(made, eta=0.05 if draws.integer(0, 1) else draws.real(8.0, 40.0))


def stationary_or_not(draws):
    """Every other time at a fixed point of EM."""
    made = mixtures(draws)
    return made.at_fixed_point() if draws.integer(0, 1) else made
