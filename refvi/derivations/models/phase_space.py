"""Points of phase space over a mixture of two normals in the plane: leapfrog, energies, densities of momenta.

Formulas take Numbers and plain arrays alike: lines of a derivation are Numbers, differences run on plain arrays.
Not here: chains on a few states (`markov`).
"""

import itertools
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from refvi.derivations.models.markov import least
from refvi.derivations.numbers import Number, exp, log, number, sqrt, stack, total
from refvi.derivations.slope import slope

CENTRES = (np.array([-1.0, 0.5]), np.array([0.75, -0.25]))


def _exp(a):
    return exp(a) if isinstance(a, Number) else np.exp(a)


def _log(a):
    return log(a) if isinstance(a, Number) else np.log(a)


def _sum(a):
    return total(a) if isinstance(a, Number) else a.sum(-1)


def _join(parts):
    return stack(parts) if any(isinstance(p, Number) for p in parts) else np.stack(parts)


def determinant(matrix):
    """Determinant of a small matrix of Numbers, by permutations."""
    matrix, found = number(matrix), number(0.0)
    for order in itertools.permutations(range(len(matrix))):
        term = number(np.linalg.det(np.eye(len(order))[list(order)]).round())
        for row, column in enumerate(order):
            term = term * matrix[row, column]
        found = found + term
    return found


@dataclass(frozen=True)
class PhasePoint:
    """q, p in the plane, step size ε, temperature, mass matrix M = C Cᵀ, C = [[c_1, 0], [c_2, c_3]]; noise of a draw."""

    position: tuple
    momentum: tuple
    eps: float
    temperature: float
    mass: tuple
    widths: tuple
    weight: float
    noise: tuple = (0.37, -0.83)

    @cached_property
    def q(self):
        """Position."""
        return number(self.position)

    @cached_property
    def p(self):
        """Momentum."""
        return number(self.momentum)

    @cached_property
    def z(self):
        """Standard normal noise."""
        return number(self.noise)

    # ---- energies

    def densities(self, q):
        """The two shares of π(q), without 1/2π."""
        shares = (self.weight, 1.0 - self.weight)
        return [
            w * _exp(-0.5 * _sum(((q - m) / s) ** 2)) / s**2
            for w, m, s in zip(shares, CENTRES, self.widths, strict=True)
        ]

    def log_pi(self, q):
        """log π(q), up to log 2π."""
        first, second = self.densities(q)
        return _log(first + second)

    def U(self, q):
        """Potential energy -log π(q)."""
        return -self.log_pi(q)

    def grad_U(self, q):
        """Its gradient: the components' pulls, weighted by their responsibilities."""
        first, second = self.densities(q)
        pulls = [(q - m) / s**2 for m, s in zip(CENTRES, self.widths, strict=True)]
        return (first * pulls[0] + second * pulls[1]) / (first + second)

    def hessian_U(self, q):
        """Its second derivatives, (2, 2): Σ_k r_k (I / s_k² - d_k d_kᵀ) + g gᵀ."""
        shares, g = self.densities(q), self.grad_U(q)
        away = [(q - m) / s**2 for m, s in zip(CENTRES, self.widths, strict=True)]

        def entry(i, j):
            found = g[i] * g[j]
            for share, d, s in zip(shares, away, self.widths, strict=True):
                found = found + share / (shares[0] + shares[1]) * ((i == j) / s**2 - d[i] * d[j])
            return found

        return _join([_join([entry(i, j) for j in range(2)]) for i in range(2)])

    def velocity(self, p):
        """M⁻¹ p, by solving with C and Cᵀ."""
        c1, c2, c3 = self.mass
        first = p[0] / c1
        second = (p[1] - c2 * first) / c3 / c3
        return _join([(first - c2 * second) / c1, second])

    def K(self, p):
        """Kinetic energy ½ pᵀ M⁻¹ p."""
        return 0.5 * _sum(p * self.velocity(p))

    def H(self, q, p):
        """Energy."""
        return self.U(q) + self.K(p)

    def C(self, z):
        """C z."""
        c1, c2, c3 = self.mass
        return _join([c1 * z[0], c2 * z[0] + c3 * z[1]])

    # ---- leapfrog

    def kick(self, q, p, part=0.5):
        """Momentum after a part of a step's force."""
        return p - part * self.eps * self.grad_U(q)

    def drift(self, q, p):
        """Position after a step at the momentum's velocity."""
        return q + self.eps * self.velocity(p)

    def leapfrog(self, q, p, steps=1):
        """Half a kick, a drift, half a kick."""
        for _ in range(steps):
            p = self.kick(q, p)
            q = self.drift(q, p)
            p = self.kick(q, p)
        return q, p

    def F(self, q, p):
        """The proposal: three steps of leapfrog, then the momentum flipped."""
        q, p = self.leapfrog(q, p, 3)
        return q, -p

    @staticmethod
    def both(q, p):
        """Position and momentum as one vector."""
        return _join([*[q[i] for i in range(2)], *[p[i] for i in range(2)]])

    def jacobian(self, flow):
        """Derivatives of a flow (q, p) -> vector of four at the model's point, by differences, (4, 4)."""

        def entry(i):
            return lambda x: flow(np.asarray(x[:2]), np.asarray(x[2:]))[i]

        return stack([slope(entry(i), (*self.position, *self.momentum)) for i in range(4)])

    def block(self, low_left, up_right):
        """[[I, up_right], [low_left, I]], (4, 4)."""
        matrix = [[number(float(i == j)) for j in range(4)] for i in range(4)]
        for i, j in itertools.product(range(2), repeat=2):
            matrix[2 + i][j] = number(low_left[i, j]) if low_left is not None else number(0.0)
            matrix[i][2 + j] = number(up_right[i, j]) if up_right is not None else number(0.0)
        return stack([stack(row) for row in matrix])

    @cached_property
    def shears(self):
        """Jacobians of the kick at q, of the drift, of the kick at q'."""
        velocities = stack([self.velocity(number(row)) for row in np.eye(2)])
        moved = self.drift(self.q, self.kick(self.q, self.p))
        kicks = [self.block(-0.5 * self.eps * self.hessian_U(q), None) for q in (self.q, moved)]
        return kicks[0], self.block(None, self.eps * velocities), kicks[1]

    @cached_property
    def walked(self):
        """A random walk's proposal."""
        return self.q + self.eps * self.z

    det = staticmethod(determinant)
    least = staticmethod(least)
    slope = staticmethod(slope)

    # ---- momenta and Langevin

    @cached_property
    def root_T(self):
        """sqrt(T)."""
        return sqrt(number(self.temperature))

    def log_normal(self, x, mean):
        """log N(x; mean, ε² I), up to its constant."""
        return -0.5 * _sum(((x - mean) / self.eps) ** 2)

    @cached_property
    def log_det_C(self):
        """log det C."""
        return log(number(self.mass[0])) + log(number(self.mass[2]))

    log = staticmethod(log)
    exp = staticmethod(exp)
    total = staticmethod(total)


def phase_points(draws):
    """A generic point, a dense mass matrix, a temperature."""
    return PhasePoint(
        draws.reals(2, -1.2, 1.2),
        draws.reals(2, -1.2, 1.2),
        draws.real(0.1, 0.4),
        draws.real(0.6, 2.5),
        (draws.real(0.7, 1.4), draws.real(-0.5, 0.5), draws.real(0.7, 1.4)),
        (draws.real(0.6, 1.0), draws.real(0.8, 1.3)),
        draws.real(0.3, 0.7),
        draws.reals(2, -1.2, 1.2),
    )


def unit_points(draws):
    """The same with unit mass and temperature."""
    made = phase_points(draws)
    return PhasePoint(
        made.position, made.momentum, made.eps, 1.0, (1.0, 0.0, 1.0), made.widths, made.weight, made.noise
    )


@dataclass(frozen=True)
class Trajectory(PhasePoint):
    """A path of unit length, cut into steps; unit mass."""

    time: float = 1.0
    finest: int = 512

    def end(self, steps):
        """Where leapfrog with that many steps ends, in plain numbers."""
        at = PhasePoint(
            self.position,
            self.momentum,
            self.time / steps,
            1.0,
            self.mass,
            self.widths,
            self.weight,
        )
        return at.leapfrog(np.array(self.position), np.array(self.momentum), steps)

    def rise(self, steps):
        """H at the end less H at the start, over ε²."""
        start = self.H(self.q, self.p)
        q, p = self.end(steps)
        rounding = math.sqrt(steps) * 2.0**-52
        rise = self.H(number(q), number(p)) - start
        return Number(rise.value, rise.size, rise.error + rounding) * (steps / self.time) ** 2

    def shadow(self, q, p):
        """What leapfrog's modified energy adds at order ε²: pᵀ U'' p / 12 - |∇U|² / 24."""
        q, p = number(q), number(p)
        hessian, g = self.hessian_U(q), self.grad_U(q)
        bent = sum(p[i] * hessian[i, j] * p[j] for i in range(2) for j in range(2))
        return bent / 12.0 - total(g * g) / 24.0

    @cached_property
    def exact_end(self):
        """Where the exact flow ends: leapfrog at two fine steps, extrapolated; its error is of order ε⁴."""
        (q1, p1), (q2, p2) = self.end(self.finest // 2), self.end(self.finest)
        error = 2.0**-40
        return tuple(Number(b + (b - a) / 3.0, np.abs(b), error + 0.0 * b) for a, b in ((q1, q2), (p1, p2)))


def trajectories(draws):
    """A generic path with unit mass."""
    made = unit_points(draws)
    return Trajectory(made.position, made.momentum, made.eps, 1.0, (1.0, 0.0, 1.0), made.widths, made.weight)
