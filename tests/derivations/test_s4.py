"""Wrong variants of the derivations about Markov chains, each refused at its step, and the models themselves."""

import numpy as np
import pytest

from refvi import derivations
from refvi.derivations.chain import small_models
from refvi.derivations.models.markov import finite_chains
from refvi.derivations.models.phase_space import phase_points
from refvi.oracles import transition

from . import refused

MUTANTS = {
    "mh.detailed-balance": [
        ("pi_y * g_back / (pi_x * g_there)", "pi_y / pi_x", 2),  # Hastings term missing
        ("pi_y * g_back / (pi_x * g_there)", "pi_y * g_there / (pi_x * g_back)", 2),  # reversed
        ("least(1.0, pi_y * g_back / (pi_x * g_there))", "1.0", 2),  # always accepted
        ("pi_y * T_back", "pi_y * T_there", 5),
    ],
    "mh.stationary": [
        ("total(column(pi) * T)", "total(T)", 2),
        ("pi * total(T)", "total(T)", 3),
        ("'π(y)', pi,", "'π(y)', 0.5 * pi,", 4),
    ],
    "mh.random-walk": [
        ("+ backward - log_pi(q) - forward", "+ 2 * backward - log_pi(q) - forward", 2),
        ("+ sum(z ** 2) / 2", "- sum(z ** 2) / 2", 2),
        ("log_pi(moved) - log_pi(q)), \"|x-x'|", "log_pi(q) - log_pi(moved)), \"|x-x'|", 3),
    ],
    "hmc.energy-conserved": [
        ("total(v * -g)", "total(v * g)", 2),
        ("p - t[0] * g", "p + t[0] * g", 2),  # momentum driven uphill
        ("total(g * v)", "2 * total(g * v)", 2),
    ],
    "hmc.leapfrog-reversible": [
        ("both(back[0], -back[1])", "both(*back)", 2),  # the momentum is not flipped
        ("leapfrog(moved, -arrived)", "leapfrog(moved, arrived)", 2),
        ("both(q, -kick(q, -half))", "both(q, -half)", 3),  # half step missing
        ("both(q, p), 'the second", "both(q, -p), 'the second", 4),
    ],
    "hmc.leapfrog-volume": [
        (
            "both(*leapfrog(x, v))",
            "both(x + v, leapfrog(x, v)[1])",
            2,
        ),  # the position moves on its own, as Euler has it
        ("det(last) * det(middle)", "det(last) * det(2.0 * middle)", 2),
        ("det(last) * det(middle)", "det(last + middle)", 2),
        ("'1', 1.0", "'1', -1.0", 3),
    ],
    "hmc.energy-error": [
        ("shadow(q, p) - shadow(*exact_end)", "shadow(*exact_end) - shadow(q, p)", 2),
        ("shadow(q, p) - shadow(*exact_end)", "shadow(q, p)", 2),  # the end's share dropped
        ("shadow(q, p) - shadow(*exact_end)", "2 * (shadow(q, p) - shadow(*exact_end))", 2),
    ],
    "hmc.momentum": [
        ("root_T * C(z)", "C(z)", 2),  # temperature forgotten
        ("root_T * C(z)", "temperature * C(z)", 2),
        ("-K(drawn) / temperature", "-K(drawn)", 3),
        ("-total(z * z) / 2", "total(z * z) / 2", 2),
    ],
    "hmc.acceptance": [
        ("least(1.0, exp(-(H(moved, arrived) - H(q, p)) / temperature))", "1.0", 2),  # always accepted
        (
            "exp(-(H(moved, arrived) - H(q, p)) / temperature)",
            "exp((H(moved, arrived) - H(q, p)) / temperature)",
            2,
        ),
        ("exp(-(H(moved, arrived) - H(q, p)) / temperature)", "exp(-(H(moved, arrived) - H(q, p)))", 2),
        ("F(moved, arrived)", "F(moved, -arrived)", 3),  # the momentum is not flipped
    ],
    "hmc.one-step-is-langevin": [
        ("- total(arrived ** 2) / 2 + total(p ** 2) / 2", "+ total(arrived ** 2) / 2 - total(p ** 2) / 2", 2),
        (
            "log_normal(q, mean_back) - log_normal(moved, mean)",
            "log_normal(moved, mean) - log_normal(q, mean_back)",
            4,
        ),
        ("q - eps ** 2 / 2 * grad_U(q), moved", "q - eps ** 2 * grad_U(q), moved", 3),
    ],
    "ess.variance-of-mean": [
        ("N * c(0) + sum((2 * (N - t) * c(t)", "N * c(0) + sum(((N - t) * c(t)", 3),  # factor 2 missing
        ("sum((2 * (1 - t / N) * rho(t)", "sum((2 * rho(t)", 4),
        ("c(abs(i - j))", "c(i + j)", 2),
    ],
    "ess.autocorrelation-time": [
        ("1 + 2 * total(rhos[1:])", "1 + total(rhos[1:])", 2),  # factor 2 missing
        ("1 + 2 * total(rhos[1:])", "1 + 2 * total(rhos)", 2),  # lag zero counted
        ("(1 + spectrum[0][:-1]) / (1 - spectrum[0][:-1])", "1 / (1 - spectrum[0][:-1])", 3),
        ("2 * total(pi * f * summed) / c(0) - 1", "2 * total(pi * f * summed) / c(0)", 4),
    ],
    "ess.autoregression": [
        ("2 * total(powers(400))", "total(powers(400))", 2),
        ("1 + 2 * a / (1 - a)", "1 + 2 / (1 - a)", 2),
        ("N * (1 - a) / (1 + a)", "N * (1 + a) / (1 - a)", 3),
    ],
    "ess.geyer-pairs": [
        ("shares * (1 + eigenvalues)", "shares * eigenvalues", 2),
        ("rho(2) + rho(3)", "rho(3) + rho(4)", 4),  # pairs begin at an odd lag
        ("pair * eigenvalues ** 4", "pair * eigenvalues ** 3", 6),
        ("'0', 0.0", "'0', 1.0", 7),
    ],
    "ess.why-truncate": [
        ("2 * acov(t)", "acov(t)", 2),
        ("2 * acov(t)", "2 * acov(t) * N / (N - t)", 2),  # divided by N - t
        ("x[0] - m[0]", "x[0]", 2),
        ("'0', 0.0", "'0', 1.0", 4),
    ],
    "r-hat.between-and-within": [
        ("total((m - centre) ** 2) / M", "total((m - centre) ** 2)", 2),
        ("(1 - 1 / N) * W + (1 - 1 / M) * B / N", "W + (1 - 1 / M) * B / N", 3),
        ("(1 - 1 / N) * W + B / N, '1 - 1/M", "(1 - 1 / N) * W - B / N, '1 - 1/M", 4),
        ("root(((1 - 1 / N) * W + B / N) / W) ** 2 * W", "root(((1 - 1 / N) * W + B) / W) ** 2 * W", 5),
    ],
}


@pytest.mark.parametrize(("name", "old", "new", "step"), refused.cases(MUTANTS))
def test_a_wrong_variant_is_refused_at_its_step(name, old, new, step):
    refused.assert_refused(name, old, new, step)


def test_every_chain_has_three_wrong_variants():
    refused.assert_three_each(MUTANTS, ("mh.", "hmc.", "ess.", "r-hat."))


def test_the_finite_chain_is_the_oracle_s():
    for model in small_models(derivations.get("mh.detailed-balance"), 3, 5):
        assert model == finite_chains_again(model)
        wanted = transition.metropolis_hastings(model.pi.value, model.g.value)
        assert np.allclose(model.T.value, wanted, rtol=0, atol=1e-15)
        time = transition.autocorrelation_time(wanted, model.pi.value, model.values).value
        assert 1 + 2 * model.rhos.value[1:].sum() == pytest.approx(time, abs=1e-10)


def finite_chains_again(model):
    """A model is its fields: nothing is drawn after it is made."""
    return type(model)(model.target_weights, model.proposal_weights, model.values, model.N)


def test_the_potential_is_that_of_a_mixture():
    """Gradient and second derivatives by the model's own differences of the potential."""
    for model in small_models(derivations.get("hmc.leapfrog-reversible"), 4, 3):
        by_differences = model.slope(lambda x, model=model: model.U(np.asarray(x)), model.position)
        assert np.abs(model.grad_U(model.q).value - by_differences.value).max() < 1e-9
        for i in range(2):
            row = model.slope(lambda x, i=i, model=model: model.grad_U(np.asarray(x))[i], model.position)
            assert np.abs(model.hessian_U(model.q).value[i] - row.value).max() < 1e-9


def test_the_shears_are_the_jacobian():
    for model in small_models(derivations.get("hmc.leapfrog-volume"), 6, 3):
        first, middle, last = (matrix.value for matrix in model.shears)
        whole = model.jacobian(lambda x, v, model=model: model.both(*model.leapfrog(x, v)))
        assert np.abs(last @ middle @ first - whole.value).max() < 1e-9


def test_draws_make_generic_points():
    from refvi.derivations.draw import from_generator

    draws = from_generator(np.random.default_rng(0))
    assert finite_chains(draws) != finite_chains(draws)
    assert phase_points(draws).temperature != 1.0
