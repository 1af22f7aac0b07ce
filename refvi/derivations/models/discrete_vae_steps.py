"""The M step of a discrete autoencoder: a logistic decoder, q from the E step, samples of h, other Ψ to compare with.

Ψ = (logits of μ^h, W row by row, c), 8 numbers. Not here: the E step (`discrete_vae`).
"""

import itertools
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from refvi.derivations.models.arrays import keep, nabla
from refvi.derivations.models.bits import BITS, sigmoid
from refvi.derivations.models.discrete_vae import affine, chance, product_of
from refvi.derivations.models.mixtures import joined
from refvi.derivations.numbers import exp, log, number, stack, total


def largest(values):
    """The largest of a list of scalars."""
    return values[int(np.argmax([float(v) for v in values]))]


@dataclass(frozen=True)
class Learning:
    """Ψ and further Ψ, data xs as bit pairs with the solution μ* of each, N samples of h for one x.

    exact  q(h | x) is the posterior of Ψ instead of the product with parameters μ*
    """

    psi: tuple
    rivals: tuple
    xs: tuple
    solutions: tuple
    recognition: tuple
    N: int = 2
    exact: bool = False

    total = staticmethod(total)
    h = BITS

    @property
    def psis(self):
        """Ψ and its rivals."""
        return (self.psi, *self.rivals)

    def mu_h_at(self, psi):
        """μ^h, shape (2,)."""
        return sigmoid(number(np.array(psi) if isinstance(psi, tuple) else psi)[:2])

    def log_p_h_at(self, psi):
        """log p_Ψ(h) of every h, shape (4,)."""
        return log(product_of(chance(self.mu_h_at(psi), BITS)))

    def log_p_x_at(self, psi, n=0):
        """log p_Ψ(x^n | h) of every h, shape (4,)."""
        psi = number(np.array(psi) if isinstance(psi, tuple) else psi)
        rows = [[psi[2], psi[3]], [psi[4], psi[5]]]
        logits = [rows[d][0] * BITS[:, 0] + rows[d][1] * BITS[:, 1] + psi[6 + d] for d in (0, 1)]
        on = [chance(sigmoid(logits[d]), float(self.xs[n][d])) for d in (0, 1)]
        return log(on[0] * on[1])

    def log_joint_at(self, psi, n=0):
        """log p_Ψ(x^n, h)."""
        return self.log_p_h_at(psi) + self.log_p_x_at(psi, n)

    def log_evidence_at(self, psi, n=0):
        """log p_Ψ(x^n), by probabilities."""
        return log(total(exp(self.log_joint_at(psi, n))))

    def posterior_at(self, psi, n=0):
        """p_Ψ(h | x^n)."""
        return exp(self.log_joint_at(psi, n) - self.log_evidence_at(psi, n))

    @cached_property
    def posterior(self):
        """p_Ψ(h | x) at the first x."""
        return self.posterior_at(self.psi)

    def elbo_of_psi(self, psi):
        """E_q log p_Ψ(x, h) + H(q) at the first x; where q is exact it follows Ψ."""
        q = self.posterior_at(psi) if self.exact else self.q
        return total(q * (self.log_joint_at(psi) - log(q)))

    def at_posterior(self):
        """The same with q(h | x) = p_Ψ(h | x)."""
        return replace(self, exact=True)

    def q_of(self, n=0):
        """q(h | x^n) = Π_k Bernoulli(h_k; μ*_k), or the posterior."""
        return self.posterior_at(self.psi, n) if self.exact else self.product_of_solution(n)

    def product_of_solution(self, n):
        """Π_k Bernoulli(h_k; μ*_k) of x^n."""
        return product_of(chance(number(np.array(self.solutions[n])), BITS))

    @cached_property
    def q(self):
        """q(h | x) at the first x."""
        return self.q_of(0)

    @cached_property
    def q_theta(self):
        """q_θ(h | x): the recognition network's own distribution."""
        return product_of(chance(number(np.array(self.recognition)), BITS))

    @property
    def mu_star(self):
        """μ* of the first x."""
        return number(np.array(self.solutions[0]))

    @property
    def mu_stars(self):
        """μ* of every x, shape (n, 2)."""
        return number(np.array(self.solutions))

    def E(self, f):
        """E_q at the first x."""
        return total(self.q * f)

    def E_of(self, n, f):
        """E under q(h | x^n)."""
        return total(self.q_of(n) * f)

    @property
    def entropy(self):
        """H(q) at the first x."""
        return -total(self.q * log(self.q))

    @cached_property
    def samples(self):
        """Every tuple of N states, shape (N, 4^N)."""
        return np.array(list(itertools.product(range(4), repeat=self.N))).T

    def E_each(self, f):
        """E over h^1 .. h^N ~ q, independent; f takes the numbers of their states, shape (N, 4^N)."""
        weight = number(1.0)
        for n in range(self.N):
            weight = weight * self.q[self.samples[n]]
        return total(weight * f(self.samples))

    @property
    def n_last(self):
        """The sample that h^n names outside the sum."""
        return self.N - 1

    def Var(self, f):
        """Variance under the same."""
        centre = self.E_each(f)
        return self.E_each(lambda h: (f(h) - centre) ** 2)

    @staticmethod
    def h_of(states):
        """h of states by number, shape (2, ...)."""
        return number(BITS[states].T)

    @property
    def outputs(self):
        """Outputs of recognition networks to compare: one that gives μ*, and two others."""
        return [self.mu_star, number(np.array(self.recognition)), 1.0 - self.mu_star]

    def max_theta(self, f):
        """Largest value over the outputs."""
        return largest([f(q) for q in self.outputs])

    def min_theta(self, f):
        """Smallest value over the outputs."""
        return -largest([-f(q) for q in self.outputs])

    # ---- arg max over Ψ

    def max_psi(self, f):
        """Largest value over Ψ and its rivals, for every tuple of samples if f gives them."""
        values = [number(f(psi)) for psi in self.psis]
        if not values[0].shape:
            return largest(values)
        found = stack(values)
        at = np.argmax(found.value, axis=0)
        index = (at, np.arange(found.shape[1]))
        return found[index]

    def nabla_psi(self, function):
        """∇_Ψ by differences."""
        return nabla(function, self.psi)

    @cached_property
    def grad_log_joint(self):
        """∇_Ψ log p_Ψ(x, h) by hand at the first x, shape (8, 4): unit less mean, times input."""
        psi = number(np.array(self.psi))
        prior = keep(-self.mu_h_at(self.psi)) + BITS.T
        rows = affine(np.array(self.psi[2:6]).reshape(2, 2), psi.value[6:], BITS)
        wrong = [float(self.xs[0][d]) - sigmoid(rows[:, d]) for d in (0, 1)]
        weights = [wrong[d] * BITS[:, k] for d in (0, 1) for k in (0, 1)]
        return joined([prior, stack(weights), stack(wrong)])

    # ---- the prior's own step

    @cached_property
    def average_mu(self):
        """Mean of μ* over the data, shape (2,)."""
        return sum(self.mu_stars[n] for n in range(len(self.xs))) / len(self.xs)

    @cached_property
    def after_prior_step(self):
        """Ψ with μ^h at the mean of μ*, the decoder as it was."""
        logits = log(self.average_mu / (1.0 - self.average_mu))
        return joined([logits, number(np.array(self.psi[2:]))])

    def entropy_of(self, n):
        """H(q) at x^n."""
        return -self.E_of(n, log(self.q_of(n)))

    @cached_property
    def after_posterior_step(self):
        """Ψ with μ^h at the mean of E_q h over the data, the decoder as it was."""
        means = [stack([self.E_of(n, BITS[:, k]) for k in (0, 1)]) for n in range(len(self.xs))]
        average = sum(means[1:], means[0]) / len(means)
        return joined([log(average / (1.0 - average)), number(np.array(self.psi[2:]))])

    @property
    def psi_of_one(self):
        """Logits of the μ^h that is best for the first x alone: those of its μ*."""
        return np.log(self.mu_star.value / (1.0 - self.mu_star.value))

    def gradient_of(self, logits):
        """Gradient in the logits of μ^h of Σ_n E_q log p(h), shape (2,)."""
        return total(stack([self.mu_stars[:, k] - sigmoid(number(logits)[k]) for k in (0, 1)]))

    @property
    def data_are_one(self):
        """True where every x is the same, with the same μ*."""
        return len(set(self.xs)) == 1


def _psi(draws):
    return (*draws.reals(2, -1.2, 1.2), *draws.reals(4, -2.0, 2.0), *draws.reals(2, -1.0, 1.0))


def learnings(draws):
    """Two different data, four Ψ to choose from."""
    first = (draws.integer(0, 1), draws.integer(0, 1))
    second = (1 - first[0], draws.integer(0, 1))
    return Learning(
        _psi(draws),
        tuple(_psi(draws) for _ in range(3)),
        (first, second),
        (draws.reals(2, 0.1, 0.9), draws.reals(2, 0.1, 0.9)),
        draws.reals(2, 0.1, 0.9),
        draws.integer(2, 3),
    )


def one_datum_or_two(draws):
    """Every other time both data are the same."""
    made = learnings(draws)
    if draws.integer(0, 1):
        return made
    return replace(made, xs=(made.xs[0],) * 2, solutions=(made.solutions[0],) * 2)


def learnings_with_one_sample(draws):
    """N = 1."""
    return replace(learnings(draws), N=1)


def one_sample_or_more(draws):
    """N is 1 or 2."""
    return replace(learnings(draws), N=draws.integer(1, 2))


def learnings_exact_or_not(draws):
    """Every other time with q the posterior of every Ψ."""
    made = learnings(draws)
    return made.at_posterior() if draws.integer(0, 1) else made


def learnings_at_posterior(draws):
    """q is the posterior of Ψ."""
    return learnings(draws).at_posterior()
