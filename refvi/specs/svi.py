"""Stochastic variational inference: the scale of a minibatch, and the expected log probabilities of variational Bayes."""

import numpy as np

from refvi.specs.sized import Sized, expand, log, sized
from refvi.specs.spec import Input, Spec

# ---- minibatches


def _draw(rng, sizes):
    """N is no multiple of B, and B is at least 2."""
    batch = sizes["B"]
    return {
        "local_elbo": np.round((rng.normal(size=batch) * 1.5 - 4.0) * 64) / 64,
        "global_kl": np.asarray(np.round(np.exp(rng.normal()) * 64) / 64 + 1.25),
        "total": np.asarray(float(batch * rng.integers(2, 9) + rng.integers(1, batch))),
    }


def _minibatch(local_elbo, global_kl, total):
    scaled = (sized(total) / float(len(local_elbo))) * sized(local_elbo).sum()
    return {"data": scaled, "global": -sized(global_kl)}


minibatch_objective = Spec(
    id="svi.minibatch_objective",
    says="an unbiased estimate of the ELBO of all data: (N / B) times the sum over the minibatch, less the global KL once",
    inputs=(
        Input("local_elbo", "B", "real", "E log p(x_n | ...) - local KL of the data in the minibatch"),
        Input(
            "global_kl",
            "",
            "positive",
            "KL of what all data share (a prior on parameters); 0 where there is none",
        ),
        Input("total", "", "count", "number N of all data"),
    ),
    output="",
    reference=_minibatch,
    gradient=lambda local_elbo, global_kl, total: {
        "local_elbo": (sized(total) / float(len(local_elbo))) * np.ones(len(local_elbo)),
        "global_kl": sized(-1.0) + 0.0 * sized(global_kl),
    },
    conventions={"sign": "positive", "units": "nats"},
    sizes={"B": (3, 5, 7)},
    source="Hoffman, Blei, Wang and Paisley 2013, equation (25), arXiv:1206.7051v3",
    draw=_draw,
    edges=lambda: {
        "all data": {"local_elbo": [-1.5, -2.25, -0.75], "global_kl": 0.5, "total": 3.0},
        "one datum of many": {"local_elbo": [-1.5], "global_kl": 0.5, "total": 1000.0},
    },
)


@minibatch_objective.mistake(
    "minibatch-scale-missing",
    says="adds up the minibatch without the factor N / B, so that the global KL outweighs the data",
    seen=("tachukao/mgplvm-pytorch#19", "pymc-devs/pymc#1287"),
)
def _(local_elbo, global_kl, total):  # noqa: ARG001
    return {"data": sized(local_elbo).sum(), "global": -sized(global_kl)}


@minibatch_objective.mistake(
    "minibatch-kl-by-fraction",
    says="multiplies the global KL by B / N instead of the data by N / B: right up to a factor that depends on B",
    seen=("tensorflow/probability#1304",),
)
def _(local_elbo, global_kl, total):
    fraction = float(len(local_elbo)) / sized(total)
    return {"data": sized(local_elbo).sum(), "global": -sized(global_kl) * fraction}


@minibatch_objective.mistake(
    "minibatch-mean-less-kl", says="averages over the minibatch and subtracts the whole global KL"
)
def _(local_elbo, global_kl, total):  # noqa: ARG001
    return {"data": sized(local_elbo).mean(), "global": -sized(global_kl)}


@minibatch_objective.mistake(
    "minibatch-scale-squared",
    says="applies the factor N / B twice",
    seen=("pyro-ppl/pyro#531",),
)
def _(local_elbo, global_kl, total):
    terms = _minibatch(local_elbo, global_kl, total)
    return {**terms, "data": terms["data"] * (sized(total) / float(len(local_elbo)))}


@minibatch_objective.mistake(
    "minibatch-integer-division", says="divides N by B in whole numbers", seen=("pyro-ppl/pyro#2611",)
)
def _(local_elbo, global_kl, total):
    whole = float(np.asarray(total) // len(local_elbo))
    return {"data": whole * sized(local_elbo).sum(), "global": -sized(global_kl)}


@minibatch_objective.mistake(
    "minibatch-scales-global-kl", says="multiplies the global KL by N / B as well as the data"
)
def _(local_elbo, global_kl, total):
    terms = _minibatch(local_elbo, global_kl, total)
    return {**terms, "global": -(sized(total) / float(len(local_elbo))) * sized(global_kl)}


@minibatch_objective.mistake(
    "minibatch-kl-by-batch-size",
    says="divides the global KL by the size of the minibatch",
    seen=("tensorflow/probability#719",),
)
def _(local_elbo, global_kl, total):
    terms = _minibatch(local_elbo, global_kl, total)
    return {**terms, "global": -sized(global_kl) / float(len(local_elbo))}


@minibatch_objective.mistake("minibatch-scale-inverted", says="multiplies the data by B / N instead of N / B")
def _(local_elbo, global_kl, total):
    terms = _minibatch(local_elbo, global_kl, total)
    fraction = float(len(local_elbo)) / sized(total)
    return {**terms, "data": fraction * sized(local_elbo).sum()}


# ---- variational Bayes: expected log probabilities under a Dirichlet


def _digamma(a):
    from scipy.special import digamma, polygamma

    a = sized(a)
    value = digamma(a.value)
    return Sized(value, polygamma(1, a.value) * (a.size + np.abs(a.value)) + np.abs(value))


def _expected_log(concentration):
    total = sized(concentration).sum(-1)
    return {
        "own": _digamma(concentration),
        "total": -expand(_digamma(total), -1) + 0.0 * sized(concentration),
    }


def _trigamma(a):
    from scipy.special import polygamma

    value = polygamma(1, sized(a).value)
    return Sized(value, np.abs(polygamma(2, sized(a).value) * sized(a).value) + np.abs(value))


def _expected_log_gradient(concentration):
    width = float(np.shape(concentration)[-1])
    total = expand(_trigamma(sized(concentration).sum(-1).value), -1)
    return {"concentration": _trigamma(concentration) - width * total + 0.0 * sized(concentration)}


dirichlet_expected_log = Spec(
    id="vb.dirichlet_expected_log",
    says="E[log pi_c] under a Dirichlet, what the E step of variational Bayes uses in place of log pi_c",
    inputs=(Input("concentration", "B C", "positive", "concentrations of the Dirichlet"),),
    output="B C",
    reference=_expected_log,
    gradient=_expected_log_gradient,
    conventions={"batch": "none", "units": "nats"},
    source="Bishop 2006, Pattern Recognition and Machine Learning, equation (10.66)",
    edges=lambda: {
        "small": {"concentration": [[2.0**-10, 0.75, 1.5]]},
        "large": {"concentration": [[2.0**12, 3000.0]]},
    },
)


@dirichlet_expected_log.mistake(
    "vb-dirichlet-e-log-pi",
    says="takes the logarithm of the concentrations for the expected logarithm",
    seen=("cangermueller/varinf#1",),
)
def _(concentration):
    return log(sized(concentration))


@dirichlet_expected_log.mistake(
    "vb-log-of-mean", says="takes the logarithm of the mean instead of the mean of the logarithm"
)
def _(concentration):
    a = sized(concentration)
    return log(a) - expand(log(a.sum(-1)), -1)


@dirichlet_expected_log.mistake("vb-total-digamma-missing", says="leaves out the digamma function of the sum")
def _(concentration):
    return _digamma(concentration)


@dirichlet_expected_log.mistake(
    "vb-digamma-sum-inside", says="sums the digamma functions, where the one of the sum belongs"
)
def _(concentration):
    own = _digamma(concentration)
    return own - expand(own.sum(-1), -1)


@dirichlet_expected_log.mistake(
    "vb-log-total", says="subtracts the logarithm of the sum instead of its digamma function"
)
def _(concentration):
    return _digamma(concentration) - expand(log(sized(concentration).sum(-1)), -1)
