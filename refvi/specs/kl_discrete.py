"""Divergences between Bernoulli and between categorical distributions, by probabilities and by logits.

Where a gradient adds 1 and takes it away again, that is the derivative of q log q: whoever differentiates term by term
rounds there, so S has to count it. The logits of p stay where its probability is neither 0 nor 1 in double precision:
beyond, libraries that go by probabilities call the divergence infinite, and say so.
"""

from refvi.specs.shared import SHARED
from refvi.specs.sized import expand, log, logsumexp, rounded, sigmoid, sized, softmax, softplus, xlogy
from refvi.specs.spec import Input, Spec

CONVENTIONS = {"sign": "positive", "batch": "none", "units": "nats"}
WITH_LATENTS = {"sign": "positive", "batch": "none", "latents": "sum", "units": "nats"}

# ---- Bernoulli, by probabilities


def _bernoulli(q_probs, p_probs):
    q, p = rounded(q_probs), rounded(p_probs)
    return {
        "cross_entropy": -(xlogy(q, p) + xlogy(1.0 - q, 1.0 - p)),
        "negative_entropy": xlogy(q, q) + xlogy(1.0 - q, 1.0 - q),
    }


def _bernoulli_gradient(q_probs, p_probs):
    q, p = rounded(q_probs), rounded(p_probs)
    return {
        "q_probs": (log(q) - log(p) + 1.0) - (log(1.0 - q) - log(1.0 - p) + 1.0),
        "p_probs": (1.0 - q) / (1.0 - p) - q / p,
    }


bernoulli = Spec(
    id="kl.bernoulli",
    says="KL( Bernoulli(q_probs) || Bernoulli(p_probs) ) of independent bits, by probabilities",
    inputs=(
        Input("q_probs", "B D", "probability", "probability of a one under q"),
        Input("p_probs", "B D", "probability", "probability of a one under p"),
    ),
    output="B D",
    reference=_bernoulli,
    gradient=_bernoulli_gradient,
    conventions=WITH_LATENTS,
    source="Cover and Thomas 2006, Elements of Information Theory, 2nd ed., equation (2.26)",
    edges=lambda: {
        "q certain": {"q_probs": [[0.0, 1.0]], "p_probs": [[0.25, 0.625]]},
        "q and p certain and equal": {"q_probs": [[0.0, 1.0]], "p_probs": [[0.0, 1.0]]},
        "q is p": {"q_probs": [[0.25, 0.625]], "p_probs": [[0.25, 0.625]]},
        "p nearly certain": {"q_probs": [[0.25, 0.625]], "p_probs": [[2.0**-20, 1.0 - 2.0**-20]]},
    },
)


def _x_log_x(x, y):
    """X log y as people write it: NaN at x = y = 0."""
    return sized(x) * log(y)


def _naive_bernoulli(q, p):
    return {
        "cross_entropy": -(_x_log_x(q, p) + _x_log_x(1.0 - q, 1.0 - p)),
        "negative_entropy": _x_log_x(q, q) + _x_log_x(1.0 - q, 1.0 - q),
    }


@bernoulli.mistake(**SHARED["xlogx-at-zero"])
def _(q_probs, p_probs):
    return _naive_bernoulli(rounded(q_probs), rounded(p_probs))


@bernoulli.mistake(**SHARED["kl-reversed"])
def _(q_probs, p_probs):
    return _bernoulli(p_probs, q_probs)


@bernoulli.mistake("kl-zeros-forgotten", says="sums over the outcome one only and forgets the outcome zero")
def _(q_probs, p_probs):
    q, p = rounded(q_probs), rounded(p_probs)
    return {"cross_entropy": -xlogy(q, p), "negative_entropy": xlogy(q, q)}


@bernoulli.mistake("kl-entropy-forgotten", says="is the cross-entropy: the entropy of q is not subtracted")
def _(q_probs, p_probs):
    return {"cross_entropy": _bernoulli(q_probs, p_probs)["cross_entropy"]}


@bernoulli.mistake(**SHARED["kl-mean-over-latents"])
def _(**inputs):
    return sum(_bernoulli(**inputs).values()).mean(-1)


@bernoulli.mistake(**SHARED["kl-sum-without-dim"])
def _(**inputs):
    return sum(_bernoulli(**inputs).values()).sum()


# ---- Bernoulli, by logits


def _bernoulli_logits(q_logits, p_logits):
    q, not_q, a, b = sigmoid(q_logits), sigmoid(-q_logits), sized(q_logits), sized(p_logits)
    return {
        "cross_entropy": q * softplus(-b) + not_q * softplus(b),
        "negative_entropy": -(q * softplus(-a) + not_q * softplus(a)),
    }


def _bernoulli_logits_gradient(q_logits, p_logits):
    q, not_q, a, b = sigmoid(q_logits), sigmoid(-q_logits), sized(q_logits), sized(p_logits)
    ones, zeros = softplus(-b) - softplus(-a), softplus(b) - softplus(a)
    return {"q_logits": q * not_q * ((ones + 1.0) - (zeros + 1.0)), "p_logits": sigmoid(b) - q}


bernoulli_logits = Spec(
    id="kl.bernoulli_logits",
    says="KL( Bernoulli(sigmoid(q_logits)) || Bernoulli(sigmoid(p_logits)) ) of independent bits, by logits",
    inputs=(
        Input("q_logits", "B D", "real", "log odds of a one under q"),
        Input("p_logits", "B D", "real", "log odds of a one under p"),
    ),
    output="B D",
    reference=_bernoulli_logits,
    gradient=_bernoulli_logits_gradient,
    conventions=WITH_LATENTS,
    source="Cover and Thomas 2006, Elements of Information Theory, 2nd ed., equation (2.26)",
    edges=lambda: {
        "logits of q large": {"q_logits": [[800.0, -800.0]], "p_logits": [[0.5, -1.25]]},
        "logits of p large": {"q_logits": [[0.5, -1.25]], "p_logits": [[18.5, -18.25]]},
        "both large and opposed": {"q_logits": [[800.0, -800.0]], "p_logits": [[-18.5, 18.25]]},
        "q is p": {"q_logits": [[0.5, -1.25]], "p_logits": [[0.5, -1.25]]},
    },
)


@bernoulli_logits.mistake(**SHARED["log-of-sigmoid"])
def _(q_logits, p_logits):
    return _naive_bernoulli(sigmoid(q_logits), sigmoid(p_logits))


@bernoulli_logits.mistake(**SHARED["kl-reversed"])
def _(q_logits, p_logits):
    return _bernoulli_logits(p_logits, q_logits)


@bernoulli_logits.mistake(**SHARED["double-sigmoid"])
def _(q_logits, p_logits):
    return _bernoulli_logits(sigmoid(q_logits).value, sigmoid(p_logits).value)


@bernoulli_logits.mistake(
    "kl-entropy-forgotten", says="is the cross-entropy: the entropy of q is not subtracted"
)
def _(q_logits, p_logits):
    return {"cross_entropy": _bernoulli_logits(q_logits, p_logits)["cross_entropy"]}


@bernoulli_logits.mistake(**SHARED["kl-mean-over-latents"])
def _(**inputs):
    return sum(_bernoulli_logits(**inputs).values()).mean(-1)


# ---- categorical, by probabilities


def _categorical(q_probs, p_probs):
    q, p = rounded(q_probs), rounded(p_probs)
    return {"cross_entropy": -xlogy(q, p).sum(-1), "negative_entropy": xlogy(q, q).sum(-1)}


def _categorical_gradient(q_probs, p_probs):
    q, p = rounded(q_probs), rounded(p_probs)
    return {"q_probs": log(q) - log(p) + 1.0, "p_probs": -q / p}


categorical = Spec(
    id="kl.categorical",
    says="KL( Categorical(q_probs) || Categorical(p_probs) ), by probabilities",
    inputs=(
        Input("q_probs", "B C", "simplex", "probabilities of q"),
        Input("p_probs", "B C", "simplex", "probabilities of p"),
    ),
    output="B",
    reference=_categorical,
    gradient=_categorical_gradient,
    conventions=CONVENTIONS,
    sizes={"C": (3, 5, 7)},
    least={"C": 2},
    source="Cover and Thomas 2006, Elements of Information Theory, 2nd ed., equation (2.26)",
    edges=lambda: {
        "q leaves out a category": {"q_probs": [[0.25, 0.0, 0.75]], "p_probs": [[0.5, 0.125, 0.375]]},
        "both leave out a category": {"q_probs": [[0.25, 0.0, 0.75]], "p_probs": [[0.625, 0.0, 0.375]]},
        "q certain": {"q_probs": [[0.0, 0.0, 1.0]], "p_probs": [[0.5, 0.125, 0.375]]},
        "q is p": {"q_probs": [[0.25, 0.125, 0.625]], "p_probs": [[0.25, 0.125, 0.625]]},
    },
)


@categorical.mistake(**SHARED["xlogx-at-zero"])
def _(q_probs, p_probs):
    q, p = rounded(q_probs), rounded(p_probs)
    return {"cross_entropy": -_x_log_x(q, p).sum(-1), "negative_entropy": _x_log_x(q, q).sum(-1)}


@categorical.mistake(**SHARED["kl-reversed"])
def _(q_probs, p_probs):
    return _categorical(p_probs, q_probs)


@categorical.mistake("kl-entropy-forgotten", says="is the cross-entropy: the entropy of q is not subtracted")
def _(q_probs, p_probs):
    return {"cross_entropy": _categorical(q_probs, p_probs)["cross_entropy"]}


@categorical.mistake(
    "kl-against-uniform", says="measures the divergence from the uniform distribution, not from p"
)
def _(q_probs, p_probs):
    return _categorical(q_probs, 0.0 * p_probs + 1.0 / p_probs.shape[-1])


@categorical.mistake(
    "kl-mean-over-categories",
    says="averages over the categories (or over every entry, as reduction='mean' does) instead of summing",
    seen=("pytorch/pytorch#6622", "pytorch/pytorch#2259", "HikariTJU/LD#74"),
)
def _(**inputs):
    return {k: t / float(inputs["q_probs"].shape[-1]) for k, t in _categorical(**inputs).items()}


@categorical.mistake(
    "hand-grad-cat-kl-reversed",
    says="has its hand-written gradient of q with the opposite sign",
    seen=("Kaixhin/Autoencoders#9",),
    of="gradient",
)
def _(q_probs, p_probs):
    gradient = _categorical_gradient(q_probs, p_probs)
    return {**gradient, "q_probs": -gradient["q_probs"]}


# ---- categorical, by logits


def log_softmax(logits):
    """The logarithms of the normalised probabilities."""
    return sized(logits) - expand(logsumexp(logits), -1)


def _categorical_logits(q_logits, p_logits):
    q = softmax(q_logits)
    return {
        "cross_entropy": -(q * log_softmax(p_logits)).sum(-1),
        "negative_entropy": (q * log_softmax(q_logits)).sum(-1),
    }


def _categorical_logits_gradient(q_logits, p_logits):
    q, ratio = softmax(q_logits), log_softmax(q_logits) - log_softmax(p_logits) + 1.0
    return {"q_logits": q * (ratio - expand((q * ratio).sum(-1), -1)), "p_logits": softmax(p_logits) - q}


categorical_logits = Spec(
    id="kl.categorical_logits",
    says="KL( Categorical(softmax(q_logits)) || Categorical(softmax(p_logits)) ), by logits",
    inputs=(
        Input("q_logits", "B C", "real", "logits of q, not normalised"),
        Input("p_logits", "B C", "real", "logits of p, not normalised"),
    ),
    output="B",
    reference=_categorical_logits,
    gradient=_categorical_logits_gradient,
    conventions=CONVENTIONS,
    sizes={"C": (3, 5, 7)},
    least={"C": 2},
    source="Cover and Thomas 2006, Elements of Information Theory, 2nd ed., equation (2.26)",
    edges=lambda: {
        "logits of q large": {"q_logits": [[800.0, -800.0, 0.5]], "p_logits": [[0.5, -1.25, 2.0]]},
        "logits of p large": {"q_logits": [[0.5, -1.25, 2.0]], "p_logits": [[800.0, 100.5, 98.75]]},
        "logits shifted": {"q_logits": [[900.5, 898.75, 902.0]], "p_logits": [[0.5, 0.25, 2.0]]},
        "q is p": {"q_logits": [[0.5, -1.25, 2.0]], "p_logits": [[0.5, -1.25, 2.0]]},
    },
)


@categorical_logits.mistake(
    "logits-not-normalised", says="uses logits as if they were log probabilities, without the log-sum-exp"
)
def _(q_logits, p_logits):
    q = softmax(q_logits)
    return {"cross_entropy": -(q * p_logits).sum(-1), "negative_entropy": (q * q_logits).sum(-1)}


@categorical_logits.mistake(
    "kl-entropy-forgotten", says="is the cross-entropy: the entropy of q is not subtracted"
)
def _(q_logits, p_logits):
    return {"cross_entropy": _categorical_logits(q_logits, p_logits)["cross_entropy"]}


@categorical_logits.mistake(**SHARED["kl-reversed"])
def _(q_logits, p_logits):
    return _categorical_logits(p_logits, q_logits)


@categorical_logits.mistake(
    "softmax-over-batch", says="normalises over the batch axis instead of the categories"
)
def _(q_logits, p_logits):
    log_q, log_p = (sized(a) - expand(logsumexp(a, 0), 0) for a in (q_logits, p_logits))
    q = softmax(q_logits, 0)
    return {"cross_entropy": -(q * log_p).sum(-1), "negative_entropy": (q * log_q).sum(-1)}


@categorical_logits.mistake(
    "double-softmax", says="passes probabilities where logits are wanted, so the softmax is taken twice"
)
def _(q_logits, p_logits):
    return _categorical_logits(softmax(q_logits).value, softmax(p_logits).value)
