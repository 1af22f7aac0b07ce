"""Laws of Markov chains: right chains pass, wrong ones are refused with the words that name them."""

import math

import numpy as np
import pytest

from refvi.laws import markov as law
from refvi.oracles import transition as oracle


def broken(outcome, words):
    assert not outcome.holds
    assert words in outcome.message, outcome.message


def five_states():
    rng = np.random.default_rng(0)
    target, proposal = rng.uniform(0.2, 2.0, 5), rng.uniform(0.1, 1.0, (5, 5))
    return target / target.sum(), proposal / proposal.sum(1, keepdims=True)


def chain_of(accept):
    """A chain on five states from A(ratio of targets, ratio of proposals)."""
    target, g = five_states()
    p = g * accept(target[None, :] / target[:, None], g.T / g)
    np.fill_diagonal(p, 0.0)
    return p + np.diag(1.0 - p.sum(1))


TARGET = five_states()[0]
RIGHT = chain_of(lambda t, g: np.minimum(1, t * g))
WRONG_CHAINS = {
    "Hastings term missing": chain_of(lambda t, g: np.minimum(1, t)),
    "Hastings term reversed": chain_of(lambda t, g: np.minimum(1, t / g)),
    "ratio reversed": chain_of(lambda t, g: np.minimum(1, 1 / (t * g))),
    "always accepted": chain_of(lambda t, g: np.ones_like(t)),
}


def test_a_right_chain_obeys():
    assert law.rows_have_mass_one(RIGHT).holds
    assert law.is_stationary(RIGHT, TARGET).holds
    assert law.is_balanced(RIGHT, TARGET).holds


@pytest.mark.parametrize("name", WRONG_CHAINS)
def test_wrong_chains_are_refused(name):
    wrong = WRONG_CHAINS[name]
    assert law.rows_have_mass_one(wrong).holds
    broken(law.is_stationary(wrong, TARGET), "target after one step[")
    broken(law.is_balanced(wrong, TARGET), "flow[")


def test_barker_is_balanced_as_well():
    """The law of balance is not a law of Metropolis: Barker's rule passes."""
    assert law.is_balanced(chain_of(lambda t, g: t * g / (1 + t * g)), TARGET).holds


def test_a_turning_chain_is_stationary_but_not_balanced():
    turning = 0.5 * np.roll(np.eye(4), 1, axis=1) + 0.5 * np.eye(4)
    assert law.is_stationary(turning, np.full(4, 0.25)).holds
    broken(law.is_balanced(turning, np.full(4, 0.25)), "flow[")


def test_mass():
    broken(law.rows_have_mass_one(RIGHT - np.diag(np.diag(RIGHT))), "mass of transition[")
    broken(law.rows_have_mass_one(2.0 * RIGHT), "ratio 2")
    moved = RIGHT.copy()
    moved[1, 0], moved[1, 1] = -0.1, moved[1, 1] + moved[1, 0] + 0.1
    broken(law.rows_have_mass_one(moved), "transition[1, 0]: expected a probability, actual -0.1")
    broken(law.rows_have_mass_one(RIGHT + np.nan), "mass of transition")


# ---- a continuous chain: target N(0, 1) with proposals N(x/2 + 1/4, 1)

PAIRS = [(0.3, -0.8), (1.4, 0.2), (-2.1, 0.9)]


def log_target(x):
    return -0.5 * x * x


def log_proposal(y, x):
    return -0.5 * (y - 0.5 * x - 0.25) ** 2


def metropolis(y, x):
    return min(0.0, log_target(y) - log_target(x) + (log_proposal(x, y) - log_proposal(y, x)))


ACCEPTANCES = {
    "Hastings term missing": (lambda y, x: min(0.0, log_target(y) - log_target(x)), "log flow at pair"),
    "ratio reversed": (lambda y, x: metropolis(x, y), "log flow at pair"),
    "always accepted": (lambda y, x: 0.0, "log flow at pair"),
    "half the acceptance": (
        lambda y, x: metropolis(y, x) - math.log(2.0),
        "larger log acceptance of flow at pair",
    ),
    "Barker": (
        lambda y, x: (
            -math.log1p(math.exp(-log_target(y) + log_target(x) - log_proposal(x, y) + log_proposal(y, x)))
        ),
        "larger log acceptance of flow at pair",
    ),
}


def test_metropolis_is_balanced_at_pairs():
    assert law.is_balanced_at(log_target, log_proposal, metropolis, PAIRS).holds


@pytest.mark.parametrize("name", ACCEPTANCES)
def test_wrong_acceptances_are_refused(name):
    wrong, words = ACCEPTANCES[name]
    broken(law.is_balanced_at(log_target, log_proposal, wrong, PAIRS), words)


# ---- flows: leapfrog on U = log cosh q1 + q2⁴/4 + q1 q2 / 2

Q, P = np.array([0.7, -0.4]), np.array([0.9, 0.6])


def gradient(q):
    return np.array([np.tanh(q[0]) + 0.5 * q[1], q[1] ** 3 + 0.5 * q[0]])


def energy(q, p):
    return math.log(math.cosh(q[0])) + q[1] ** 4 / 4 + q[0] * q[1] / 2 + 0.5 * float(p @ p)


def leapfrog(eps, steps, first=0.5, last=0.5, sign=1.0, friction=1.0, flip=False):
    def flow(q, p):
        q, p = np.array(q), np.array(p) * friction
        for _ in range(steps):
            p = p - first * eps * sign * gradient(q)
            q = q + eps * p
            p = p - last * eps * sign * gradient(q)
        return q, (-p if flip else p)

    return flow


def euler(eps, steps):
    def flow(q, p):
        for _ in range(steps):
            q, p = q + eps * p, p - eps * gradient(q)
        return q, p

    return flow


def test_leapfrog_obeys():
    flow = leapfrog(0.1, 10)
    assert law.is_reversible(flow, Q, P, magnitude=100.0).holds
    assert law.preserves_volume(flow, Q, P).holds
    assert law.energy_error_is_second_order(leapfrog, energy, Q, P, 0.1, 10).holds


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (
            leapfrog(0.1, 10, first=1.0, last=0.0),
            "there and back.",
        ),  # symplectic Euler: half step missing
        (euler(0.1, 10), "there and back."),
        (leapfrog(0.1, 10, friction=0.99), "there and back."),
        (
            leapfrog(0.1, 10, flip=True),
            "there and back.",
        ),  # flipped within: the flip that follows undoes it
        (
            lambda q, p: (q, p),
            None,
        ),  # a flow that stays is reversible, keeps volume and energy: not a matter of these laws
    ],
)
def test_flows_that_do_not_return_are_refused(wrong, words):
    outcome = law.is_reversible(wrong, Q, P, magnitude=100.0)
    if words is None:
        assert outcome.holds
    else:
        broken(outcome, words)


@pytest.mark.parametrize(
    "wrong", [euler(0.1, 10), leapfrog(0.1, 10, friction=0.99), lambda q, p: (2.0 * q, p)]
)
def test_flows_that_change_volume_are_refused(wrong):
    broken(law.preserves_volume(wrong, Q, P), "Jacobian determinant of flow")


def test_symplectic_euler_keeps_volume():
    assert law.preserves_volume(leapfrog(0.1, 10, first=1.0, last=0.0), Q, P).holds


@pytest.mark.parametrize(
    "wrong",
    [
        lambda e, n: leapfrog(e, n, first=1.0, last=0.0),  # first order
        euler,
        lambda e, n: leapfrog(e, n, sign=-1.0),  # uphill
        lambda e, n: leapfrog(e, n, first=0.5, last=0.0),  # half the force
    ],
)
def test_flows_that_lose_energy_are_refused(wrong):
    broken(law.energy_error_is_second_order(wrong, energy, Q, P, 0.1, 10), "slope of energy error")


def test_a_wrong_energy_is_refused():
    for wrong in (
        lambda q, p: energy(q, p) - float(p @ p),  # kinetic energy with the other sign
        lambda q, p: energy(q, p) + 0.5 * float(p @ p),  # factor one half missing
        lambda q, p: energy(q, 0.0 * p),  # kinetic energy dropped
    ):
        broken(law.energy_error_is_second_order(leapfrog, wrong, Q, P, 0.1, 10), "slope of energy error")
    broken(
        law.energy_error_is_second_order(lambda e, n: lambda q, p: (q, p), energy, Q, P, 0.1, 10),
        "expected to fall",
    )


# ---- what draws are worth


def autoregression(coefficient, chains=4, count=2500, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(chains, count))
    for t in range(1, count):
        x[:, t] = coefficient * x[:, t - 1] + math.sqrt(1 - coefficient**2) * x[:, t]
    return x


def spread(time, draws):
    """Sokal's standard error with 3 tau lags summed."""
    return math.sqrt(2 * (2 * 3 * time + 1) / np.size(draws))


def estimate(stop=True, factor=2.0, first=0):
    """A plain multi-chain estimator with pieces that can be left out; `first` is the lag at which pairs begin."""

    def statistic(draws):
        count = draws.shape[1]
        y = draws - draws.mean(1, keepdims=True)
        within, means = draws.var(1, ddof=1).mean(), draws.mean(1)
        pooled = within * (count - 1) / count + (means.var(ddof=1) if len(means) > 1 else 0.0)
        total, lag = 0.0 if first else -0.5, first
        while lag < count - 2:
            pair = sum(
                1 - (within - (y[:, : count - t] * y[:, t:]).mean(0).sum() / count) / pooled
                for t in (lag, lag + 1)
            )
            if stop and pair < 0:
                break
            total, lag = total + pair, lag + 2
        return draws.size / (1.0 + factor * (total - 0.5 * (first == 0)))

    return statistic


@pytest.mark.parametrize("coefficient", [-0.4, 0.5, 0.8])
def test_autoregressions_are_worth_their_time(coefficient):
    x, tau = autoregression(coefficient), oracle.autoregression_time(coefficient)
    for statistic in (oracle.effective_sample_size, estimate()):
        assert law.worth_is_draws_over_time(statistic(x), x, tau, spread=spread(tau, x)).holds


@pytest.mark.parametrize(
    ("coefficient", "chains", "wrong"),
    [
        (0.8, 4, estimate(factor=1.0)),  # factor 2 missing
        (0.8, 1, estimate(stop=False)),  # no truncation: biased autocovariances sum to about zero
        (0.8, 4, np.size),  # as if independent
        (-0.4, 4, estimate(first=1)),  # pairs begin at lag one: never more than N
    ],
)
def test_wrong_worths_are_refused(coefficient, chains, wrong):
    x, tau = autoregression(coefficient, chains, 4000), oracle.autoregression_time(coefficient)
    outcome = law.worth_is_draws_over_time(wrong(x), x, tau, spread=spread(tau, x))
    broken(outcome, "log of effective sample size")


def test_invariances():
    x = autoregression(0.6, count=200)
    assert law.worth_does_not_depend(oracle.effective_sample_size, x).holds
    for wrong, words in (
        (lambda d: oracle.effective_sample_size(d) + d.mean(), "statistic"),
        (lambda d: oracle.effective_sample_size(d - d[0, 0]) + 0.1 * d[0, 3], "statistic"),
        (lambda d: oracle.effective_sample_size(d[:1]), "chains in reverse order"),
        (lambda d: oracle.effective_sample_size(d[:, 20:]), "reverse time"),
        (lambda d: d.size / (1.0 + abs(d).mean()), "in other units"),  # the mean is not subtracted
    ):
        broken(law.worth_does_not_depend(wrong, x), words)
