"""Decoders of two latent bits that are defined on the whole square, and the models that they make.

Not here: bounds and maxima (`discrete_vae`).
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from refvi.derivations.claim import Undefined
from refvi.derivations.models.arrays import keep, nabla, transposed
from refvi.derivations.models.bits import BITS, sigmoid
from refvi.derivations.models.discrete_vae import Square, affine
from refvi.derivations.numbers import exp, log, number, stack, total


@dataclass(frozen=True)
class Logistic(Square):
    """f_d(h) = σ(W_d h + c_d); scale multiplies W."""

    W: tuple = ()
    c: tuple = ()
    has_hidden_layer = False

    def f(self, h):
        """σ(W h + c)."""
        return sigmoid(affine(self.W, self.c, h))

    def alone(self):
        """W diagonal: visible d looks at latent d only."""
        return replace(self, W=((self.W[0][0], 0.0), (0.0, self.W[-1][1])))

    def signed(self, h):
        """±(W_d h + c_d), with + where x_d is 1."""
        return affine(self.W, self.c, h) * (2.0 * self.x - 1.0)

    def gap_of_shrunk(self, n):
        """log p(x | μ) - E_q log p(x | h) with W / n."""
        small = replace(self, W=tuple(tuple(w / n for w in row) for row in self.W))
        return small.log_p_x(small.f(small.mu)) - small.E(log(small.likelihood))

    @property
    def bend_at_zero(self):
        """Σ_d W_dk² σ(c_d) σ(-c_d) for every k."""
        on = sigmoid(np.array(self.c))
        return total(transposed(number(np.array(self.W)) ** 2) * (on * (1.0 - on)))

    @property
    def curvature(self):
        """∂² log p(x|μ)/∂μ_k² at W = 0 for one W each, by differences of a gradient by hand."""
        W = number(np.array(self.W))

        def along(t, d, k):
            return self.x[d] * W[d, k] - W[d, k] * sigmoid(W[d, k] * t + self.c[d])

        rows = [
            [nabla(lambda t, d=d, k=k: along(t[0], d, k), (0.0,))[0] for d in range(len(self.c))]
            for k in (0, 1)
        ]
        return stack([total(stack(row)) for row in rows])

    @property
    def W_of(self):
        """W_dk, one row for each k."""
        return transposed(number(np.array(self.W)))

    @cached_property
    def mu_star(self):
        """The solution of Eq 4: the grid's, and four steps of Newton's method from it."""
        mu, W = self.mu_surrogate.value, np.array(self.W)
        for _ in range(4):
            on = self.f(mu).value
            bend = -(W.T * (on * (1.0 - on))) @ W - np.diag(1.0 / (mu * (1.0 - mu)))
            mu = mu - np.linalg.solve(bend, self.slope_at(number(mu)).value)
        return number(mu)

    def nabla_at_star(self, function):
        """∇_μ at the solution, by differences."""
        return nabla(function, self.mu_star.value)

    def slope_at(self, mu):
        """∇_μ [log p(x, μ) + H(q)] by hand at any μ."""
        fixed = log(self.mu_h / (1.0 - self.mu_h)) + total(self.W_of * (self.x - self.f(mu)))
        return fixed - log(mu / (1.0 - mu))


@dataclass(frozen=True)
class NoisyOr(Square):
    """f_d(h) = 1 - exp(-(leak_d + Σ_k strength_dk h_k)): log p(x_d = 0 | h) is affine in h."""

    strength: tuple = ()
    leak: tuple = ()

    def f(self, h):
        """One less the chance that no cause acts."""
        return 1.0 - exp(-affine(self.strength, self.leak, h))

    def rates(self, h):
        """leak_d + Σ_k strength_dk h_k, for every d."""
        return affine(self.strength, self.leak, h)


@dataclass(frozen=True)
class OrOfChances(NoisyOr):
    """The same at the corners, and f_d(h) = 1 - exp(-leak_d) Π_k (1 - (1 - exp(-strength_dk)) h_k) between them."""

    def f(self, h):
        """Affine in each h_k."""
        h = number(h)
        silent = exp(-number(np.array(self.strength)))
        value = exp(-number(np.array(self.leak)))
        for k in (0, 1):
            value = value * (1.0 - (1.0 - silent[:, k]) * keep(h[..., k]))
        return 1.0 - value


@dataclass(frozen=True)
class Deep(Square):
    """f_d(h) = σ(V_d σ(A h + e) + c_d): one hidden layer of two units, bent either way."""

    A: tuple = ()
    e: tuple = ()
    V: tuple = ()
    c: tuple = ()
    has_hidden_layer = True

    def f(self, h):
        """σ(V σ(A h + e) + c)."""
        return sigmoid(affine(self.V, self.c, sigmoid(affine(self.A, self.e, h))))


@dataclass(frozen=True)
class Line(Square):
    """f_d(h) = c_d + W_d h, which may leave [0, 1]."""

    W: tuple = ()
    c: tuple = ()

    def f(self, h):
        """c + W h; outside [0, 1] it is no probability."""
        value = affine(self.W, self.c, h)
        if np.any(value.value <= 0.0) or np.any(value.value >= 1.0):
            raise Undefined("f leaves (0, 1): no Bernoulli parameter")
        return value

    @property
    def f_is_a_probability(self):
        """True where f maps the corners into (0, 1)."""
        value = affine(self.W, self.c, BITS).value
        return bool(np.all(value > 0.0) and np.all(value < 1.0))


def _start(draws):
    return draws.reals(2, 0.1, 0.9), draws.reals(2, 0.1, 0.9)


def _bits(draws):
    return tuple(draws.integer(0, 1) for _ in range(2))


def _rows(draws, low, high):
    return tuple(draws.reals(2, low, high) for _ in range(2))


def logistics(draws):
    """A generic logistic layer of two visible bits."""
    return Logistic(*_start(draws), _bits(draws), _rows(draws, -2.0, 2.0), draws.reals(2, -1.0, 1.0))


def coupled_or_not(draws):
    """Every other time a decoder whose posterior factorises."""
    made = logistics(draws)
    return made.alone() if draws.integer(0, 1) else made


def exact_or_not(draws):
    """Every other time with q at a factorising posterior."""
    made = logistics(draws)
    return made.at_posterior() if draws.integer(0, 1) else made


def logistics_at_posterior(draws):
    """A factorising posterior, and q equal to it."""
    return logistics(draws).at_posterior()


def some_state_left_out(draws):
    """Every other time q never turns the first latent off."""
    made = logistics(draws)
    return replace(made, mu_q=(1.0, made.mu_q[1])) if draws.integer(0, 1) else made


def explained_away(draws):
    """One visible bit that is on and that either latent can turn on: the posterior couples them."""
    w = draws.reals(2, 4.0, 7.0)
    prior = draws.reals(2, 0.2, 0.45)
    return Logistic(prior, draws.reals(2, 0.1, 0.9), (1,), (w,), draws.reals(1, -4.0, -2.0))


def noisy_ors(draws):
    """A noisy-OR; every other time nothing is on."""
    strength, leak = _rows(draws, 0.5, 3.0), draws.reals(2, 0.02, 0.4)
    on = draws.integer(0, 1)
    return NoisyOr(*_start(draws), (on, on * draws.integer(0, 1)), strength, leak)


def deep(draws):
    """A generic decoder with a hidden layer."""
    return Deep(
        *_start(draws),
        _bits(draws),
        _rows(draws, -4.0, 4.0),
        draws.reals(2, -2.0, 2.0),
        _rows(draws, -4.0, 4.0),
        draws.reals(2, -1.0, 1.0),
    )


def steep(draws):
    """Rare causes, hidden units that turn on late, visible bits that are on: log p(x|h) is flat, then rises steeply."""
    return Deep(
        draws.reals(2, 0.02, 0.08),
        draws.reals(2, 0.02, 0.08),
        (1, 1),
        _rows(draws, 6.0, 9.0),
        draws.reals(2, -9.0, -7.0),
        _rows(draws, 4.0, 7.0),
        draws.reals(2, -6.0, -5.0),
    )


def silent_noisy_ors(draws):
    """A noisy-OR with nothing on: log p(x|h) is affine in h."""
    return replace(noisy_ors(draws), bits=(0, 0))


def chances_or(draws):
    """A noisy-OR that is affine in each h_k between the corners."""
    made = noisy_ors(draws)
    return OrOfChances(**{name: getattr(made, name) for name in made.__dataclass_fields__})


def any_decoder(draws):
    """A logistic layer, a noisy-OR, a hidden layer; every other time a noisy-OR with nothing on."""
    kinds = (silent_noisy_ors, silent_noisy_ors, silent_noisy_ors, logistics, noisy_ors, deep)
    return kinds[draws.integer(0, 5)](draws)


def logistic_or_steep(draws):
    """A logistic layer or a steep hidden layer."""
    return (logistics, steep)[draws.integer(0, 1)](draws)


def lines(draws):
    """f affine in h; every other time it leaves [0, 1]."""
    inside = draws.integer(0, 1)
    reach, start = (0.2, (0.45, 0.55)) if inside else (1.4, (0.64, 0.9))
    W = tuple(draws.reals(2, -reach, reach) for _ in range(2))
    return Line(*_start(draws), _bits(draws), W, draws.reals(2, *start))


def chances_or_exponents(draws):
    """A noisy-OR, continued between the corners by chances or by exponents."""
    return (chances_or, noisy_ors)[draws.integer(0, 1)](draws)
