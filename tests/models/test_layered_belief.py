"""Belief networks of any depth: rows of the registry, wrong networks that they reject, refusals."""

import functools

import numpy as np
import pytest

from refvi.errors import UsageError
from refvi.kernels.portable import portable
from refvi.models import layered_belief as lb
from refvi.models.layered_belief import kernels, states
from refvi.oracles import balls, enumeration
from refvi.registry import layered_belief as rows
from refvi.registry.layered_belief_cases import SIZES, nets

check_log_joint = functools.partial(rows.check_rule, "log_joint")
check_log_q = functools.partial(rows.check_rule, "log_q")


def name(thing):
    """The same name in every process: of a partial, its first argument."""
    if isinstance(thing, functools.partial):
        return thing.args[0]
    return getattr(thing, "__name__", str(thing))


@pytest.mark.parametrize("row", rows.EVIDENCE, ids=lambda r: f"{r.subject}-{r.law}")
def test_rows_hold(row):
    row.run(True, "python").raise_if_broken()


@pytest.mark.parametrize(
    "row", [r for r in rows.EVIDENCE if r.run is not rows.check_targets], ids=lambda r: f"{r.subject}-{r.law}"
)
def test_rows_hold_on_another_network(row, monkeypatch):
    monkeypatch.setattr(rows, "_seeds", lambda quick: [11])
    row.run(True, "python").raise_if_broken()


# ---- wrong layers, seen from above


def transposed(given, parameters, count, i):
    """The weights read column by column."""
    width = given.shape[0]
    total = parameters[count * width + i]
    for j in range(width):
        total += parameters[j * count + i] * given[j]
    return total


def without_bias(given, parameters, count, i):
    return right_logit(given, parameters, count, i) - parameters[count * given.shape[0] + i]


def slightly_more(given, parameters, count, i):
    return right_logit(given, parameters, count, i) + 2.0**-12


def halved(given, parameters, count, i):
    return 0.5 * right_logit(given, parameters, count, i)


right_logit = kernels.unit_logit
CHECKS = [
    check_log_joint,
    check_log_q,
    rows.check_evidence,
    rows.check_elbo,
    rows.check_wake,
    rows.check_sleep,
    rows.check_recognition,
    rows.check_dreams,
    rows.check_depth_one,
]


@pytest.mark.parametrize("wrong", [transposed, without_bias, slightly_more, halved])
@pytest.mark.parametrize("check", CHECKS, ids=name)
def test_wrong_log_odds_are_rejected_everywhere(monkeypatch, check, wrong):
    monkeypatch.setattr(kernels, "unit_logit", wrong)
    assert not check().holds


# ---- wrong delta rules


def sign(right):
    return lambda outcome, given, parameters, scale, grad: right(outcome, given, parameters, -scale, grad)


def averaged_over_units(right):
    return lambda outcome, given, parameters, scale, grad: right(
        outcome, given, parameters, scale / len(outcome), grad
    )


def slope_of_sigmoid(right):
    """The factor p (1 - p) of a squared error."""

    def wrong(outcome, given, parameters, scale, grad):
        count, width = len(outcome), len(given)
        found = np.zeros(count * width + count)
        value = right(outcome, given, parameters, scale, found)
        for i in range(count):
            p = kernels.sigmoid(kernels.unit_logit(given, parameters, count, i))
            found[i * width : (i + 1) * width] *= p * (1 - p)
            found[count * width + i] *= p * (1 - p)
        grad[: len(found)] += found
        return value

    return wrong


def probability_of_given(right):
    """Error times one half where the given unit is 1: a probability in place of the state."""

    def wrong(outcome, given, parameters, scale, grad):
        value = right(outcome, given, parameters, 0.0, grad)
        right(outcome, 0.5 * np.asarray(given), parameters, scale, grad)
        return value

    return wrong


@pytest.mark.parametrize("mutant", [sign, averaged_over_units, slope_of_sigmoid, probability_of_given])
@pytest.mark.parametrize(
    ("check", "words"),
    [
        (check_log_joint, "gradient of log_joint"),
        (check_log_q, "log_q"),
        (rows.check_evidence, "grad_theta of log_evidence"),
        (rows.check_elbo, "of elbo"),
        (rows.check_wake, "grad_theta of wake"),
        (rows.check_sleep, "grad_phi of sleep"),
        (rows.check_depth_one, "elbo["),
    ],
    ids=name,
)
def test_wrong_delta_rules_are_rejected_by_name(monkeypatch, check, words, mutant):
    monkeypatch.setattr(kernels, "layer_log_mass_grad", mutant(kernels.layer_log_mass_grad))
    outcome = check()
    assert not outcome.holds
    assert words in outcome.message


# ---- wrong averages


@portable
def bound_without_entropy(state, inputs, out, scratch):
    """The integrand log p, without log q."""
    right_bound(state, inputs, out, scratch)
    out[1] += out[0]


@portable
def bound_under_the_posterior(state, inputs, out, scratch):
    """Averages under the posterior instead of q."""
    right_bound(state, inputs, out, scratch)
    out[0] += out[1]


@portable
def bound_without_reward(state, inputs, out, scratch):
    """The score alone, whose mean is 0."""
    right_bound(state, inputs, out, scratch)
    out[3 + inputs[0].theta.shape[0] :] /= out[1]


@portable
def dreams_without_prior(state, inputs, out, scratch):
    """Dreams whose states all count the same."""
    right_dream(state, inputs, out, scratch)
    out[0] = 0.0


@portable
def dreams_weighed_by_q(state, inputs, out, scratch):
    """Hidden units from q instead of p."""
    right_dream(state, inputs, out, scratch)
    out[0] += out[1]


@portable
def dreams_that_count_log_p(state, inputs, out, scratch):
    """E_p log p(x, h) in place of E_p log q(h | x)."""
    right_dream(state, inputs, out, scratch)
    out[1] = out[0]


right_bound, right_dream = states.bound_state, states.dream_state


@pytest.mark.parametrize(
    ("kernel", "wrong", "check", "words"),
    [
        ("bound_state", bound_without_entropy, rows.check_elbo, "elbo"),
        ("bound_state", bound_under_the_posterior, rows.check_elbo, "elbo"),
        ("bound_state", bound_without_reward, rows.check_elbo, "grad_phi of elbo"),
        ("bound_state", bound_under_the_posterior, rows.check_wake, "wake"),
        ("dream_state", dreams_without_prior, rows.check_sleep, "sleep"),
        ("dream_state", dreams_weighed_by_q, rows.check_sleep, "sleep"),
        ("dream_state", dreams_that_count_log_p, rows.check_sleep, "sleep"),
        ("dream_state", dreams_weighed_by_q, rows.check_phases_differ, "grad_phi of sleep"),
    ],
)
def test_wrong_averages_are_rejected(monkeypatch, kernel, wrong, check, words):
    monkeypatch.setattr(lb.exact, kernel, wrong)
    outcome = check()
    assert not outcome.holds
    assert words in outcome.message


def test_the_same_rule_in_both_phases_is_rejected(monkeypatch):
    """The ELBO's gradient handed out as the sleep phase's is parallel to it."""
    right = lb.exact.sleep

    def phase_mix(theta, phi, target="python"):
        x = nets(0)[0] if len(phi.layers) > 1 else nets(0, (3, 1))[0]
        return right(theta, phi, target=target)._replace(grad_phi=lb.elbo(x, theta, phi).grad_phi)

    monkeypatch.setattr(lb, "sleep", phase_mix)
    outcome = rows.check_phases_differ()
    assert not outcome.holds
    assert "cosine" in outcome.message


# ---- wrong samplers


def flipped(right):
    def wrong(given, parameters, uniform, outcome):
        right(given, parameters, 1.0 - np.asarray(uniform), outcome)

    return wrong


def with_a_coin(right):
    def wrong(given, parameters, uniform, outcome):
        right(given, 0.0 * np.asarray(parameters), uniform, outcome)

    return wrong


def first_uniform_for_all(right):
    def wrong(given, parameters, uniform, outcome):
        right(given, parameters, np.full(len(uniform), uniform[0]), outcome)

    return wrong


@pytest.mark.parametrize("mutant", [flipped, with_a_coin, first_uniform_for_all])
@pytest.mark.parametrize("check", [rows.check_recognition, rows.check_dreams])
def test_wrong_draws_are_rejected(monkeypatch, check, mutant):
    monkeypatch.setattr(kernels, "sample_layer", mutant(kernels.sample_layer))
    assert not check().holds


# ---- depth, balls, noise, refusals


@pytest.mark.parametrize("sizes", [(2, 1), (3, 2), (2, 2, 3), (2, 1, 2, 1), (1, 1, 1, 1, 1)])
def test_every_depth(sizes):
    x, theta, phi = nets(4, sizes)
    everything = enumeration.binary_states(sum(sizes)).astype(float)
    assert np.exp(lb.wake_rule(everything, theta).log_joint).sum() == pytest.approx(1.0, abs=1e-14)
    found = lb.elbo(x, theta, phi).elbo
    assert np.all(found <= lb.log_evidence(x, theta).log_evidence + 1e-14)
    assert lb.dream(theta, np.full((1, sum(sizes)), 0.5)).shape == (1, sum(sizes))


def test_the_evidence_lies_in_its_ball():
    x, theta, _ = nets(7, (4, 3, 2), data=1)
    hidden = enumeration.binary_states(5).astype(int).tolist()
    bits = x[0].astype(int).tolist()

    def enclosed():
        layers = [(theta.prior_logits, None)] + [(b, w) for w, b in theta.layers[::-1]]
        return balls.log_evidence(
            lambda h: balls.sigmoid_belief_log_joint(layers, [h[3:], h[:3], bits]), hidden
        )

    enclosure = balls.enclose(enclosed)
    found = lb.log_evidence(x, theta).log_evidence[0]
    assert abs(found - enclosure.mid) <= 64 * 2.0**-53 * (1 + abs(found)) + enclosure.rad


def test_mass_weighs_the_gradients_only():
    x, theta, phi = nets(0)
    mass = np.array([0.25, 3.0])
    for plain, heavy in (
        (lb.elbo(x, theta, phi), lb.elbo(x, theta, phi, mass=mass)),
        (lb.log_evidence(x, theta), lb.log_evidence(x, theta, mass=mass)),
    ):
        assert np.array_equal(plain[0], heavy[0])
        each = [lb.log_evidence(row, theta) if len(plain) == 2 else lb.elbo(row, theta, phi) for row in x]
        wanted = sum(m * e.grad_theta.prior_logits for m, e in zip(mass, each, strict=True))
        assert heavy.grad_theta.prior_logits == pytest.approx(wanted, abs=1e-14)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda x, t, p: lb.elbo(x[:, :2], t, p),
            r"x must have shape \(N, X\) with X = 3, got \(2, 2\)",
        ),
        (lambda x, t, p: lb.elbo(x + 0.5, t, p), "x must hold zeros and ones, got"),
        (lambda x, t, p: lb.elbo(x, p, p), "theta must be a Generative, got Recognition"),
        (
            lambda x, t, p: lb.elbo(x, t, lb.Recognition(p.layers[:1])),
            "phi must have as many layers as theta, 2, got 1",
        ),
        (
            lambda x, t, p: lb.log_evidence(x, lb.Generative((), t.prior_logits)),
            r"theta\.layers must be a tuple of at least one Layer, got \(\)",
        ),
        (
            lambda x, t, p: lb.log_evidence(x, lb.Generative(t.layers[::-1], t.prior_logits)),
            r"theta\.layers\[1\]\.weights must have shape \(n1, n2\) with n1 = 2, got \(3, 2\)",
        ),
        (
            lambda x, t, p: lb.sleep(t, lb.Recognition((p.layers[0], p.layers[1].weights))),
            r"phi\.layers\[1\] must be a Layer, got ndarray",
        ),
        (
            lambda x, t, p: lb.dream(t, np.full((2, 7), 1.0)),
            r"uniform must lie in \[0, 1\), got 1\.0",
        ),
        (lambda x, t, p: lb.dream(t, np.zeros((2, 6))), r"uniform must have shape \(2, 7\), got \(2, 6\)"),
        (
            lambda x, t, p: lb.recognise(x, p, np.zeros((2, 3))),
            r"uniform must have shape \(2, 4\), got \(2, 3\)",
        ),
        (lambda x, t, p: lb.recognise(x, t, np.zeros((2, 4))), "phi must be a Recognition, got Generative"),
        (lambda x, t, p: lb.wake_rule(np.zeros((2, 6)), t), r"units must have shape \(M, 7\), got \(2, 6\)"),
        (
            lambda x, t, p: lb.elbo(x, t, p, mass=[1.0]),
            r"mass must have shape \(N,\) with N = 2, got \(1,\)",
        ),
        (
            lambda x, t, p: lb.sleep(*nets(0, (13, 12))[1:]),
            "units must be at most 24 to enumerate their states, got 25",
        ),
        (
            lambda x, t, p: lb.log_evidence(np.zeros((1, 1)), nets(0, (1, 25))[1]),
            "hidden units must be at most 24 to enumerate their states, got 25",
        ),
    ],
)
def test_arguments_are_refused_in_one_sentence(call, sentence):
    with pytest.raises(UsageError, match=sentence):
        call(*nets(0))


def test_sizes_are_those_of_the_cases():
    assert SIZES == (3, 2, 2)
