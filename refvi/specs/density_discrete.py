"""Log probabilities of binary and categorical data, per datum, in nats."""

import numpy as np

from refvi.specs.kl_discrete import log_softmax
from refvi.specs.shared import SHARED
from refvi.specs.sized import (
    Sized,
    expand,
    log,
    logsumexp,
    rounded,
    sigmoid,
    sized,
    softmax,
    softplus,
    where,
    xlogy,
)
from refvi.specs.spec import Input, Spec

CONVENTIONS = {"sign": "positive", "batch": "none", "units": "nats"}
CLAMP = -100.0  # torch.nn.functional.binary_cross_entropy holds its logarithms above this

# ---- Bernoulli, by probabilities


def _bernoulli(x, probs):
    p = rounded(probs)
    return {"ones": xlogy(x, p).sum(-1), "zeros": xlogy(1.0 - x, 1.0 - p).sum(-1)}


bernoulli = Spec(
    id="log_density.bernoulli",
    says="log probability of independent bits, x log p + (1 - x) log(1 - p) summed over them, by probabilities",
    inputs=(
        Input("x", "B X", "binary", "the bits, 0 or 1"),
        Input("probs", "B X", "probability", "probability of a one"),
    ),
    output="B",
    reference=_bernoulli,
    gradient=lambda x, probs: {"probs": x / rounded(probs) - (1.0 - x) / (1.0 - rounded(probs))},
    conventions=CONVENTIONS,
    source="Bishop 2006, Pattern Recognition and Machine Learning, equation (2.2)",
    # Impossible outcomes (x = 1 at p = 0) are no edges: the answer is -inf, and libraries that clamp say so.
    edges=lambda: {
        "certain and right": {"x": [[0.0, 1.0]], "probs": [[0.0, 1.0]]},
        "nearly certain and wrong": {"x": [[0.0, 1.0]], "probs": [[1.0 - 2.0**-20, 2.0**-20]]},
    },
)


@bernoulli.mistake(**SHARED["bce-mean-reduction"])
def _(x, probs):
    return {k: t / float(x.shape[-1]) for k, t in _bernoulli(x, probs).items()}


@bernoulli.mistake(**SHARED["bce-args-swapped"])
def _(x, probs):
    log_x, log_not_x = (Sized(np.maximum(np.log(a), CLAMP)) for a in (x, 1.0 - x))
    return {"ones": (probs * log_x).sum(-1), "zeros": ((1.0 - probs) * log_not_x).sum(-1)}


@bernoulli.mistake(**SHARED["xlogx-at-zero"])
def _(x, probs):
    p = rounded(probs)
    return {"ones": (x * log(p)).sum(-1), "zeros": ((1.0 - x) * log(1.0 - p)).sum(-1)}


@bernoulli.mistake("bce-zeros-forgotten", says="sums over the ones and forgets the zeros")
def _(x, probs):
    return {"ones": _bernoulli(x, probs)["ones"]}


@bernoulli.mistake("mse-for-bce", says="is the negative squared error between bits and probabilities")
def _(x, probs):
    return -((sized(x) - probs) ** 2).sum(-1)


# ---- Bernoulli, by logits


def bernoulli_logits_terms(x, logits):
    """The terms of the log probability of bits, summed over the last axis."""
    logits = sized(logits)
    return {"ones": (-softplus(-logits) * x).sum(-1), "zeros": (-softplus(logits) * (1.0 - x)).sum(-1)}


def _bernoulli_logits_gradient(x, logits):
    return {"logits": x - sigmoid(logits)}


bernoulli_logits = Spec(
    id="log_density.bernoulli_logits",
    says="log probability of independent bits, x l - log(1 + e^l) summed over them, by logits",
    inputs=(
        Input("x", "B X", "binary", "the bits, 0 or 1"),
        Input("logits", "B X", "real", "log odds of a one"),
    ),
    output="B",
    reference=bernoulli_logits_terms,
    gradient=_bernoulli_logits_gradient,
    conventions=CONVENTIONS,
    source="Bishop 2006, Pattern Recognition and Machine Learning, equations (2.198) and (4.59)",
    edges=lambda: {
        "logits large and right": {"x": [[1.0, 0.0]], "logits": [[800.0, -800.0]]},
        "logits large and wrong": {"x": [[0.0, 1.0]], "logits": [[800.0, -800.0]]},
        "logits zero": {"x": [[0.0, 1.0]], "logits": [[0.0, 0.0]]},
    },
)


@bernoulli_logits.mistake(**SHARED["bce-mean-reduction"])
def _(x, logits):
    return {k: t / float(x.shape[-1]) for k, t in bernoulli_logits_terms(x, logits).items()}


@bernoulli_logits.mistake(**SHARED["bce-args-swapped"])
def _(x, logits):
    return (sized(logits) * x - softplus(x)).sum(-1)


@bernoulli_logits.mistake(**SHARED["double-sigmoid"])
def _(x, logits):
    return bernoulli_logits_terms(x, sigmoid(logits))


@bernoulli_logits.mistake(**SHARED["log-of-sigmoid"])
def _(x, logits):
    p = sigmoid(logits)
    return {"ones": (x * log(p)).sum(-1), "zeros": ((1.0 - x) * log(1.0 - p)).sum(-1)}


@bernoulli_logits.mistake("bce-softplus-sign", says="takes log(1 + e^-l) where log(1 + e^l) belongs")
def _(x, logits):
    return (sized(logits) * x - softplus(-logits)).sum(-1)


# ---- categorical


def _categorical(x, probs):
    return {"chosen": xlogy(x, rounded(probs)).sum(-1)}


categorical = Spec(
    id="log_density.categorical",
    says="log probability of a category, sum_c x_c log p_c for one-hot x, by probabilities",
    inputs=(
        Input("x", "B C", "one_hot", "the category, one-hot"),
        Input("probs", "B C", "simplex", "probabilities"),
    ),
    output="B",
    reference=_categorical,
    gradient=lambda x, probs: {"probs": x / rounded(probs)},
    conventions=CONVENTIONS,
    sizes={"C": (3, 5, 7)},
    least={"C": 2},
    source="Bishop 2006, Pattern Recognition and Machine Learning, equation (2.26)",
    edges=lambda: {
        "another category is impossible": {"x": [[1.0, 0.0, 0.0]], "probs": [[0.25, 0.0, 0.75]]},
        "certain and right": {"x": [[0.0, 1.0, 0.0]], "probs": [[0.0, 1.0, 0.0]]},
    },
)


@categorical.mistake(**SHARED["xlogx-at-zero"])
def _(x, probs):
    return (x * log(rounded(probs))).sum(-1)


@categorical.mistake("ce-mean-over-classes", says="averages over the categories instead of summing")
def _(x, probs):
    return (xlogy(x, rounded(probs)).sum(-1)) / float(x.shape[-1])


@categorical.mistake("probability-not-its-log", says="returns the probability itself, not its logarithm")
def _(x, probs):
    return (x * rounded(probs)).sum(-1)


@categorical.mistake(
    "softmax-of-probs", says="passes probabilities where logits are wanted, so they are normalised once more"
)
def _(x, probs):
    return (x * log_softmax(rounded(probs))).sum(-1)


@categorical.mistake(
    "bce-for-categories",
    says="adds log(1 - p) of the other categories, as if each were a bit of its own",
)
def _(x, probs):
    return sum(_bernoulli(x, probs).values())


def _categorical_logits(x, logits):
    return {"chosen": (x * sized(logits)).sum(-1), "log_normaliser": -logsumexp(logits)}


categorical_logits = Spec(
    id="log_density.categorical_logits",
    says="log probability of a category, l_chosen - log sum_c e^(l_c) for one-hot x, by logits",
    inputs=(
        Input("x", "B C", "one_hot", "the category, one-hot"),
        Input("logits", "B C", "real", "logits, not normalised"),
    ),
    output="B",
    reference=_categorical_logits,
    gradient=lambda x, logits: {"logits": x - softmax(logits)},
    conventions=CONVENTIONS,
    sizes={"C": (3, 5, 7)},
    least={"C": 2},
    source="Bishop 2006, Pattern Recognition and Machine Learning, equations (2.26) and (4.104)",
    edges=lambda: {
        "logits large": {"x": [[1.0, 0.0, 0.0]], "logits": [[800.0, -800.0, 0.5]]},
        "logits large and wrong": {"x": [[0.0, 1.0, 0.0]], "logits": [[800.0, -800.0, 0.5]]},
        "logits equal": {"x": [[0.0, 1.0, 0.0]], "logits": [[0.5, 0.5, 0.5]]},
    },
)


@categorical_logits.mistake("logits-not-normalised", says="leaves out the log-sum-exp of the logits")
def _(x, logits):
    return {"chosen": _categorical_logits(x, logits)["chosen"]}


@categorical_logits.mistake("lse-without-max", says="sums exponentials that overflow at large logits")
def _(x, logits):
    logits = sized(logits)
    total = logsumexp(logits)
    spoiled = np.log(np.exp(logits.value).sum(-1))
    return {**_categorical_logits(x, logits), "log_normaliser": -where(np.isfinite(spoiled), total, spoiled)}


@categorical_logits.mistake(
    "softmax-over-batch", says="normalises over the batch axis instead of the categories"
)
def _(x, logits):
    return (x * (sized(logits) - expand(logsumexp(logits, 0), 0))).sum(-1)


@categorical_logits.mistake(
    "double-softmax", says="passes probabilities where logits are wanted, so the softmax is taken twice"
)
def _(x, logits):
    return _categorical_logits(x, softmax(logits))


@categorical_logits.mistake("ce-mean-over-classes", says="averages over the categories instead of summing")
def _(x, logits):
    return {k: t / float(x.shape[-1]) for k, t in _categorical_logits(x, logits).items()}
