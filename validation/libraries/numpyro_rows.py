"""What NumPyro computes: (name, spec id, function, conventions), one row per form. Values, and gradients by jax.vjp."""

import numpyro.distributions as nd
from numpyro.distributions import kl_divergence as kl


def diagonal(mean, std):
    return nd.Normal(mean, std).to_event(1)


def kl_standard(mu, std):
    return kl(diagonal(mu, std), diagonal(0.0 * mu, 0.0 * std + 1.0))


def rows():
    """Every row."""
    yield "kl_divergence(Normal, Normal)", "kl.normal_standard", kl_standard, {}
    yield (
        "kl_divergence(Normal, Normal)",
        "kl.normal_diagonal",
        lambda q_mu, q_std, p_mu, p_std: kl(diagonal(q_mu, q_std), diagonal(p_mu, p_std)),
        {},
    )
    yield (
        "kl_divergence(MultivariateNormal, same)",
        "kl.normal_full",
        lambda q_mu, q_cholesky, p_mu, p_cholesky: kl(
            nd.MultivariateNormal(q_mu, scale_tril=q_cholesky),
            nd.MultivariateNormal(p_mu, scale_tril=p_cholesky),
        ),
        {},
    )
    yield "Normal.log_prob", "log_density.normal", lambda x, mu, std: nd.Normal(mu, std).log_prob(x), {}
    yield (
        "Normal.log_prob",
        "log_density.normal_diagonal",
        lambda x, mu, std: diagonal(mu, std).log_prob(x),
        {},
    )
    yield (
        "MultivariateNormal.log_prob",
        "log_density.normal_full",
        lambda x, mu, cholesky: nd.MultivariateNormal(mu, scale_tril=cholesky).log_prob(x),
        {},
    )
    yield (
        "BernoulliProbs.log_prob",
        "log_density.bernoulli",
        lambda x, probs: nd.BernoulliProbs(probs).log_prob(x).sum(-1),
        {},
    )
    yield (
        "BernoulliLogits.log_prob",
        "log_density.bernoulli_logits",
        lambda x, logits: nd.BernoulliLogits(logits).log_prob(x).sum(-1),
        {},
    )
    yield (
        "CategoricalProbs.log_prob",
        "log_density.categorical",
        lambda x, probs: nd.CategoricalProbs(probs).log_prob(x.argmax(-1)),
        {},
    )
    yield (
        "CategoricalLogits.log_prob",
        "log_density.categorical_logits",
        lambda x, logits: nd.CategoricalLogits(logits).log_prob(x.argmax(-1)),
        {},
    )
    yield (
        "Bernoulli.log_prob, kl_divergence",
        "elbo.bernoulli_vae",
        lambda x, mu, std, noise, weights, bias: (
            nd.BernoulliLogits((mu + std * noise) @ weights.T + bias).log_prob(x).sum(-1).mean(0)
            - kl_standard(mu, std)
        ),
        {},
    )
