"""Evidence lower bounds given the decoder's output, as most training code has them: x, reconstruction, mu, std."""

import numpy as np

from refvi.specs.density_discrete import bernoulli_logits_terms
from refvi.specs.kl import softplus_on_logvar
from refvi.specs.shared import SHARED
from refvi.specs.sized import LOG_2_PI, exp, log, sigmoid, sized
from refvi.specs.spec import Input, Spec

CONVENTIONS = {"scale": "std", "sign": "positive", "batch": "none", "units": "nats"}

# ---- the divergence from the prior, and how it goes wrong in every evidence lower bound


def minus_kl(mu, std):
    """-KL( N(mu, diag std²) || N(0, I) ) per datum: E_q log p(z) and the entropy of q, both without ½ log 2π."""
    mu, std = sized(mu), sized(std)
    return {"prior": (-0.5 * (mu**2 + std**2)).sum(-1), "entropy": (log(std) + 0.5).sum(-1)}


def minus_kl_gradient(mu, std):
    """The gradient of their sum."""
    mu, std = sized(mu), sized(std)
    return {"mu": -mu, "std": 1.0 / std - std}


def _times(factor):
    return lambda mu, std: {k: t * factor(mu) for k, t in minus_kl(mu, std).items()}


def _over_batch(mu, std):
    return {k: t.sum() + np.zeros(len(mu)) for k, t in minus_kl(mu, std).items()}


WRONG_DIVERGENCES = {
    "kl-mean-over-latents": _times(lambda mu: 1.0 / mu.shape[-1]),
    "kl-sum-without-dim": _over_batch,
    "kl-wrong-sign": _times(lambda _: -1.0),
    "kl-missing-half": _times(lambda _: 2.0),
    "logvar-used-as-logstd": lambda mu, std: minus_kl(mu, sized(std) ** 2),
}
WRONG_SCALES = {"double-exp-std": exp, "head-activation-on-logvar": softplus_on_logvar}


def add_divergence_mistakes(spec, with_divergence):
    """Give a spec the mistakes of its divergence.

    with_divergence(divergence, **inputs) -> terms: the reference with another function in place of `minus_kl`.
    """
    for slug, divergence in WRONG_DIVERGENCES.items():
        spec.mistake(**SHARED[slug])(
            lambda divergence=divergence, **inputs: with_divergence(divergence, **inputs)
        )
    for slug, wrong in WRONG_SCALES.items():
        spec.mistake(**SHARED[slug])(
            lambda std, wrong=wrong, **inputs: with_divergence(minus_kl, std=wrong(std), **inputs)
        )

    @spec.mistake(**SHARED["kl-on-unused-params"], of="gradient")
    def _(mu, std, **inputs):
        gradient, divergence = spec.gradient(mu=mu, std=std, **inputs), minus_kl_gradient(mu, std)
        samples = len(inputs["noise"]) if "noise" in inputs else 1
        return {k: g - divergence[k] * float(samples) if k in divergence else g for k, g in gradient.items()}


def posterior_inputs():
    """Mean and standard deviation of q, as every spec of this kind takes them."""
    return (
        Input("mu", "B D", "real", "mean of q(z | x)"),
        Input("std", "B D", "scale", "standard deviation of q(z | x)"),
    )


def _posterior_edges(**rest):
    """Edges of the posterior, beside the other inputs of one datum."""
    return {
        "std near zero": {**rest, "mu": [[0.5, -1.25]], "std": [[2.0**-20, 2.0**-10]]},
        "std large": {**rest, "mu": [[0.5, -1.25]], "std": [[2.0**10, 2.0**8]]},
        "q is the prior": {**rest, "mu": [[0.0, 0.0]], "std": [[1.0, 1.0]]},
    }


# ---- Gaussian decoder of unit variance


def _unit_gaussian(x, mean):
    misfit = -0.5 * ((sized(x) - mean) ** 2).sum(-1)
    return {"misfit": misfit, "constant": sized(-0.5 * LOG_2_PI * x.shape[-1]) + 0.0 * misfit}


def _gaussian(divergence, x, recon, mu, std):
    return {**_unit_gaussian(x, recon), **divergence(mu, std)}


gaussian_reconstruction = Spec(
    id="elbo.gaussian_reconstruction",
    says="the ELBO of one sample with a Gaussian decoder of unit variance, log N(x; recon, I) - KL(q || N(0, I))",
    inputs=(
        Input("x", "B X", "given", "the data"),
        Input("recon", "B X", "real", "the decoder's mean at a sample of z"),
        *posterior_inputs(),
    ),
    output="B",
    reference=lambda **inputs: _gaussian(minus_kl, **inputs),
    gradient=lambda x, recon, mu, std: {"recon": sized(x) - recon, **minus_kl_gradient(mu, std)},
    conventions={**CONVENTIONS, "constants": "kept"},
    source="Kingma and Welling 2014, equation (10) and Appendix B, C.2, arXiv:1312.6114v11",
    edges=lambda: {
        **_posterior_edges(x=[[0.25, 0.75, 1.5]], recon=[[0.5, -0.25, 2.0]]),
        "perfect reconstruction": {
            "x": [[0.25, 0.75]],
            "recon": [[0.25, 0.75]],
            "mu": [[0.5]],
            "std": [[0.75]],
        },
    },
)

add_divergence_mistakes(gaussian_reconstruction, _gaussian)


@gaussian_reconstruction.mistake(**SHARED["mse-as-nll-without-2var"])
def _(**inputs):
    terms = _gaussian(minus_kl, **inputs)
    return {**terms, "misfit": 2.0 * terms["misfit"]}


@gaussian_reconstruction.mistake(**SHARED["mse-mean-reduction"])
def _(**inputs):
    terms = _gaussian(minus_kl, **inputs)
    return {**terms, "misfit": terms["misfit"] * (2.0 / inputs["x"].shape[-1])}


@gaussian_reconstruction.mistake(
    "everything-averaged",
    says="averages the squared error over the dimensions and the divergence over the latents",
    seen=("keras-team/keras-io#270",),
)
def _(x, recon, mu, std):
    terms = _gaussian(_times(lambda mu: 1.0 / mu.shape[-1]), x, recon, mu, std)
    return {**terms, "misfit": terms["misfit"] * (2.0 / x.shape[-1])}


@gaussian_reconstruction.mistake(**SHARED["gauss-const-dropped-in-reported-nll"])
def _(**inputs):
    return {k: t for k, t in _gaussian(minus_kl, **inputs).items() if k != "constant"}


@gaussian_reconstruction.mistake(**SHARED["gauss-constant-once"])
def _(**inputs):
    terms = _gaussian(minus_kl, **inputs)
    return {**terms, "constant": terms["constant"] / float(inputs["x"].shape[-1])}


# ---- Bernoulli decoder


def bernoulli_terms(divergence, x, logits, mu, std):
    """The ELBO's terms with some divergence, right or wrong, in its place."""
    return {"loglik": sum(bernoulli_logits_terms(x, logits).values()), **divergence(mu, std)}


def _bernoulli_gradient(x, logits, mu, std):
    return {"logits": x - sigmoid(logits), **minus_kl_gradient(mu, std)}


bernoulli_reconstruction = Spec(
    id="elbo.bernoulli_reconstruction",
    says="the ELBO of one sample with a Bernoulli decoder, log Bernoulli(x; logits) - KL(q || N(0, I))",
    inputs=(
        Input("x", "B X", "binary", "the data, 0 or 1"),
        Input("logits", "B X", "real", "the decoder's logits at a sample of z"),
        *posterior_inputs(),
    ),
    output="B",
    reference=lambda **inputs: bernoulli_terms(minus_kl, **inputs),
    gradient=_bernoulli_gradient,
    conventions=CONVENTIONS,
    source="Kingma and Welling 2014, equation (10) and Appendix B, C.1, arXiv:1312.6114v11",
    edges=lambda: {
        **_posterior_edges(x=[[1.0, 0.0, 1.0]], logits=[[0.5, -0.25, 2.0]]),
        "logits large": {
            "x": [[1.0, 0.0, 1.0, 0.0]],
            "logits": [[800.0, 800.0, -800.0, -800.0]],
            "mu": [[0.5]],
            "std": [[0.75]],
        },
    },
)

add_divergence_mistakes(bernoulli_reconstruction, bernoulli_terms)


def add_likelihood_mistakes(spec, divergence_of):
    """Give a spec with decoder logits the mistakes of the Bernoulli likelihood."""

    @spec.mistake(**SHARED["bce-mean-reduction"])
    def _(x, logits, **rest):
        loglik = sum(bernoulli_logits_terms(x, logits).values())
        return {"loglik": loglik / float(x.shape[-1]), **divergence_of(**rest)}

    @spec.mistake(**SHARED["bce-args-swapped"])
    def _(x, logits, **rest):
        return {"loglik": sum(bernoulli_logits_terms(logits, x).values()), **divergence_of(**rest)}

    @spec.mistake(**SHARED["double-sigmoid"])
    def _(x, logits, **rest):
        return {"loglik": sum(bernoulli_logits_terms(x, sigmoid(logits)).values()), **divergence_of(**rest)}

    @spec.mistake(**SHARED["log-of-sigmoid"])
    def _(x, logits, **rest):
        p = sigmoid(logits)
        loglik = (x * log(p)).sum(-1) + ((1.0 - x) * log(1.0 - p)).sum(-1)
        return {"loglik": loglik, **divergence_of(**rest)}

    @spec.mistake(
        "mse-for-bce",
        says="scores bits by the squared error of their probabilities, as a Gaussian decoder would",
    )
    def _(x, logits, **rest):
        return {"loglik": -((x - sigmoid(logits)) ** 2).sum(-1), **divergence_of(**rest)}


add_likelihood_mistakes(bernoulli_reconstruction, minus_kl)
