"""The recognition network's output beside the solution of the E step: the auxiliary cost, one number for each latent.

Not here: the bound that the solution maximises (`discrete_vae`).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from refvi.derivations.models.arrays import nabla
from refvi.derivations.models.bits import sigmoid
from refvi.derivations.numbers import log, number, stack, total

HUNDREDTHS = np.arange(1, 100, 2) / 100  # odd ones, as the numbers that are drawn


@dataclass(frozen=True)
class Auxiliary:
    """μ^{h,*} and q_θ(h|x) of two latents as numbers between 0 and 1."""

    solution: tuple
    output: tuple

    total = staticmethod(total)

    @property
    def mu_star(self):
        """Solution of the E step."""
        return number(np.array(self.solution))

    @property
    def q(self):
        """q_θ(h|x), the network's output."""
        return number(np.array(self.output))

    @property
    def logits(self):
        """Logits of the network's output, as plain numbers."""
        return tuple(float(v) for v in np.log(self.q.value / (1.0 - self.q.value)))

    @cached_property
    def rounded(self):
        """The corner next to μ^{h,*}."""
        return np.round(self.mu_star.value)

    @property
    def larger(self):
        """max(μ*_k, 1 - μ*_k)."""
        return number(np.maximum(self.mu_star.value, 1.0 - self.mu_star.value))

    @property
    def smaller(self):
        """min(μ*_k, 1 - μ*_k)."""
        return number(np.minimum(self.mu_star.value, 1.0 - self.mu_star.value))

    def H(self, q):
        """Entropy of a product of Bernoulli distributions."""
        return -total(q * log(q) + (1.0 - q) * log(1.0 - q))

    def KL(self, a, b):
        """KL of two products of Bernoulli distributions."""
        return total(a * log(a / b) + (1.0 - a) * log((1.0 - a) / (1.0 - b)))

    @staticmethod
    def _points():
        one, two = np.meshgrid(HUNDREDTHS, HUNDREDTHS, indexing="ij")
        return np.stack([one.ravel(), two.ravel()], axis=1)

    def arg_max_q(self, function):
        """The q in odd hundredths with the largest value."""
        points = self._points()
        return number(points[int(np.argmax(number(function(number(points))).value))])

    def arg_min_q(self, function):
        """The q in odd hundredths with the smallest value."""
        points = self._points()
        return number(points[int(np.argmin(number(function(number(points))).value))])

    def nabla_q(self, function):
        """∇ in the network's output, by differences."""
        return nabla(function, self.output)

    def nabla_logits(self, function):
        """∇ in the logits of the network's output, by differences."""
        return nabla(lambda a: function(sigmoid(a)), self.logits)

    def nabla_at_solution(self, function):
        """∇ in the network's output where it is μ^{h,*}, by differences."""
        return nabla(function, self.solution)

    @property
    def solution_is_undecided(self):
        """True where every μ^{h,*}_k is 1/2."""
        return all(m == 0.5 for m in self.solution)


def auxiliaries(draws):
    """Generic ones: no entry is 1/2, and output and solution differ."""
    return Auxiliary(draws.reals(2, 0.08, 0.92), draws.reals(2, 0.08, 0.92))


def undecided_or_not(draws):
    """Every other time μ^{h,*} is 1/2."""
    made = auxiliaries(draws)
    return Auxiliary((0.5, 0.5), made.output) if draws.integer(0, 1) else made


@dataclass(frozen=True)
class Amortised(Auxiliary):
    """A second x with its own solution; the network sees the difference, or gives both the same output."""

    second: tuple = ()
    sees: bool = True

    @property
    def solutions(self):
        """Solutions of both x, shape (2, 2)."""
        return stack([self.mu_star, number(np.array(self.second))])

    def arg_max_network(self, function):
        """Outputs for both x, shape (2, 2), with the largest sum of the cost over the x; the cost takes (q, μ*)."""
        if self.sees:
            return stack([self.arg_max_q(lambda q, m=m: function(q, m)) for m in self.solutions])
        both = self.arg_max_q(lambda q: function(q, self.solutions[0]) + function(q, self.solutions[1]))
        return stack([both, both])


def amortised(draws):
    """Every other time a network that is blind to x."""
    return Amortised(
        draws.reals(2, 0.1, 0.4),
        draws.reals(2, 0.1, 0.9),
        second=draws.reals(2, 0.5, 0.9),
        sees=bool(draws.integer(0, 1)),
    )
