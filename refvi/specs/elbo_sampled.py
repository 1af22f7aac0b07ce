"""Evidence lower bounds with the divergence sampled too: the mean over samples of log p(x, z) - log q(z).

As probabilistic programming systems compute them. Not here: the closed form (`elbo_vae`), which has the same mean.
"""

from refvi.specs.elbo import CONVENTIONS
from refvi.specs.elbo_vae import bernoulli_vae, decode, sample, through_samples
from refvi.specs.kl import softplus_on_logvar
from refvi.specs.shared import SHARED
from refvi.specs.sized import LOG_2_PI, Sized, exp, log, sigmoid, sized, softplus
from refvi.specs.spec import Spec


def _log_q(z, mu, std):
    """Log q(z) from z itself, as a library that only sees z computes it."""
    return (-0.5 * ((z - mu) / std) ** 2 - log(std) - 0.5 * LOG_2_PI).sum(-1)


def _log_prior(z):
    return (-0.5 * z**2 - 0.5 * LOG_2_PI).sum(-1)


def _loglik(x, z, weights, bias):
    logits = decode(z, weights, bias)
    return (x * logits - softplus(logits)).sum(-1)


def _terms(x, mu, std, noise, weights, bias, drawn=None, scored=None):
    """The terms, (K, B); `drawn` and `scored` are standard deviations used in the sample and in log q."""
    z = sample(mu, std if drawn is None else drawn, noise)
    return {
        "loglik": _loglik(x, z, weights, bias),
        "prior": _log_prior(z),
        "minus_log_q": -_log_q(z, sized(mu), sized(std if scored is None else scored)),
    }


def _gradient(x, mu, std, noise, weights, bias):
    """Through z and, in log q, through mu and std at fixed z as well: what automatic differentiation gives."""
    z, std = sample(mu, std, noise), sized(std)
    pull = x - sigmoid(decode(z, weights, bias))
    gradient = through_samples(pull, z, noise, weights)
    standard = Sized(noise, ((z - mu) / std).size)
    path = standard / std - z  # of -log q and of the prior, by z
    score = -standard / std, (1.0 - standard**2) / std  # of -log q, by mu and std at fixed z
    return {
        **gradient,
        "mu": gradient["mu"] + (path + score[0]).sum(0),
        "std": gradient["std"] + (path * noise + score[1]).sum(0),
    }


bernoulli_vae_sampled = Spec(
    id="elbo.bernoulli_vae_sampled",
    says="the ELBO of a VAE with a linear Bernoulli decoder at given noise, log p(x, z) - log q(z) at each sample",
    inputs=bernoulli_vae.inputs,
    output="K B",
    reference=_terms,
    gradient=_gradient,
    conventions={**CONVENTIONS, "samples": "mean"},
    source="Kingma and Welling 2014, equation (6), arXiv:1312.6114v11",
    edges=bernoulli_vae.edges,
)

_mistake = bernoulli_vae_sampled.mistake


@_mistake(**SHARED["sample-with-variance"])
def _(std, **inputs):
    return _terms(std=std, drawn=sized(std) ** 2, **inputs)


@_mistake(**SHARED["variance-as-scale"])
def _(std, **inputs):
    return _terms(std=std, scored=sized(std) ** 2, **inputs)


@_mistake(**SHARED["double-exp-std"])
def _(std, **inputs):
    return _terms(std=exp(std), **inputs)


@_mistake(**SHARED["head-activation-on-logvar"])
def _(std, **inputs):
    return _terms(std=softplus_on_logvar(std), **inputs)


@_mistake("log-q-missing", says="leaves out log q, so that the entropy of q counts for nothing")
def _(**inputs):
    terms = _terms(**inputs)
    return {**terms, "minus_log_q": 0.0 * terms["minus_log_q"]}


@_mistake("log-q-sign", says="adds log q instead of subtracting it", seen=("dev4488/VAE_gumble_softmax#1",))
def _(**inputs):
    terms = _terms(**inputs)
    return {**terms, "minus_log_q": -terms["minus_log_q"]}


@_mistake("log-prior-missing", says="leaves out the log prior of z")
def _(**inputs):
    terms = _terms(**inputs)
    return {**terms, "prior": 0.0 * terms["prior"]}


@_mistake(
    "log-q-mean-over-latents", says="averages log q and the log prior over the latents instead of summing"
)
def _(mu, **inputs):
    terms = _terms(mu=mu, **inputs)
    return {**terms, **{k: terms[k] / float(mu.shape[-1]) for k in ("prior", "minus_log_q")}}


@_mistake("constants-unbalanced", says="drops ½ log 2π per latent from log q but keeps it in the log prior")
def _(mu, **inputs):
    terms = _terms(mu=mu, **inputs)
    return {**terms, "minus_log_q": terms["minus_log_q"] - 0.5 * LOG_2_PI * mu.shape[-1]}


@_mistake(
    "analytic-kl-in-sampled", says="uses the closed-form divergence in place of log q - log p at the samples"
)
def _(**inputs):
    return bernoulli_vae.reference(**inputs)


@_mistake(**SHARED["bce-mean-reduction"])
def _(x, **inputs):
    terms = _terms(x=x, **inputs)
    return {**terms, "loglik": terms["loglik"] / float(x.shape[-1])}


@_mistake(**SHARED["sample-not-rsample"], of="gradient")
def _(x, mu, std, noise, weights, bias):
    whole, std = _gradient(x, mu, std, noise, weights, bias), sized(std)
    return {**whole, "mu": (-sized(noise) / std).sum(0), "std": ((1.0 - sized(noise) ** 2) / std).sum(0)}


@bernoulli_vae_sampled.relative(
    "sticking-the-landing",
    says="stops the gradient of log q at its parameters and keeps only the path through z",
)
def _(x, mu, std, noise, weights, bias):
    whole, std = _gradient(x, mu, std, noise, weights, bias), sized(std)
    by_mu, by_std = -sized(noise) / std, (1.0 - sized(noise) ** 2) / std
    return {**whole, "mu": whole["mu"] - by_mu.sum(0), "std": whole["std"] - by_std.sum(0)}
