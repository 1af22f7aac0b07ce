"""Log densities of grey values, per datum: the continuous Bernoulli, and bits per dimension of byte-valued data."""

import numpy as np

from refvi.specs.generic import DRAWS
from refvi.specs.shared import SHARED
from refvi.specs.sized import log, rounded, sized, where, xlogy
from refvi.specs.spec import Input, Spec

# ---- continuous Bernoulli


def _log_constant(p):
    """Log C, C = log(p / (1-p)) / (2p - 1), and 2 at one half."""
    half = p.value == 0.5
    away = where(half, 0.25, p)
    odds = log(away) - log(1.0 - away)
    return where(half, np.log(2.0), log(odds / (2.0 * away - 1.0)))


def _continuous(x, probs):
    p = rounded(probs)
    cross = xlogy(x, p) + xlogy(1.0 - sized(x), 1.0 - p)
    return {"cross_entropy": cross.sum(-1), "log_constant": _log_constant(p).sum(-1)}


def _continuous_gradient(x, probs):
    p = rounded(probs)
    half = p.value == 0.5
    away = where(half, 0.25, p)
    odds = log(away) - log(1.0 - away)
    constant = 1.0 / (away * (1.0 - away) * odds) - 2.0 / (2.0 * away - 1.0)
    return {
        "x": log(p) - log(1.0 - p),
        "probs": x / p - (1.0 - sized(x)) / (1.0 - p) + where(half, 0.0, constant),
    }


continuous_bernoulli = Spec(
    id="log_density.continuous_bernoulli",
    says="log density of grey values in [0, 1]: the Bernoulli cross-entropy and the logarithm of its normaliser C",
    inputs=(
        Input("x", "B X", "probability", "grey values between 0 and 1"),
        Input("probs", "B X", "probability", "the parameter, between 0 and 1; not the mean"),
    ),
    output="B",
    reference=_continuous,
    gradient=_continuous_gradient,
    conventions={"sign": "positive", "batch": "none", "units": "nats"},
    source="Loaiza-Ganem and Cunningham 2019, equations (2) and (3), arXiv:1907.06845v5",
    edges=lambda: {
        "parameter one half": {"x": [[0.25, 0.625]], "probs": [[0.5, 0.125]]},
        "black and white": {"x": [[0.0, 1.0]], "probs": [[0.25, 0.625]]},
    },
)


@continuous_bernoulli.mistake(
    "bce-on-continuous-x",
    says="scores grey values with the Bernoulli cross-entropy, which is no density there: log C is missing",
    seen=("pytorch/examples#460", "pyro-ppl/pyro#529", "pyro-ppl/pyro#2038", "FabianFalck/mfcvae#2"),
)
def _(x, probs):
    return {"cross_entropy": _continuous(x, probs)["cross_entropy"]}


@continuous_bernoulli.mistake(
    "rebinarised-grey-values", says="rounds the grey values to bits and scores those"
)
def _(x, probs):
    return {"cross_entropy": _continuous(np.round(x), probs)["cross_entropy"]}


@continuous_bernoulli.mistake(
    "constant-at-one-half", says="divides 0 by 0 in the normaliser where the parameter is one half"
)
def _(x, probs):
    terms, half = _continuous(x, probs), np.any(probs == 0.5, -1)
    return {**terms, "log_constant": where(half, np.nan, terms["log_constant"])}


@continuous_bernoulli.mistake(
    "constant-subtracted", says="subtracts log C, taking C for what the density is divided by"
)
def _(x, probs):
    terms = _continuous(x, probs)
    return {**terms, "log_constant": -terms["log_constant"]}


@continuous_bernoulli.mistake(**SHARED["bce-mean-reduction"])
def _(x, probs):
    return {k: t / float(x.shape[-1]) for k, t in _continuous(x, probs).items()}


# ---- bits per dimension

LEVELS = 256.0


def _bits(log_density, dimensions):
    return {
        "density": -sized(log_density) / (float(np.log(2.0)) * dimensions),
        "levels": sized(float(np.log2(LEVELS))) + 0.0 * log_density,
    }


bits_per_dimension = Spec(
    id="log_density.bits_per_dimension",
    says="bits per dimension of byte-valued data, from the log density in nats of the data scaled to [0, 1]",
    inputs=(
        Input(
            "log_density",
            "B",
            "real",
            "log density of x/256 with uniform noise added, in nats, over all dimensions",
        ),
        Input("dimensions", "", "weight", "number of dimensions of a datum"),
    ),
    output="B",
    reference=_bits,
    gradient=lambda log_density, dimensions: {
        "log_density": sized(-1.0) / (float(np.log(2.0)) * dimensions) + 0.0 * log_density
    },
    conventions={"batch": "none"},
    source="Theis, van den Oord and Bethge 2016, section 3.1, arXiv:1511.01844v3",
    edges=lambda: {"a digit": {"log_density": [120.5, -90.25], "dimensions": 64.0}},
    draw=lambda rng, sizes: {
        "log_density": 8.0 * DRAWS["real"](rng, (sizes["B"],)),
        "dimensions": rng.choice([3.0, 5.0, 7.0, 11.0]),
    },
)


@bits_per_dimension.mistake(
    "bpd-nats-vs-bits", says="reports nats: the division by log 2 is missing", seen=("openai/vdvae#5",)
)
def _(log_density, dimensions):
    return -sized(log_density) / dimensions + float(np.log(LEVELS))


@bits_per_dimension.mistake(
    "bpd-levels-forgotten", says="leaves out the 8 bits per dimension that scaling to [0, 1] took away"
)
def _(log_density, dimensions):
    return {"density": _bits(log_density, dimensions)["density"]}


@bits_per_dimension.mistake("bpd-levels-once", says="adds 8 bits once per datum, not once per dimension")
def _(log_density, dimensions):
    terms = _bits(log_density, dimensions)
    return {**terms, "levels": terms["levels"] / dimensions}


@bits_per_dimension.mistake("bpd-not-per-dimension", says="reports bits per datum, not per dimension")
def _(log_density, dimensions):
    return {k: t * dimensions for k, t in _bits(log_density, dimensions).items()}


@bits_per_dimension.mistake("bpd-sign", says="counts the log density with the opposite sign")
def _(log_density, dimensions):
    terms = _bits(log_density, dimensions)
    return {**terms, "density": -terms["density"]}
