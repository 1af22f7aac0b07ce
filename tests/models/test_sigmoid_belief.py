"""The sigmoid belief network: rows of the registry, wrong networks that they reject, the same bits on every target."""

import numpy as np
import pytest

from refvi.errors import UsageError
from refvi.kernels.portable import portable
from refvi.models import sigmoid_belief as sbn
from refvi.oracles import balls, enumeration
from refvi.registry import sigmoid_belief as rows

MUTANTS = ("sign", "missing factor", "dropped term")


@pytest.mark.parametrize("row", rows.EVIDENCE, ids=lambda r: f"{r.subject}-{r.law}")
def test_rows_hold(row):
    row.run(False, "python").raise_if_broken()  # other targets: tests/registry/test_evidence.py


def test_every_entry_has_a_row():
    assert {e.name for e in rows.ENTRIES} == {r.subject for r in rows.EVIDENCE}


def wrong_value(right, mutant, dropped):
    def kernel(*arguments):
        value = right(*arguments)
        if mutant == "sign":
            return -value
        return 0.5 * value if mutant == "missing factor" else value - dropped(*arguments)

    return kernel


def wrong_gradient(right, mutant):
    def kernel(h, x, parameters, scale, grad):
        if mutant == "dropped term":
            value = right(h, x, parameters, scale, grad)
            grad[-1] = 0.0
            return value
        return right(h, x, parameters, scale * (-1.0 if mutant == "sign" else 0.5), grad)

    return kernel


@pytest.mark.parametrize("mutant", MUTANTS)
@pytest.mark.parametrize(
    ("kernel", "check", "dropped"),
    [
        (
            "log_joint",
            rows.check_log_joint,
            lambda h, x, t: sbn.bernoulli_log_mass(h[0], t.prior_logits[0]),
        ),
        ("log_q", rows.check_recognition, lambda h, x, p: sbn.bernoulli_log_mass(h[0], 0.0)),
    ],
)
def test_wrong_values_are_rejected_by_name(monkeypatch, kernel, check, dropped, mutant):
    monkeypatch.setattr(sbn, kernel, wrong_value(getattr(sbn, kernel), mutant, dropped))
    outcome = check()
    assert not outcome.holds
    assert kernel in outcome.message


@pytest.mark.parametrize("mutant", MUTANTS)
@pytest.mark.parametrize(
    ("kernel", "check", "words"),
    [
        ("log_joint_grad", rows.check_log_joint_gradient, "grad_theta of log_joint"),
        ("log_joint_grad", rows.check_evidence, "grad_theta of log_evidence"),
        ("log_joint_grad", rows.check_elbo, "grad_theta of elbo"),
        ("log_q_grad", rows.check_recognition, "score of log_q"),
        ("log_q_grad", rows.check_elbo, "grad_phi of elbo"),
    ],
)
def test_wrong_gradients_are_rejected_by_name(monkeypatch, kernel, check, words, mutant):
    monkeypatch.setattr(sbn, kernel, wrong_gradient(getattr(sbn, kernel), mutant))
    outcome = check()
    assert not outcome.holds
    assert outcome.message.startswith(words)


@portable
def state_without_entropy(state, inputs, out, scratch):
    """The integrand log p, without log q."""
    right_elbo_state(state, inputs, out, scratch)
    out[1] += out[0]


@portable
def state_without_reward(state, inputs, out, scratch):
    """The score without the reward: E[score] = 0."""
    right_elbo_state(state, inputs, out, scratch)
    out[13:] /= out[1]


@portable
def state_under_the_posterior(state, inputs, out, scratch):
    """Averages under the posterior instead of q."""
    right_elbo_state(state, inputs, out, scratch)
    out[0] += out[1]


right_elbo_state = sbn.elbo_state


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (state_without_entropy, "elbo: expected"),
        (state_without_reward, "grad_phi of elbo"),
        (state_under_the_posterior, "elbo"),
    ],
)
def test_wrong_integrands_are_rejected(monkeypatch, wrong, words):
    monkeypatch.setattr(sbn, "elbo_state", wrong)
    outcome = rows.check_elbo()
    assert not outcome.holds
    assert words in outcome.message


def test_the_evidence_lies_in_its_ball():
    x, theta, _ = rows.network(7, hidden=4, observed=5, data=1)
    states = enumeration.binary_states(4).astype(int).tolist()
    bits = x[0].astype(int).tolist()

    def enclosed():
        layers = [(theta.prior_logits, None), (theta.bias, theta.weights)]
        return balls.log_evidence(lambda h: balls.sigmoid_belief_log_joint(layers, [h, bits]), states)

    enclosure = balls.enclose(enclosed)
    found = sbn.log_evidence(x, theta).log_evidence[0]
    answer = enumeration.log_evidence(lambda h: sbn.log_joint(np.asarray(h, float), x[0], theta), states)
    assert abs(found - enclosure.mid) <= 8 * 2.0**-53 * answer.magnitude + enclosure.rad


def test_python_and_cpu_give_the_same_bits():
    x, theta, phi = rows.network(3, hidden=5, observed=4, data=3)
    for function, arguments in (
        (sbn.log_evidence, (x, theta)),
        (sbn.elbo, (x, theta, phi)),
        (sbn.tables, (x[0], theta, phi)),
    ):
        plain, compiled = (function(*arguments, target) for target in ("python", "cpu"))
        for a, b in zip(plain, compiled, strict=True):
            for left, right in zip(a, b, strict=True):
                assert np.array_equal(left, right)


def test_samples_follow_their_probabilities():
    """The share of a grid of uniforms below the threshold is the probability, to the width of the grid."""
    x, theta, phi = rows.network(5)
    grid = (np.arange(4096) + 0.5) / 4096
    h, seen, counts = np.zeros(2), np.zeros(3), np.zeros(2)
    for u in grid:
        sbn.sample_recognition(x[0], phi, np.full(2, u), h)
        counts += h
    assert np.abs(counts / 4096 - 1.0 / (1.0 + np.exp(-(phi.weights @ x[0] + phi.bias)))).max() <= 1 / 4096
    counts = np.zeros(3)
    for u in grid:
        sbn.sample_joint(theta, np.array([0.0, 1.0, u, u, u]), h, seen)
        assert h.tolist() == [1.0, 0.0]
        counts += seen
    assert np.abs(counts / 4096 - 1.0 / (1.0 + np.exp(-(theta.weights[:, 0] + theta.bias)))).max() <= 1 / 4096


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda x, t, p: (x[:, :2], t, p), r"x must have shape \(N, X\) with X = 3, got \(2, 2\)"),
        (lambda x, t, p: (x + 0.5, t, p), "x must hold zeros and ones, got"),
        (lambda x, t, p: (x, p, p), "theta must be a Generative, got Recognition"),
        (
            lambda x, t, p: (x, t._replace(bias=t.bias * np.nan), p),
            r"theta\.bias must be finite, got nan at \[0\]",
        ),
        (
            lambda x, t, p: (x, t, p._replace(weights=p.weights.T)),
            r"phi\.weights must have shape \(H, X\) with H = 2, X = 3, got \(3, 2\)",
        ),
        (lambda x, t, p: (x, t._replace(weights="no"), p), "theta.weights must be an array of real numbers"),
    ],
)
def test_arguments_are_refused_in_one_sentence(change, sentence):
    x, theta, phi = rows.network(0)
    with pytest.raises(UsageError, match=sentence):
        sbn.elbo(*change(x, theta, phi))


def test_too_many_states_are_refused():
    x, theta, _ = rows.network(0, hidden=25)
    with pytest.raises(UsageError, match=r"H must be at most 24 to enumerate 2\^H states, got 25"):
        sbn.log_evidence(x, theta)
