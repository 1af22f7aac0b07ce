"""Enclosures against known digits, and doubles against enclosures."""

import builtins
import math
from fractions import Fraction

import numpy as np
import pytest

from refvi.oracles import balls, closed_form, enumeration, importance

STATES = enumeration.binary_states(3).tolist()
TOP, BIAS = [0.3, -0.8, 1.1], [0.25, -0.5]
WEIGHTS = [[0.5, -1.25, 0.75], [1.75, 0.4, -0.6]]
X = [1, 0]


def belief_ball(h):
    return balls.sigmoid_belief_log_joint([(TOP, None), (BIAS, WEIGHTS)], [h, X])


def belief_double(h):
    logits = [
        *TOP,
        *(b + sum(w * v for w, v in zip(row, h, strict=True)) for b, row in zip(BIAS, WEIGHTS, strict=True)),
    ]
    return math.fsum(bit * t - math.log1p(math.exp(t)) for bit, t in zip([*h, *X], logits, strict=True))


def test_doubles_enter_exactly():
    found = balls.enclose(lambda: balls.ball(0.1) * 3)
    exact = Fraction(0.1) * 3
    assert abs(Fraction(found.mid) - exact) <= Fraction(found.rad)
    assert found.rad <= 2**-53


def test_known_digits():
    assert balls.enclose(lambda: balls.softplus(0)).text.startswith("[0.69314718055994530941723212145")
    assert balls.enclose(lambda: balls.log_normal(0, 0, 1)).text.startswith(
        "[-0.91893853320467274178032973640"
    )


def test_log_evidence_of_a_belief_network_encloses_the_double():
    found = balls.enclose(lambda: balls.log_evidence(belief_ball, STATES))
    double = enumeration.log_evidence(belief_double, STATES)
    assert found.contains(double.value, slack=8 * 2**-53 * double.magnitude)
    assert found.rad <= 2**-53 * max(1.0, abs(found.mid))
    wrong = enumeration.log_evidence(lambda h: belief_double(h) * (1 + 1e-12), STATES)
    assert not found.contains(wrong.value, slack=8 * 2**-53 * wrong.magnitude)


def test_divergences_agree_with_closed_forms():
    found = balls.enclose(lambda: balls.kl_normal(0.5, 0.75, -0.25, 1.5))
    double = closed_form.kl_normal([0.5], [0.5625], [-0.25], [2.25])
    assert found.contains(double.value, slack=8 * 2**-53 * double.magnitude)
    q, p = (1 / (1 + math.exp(-t)) for t in (0.7, -1.3))
    table = closed_form.kl_bernoulli([q], [p])
    assert balls.enclose(lambda: balls.kl_bernoulli(0.7, -1.3)).contains(
        table.value, slack=8 * 2**-53 * table.magnitude
    )


def test_bounds_and_expectations():
    log_q = [math.log(v) for v in (0.1, 0.4, 0.3, 0.2)]
    log_w = [0.5, -1.25, 2.0, -0.375]
    total = math.fsum(math.exp(v) for v in log_q)
    q = [math.exp(v) / total for v in log_q]
    for k in (1, 3):
        found = balls.enclose(lambda k=k: balls.iwae_bound(log_w, log_q, k))
        integral = importance.iwae_bound(log_w, q, k)
        # log_q are doubles, so that their exponentials sum to one up to 4 u: hence the slack.
        assert found.contains(integral.value, slack=integral.error + 64 * 2**-53)
    elbo = balls.enclose(
        lambda: balls.elbo(
            lambda s: balls.ball(log_w[s]) + balls.ball(log_q[s]), lambda s: log_q[s], range(4)
        )
    )
    assert elbo.contains(importance.iwae_bound(log_w, q, 1).value, slack=64 * 2**-53)
    mean = balls.enclose(lambda: balls.expectation(lambda i: log_w[i], log_q))
    assert mean.contains(float(np.dot(q, log_w)), slack=16 * 2**-53)


def test_precision_is_raised_under_cancellation_and_zero_is_enclosed():
    far = balls.enclose(lambda: (balls.ball(1e30) + balls.ball(1)).log() - balls.ball(1e30).log(), bits=64)
    assert far.mid == pytest.approx(1e-30, rel=1e-12)
    assert far.bits > 64
    zero = balls.enclose(lambda: balls.kl_normal(0.3, 0.7, 0.3, 0.7))
    assert zero.contains(0.0)
    assert zero.rad < 1e-60


def test_impossible_terms_and_impossible_questions():
    found = balls.enclose(lambda: balls.log_sum_exp([0.0, -math.inf, 0.0]))
    assert found.contains(math.log(2), slack=2**-53)
    with pytest.raises(ValueError, match="needs one possible term"):
        balls.log_sum_exp([-math.inf])
    with pytest.raises(ArithmeticError, match="no enclosure"):
        balls.enclose(lambda: balls.ball(-1).log(), most=256)


def test_derivative_to_many_digits():
    slope = balls.derivative(lambda t: balls.softplus(t), 0.375)
    exact = balls.enclose(lambda: 1 / (1 + (-balls.ball(0.375)).exp()))
    assert exact.contains(float(slope), slack=2**-53)


def test_a_missing_library_is_named(monkeypatch):
    real = builtins.__import__

    def without_flint(name, *args, **kwargs):
        if name == "flint":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_flint)
    with pytest.raises(ImportError, match=r"pip install 'refvi\[certify\]'"):
        balls.ball(1.0)
