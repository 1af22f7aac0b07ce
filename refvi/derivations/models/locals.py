"""A mixture on bits with variational parameters λ^(n) for each datum: q(z; λ^(n)) = softmax(λ^(n)).

Not here: the mixture itself (`mixtures`), one network for all data (`amortised`).
"""

import itertools
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from refvi.derivations.models.arrays import best, nabla, softmax_rows, sum_all
from refvi.derivations.models.mixtures import Mixture, mixtures
from refvi.derivations.numbers import log, mean, number, total


@dataclass(frozen=True)
class Local(Mixture):
    """λ^(n) for every datum, a list of further λ for one datum, minibatch size B, steps K with size eta.

    flexible  the family of q holds every table; else it holds point masses only
    """

    lambdas: tuple = ()
    choices: tuple = ()
    B: int = 2
    K: int = 2
    flexible: bool = True

    @cached_property
    def q(self):
        """q(z; λ^(n)), shape (n, z)."""
        return softmax_rows(np.array(self.lambdas))

    @property
    def n(self):
        """The running index where it is not N."""
        return self.N - 1

    @cached_property
    def q_first(self):
        """q(z; λ^(1)) for all data."""
        return softmax_rows(np.array([self.lambdas[0]] * self.N))

    def E(self, f):
        """E under q(z; λ^(n)) for every n, shape (n,)."""
        return total(self.q * f)

    def elbo_of(self, theta, q):
        """Σ_n ELBO(θ, λ^(n); x^(n)) for any tables q, shape (n, z)."""
        return sum_all(q * log(self.joint_at(theta) / q))

    def elbo_at(self, theta):
        """Σ_n ELBO(θ, λ^(n); x^(n)) at any θ."""
        return self.elbo_of(theta, self.q)

    def at_posterior(self):
        """The same with q(z; λ^(n)) = p(z | x^(n); θ)."""
        logits = tuple(tuple(map(float, row)) for row in np.log(self.posterior.value))
        return replace(self, lambdas=logits)

    def E_together(self, f):
        """E over z^{1:N} ~ Π_n q(z; λ^(n)); f takes the states, shape (N, 2^N)."""
        z = np.array(list(itertools.product((0, 1), repeat=self.N))).T
        weight = number(1.0)
        for n in range(self.N):
            weight = weight * self.q[n, z[n]]
        return total(weight * f(z))

    # ---- one datum, the first

    def q_at(self, lam):
        """q(z; λ)."""
        return softmax_rows(lam)

    def elbo_one(self, lam):
        """ELBO(θ, λ; x^(1))."""
        q = self.q_at(lam)
        return total(q * log(self.joint[0] / q))

    @property
    def posterior_one(self):
        """p(z | x^(1); θ^(i))."""
        return self.posterior[0]

    @property
    def evidence_one(self):
        """p(x^(1); θ^(i))."""
        return total(self.joint[0])

    @staticmethod
    def KL(a, b):
        """KL(a || b) of two tables."""
        return total(a * log(a / b))

    def evidence_one_at(self, theta):
        """p(x^(1); θ)."""
        return total(self.joint_at(theta)[0])

    @property
    def before_last(self):
        """λ_{K-1}."""
        return self.after(self.K - 1)

    def posterior_one_at(self, theta):
        """p(z | x^(1); θ)."""
        return self.posterior_at(theta)[0]

    def arg_max_lam(self, f):
        """Which λ of the list has the largest value."""
        return best(f, self.choices)

    def arg_min_lam(self, f):
        """Which λ of the list has the smallest value."""
        return best(f, self.choices, -1.0)

    def grad_lam(self, lam):
        """∇_λ ELBO(θ, λ; x^(1)) by hand: q_z (log p(x,z)/q_z - ELBO)."""
        q = self.q_at(lam)
        gains = log(self.joint[0] / q)
        return q * (gains - total(q * gains))

    def nabla_lam(self, function):
        """∇_λ at λ_0 of the first datum, by differences."""
        return nabla(function, self.lambdas[0])

    @property
    def lam(self):
        """λ_0 of the first datum."""
        return number(np.array(self.lambdas[0]))

    def after(self, steps):
        """λ_K of the first datum after gradient steps, each from the gradient where it starts."""
        lam = self.lam
        for _ in range(steps):
            lam = lam + self.eta * self.grad_lam(lam)
        return lam

    # ---- variational EM and minibatches

    @cached_property
    def point_masses(self):
        """The point mass with the smallest divergence from every posterior, shape (n, z)."""
        rows = np.eye(2)[np.argmax(self.posterior.value, axis=1)]
        return number(0.98 * rows + 0.01)  # as close to point masses as this family comes

    @cached_property
    def q_step(self):
        """The variational E-step in the family."""
        return self.posterior if self.flexible else self.point_masses

    @cached_property
    def variational_step(self):
        """θ after the variational E-step and M-step."""
        return self.maximise(self.q_step)

    @cached_property
    def m_step(self):
        """The variational M-step for the present λ^(n)."""
        return self.maximise(self.q)

    @cached_property
    def grad_theta(self):
        """∇_θ E_{q(z; λ^(n))} log p(x^(n), z; θ) for every n, shape (6, n)."""
        return total(self.q * self.grad_log_joint)

    def E_batches(self, f):
        """Mean over all minibatches of B different data; f takes the list of their numbers."""
        return mean([f(list(batch)) for batch in itertools.combinations(range(self.N), self.B)])


def _rows(draws, count):
    return tuple(draws.reals(2, -1.2, 1.2) for _ in range(count))


def local_mixtures(draws):
    """A generic one."""
    made = mixtures(draws)
    fields = {name: getattr(made, name) for name in Mixture.__dataclass_fields__}
    return Local(**fields, lambdas=_rows(draws, 4), B=draws.integer(1, 3))


def rivals(draws):
    """The same with six λ for one datum to choose from."""
    return replace(local_mixtures(draws), choices=_rows(draws, 6))


def flexible_or_not(draws):
    """Every other time a family of near point masses."""
    return replace(local_mixtures(draws), flexible=bool(draws.integer(0, 1)))


def small_or_large_inner_steps(draws):
    """A small step size, every other time one that overshoots."""
    made = local_mixtures(draws)
    return replace(made, eta=0.05 if draws.integer(0, 1) else draws.real(30.0, 60.0))


def exact_or_generic(draws):
    """Every other time with q at the posterior."""
    made = local_mixtures(draws)
    return made.at_posterior() if draws.integer(0, 1) else made


def nearly_fitted(draws):
    """Six data after a dozen EM steps; a family that holds the posteriors, or every other time one of near point masses."""
    made = replace(flexible_or_not(draws), xs=(0, 0, 0, 1, 2, 3))
    for _ in range(12):
        made = replace(made, theta=tuple(map(float, made.em_step.value)))
    return made
