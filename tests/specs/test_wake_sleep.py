"""Wake-sleep: definitions at 60 digits, the kernels' delta rules, exact means over all samples and dreams."""

import itertools

import numpy as np
import pytest
from mpmath import mp

from refvi.models import layered_belief as lb
from refvi.oracles import enumeration
from refvi.specs.sized import value_of
from refvi.specs.wake_sleep import sleep, wake
from refvi.specs.wake_sleep_phases import deep_log_joint, gradients
from tests.specs import exact
from tests.specs.exact import affine, assert_derivative, assert_within, log_bernoulli

SIZES = {"B": 2, "X": 3, "D": 2, "E": 2}
MODEL = ("weights", "bias", "hidden_weights", "hidden_bias", "prior_logits")
RECOGNITION = ("recognition_weights", "recognition_bias", "top_weights", "top_bias")


def bernoullis(units, logits):
    return mp.fsum(log_bernoulli(v, a) for v, a in zip(units, logits, strict=True))


def log_joint(x, h, top, weights, bias, hidden_weights, hidden_bias, prior_logits):
    return [
        bernoullis(x[n], affine(weights, h[n], bias))
        + bernoullis(h[n], affine(hidden_weights, top[n], hidden_bias))
        + bernoullis(top[n], prior_logits)
        for n in range(len(x))
    ]


def log_q(x, h, top, recognition_weights, recognition_bias, top_weights, top_bias):
    return [
        bernoullis(h[n], affine(recognition_weights, x[n], recognition_bias))
        + bernoullis(top[n], affine(top_weights, h[n], top_bias))
        for n in range(len(x))
    ]


def both(x, h, top, dream_x, dream_h, dream_top, **parameters):
    woken = log_joint(x, h, top, **{n: parameters[n] for n in MODEL})
    asleep = log_q(dream_x, dream_h, dream_top, **{n: parameters[n] for n in RECOGNITION})
    return woken + asleep


@pytest.mark.parametrize(("name", "inputs"), exact.cases(deep_log_joint, 3))
def test_log_joint(name, inputs):
    found = deep_log_joint.answer(inputs, dict(deep_log_joint.conventions))
    assert_within(found["value"], exact.value(log_joint, inputs), name)


@pytest.mark.parametrize(
    ("spec", "definition", "wrt"),
    [
        (deep_log_joint, log_joint, MODEL),
        (wake, log_joint, MODEL),
        (sleep, log_q, RECOGNITION),
        (gradients, both, MODEL + RECOGNITION),
    ],
    ids=exact.label,
)
def test_rules_are_derivatives(spec, definition, wrt):
    for name, inputs in exact.cases(spec, 1, SIZES):
        found = exact.gradients(spec, inputs)
        assert set(found) == set(wrt) == set(spec.wrt)
        assert_derivative(found, lambda **moved: mp.fsum(definition(**moved)), inputs, name)


# ---- the kernels, and exact means over everything that can be drawn


def nets(inputs):
    layers = (
        lb.Layer(inputs["weights"], inputs["bias"]),
        lb.Layer(inputs["hidden_weights"], inputs["hidden_bias"]),
    )
    guesses = (
        lb.Layer(inputs["recognition_weights"], inputs["recognition_bias"]),
        lb.Layer(inputs["top_weights"], inputs["top_bias"]),
    )
    return lb.Generative(layers, inputs["prior_logits"]), lb.Recognition(guesses)


def by_name(grad_theta=None, grad_phi=None):
    found = {}
    if grad_theta is not None:
        parts = (*grad_theta.layers[0], *grad_theta.layers[1], grad_theta.prior_logits)
        found.update(zip(MODEL, parts, strict=True))
    if grad_phi is not None:
        found.update(zip(RECOGNITION, (*grad_phi.layers[0], *grad_phi.layers[1]), strict=True))
    return found


@pytest.mark.parametrize("seed", range(3))
def test_the_kernels_have_the_same_rules(seed):
    inputs = gradients.draw_case(np.random.default_rng(seed), dict(gradients.conventions))
    theta, phi = nets(inputs)
    rows = [np.concatenate([inputs[d + n] for n in ("x", "h", "top")], axis=1) for d in ("", "dream_")]
    want = by_name(lb.wake_rule(rows[0], theta).grad_theta, lb.sleep_rule(rows[1], phi).grad_phi)
    for name, g in gradients.gradient(**inputs).items():
        assert_within(g, want[name], name)


PARAMETERS = {
    name: value
    for name, value in gradients.draw_case(
        np.random.default_rng(5), dict(gradients.conventions), {"B": 1, "X": 2, "D": 2, "E": 1}
    ).items()
    if name in MODEL + RECOGNITION
}
X = np.array([[1.0, 0.0]])


def means(function):
    """E over recognition samples at X and over dreams of function(samples): dict of arrays."""
    theta, phi = nets(PARAMETERS)
    hidden = enumeration.binary_states(3).astype(float)
    woken = np.concatenate([np.repeat(X, 8, 0), hidden], axis=1)
    dreams = enumeration.binary_states(5).astype(float)
    q = np.exp(lb.sleep_rule(woken, phi).log_q)
    p = np.exp(lb.wake_rule(dreams, theta).log_joint)
    total = {}
    for (i, row), (j, dream) in itertools.product(enumerate(woken), enumerate(dreams)):
        units = {"x": row[:2], "h": row[2:4], "top": row[4:]}
        units |= {"dream_x": dream[:2], "dream_h": dream[2:4], "dream_top": dream[4:]}
        for name, g in function(**{k: v[None] for k, v in units.items()}, **PARAMETERS).items():
            total[name] = total.get(name, 0.0) + q[i] * p[j] * value_of(g)
    return total


def distance(function):
    theta, phi = nets(PARAMETERS)
    want = by_name(lb.wake(X, theta, phi).grad_theta, lb.sleep(theta, phi).grad_phi)
    found = means(function)
    return max(float(np.abs(found[name] - want[name]).max()) for name in want)


def test_the_mean_is_the_exact_gradient_of_both_phases():
    assert distance(gradients.gradient) < 1e-13


@pytest.mark.parametrize("slug", gradients.relatives)
def test_relatives_have_the_same_mean(slug):
    assert distance(gradients.relatives[slug].wrong) < 1e-13


@pytest.mark.parametrize("slug", gradients.mistakes)
def test_mistakes_have_another_mean(slug):
    assert distance(gradients.mistakes[slug].wrong) > 1e-2


def test_a_net_on_its_own_samples_learns_nothing():
    """The mean of the rule is zero where samples are the net's own: what makes the phases what they are."""
    mixed = means(gradients.mistakes["wake-sleep-phase-mix"].wrong)
    assert max(float(np.abs(g).max()) for g in mixed.values()) < 1e-13
