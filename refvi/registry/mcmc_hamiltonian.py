"""Evidence for Hamiltonian Monte Carlo: matrices on one normal, reversibility, volume, energy, balance, Langevin."""

import math

import numpy as np

from refvi.algorithms import chains, hamiltonian, metropolis_hastings
from refvi.laws import markov
from refvi.laws.compare import EXACT, compare, rounding
from refvi.laws.outcome import combine
from refvi.oracles import closed_form, transition
from refvi.registry.mcmc_cases import every, log_density, mixture, points, seeds


def mass(size, seed=0):
    """A lower factor of a dense mass matrix."""
    rng = np.random.default_rng(seed + 17)
    return np.tril(rng.uniform(-0.5, 0.5, (size, size)), -1) + np.diag(rng.uniform(0.75, 1.5, size))


def flow_of(theta, factor):
    """Leapfrog paths as flows: (step size, steps) -> ((q, p) -> (q, p))."""

    def make(step_size, steps):
        def flow(q, p):
            end = hamiltonian.path(
                theta, q[None], p[None], step_size=step_size, steps=steps, mass_cholesky=factor
            )
            return end.position[0], end.momentum[0]

        return flow

    return make


def energy_of(theta, factor):
    """Independent H(q, p): the oracle's log density and a solve with the mass matrix."""
    covariance = factor @ factor.T
    return lambda q, p: 0.5 * float(p @ np.linalg.solve(covariance, p)) - log_density(theta, q).value


def check_linear_path(quick=True, target="python"):
    """On one normal a path is a power of a matrix."""
    outcomes = []
    for seed, size in [(s, d) for s in seeds(quick) for d in ((2,) if quick else (1, 2, 3))]:
        theta, factor = mixture(seed, 1, size), mass(size, seed)
        q, p = points(seed, 2, size)
        mean, covariance = theta.emission.means[0], theta.emission.cholesky[0] @ theta.emission.cholesky[0].T
        for steps in (1, 2, 7):
            matrix = transition.leapfrog_matrix(
                np.linalg.inv(covariance), np.linalg.inv(factor @ factor.T), 0.3125, steps
            )
            wanted = matrix @ np.concatenate([q - mean, p]) + np.concatenate([mean, np.zeros(size)])
            end = hamiltonian.path(
                theta, q[None], p[None], step_size=0.3125, steps=steps, mass_cholesky=factor, target=target
            )
            found = np.concatenate([end.position[0], end.momentum[0]])
            spread = np.linalg.cond(covariance) * (steps + 1) * (np.abs(matrix).sum() + 1.0)
            reach = 1.0 + np.abs(q).max() + np.abs(p).max() + np.abs(mean).max()
            size_of = rounding(size * spread * reach)
            outcomes.append(compare("a power of a matrix", wanted, found, size_of, f"path of {steps} steps"))
            energies = {"log density": end.log_density[0], "kinetic energy": end.kinetic_energy[0]}
            k = 0.5 * float(end.momentum[0] @ np.linalg.solve(factor @ factor.T, end.momentum[0]))
            answer = log_density(theta, end.position[0])
            exact = {"log density": answer.value, "kinetic energy": k}
            reach = rounding(answer.magnitude + np.linalg.cond(factor) ** 2 * size * (1.0 + k))
            outcomes.append(compare("energies", exact, energies, reach, f"end of {steps} steps"))
    return combine("a path on one normal is a power of a matrix", outcomes)


def check_path(quick=True, _target="python"):
    """Paths on a mixture come back, keep volume, and lose energy of second order only."""
    outcomes = []
    for seed, components, size in every(quick):
        theta, factor = mixture(seed, components, size), mass(size, seed)
        q, p = points(seed, 2, size)
        make = flow_of(theta, factor)
        flow = make(0.125, 6)
        scale = np.linalg.cond(factor) * (4.0 + np.abs(q).max() + np.abs(p).max())
        outcomes += [
            markov.is_reversible(flow, q, p, magnitude=64.0 * size * scale, name="leapfrog"),
            markov.preserves_volume(flow, q, p, name="leapfrog"),
            markov.energy_error_is_second_order(
                make, energy_of(theta, factor), q, p, 0.0625, 16, name="energy error of leapfrog"
            ),
        ]
    return combine("paths come back, keep volume, lose energy of second order", outcomes)


TEMPERATURES = (1.0, 2.5)


def check_hamiltonian_chain(quick=True, target="python"):
    """Single steps end where leapfrog from sqrt(T) C noise does, and balance the oracle's densities of (q, p)."""
    outcomes = []
    cases = [(*case, t) for case in every(quick) for t in TEMPERATURES]
    for seed, components, size, temperature in cases:
        theta, factor = mixture(seed, components, size), mass(size, seed)
        dynamics = {"step_size": 0.75, "steps": 3, "mass_cholesky": factor, "target": target}
        covariance = temperature * factor @ factor.T

        def step(q, noise, theta=theta, dynamics=dynamics, t=temperature):
            run = hamiltonian.sample(
                theta, q[None], noise[None, None], np.zeros((1, 1)), temperature=t, **dynamics
            )
            return run.positions[0, 0], float(run.log_acceptance[0, 0])

        start, noise = points(seed, 2, size)
        momentum = math.sqrt(temperature) * factor @ noise
        end = hamiltonian.path(theta, start[None], momentum[None], **dynamics)
        there, back = end.position[0], -end.momentum[0]
        arrived, log_a = step(start, noise)
        returned, log_b = step(there, np.linalg.solve(factor, back) / math.sqrt(temperature))
        reach = np.linalg.cond(factor) * (4.0 + np.abs(start).max() + np.abs(momentum).max())
        size_of = rounding(16.0 * size * reach)
        words = f"position of a chain at temperature {temperature:g}"
        outcomes.append(compare("the noise leads there", there, arrived, size_of, words))
        outcomes.append(compare("and back", start, returned, size_of, f"returned {words}"))
        phase = {0: (start, momentum), 1: (there, back)}
        outcomes.append(
            markov.is_balanced_at(
                lambda x, theta=theta, phase=phase, t=temperature: log_density(theta, phase[x][0]).value / t,
                lambda _, x, phase=phase, c=covariance: (
                    closed_form.log_normal(phase[x][1], 0.0 * c[0], c).value
                ),
                lambda _, x, a=(log_a, log_b): a[x],
                [(0, 1)],
                magnitude=16.0 * size * reach**2,
                name=f"a chain at temperature {temperature:g}",
            )
        )
    return combine("single steps end where leapfrog does and balance", outcomes)


def check_one_step_is_langevin(quick=True, target="python"):
    """With one leapfrog step and unit mass the chain is Metropolis-adjusted Langevin, noise for noise."""
    outcomes = []
    for seed, components, size in every(quick):
        theta = mixture(seed, components, size)
        noise, uniforms = chains.noise(seed, 2, 15, size)
        given = (theta, points(seed, 2, size), noise, uniforms)
        wanted = metropolis_hastings.sample(
            *given, proposal=metropolis_hastings.langevin(0.75 * np.eye(size))
        )
        found = hamiltonian.sample(*given, step_size=0.75, steps=1, target=target)
        size_of = rounding(1e4 * size)
        outcomes.append(compare("one step is Langevin", wanted._asdict(), found._asdict(), size_of, "chains"))
    return combine("one leapfrog step is Langevin", outcomes)


def check_hamiltonian_targets(quick=True, target="python"):
    """A whole chain on a target against plain Python: the same bits on the CPU, the same path on a device."""
    noise, uniforms = chains.noise(5, 2, 10 if quick else 200, 2)
    given = (mixture(3), points(3, 2), noise, uniforms)
    kwargs = {"step_size": 0.375, "steps": 4, "temperature": 1.5, "mass_cholesky": mass(2)}
    plain = hamiltonian.sample(*given, **kwargs)
    found = hamiltonian.sample(*given, **kwargs, target=target)
    tolerance = rounding(1e4, 64.0) if target == "cuda" else EXACT
    return compare("a target agrees with plain Python", plain._asdict(), found._asdict(), tolerance, "chains")
