"""Evidence for Metropolis-Hastings: exact balance, at pairs of points and as matrices.

No law here waits for a chain to converge: chains are asked for single steps whose noise leads from one given point to
another, and finite chains for their matrices.
"""

import numpy as np

from refvi.algorithms import chains, metropolis_hastings
from refvi.laws import markov
from refvi.laws.compare import EXACT, compare, rounding
from refvi.laws.outcome import combine
from refvi.oracles import closed_form, transition
from refvi.registry.mcmc_cases import every, log_density, mixture, points, seeds, slope

# ---- finite chains and grids


def five_states(seed):
    """A target and an asymmetric proposal on five states, as probabilities."""
    rng = np.random.default_rng(seed)
    target, proposal = rng.uniform(0.2, 2.0, 5), rng.uniform(0.1, 1.0, (5, 5))
    return target / target.sum(), proposal / proposal.sum(1, keepdims=True)


def grid_chain(count):
    """A mixture of two normals on a grid over (-8, 8), proposals N(x, 0.7²) on it: the grid's ends break their symmetry."""
    x = np.linspace(-8.0, 8.0, count)
    shares = (
        0.3 * np.exp(-0.5 * ((x + 1.5) / 0.6) ** 2) / 0.6 + 0.7 * np.exp(-0.5 * ((x - 1.0) / 0.9) ** 2) / 0.9
    )
    proposal = np.exp(-0.5 * ((x[None, :] - x[:, None]) / 0.7) ** 2)
    return shares / shares.sum(), proposal / proposal.sum(1, keepdims=True)


def check_matrix(quick=True, target="python"):
    """Mass, balance and stationarity of the transition matrix; its entries from probabilities; its fixed point."""
    outcomes = []
    cases = [five_states(seed) for seed in seeds(quick)]
    cases.append(grid_chain(1601 if target == "cpu" and not quick else 81))
    for pi, g in cases:
        log_pi, log_g = np.log(pi), np.log(g)
        size = float(np.abs(log_pi).max() + np.abs(log_g).max())
        found = metropolis_hastings.transition_matrix(log_pi + 0.75, log_g, target)
        outcomes += [
            markov.rows_have_mass_one(found),
            markov.is_balanced(found, pi, magnitude=4.0 * size),
            markov.is_stationary(found, pi),
            compare(
                "entries",
                transition.metropolis_hastings(pi, g),
                found,
                rounding((1.0 + size) * found + len(pi) * np.eye(len(pi))),
                "transition",
            ),
        ]
        if len(pi) == 5:
            kept = transition.stationary(found)
            outcomes.append(compare("fixed point", pi, kept, rounding((1.0 + size) * pi * 5), "stationary"))
    return combine("mass, balance, stationarity, entries", outcomes)


# ---- chains on a mixture


def proposals(size, seed=0):
    """One proposal of each kind with what its mean is, c + a (x - c) + ½ b S Sᵀ grad."""
    rng = np.random.default_rng(seed + 7)
    factor = np.tril(rng.uniform(-0.5, 0.5, (size, size)), -1) + np.diag(rng.uniform(0.6, 1.2, size))
    centre = rng.uniform(-0.5, 0.5, size)
    mh = metropolis_hastings
    return {
        "random_walk": mh.random_walk(factor),
        "independence": mh.independence(centre, factor),
        "autoregressive": mh.autoregressive(centre, factor, -0.625),
        "crank_nicolson": mh.crank_nicolson(centre, factor, 0.75),
        "langevin": mh.langevin(factor),
    }


def mean_of(name, proposal, theta, x):
    """The mean of a proposal written again by its name, and how far it may be off."""
    if name == "langevin":
        grad, error = slope(theta, x)
        covariance = proposal.cholesky @ proposal.cholesky.T
        return x + 0.5 * covariance @ grad, float(np.abs(covariance).sum()) * 4.0 * error
    pull = {"random_walk": 1.0, "independence": 0.0, "autoregressive": -0.625, "crank_nicolson": 0.75}[name]
    return proposal.centre + pull * (x - proposal.centre), 0.0


def check_chain(name, quick=True, target="python"):
    """Single steps between given points: they arrive, and their acceptances balance the oracle's densities."""
    outcomes = []
    for seed, components, size in every(quick):
        theta, proposal = mixture(seed, components, size), proposals(size, seed)[name]
        x = points(seed, 4, size)
        pairs = [(0, 1), (1, 2), (2, 3), (3, 0)]
        means = [mean_of(name, proposal, theta, here) for here in x]
        covariance = proposal.cholesky @ proposal.cholesky.T
        error = max(m[1] for m in means)
        away = {
            (i, j): np.linalg.solve(proposal.cholesky, x[j] - means[i][0])
            for p in pairs
            for i, j in (p, p[::-1])
        }
        found = {}
        for (i, j), noise in away.items():
            run = metropolis_hastings.sample(
                theta, x[i : i + 1], noise[None, None], np.zeros((1, 1)), proposal=proposal, target=target
            )
            found[i, j] = float(run.log_acceptance[0, 0])
            reach = 1.0 + np.abs(x).max() + np.abs(noise).max()
            tolerance = rounding(8.0 * size * reach)
            tolerance = tolerance._replace(
                size={"": tolerance.size[""] + error}, reason=f"{tolerance.reason} + the mean's error"
            )
            arrived = run.positions[0, 0]
            outcomes.append(compare("the noise leads there", x[j], arrived, tolerance, f"position of {name}"))
        largest = 1.0 + max(float(np.abs(z).max()) for z in away.values())
        noise_error = error * size * largest / np.linalg.eigvalsh(covariance)[0] / 2.0**-53
        outcomes.append(
            markov.is_balanced_at(
                lambda i, theta=theta, x=x: log_density(theta, x[i]).value,
                lambda j, i, x=x, means=means, c=covariance: (
                    closed_form.log_normal(x[j], means[i][0], c).value
                ),
                lambda j, i, found=found: found[i, j],
                pairs,
                magnitude=64.0 * size * largest**2 + noise_error,
                name=name,
            )
        )
    return combine("single steps arrive and balance", outcomes)


def check_chain_targets(quick=True, target="python"):
    """A whole chain on a target against plain Python: the same bits on the CPU, the same path on a device."""
    theta = mixture(3)
    noise, uniforms = chains.noise(5, 2, 20 if quick else 200, 2)
    kwargs = {"proposal": metropolis_hastings.langevin(0.75 * np.eye(2))}
    plain = metropolis_hastings.sample(theta, points(3, 2), noise, uniforms, **kwargs)
    found = metropolis_hastings.sample(theta, points(3, 2), noise, uniforms, **kwargs, target=target)
    tolerance = rounding(1e3, 64.0) if target == "cuda" else EXACT
    return compare("a target agrees with plain Python", plain._asdict(), found._asdict(), tolerance, "chains")
