"""Mistakes that the exact ELBO of a discrete VAE and its surrogate have in common, and their closed-form terms.

They are about the prior, the entropy and the reductions, which do not depend on where the expectation over q stands. A
change is a function (terms of the spec, inputs) -> terms, added to a spec by `add_shared`.
"""

import functools

import numpy as np

from refvi.specs.shared import SHARED
from refvi.specs.sized import sigmoid, sized, softplus

CHANGES: list = []
GRADIENT_CHANGES: list = []


def change(slug, says, seen=("derived",)):
    """Decorator: a wrong variant of the terms."""
    return lambda wrong: CHANGES.append((slug, says, seen, wrong)) or wrong


def gradient_change(slug, says, seen=("derived",)):
    """Decorator: a wrong variant of the gradient."""
    return lambda wrong: GRADIENT_CHANGES.append((slug, says, seen, wrong)) or wrong


def add_shared(spec, terms_of, gradient_of):
    """Add every change to a spec, given what its terms and its gradient are."""
    for slug, says, seen, wrong in CHANGES:
        spec.mistake(slug, says=says, seen=seen)(functools.partial(_changed, wrong, terms_of))
    for slug, says, seen, wrong in GRADIENT_CHANGES:
        changed = functools.partial(_changed, wrong, gradient_of)
        spec.mistake(slug, says=says, seen=seen, of="gradient")(changed)


def _changed(wrong, of, **inputs):
    return wrong(of, inputs)


def prior_each(logits, prior_logits):
    """E_q[log p(h_d)] for every latent, (B, D)."""
    return sigmoid(logits) * prior_logits - softplus(prior_logits)


def entropy_each(logits):
    """Entropy of q for every latent, (B, D)."""
    return softplus(logits) - sized(logits) * sigmoid(logits)


# ---- the terms


@change("entropy-dropped", says="leaves the entropy of q out")
def _(of, inputs):
    found = of(**inputs)
    return {n: t for n, t in found.items() if n != "entropy"}


@change("entropy-subtracted", says="subtracts the entropy of q instead of adding it")
def _(of, inputs):
    found = of(**inputs)
    return {**found, "entropy": -found["entropy"]}


@change("entropy-of-prior", says="adds the entropy of the prior instead of that of q")
def _(of, inputs):
    found = of(**inputs)
    entropy = entropy_each(inputs["prior_logits"]).sum() + np.zeros(len(inputs["x"]))
    return {**found, "entropy": entropy}


@change("entropy-ones-only", says="counts -mu log mu in the entropy, but not -(1 - mu) log(1 - mu)")
def _(of, inputs):
    found = of(**inputs)
    a = sized(inputs["logits"])
    return {**found, "entropy": (sigmoid(a) * softplus(-a)).sum(-1)}


@change(
    "entropy-wrong-logarithm", says="multiplies mu with log(1 - mu) and 1 - mu with log mu in the entropy"
)
def _(of, inputs):
    found = of(**inputs)
    a = sized(inputs["logits"])
    crossed = sigmoid(a) * softplus(a) + sigmoid(-a) * softplus(-a)
    return {**found, "entropy": crossed.sum(-1)}


@change(
    "one-minus-mu", says="takes sigmoid(logits) for the probability of a zero: mu and 1 - mu are exchanged"
)
def _(of, inputs):
    return of(**{**inputs, "logits": -inputs["logits"]})


@change("prior-missing", says="leaves E_q[log p(h)] out of the bound")
def _(of, inputs):
    found = of(**inputs)
    return {n: t for n, t in found.items() if n != "prior"}


@change("prior-uniform", says="takes one half for every prior probability")
def _(of, inputs):
    return of(**{**inputs, "prior_logits": 0.0 * inputs["prior_logits"]})


@change("prior-zeros-not-counted", says="counts mu log mu^h in the prior, but not (1 - mu) log(1 - mu^h)")
def _(of, inputs):
    found = of(**inputs)
    ones = -(sigmoid(inputs["logits"]) * softplus(-inputs["prior_logits"]))
    return {**found, "prior": ones.sum(-1)}


@change(**SHARED["kl-wrong-sign"])
def _(of, inputs):
    found = of(**inputs)
    return {**found, "prior": -found["prior"], "entropy": -found["entropy"]}


@change(**SHARED["kl-mean-over-latents"])
def _(of, inputs):
    found = of(**inputs)
    count = float(len(inputs["prior_logits"]))
    return {**found, "prior": found["prior"] / count, "entropy": found["entropy"] / count}


@change(**SHARED["bce-mean-reduction"])
def _(of, inputs):
    found = of(**inputs)
    return {**found, "likelihood": found["likelihood"] / float(len(inputs["bias"]))}


# ---- the gradient


@gradient_change(
    "gradient-by-means",
    says="gives the gradient in the means where that in the logits is wanted: a factor mu (1 - mu) is missing",
)
def _(of, inputs):
    found = of(**inputs)
    slope = sigmoid(inputs["logits"]) * sigmoid(-inputs["logits"])
    return {**found, "logits": {n: t / slope for n, t in found["logits"].items()}}


@gradient_change("entropy-gradient-missing", says="does not differentiate the entropy of q")
def _(of, inputs):
    found = of(**inputs)
    return {**found, "logits": {n: t for n, t in found["logits"].items() if n != "entropy"}}


@gradient_change(
    "prior-gradient-without-mean", says="gives prior_logits the mean of q, without subtracting the prior mean"
)
def _(of, inputs):
    found = of(**inputs)
    return {**found, "prior_logits": sigmoid(inputs["logits"]).sum(0)}
