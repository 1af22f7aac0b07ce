"""Score-function gradients with respect to the logits of a factorised Bernoulli, at given samples and values f.

One estimator per baseline: two estimators with the same mean differ at the same samples, so each is its own spec and
knows the others as relatives. Not here: f that depends on parameters; that is `score.elbo_gradient` in refvi/specs/sbn.py.
"""

import numpy as np

from refvi.specs.sized import einsum, exp, expand, sigmoid, sized, softplus, sqrt
from refvi.specs.spec import Input, Spec

INPUTS = (
    Input("z", "K B D", "binary", "samples of q(z) = prod_d Bernoulli(z_d; sigmoid(logits_d))"),
    Input("f", "K B", "given", "value of the integrand at each sample"),
    Input("logits", "B D", "real", "logits of q"),
)
CONVENTIONS = {"sign": "positive", "batch": "sum"}


def _estimate(z, f, logits):
    """(1/K) sum_k f_k (z_k - sigmoid(logits)); z - sigmoid is the score d log q / d logits."""
    return {"logits": einsum("kb,kbd->bd", f, z - sigmoid(logits)) / float(len(z))}


def _others(f):
    """Mean of f over the other samples; without any there is no baseline."""
    f, count = sized(f), len(f)
    return (expand(f.sum(0), 0) - f) / float(count - 1) if count > 1 else 0.0 * f


def _leave_one_out(z, f, logits):
    return _estimate(z, sized(f) - _others(f), logits)


def _edges():
    z = [[[1.0, 0.0]], [[0.0, 0.0]], [[1.0, 1.0]]]
    f, logits = [[0.5], [-2.25], [1.75]], [[0.5, -1.25]]
    return {
        "logits large": {"z": z, "f": f, "logits": [[40.5, -800.25]]},
        "values far from zero": {"z": z, "f": [[1.0e6 + 0.5], [1.0e6 - 2.25], [1.0e6]], "logits": logits},
        "equal values": {"z": z, "f": [[-2.25]] * 3, "logits": logits},
        "two samples": {"z": z[:2], "f": f[:2], "logits": logits},
    }


def _spec(name, says, estimate, source, least):
    return Spec(
        id=name,
        says=says,
        inputs=INPUTS,
        output="B",
        reference=lambda z, f, logits: {"log_q": _weighted_log_q(z, f, logits)},
        gradient=estimate,
        conventions=CONVENTIONS,
        only="gradient",
        least={"K": least},
        source=source,
        edges=_edges,
    )


def _weighted_log_q(z, f, logits):
    """The surrogate whose derivative is the estimate: the mean of f log q with f held fixed."""
    logits = sized(logits)
    log_q = (z * logits - softplus(logits)).sum(-1)
    return (sized(f) * log_q).mean(0)


plain = _spec(
    "score.gradient",
    "score-function (REINFORCE) gradient of E_q f with respect to the logits of a Bernoulli q, no baseline",
    _estimate,
    "Williams 1992; Mohamed, Rosca, Figurnov and Mnih 2020, section 4, arXiv:1906.10652v2",
    1,
)
leave_one_out = _spec(
    "score.gradient_leave_one_out",
    "score-function gradient of E_q f where each sample's baseline is the mean of f over the other samples",
    _leave_one_out,
    "Kool, van Hoof and Welling 2019, Buy 4 REINFORCE samples, get a baseline for free",
    2,
)


# ---- other valid estimators


@plain.relative(
    "leave-one-out",
    says="subtracts the mean of f over the other samples as a baseline",
    declare="score.gradient_leave_one_out",
)
def _(z, f, logits):
    return _leave_one_out(z, f, logits)


@plain.relative(
    "score-offset-one",
    says="subtracts the constant baseline 1 (pyro-ppl/pyro#2894, TuringLang/AdvancedVI.jl#99)",
)
def _(z, f, logits):
    return _estimate(z, sized(f) - 1.0, logits)


@leave_one_out.relative("plain", says="uses no baseline", declare="score.gradient")
def _(z, f, logits):
    return _estimate(z, f, logits)


@leave_one_out.relative(
    "scaled-leave-one-out",
    says="divides the sum of the other values by K instead of K - 1: a smaller baseline",
)
def _(z, f, logits):
    return _estimate(z, sized(f) - _others(f) * ((len(z) - 1) / len(z)), logits)


@leave_one_out.relative(
    "baseline-added", says="adds the mean of the others instead of subtracting it: same mean, more variance"
)
def _(z, f, logits):
    return _estimate(z, sized(f) + _others(f), logits)


# ---- mistakes that both can make


def _both(baseline, slug, says, seen=("derived",)):
    """The mistake in both specs: a function of (z, f minus the spec's baseline, logits)."""

    def add(wrong):
        def without(z, f, logits):
            return wrong(z, sized(f), logits)

        def within(z, f, logits):
            return wrong(z, sized(f) - _others(f), logits)

        plain.mistake(slug, says=says, seen=seen, of="gradient")(without)
        if baseline:
            leave_one_out.mistake(slug, says=says, seen=seen, of="gradient")(within)

    return add


@_both(True, "particles-sum", "sums over the samples instead of averaging", ("pyro-ppl/numpyro#1724",))
def _(z, f, logits):
    return {"logits": _estimate(z, f, logits)["logits"] * float(len(z))}


@_both(
    True,
    "log-q-mean-over-latents",
    "averages log q over the latents instead of summing",
    ("KaiyangZhou/pytorch-vsumm-reinforce#48",),
)
def _(z, f, logits):
    return {"logits": _estimate(z, f, logits)["logits"] / float(np.shape(logits)[-1])}


@_both(
    False,
    "mean-score-times-mean-value",
    "multiplies the mean of log q by the mean of f: each sample is credited with the others' values",
    ("Farama-Foundation/Gymnasium#1336",),
)
def _(z, f, logits):
    return _estimate(z, expand(f.mean(0), 0) + 0.0 * f, logits)


@_both(
    True,
    "score-of-probabilities",
    "gives the derivative by the probabilities, without the factor p (1 - p) that leads to the logits",
    ("normal-computing/posteriors#15",),
)
def _(z, f, logits):
    p = sigmoid(logits)
    return {"logits": _estimate(z, f, logits)["logits"] / (p * (1.0 - p))}


@_both(True, "prob-instead-of-log-prob", "weights the gradient of q(z) with f, not the gradient of log q(z)")
def _(z, f, logits):
    q = exp((z * sized(logits) - softplus(logits)).sum(-1))
    return _estimate(z, f * q, logits)


@_both(True, "score-of-positives", "counts z log p only: latents that are 0 contribute nothing")
def _(z, f, logits):
    return {"logits": einsum("kb,kbd->bd", f, z * (1.0 - sigmoid(logits))) / float(len(z))}


# ---- baselines that are none

OWN = {
    "slug": "baseline-uses-own-sample",
    "says": "subtracts the mean over all samples, the sample's own value included: the mean shrinks by (K - 1) / K",
    "seen": ("jsboige/CoursIA#15256", "areal-project/AReaL#354"),
}


@plain.mistake(**OWN, of="gradient")
@leave_one_out.mistake(**OWN, of="gradient")
def _(z, f, logits):
    f = sized(f)
    return _estimate(z, f - expand(f.mean(0), 0), logits)


BATCH = {
    "slug": "baseline-over-batch",
    "says": "subtracts the mean over all samples and data, the sample's own value included",
    "seen": ("jsboige/CoursIA#15256", "areal-project/AReaL#354"),
}


@plain.mistake(**BATCH, of="gradient")
@leave_one_out.mistake(**BATCH, of="gradient")
def _(z, f, logits):
    f = sized(f)
    return _estimate(z, f - f.mean(), logits)


STANDARDISED = {
    "slug": "values-standardised",
    "says": "divides the centred values by their own standard deviation over the samples, which biases the gradient",
    "seen": ("thinking-machines-lab/tinker-cookbook#579", "YunzhuLi/InfoGAIL#5"),
}


@plain.mistake(**STANDARDISED, of="gradient")
@leave_one_out.mistake(**STANDARDISED, of="gradient")
def _(z, f, logits):
    f = sized(f)
    centred = f - expand(f.mean(0), 0)
    variance = expand((centred**2).sum(0), 0) / max(len(z) - 1.0, 1.0)
    return _estimate(z, centred / sqrt(variance), logits)
