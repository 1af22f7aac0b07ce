"""Evidence lower bounds of a VAE with a linear decoder, sampling included: z = mu + std · noise, noise handed over.

The decoder is linear so that it can be handed over as two arrays; what is checked is the path from noise to bound: the
sample, its gradient, the likelihood, the closed-form divergence and the mean over samples.
"""

import numpy as np

from refvi.specs.elbo import (
    CONVENTIONS,
    add_divergence_mistakes,
    minus_kl,
    minus_kl_gradient,
    posterior_inputs,
)
from refvi.specs.shared import SHARED
from refvi.specs.sized import LOG_2_PI, einsum, log, sigmoid, sized, softplus
from refvi.specs.spec import Input, Spec


def sample(mu, std, noise):
    """The reparameterised samples, (K, B, D)."""
    return sized(mu) + sized(std) * noise


def decode(z, weights, bias):
    """The linear decoder, (K, B, X)."""
    return einsum("kbd,xd->kbx", z, weights) + sized(bias)


def through_samples(pull, z, noise, weights):
    """The gradient of the likelihood, given its derivative `pull` (K, B, X) by the decoder's output."""
    by_z = einsum("kbx,xd->kbd", pull, weights)
    return {
        "mu": by_z.sum(0),
        "std": (by_z * noise).sum(0),
        "weights": einsum("kbx,kbd->xd", pull, z),
        "bias": pull.sum((0, 1)),
    }


def add_divergence(gradient, mu, std, noise):
    """The gradient of the bound from that of its likelihood: one divergence per sample."""
    samples = float(len(noise))
    return {
        name: g + minus_kl_gradient(mu, std)[name] * samples if name in ("mu", "std") else g
        for name, g in gradient.items()
    }


def per_sample(terms, noise):
    """Terms per datum repeated for every sample."""
    return {name: t + np.zeros((len(noise), 1)) for name, t in terms.items()}


def vae_inputs(domain, *more):
    """Inputs of every spec that samples z = mu + std noise and decodes it: x of this domain, q, noise, decoder."""
    return (
        Input("x", "B X", domain, "the data"),
        *posterior_inputs(),
        Input("noise", "K B D", "noise", "standard normal noise: z = mu + std * noise"),
        Input("weights", "X D", "real", "weights of the decoder"),
        Input("bias", "X", "real", "bias of the decoder"),
        *more,
    )


SAMPLED = {**CONVENTIONS, "samples": "mean"}
DECODER = {
    "noise": [[[0.25, -1.5]], [[-0.75, 0.5]]],
    "weights": [[0.5, -0.25], [1.5, 0.75]],
    "bias": [0.25, -0.5],
}


def _edges(x, **more):
    rest = {"x": x, **DECODER, **more}
    return {
        "std near zero": {**rest, "mu": [[0.5, -1.25]], "std": [[2.0**-20, 2.0**-10]]},
        "std large": {**rest, "mu": [[0.5, -1.25]], "std": [[2.0**8, 2.0**7]]},
        "q is the prior": {**rest, "mu": [[0.0, 0.0]], "std": [[1.0, 1.0]]},
        "noise zero": {**rest, "mu": [[0.5, -1.25]], "std": [[0.75, 1.5]], "noise": [[[0.0, 0.0]]]},
    }


# ---- Gaussian decoder


def _gaussian_likelihood(x, mean, decoder_std):
    misfit = -0.5 * (((sized(x) - mean) / decoder_std) ** 2).sum(-1)
    return {
        "misfit": misfit,
        "log_scale": -log(decoder_std).sum(-1) + 0.0 * misfit,
        "constant": sized(-0.5 * LOG_2_PI * x.shape[-1]) + 0.0 * misfit,
    }


def gaussian_likelihood(x, mu, std, noise, weights, bias, decoder_std):
    """The terms of log N(x; decoder(mu + std noise), diag decoder_std²), (K, B)."""
    return _gaussian_likelihood(x, decode(sample(mu, std, noise), weights, bias), decoder_std)


def gaussian_likelihood_gradient(x, mu, std, noise, weights, bias, decoder_std):
    """Their gradient; the divergence is not in it."""
    z = sample(mu, std, noise)
    error = sized(x) - decode(z, weights, bias)
    pull = error / decoder_std / decoder_std
    scale = ((error / decoder_std) ** 2 / decoder_std - 1.0 / sized(decoder_std)).sum((0, 1))
    return {**through_samples(pull, z, noise, weights), "decoder_std": scale}


def _gaussian(divergence, **inputs):
    terms = divergence(inputs["mu"], inputs["std"])
    return {**gaussian_likelihood(**inputs), **per_sample(terms, inputs["noise"])}


gaussian_vae = Spec(
    id="elbo.gaussian_vae",
    says="the ELBO of a VAE with a linear Gaussian decoder, samples z = mu + std * noise, closed-form divergence",
    inputs=vae_inputs("given", Input("decoder_std", "X", "scale", "standard deviation of the decoder")),
    output="K B",
    reference=lambda **inputs: _gaussian(minus_kl, **inputs),
    gradient=lambda mu, std, noise, **rest: add_divergence(
        gaussian_likelihood_gradient(mu=mu, std=std, noise=noise, **rest), mu, std, noise
    ),
    conventions={**SAMPLED, "constants": "kept"},
    source="Kingma and Welling 2014, equation (10) and Appendix B, C.2, arXiv:1312.6114v11",
    edges=lambda: _edges([[0.25, 1.75]], decoder_std=[0.75, 1.5]),
)


def add_sampling_mistakes(spec, likelihood, gradient):
    """Give a spec with its own samples the mistakes of sampling; the divergence stays right."""

    def with_samples(std_of, noise_of):
        def wrong(**inputs):
            changed = {**inputs, "std": std_of(inputs["std"]), "noise": noise_of(inputs["noise"])}
            terms = minus_kl(inputs["mu"], inputs["std"])
            return {**likelihood(**changed), **per_sample(terms, inputs["noise"])}

        return wrong

    def same(a):
        return a

    spec.mistake(**SHARED["sample-with-variance"])(with_samples(lambda std: sized(std) ** 2, same))
    spec.mistake("noise-not-scaled", says="adds the noise without multiplying it by the standard deviation")(
        with_samples(lambda std: 0.0 * std + 1.0, same)
    )
    spec.mistake("mean-decoded", says="decodes the mean of q instead of a sample")(
        with_samples(same, lambda noise: 0.0 * noise)
    )
    spec.mistake("noise-shared-by-samples", says="uses the noise of the first sample for all samples")(
        with_samples(same, lambda noise: noise[:1] + 0.0 * noise)
    )
    spec.mistake("noise-shared-by-data", says="uses the noise of the first datum for the whole batch")(
        with_samples(same, lambda noise: noise[:, :1] + 0.0 * noise)
    )

    @spec.mistake(**SHARED["sample-not-rsample"], of="gradient")
    def _(mu, std, noise, **rest):
        whole = gradient(mu=mu, std=std, noise=noise, **rest)
        cut = {name: 0.0 * g if name in ("mu", "std") else g for name, g in whole.items()}
        return add_divergence(cut, mu, std, noise)

    @spec.mistake(
        "noise-not-in-gradient",
        says="has its hand-written gradient of std without the factor noise of dz/dstd",
        of="gradient",
    )
    def _(mu, std, noise, **rest):
        whole = gradient(mu=mu, std=std, noise=noise, **rest)
        return add_divergence({**whole, "std": whole["mu"]}, mu, std, noise)


add_divergence_mistakes(gaussian_vae, _gaussian)
add_sampling_mistakes(gaussian_vae, gaussian_likelihood, gaussian_likelihood_gradient)


@gaussian_vae.mistake(**SHARED["variance-as-scale"])
def _(decoder_std, **inputs):
    return _gaussian(minus_kl, decoder_std=sized(decoder_std) ** 2, **inputs)


@gaussian_vae.mistake(**SHARED["mse-as-nll-without-2var"])
def _(decoder_std, **inputs):
    terms = _gaussian(minus_kl, decoder_std=decoder_std, **inputs)
    unit = _gaussian(minus_kl, decoder_std=0.0 * decoder_std + 1.0, **inputs)
    return {**terms, "misfit": 2.0 * unit["misfit"]}


@gaussian_vae.mistake(**SHARED["gauss-log-scale-dropped"])
def _(**inputs):
    terms = _gaussian(minus_kl, **inputs)
    return {**terms, "log_scale": 0.0 * terms["log_scale"]}


@gaussian_vae.mistake(**SHARED["gauss-missing-log-sigma"])
def _(decoder_std, **inputs):
    terms = _gaussian(minus_kl, decoder_std=decoder_std, **inputs)
    return {**terms, "log_scale": -sized(decoder_std).sum(-1) + 0.0 * terms["misfit"]}


@gaussian_vae.mistake(**SHARED["gauss-const-dropped-in-reported-nll"])
def _(**inputs):
    return {k: t for k, t in _gaussian(minus_kl, **inputs).items() if k != "constant"}


# ---- Bernoulli decoder


def bernoulli_likelihood(x, mu, std, noise, weights, bias):
    """Log Bernoulli(x; decoder(mu + std noise)) as one term, (K, B)."""
    logits = decode(sample(mu, std, noise), weights, bias)
    return {"loglik": (x * logits - softplus(logits)).sum(-1)}


def bernoulli_likelihood_gradient(x, mu, std, noise, weights, bias):
    """Its gradient; the divergence is not in it."""
    z = sample(mu, std, noise)
    pull = x - sigmoid(decode(z, weights, bias))
    return through_samples(pull, z, noise, weights)


def _bernoulli(divergence, **inputs):
    terms = divergence(inputs["mu"], inputs["std"])
    return {**bernoulli_likelihood(**inputs), **per_sample(terms, inputs["noise"])}


bernoulli_vae = Spec(
    id="elbo.bernoulli_vae",
    says="the ELBO of a VAE with a linear Bernoulli decoder, samples z = mu + std * noise, closed-form divergence",
    inputs=vae_inputs("binary"),
    output="K B",
    reference=lambda **inputs: _bernoulli(minus_kl, **inputs),
    gradient=lambda mu, std, noise, **rest: add_divergence(
        bernoulli_likelihood_gradient(mu=mu, std=std, noise=noise, **rest), mu, std, noise
    ),
    conventions=SAMPLED,
    source="Kingma and Welling 2014, equation (10) and Appendix B, C.1, arXiv:1312.6114v11",
    edges=lambda: {
        **_edges([[1.0, 0.0]]),
        "logits large": {**_edges([[1.0, 0.0]])["noise zero"], "bias": [800.0, 800.0]},
    },
)

add_divergence_mistakes(bernoulli_vae, _bernoulli)
add_sampling_mistakes(bernoulli_vae, bernoulli_likelihood, bernoulli_likelihood_gradient)


@bernoulli_vae.mistake(**SHARED["bce-mean-reduction"])
def _(x, **inputs):
    terms = _bernoulli(minus_kl, x=x, **inputs)
    return {**terms, "loglik": terms["loglik"] / float(x.shape[-1])}


@bernoulli_vae.mistake(**SHARED["double-sigmoid"])
def _(x, mu, std, noise, weights, bias):
    logits = sigmoid(decode(sample(mu, std, noise), weights, bias))
    terms = per_sample(minus_kl(mu, std), noise)
    return {"loglik": (x * logits - softplus(logits)).sum(-1), **terms}
