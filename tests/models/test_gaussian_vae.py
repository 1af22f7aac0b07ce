"""The Gaussian autoencoder: rows of the registry, wrong programs that they reject, edges, the same bits on every target."""

import math

import numpy as np
import pytest

from refvi.errors import UsageError
from refvi.kernels.portable import portable
from refvi.models import gaussian_vae as vae
from refvi.models.gaussian_vae import bounds, linear, networks, sample
from refvi.models.parameters import flat
from refvi.oracles import closed_form
from refvi.registry import gaussian_vae as rows
from refvi.registry import gaussian_vae_reference as reference

MODELS = [row for row in rows.EVIDENCE if row.subject.startswith("models.")]


@pytest.mark.parametrize("row", MODELS, ids=lambda r: f"{r.subject}-{r.law}")
def test_rows_hold(row):
    row.run(True, "python").raise_if_broken()  # other targets: tests/registry/test_evidence.py


def test_every_entry_has_a_row():
    assert {e.name for e in rows.ENTRIES} == {r.subject for r in rows.EVIDENCE}


@pytest.mark.parametrize("seed", [5, 6])
@pytest.mark.parametrize("form", list(vae.FORMS))
def test_gradients_on_other_networks(seed, form):
    """One latent, one hidden unit, more observed than the rows of the registry have."""
    x, theta, phi, noise = reference.network(seed, latent=1, observed=4, hidden=1)
    found = vae.elbo(x, theta, phi, noise, form)
    for n in range(2):
        value, size = reference.sampled(x[n], theta, phi, noise[n], form)
        assert abs(found.bound[n] - value) <= 8 * 2.0**-53 * size


# ---- wrong values


def wrong_terms(change):
    right = sample.forward

    def forward(x, noise, theta, phi, terms, scratch):
        right(x, noise, theta, phi, terms, scratch)
        change(terms, phi)

    return forward


def kl_sign(terms, phi):
    terms[4] *= -1.0


def kl_without_half(terms, phi):
    terms[4] *= 2.0


def kl_mean_over_latents(terms, phi):
    terms[4] /= len(phi.bias_mean)


def prior_dropped(terms, phi):
    terms[1] = 0.0


def log_q_sign(terms, phi):
    terms[2] *= -1.0


def entropy_without_constant(terms, phi):
    terms[3] -= 0.5 * len(phi.bias_mean)


def likelihood_halved(terms, phi):
    terms[0] *= 0.5


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (kl_sign, "elbo, form kl"),
        (kl_without_half, "elbo, form kl"),
        (kl_mean_over_latents, "elbo, form kl"),
        (prior_dropped, "elbo, form"),
        (log_q_sign, "elbo, form joint"),
        (entropy_without_constant, "elbo, form entropy"),
        (likelihood_halved, "elbo, form"),
    ],
)
def test_wrong_terms_are_rejected_by_name(monkeypatch, change, where):
    monkeypatch.setattr(bounds, "forward", wrong_terms(change))
    checks = [rows.check_elbo, rows.check_quadrature]
    for check in checks[:1] if change is kl_mean_over_latents else checks:  # quadrature has one latent
        outcome = check()
        assert not outcome.holds
        assert where in outcome.message


# ---- wrong gradients


def not_reparameterised(grad_z, log_var, noise, grad_mean, grad_log_var):
    pass


def path_without_half(grad_z, log_var, noise, grad_mean, grad_log_var):
    for d in range(len(grad_z)):
        grad_mean[d] += grad_z[d]
        grad_log_var[d] += grad_z[d] * math.exp(0.5 * log_var[d]) * noise[d]


def path_with_the_variance(grad_z, log_var, noise, grad_mean, grad_log_var):
    for d in range(len(grad_z)):
        grad_mean[d] += grad_z[d]
        grad_log_var[d] += 0.5 * grad_z[d] * math.exp(log_var[d]) * noise[d]


def encoder_sign(x, phi, hidden, grad_mean, grad_log_var, grad_hidden, grad_phi):
    networks.encode_back(x, phi, hidden, -grad_mean, -grad_log_var, grad_hidden, grad_phi)


def log_var_detached(x, phi, hidden, grad_mean, grad_log_var, grad_hidden, grad_phi):
    networks.encode_back(x, phi, hidden, grad_mean, 0.0 * grad_log_var, grad_hidden, grad_phi)


def decoder_keeps_z(z, theta, hidden, grad_out, grad_hidden, grad_theta, grad_z):
    networks.decode_back(z, theta, hidden, grad_out, grad_hidden, grad_theta, np.zeros_like(grad_z))


def noise_level_detached(x, out, theta, scale, grad_out, grad_log_std):
    networks.log_likelihood_back(x, out, theta, scale, grad_out, np.zeros_like(grad_log_std))


def noise_level_squared(x, out, theta, scale, grad_out, grad_log_std):
    networks.log_likelihood_back(x, out, theta, scale, grad_out, grad_log_std)
    if len(grad_log_std):
        grad_out *= np.exp(theta.log_std)


@pytest.mark.parametrize(
    ("name", "wrong", "where"),
    [
        ("diagonal_normal_sample_back", not_reparameterised, "phi"),
        ("diagonal_normal_sample_back", path_without_half, "phi"),
        ("diagonal_normal_sample_back", path_with_the_variance, "phi"),
        ("encode_back", encoder_sign, "phi"),
        ("encode_back", log_var_detached, "phi"),
        ("decode_back", decoder_keeps_z, "phi"),
        ("log_likelihood_back", noise_level_detached, "theta.log_std"),
        ("log_likelihood_back", noise_level_squared, ""),
    ],
)
def test_wrong_gradients_are_rejected_by_name(monkeypatch, name, wrong, where):
    monkeypatch.setattr(sample, name, wrong)
    for check, subject in ((rows.check_elbo, "grad elbo, form"), (rows.check_iwae, "grad iwae")):
        outcome = check()
        assert not outcome.holds
        assert outcome.message.startswith(subject)
        assert where in outcome.message


def uniform_weights(weights, out):
    value = right_softmax(weights, out)
    out[:] = 1.0 / len(out)
    return value


def raw_weights(weights, out):
    value = right_softmax(weights, out)
    out *= math.exp(value)
    return value


def negative_weights(weights, out):
    value = right_softmax(weights, out)
    out *= -1.0
    return value


right_softmax = bounds.softmax


@pytest.mark.parametrize("wrong", [uniform_weights, raw_weights, negative_weights])
def test_wrong_importance_weights_are_rejected(monkeypatch, wrong):
    monkeypatch.setattr(bounds, "softmax", wrong)
    outcome = rows.check_iwae()
    assert not outcome.holds
    assert "iwae" in outcome.message
    assert "grad" in outcome.message


def test_a_sum_instead_of_a_mean_is_rejected(monkeypatch):
    monkeypatch.setattr(bounds, "log", lambda x: 0.0)
    outcome = rows.check_iwae()
    assert not outcome.holds
    assert outcome.message.startswith("iwae: expected")


def linear_with(change):
    right = linear.linear_elbo_row

    @portable
    def row(item, inputs, out, scratch):
        right(item, inputs, out, scratch)
        change(item, inputs, out)

    return row


def without_the_trace(item, inputs, out):
    theta, phi, batch = inputs
    _, variance = reference.encoded(batch.x[item], phi)
    out[0] += 0.5 * float((theta.weights_out**2 @ variance / np.exp(2.0 * theta.log_std)).sum())


def half(item, inputs, out):
    out *= 0.5


def negative(item, inputs, out):
    out *= -1.0


def noise_level_missing(item, inputs, out):
    theta = inputs[0]
    end = 1 + sum(field.size for field in theta)
    out[end - theta.log_std.size : end] = 0.0


@pytest.mark.parametrize("change", [without_the_trace, half, negative, noise_level_missing])
def test_wrong_closed_forms_are_rejected(monkeypatch, change):
    monkeypatch.setattr(linear, "linear_elbo_row", linear_with(change))
    outcome = rows.check_linear()
    assert not outcome.holds
    assert "linear_elbo" in outcome.message


def test_wrong_log_joints_are_rejected(monkeypatch):
    right = networks.standard_normal_log_density
    for wrong in (lambda z: -right(z), lambda z: 0.5 * right(z), lambda z: 0.0):
        monkeypatch.setattr(networks, "standard_normal_log_density", wrong)
        outcome = rows.check_log_joint()
        assert not outcome.holds
        assert "log_joint" in outcome.message


# ---- identities


def test_the_closed_form_is_tight_at_the_posterior():
    """One latent, so that the posterior has a diagonal covariance: q is set to it, and the bound is the evidence."""
    x, theta, phi, _ = reference.network(11, latent=1, hidden=0)
    model = (theta.weights_out, theta.bias_out, np.exp(theta.log_std) ** 2, np.zeros(1), np.ones(1))
    for row in x:
        mean, covariance = closed_form.linear_gaussian_posterior(row, *model)
        exact = phi._replace(
            weights_mean=np.zeros((1, 3)),
            bias_mean=mean,
            weights_log_var=np.zeros((1, 3)),
            bias_log_var=np.log(np.diag(covariance)),
        )
        answer = closed_form.linear_gaussian_evidence(row, *model)
        found = vae.linear_elbo(row[None], theta, exact)
        assert abs(found.bound[0] - answer.value) <= 8 * 2.0**-53 * answer.magnitude + answer.error
        # At the optimum of phi its gradient vanishes, and theta's is that of the log evidence.
        assert np.abs(flat(found.grad_phi)).max() <= 64 * 2.0**-53 * (1.0 + answer.magnitude)


def test_joint_and_entropy_forms_have_the_same_gradient_to_the_bit():
    x, theta, phi, noise = reference.network(2, latent=2)
    one, other = (vae.elbo(x, theta, phi, noise, form) for form in ("joint", "entropy"))
    assert np.array_equal(flat(one.grad_phi), flat(other.grad_phi))
    assert np.array_equal(flat(one.grad_theta), flat(other.grad_theta))
    assert np.all(one.bound != other.bound)


def test_beta_weighs_the_divergence():
    x, theta, phi, noise = reference.network(3, latent=2)
    found = vae.terms(x, theta, phi, noise)
    for beta in (0.0, 0.25, 3.0):
        wanted = (found.log_likelihood + beta * found.neg_kl).mean(axis=1)
        got = vae.elbo(x, theta, phi, noise, "kl", beta).bound
        assert np.allclose(got, wanted, rtol=0.0, atol=16 * 2.0**-53 * np.abs(wanted).max())
        wanted = (found.log_likelihood + beta * (found.log_prior + found.neg_log_q)).mean(axis=1)
        got = vae.elbo(x, theta, phi, noise, "joint", beta).bound
        assert np.allclose(got, wanted, rtol=0.0, atol=16 * 2.0**-53 * (1.0 + np.abs(wanted).max()))


def test_log_weights_feed_the_objectives():
    from refvi.objectives import iwae

    x, theta, phi, noise = reference.network(4, latent=2)
    wanted = vae.iwae(x, theta, phi, noise).bound
    assert np.array_equal(iwae.bound(vae.log_weights(x, theta, phi, noise)).bound, wanted)


def test_noise_is_shared_by_all_data_when_it_has_two_axes():
    x, theta, phi, noise = reference.network(4, latent=2)
    one = vae.elbo(x, theta, phi, noise[0])
    other = vae.elbo(x, theta, phi, np.stack([noise[0], noise[0]]))
    assert np.array_equal(one.bound, other.bound)


@pytest.mark.parametrize(
    "options", list(reference.CONFIGURATIONS.values()), ids=list(reference.CONFIGURATIONS)
)
def test_python_and_cpu_give_the_same_bits(options):
    x, theta, phi, noise = reference.network(9, **options)
    calls = [
        (vae.elbo, (x, theta, phi, noise)),
        (vae.iwae, (x, theta, phi, noise)),
        (vae.terms, (x, theta, phi, noise)),
        (vae.log_joint_and_grad, (noise[:, 0], x, theta)),
    ]
    if not theta.bias_hidden.size:
        calls.append((vae.linear_elbo, (x, theta, phi)))
    for function, arguments in calls:
        plain, compiled = (function(*arguments, target=target) for target in ("python", "cpu"))
        for a, b in zip(plain, compiled, strict=True):
            assert np.array_equal(
                flat(a) if isinstance(a, tuple) else a, flat(b) if isinstance(b, tuple) else b
            )


def test_samples_and_posterior():
    x, theta, phi, _ = reference.network(1, latent=2, bernoulli=True)
    found = vae.posterior(x, phi)
    for n in range(2):
        mean, variance = reference.encoded(x[n], phi)
        assert np.allclose(found.mean[n], mean, rtol=0.0, atol=1e-15)
        assert np.allclose(np.exp(found.log_var[n]), variance, rtol=1e-15, atol=0.0)
    grid = (np.arange(1000) + 0.5) / 1000
    noise = np.concatenate([np.tile([0.5, -0.75], (1000, 1)), np.tile(grid[:, None], (1, 3))], axis=1)
    z, seen = vae.generate(noise, theta)
    logits = theta.weights_out @ np.tanh(theta.weights_hidden @ z[0] + theta.bias_hidden) + theta.bias_out
    assert np.abs(seen.mean(axis=0) - 1.0 / (1.0 + np.exp(-logits))).max() <= 1 / 1000

    _, theta, _, _ = reference.network(1, latent=2)
    noise = np.array([[0.5, -0.75, 1.0, -1.0, 0.25]])
    z, seen = vae.generate(noise, theta)
    out = theta.weights_out @ np.tanh(theta.weights_hidden @ z[0] + theta.bias_hidden) + theta.bias_out
    assert np.allclose((seen[0] - out) / np.exp(theta.log_std), noise[0, 2:], rtol=0.0, atol=1e-14)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            lambda x, t, p, e: (x[:, :2], t, p, e),
            r"x must have shape \(N, X\) with X = 3, got \(2, 2\)",
        ),
        (
            lambda x, t, p, e: (x, t, p, e[:1]),
            r"noise must have shape \(N, K, Z\) with N = 2, Z = 2, got \(1, 3, 2\)",
        ),
        (
            lambda x, t, p, e: (x, t, p, e[:, :0]),
            "number of samples K must be an integer of at least 1, got 0",
        ),
        (lambda x, t, p, e: (x * np.nan, t, p, e), r"x must be finite, got nan at \[0, 0\]"),
        (lambda x, t, p, e: (x, p, t, e), "theta must be a Decoder, got Encoder"),
        (lambda x, t, p, e: (x, t, "phi", e), "phi must be a Encoder, got str"),
        (
            lambda x, t, p, e: (x, t._replace(log_std=np.zeros(2)), p, e),
            r"theta\.log_std must have shape \(X,\) with X = 3, got \(2,\)",
        ),
        (
            lambda x, t, p, e: (x, t._replace(log_std=np.zeros(0)), p, e),
            "x must hold zeros and ones, got",
        ),
        (
            lambda x, t, p, e: (x, t, p._replace(weights_mean=p.weights_mean[:1]), e),
            r"phi\.weights_mean must have shape \(Z, H\) with Z = 2, H = 2, got \(1, 2\)",
        ),
    ],
)
def test_arguments_are_refused_in_one_sentence(change, sentence):
    x, theta, phi, noise = reference.network(0, latent=2)
    for function in (vae.elbo, vae.iwae, vae.terms):
        with pytest.raises(UsageError, match=sentence):
            function(*change(x, theta, phi, noise))


def test_other_arguments_are_refused_in_one_sentence():
    x, theta, phi, noise = reference.network(0, latent=2)
    with pytest.raises(UsageError, match="form must be one of 'joint', 'entropy', 'kl', got 'elbo'"):
        vae.elbo(x, theta, phi, noise, "elbo")
    with pytest.raises(UsageError, match="theta must be a linear Gaussian decoder"):
        vae.linear_elbo(x, theta, phi)
    with pytest.raises(UsageError, match=r"sample_weights must have shape \(K,\) with K = 3, got \(2,\)"):
        vae.elbo(x, theta, phi, noise, sample_weights=[0.5, 0.5])
