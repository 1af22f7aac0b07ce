"""Metropolis-Hastings: rows of the registry, wrong rules that they refuse, a stationary start that stays, the edges."""

import math

import numpy as np
import pytest

from refvi.algorithms import chains
from refvi.algorithms import metropolis_hastings as mh
from refvi.errors import UsageError
from refvi.laws import markov, sampler
from refvi.oracles import transition
from refvi.registry import mcmc as rows
from refvi.registry import mcmc_cases as cases
from refvi.registry import mcmc_metropolis as mh_rows

ROWS = [
    row for row in rows.EVIDENCE if row.subject in ("algorithms.metropolis_hastings", "algorithms.chains")
]


@pytest.mark.parametrize("row", ROWS, ids=lambda r: r.law.replace(" ", "_"))
def test_rows_hold(row):
    for target in row.targets:
        if target != "cuda":
            row.run(target == "python", target).raise_if_broken()


RULES = {
    "Hastings term missing": lambda a, b, f, r: min(0.0, b - a),
    "Hastings term reversed": lambda a, b, f, r: min(0.0, b - a + f - r),
    "ratio reversed": lambda a, b, f, r: min(0.0, a - b + f - r),
    "always accepted": lambda a, b, f, r: 0.0,
    "half the acceptance": lambda a, b, f, r: min(0.0, b - a + r - f) - math.log(2.0),
    "larger of the two": lambda a, b, f, r: max(0.0, b - a + r - f),
}


@pytest.mark.parametrize("name", RULES)
def test_wrong_rules_are_refused(monkeypatch, name):
    monkeypatch.setattr(mh, "log_acceptance", RULES[name])
    matrix = mh_rows.check_matrix()
    assert not matrix.holds
    assert any(
        word in matrix.message for word in ("flow[", "target after", "transition[", "mass of", "stationary[")
    )
    assert "autoregressive at pair" in mh_rows.check_chain("autoregressive").message


def test_a_random_walk_needs_no_correction(monkeypatch):
    """Why the missing term is so often missed: with a symmetric proposal nothing shows."""
    monkeypatch.setattr(mh, "log_acceptance", RULES["Hastings term missing"])
    assert mh_rows.check_chain("random_walk").holds
    for name in ("independence", "autoregressive", "crank_nicolson", "langevin"):
        assert not mh_rows.check_chain(name).holds, name


def wrong_mean(change):
    def kernel(x, grad, proposal, out):
        change(np.array(x), np.array(grad), proposal, out)

    return kernel


def half_of_the_drift(x, grad, s, out):
    out[:] = x + 0.25 * s.cholesky @ s.cholesky.T @ grad


def drift_without_the_half(x, grad, s, out):
    out[:] = x + s.cholesky @ s.cholesky.T @ grad


def downhill(x, grad, s, out):
    out[:] = x - 0.5 * s.cholesky @ s.cholesky.T @ grad


def drift_by_the_transpose(x, grad, s, out):
    out[:] = x + 0.5 * s.cholesky.T @ s.cholesky @ grad


@pytest.mark.parametrize(
    "change", [half_of_the_drift, drift_without_the_half, downhill, drift_by_the_transpose]
)
def test_wrong_drifts_are_refused(monkeypatch, change):
    """Balance alone would pass: a wrong drift is a right proposal of another kind; the noise no longer leads there."""
    monkeypatch.setattr(mh, "proposal_mean", wrong_mean(change))
    assert "position of langevin" in mh_rows.check_chain("langevin").message


def test_a_correction_that_reads_another_proposal_is_refused(monkeypatch):
    right = mh.log_proposal
    for wrong in (
        lambda to, mean, s, scratch: 0.5 * right(to, mean, s, scratch),
        lambda to, mean, s, scratch: -right(to, mean, s, scratch),
        lambda to, mean, s, scratch: right(to, mean, np.ascontiguousarray(s.T), scratch),
    ):
        monkeypatch.setattr(mh, "log_proposal", wrong)
        assert "independence at pair" in mh_rows.check_chain("independence").message


def test_noise_through_the_transpose_is_refused(monkeypatch):
    right = mh.propose
    monkeypatch.setattr(mh, "propose", lambda mean, s, z, out: right(mean, np.eye(len(s)) * s, z, out))
    assert "position of random_walk" in mh_rows.check_chain("random_walk").message


def test_crank_nicolson_accepts_everything_where_the_target_is_its_reference():
    """For a target N(m, L Lᵀ) the proposal is reversible: the ratio is one, however far it moves."""
    theta = cases.mixture(4, components=1, size=3)
    noise, uniforms = chains.noise(1, 2, 30, 3)
    m, factor = theta.emission.means[0], theta.emission.cholesky[0]
    run = mh.sample(theta, np.zeros((2, 3)), noise, uniforms, proposal=mh.crank_nicolson(m, factor, 0.5))
    assert np.abs(run.log_acceptance).max() < 1e-12


def test_a_stationary_start_stays():
    """4000 chains that start as exact draws are exact draws after every step; two tests at a false-alarm rate of 1e-9."""
    theta, count = cases.mixture(5, size=1), 4000
    rng = np.random.default_rng(9)
    share = np.exp(theta.mixing_logits) / np.exp(theta.mixing_logits).sum()
    k = rng.choice(2, size=count, p=share)
    means, stds = theta.emission.means[:, 0], theta.emission.cholesky[:, 0, 0]
    start = (means[k] + stds[k] * rng.normal(size=count))[:, None]
    mean = float(share @ means)
    variance = float(share @ (stds**2 + (means - mean) ** 2))
    away = means - mean
    fourth = float(share @ (3 * stds**4 + 6 * stds**2 * away**2 + away**4))
    noise, uniforms = chains.noise(2, count, 4, 1, "cpu")
    run = mh.sample(theta, start, noise, uniforms, proposal=mh.langevin([[1.25]]), target="cpu")
    last = run.positions[:, -1, 0]
    sampler.mean_agrees(last, mean, variance).raise_if_broken()
    sampler.variance_agrees(last, mean, variance, fourth).raise_if_broken()
    always = mh.sample(
        theta, start, noise, 0.0 * uniforms, proposal=mh.autoregressive([0.0], [[1.0]], 0.25), target="cpu"
    )
    assert not sampler.variance_agrees(always.positions[:, -1, 0], mean, variance, fourth).holds


def test_log_acceptance_at_the_edges():
    inf, nan = math.inf, math.nan
    for arguments, wanted in (
        ((-1.0, -inf, 0.0, 0.0), -inf),  # the new point is impossible
        ((-inf, -1.0, 0.0, 0.0), 0.0),  # only the old one is
        ((-inf, -inf, 0.0, 0.0), -inf),  # both are
        ((-1.0, nan, 0.0, 0.0), -inf),
        ((nan, -1.0, 0.0, 0.0), -inf),
        ((-1.0, -2.0, 0.0, -inf), -inf),  # no way back
        ((-1.0, inf, 0.0, 0.0), 0.0),
        ((-1.0, -1.0, -700.25, -700.25), 0.0),
    ):
        assert mh.log_acceptance(*arguments) == wanted, arguments
    assert mh.accepts(0.0, -inf) == 0.0
    assert mh.accepts(0.0, -745.0) == 1.0
    assert mh.accepts(0.999, 0.0) == 1.0
    assert mh.accepts(0.5, -0.7) == 0.0


def test_acceptance_is_the_chosen_probability():
    for log_a in (-0.1, -1.0, -7.0):
        a = math.exp(log_a)
        assert mh.accepts(a * (1 - 1e-12), log_a) == 1.0
        assert mh.accepts(a * (1 + 1e-12), log_a) == 0.0


@pytest.mark.parametrize("kind", ["random_walk", "langevin"])
def test_a_chain_where_the_density_underflows_stays(kind):
    """At 1e200 every component has overflowed: no proposal can be compared, so the chain is stuck, without a NaN."""
    theta, (noise, uniforms) = cases.mixture(0), chains.noise(0, 1, 5, 2)
    run = mh.sample(theta, [[1e200, 0.0]], noise, uniforms, proposal=getattr(mh, kind)(np.eye(2)))
    assert (run.positions == [1e200, 0.0]).all()
    assert (run.accepted == 0.0).all()
    assert (run.log_acceptance == -math.inf).all()


def test_a_matrix_with_impossible_states():
    """A state of probability zero is left for good and never entered; elsewhere the chain is balanced."""
    pi, g = mh_rows.five_states(1)
    log_pi = np.where(np.arange(5) == 2, -np.inf, np.log(pi))
    p = mh.transition_matrix(log_pi, np.log(g))
    assert (p[[0, 1, 3, 4], 2] == 0.0).all()
    keep = [0, 1, 3, 4]
    kept = np.where(np.arange(5) == 2, 0.0, pi)
    markov.is_balanced(p, kept / kept.sum(), magnitude=16.0).raise_if_broken()
    assert transition.stationary(p[np.ix_(keep, keep)]) == pytest.approx((kept / kept.sum())[keep], abs=1e-14)


def test_sentences():
    theta, (noise, uniforms) = cases.mixture(0), chains.noise(0, 1, 5, 2)
    walk = mh.random_walk(np.eye(2))
    for arguments, words in (
        (((0.0, 0.0), noise, uniforms), r"start must have shape \(C, D\)"),
        (([[0.0, 0.0]], noise[:, :0], uniforms[:, :0]), r"noise must have shape \(C, T, D\) with C, T >= 1"),
        (([[0.0, 0.0]], noise, uniforms[:, 1:]), r"uniforms must have shape \(C, T\) with C = 1, T = 5"),
        (([[0.0, 0.0]], noise, uniforms + 1.0), r"uniforms must lie in 0 <= u < 1"),
        (([[0.0, np.nan]], noise, uniforms), "start must be finite, got nan"),
    ):
        with pytest.raises(UsageError, match=words):
            mh.sample(theta, *arguments, proposal=walk)
    with pytest.raises(UsageError, match="proposal must have 2 dimensions, got 3"):
        mh.sample(theta, [[0.0, 0.0]], noise, uniforms, proposal=mh.random_walk(np.eye(3)))
    with pytest.raises(UsageError, match="got a proposal whose covariance is singular"):
        mh.random_walk([[1.0, 0.0], [1.0, 0.0]])
    with pytest.raises(UsageError, match="pull must lie in -1 < pull < 1, got 1"):
        mh.crank_nicolson([0.0], [[1.0]], 1.0)
    with pytest.raises(UsageError, match="every row of log_proposal must have mass 1"):
        mh.transition_matrix([0.0, 0.0], np.zeros((2, 2)))
    with pytest.raises(UsageError, match="not all -inf"):
        mh.transition_matrix([-np.inf, -np.inf], np.log(np.full((2, 2), 0.5)))
    with pytest.raises(UsageError, match="steps must be an integer of at least 1, got 0"):
        chains.noise(0, 1, 0, 2)
