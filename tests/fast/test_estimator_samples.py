import itertools
import math

import numpy as np
import pytest
from estimator_twins import PLAIN, plain_estimate, plain_tables
from hypothesis import given, settings
from hypothesis import strategies as st
from sbn_strategies import networks
from sbn_twins import UNIT, absolute_terms, model

from refvi.errors import UsageError
from refvi.estimators import finite
from refvi.fast import estimator_samples
from refvi.fast.alias import WHOLE
from refvi.fast.estimator_samples import drawn_states, elbo_gradient_of_states, elbo_gradient_samples
from refvi.fast.sample_tables import drawing_cells
from refvi.kernels.philox import philox
from refvi.laws.outcome import Outcome, combine
from refvi.models import sigmoid_belief as sbn

LAW = settings(deadline=None, derandomize=True, max_examples=40)
FIELDS = ("value", "grad_W", "grad_b", "grad_c", "grad_logits")


def law_is_the_plain_estimate(subject, case, drawn, estimator, group=2, baseline=0.3):
    """Value and gradients are those of the plain estimator on the same states, to (16 + S) u times the absolute terms:

    sums of S samples are formed one after another, in the plain estimator too.
    """
    wanted = plain_estimate(case, drawn, estimator, baseline, group)
    found = subject(*case, drawn, estimator, baseline=baseline, group=group)
    tolerance = (16 + len(drawn)) * UNIT * (absolute_terms(*case[1:4]) + np.abs(case[4]).sum() + 1.0)
    return combine(
        "estimate is the plain one",
        (
            Outcome("estimate", float(np.abs(getattr(found, name) - want).max()) / tolerance, 1, name)
            for name, want in zip(FIELDS, wanted)
        ),
    )


@st.composite
def cases(draw):
    x, W, b, c = draw(networks(hidden=(1, 5), visible=(1, 17)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    logits = rng.normal(size=c.size) * draw(st.sampled_from((0.0, 1.0, 30.0)))
    drawn = rng.integers(0, 1 << c.size, 2 * draw(st.sampled_from((1, 2, 65, 150))))
    return (x, W, b, c, logits), drawn


@pytest.mark.parametrize("estimator", PLAIN)
@LAW
@given(given=cases())
def test_estimate_is_the_plain_one(estimator, given):
    law_is_the_plain_estimate(elbo_gradient_of_states, *given, estimator).raise_if_broken()


def sample_in_its_own_baseline(*arguments, group, **options):
    found = elbo_gradient_of_states(*arguments, group=group, **options)
    return found._replace(grad_logits=found.grad_logits * (group - 1) / group)


def residuals_of_the_data(x, W, b, c, logits, drawn, estimator, **options):
    found = elbo_gradient_of_states(x, W, b, c, logits, drawn, estimator, **options)
    return found._replace(grad_W=np.outer(x, found.grad_c))


def prior_forgotten(x, W, b, c, logits, drawn, estimator, **options):
    found = elbo_gradient_of_states(x, W, b, c, logits, drawn, estimator, **options)
    return found._replace(grad_c=found.grad_c + 1 / (1 + np.exp(-c)))


def entropy_forgotten(x, W, b, c, logits, drawn, estimator, **options):
    found = elbo_gradient_of_states(x, W, b, c, logits, drawn, estimator, **options)
    return found._replace(value=found.value - np.logaddexp(0, logits).sum())


@pytest.mark.parametrize(
    ("mutant", "field"),
    [
        (sample_in_its_own_baseline, "grad_logits"),
        (residuals_of_the_data, "grad_W"),
        (prior_forgotten, "grad_c"),
        (entropy_forgotten, "value"),
    ],
)
@pytest.mark.parametrize("times", [1, 2], ids=["visited", "counted"])
def test_law_rejects(mutant, field, times):
    case, drawn = (*model(K=3, D=4), np.array([0.3, -0.2, 0.8])), np.array(times * [1, 5, 2, 2, 0, 7])
    found = law_is_the_plain_estimate(mutant, case, drawn, "leave_one_out")
    assert not found.holds
    assert found.message == field


@pytest.mark.parametrize("estimator", PLAIN)
def test_all_outcomes_together_have_the_moments_of_the_plain_estimator(estimator):
    """Mean and variance over every tuple of samples, weighted by q, against the exact moments of `finite`."""
    case, samples = (*model(K=2, D=3), np.array([0.4, -1.1])), 4 if estimator == "leave_one_out" else 3
    K = 2
    tables = plain_tables(*case)
    mass, rows, weights = np.exp(tables.log_q), [], []
    for drawn in itertools.product(range(4), repeat=samples):
        weights.append(math.prod(mass[s] for s in drawn))
        found = elbo_gradient_of_states(*case, np.array(drawn), estimator, baseline=0.3, group=4)
        rows.append(np.concatenate([np.ravel(part) for part in found]))
    rows, weights = np.array(rows), np.array(weights)
    mean = np.array([math.fsum(weights * column) for column in rows.T])
    variance = np.array([math.fsum(weights * column**2) for column in (rows - mean).T])
    theta, phi = sbn.Generative(case[3], case[1], case[2]), sbn.Recognition(np.zeros((2, 3)), case[4])
    exact = finite.moments(PLAIN[estimator], tables, theta, phi, samples, 0.3)
    for got, value, in_theta, in_phi in (
        (mean, exact.value, exact.grad_theta, exact.grad_phi),
        (variance, exact.variance_value, exact.variance_theta, exact.variance_phi),
    ):
        wanted = np.concatenate(
            [[value], in_theta.weights.ravel(), in_theta.bias, in_theta.prior_logits, in_phi.bias]
        )
        np.testing.assert_allclose(
            got, wanted, rtol=0, atol=64 * UNIT * absolute_terms(*case[1:4]) ** (1 + (got is variance))
        )
    assert rows.shape[1] == 1 + 3 * K + 3 + 2 * K


def test_drawn_states_follow_from_the_portable_random_numbers():
    """Words of the portable kernel and cells of the alias tables, read by hand."""
    logits = np.array([0.5, -1.0, 2.0, 0.1, -0.3])
    cells, found = drawing_cells(logits, 2), drawn_states(logits, 300, seed=11, replicate=4)
    for sample in range(300):
        words, state = philox(0, 4, sample, 0, 11), 0
        for part, bits, shift in ((0, 2, 0), (1, 3, 2)):
            word = (words[2 * part] << 20) | (words[2 * part + 1] >> 12)
            cell, rest = word >> (WHOLE - bits), word & ((1 << (WHOLE - bits)) - 1)
            threshold, other = divmod(int(cells[part][cell]), 1 << bits)
            state |= (cell if rest < threshold else other) << shift
        assert found[sample] == state


@pytest.mark.parametrize("estimator", PLAIN)
@pytest.mark.parametrize("samples", [2, 130, 20000])
def test_sampling_is_estimating_from_the_drawn_states(estimator, samples):
    """To the bit, and for any number of threads."""
    case = *model(K=7, D=9), np.linspace(-1, 1, 7)
    drawn = drawn_states(case[4], samples, seed=3)
    wanted = elbo_gradient_of_states(*case, drawn, estimator, group=2)
    for threads in (1, 2, 3):
        found = elbo_gradient_samples(*case, samples, estimator, group=2, seed=3, threads=threads)
        for got, want in zip(found, wanted):
            np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("estimator", PLAIN)
@pytest.mark.parametrize("most", [0, 64], ids=["visited", "counted"])
def test_threads_change_no_bit(monkeypatch, most, estimator):
    """Pieces small enough for several threads to share them."""
    monkeypatch.setattr(estimator_samples, "PIECE", 256)
    monkeypatch.setattr(estimator_samples, "MOST_COUNTED", most)
    monkeypatch.setattr("refvi.fast.threads.SERIAL_BELOW", 0)
    case = *model(K=6, D=5), np.linspace(-1, 1, 6)
    one, *others = (
        elbo_gradient_samples(*case, 3000, estimator, group=8, seed=1, threads=threads)
        for threads in (1, 2, 5)
    )
    for other in others:
        for got, want in zip(other, one):
            np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.zeros((2, 3))}, r"x must be one datum of shape \(D,\)"),
        ({"logits": np.zeros(3)}, r"logits must have shape \(K,\) with K = 2"),
        ({"logits": np.array([0.0, np.nan])}, "logits must be finite"),
        ({"W": np.full((3, 2), np.inf)}, "W must be finite"),
        ({"x": np.full(3, 0.5)}, "x must hold zeros and ones"),
        ({"b": np.zeros(2)}, "b must have shape"),
        ({"c": np.array([0.0, -np.inf])}, "c must be finite"),
        ({"samples": 0}, "samples must be an integer of at least 1"),
        ({"samples": 6, "estimator": "leave_one_out", "group": 4}, "samples must be a multiple of group = 4"),
        ({"estimator": "leave_one_out", "group": 3}, "group must be 2, 4, 8"),
        ({"estimator": "reinforce"}, "estimator must be one of"),
        ({"seed": -1}, "seed must be an integer of at least 0"),
    ],
)
def test_bad_arguments_are_named(change, message):
    x, W, b, c = np.zeros(3), np.zeros((3, 2)), np.zeros(3), np.zeros(2)
    good = {"x": x, "W": W, "b": b, "c": c, "logits": np.zeros(2), "samples": 4}
    with pytest.raises(UsageError, match=message):
        elbo_gradient_samples(**(good | change))


def test_other_kinds_of_arrays_are_read_as_plain_ones():
    x, W, b, c = model(K=2, D=3)
    plain = elbo_gradient_samples(x, W, b, c, np.zeros(2), 8)
    other = elbo_gradient_samples(x.astype(int), np.asfortranarray(W), list(b), c.tolist(), [0, 0], 8)
    for got, want in zip(other, plain):
        np.testing.assert_array_equal(got, want)


def test_bad_states_are_named():
    case = *model(K=2, D=3), np.zeros(2)
    with pytest.raises(UsageError, match="states must lie between 0 and 2\\^K - 1"):
        elbo_gradient_of_states(*case, np.array([4]))
    with pytest.raises(UsageError, match="states must be whole numbers"):
        elbo_gradient_of_states(*case, np.array([0.5]))
