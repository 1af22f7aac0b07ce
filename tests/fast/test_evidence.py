import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from sbn_strategies import networks
from sbn_twins import UNIT, absolute_terms, ball_log_evidence, enumerate_states, model

from refvi.errors import UsageError
from refvi.fast.evidence import log_evidence
from refvi.laws.outcome import Outcome, combine

LAW = settings(deadline=None, derandomize=True, max_examples=40)


def law_encloses(subject, network):
    """The subject's log evidence lies in the ball, widened by 8 u S."""
    _, W, b, c = network
    ball = ball_log_evidence(*network)
    exact, radius = float(ball.mid()), float(ball.rad())
    got = subject(*network)
    tolerance = radius + 8 * UNIT * absolute_terms(W, b, c)
    return Outcome(
        "evidence lies in the ball", abs(got - exact) / tolerance, 1, f"got {got!r}, exact {exact!r}"
    )


@LAW
@given(networks())
def test_evidence_lies_in_the_ball(network):
    law_encloses(log_evidence, network).raise_if_broken()


MUTANTS = {
    "sign of the hidden biases": lambda x, W, b, c: log_evidence(x, W, b, -c),
    "visible biases dropped": lambda x, W, b, c: log_evidence(x, W, 0 * b, c),
    "prior not normalised": lambda x, W, b, c: log_evidence(x, W, b, c) + np.logaddexp(0, c).sum(),
    "data flipped": lambda x, W, b, c: log_evidence(1 - x, W, b, c),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_law_rejects(mutant):
    found = combine(mutant, (law_encloses(MUTANTS[mutant], model(K=4, D=5, seed=s)) for s in range(3)))
    assert not found.holds
    assert found.worst > 1e6
    assert "got" in found.message


def test_batch_is_one_after_another():
    x, W, b, c = model(K=6, D=5)
    batch = np.stack([x, 1 - x, np.zeros(5)])
    np.testing.assert_array_equal(log_evidence(batch, W, b, c), [log_evidence(row, W, b, c) for row in batch])


def test_one_hidden_unit_by_hand():
    x, W, b, c = np.array([1.0]), np.array([[2.0]]), np.array([-1.0]), np.array([0.5])
    p = 1 / (1 + np.exp(-0.5))
    by_hand = np.log(p / (1 + np.exp(-1.0)) + (1 - p) / (1 + np.exp(1.0)))
    assert abs(log_evidence(x, W, b, c) - by_hand) < 8 * UNIT * 5
    assert abs(enumerate_states(x, W, b, c).log_evidence - by_hand) < 8 * UNIT * 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": [0.5, 1.0]}, "x must hold zeros and ones"),
        ({"x": [1.0]}, r"x must have shape \(2,\) or \(B, 2\)"),
        ({"W": [1.0, 2.0]}, r"W must have 2 dimension"),
        ({"W": np.zeros((2, 0))}, "K >= 1"),
        ({"b": [1.0]}, r"b must have shape \(2,\)"),
        ({"c": [1.0]}, r"c must have shape \(3,\)"),
        ({"c": [1.0, np.nan, 0.0]}, "c must be finite"),
        ({"threads": 0}, "threads must be a positive integer"),
    ],
)
def test_bad_arguments_are_named(change, message):
    good = {"x": [0.0, 1.0], "W": np.zeros((2, 3)), "b": [0.0, 0.0], "c": [0.0, 0.0, 0.0]}
    with pytest.raises(UsageError, match=message):
        log_evidence(**(good | change))


def test_small_models_do_not_load_a_compiler():
    code = """
import sys
import numpy as np
from refvi.fast import evidence, gradient, pairs, shards
network = np.ones(3), np.eye(3), np.zeros(3), np.zeros(3)
for function in (
    evidence.log_evidence,
    gradient.log_evidence_gradient,
    gradient.posterior_means,
    pairs.posterior_pair_moments,
    shards.sharded_log_evidence,
):
    function(*network)
assert "numba" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
