"""Bookkeeping over minibatches: the bound of a whole data set from one minibatch, and its mean from all of them."""

import numpy as np

from refvi.specs.generic import DRAWS
from refvi.specs.sized import sized
from refvi.specs.spec import Input, Spec

# ---- the bound of the data set, estimated from one minibatch


def _minibatch(log_likelihood, kl, data_count):
    batch = float(len(log_likelihood))
    return {"loglik": sized(log_likelihood).sum() * data_count / batch, "kl": -sized(kl)}


minibatch = Spec(
    id="elbo.minibatch",
    says="the ELBO of N data from a minibatch of B, with global latents: (N/B) sum_b log p(x_b | z) - KL, the KL once",
    inputs=(
        Input("log_likelihood", "B", "real", "log p(x_b | z) of the data in the minibatch"),
        Input("kl", "", "positive", "divergence of the global latents from their prior"),
        Input("data_count", "", "weight", "number of data N in the data set; N/B is no whole number"),
    ),
    output="",
    reference=_minibatch,
    gradient=lambda log_likelihood, kl, data_count: {
        "log_likelihood": sized(data_count) / float(len(log_likelihood)) + 0.0 * log_likelihood,
        "kl": sized(-1.0) + 0.0 * kl,
    },
    conventions={"sign": "positive", "units": "nats"},
    source="Hoffman, Blei, Wang and Paisley 2013, section 2.3, arXiv:1206.7051v3",
    edges=lambda: {
        "the whole data set": {"log_likelihood": [-1.5, 0.25], "kl": 0.75, "data_count": 2.0},
        "one datum of many": {"log_likelihood": [-1.5], "kl": 0.75, "data_count": 60000.0},
    },
    draw=lambda rng, sizes: {
        "log_likelihood": DRAWS["real"](rng, (sizes["B"],)),
        "kl": DRAWS["positive"](rng, ()),
        "data_count": rng.choice([17.0, 19.0, 23.0, 29.0]),
    },
)


@minibatch.mistake(
    "minibatch-scale-missing",
    says="adds up the minibatch without the factor N/B, so that the divergence dominates",
    seen=(
        "tachukao/mgplvm-pytorch#19",
        "pymc-devs/pymc#1287",
        "tensorflow/probability#1304",
        "cornellius-gp/gpytorch#518",
    ),
)
def _(log_likelihood, kl, data_count):
    terms = _minibatch(log_likelihood, kl, data_count)
    return {**terms, "loglik": terms["loglik"] * (len(log_likelihood) / data_count)}


@minibatch.mistake(
    "scale-squared", says="applies the factor N/B twice", seen=("pyro-ppl/pyro#531", "probmods/webppl#892")
)
def _(log_likelihood, kl, data_count):
    terms = _minibatch(log_likelihood, kl, data_count)
    return {**terms, "loglik": terms["loglik"] * (data_count / len(log_likelihood))}


@minibatch.mistake(
    "scale-integer-division", says="divides N by B as whole numbers", seen=("pyro-ppl/pyro#2611",)
)
def _(log_likelihood, kl, data_count):
    whole = np.floor(data_count / len(log_likelihood))
    return {"loglik": sized(log_likelihood).sum() * whole, "kl": -sized(kl)}


@minibatch.mistake(
    "kl-scaled-too", says="applies the factor N/B to the divergence of the global latents as well"
)
def _(log_likelihood, kl, data_count):
    terms = _minibatch(log_likelihood, kl, data_count)
    return {**terms, "kl": terms["kl"] * (data_count / len(log_likelihood))}


@minibatch.mistake("minibatch-averaged", says="averages the minibatch instead of scaling it to the data set")
def _(log_likelihood, kl, data_count):
    terms = _minibatch(log_likelihood, kl, data_count)
    return {**terms, "loglik": terms["loglik"] / data_count}


# ---- the mean over all data, minibatch by minibatch


def _epoch(elbo, present):
    return {"mean": (sized(elbo) * present).sum() / present.sum()}


def _draw_epoch(rng, sizes):
    shape = sizes["M"], sizes["B"]
    present = np.ones(shape)
    present[-1, rng.integers(1, shape[1]) :] = 0.0
    return {"elbo": DRAWS["real"](rng, shape), "present": present}


epoch_mean = Spec(
    id="elbo.epoch_mean",
    says="the mean ELBO per datum of a data set that was worked through in minibatches, the last of them not full",
    inputs=(
        Input("elbo", "M B", "real", "ELBO of each datum, one row per minibatch"),
        Input("present", "M B", "binary", "1 where there is a datum, 0 where the last minibatch has no more"),
    ),
    output="",
    reference=_epoch,
    gradient=lambda elbo, present: {"elbo": sized(present) / present.sum() + 0.0 * elbo},
    conventions={"sign": "positive", "units": "nats"},
    source="Kingma and Welling 2014, equation (8), arXiv:1312.6114v11, the sum over data divided by their number",
    edges=lambda: {
        "one minibatch": {"elbo": [[0.5, -1.25, 2.0]], "present": [[1.0, 1.0, 0.0]]},
        "all full": {"elbo": [[0.5, -1.25], [2.0, 0.75]], "present": [[1.0, 1.0], [1.0, 1.0]]},
    },
    draw=_draw_epoch,
)


@epoch_mean.mistake(
    "metric-last-minibatch-only",
    says="overwrites instead of accumulating, so that only the last minibatch counts",
    seen=("scverse/scvi-tools#1032", "pytorch/tutorials#522", "ManifoldRG/MultiNet#767"),
)
def _(elbo, present):
    return _epoch(elbo[-1:], present[-1:])


@epoch_mean.mistake(
    "mean-of-minibatch-means",
    says="averages the means of the minibatches, so that data in a short one count more",
    seen=("mitmul/chainer-cifar10#1",),
)
def _(elbo, present):
    return ((sized(elbo) * present).sum(-1) / present.sum(-1)).mean()


@epoch_mean.mistake("absent-data-counted", says="divides by the number of places, not of data")
def _(elbo, present):
    return (sized(elbo) * present).mean()


@epoch_mean.mistake(
    "sum-per-minibatch", says="divides the sum over all data by the number of minibatches, not of data"
)
def _(elbo, present):
    return (sized(elbo) * present).sum() / float(len(elbo))


@epoch_mean.mistake("absent-data-kept", says="sums over the places without data as well")
def _(elbo, present):
    return sized(elbo).sum() / present.sum()
