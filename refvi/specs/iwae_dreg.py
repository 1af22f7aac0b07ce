"""The doubly reparameterised gradient of the importance-weighted bound, for the model of refvi/specs/iwae_gradient.py."""

from refvi.specs.iwae_gradient import (
    at,
    by_probability,
    doubly_reparameterised,
    keep,
    model_spec,
    plain,
    pull,
    share,
)
from refvi.specs.shared import SHARED
from refvi.specs.sized import softmax


def _gradient(**inputs):
    return doubly_reparameterised(at(**inputs))


dreg = model_spec(
    "iwae.gradient_dreg",
    "doubly reparameterised gradient of the same bound: squared weights and no score of q for mu and std",
    _gradient,
    "Tucker, Lawson, Gu and Maddison 2018, the estimator IWAE-DReG, arXiv:1810.04152v2",
)


@dreg.relative(
    "plain",
    says="keeps weights and score of q, as if nothing were stopped (a stop_gradient without effect does this)",
    declare="iwae.gradient",
)
def _(**inputs):
    return plain(**inputs)


@dreg.mistake(
    "dreg-weights-not-squared",
    says="drops the score of q but does not square the weights: unbiased for K = 1 only",
    of="gradient",
)
def _(**inputs):
    return keep(plain(**inputs), "likelihood", "prior", "path")


@dreg.mistake("dreg-score-kept", says="squares the weights but keeps the score of q", of="gradient")
def _(**inputs):
    p = at(**inputs)
    c = share(p)
    return {**plain(**inputs), **{n: g for n, g in pull(c * c, p).items() if n in ("mu", "std")}}


@dreg.mistake(
    "dreg-squares-model-weights",
    says="squares the weights for the decoder as well, whose gradient takes them unsquared",
    of="gradient",
)
def _(**inputs):
    p = at(**inputs)
    c = share(p)
    return keep(pull(c * c, p), "likelihood", "prior", "path")


@dreg.mistake(
    "sample-not-rsample",
    says="cuts the gradient at the sample, so that mu and std get no gradient at all",
    seen=SHARED["sample-not-rsample"]["seen"],
    of="gradient",
)
def _(**inputs):
    return keep(plain(**inputs))


@dreg.mistake(
    "weights-normalised-over-batch",
    says="normalises the weights over the data instead of over the samples",
    of="gradient",
)
def _(**inputs):
    p = at(**inputs)
    c = softmax(p.log_weights, 1)
    path = keep(pull(c * c, p), "likelihood", "prior", "path")
    return {**pull(c, p), "mu": path["mu"], "std": path["std"]}


@dreg.mistake(**SHARED["log-of-sigmoid"], of="gradient")
def _(**inputs):
    p = by_probability(**inputs)
    return doubly_reparameterised(p)
