"""Hamiltonian Monte Carlo with leapfrog, a dense mass matrix and a temperature, on any log density with a gradient.

    density of (q, p) proportional to exp(-H(q, p) / T),   H = U(q) + K(p),  U = -log pi(q),  K = ½ pᵀ M⁻¹ p,  M = C Cᵀ

At temperature T the position has the density pi^(1/T), and the momentum has the covariance T M: it is drawn as
sqrt(T) C noise, and differences of energy are divided by T. Noise is handed in. Not here: tuning of step size, number of
steps or mass; stopping a path by itself.

Source      Neal 2011, "MCMC using Hamiltonian dynamics", eq 5.5 to 5.8 (dynamics), 5.18 to 5.20 (leapfrog), 5.21 to
            5.23 (temperature), section 5.3.2 (acceptance), arXiv:1206.1901v1
Checked by  tests/algorithms/test_hamiltonian.py
"""

import functools
import math
from typing import NamedTuple

import numpy as np

from refvi import validate
from refvi.algorithms import chains
from refvi.algorithms.metropolis_hastings import accepts, log_acceptance
from refvi.errors import UsageError
from refvi.kernels.normal_full import solve_lower, solve_lower_transposed
from refvi.kernels.portable import portable
from refvi.models import gaussian_mixture_density as target_density
from refvi.targets import get_target


class Dynamics(NamedTuple):
    """How a path moves.

    step_size      () ε; negative runs backwards
    steps          () leapfrog steps of a path
    temperature    () T
    mass_cholesky  (D, D) C, lower triangular, of the mass matrix M = C Cᵀ
    """

    step_size: float
    steps: int
    temperature: float
    mass_cholesky: np.ndarray


class Phase(NamedTuple):
    """Points of phase space, one row each.

    position        (N, D) q
    momentum        (N, D) p
    log_density     (N,) log pi(q) = -U(q)
    kinetic_energy  (N,) K(p)
    """

    position: np.ndarray
    momentum: np.ndarray
    log_density: np.ndarray
    kinetic_energy: np.ndarray


class Starts(NamedTuple):
    """Where paths start: position (N, D), momentum (N, D)."""

    position: np.ndarray
    momentum: np.ndarray


@portable
def draw_momentum(noise, dynamics, p):
    """A momentum from its noise.

    Formula     p_i = sqrt(T) sum_(j <= i) C_ij noise_j:  covariance T C Cᵀ = T M
    Shapes      noise (D,), dynamics Dynamics, p (D,)
    Domain      T > 0
    """
    scale = math.sqrt(dynamics.temperature)
    for i in range(p.shape[0]):
        total = 0.0
        for j in range(i + 1):
            total += dynamics.mass_cholesky[i, j] * noise[j]
        p[i] = scale * total


@portable
def kinetic_energy(p, mass_cholesky, scratch):
    """Kinetic energy of a momentum.

    Formula     ½ |C⁻¹ p|²
    Gradient    `velocity`
    Shapes      p (D,), mass_cholesky (D, D), scratch (D,) -> ()
    Domain      C_ii > 0
    """
    for i in range(p.shape[0]):
        scratch[i] = p[i]
    solve_lower(mass_cholesky, scratch, 1)
    total = 0.0
    for i in range(p.shape[0]):
        total += 0.5 * scratch[i] * scratch[i]
    return total


@portable
def velocity(p, mass_cholesky, out):
    """Velocity that belongs to a momentum: the derivative of the kinetic energy.

    Formula     M⁻¹ p = C⁻ᵀ C⁻¹ p
    Shapes      p (D,), mass_cholesky (D, D), out (D,)
    Domain      C_ii > 0
    """
    for i in range(p.shape[0]):
        out[i] = p[i]
    solve_lower(mass_cholesky, out, 1)
    solve_lower_transposed(mass_cholesky, out, 1)


@functools.cache
def leapfrog_kernel(log_density_grad):
    """The leapfrog path on a density, given as a kernel (x, density, grad, scratch) -> value."""

    @portable
    def leapfrog(q, p, grad, density, dynamics, moved, scratch):
        """Half a kick, a drift, half a kick, `steps` times, in place; returns log pi at the end.

        Formula     p <- p + ½ ε grad log pi(q);  q <- q + ε M⁻¹ p;  p <- p + ½ ε grad log pi(q)
        Shapes      q (D,), p (D,), grad (D,) of log pi at q, kept so; moved (D,), scratch of the density -> ()
        Domain      steps >= 1; a path that overflows ends in NaN
        """
        value, half = 0.0, 0.5 * dynamics.step_size
        for _ in range(dynamics.steps):
            for i in range(q.shape[0]):
                p[i] += half * grad[i]
            velocity(p, dynamics.mass_cholesky, moved)
            for i in range(q.shape[0]):
                q[i] += dynamics.step_size * moved[i]
            value = log_density_grad(q, density, grad, scratch)
            for i in range(q.shape[0]):
                p[i] += half * grad[i]
        return value

    return leapfrog


@functools.cache
def path_kernel(log_density_grad):
    """The kernel of one path from a given point of phase space."""
    leapfrog = leapfrog_kernel(log_density_grad)

    @portable
    def path(item, inputs, out, scratch):
        """Where a path ends: position, momentum, log pi, kinetic energy.

        Formula     (q, p) after `steps` of leapfrog, the momentum as it arrives (not negated)
        Shapes      inputs (density, Dynamics, Starts), out (2 D + 2,), scratch (2 D + scratch of the density,)
        Domain      as leapfrog
        """
        density, dynamics, starts = inputs[0], inputs[1], inputs[2]
        size = starts.position.shape[1]
        q, p = out[:size], out[size : 2 * size]
        grad, moved, rest = scratch[:size], scratch[size : 2 * size], scratch[2 * size :]
        for i in range(size):
            q[i], p[i] = starts.position[item, i], starts.momentum[item, i]
        log_density_grad(q, density, grad, rest)
        out[2 * size] = leapfrog(q, p, grad, density, dynamics, moved, rest)
        out[2 * size + 1] = kinetic_energy(p, dynamics.mass_cholesky, moved)

    return path


@functools.cache
def chain_kernel(log_density_grad):
    """The kernel of one chain on a density."""
    leapfrog = leapfrog_kernel(log_density_grad)

    @portable
    def chain(item, inputs, out, scratch):
        """A chain: every step is written as (position, log acceptance, accepted).

        Formula     p = sqrt(T) C noise; (q', p') by leapfrog; log A = min(0, -(H(q', p') - H(q, p)) / T); the momentum
                    is then forgotten, so that its negation, which makes the proposal its own inverse, changes nothing
        Shapes      inputs (density, Dynamics, Draws), out (T * (D + 2),), scratch (6 D + scratch of the density,)
        Domain      a path that overflows is refused
        """
        density, dynamics, draws = inputs[0], inputs[1], inputs[2]
        size, temperature = draws.start.shape[1], dynamics.temperature
        x, slope = scratch[:size], scratch[size : 2 * size]
        q, p = scratch[2 * size : 3 * size], scratch[3 * size : 4 * size]
        grad, moved, rest = scratch[4 * size : 5 * size], scratch[5 * size : 6 * size], scratch[6 * size :]
        for i in range(size):
            x[i] = draws.start[item, i]
        here = log_density_grad(x, density, slope, rest)
        for step in range(draws.noise.shape[1]):
            row = out[step * (size + 2) : (step + 1) * (size + 2)]
            draw_momentum(draws.noise[item, step], dynamics, p)
            before = kinetic_energy(p, dynamics.mass_cholesky, moved)
            for i in range(size):
                q[i], grad[i] = x[i], slope[i]
            there = leapfrog(q, p, grad, density, dynamics, moved, rest)
            after = kinetic_energy(p, dynamics.mass_cholesky, moved)
            row[size] = log_acceptance(
                here / temperature, there / temperature, -before / temperature, -after / temperature
            )
            row[size + 1] = accepts(draws.uniforms[item, step], row[size])
            if row[size + 1] == 1.0:
                here = there
                for i in range(size):
                    x[i], slope[i] = q[i], grad[i]
            for i in range(size):
                row[i] = x[i]

    return chain


def _dynamics(size, step_size, steps, temperature, mass_cholesky):
    """Dynamics as kernels want them; one sentence where they are none."""
    step_size = float(validate.array("step_size", step_size, ""))
    temperature = float(validate.array("temperature", temperature, ""))
    if not temperature > 0.0:
        raise UsageError(f"temperature must be positive, got {temperature}")
    factor = np.eye(size) if mass_cholesky is None else mass_cholesky
    factor = np.tril(validate.array("mass_cholesky", factor, "D D", {"D": size}))
    if not np.all(np.diag(factor) > 0):
        raise UsageError("mass_cholesky must have a positive diagonal, got a mass matrix that is singular")
    return Dynamics(step_size, validate.at_least("steps", steps, 1), temperature, factor)


def path(theta, position, momentum, *, step_size, steps, mass_cholesky=None, target="python"):
    """Leapfrog paths on a Gaussian mixture from points of phase space (N, D), (N, D) to their ends, a `Phase`.

    A step size of 0 stays where it is; a negative one runs backwards.
    """
    density = target_density.from_mixture(theta)
    sizes = {"D": density.means.shape[1]}
    starts = Starts(
        validate.array("position", position, "N D", sizes), validate.array("momentum", momentum, "N D", sizes)
    )
    size = sizes["D"]
    dynamics = _dynamics(size, step_size, steps, 1.0, mass_cholesky)
    kernel = path_kernel(target_density.gaussian_mixture_log_density_grad)
    scratch, inputs = 2 * size + target_density.scratch_size(density), (density, dynamics, starts)
    rows = get_target(target).rows(kernel, inputs, len(starts.position), 2 * size + 2, scratch)
    return Phase(
        rows[:, :size].copy(), rows[:, size : 2 * size].copy(), rows[:, -2].copy(), rows[:, -1].copy()
    )


def sample(
    theta,
    start,
    noise,
    uniforms,
    *,
    step_size,
    steps,
    temperature=1.0,
    mass_cholesky=None,
    target="python",
):
    """Chains on a Gaussian mixture, raised to the power 1 / temperature.

    theta          a `mixture.Mixture` with a `NormalEmission`
    start          (C, D) first states; noise (C, T, D), uniforms (C, T): `chains.noise` makes them from a seed
    step_size      ε > 0, steps leapfrog steps of a path
    mass_cholesky  (D, D) lower factor of the mass matrix, the identity by default

    Returns `chains.Chains`.
    """
    density = target_density.from_mixture(theta)
    size = density.means.shape[1]
    draws = chains.draws(size, start, noise, uniforms)
    dynamics = _dynamics(size, step_size, steps, temperature, mass_cholesky)
    if not dynamics.step_size > 0.0:
        raise UsageError(
            f"step_size must be positive, got {dynamics.step_size}: a chain has to move forwards"
        )
    kernel = chain_kernel(target_density.gaussian_mixture_log_density_grad)
    count, scratch = draws.noise.shape[1], 6 * size + target_density.scratch_size(density)
    inputs = (density, dynamics, draws)
    rows = get_target(target).rows(kernel, inputs, len(draws.start), count * (size + 2), scratch)
    return chains.chains_of(rows, count)
