"""Specs of Markov chains against definitions that share no code with them, and right implementations in other styles."""

import math

import numpy as np
import pytest

import refvi
from refvi.algorithms import effective_sample_size as ess
from refvi.algorithms import hamiltonian as hmc_algorithm
from refvi.algorithms import metropolis_hastings as mh_algorithm
from refvi.checking.compare import UNIT, C
from refvi.models.mixture import Mixture
from refvi.models.normal_emission import NormalEmission
from refvi.oracles import transition
from refvi.specs import effective_sample_size, hamiltonian, leapfrog, mcmc, split_r_hat
from tests.specs import exact

SPECS = [
    mcmc.metropolis_hastings,
    hamiltonian.momentum,
    hamiltonian.hamiltonian,
    leapfrog.leapfrog,
    effective_sample_size.effective_sample_size,
    effective_sample_size.bulk_effective_sample_size,
    split_r_hat.split_r_hat,
]


def cases(spec):
    found = [(f"generic {seed}", spec.draw_case(np.random.default_rng(seed), {})) for seed in range(6)]
    return found + [
        (name, {k: np.asarray(v, dtype=np.float64) for k, v in inputs.items()})
        for name, inputs in spec.edges().items()
    ]


def metropolis(log_density, log_density_new, log_forward, log_backward):
    """A = min(1, pi' g_back / (pi g_forth)), by exponentials of 60 digits."""
    mp = exact.mp
    rows = []
    with mp.workdps(60):
        for row in zip(log_density, log_density_new, log_forward, log_backward, strict=True):
            old, new, forth, back = (mp.exp(mp.mpf(float(v))) for v in row)
            rows.append(min(mp.mpf(1), new * back / (old * forth)))
        return [float(mp.log(a)) if a > 0 else -math.inf for a in rows]


def momenta(noise, inverse_mass_cholesky, temperature):
    return math.sqrt(temperature) * np.linalg.solve(inverse_mass_cholesky.T, noise.T).T


def energies(log_density, log_density_new, momentum, momentum_new, inverse_mass_cholesky, temperature):
    inverse_mass = inverse_mass_cholesky @ inverse_mass_cholesky.T
    rise = [
        (new - 0.5 * b @ inverse_mass @ b) - (old - 0.5 * a @ inverse_mass @ a)
        for old, new, a, b in zip(log_density, log_density_new, momentum, momentum_new, strict=True)
    ]
    return np.minimum(0.0, np.array(rise) / temperature)


def matrix_power(phase, mean, cholesky, inverse_mass_cholesky, step_size, steps):
    """A path on a normal is a power of a matrix."""
    precision = np.linalg.inv(cholesky @ cholesky.T)
    inverse_mass = inverse_mass_cholesky @ inverse_mass_cholesky.T
    matrix = transition.leapfrog_matrix(precision, inverse_mass, float(step_size), int(steps))
    start = np.concatenate([phase[0] - mean, phase[1]], axis=1)
    end = start @ matrix.T
    D = len(mean)
    return np.stack([end[:, :D] + mean, end[:, D:]])


DEFINITIONS = {
    "mh.log_acceptance": metropolis,
    "hmc.momentum": momenta,
    "hmc.log_acceptance": energies,
    "hmc.leapfrog": matrix_power,
    "mcmc.effective_sample_size": lambda draws: transition.effective_sample_size(transition.split(draws)),
    "mcmc.bulk_effective_sample_size": lambda draws: transition.effective_sample_size(
        transition.normal_scores(transition.split(draws))
    ),
    "mcmc.split_r_hat": lambda draws: transition.r_hat(transition.split(draws)),
}
CASES = [pytest.param(spec, inputs, id=f"{spec.id} {name}") for spec in SPECS for name, inputs in cases(spec)]


@pytest.mark.parametrize(("spec", "inputs"), CASES)
def test_value_is_the_definition(spec, inputs):
    """Within 8·u·S on both sides: the definitions here round like any implementation."""
    with np.errstate(all="ignore"):
        found = spec.answer(inputs, {})["value"]
        want = np.asarray(DEFINITIONS[spec.id](**inputs))
    assert found.shape == want.shape
    same = (found.value == want) | (np.isnan(found.value) & np.isnan(want))
    with np.errstate(invalid="ignore"):
        near = np.abs(found.value - want) <= 2.0 * C * UNIT["float64"] * (found.size + np.abs(found.value))
    assert np.all(same | near), (found.value, want)


@pytest.mark.parametrize(("spec", "inputs"), CASES)
def test_the_tolerance_is_no_licence(spec, inputs):
    """No tolerance hides a part in ten million, far from zero apart."""
    with np.errstate(all="ignore"):
        found = spec.answer(inputs, {})["value"]
    if inputs.get("draws") is None or np.abs(inputs["draws"]).max() < 1e3:
        finite = np.isfinite(found.value)
        size = np.abs(found.value) + 1.0
        size += max(np.abs(v[np.isfinite(v)]).max(initial=0.0) for v in inputs.values())
        assert np.all((C * UNIT["float64"] * found.size)[finite] <= 1e-7 * size[finite])


# ---- implementations in other styles


@refvi.implements("mh.log_acceptance")
def by_densities(log_density, log_density_new, log_forward, log_backward):
    return np.array(
        [
            mh_algorithm.log_acceptance(*row)
            for row in zip(log_density, log_density_new, log_forward, log_backward, strict=True)
        ]
    )


@refvi.implements("hmc.momentum")
def by_inverse(noise, inverse_mass_cholesky, temperature):
    """L^-T by way of an inverse."""
    return np.sqrt(temperature) * noise @ np.linalg.inv(inverse_mass_cholesky)


@refvi.implements("hmc.log_acceptance")
def by_mass_matrix(log_density, log_density_new, momentum, momentum_new, inverse_mass_cholesky, temperature):
    """The kinetic energy by solving with the mass matrix."""
    mass = np.linalg.inv(inverse_mass_cholesky @ inverse_mass_cholesky.T)

    def energy(log_density, p):
        return -log_density + 0.5 * np.einsum("bd,bd->b", p, np.linalg.solve(mass, p.T).T)

    ratio = energy(log_density, momentum) - energy(log_density_new, momentum_new)
    return np.minimum(ratio / temperature, 0.0)


@refvi.implements("hmc.leapfrog")
def merged_kicks(phase, mean, cholesky, inverse_mass_cholesky, step_size, steps):
    """Two half kicks in a row are one whole kick (as flatironinstitute/bayes-kit#40 has it both ways)."""
    precision = np.linalg.inv(cholesky @ cholesky.T)
    q, p = phase
    p = p + 0.5 * step_size * (mean - q) @ precision
    for n in range(int(steps)):
        q = q + step_size * p @ inverse_mass_cholesky @ inverse_mass_cholesky.T
        kick = step_size if n < int(steps) - 1 else 0.5 * step_size
        p = p + kick * (mean - q) @ precision
    return np.stack([q, p])


@refvi.implements("hmc.leapfrog")
def by_the_algorithm(phase, mean, cholesky, inverse_mass_cholesky, step_size, steps):
    """`refvi.algorithms.hamiltonian` itself, with the factor of the mass matrix."""
    theta = Mixture(np.zeros(1), NormalEmission(mean[None], cholesky[None]))
    mass = np.linalg.inv(inverse_mass_cholesky @ inverse_mass_cholesky.T)
    end = hmc_algorithm.path(
        theta,
        *phase,
        step_size=float(step_size),
        steps=int(steps),
        mass_cholesky=np.linalg.cholesky(mass),
    )
    return np.stack([end.position, end.momentum])


@refvi.implements("mcmc.effective_sample_size")
def by_transforms(draws):
    return transition.effective_sample_size(transition.split(draws))


@refvi.implements("mcmc.effective_sample_size")
def by_kernels(draws):
    return ess.effective_sample_size(draws, kind="split")


@refvi.implements("mcmc.bulk_effective_sample_size")
def bulk_by_kernels(draws):
    return ess.effective_sample_size(draws, kind="bulk")


@refvi.implements("mcmc.split_r_hat")
def r_hat_by_kernels(draws):
    return ess.r_hat(draws, kind="split")


RIGHT = [
    by_densities,
    by_inverse,
    by_mass_matrix,
    merged_kicks,
    by_the_algorithm,
    by_transforms,
    by_kernels,
    bulk_by_kernels,
    r_hat_by_kernels,
]


@pytest.mark.parametrize("implementation", RIGHT, ids=lambda f: f.__name__)
def test_right_implementations_pass(implementation):
    refvi.check(implementation, cases=60, framework="numpy").raise_if_failed()


RELATIVES = [(spec, slug) for spec in SPECS for slug in spec.relatives]


@pytest.mark.parametrize(("spec", "slug"), RELATIVES, ids=lambda v: getattr(v, "id", v))
def test_other_valid_answers_are_called_so(spec, slug):
    relative = spec.relatives[slug]

    def implementation(**inputs):
        return {"value": spec.finish(relative.wrong(**inputs), inputs, {}).value}

    report = refvi.check(spec.id, implementation, cases=12, framework="numpy")
    assert report.verdict == "FAIL"
    assert report.mistake is None
    assert "another valid estimator: it" in report.text()


def test_symmetric_proposals_hide_the_missing_term():
    """In generic position nothing hides; where forward and backward agree, the mistake is no mistake."""
    wrong = mcmc.metropolis_hastings.mistakes["mh-hastings-missing"].wrong
    inputs = {k: np.array(v) for k, v in mcmc.metropolis_hastings.edges()["a symmetric proposal"].items()}
    found = mcmc.metropolis_hastings.reference(**inputs)["log_acceptance"]
    assert np.array_equal(wrong(**inputs).value, found.value)


def test_a_transposed_factor_is_right_for_diagonal_metrics():
    """The symptom of the catalogue: wrong for dense mass matrices only."""
    spec = hamiltonian.momentum
    inputs = {
        "noise": np.array([[0.5, -1.25]]),
        "inverse_mass_cholesky": np.diag([0.75, 1.5]),
        "temperature": np.array(2.0),
    }
    wrong = spec.mistakes["hmc-momentum-chol-transpose"].wrong(**inputs)
    assert np.allclose(wrong.value, spec.reference(**inputs)["momentum"].value, rtol=1e-15, atol=0)
