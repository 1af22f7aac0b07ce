"""Evidence for Markov chain Monte Carlo on Gaussian mixtures (system S4): densities, noise, and the rows of all of it."""

from refvi.algorithms import chains, effective_sample_size, hamiltonian, metropolis_hastings
from refvi.laws import gradient
from refvi.laws.compare import EXACT, compare, of_answer, rounding
from refvi.laws.outcome import combine
from refvi.models import gaussian_mixture_density as density
from refvi.registry import mcmc_hamiltonian as hmc
from refvi.registry import mcmc_metropolis as mh
from refvi.registry import mcmc_worth as worth
from refvi.registry.entry import Entry, Evidence
from refvi.registry.mcmc_cases import ALL, every, log_density, mixture, points


def check_density(quick=True, target="python"):
    """Values against a solve and a determinant, gradients against differences, one mixture and dimension after another."""
    outcomes = []
    for seed, components, size in every(quick):
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

KINDS = ("random_walk", "independence", "autoregressive", "crank_nicolson", "langevin")

ENTRIES = [
    Entry("models.gaussian_mixture_density", "model", "S4", density),
    Entry("algorithms.chains", "algorithm", "S4", chains),
    Entry("algorithms.metropolis_hastings", "algorithm", "S4", metropolis_hastings),
    Entry("algorithms.hamiltonian", "algorithm", "S4", hamiltonian),
    Entry("algorithms.effective_sample_size", "algorithm", "S4", effective_sample_size),
]


def _row(subject, law, tolerance, run, targets=("python",)):
    return Evidence("S4", subject, law, tolerance, run, targets)


MH, HMC, ESS = "algorithms.metropolis_hastings", "algorithms.hamiltonian", "algorithms.effective_sample_size"

EVIDENCE = [
    _row(
        "models.gaussian_mixture_density",
        "value by a solve and a determinant, gradient by differences",
        "8·u·S; 4 errors of the differences",
        check_density,
        ALL,
    ),
    _row("algorithms.chains", "noise has an address", "equal bits", check_noise, ALL),
    _row(
        MH,
        "the matrix of a finite chain has mass, balance, the target and the oracle's entries",
        "8·u·S, S times the largest logarithm",
        mh.check_matrix,
        ALL,
    ),
    _row(MH, "a chain is that of plain Python", "equal bits", mh.check_chain_targets, ALL),
    *(
        _row(
            MH,
            f"single steps of {name} arrive and balance",
            "8·u·S and the error of the oracle's gradient",
            lambda quick, target, name=name: mh.check_chain(name, quick, target),
        )
        for name in KINDS
    ),
    _row(
        HMC,
        "a path on one normal is a power of a matrix",
        "8·u·S times the condition",
        hmc.check_linear_path,
        ALL,
    ),
    _row(
        HMC,
        "paths come back, keep volume, lose energy of second order",
        "8·u·S; 4 errors of the differences; slope 2 within 0.15",
        hmc.check_path,
    ),
    _row(HMC, "single steps end where leapfrog does and balance", "8·u·S", hmc.check_hamiltonian_chain),
    _row(HMC, "one leapfrog step is Langevin", "8·u·S", hmc.check_one_step_is_langevin),
    _row(HMC, "a chain is that of plain Python", "equal bits", hmc.check_hamiltonian_targets, ALL),
    *(
        _row(
            ESS,
            f"effective sample size ({kind}) by sums is that by transforms",
            "8·u·S, S = N² (1 + ESS² / (C N))",
            lambda quick, target, kind=kind: worth.check_worth(kind, quick, target),
        )
        for kind in ("plain", "split", "bulk", "tail")
    ),
    *(
        _row(
            ESS,
            f"R-hat ({kind}) by sums is that by variances",
            "8·u·S, S = N (1 + R-hat)",
            lambda quick, target, kind=kind: worth.check_r_hat(kind, quick, target),
        )
        for kind in ("plain", "split", "rank")
    ),
    _row(
        ESS,
        "draws of known chains are worth N / tau, in any units, order and direction",
        "6 standard errors of log tau; 8·u·S",
        worth.check_known_chains,
        ("cpu",),
    ),
    _row(ESS, "every kind is that of plain Python", "equal bits", worth.check_targets, ALL),
]
