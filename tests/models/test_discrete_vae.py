"""The discrete VAE: rows of the registry, wrong kernels that they reject by name, the sigmoid belief network inside it."""

import numpy as np
import pytest

from refvi.errors import UsageError
from refvi.kernels.portable import portable
from refvi.kernels.scalar import sigmoid
from refvi.models import discrete_vae as dv
from refvi.models import sigmoid_belief as sbn
from refvi.models.discrete_vae import bounds, density, recognition, steps
from refvi.registry import discrete_vae as rows
from refvi.registry import discrete_vae_cases as cases
from refvi.registry import discrete_vae_steps as step_rows

ROWS = [*rows.EVIDENCE, *step_rows.EVIDENCE]


@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{r.subject}-{r.law}")
def test_rows_hold(row):
    row.run(True, "python").raise_if_broken()  # other targets: tests/registry/test_evidence.py


def test_every_entry_has_a_row():
    assert {e.name for e in [*rows.ENTRIES, *step_rows.ENTRIES]} == {r.subject for r in ROWS}


def rejected(check, words):
    outcome = check()
    assert not outcome.holds
    assert words in outcome.message


# ---- wrong kernels; each replaces one function under the name by which its caller knows it

right_joint = density.log_joint
right_back = density.log_joint_back
right_likelihood = density.log_likelihood
right_fold = bounds.fold
right_entropy = bounds.entropy
right_mean_grad = density.output_mean_grad


@pytest.mark.parametrize(
    "wrong",
    [
        lambda h, x, p, s: -right_joint(h, x, p, s),
        lambda h, x, p, s: right_likelihood(h, x, p, s),
        lambda h, x, p, s: right_joint(np.round(h), x, p, s),
        lambda h, x, p, s: right_joint(h, x, p._replace(bias_out=0.0 * p.bias_out + 0.5), s),
    ],
    ids=["sign", "prior dropped", "rounded to a corner", "bias dropped"],
)
def test_wrong_log_joints_are_rejected(monkeypatch, wrong):
    monkeypatch.setattr(dv, "log_joint", wrong)
    rejected(rows.check_log_joint, "log_joint")


def scaled(by_psi, by_h):
    def kernel(h, x, psi, scale, grad_psi, grad_h, scratch):
        mine, other = np.zeros(len(grad_psi)), np.zeros(len(grad_h))
        value = right_back(h, x, psi, scale, mine, other, scratch)
        grad_psi += by_psi(mine)
        grad_h += by_h(other)
        return value

    return kernel


def first_zero(g):
    return g * (np.arange(len(g)) != len(g) - 1)


WRONG_BACK = {
    "sign in Psi": (scaled(lambda g: -g, lambda g: g), "grad_psi"),
    "half in Psi": (scaled(lambda g: 0.5 * g, lambda g: g), "grad_psi"),
    "an entry of Psi dropped": (scaled(first_zero, lambda g: g), "grad_psi"),
    "sign in h": (scaled(lambda g: g, lambda g: -g), "grad_"),
    "half in h": (scaled(lambda g: g, lambda g: 0.5 * g), "grad_"),
    "an entry of h dropped": (scaled(lambda g: g, first_zero), "grad_"),
}


@pytest.mark.parametrize("name", WRONG_BACK)
def test_wrong_gradients_of_the_log_joint_are_rejected(monkeypatch, name):
    wrong, words = WRONG_BACK[name]
    monkeypatch.setattr(dv, "log_joint_back", wrong)
    monkeypatch.setattr(bounds, "log_joint_back", wrong)
    rejected(rows.check_log_joint_gradient, words)
    rejected(rows.check_surrogate, words)
    if name == "an entry of Psi dropped":
        rejected(rows.check_evidence, words)
        rejected(rows.check_elbo, words)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda a, p: -right_mean_grad(a, p),
        lambda a, p: density.output_mean(a, p),
        lambda a, p: 1.0,
    ],
    ids=["sign", "the mean itself", "of the outputs, not of the means"],
)
def test_wrong_jacobians_are_rejected(monkeypatch, wrong):
    monkeypatch.setattr(density, "output_mean_grad", wrong)
    rejected(rows.check_log_joint_gradient, "jacobian row")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda t, a, k, w: right_fold(t[::-1].copy(), a, k, w), "elbo"),
        (lambda t, a, k, w: right_fold(t, -a, k, w), "elbo"),
        (lambda t, a, k, w: right_fold(t, a, k, w) * (0.5 if k == 0 else 1.0), "grad_"),
        (lambda t, a, k, w: t.mean() if k < 0 else right_fold(t, a, k, w), "elbo"),
    ],
    ids=["states backwards", "one minus mu", "half the derivative by one mean", "without q"],
)
def test_wrong_expectations_are_rejected(monkeypatch, wrong, words):
    monkeypatch.setattr(bounds, "fold", wrong)
    rejected(rows.check_elbo, words)


@pytest.mark.parametrize("by", [0.0, -1.0, 0.5], ids=["dropped", "sign", "half"])
def test_a_wrong_entropy_is_rejected(monkeypatch, by):
    monkeypatch.setattr(bounds, "entropy", lambda a: by * right_entropy(a))
    rejected(rows.check_elbo, "elbo")
    rejected(rows.check_surrogate, "surrogate of")


def test_the_elbo_is_no_surrogate_and_the_surrogate_no_elbo(monkeypatch):
    monkeypatch.setattr(dv, "surrogate", lambda x, p, a, t: fake_surrogate(x, p, a, t))
    rejected(rows.check_surrogate, "surrogate of")


def fake_surrogate(x, psi, logits, target):
    return right_surrogate(x, psi, logits, target)._replace(surrogate=dv.elbo(x, psi, logits, target).elbo)


right_surrogate = dv.surrogate


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x, p, a, t: -right_gap(x, p, a, t),
        lambda x, p, a, t: right_gap(x, p, a, t) + bounds.entropy(a[0]),
        lambda x, p, a, t: right_gap(x, p, a + 0.25, t) - 1e-3,
        lambda x, p, a, t: 0.0 * right_gap(x, p, a, t) - 1e-9,
    ],
    ids=["ELBO - surrogate", "entropy counted once", "shifted", "always below"],
)
def test_wrong_gaps_are_rejected(monkeypatch, wrong):
    monkeypatch.setattr(dv, "gap", wrong)
    rejected(rows.check_gap, "gap of")


right_gap = dv.gap


@pytest.mark.parametrize(
    "wrong",
    [
        lambda a, t="python": a.mean(0),
        lambda a, t="python": np.full(a.shape[1], right_prior(a).mean()),
        lambda a, t="python": -right_prior(a),
        lambda a, t="python": np.log((a > 0).sum(0) + 1.0) - np.log((a <= 0).sum(0) + 1.0),
    ],
    ids=["mean of the log odds", "one for all bits", "one minus mu", "hard counts"],
)
def test_wrong_prior_steps_are_rejected(monkeypatch, wrong):
    monkeypatch.setattr(dv, "prior_step", wrong)
    rejected(step_rows.check_prior_step, "")


right_prior = dv.prior_step


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x, p, a, u, t: right_sampled(x, p, a, 1.0 - u, t),
        lambda x, p, a, u, t: right_sampled(x, p, 0.0 * a, u, t),
        lambda x, p, a, u, t: (
            right_sampled(x, p, a, np.concatenate([u, u[:, :1]], axis=1), t)
            if u.shape[1] > 1
            else right_sampled(x, p, a, u, t)
        ),
        lambda x, p, a, u, t: right_sampled(x, p, a, u, t)._replace(
            value=u.shape[1] * right_sampled(x, p, a, u, t).value
        ),
    ],
    ids=["one minus mu", "fair coins", "a sample counted twice", "summed over samples"],
)
def test_wrong_sampled_objectives_are_rejected(monkeypatch, wrong):
    monkeypatch.setattr(dv, "sampled_objective", wrong)
    rejected(step_rows.check_m_step, "objective")


right_sampled = dv.sampled_objective


@portable
def minimised(logit, refined, grad, k):
    value = recognition.log_q_order(logit, refined, grad, k)
    grad[k] = -grad[k]
    return -value


@portable
def without_zeros(logit, refined, grad, k):
    recognition.log_q_order(logit, refined, grad, k)
    return sigmoid(refined) * bounds.bernoulli_log_mass(1.0, logit)


@portable
def gradient_without_chain(logit, refined, grad, k):
    value = recognition.log_target_order(logit, refined, grad, k)
    grad[k] = refined
    return value


@pytest.mark.parametrize(
    ("order", "wrong"),
    [
        ("log_q", recognition.log_target_order),
        ("log_target", recognition.log_q_order),
        ("log_q", minimised),
        ("log_q", without_zeros),
        ("log_target", gradient_without_chain),
    ],
    ids=["as printed", "exchanged", "sign", "zeros not counted", "by the mean"],
)
def test_wrong_auxiliary_objectives_are_rejected(monkeypatch, order, wrong):
    monkeypatch.setitem(recognition.KERNELS, order, wrong)
    rejected(step_rows.check_auxiliary, order)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x, p, a, t: right_tables(x, p, a, t)._replace(grad_log_q=-right_tables(x, p, a, t).grad_log_q),
        lambda x, p, a, t: right_tables(x, p, a, t)._replace(
            log_q=0.0 * right_tables(x, p, a, t).log_q - 1.0
        ),
        lambda x, p, a, t: right_tables(x, p, a, t)._replace(
            grad_log_q=right_tables(x, p, a, t).grad_log_q + sigmoid(a[0])
        ),
    ],
    ids=["sign of the score", "uniform q", "score without its mean"],
)
def test_wrong_scores_are_rejected(monkeypatch, wrong):
    monkeypatch.setattr(dv, "tables", wrong)
    rejected(step_rows.check_score, "mean of")


right_tables = dv.tables


@pytest.mark.parametrize(
    "wrong",
    [
        lambda u, p, t: right_generate(1.0 - u, p, t),
        lambda u, p, t: right_generate(u, p._replace(prior_logits=-p.prior_logits), t),
        lambda u, p, t: right_generate(u, p._replace(bias_out=p.bias_out + 0.01), t),
    ],
    ids=["one minus the uniform", "prior upside down", "another decoder"],
)
def test_wrong_samplers_are_rejected(monkeypatch, wrong):
    monkeypatch.setattr(dv, "generate", wrong)
    rejected(step_rows.check_generate, "sample")


right_generate = dv.generate


# ---- the special case and the borders


def test_a_linear_logistic_decoder_is_a_sigmoid_belief_network():
    x, psi = cases.three_bits_linear()
    logits = cases.logits(psi, x)
    theta = sbn.Generative(psi.prior_logits, psi.weights_out, psi.bias_out)
    found, wanted = dv.log_evidence(x, psi), sbn.log_evidence(x, theta)
    tolerance = 8 * 2.0**-53 * cases.SIZE
    assert np.abs(found.log_evidence - wanted.log_evidence).max() < tolerance
    assert np.abs(found.grad_psi.weights_out - wanted.grad_theta.weights).max() < tolerance
    phi = sbn.Recognition(np.zeros((3, 4)), logits[0])
    other = sbn.elbo(x[0], theta, phi)
    mine = dv.elbo(x, psi, logits)
    assert abs(mine.elbo[0] - other.elbo[0]) < tolerance
    assert np.abs(mine.grad_logits[0] - other.grad_phi.bias).max() < tolerance


def test_the_gap_has_both_signs_through_a_tanh_layer():
    """No sign in general: -0.066 and +0.003 nats at two data of one small model."""
    rng = np.random.default_rng(0)
    signs = set()
    for seed in range(8):
        x, psi = cases.three_bits(seed)
        signs |= set(np.sign(dv.gap(x, psi, rng.normal(size=(2, 3)))))
    assert signs == {-1.0, 1.0}


def test_the_surrogate_can_exceed_the_log_evidence():
    """A linear decoder, one bit: at its maximum in mu the surrogate lies above log p(x), so it bounds nothing."""
    x, psi = np.ones((1, 1)), dv.linear(np.array([[6.0]]), np.array([-3.0]), np.zeros(1))
    logits = np.linspace(-4, 4, 81)[:, None]
    best = max(dv.surrogate(x, psi, a).surrogate[0] for a in logits)
    evidence = dv.log_evidence(x, psi).log_evidence[0]
    assert best > evidence + 0.1
    assert all(dv.elbo(x, psi, a).elbo[0] <= evidence + 1e-15 for a in logits)


def test_prior_step_of_means_that_round_to_zero_and_one():
    found = dv.prior_step(np.array([[800.0, -800.0, 40.0], [700.0, -750.0, -40.0]]))
    assert np.all(np.isfinite(found))
    assert found[0] > 690.0
    assert found[1] < -740.0
    assert abs(found[2]) < 1e-15


def test_uniforms_choose_the_state_in_both_directions():
    _, psi = cases.three_bits()
    logits = np.array([[0.5, -1.0, 2.0]])
    for h in cases.states(psi):
        noise = step_rows.uniforms(h, logits[0])
        assert np.array_equal((noise < cases.sigmoid(logits[0])[0]).astype(float), h)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda x, p, a: (x[:, :2], p, a), r"x must have shape \(N, D\) with D = 4, got \(2, 2\)"),
        (lambda x, p, a: (x + 0.5, p, a), "x must hold zeros and ones, got"),
        (lambda x, p, a: (x, a, a), "psi must be a Generative, got ndarray"),
        (
            lambda x, p, a: (x, p, a[:, :2]),
            r"logits must have shape \(N, K\) with N = 2, K = 3, got \(2, 2\)",
        ),
        (
            lambda x, p, a: (x, p._replace(link=np.zeros((2, 0))), a),
            r"psi\.link must be LOGISTIC \(0, 0\) or NOISY_OR \(1, 0\), got shape \(2, 0\)",
        ),
        (
            lambda x, p, a: (x, p._replace(link=dv.NOISY_OR), a),
            r"psi\.bias_hidden must be empty where the link is a noisy OR, got 2 hidden units",
        ),
        (
            lambda x, p, a: (x, dv.linear(-np.ones((4, 3)), np.ones(4), np.ones(3), dv.NOISY_OR), a),
            r"psi\.weights_out must be at least 0 and psi\.bias_out above 0 for a noisy OR, got -1 and 1",
        ),
        (
            lambda x, p, a: (x, dv.linear(np.ones((4, 21)), np.ones(4), np.ones(21)), np.ones((2, 21))),
            r"K must be at most 20 to enumerate 2\^K states per datum, got 21",
        ),
    ],
)
def test_arguments_are_refused_in_one_sentence(change, sentence):
    x, psi = cases.three_bits()
    with pytest.raises(UsageError, match=sentence):
        dv.elbo(*change(x, psi, cases.logits(psi, x)))


def test_other_arguments_are_refused_in_one_sentence():
    x, psi = cases.three_bits()
    theta, logits = cases.recognition(psi, x), cases.logits(psi, x)
    with pytest.raises(UsageError, match="order must be one of 'log_q', 'log_target', got 'printed'"):
        dv.auxiliary(x, theta, logits, "printed")
    with pytest.raises(UsageError, match=r"h must lie in \[0, 1\], got 1.5"):
        dv.decoder_jacobian([0.5, 1.5, 0.0], psi)
    with pytest.raises(UsageError, match="number of samples S must be an integer of at least 1, got 0"):
        dv.sampled_objective(x, psi, logits, np.zeros((2, 0, 3)))
    assert steps.prior_step is right_prior
