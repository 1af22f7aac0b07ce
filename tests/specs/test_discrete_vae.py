"""Gradient-based inference in the discrete VAE: definitions at 60 digits, and what tells the two bounds apart."""

import itertools

import numpy as np
import pytest
from mpmath import mp

from refvi.specs import discrete_vae_auxiliary as aux
from refvi.specs.discrete_vae import elbo
from refvi.specs.discrete_vae_surrogate import surrogate
from refvi.specs.sbn import log_evidence
from refvi.specs.sized import value_of
from tests.specs import exact
from tests.specs.exact import affine, assert_derivative, assert_within

SMALL = {"B": 2, "D": 2, "X": 3}


def probability(a):
    return 1 / (1 + mp.exp(-a)), 1 / (1 + mp.exp(a))


def cross(value, sides):
    """V log p + (1 - v) log(1 - p), p by both of its sides."""
    on, off = sides
    return value * mp.log(on) + (1 - value) * mp.log(off)


def log_joint(x, h, weights, bias, prior_logits):
    """The log joint at a point h of the cube."""
    outputs = affine(weights, h, bias)
    observed = mp.fsum(cross(v, probability(a)) for v, a in zip(x, outputs, strict=True))
    return observed + mp.fsum(cross(v, probability(c)) for v, c in zip(h, prior_logits, strict=True))


def exact_elbo(x, logits, weights, bias, prior_logits):
    """E_q[log p(x, h) - log q(h)], every state with its whole weight."""
    found = []
    for row, a in zip(x, logits, strict=True):
        total = 0
        for h in itertools.product((0, 1), repeat=len(a)):
            log_q = mp.fsum(cross(v, probability(logit)) for v, logit in zip(h, a, strict=True))
            total += mp.exp(log_q) * (log_joint(row, h, weights, bias, prior_logits) - log_q)
        found.append(total)
    return found


def the_surrogate(x, logits, weights, bias, prior_logits):
    """Log p(x, mu) - sum mu log mu + (1 - mu) log(1 - mu)."""
    found = []
    for row, a in zip(x, logits, strict=True):
        mu = [probability(logit) for logit in a]
        entropy = -mp.fsum(cross(on, (on, off)) for on, off in mu)
        found.append(log_joint(row, [on for on, _ in mu], weights, bias, prior_logits) + entropy)
    return found


def soft_labels(q_logits, target_logits):
    return [
        mp.fsum(cross(probability(t)[0], probability(a)) for a, t in zip(*rows, strict=True))
        for rows in zip(q_logits, target_logits, strict=True)
    ]


def as_printed(q_logits, target_logits):
    return soft_labels(target_logits, q_logits)


def mean_over_data(means):
    return [mp.fsum(column) / len(means) for column in zip(*means, strict=True)]


DEFINITIONS = [
    (elbo, exact_elbo),
    (surrogate, the_surrogate),
    (aux.auxiliary, soft_labels),
    (aux.printed, as_printed),
    (aux.prior_step, mean_over_data),
]


def digits(inputs):
    """Enough for 1 - sigmoid(900)."""
    return 900 if max(np.abs(np.asarray(v)).max() for v in inputs.values()) > 50 else exact.DIGITS


def cases(seeds, sizes=None):
    return [
        pytest.param(spec, definition, inputs, id=f"{spec.id} {name}")
        for spec, definition in DEFINITIONS
        for name, inputs in exact.cases(spec, seeds, sizes)
    ]


@pytest.mark.parametrize(("spec", "definition", "inputs"), cases(3))
def test_value_is_the_definition(spec, definition, inputs):
    found = spec.answer(inputs, dict(spec.conventions))["value"]
    with mp.workdps(digits(inputs)):
        want = [float(v) for v in definition(**{k: exact.exact(v) for k, v in inputs.items()})]
    assert_within(found, np.array(want), spec.id)


@pytest.mark.parametrize(
    ("spec", "definition", "inputs"), [c for c in cases(2, SMALL) if c.values[0].gradient is not None]
)
def test_gradient_is_the_derivative_of_the_definition(spec, definition, inputs):
    found = exact.gradients(spec, inputs)
    assert set(found) == set(spec.wrt)
    assert_derivative(found, lambda **moved: mp.fsum(definition(**moved)), inputs, spec.id)


# ---- the two bounds

MODEL = ("weights", "bias", "prior_logits")


def total(spec, inputs):
    return sum(value_of(t) for t in spec.reference(**inputs).values())


def generic(seed):
    return elbo.draw_case(np.random.default_rng([3, seed]), dict(elbo.conventions))


@pytest.mark.parametrize("seed", range(5))
def test_the_surrogate_lies_above_the_elbo_and_the_elbo_below_the_evidence(seed):
    inputs = generic(seed)
    ceiling = total(log_evidence, {k: inputs[k] for k in ("x", *MODEL)})
    assert np.all(total(elbo, inputs) < ceiling)
    assert np.all(total(surrogate, inputs) > total(elbo, inputs))  # a logistic layer: log p(x | h) is concave


def test_both_are_the_log_joint_at_a_corner():
    inputs = {k: np.asarray(v) for k, v in elbo.edges()["q at a corner"].items()}
    inputs["logits"] = np.array([[800.0, -800.0], [-900.0, 950.0]])
    assert total(elbo, inputs) == pytest.approx(total(surrogate, inputs), abs=1e-13)


@pytest.mark.parametrize("spec", [elbo, surrogate], ids=exact.label)
def test_relatives_and_mistakes_differ_where_they_should(spec):
    inputs = generic(1)
    here = total(spec, inputs)
    for slug, mistake in spec.mistakes.items():
        if mistake.of == "value" and slug != "log-of-sigmoid":  # a rounded sigmoid is right off the edges
            found = mistake.wrong(**inputs)
            wrong = sum(map(value_of, found.values())) if isinstance(found, dict) else value_of(found)
            assert np.max(np.abs(wrong - here)) > 1e-3, slug


def test_the_optimum_of_the_auxiliary_objective():
    """On a grid of logits: the exchanged order is largest at the target, the printed one at the end of the grid."""
    line = np.linspace(-6.0, 6.0, 241)[:, None]
    target = np.full((241, 1), 1.25)
    inputs = {"q_logits": line, "target_logits": target}
    assert line[total(aux.auxiliary, inputs).argmax(), 0] == pytest.approx(1.25, abs=0.026)
    assert total(aux.printed, inputs).argmax() == 240
    assert total(aux.printed, inputs).argmin() == 0
    relative = value_of(aux.auxiliary.relatives["divergence"].wrong(**inputs))
    shift = relative - total(aux.auxiliary, inputs)
    assert np.ptp(shift) < 1e-14
    assert relative.max() <= 1e-15


def test_the_prior_step_maximises_the_expected_log_prior():
    means = np.array([[0.25, 0.75], [0.5, 0.875], [0.125, 0.75]])
    best = value_of(aux.prior_step.reference(means)["mean"])

    def value(p):
        return (means * np.log(p) + (1 - means) * np.log(1 - p)).sum()

    for slug, mistake in aux.prior_step.mistakes.items():
        other = value_of(mistake.wrong(means))
        assert np.max(np.abs(other - best)) > 1e-3, slug
        if np.all((other > 0) & (other < 1)):
            assert value(other) < value(best), slug
