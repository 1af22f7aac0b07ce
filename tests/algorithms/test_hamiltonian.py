"""Hamiltonian Monte Carlo: rows of the registry, wrong dynamics that they refuse, a stationary start that stays, edges."""

import math

import numpy as np
import pytest

from refvi.algorithms import chains
from refvi.algorithms import hamiltonian as hmc
from refvi.errors import UsageError
from refvi.laws import sampler
from refvi.registry import mcmc as rows
from refvi.registry import mcmc_cases as cases
from refvi.registry import mcmc_hamiltonian as hmc_rows

ROWS = [row for row in rows.EVIDENCE if row.subject == "algorithms.hamiltonian"]


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.law.replace(" ", "_"))
def test_rows_hold(row):
    for target in row.targets:
        if target != "cuda":
            row.run(True, target).raise_if_broken()


@pytest.fixture
def replace(monkeypatch):
    """Put a wrong kernel in place; the factories that have taken the right leapfrog in are asked anew."""

    def put(name, wrong):
        monkeypatch.setattr(hmc, name, wrong)
        if name == "leapfrog_kernel":
            for factory in ("path_kernel", "chain_kernel"):
                monkeypatch.setattr(hmc, factory, getattr(hmc, factory).__wrapped__)

    return put


def leapfrog(first=0.5, last=0.5, drift=1.0, mass=True, extra=0, flip=False):
    """A leapfrog kernel with pieces that can be wrong."""

    def factory(log_density_grad):
        def path(q, p, grad, density, dynamics, moved, scratch):
            eps, value = dynamics.step_size, 0.0
            for _ in range(dynamics.steps + extra):
                p += first * eps * grad
                hmc.velocity(p, dynamics.mass_cholesky, moved)
                q += drift * eps * (moved if mass else p)
                value = log_density_grad(q, density, grad, scratch)
                p += last * eps * grad
            if flip:
                p *= -1.0
            return value

        return path

    return factory


def test_the_pieces_are_leapfrog(replace):
    replace("leapfrog_kernel", leapfrog())
    for check in (hmc_rows.check_linear_path, hmc_rows.check_path, hmc_rows.check_hamiltonian_chain):
        check().raise_if_broken()


WRONG_PATHS = {
    "half step missing": ({"first": 1.0, "last": 0.0}, "there and back"),
    "only half a kick": ({"first": 0.5, "last": 0.0}, "there and back"),
    "whole kicks": ({"first": 1.0, "last": 1.0}, "slope of energy error"),
    "downhill": ({"first": -0.5, "last": -0.5}, "slope of energy error"),
    "mass ignored": ({"mass": False}, "slope of energy error"),
    "drift reversed": ({"drift": -1.0}, "slope of energy error"),
}


@pytest.mark.parametrize("name", WRONG_PATHS)
def test_wrong_paths_are_refused(replace, name):
    pieces, words = WRONG_PATHS[name]
    replace("leapfrog_kernel", leapfrog(**pieces))
    assert "path of" in hmc_rows.check_linear_path().message
    outcome = hmc_rows.check_path()
    assert not outcome.holds
    assert words in outcome.message


def test_a_path_that_does_not_return_breaks_the_chain(replace):
    """The half step that is missing makes the proposal another one than the way back; energy alone does not show it."""
    replace("leapfrog_kernel", leapfrog(first=1.0, last=0.0))
    outcome = hmc_rows.check_hamiltonian_chain()
    assert not outcome.holds
    assert "returned position of a chain" in outcome.message or "log a chain" in outcome.message


def test_a_step_too_many_is_refused(replace):
    replace("leapfrog_kernel", leapfrog(extra=1))
    assert "path of" in hmc_rows.check_linear_path().message


def test_a_momentum_flipped_inside_the_path_matters(replace):
    """Negated before it is flipped: F is then no longer its own inverse, though every energy is right."""
    replace("leapfrog_kernel", leapfrog(flip=True))
    assert "leapfrog there and back" in hmc_rows.check_path().message


def test_wrong_kinetic_energies_are_refused(replace):
    right = hmc.kinetic_energy
    for wrong in (
        lambda p, c, s: -right(p, c, s),  # wrong sign
        lambda p, c, s: 2.0 * right(p, c, s),  # one half missing
        lambda p, c, s: 0.0,  # dropped
        lambda p, c, s: 0.5 * float(p @ p),  # mass ignored
        lambda p, c, s: right(p, np.ascontiguousarray(c.T), s),
    ):
        replace("kinetic_energy", wrong)
        assert "end of" in hmc_rows.check_linear_path().message
        outcome = hmc_rows.check_hamiltonian_chain()
        assert not outcome.holds
        assert "a chain at temperature" in outcome.message


def test_wrong_momenta_are_refused(replace):
    for scale, factor in (
        (lambda t: 1.0, lambda c: c),  # temperature forgotten
        (lambda t: t, lambda c: c),  # not its square root
        (math.sqrt, lambda c: c.T),  # the transpose: covariance CᵀC
        (math.sqrt, np.linalg.inv),  # the inverse mass
    ):

        def wrong(noise, dynamics, p, scale=scale, factor=factor):
            p[:] = scale(dynamics.temperature) * factor(dynamics.mass_cholesky) @ noise

        replace("draw_momentum", wrong)
        assert "position of a chain at temperature" in hmc_rows.check_hamiltonian_chain().message


def test_wrong_rules_are_refused(replace):
    for wrong in (
        lambda a, b, f, r: 0.0,  # always
        lambda a, b, f, r: min(0.0, b - a),  # kinetic energy left out
        lambda a, b, f, r: min(0.0, a - b + f - r),  # reversed
        lambda a, b, f, r: min(0.0, (b - a) + (f - r)),  # kinetic energy with the wrong sign
    ):
        replace("log_acceptance", wrong)
        outcome = hmc_rows.check_hamiltonian_chain()
        assert not outcome.holds
        assert "a chain at temperature" in outcome.message
        assert not hmc_rows.check_one_step_is_langevin().holds


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_a_stationary_start_stays(temperature):
    """N(m, T Σ) is what a normal becomes at temperature T; 4000 exact draws stay so, at a false-alarm rate of 1e-9 a test."""
    theta, count = cases.mixture(6, 1, 2), 4000
    factor = math.sqrt(temperature) * theta.emission.cholesky[0]
    covariance = factor @ factor.T
    start = theta.emission.means[0] + np.random.default_rng(3).normal(size=(count, 2)) @ factor.T
    noise, uniforms = chains.noise(8, count, 3, 2, "cpu")
    dynamics = {"step_size": 0.75, "steps": 3, "mass_cholesky": hmc_rows.mass(2), "target": "cpu"}
    run = hmc.sample(theta, start, noise, uniforms, temperature=temperature, **dynamics)
    assert 0.5 < run.accepted.mean() < 0.99
    last = run.positions[:, -1]
    sampler.normal_moments_agree(last, theta.emission.means[0], np.diag(covariance)).raise_if_broken()
    other = hmc.sample(theta, start, noise, uniforms, temperature=3.0 * temperature, **dynamics).positions[
        :, -1
    ]
    assert not sampler.normal_moments_agree(other, theta.emission.means[0], np.diag(covariance)).holds


def test_step_size_zero_stays_and_negative_goes_back():
    theta, q, p = cases.mixture(0), cases.points(0), cases.points(1)
    still = hmc.path(theta, q, p, step_size=0.0, steps=3)
    assert np.array_equal(still.position, q)
    assert np.array_equal(still.momentum, p)
    there = hmc.path(theta, q, p, step_size=0.25, steps=5)
    back = hmc.path(theta, there.position, there.momentum, step_size=-0.25, steps=5)
    assert np.allclose(back.position, q, rtol=0, atol=1e-13)
    assert np.allclose(back.momentum, p, rtol=0, atol=1e-13)


def test_a_path_that_diverges_is_refused():
    """Far above the limit of stability the path overflows to NaN; the chain stays where it is, without a NaN."""
    theta, (noise, uniforms) = cases.mixture(0), chains.noise(1, 1, 4, 2)
    run = hmc.sample(theta, [[0.5, -0.5]], noise, uniforms, step_size=1e3, steps=200)
    assert (run.positions == [0.5, -0.5]).all()
    assert (run.accepted == 0.0).all()
    assert (run.log_acceptance == -math.inf).all()


def test_sentences():
    theta, (noise, uniforms) = cases.mixture(0), chains.noise(1, 1, 4, 2)
    given = (theta, [[0.0, 0.0]], noise, uniforms)
    for kwargs, words in (
        ({"step_size": 0.0, "steps": 1}, "step_size must be positive, got 0.0: a chain has to move"),
        ({"step_size": -0.1, "steps": 1}, "step_size must be positive, got -0.1"),
        ({"step_size": np.nan, "steps": 1}, "step_size must be finite, got nan"),
        ({"step_size": 0.1, "steps": 0}, "steps must be an integer of at least 1, got 0"),
        ({"step_size": 0.1, "steps": 1, "temperature": 0.0}, "temperature must be positive, got 0"),
        (
            {"step_size": 0.1, "steps": 1, "mass_cholesky": np.eye(3)},
            r"mass_cholesky must have shape \(D, D\) with D = 2",
        ),
        (
            {"step_size": 0.1, "steps": 1, "mass_cholesky": np.zeros((2, 2))},
            "got a mass matrix that is singular",
        ),
    ):
        with pytest.raises(UsageError, match=words):
            hmc.sample(*given, **kwargs)
    with pytest.raises(UsageError, match=r"momentum must have shape \(N, D\) with N = 1, D = 2"):
        hmc.path(theta, np.zeros((1, 2)), np.zeros((2, 2)), step_size=0.1, steps=1)
