"""The importance-weighted bound of given log-weights, and its gradient with respect to them."""

import numpy as np

from refvi.specs.sized import exp, expand, log, logsumexp, sized, softmax
from refvi.specs.spec import Input, Spec


def _bound(log_weights):
    count, batch = np.shape(log_weights)
    return {"log_sum": logsumexp(log_weights, 0), "log_k": -log(np.full(batch, float(count)))}


def _gradient(log_weights):
    return {"log_weights": softmax(log_weights, 0)}


bound = Spec(
    id="iwae.bound",
    says="L_K = log (1/K) sum_k w_k per datum: the importance-weighted bound of given log-weights",
    inputs=(Input("log_weights", "K B", "log_weights", "log p(x, z_k) - log q(z_k | x)"),),
    output="B",
    reference=_bound,
    gradient=_gradient,
    conventions={"sign": "positive", "batch": "none", "units": "nats", "log_k": "subtracted"},
    source="Burda, Grosse and Salakhutdinov 2016, equations 8 and 14, arXiv:1509.00519v4",
    edges=lambda: {
        "log-weights near 1000": {"log_weights": [[1000.5], [998.25], [1001.75]]},
        "log-weights near -1000": {"log_weights": [[-1000.5], [-998.25], [-1001.75]]},
        "one weight dominates": {"log_weights": [[-800.5, 2.25], [0.75, -300.0], [-1200.0, -900.5]]},
        "all weights equal": {"log_weights": [[-2.5, 1.25], [-2.5, 1.25], [-2.5, 1.25]]},
        "one sample": {"log_weights": [[-2.5, 1.25]]},
        "a weight is zero": {"log_weights": [[-np.inf, 1.25], [-2.5, -np.inf], [-3.75, 0.5]]},
    },
)


@bound.mistake(
    "iwae-mean-of-logs",
    says="averages the log-weights, so that K has no effect: this is the ELBO, not the log of the mean weight",
    seen=("arahuja/generative-tf#1",),
)
def _(log_weights):
    return sized(log_weights).mean(0)


@bound.mistake(
    "iwae-report-sum-w-logw",
    says="reports sum_k of normalised weight times log-weight, which exceeds the bound by KL(weights || uniform)",
    seen=("AntixK/PyTorch-VAE#34", "AntixK/PyTorch-VAE#53"),
)
def _(log_weights):
    share = softmax(log_weights, 0)
    return (share * np.where(share.value > 0, log_weights, 0.0)).sum(0)


@bound.mistake(
    "lse-over-batch",
    says="takes the log-sum-exp over the data and the mean over the samples: the two axes are exchanged",
    seen=("breze-no-salt/breze#85",),
)
def _(log_weights):
    return (logsumexp(log_weights, 1) - float(np.log(np.shape(log_weights)[1]))).mean(0)


@bound.mistake(
    "batch-summed-before-lse",
    says="sums the log-weights over the data before the log-sum-exp over samples, so that all data share one weight",
    seen=("pyro-ppl/pyro#2220", "breze-no-salt/breze#85"),
)
def _(log_weights):
    return logsumexp(sized(log_weights).sum(1), 0) - float(np.log(len(log_weights)))


@bound.mistake(
    "lse-of-losses",
    says="takes the log-sum-exp of the negative log-weights, the log of the harmonic instead of the arithmetic mean",
    seen=("phlippe/CategoricalNF#2", "YosefLab/scVI-dev#8"),
)
def _(log_weights):
    return -(logsumexp(-np.asarray(log_weights), 0) - float(np.log(len(log_weights))))


@bound.mistake(
    "log-k-counts-batch",
    says="subtracts the logarithm of the batch size instead of log K",
    seen=("asyml/texar-pytorch#251",),
)
def _(log_weights):
    return logsumexp(log_weights, 0) - float(np.log(np.shape(log_weights)[1]))


@bound.mistake("log-k-added", says="adds log K instead of subtracting it")
def _(log_weights):
    return logsumexp(log_weights, 0) + float(np.log(len(log_weights)))


@bound.mistake("log-k-twice", says="averages the weights and then subtracts log K once more")
def _(log_weights):
    return logsumexp(log_weights, 0) - 2.0 * float(np.log(len(log_weights)))


@bound.mistake("iwae-best-sample", says="keeps the largest log-weight only")
def _(log_weights):
    return sized(np.max(log_weights, 0))


@bound.mistake("mean-weight-without-log", says="returns the mean weight and forgets its logarithm")
def _(log_weights):
    return exp(log_weights).mean(0)


@bound.mistake(
    "lse-without-max",
    says="exponentiates without subtracting the maximum: inf or -inf as soon as a log-weight leaves ±745",
    seen=("pyro-ppl/pyro#1214", "xqding/Importance_Weighted_Autoencoders#2"),
)
def _(log_weights):
    return log(exp(log_weights).mean(0))


@bound.mistake(
    "iwae-weights-not-detached",
    says="differentiates through the normalised weights as well: w (1 + log w - sum w log w) instead of w",
    seen=("AntixK/PyTorch-VAE#34", "AntixK/PyTorch-VAE#53"),
    of="gradient",
)
def _(log_weights):
    share, logs = softmax(log_weights, 0), sized(np.where(np.isfinite(log_weights), log_weights, 0.0))
    return {"log_weights": share * (1.0 + logs - expand((share * logs).sum(0), 0))}


@bound.mistake(
    "gradient-uniform-weights",
    says="gives every sample the weight 1/K, which is the gradient of the ELBO",
    of="gradient",
)
def _(log_weights):
    return {"log_weights": 0.0 * softmax(log_weights, 0) + 1.0 / len(log_weights)}


@bound.mistake(
    "weights-normalised-over-batch",
    says="normalises the weights over the data instead of over the samples",
    of="gradient",
)
def _(log_weights):
    return {"log_weights": softmax(log_weights, 1)}


@bound.mistake(
    "weights-not-normalised",
    says="leaves the weights unnormalised: w/K is the gradient of the mean weight, not of its logarithm",
    of="gradient",
)
def _(log_weights):
    return {"log_weights": exp(log_weights) / float(len(log_weights))}
