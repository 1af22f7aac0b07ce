"""Evidence for Markov chain Monte Carlo on Gaussian mixtures: exact balance, at pairs of points and as matrices.

No law here waits for a chain to converge. The densities come from a solve and a determinant, the proposals' means from
those, and chains are asked for single steps whose noise leads from one given point to another.
"""

import math

import numpy as np

from refvi.algorithms import chains, metropolis_hastings
from refvi.laws import gradient, markov
from refvi.laws.compare import EXACT, compare, of_answer, rounding
from refvi.laws.outcome import combine
from refvi.models import gaussian_mixture_density as density
from refvi.models.mixture import Mixture
from refvi.models.normal_emission import NormalEmission
from refvi.oracles import closed_form, differences, transition
from refvi.oracles.answer import Answer
from refvi.registry.entry import Entry, Evidence

ALL = ("python", "cpu", "cuda")


def mixture(seed, components=2, size=2):
    """A mixture in generic position, its numbers on a grid of 2^-12."""
    rng = np.random.default_rng(seed)

    def values(*shape):
        return rng.integers(-6000, 6000, shape) / 4096.0

    lower = np.tril(values(components, size, size), -1) * 0.5
    lower += np.eye(size) * (np.abs(values(components, size, 1)) + 0.5)
    return Mixture(values(components), NormalEmission(values(components, size), lower))


def points(seed, count=3, size=2):
    """Points within reach of a mixture."""
    return np.random.default_rng(seed + 100).integers(-8000, 8000, (count, size)) / 4096.0


def log_density(theta, x):
    """Independent log density, as an Answer: probabilities of the components times densities by a linear solve."""
    weights = np.exp(theta.mixing_logits)
    parts = [
        closed_form.log_normal(x, m, c @ c.T)
        for m, c in zip(theta.emission.means, theta.emission.cholesky, strict=True)
    ]
    shares = [w * math.exp(a.value) for w, a in zip(weights / weights.sum(), parts, strict=True)]
    total = math.fsum(shares)
    share = np.array(shares) / total
    size = float(share @ [a.magnitude + 4.0 for a in parts]) + abs(math.log(total))
    return Answer(math.log(total), size, float(share @ [a.error for a in parts]))


def slope(theta, x):
    """Independent gradient of the log density, by differences: good for a proposal's mean to some 1e-11."""
    found = differences.gradient(lambda y: log_density(theta, y).value, np.asarray(x))
    return found.value, float(np.max(found.error))


def _seeds(quick):
    return range(1 if quick else 6)


def _sizes(quick):
    return ((2, 2),) if quick else ((2, 2), (1, 1), (3, 3), (2, 5))


def check_density(quick=True, target="python"):
    """Values against a solve and a determinant, gradients against differences, one mixture and dimension after another."""
    outcomes = []
    for seed, (components, size) in [(s, shape) for s in _seeds(quick) for shape in _sizes(quick)]:
        theta, x = mixture(seed, components, size), points(seed, size=size)
        values, grads = density.log_density_and_gradient(theta, x, target)
        for n, here in enumerate(x):
            answer = log_density(theta, here)
            outcomes.append(compare("value", answer.value, values[n], of_answer(answer), f"log_density[{n}]"))
            outcomes.append(
                gradient.gradient_is_derivative(
                    lambda y, theta=theta: density.log_density_and_gradient(theta, y[None])[0][0],
                    lambda _, g=grads[n]: g,
                    here,
                    name="grad_x of log_density",
                )
            )
    return combine("value by a solve, gradient by differences", outcomes)


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
    cases = [five_states(seed) for seed in _seeds(quick)]
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
    for seed, (components, size) in [(s, shape) for s in _seeds(quick) for shape in _sizes(quick)]:
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


def check_noise(_quick=True, target="python"):
    """Noise by address: the same on every target, and a chain's noise does not depend on how many there are."""
    few, more = chains.noise(11, 2, 3, 2, target), chains.noise(11, 5, 3, 2)
    tolerance = rounding(10.0, 64.0) if target == "cuda" else EXACT
    return combine(
        "noise has an address",
        [
            compare("noise", more[0][:2], few[0], tolerance, "noise"),
            compare("uniforms", more[1][:2], few[1], tolerance, "uniforms"),
        ],
    )


KINDS = ("random_walk", "independence", "autoregressive", "crank_nicolson", "langevin")

ENTRIES = [
    Entry("models.gaussian_mixture_density", "model", "S4", density),
    Entry("algorithms.chains", "algorithm", "S4", chains),
    Entry("algorithms.metropolis_hastings", "algorithm", "S4", metropolis_hastings),
]

EVIDENCE = [
    Evidence(
        "S4",
        "models.gaussian_mixture_density",
        "value by a solve and a determinant, gradient by differences",
        "8·u·S; 4 errors of the differences",
        check_density,
        ALL,
    ),
    Evidence("S4", "algorithms.chains", "noise has an address", "equal bits", check_noise, ALL),
    Evidence(
        "S4",
        "algorithms.metropolis_hastings",
        "the matrix of a finite chain has mass, balance, the target and the oracle's entries",
        "8·u·S, S times the largest logarithm",
        check_matrix,
        ALL,
    ),
    Evidence(
        "S4",
        "algorithms.metropolis_hastings",
        "a chain is that of plain Python",
        "equal bits",
        check_chain_targets,
        ALL,
    ),
]
EVIDENCE += [
    Evidence(
        "S4",
        "algorithms.metropolis_hastings",
        f"single steps of {name} arrive and balance",
        "8·u·S and the error of the oracle's gradient",
        lambda quick, target, name=name: check_chain(name, quick, target),
    )
    for name in KINDS
]
