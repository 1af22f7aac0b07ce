"""Kullback-Leibler divergences in closed form, per datum, in nats."""

from refvi.specs.sized import log, sized
from refvi.specs.spec import Input, Spec

CONVENTIONS = {"scale": "std", "sign": "positive", "batch": "none", "latents": "sum", "units": "nats"}


def _normal_standard(mu, std):
    mu, std = sized(mu), sized(std)
    return {"mean": 0.5 * mu**2, "trace": 0.5 * std**2, "entropy": -log(std), "dimension": sized(-0.5) + 0.0 * mu}


def _normal_standard_gradient(mu, std):
    mu, std = sized(mu), sized(std)
    return {"mu": mu, "std": std - 1.0 / std}


normal_standard = Spec(
    id="kl.normal_standard",
    says="KL( N(mu, diag std²) || N(0, I) ): how far a diagonal normal is from the standard normal",
    inputs=(Input("mu", "B D", "real", "mean of q"), Input("std", "B D", "scale", "standard deviation of q")),
    output="B D",
    reference=_normal_standard,
    gradient=_normal_standard_gradient,
    conventions=CONVENTIONS,
    source="Kingma and Welling 2014, Appendix B, arXiv:1312.6114v11",
    edges=lambda: {
        "std near zero": {"mu": [[0.5, -1.25]], "std": [[2.0**-20, 2.0**-10]]},
        "std large": {"mu": [[0.5, -1.25]], "std": [[2.0**20, 2.0**10]]},
        "mean large": {"mu": [[3.0e5, -1.25]], "std": [[0.75, 1.5]]},
        "q is the prior": {"mu": [[0.0, 0.0]], "std": [[1.0, 1.0]]},
    },
)


def _value(mu, std):
    return sum(_normal_standard(mu, std).values())


@normal_standard.mistake(
    "kl-mean-over-latents",
    says="averages over the latent axis instead of summing",
    seen=("maxhodak/keras-molecules#59", "mkusner/grammarVAE#2", "keras-team/keras-io#270"),
)
def _(mu, std):
    return _value(mu, std).mean(-1)


@normal_standard.mistake(
    "kl-sum-without-dim",
    says="sums over the batch as well, so one number comes back for all data",
    seen=("EDAPINENUT/GNTPP#4", "GlassyWing/nvae#3"),
)
def _(mu, std):
    return _value(mu, std).sum()


@normal_standard.mistake(
    "logvar-used-as-logstd",
    says="treats the logarithm of the variance as the logarithm of the standard deviation",
    seen=("KarenUllrich/Tutorial_BayesianCompression#1", "FluxML/model-zoo#76", "FluxML/model-zoo#147"),
)
def _(mu, std):
    return _value(mu, sized(std) ** 2)
