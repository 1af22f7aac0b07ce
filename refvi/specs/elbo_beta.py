"""The objective of a beta-VAE: the ELBO with a weight on its divergence."""

from refvi.specs.density_discrete import bernoulli_logits_terms
from refvi.specs.elbo import (
    CONVENTIONS,
    add_likelihood_mistakes,
    bernoulli_reconstruction,
    bernoulli_terms,
    minus_kl,
    minus_kl_gradient,
)
from refvi.specs.shared import SHARED
from refvi.specs.sized import sigmoid
from refvi.specs.spec import Input, Spec


def _weighted(mu, std, beta):
    return {k: t * beta for k, t in minus_kl(mu, std).items()}


def _beta_gradient(x, logits, mu, std, beta):
    divergence = {k: g * beta for k, g in minus_kl_gradient(mu, std).items()}
    return {"logits": x - sigmoid(logits), **divergence}


beta_vae = Spec(
    id="elbo.beta_vae",
    says="the objective of a beta-VAE with a Bernoulli decoder, log Bernoulli(x; logits) - beta KL(q || N(0, I))",
    inputs=(*bernoulli_reconstruction.inputs, Input("beta", "", "weight", "weight of the divergence")),
    output="B",
    reference=lambda x, logits, **rest: {
        "loglik": sum(bernoulli_logits_terms(x, logits).values()),
        **_weighted(**rest),
    },
    gradient=_beta_gradient,
    conventions=CONVENTIONS,
    source="Higgins et al. 2017, equation (4), openreview.net/forum?id=Sy2fzU9gl",
    edges=lambda: {
        "beta zero": _edge([[0.5, -0.25]], 0.0),
        "beta one": _edge([[0.5, -0.25]], 1.0),
        "logits large": _edge([[800.0, 800.0]], 1.5),
    },
)


def _edge(logits, beta):
    return {"x": [[1.0, 0.0]], "logits": logits, "mu": [[0.5]], "std": [[0.75]], "beta": beta}


add_likelihood_mistakes(beta_vae, _weighted)


@beta_vae.mistake(
    "beta-not-applied", says="leaves the divergence unweighted", seen=("AlexanderVNikitin/tsgm#69",)
)
def _(x, logits, mu, std, **_):
    return bernoulli_terms(minus_kl, x, logits, mu, std)


@beta_vae.mistake("beta-on-likelihood", says="weights the likelihood with beta, not the divergence")
def _(beta, **inputs):
    terms = bernoulli_terms(minus_kl, **inputs)
    return {**terms, "loglik": beta * terms["loglik"]}


@beta_vae.mistake(
    "beta-normalised",
    says="weights with the normalised beta · D / X, which is another beta",
    seen=("simplespy/SCAN#2",),
)
def _(x, logits, mu, std, beta):
    return bernoulli_terms(
        lambda mu, std: _weighted(mu, std, beta * mu.shape[-1] / x.shape[-1]), x, logits, mu, std
    )


@beta_vae.mistake(**SHARED["kl-mean-over-latents"])
def _(x, logits, mu, std, beta):
    return bernoulli_terms(lambda mu, std: _weighted(mu, std, beta / mu.shape[-1]), x, logits, mu, std)
