"""What PyTorch computes: (name, spec id, function, conventions), one row per form. Values, and gradients by autograd."""

import torch
import torch.distributions as td
import torch.nn.functional as F

kl = td.kl_divergence


def full(mean, factor, form):
    matrix = factor @ factor.mT
    given = {
        "scale_tril": factor,
        "covariance_matrix": matrix,
        "precision_matrix": torch.linalg.inv(matrix),
    }
    return td.MultivariateNormal(mean, **{form: given[form]})


def diagonal(mean, std):
    return td.Independent(td.Normal(mean, std), 1)


def kl_standard(mu, std):
    return kl(diagonal(mu, std), diagonal(torch.zeros_like(mu), torch.ones_like(std)))


def sampled(x, mu, std, noise, weights, bias, decoder):
    z = mu + std * noise
    return decoder(F.linear(z, weights, bias)).log_prob(x).sum(-1).mean(0) - kl_standard(mu, std)


def scored(x, mu, std, noise, weights, bias):
    z = mu + std * noise
    loglik = td.Bernoulli(logits=F.linear(z, weights, bias)).log_prob(x).sum(-1)
    prior = td.Normal(0.0, 1.0).log_prob(z).sum(-1)
    return (loglik + prior - td.Normal(mu, std).log_prob(z).sum(-1)).mean(0)


def reconstruction(x, logits, mu, std):
    return td.Bernoulli(logits=logits).log_prob(x).sum(-1) - kl_standard(mu, std)


def rows():
    """Every row."""
    yield "kl(Normal, Normal)", "kl.normal_standard", kl_standard, {}
    yield (
        "kl(Normal, Normal)",
        "kl.normal_diagonal",
        lambda q_mu, q_std, p_mu, p_std: kl(diagonal(q_mu, q_std), diagonal(p_mu, p_std)),
        {},
    )
    for form in ("scale_tril", "covariance_matrix"):
        yield (
            f"kl(MultivariateNormal, same), {form}",
            "kl.normal_full",
            lambda q_mu, q_cholesky, p_mu, p_cholesky, form=form: kl(
                full(q_mu, q_cholesky, form), full(p_mu, p_cholesky, form)
            ),
            {},
        )
    yield (
        "kl(Bernoulli, Bernoulli), probs",
        "kl.bernoulli",
        lambda q_probs, p_probs: kl(td.Bernoulli(q_probs), td.Bernoulli(p_probs)).sum(-1),
        {},
    )
    yield (
        "kl(Bernoulli, Bernoulli), logits",
        "kl.bernoulli_logits",
        lambda q_logits, p_logits: kl(td.Bernoulli(logits=q_logits), td.Bernoulli(logits=p_logits)).sum(-1),
        {},
    )
    yield (
        "kl(Categorical, Categorical), probs",
        "kl.categorical",
        lambda q_probs, p_probs: kl(td.Categorical(q_probs), td.Categorical(p_probs)),
        {},
    )
    yield (
        "kl(Categorical, Categorical), logits",
        "kl.categorical_logits",
        lambda q_logits, p_logits: kl(td.Categorical(logits=q_logits), td.Categorical(logits=p_logits)),
        {},
    )
    yield (
        "F.kl_div, batchmean",
        "kl.categorical_logits",
        lambda q_logits, p_logits: F.kl_div(
            F.log_softmax(p_logits, -1), F.log_softmax(q_logits, -1), log_target=True, reduction="batchmean"
        ),
        {"batch": "mean"},
    )
    yield "Normal.log_prob", "log_density.normal", lambda x, mu, std: td.Normal(mu, std).log_prob(x), {}
    yield (
        "Normal.log_prob",
        "log_density.normal_diagonal",
        lambda x, mu, std: diagonal(mu, std).log_prob(x),
        {},
    )
    yield (
        "F.gaussian_nll_loss, full",
        "log_density.normal_diagonal",
        lambda x, mu, var: F.gaussian_nll_loss(mu, x, var, full=True, eps=1e-15, reduction="sum"),
        {"scale": "var", "sign": "negative", "batch": "sum"},
    )
    for form in ("scale_tril", "covariance_matrix", "precision_matrix"):
        yield (
            f"MultivariateNormal.log_prob, {form}",
            "log_density.normal_full",
            lambda x, mu, cholesky, form=form: full(mu, cholesky, form).log_prob(x),
            {},
        )
    yield (
        "Bernoulli.log_prob, probs",
        "log_density.bernoulli",
        lambda x, probs: td.Bernoulli(probs).log_prob(x).sum(-1),
        {},
    )
    yield (
        "F.binary_cross_entropy",
        "log_density.bernoulli",
        lambda x, probs: F.binary_cross_entropy(probs, x, reduction="sum"),
        {"sign": "negative", "batch": "sum"},
    )
    yield (
        "Bernoulli.log_prob, logits",
        "log_density.bernoulli_logits",
        lambda x, logits: td.Bernoulli(logits=logits).log_prob(x).sum(-1),
        {},
    )
    yield (
        "F.binary_cross_entropy_with_logits",
        "log_density.bernoulli_logits",
        lambda x, logits: F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1).mean(),
        {"sign": "negative", "batch": "mean"},
    )
    yield (
        "OneHotCategorical.log_prob, probs",
        "log_density.categorical",
        lambda x, probs: td.OneHotCategorical(probs).log_prob(x),
        {},
    )
    yield (
        "Categorical.log_prob, logits",
        "log_density.categorical_logits",
        lambda x, logits: td.Categorical(logits=logits).log_prob(x.argmax(-1)),
        {},
    )
    yield (
        "F.cross_entropy",
        "log_density.categorical_logits",
        lambda x, logits: F.cross_entropy(logits, x.argmax(-1)),
        {"sign": "negative", "batch": "mean"},
    )
    yield (
        "ContinuousBernoulli.log_prob",
        "log_density.continuous_bernoulli",
        lambda x, probs: td.ContinuousBernoulli(probs).log_prob(x).sum(-1),
        {},
    )
    yield (
        "F.mse_loss, kl",
        "elbo.gaussian_reconstruction",
        lambda x, recon, mu, std: 0.5 * F.mse_loss(recon, x, reduction="sum") + kl_standard(mu, std).sum(),
        {"sign": "negative", "batch": "sum", "constants": "dropped"},
    )
    yield "Bernoulli.log_prob, kl", "elbo.bernoulli_reconstruction", reconstruction, {}
    yield (
        "Bernoulli.log_prob, kl",
        "elbo.beta_vae",
        lambda x, logits, mu, std, beta: (
            td.Bernoulli(logits=logits).log_prob(x).sum(-1) - beta * kl_standard(mu, std)
        ),
        {},
    )
    yield (
        "Normal.log_prob, kl",
        "elbo.gaussian_vae",
        lambda x, mu, std, noise, weights, bias, decoder_std: sampled(
            x, mu, std, noise, weights, bias, lambda mean: td.Normal(mean, decoder_std)
        ),
        {},
    )
    yield (
        "Bernoulli.log_prob, kl",
        "elbo.bernoulli_vae",
        lambda x, mu, std, noise, weights, bias: sampled(
            x, mu, std, noise, weights, bias, lambda logits: td.Bernoulli(logits=logits)
        ),
        {},
    )
    yield (
        "Normal.log_prob, Bernoulli.log_prob",
        "elbo.bernoulli_vae_sampled",
        scored,
        {},
    )
