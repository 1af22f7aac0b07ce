"""What trains the recognition net of gradient-based inference, in both orders, and the closed-form step of the prior.

mu* = sigmoid(target_logits) are the refined means, held fixed; q = sigmoid(q_logits) the recognition net's. With q inside the
logarithm the objective is largest at q = mu*; with mu* inside it is linear in q and has its extremes at corners.
"""

import numpy as np

from refvi.specs.shared import SHARED
from refvi.specs.sized import expand, log, sigmoid, sized, softplus
from refvi.specs.spec import Input, Spec

NOTES = "notes on gradient-based inference for VAEs with discrete latent variables, 22 September 2015, "
INPUTS = (
    Input("q_logits", "B D", "real", "log odds that the recognition net predicts"),
    Input("target_logits", "B D", "given", "log odds of the refined means mu*, held fixed"),
)
CONVENTIONS = {"sign": "positive", "batch": "none", "units": "nats"}


def _edges():
    return {
        "net at the target": {"q_logits": [[0.5, -1.25]], "target_logits": [[0.5, -1.25]]},
        "target at a corner": {"q_logits": [[0.5, -1.25]], "target_logits": [[800.25, -750.5]]},
        "net at a corner": {"q_logits": [[800.25, -750.5]], "target_logits": [[0.5, -1.25]]},
        "one latent": {"q_logits": [[0.75]], "target_logits": [[-2.5]]},
    }


def cross(weight_logits, log_logits):
    """The two terms of w log p + (1 - w) log(1 - p) with w and p by logits, summed over latents."""
    w, p = sized(weight_logits), sized(log_logits)
    return {
        "ones": -(sigmoid(w) * softplus(-p)).sum(-1),
        "zeros": -(sigmoid(-w) * softplus(p)).sum(-1),
    }


def shared_mistakes(spec, terms_of):
    """Add the mistakes that do not depend on the order."""

    @spec.mistake("zeros-not-counted", says="counts the ones only and forgets (1 - ·) log(1 - ·)")
    def _(q_logits, target_logits):
        return {"ones": terms_of(q_logits, target_logits)["ones"]}

    @spec.mistake(
        "wrong-logarithm", says="multiplies 1 - the weight with the logarithm of the probability of a one"
    )
    def _(q_logits, target_logits):
        return {
            "ones": terms_of(q_logits, target_logits)["ones"],
            "zeros": terms_of(-q_logits, target_logits)["ones"]
            if spec is printed
            else terms_of(q_logits, -target_logits)["ones"],
        }

    @spec.mistake("one-minus-target", says="exchanges mu* and 1 - mu*")
    def _(q_logits, target_logits):
        return terms_of(q_logits, -target_logits)

    @spec.mistake(**SHARED["kl-mean-over-latents"])
    def _(q_logits, target_logits):
        found = terms_of(q_logits, target_logits)
        return {n: t / float(q_logits.shape[-1]) for n, t in found.items()}

    @spec.mistake("targets-rounded", says="rounds the refined means to hard labels, zeros and ones")
    def _(q_logits, target_logits):
        if spec is printed:  # the logarithms of labels, cut at -100 as libraries do
            on = (target_logits > 0).astype(np.float64)
            return -100.0 * (sigmoid(q_logits) * (1.0 - on) + sigmoid(-q_logits) * on).sum(-1)
        sign = np.where(target_logits > 0, 1.0, -1.0)
        return -softplus(-(sign * sized(q_logits))).sum(-1)

    @spec.mistake("own-entropy", says="takes the net's own means on both sides: minus the entropy of q")
    def _(q_logits, target_logits):  # noqa: ARG001
        return cross(q_logits, q_logits)

    @spec.mistake(
        "log-of-overlap", says="takes the logarithm of q mu* + (1 - q)(1 - mu*), outside the average"
    )
    def _(q_logits, target_logits):
        overlap = sigmoid(q_logits) * sigmoid(target_logits) + sigmoid(-q_logits) * sigmoid(-target_logits)
        return log(overlap).sum(-1)

    @spec.mistake("squared-error", says="is the negative squared distance between q and mu*")
    def _(q_logits, target_logits):
        return -((sigmoid(q_logits) - sigmoid(target_logits)) ** 2).sum(-1)


# ---- the order whose optimum is mu*


def _auxiliary(q_logits, target_logits):
    return cross(target_logits, q_logits)


auxiliary = Spec(
    id="discrete_vae.auxiliary",
    says="soft-label log-likelihood of the recognition net, sum mu* log q + (1 - mu*) log(1 - q): largest at q = mu*",
    inputs=INPUTS,
    output="B",
    reference=_auxiliary,
    gradient=lambda q_logits, target_logits: {
        "q_logits": {
            "ones": sigmoid(target_logits) * sigmoid(-q_logits),
            "zeros": -(sigmoid(-target_logits) * sigmoid(q_logits)),
        }
    },
    conventions=CONVENTIONS,
    sizes={"B": (2, 3, 5), "D": (2, 3, 5, 7)},
    source=NOTES + "equation 5 with its arguments exchanged",
    edges=_edges,
)


@auxiliary.relative(
    "divergence",
    says="adds the entropy of mu*, which no parameter of the net moves: -KL(mu* || q)",
    of="value",
)
def _(q_logits, target_logits):
    entropy = -sum((t for t in cross(target_logits, target_logits).values()), start=sized(0.0))
    return sum(_auxiliary(q_logits, target_logits).values(), start=sized(0.0)) + entropy


@auxiliary.mistake(
    "auxiliary-arguments-swapped",
    says="has mu* inside the logarithm, as the notes print it: linear in q, with its extremes at corners, not at mu*",
)
def _(q_logits, target_logits):
    return cross(q_logits, target_logits)


@auxiliary.mistake("logits-for-targets", says="takes the refined logits themselves for the means mu*")
def _(q_logits, target_logits):
    q = sized(q_logits)
    return -(target_logits * softplus(-q) + (1.0 - target_logits) * softplus(q)).sum(-1)


@auxiliary.mistake(**SHARED["log-of-sigmoid"])
def _(q_logits, target_logits):
    q, m = sigmoid(q_logits), sigmoid(target_logits)
    return (m * log(q) + (1.0 - m) * log(1.0 - q)).sum(-1)


@auxiliary.mistake(
    "gradient-by-means",
    says="gives the gradient in the net's means where that in its logits is wanted: a factor q (1 - q) is missing",
    of="gradient",
)
def _(q_logits, target_logits):
    on, off = sigmoid(q_logits), sigmoid(-sized(q_logits))
    return {"q_logits": sigmoid(target_logits) / on - sigmoid(-sized(target_logits)) / off}


@auxiliary.mistake(
    "gradient-of-the-weight",
    says="differentiates the wrong factor: q (1 - q) times the log odds of mu*, the gradient of the other order",
    of="gradient",
)
def _(q_logits, target_logits):
    return {"q_logits": sigmoid(q_logits) * sigmoid(-sized(q_logits)) * target_logits}


# ---- the order of the notes


def _printed(q_logits, target_logits):
    return cross(q_logits, target_logits)


printed = Spec(
    id="discrete_vae.auxiliary_as_printed",
    says="sum q log mu* + (1 - q) log(1 - mu*), the order in which the notes print it: its extremes are at corners",
    inputs=INPUTS,
    output="B",
    reference=_printed,
    gradient=lambda q_logits, target_logits: {
        "q_logits": {
            "ones": -(sigmoid(q_logits) * sigmoid(-sized(q_logits)) * softplus(-sized(target_logits))),
            "zeros": sigmoid(q_logits) * sigmoid(-sized(q_logits)) * softplus(target_logits),
        }
    },
    conventions=CONVENTIONS,
    sizes={"B": (2, 3, 5), "D": (2, 3, 5, 7)},
    source=NOTES + "equation 5",
    edges=_edges,
)


@printed.mistake(
    "auxiliary-arguments-exchanged",
    says="has q inside the logarithm and mu* as the weight: soft-label log-likelihood, the other order",
)
def _(q_logits, target_logits):
    return cross(target_logits, q_logits)


@printed.mistake(
    "gradient-by-means",
    says="gives the gradient in the net's means, the log odds of mu*, where that in its logits is wanted",
    of="gradient",
)
def _(q_logits, target_logits):
    return {"q_logits": sized(target_logits) + 0.0 * sized(q_logits)}


@printed.mistake(
    "gradient-of-the-logarithm",
    says="differentiates as if q stood inside the logarithm: mu* - q, the gradient of the other order",
    of="gradient",
)
def _(q_logits, target_logits):
    return {"q_logits": sigmoid(target_logits) - sigmoid(q_logits)}


shared_mistakes(auxiliary, _auxiliary)
shared_mistakes(printed, _printed)


# ---- the prior


def _prior(means):
    return {"mean": sized(means).mean(0)}


prior_step = Spec(
    id="discrete_vae.prior_step",
    says="the prior probabilities that maximise the expected log joint: the mean over data of q's means, latent by latent",
    inputs=(Input("means", "B D", "probability", "mean of every latent under q, for every datum"),),
    output="D",
    reference=_prior,
    sizes={"B": (3, 5, 7), "D": (2, 3, 5)},
    least={"B": 2},
    source=NOTES + "equation 6; Neal and Hinton 1998, section 2 (the M step of an exponential family)",
    edges=lambda: {
        "q certain": {"means": [[0.0, 1.0], [1.0, 1.0], [0.0, 1.0]]},
        "nearly certain": {"means": [[2.0**-40, 1.0 - 2.0**-40], [0.25, 0.75]]},
    },
)


@prior_step.mistake(
    "prior-mean-over-bits", says="averages over the latents as well: one probability for all of them"
)
def _(means):
    return sized(means).mean(0).mean(-1) + np.zeros(means.shape[1])


@prior_step.mistake("prior-not-divided", says="adds up the means without dividing by the number of data")
def _(means):
    return sized(means).sum(0)


@prior_step.mistake(
    "prior-mean-of-log-odds", says="averages the log odds of q and takes the sigmoid of the average"
)
def _(means):
    m = sized(means)
    with np.errstate(divide="ignore", invalid="ignore"):
        return sigmoid((log(m) - log(1.0 - m)).mean(0))


@prior_step.mistake("prior-one-minus-mu", says="gives the probability of a zero instead of that of a one")
def _(means):
    return (1.0 - sized(means)).mean(0)


@prior_step.mistake(
    "prior-hard-counts", says="counts the data whose mean exceeds one half, instead of averaging"
)
def _(means):
    return sized((means > 0.5).astype(np.float64)).mean(0)


@prior_step.mistake(
    "prior-smoothed",
    says="adds one pseudo-count of each outcome: the mean under a uniform Beta prior, not the maximum",
)
def _(means):
    return (sized(means).sum(0) + 1.0) / float(len(means) + 2)


@prior_step.mistake(
    "prior-normalised-over-bits",
    says="divides by the sum over the latents, as if they were one categorical variable",
)
def _(means):
    total = sized(means).sum(0)
    return total / expand(total.sum(-1), -1)


@prior_step.mistake("prior-over-n-minus-one", says="divides by one less than the number of data")
def _(means):
    return sized(means).sum(0) / float(len(means) - 1)
