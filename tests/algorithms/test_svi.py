"""SVI: minibatch scaling is unbiased, summed over every minibatch; inner steps, schedules and whole runs."""

import itertools
import math

import numpy as np
import pytest

from refvi.algorithms import categorical_per_datum, em, mean_field_chain, svi, trees
from refvi.errors import UsageError
from refvi.laws import em as em_law
from refvi.models import hidden_markov, mixture
from refvi.models.categorical_emission import CategoricalEmission
from refvi.models.mixture import Mixture
from refvi.registry import latent_cases as cases

SIZE = 1e3
N = 7
SUBSETS = [
    (B, list(itertools.combinations(range(N), B))) for B in (1, 2, 3, 7)
]  # N / B not an integer at 2 and 3


def setting(kind):
    """(model, family, theta, logits, data) of a mixture and of a hidden Markov model with 7 data each."""
    rng = np.random.default_rng(11)
    x = cases.data(kind, N)
    flat = (mixture, categorical_per_datum, cases.mixture(kind), rng.normal(size=(N, 3)), x)
    parts = [cases.data(kind, 1 + n % 3, seed=n) for n in range(N)]
    data = hidden_markov.sequences(parts)
    chain = (
        hidden_markov,
        mean_field_chain,
        cases.hidden_markov(kind),
        rng.normal(size=(len(data.x), 3)),
        data,
    )
    return flat, chain


def estimates(model, family, theta, logits, data):
    """The two estimators as functions of the chosen indices, and their full-data values."""

    def part(chosen):
        return family.take_logits(logits, data, chosen), family.take(data, chosen)

    def objective(chosen):
        return svi.minibatch_objective(family, theta, *part(chosen), N)

    def gradient(chosen):
        return svi.minibatch_gradient(model, family, theta, *part(chosen), N)

    full = math.fsum(family.elbo(theta, logits, data))
    return objective, full, gradient, model.grad_q(theta, family.expect(theta, logits, data))


@pytest.mark.parametrize("kind", cases.KINDS)
def test_every_minibatch_averages_to_the_full_data(kind):
    for case in setting(kind):
        objective, full, gradient, full_gradient = estimates(*case)
        for _, subsets in SUBSETS:
            outcome = em_law.minibatches_average_to_all(objective, subsets, full, SIZE)
            assert outcome.holds, outcome.message
        outcome = em_law.minibatches_average_to_all(
            gradient, SUBSETS[1][1], full_gradient, SIZE, name="gradient"
        )
        assert outcome.holds, outcome.message


@pytest.mark.parametrize(
    ("factor", "ratio"),
    [
        (lambda B: B / N, r"ratio 0\.4285"),  # no scaling: the sum of the minibatch stands for all
        (lambda B: N / B, r"ratio 2\.333"),  # the scaling applied twice
        (lambda B: (N // B) / (N / B), r"ratio 0\.857"),  # N // B
        (lambda B: 1 / N, r"ratio 0\.1428"),  # the mean of the minibatch
    ],
)
def test_wrong_scalings_are_rejected(factor, ratio):
    objective, full, gradient, full_gradient = estimates(*setting("categorical")[0])
    B, subsets = SUBSETS[2]
    wrong = lambda chosen: factor(B) * objective(chosen)
    with pytest.raises(AssertionError, match=f"mean objective: .*{ratio}"):
        em_law.minibatches_average_to_all(wrong, subsets, full, SIZE).raise_if_broken()
    wrong = lambda chosen: trees.scale(gradient(chosen), factor(B))
    with pytest.raises(AssertionError, match=ratio):
        em_law.minibatches_average_to_all(wrong, subsets, full_gradient, SIZE).raise_if_broken()


def test_inner_steps_belong_to_one_datum_and_climb_to_its_posterior():
    _, family, theta, _, x = setting("categorical")[0]
    start = family.start(theta, x)
    together = svi.inner_steps(family, theta, start, x, steps=5, rate=1.0)
    alone = np.concatenate(
        [svi.inner_steps(family, theta, start[:1], x[n : n + 1], steps=5, rate=1.0) for n in range(N)]
    )
    assert np.array_equal(together, alone)
    long = svi.inner_steps(family, theta, start, x, steps=3000, rate=1.0)
    q = np.exp(long) / np.exp(long).sum(1, keepdims=True)
    assert np.abs(q - mixture.posterior(theta, x)).max() < 1e-9
    values = [
        math.fsum(family.elbo(theta, svi.inner_steps(family, theta, start, x, steps=k, rate=0.5), x))
        for k in range(6)
    ]
    assert em_law.never_decreases(values, SIZE).holds


def test_the_step_uses_the_q_of_the_last_inner_step():
    """One step on theta after K inner steps, written out."""
    model, family, theta, _, x = setting("full")[0]
    batch, rate = x[[1, 4]], 0.01
    logits = np.zeros((2, 3))
    for _ in range(3):
        logits = logits + 0.7 * family.grad_elbo(theta, logits, batch)
    value, moved = svi.svi_step(model, family, theta, batch, N, rate, inner=3, inner_rate=0.7)
    assert value == pytest.approx(N / 2 * family.elbo(theta, logits, batch).sum(), rel=1e-14)
    by_theta = model.grad_q(theta, family.expect(theta, logits, batch))
    expected = trees.add(theta, rate * N / 2, by_theta)
    assert np.allclose(moved.emission.means, expected.emission.means, rtol=0, atol=1e-14)
    assert np.allclose(moved.mixing_logits, expected.mixing_logits, rtol=0, atol=1e-14)


def test_robbins_monro_schedules():
    """Sums by the integral test: sum t^-power diverges for power <= 1, that of the squares converges for power > 1/2."""
    schedule = svi.Schedule(0.5, 3.0, 0.75)
    steps = np.array([svi.step_size(schedule, t) for t in range(1, 2001)])
    assert steps[4] == pytest.approx(0.5 * 8.0**-0.75)
    assert np.all(np.diff(steps) < 0)
    tail = 0.25 * (2000 + 3.0) ** (1 - 1.5) / (1.5 - 1)
    assert 0.25 * np.sum((np.arange(2001, 60_001) + 3.0) ** -1.5) < tail
    for wrong in ((0.0, 1.0, 0.75), (1.0, -1.0, 0.75), (1.0, 1.0, 0.5), (1.0, 1.0, 1.25)):
        with pytest.raises(UsageError, match=r"0\.5 < power <= 1, got \("):
            svi.step_size(svi.Schedule(*wrong), 1)


def test_a_run_comes_near_the_maximum_of_em():
    """200 data of a latent class model, batches of 20: a smoke test of the loop, 95 % of what EM gains."""
    rng = np.random.default_rng(0)
    truth = Mixture(np.array([0.5, -0.25]), CategoricalEmission(1.5 * rng.normal(size=(2, 4, 3))))
    p = np.exp(truth.emission.logits) / np.exp(truth.emission.logits).sum(-1, keepdims=True)
    z = (rng.uniform(size=200) > 0.68).astype(int)
    x = np.array([[rng.choice(3, p=p[k, d]) for d in range(4)] for k in z])
    theta = Mixture(np.zeros(2), CategoricalEmission(0.3 * rng.normal(size=(2, 4, 3))))
    best = em.em(mixture, theta, x, steps=200, target="cpu")
    run = svi.svi(
        mixture,
        categorical_per_datum,
        theta,
        x,
        batch=20,
        steps=300,
        schedule=svi.Schedule(8.0, 10.0, 0.75),
        inner=8,
        inner_rate=1.0,
        target="cpu",
    )
    reached = math.fsum(mixture.log_evidence(run.theta, x))
    assert best.log_evidence[-1] - reached < 0.05 * (best.log_evidence[-1] - best.log_evidence[0])
    assert run.objective.shape == (300,)
    again = svi.svi(
        mixture,
        categorical_per_datum,
        theta,
        x,
        batch=20,
        steps=5,
        schedule=svi.Schedule(8.0, 10.0, 0.75),
        inner=8,
        inner_rate=1.0,
        target="cpu",
    )
    assert np.array_equal(again.objective, run.objective[:5])  # the seed decides everything
    with pytest.raises(
        UsageError, match="batch must be a whole number from 1 to the number of data 200, got 201"
    ):
        svi.svi(mixture, categorical_per_datum, theta, x, batch=201, steps=1, schedule=svi.Schedule(1.0))
