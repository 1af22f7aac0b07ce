"""Metropolis-Hastings with Gaussian proposals on any log density, and on finite state spaces as an exact matrix.

    x' = c + a (x - c) + ½ b S Sᵀ grad log pi(x) + S noise,    accepted with probability
    A(x' | x) = min(1, pi(x') g(x | x') / (pi(x) g(x' | x)))

One family of proposals holds the usual ones: random walk (a = 1, b = 0; the only symmetric one), independence (a = 0),
autoregressive (preconditioned Crank-Nicolson where S Sᵀ = (1 - a²) C) and Langevin (a = b = 1). Noise is handed in.
Not here: Hamiltonian proposals (`hamiltonian`), diagnostics (`effective_sample_size`).

Source      Hastings 1970, Biometrika 57, section 2.2; Roberts and Tweedie 1996, Bernoulli 2, section 1.4 (Langevin);
            Cotter, Roberts, Stuart and White 2013, Statistical Science 28, section 4 (Crank-Nicolson)
Checked by  tests/algorithms/test_metropolis_hastings.py
"""

import functools
import math
from typing import NamedTuple

import numpy as np

from refvi import validate
from refvi.algorithms import chains
from refvi.errors import UsageError
from refvi.kernels.normal_full import solve_lower
from refvi.kernels.portable import portable
from refvi.kernels.scalar import exp, expm1, log
from refvi.models import gaussian_mixture_density as target_density
from refvi.targets import get_target


class Proposal(NamedTuple):
    """A Gaussian proposal N(c + a (x - c) + ½ b S Sᵀ grad log pi(x), S Sᵀ).

    centre    (D,) c
    pull      () a
    drift     () b
    cholesky  (D, D) S, lower triangular
    """

    centre: np.ndarray
    pull: float
    drift: float
    cholesky: np.ndarray


class FiniteProposal(NamedTuple):
    """A target and a proposal on S states.

    log_target    (S,) log pi up to a constant
    log_proposal  (S, S) log g(j | i) in row i
    """

    log_target: np.ndarray
    log_proposal: np.ndarray


@portable
def log_acceptance(log_target, log_target_new, log_forward, log_backward):
    """Log of Metropolis' acceptance probability with the Hastings correction.

    Formula     min(0, log pi(x') - log pi(x) + log g(x | x') - log g(x' | x))
    Shapes      log_target () of x, log_target_new () of x', log_forward () = log g(x' | x), log_backward () -> ()
    Domain      -inf where x' is impossible or cannot return, 0 where only x is impossible; where the ratio is NaN
                (both impossible, or a NaN came in) the proposal is refused: -inf
    Stability   equal proposal densities cancel exactly
    """
    ratio = (log_target_new - log_target) + (log_backward - log_forward)
    if ratio > 0.0:
        return 0.0
    return ratio if ratio == ratio else -math.inf


@portable
def accepts(u, log_probability):
    """Whether uniform noise accepts.

    Formula     log u < log A, or A = 1
    Shapes      u (), log_probability () -> ()
    Domain      0 <= u < 1; A = 0 is never accepted
    """
    return 1.0 if log_probability == 0.0 or log(u) < log_probability else 0.0


@portable
def proposal_mean(x, grad, proposal, out):
    """Mean of the Gaussian proposal.

    Formula     m_i = (1 - a) c_i + a x_i + ½ b sum_j S_ij sum_k S_kj grad_k
    Shapes      x (D,), grad (D,) of log pi at x (not read for b = 0), proposal Proposal, out (D,)
    Domain      all reals
    """
    size, factor = x.shape[0], proposal.cholesky
    for i in range(size):
        out[i] = (1.0 - proposal.pull) * proposal.centre[i] + proposal.pull * x[i]
    if proposal.drift == 0.0:
        return
    for j in range(size):
        along = 0.0
        for k in range(j, size):
            along += factor[k, j] * grad[k]
        for i in range(j, size):
            out[i] += 0.5 * proposal.drift * factor[i, j] * along


@portable
def log_proposal(to, mean, cholesky, scratch):
    """Log density of a Gaussian proposal, up to the constant that is the same in both directions.

    Formula     -½ |S⁻¹ (to - mean)|²
    Shapes      to (D,), mean (D,), cholesky (D, D), scratch (D,) -> ()
    Domain      S_ii > 0
    """
    size = to.shape[0]
    for i in range(size):
        scratch[i] = to[i] - mean[i]
    solve_lower(cholesky, scratch, 1)
    total = 0.0
    for i in range(size):
        total -= 0.5 * scratch[i] * scratch[i]
    return total


@portable
def propose(mean, cholesky, noise, out):
    """A draw of a normal from its noise.

    Formula     out = mean + S noise
    Shapes      mean (D,), cholesky (D, D), noise (D,), out (D,)
    Domain      all reals
    """
    for i in range(mean.shape[0]):
        out[i] = mean[i]
        for j in range(i + 1):
            out[i] += cholesky[i, j] * noise[j]


@functools.cache
def chain_kernel(log_density, log_density_grad):
    """The kernel of one chain on a density, given as kernels (x, density, scratch) and (x, density, grad, scratch)."""

    @portable
    def chain(item, inputs, out, scratch):
        """A chain: every step is written as (position, log acceptance, accepted).

        Formula     x' = mean(x) + S noise; A by `log_acceptance` with g the proposal's density both ways
        Shapes      inputs (density, Proposal, Draws), out (T * (D + 2),), scratch (6 D + scratch of the density,)
        Domain      as `log_acceptance`
        """
        density, proposal, draws = inputs[0], inputs[1], inputs[2]
        size, gradient = draws.start.shape[1], proposal.drift != 0.0
        x, moved = scratch[:size], scratch[size : 2 * size]
        slope, new_slope = scratch[2 * size : 3 * size], scratch[3 * size : 4 * size]
        mean, away, rest = scratch[4 * size : 5 * size], scratch[5 * size : 6 * size], scratch[6 * size :]
        for i in range(size):
            x[i] = draws.start[item, i]
        here = log_density_grad(x, density, slope, rest) if gradient else log_density(x, density, rest)
        for step in range(draws.noise.shape[1]):
            row = out[step * (size + 2) : (step + 1) * (size + 2)]
            proposal_mean(x, slope, proposal, mean)
            propose(mean, proposal.cholesky, draws.noise[item, step], moved)
            forward = log_proposal(moved, mean, proposal.cholesky, away)
            if gradient:
                there = log_density_grad(moved, density, new_slope, rest)
            else:
                there = log_density(moved, density, rest)
            proposal_mean(moved, new_slope, proposal, mean)
            backward = log_proposal(x, mean, proposal.cholesky, away)
            row[size] = log_acceptance(here, there, forward, backward)
            row[size + 1] = accepts(draws.uniforms[item, step], row[size])
            if row[size + 1] == 1.0:
                here = there
                for i in range(size):
                    x[i], slope[i] = moved[i], new_slope[i]
            for i in range(size):
                row[i] = x[i]

    return chain


@portable
def transition_row(item, inputs, out, scratch):  # noqa: ARG001
    """One row of the transition matrix of Metropolis-Hastings on a finite state space.

    Formula     P_ij = g(j | i) A(j | i) for j != i;  P_ii = g(i | i) + sum_j g(j | i) (1 - A(j | i))
    Shapes      inputs FiniteProposal, out (S,)
    Domain      rows of exp(log_proposal) sum to 1
    Stability   the rejected mass is a sum of positive terms, not a difference from 1
    """
    rejected = 0.0
    for j in range(out.shape[0]):
        forward = inputs.log_proposal[item, j]
        if j == item or forward == -math.inf:
            out[j] = exp(forward)
            continue
        log_a = log_acceptance(
            inputs.log_target[item], inputs.log_target[j], forward, inputs.log_proposal[j, item]
        )
        out[j] = exp(forward + log_a)
        rejected -= exp(forward) * expm1(log_a)
    out[item] += rejected


def random_walk(cholesky):
    """Symmetric random walk: x' = x + S noise."""
    factor = _factor(cholesky)
    return Proposal(np.zeros(len(factor)), 1.0, 0.0, factor)


def independence(mean, cholesky):
    """Proposals that forget where they come from: x' = m + S noise."""
    return autoregressive(mean, cholesky, 0.0)


def autoregressive(mean, cholesky, pull):
    """Proposals pulled towards a centre: x' = m + a (x - m) + S noise; reversible for N(m, S Sᵀ / (1 - a²))."""
    factor = _factor(cholesky)
    return Proposal(validate.array("mean", mean, "D", {"D": len(factor)}), _number("pull", pull), 0.0, factor)


def crank_nicolson(mean, cholesky, pull):
    """Preconditioned Crank-Nicolson: x' = m + a (x - m) + sqrt(1 - a²) L noise; reversible for N(m, L Lᵀ)."""
    pull = _number("pull", pull)
    if not -1.0 < pull < 1.0:
        raise UsageError(f"pull must lie in -1 < pull < 1, got {pull}")
    return autoregressive(mean, math.sqrt((1.0 - pull) * (1.0 + pull)) * _factor(cholesky), pull)


def langevin(cholesky):
    """Metropolis-adjusted Langevin: x' = x + ½ S Sᵀ grad log pi(x) + S noise."""
    return random_walk(cholesky)._replace(drift=1.0)


def _number(name, value):
    return float(validate.array(name, value, ""))


def _factor(cholesky):
    """A lower factor with a positive diagonal; one sentence where it is none."""
    factor = validate.array("cholesky", cholesky, "D D")
    if not np.all(np.diag(factor) > 0):
        raise UsageError(
            "cholesky must have a positive diagonal, got a proposal whose covariance is singular"
        )
    return np.tril(factor)


def sample(theta, start, noise, uniforms, *, proposal, target="python"):
    """Chains on a Gaussian mixture.

    theta     a `mixture.Mixture` with a `NormalEmission`
    start     (C, D) first states; noise (C, T, D), uniforms (C, T): `chains.noise` makes them from a seed
    proposal  made by `random_walk`, `independence`, `autoregressive`, `crank_nicolson` or `langevin`

    Returns `Chains`.
    """
    density = target_density.from_mixture(theta)
    size = density.means.shape[1]
    draws = chains.draws(size, start, noise, uniforms)
    if len(proposal.cholesky) != size:
        raise UsageError(f"proposal must have {size} dimensions, got {len(proposal.cholesky)}")
    kernel = chain_kernel(
        target_density.gaussian_mixture_log_density, target_density.gaussian_mixture_log_density_grad
    )
    steps, scratch = draws.noise.shape[1], 6 * size + target_density.scratch_size(density)
    inputs = (density, proposal, draws)
    rows = get_target(target).rows(kernel, inputs, len(draws.start), steps * (size + 2), scratch)
    return chains.chains_of(rows, steps)


def transition_matrix(log_target, log_proposal, target="python"):
    """The exact transition matrix (S, S) of Metropolis-Hastings on a finite state space.

    log_target    (S,) up to a constant; -inf is an impossible state
    log_proposal  (S, S) log probabilities of the proposal from each state, each row summing to 1
    """
    sizes = {}
    log_target = validate.array("log_target", log_target, "S", sizes, finite=False)
    log_proposal = validate.array("log_proposal", log_proposal, "S S", sizes, finite=False)
    mass = np.exp(log_proposal).sum(1)
    if not np.all(np.abs(mass - 1.0) <= 1e-12 * len(mass)):
        raise UsageError(
            f"every row of log_proposal must have mass 1, got {mass[np.argmax(abs(mass - 1.0))]}"
        )
    if not np.all(log_target < np.inf) or not np.any(log_target > -np.inf):
        raise UsageError("log_target must be finite or -inf, and not all -inf")
    inputs = FiniteProposal(log_target, log_proposal)
    return get_target(target).rows(transition_row, inputs, len(log_target), len(log_target))
