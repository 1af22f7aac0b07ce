"""What SciPy computes: (name, spec id, function, conventions), one row per form. Values only."""

import numpy as np
from scipy.special import expit, log_expit, log_softmax, logsumexp, rel_entr, softmax, xlog1py, xlogy
from scipy.stats import entropy, multinomial, multivariate_normal, norm


def each(function):
    return lambda *arrays: np.array([function(*row) for row in zip(*arrays, strict=True)])


def kl_standard(mu, std):
    """By E_q log q - E_q log p: minus the entropy, and the cross-entropy of two normals."""
    cross = -norm.logpdf(mu) + 0.5 * std**2
    return (cross - norm.entropy(mu, std)).sum(-1)


def kl_diagonal(q_mu, q_std, p_mu, p_std):
    cross = -norm.logpdf(q_mu, p_mu, p_std) + 0.5 * (q_std / p_std) ** 2
    return (cross - norm.entropy(q_mu, q_std)).sum(-1)


def bound(x, mu, std, noise, weights, bias, decoder_std):
    mean = (mu + std * noise) @ weights.T + bias
    return norm.logpdf(x, mean, decoder_std).sum(-1).mean(0) - kl_standard(mu, std)


def bits(x, logits):
    return (x * log_expit(logits) + (1 - x) * log_expit(-logits)).sum(-1)


pmf = each(lambda x, p: multinomial(1, p).logpmf(x))
mvn = each(lambda x, m, f: multivariate_normal(m, f @ f.T).logpdf(x))


def rows():
    """Every row."""
    yield "norm.entropy", "kl.normal_standard", kl_standard, {}
    yield "norm.logpdf, norm.entropy", "kl.normal_diagonal", kl_diagonal, {}
    yield (
        "special.rel_entr",
        "kl.bernoulli",
        lambda q_probs, p_probs: (rel_entr(q_probs, p_probs) + rel_entr(1 - q_probs, 1 - p_probs)).sum(-1),
        {},
    )
    yield (
        "special.rel_entr",
        "kl.categorical",
        lambda q_probs, p_probs: rel_entr(q_probs, p_probs).sum(-1),
        {},
    )
    yield "stats.entropy", "kl.categorical", lambda q_probs, p_probs: entropy(q_probs, p_probs, axis=-1), {}
    yield (
        "special.softmax, log_softmax",
        "kl.categorical_logits",
        lambda q_logits, p_logits: (
            softmax(q_logits, -1) * (log_softmax(q_logits, -1) - log_softmax(p_logits, -1))
        ).sum(-1),
        {},
    )
    yield (
        "special.log_expit",
        "kl.bernoulli_logits",
        lambda q_logits, p_logits: (
            expit(q_logits) * (log_expit(q_logits) - log_expit(p_logits))
            + expit(-q_logits) * (log_expit(-q_logits) - log_expit(-p_logits))
        ).sum(-1),
        {},
    )
    yield "norm.logpdf", "log_density.normal", lambda x, mu, std: norm.logpdf(x, mu, std), {}
    yield "norm.logpdf", "log_density.normal_diagonal", lambda x, mu, std: norm.logpdf(x, mu, std).sum(-1), {}
    yield (
        "multivariate_normal.logpdf",
        "log_density.normal_full",
        lambda x, mu, cholesky: mvn(x, mu, cholesky),
        {},
    )
    yield (
        "special.xlogy, xlog1py",
        "log_density.bernoulli",
        lambda x, probs: (xlogy(x, probs) + xlog1py(1 - x, -probs)).sum(-1),
        {},
    )
    yield "special.log_expit", "log_density.bernoulli_logits", bits, {}
    yield (
        "multinomial.logpmf",
        "log_density.categorical",
        lambda x, probs: pmf(x, probs),
        {},
    )
    yield (
        "special.logsumexp",
        "log_density.categorical_logits",
        lambda x, logits: (x * logits).sum(-1) - logsumexp(logits, -1),
        {},
    )
    yield "norm.logpdf", "elbo.gaussian_vae", bound, {}
