"""Single-sample gradients of the autoencoder: exact mean and variance, wrong ones that the laws reject, comparisons."""

import numpy as np
import pytest

from refvi.errors import UsageError
from refvi.estimators import pathwise
from refvi.models.parameters import flat
from refvi.registry import gaussian_vae as rows
from refvi.registry import gaussian_vae_reference as reference

ESTIMATORS = [row for row in rows.EVIDENCE if row.subject.startswith("estimators.")]


@pytest.mark.parametrize("row", ESTIMATORS, ids=lambda r: f"{r.subject}-{r.law}")
def test_rows_hold(row):
    row.run(False, "python").raise_if_broken()  # other targets: tests/registry/test_evidence.py


RIGHT_BACKWARD, RIGHT_SCORE = pathwise.backward, pathwise.score_backward


def path_sign(x, noise, theta, phi, coefficients, scale, grad, scratch):
    RIGHT_BACKWARD(x, noise, theta, phi, coefficients, -scale, grad, scratch)


def path_twice(x, noise, theta, phi, coefficients, scale, grad, scratch):
    RIGHT_BACKWARD(x, noise, theta, phi, coefficients, 2.0 * scale, grad, scratch)


def path_without_divergence(x, noise, theta, phi, coefficients, scale, grad, scratch):
    RIGHT_BACKWARD(x, noise, theta, phi, np.array([1.0, 0, 0, 0, 0]), scale, grad, scratch)


def path_without_likelihood(x, noise, theta, phi, coefficients, scale, grad, scratch):
    RIGHT_BACKWARD(x, noise, theta, phi, coefficients * [0, 1, 1, 1, 1], scale, grad, scratch)


def score_sign(x, noise, theta, phi, scale_theta, scale_phi, grad, scratch):
    RIGHT_SCORE(x, noise, theta, phi, scale_theta, -scale_phi, grad, scratch)


def score_without_reward(x, noise, theta, phi, scale_theta, scale_phi, grad, scratch):
    RIGHT_SCORE(x, noise, theta, phi, scale_theta, 1.0, grad, scratch)


def score_without_the_model(x, noise, theta, phi, scale_theta, scale_phi, grad, scratch):
    RIGHT_SCORE(x, noise, theta, phi, 0.0, scale_phi, grad, scratch)


MUTANTS = [
    ("pathwise", "backward", path_sign),
    ("pathwise", "backward", path_twice),
    ("pathwise", "backward", path_without_divergence),
    ("analytic_kl", "backward", path_sign),
    ("analytic_kl", "backward", path_without_divergence),
    ("analytic_kl", "backward", path_without_likelihood),
    ("score_function", "score_backward", score_sign),
    ("score_function", "score_backward", score_without_reward),
    ("score_function", "score_backward", score_without_the_model),
]


@pytest.mark.parametrize(("name", "kernel", "wrong"), MUTANTS)
def test_wrong_means_are_rejected_by_name(monkeypatch, name, kernel, wrong):
    monkeypatch.setattr(pathwise, kernel, wrong)
    outcome = rows.check_mean(name)
    assert not outcome.holds
    assert outcome.message.startswith(f"E grad of {name} with baseline")


@pytest.mark.parametrize(
    ("name", "kernel", "wrong"),
    [
        ("pathwise", "backward", path_twice),
        ("pathwise", "backward", path_without_divergence),
        ("pathwise", "backward", path_without_likelihood),
        ("analytic_kl", "backward", path_twice),
        ("analytic_kl", "backward", path_without_likelihood),
        ("score_function", "score_backward", score_without_reward),
    ],
)
def test_wrong_variances_are_rejected_by_name(monkeypatch, name, kernel, wrong):
    monkeypatch.setattr(pathwise, kernel, wrong)
    outcome = rows.check_variance(name)
    assert not outcome.holds
    assert outcome.message.startswith(f"variance of {name}.")


def test_the_score_function_has_the_largest_variance_and_a_baseline_lowers_it():
    (x, *_), theta, phi = reference.smooth_network(0)
    found = {name: pathwise.moments(name, x, theta, phi, order=60) for name in pathwise.ESTIMATORS}
    trace = {name: float(flat(m.variance_phi).sum()) for name, m in found.items()}
    assert trace["score_function"] > 10.0 * max(trace["pathwise"], trace["analytic_kl"])
    centred = pathwise.moments("score_function", x, theta, phi, found["pathwise"].value, 60)
    assert float(flat(centred.variance_phi).sum()) < trace["score_function"]
    # The model's gradient is the same sample by sample, hence its variance too.
    for m in found.values():
        assert np.array_equal(flat(m.variance_theta), flat(found["pathwise"].variance_theta))


def test_at_the_posterior_the_pathwise_value_does_not_vary():
    """log w is constant where q is the posterior; the analytic form still varies, the joint form's value does not."""
    (x, *_), theta, phi, _ = reference.network(11, latent=1, hidden=0)
    from refvi.oracles import closed_form

    model = (theta.weights_out, theta.bias_out, np.exp(theta.log_std) ** 2, np.zeros(1), np.ones(1))
    mean, covariance = closed_form.linear_gaussian_posterior(x, *model)
    zero = np.zeros((1, 3))
    phi = phi._replace(
        weights_mean=zero, bias_mean=mean, weights_log_var=zero, bias_log_var=np.log(np.diag(covariance))
    )
    joint = pathwise.moments("pathwise", x, theta, phi, order=10)
    closed = pathwise.moments("analytic_kl", x, theta, phi, order=10)
    assert joint.variance_value <= (64 * 2.0**-53 * abs(joint.value)) ** 2
    assert closed.variance_value > 1e-3


def test_python_and_cpu_give_the_same_bits():
    (x, *_), theta, phi, noise = reference.network(3, latent=2)
    for name in pathwise.ESTIMATORS:
        plain, compiled = (
            pathwise.samples(name, x, theta, phi, noise[0], -1.5, target) for target in ("python", "cpu")
        )
        assert np.array_equal(plain, compiled)


def test_arguments_are_refused_in_one_sentence():
    x, theta, phi, noise = reference.network(0, latent=2)
    with pytest.raises(
        UsageError, match="estimator must be one of 'pathwise', 'analytic_kl', 'score_function'"
    ):
        pathwise.samples("reinforce", x[0], theta, phi, noise[0])
    with pytest.raises(UsageError, match=r"x must be one datum of shape \(X,\), got \(2, 3\)"):
        pathwise.samples("pathwise", x, theta, phi, noise)
    with pytest.raises(UsageError, match="order must be an integer of at least 1, got 0"):
        pathwise.moments("pathwise", x[0], theta, phi, order=0)
    with pytest.raises(UsageError, match=r"order \*\* Z must be at most"):
        pathwise.moments("pathwise", x[0], theta, phi, order=5000)
