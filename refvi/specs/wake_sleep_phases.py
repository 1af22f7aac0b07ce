"""Both phases of wake-sleep at once, and the log joint of two hidden layers that the wake phase ascends.

Where each net may take its samples from is what goes wrong: the generative net learns from data seen through the
recognition net, the recognition net from dreams of the generative net, and never the other way round.
"""

import numpy as np

from refvi.specs.shared import SHARED
from refvi.specs.sized import einsum, sigmoid, softplus
from refvi.specs.spec import Input, Spec
from refvi.specs.wake_sleep import (
    HINTON,
    MODEL,
    RECOGNITION,
    SAMPLES,
    SIZES,
    affine,
    generative,
    log_joint_terms,
    log_mass,
    log_q_terms,
    recognition,
    rule,
    samples,
    sleep_rule,
    wake_rule,
)

DREAMS = (
    Input("dream_x", "B X", "binary", "observed units of the dreams, as many as data"),
    Input("dream_h", "B D", "binary", "lower hidden units of the dreams"),
    Input("dream_top", "B E", "binary", "upper hidden units of the dreams"),
)


def pick(inputs, names, dreams=False):
    """Samples (of the data, or dreams under the plain names) and the parameters of one net."""
    units = {i.name: inputs[f"dream_{i.name}" if dreams else i.name] for i in SAMPLES}
    return {**units, **{i.name: inputs[i.name] for i in names}}


def _terms(**inputs):
    woken, asleep = pick(inputs, MODEL), pick(inputs, RECOGNITION, dreams=True)
    return {
        "log_joint": sum(log_joint_terms(**woken).values(), start=0.0),
        "log_q": sum(log_q_terms(**asleep).values(), start=0.0),
    }


def _gradients(**inputs):
    return {**wake_rule(**pick(inputs, MODEL)), **sleep_rule(**pick(inputs, RECOGNITION, dreams=True))}


def _edges():
    plain = {**samples(), **generative(), **recognition()}
    plain.update(dream_x=[[0.0, 1.0, 1.0]], dream_h=[[1.0, 1.0]], dream_top=[[1.0, 0.0]])
    return {
        "one datum, one dream": plain,
        "saturated": {**plain, "bias": [800.25, -300.75, 40.5], "top_bias": [-60.5, 45.25]},
        "dreams are the data": {
            **plain,
            "dream_x": plain["x"],
            "dream_h": plain["h"],
            "dream_top": plain["top"],
        },
    }


gradients = Spec(
    id="wake_sleep.gradients",
    says="both phases at given samples: log p(x, h, top) in the generative net, log q(h, top | x) at dreams in the other",
    inputs=(*SAMPLES, *DREAMS, *MODEL, *RECOGNITION),
    output="B",
    reference=_terms,
    gradient=_gradients,
    conventions={"sign": "positive", "batch": "sum", "units": "nats"},
    only="gradient",
    sizes=SIZES,
    source=HINTON,
    edges=_edges,
)


def _of(net, found):
    """The part of a gradient that belongs to one net."""
    return {i.name: found[i.name] for i in net}


@gradients.relative(
    "top-in-closed-form",
    says="has the mean of top under q in the rule of its prior, in place of the sample: the same mean, less variance",
)
def _(**inputs):
    q = sigmoid(affine(inputs["h"], inputs["top_weights"], inputs["top_bias"]))
    return {**_gradients(**inputs), "prior_logits": (q - sigmoid(inputs["prior_logits"])).sum(0)}


@gradients.relative(
    "both-nets-in-both-phases",
    says="lets both phases move both nets: what is added has mean zero at own samples, and adds variance only",
)
def _(**inputs):
    other = {**wake_rule(**pick(inputs, MODEL, dreams=True)), **sleep_rule(**pick(inputs, RECOGNITION))}
    return {name: g + other[name] for name, g in _gradients(**inputs).items()}


@gradients.mistake(
    "wake-sleep-phase-mix",
    says="trains the generative net on dreams and the recognition net on its own samples: each phase moves the other's net",
    seen=("vadim0x60/wakesleep#1",),
    of="gradient",
)
def _(**inputs):
    return {**wake_rule(**pick(inputs, MODEL, dreams=True)), **sleep_rule(**pick(inputs, RECOGNITION))}


@gradients.mistake(
    "recognition-on-its-own-samples",
    says="trains the recognition net on samples that it drew itself, where the mean of its rule is zero",
    of="gradient",
)
def _(**inputs):
    return {**_gradients(**inputs), **sleep_rule(**pick(inputs, RECOGNITION))}


@gradients.mistake(
    "generative-on-dreams",
    says="trains the generative net on its own dreams, where the mean of its rule is zero",
    of="gradient",
)
def _(**inputs):
    return {**_gradients(**inputs), **wake_rule(**pick(inputs, MODEL, dreams=True))}


@gradients.mistake(
    "elbo-at-samples",
    says="differentiates log p - log q at the recognition samples in both nets and takes no dreams",
    of="gradient",
)
def _(**inputs):
    against = {name: -g for name, g in sleep_rule(**pick(inputs, RECOGNITION)).items()}
    return {**_gradients(**inputs), **against}


@gradients.mistake(
    "dream-without-its-x",
    says="guesses the dreamt hidden units from the data instead of from the dreamt x",
    of="gradient",
)
def _(**inputs):
    asleep = {**pick(inputs, RECOGNITION, dreams=True), "x": inputs["x"]}
    return {**_gradients(**inputs), **sleep_rule(**asleep)}


@gradients.mistake(
    "mean-for-sample",
    says="uses the probabilities of the recognition net in the wake phase in place of its samples",
    of="gradient",
)
def _(**inputs):
    h = sigmoid(affine(inputs["x"], inputs["recognition_weights"], inputs["recognition_bias"]))
    top = sigmoid(affine(h, inputs["top_weights"], inputs["top_bias"]))
    woken = {**pick(inputs, MODEL), "h": h.value, "top": top.value}
    return {**_gradients(**inputs), **wake_rule(**woken)}


@gradients.mistake(
    "recognition-weights-transposed",
    says="guesses with the generative weights transposed in place of the recognition weights",
    of="gradient",
)
def _(**inputs):
    asleep = pick(inputs, RECOGNITION, dreams=True)
    asleep["recognition_weights"] = np.asarray(inputs["weights"]).T
    asleep["top_weights"] = np.asarray(inputs["hidden_weights"]).T
    return {**_gradients(**inputs), **sleep_rule(**asleep)}


@gradients.mistake(
    "recognition-for-prediction",
    says="compares h with the recognition net's probability in the wake phase, not with the generative net's",
    of="gradient",
)
def _(**inputs):
    guess = sigmoid(affine(inputs["x"], inputs["recognition_weights"], inputs["recognition_bias"]))
    wrong = rule(inputs["h"] - guess, inputs["top"], "hidden_weights", "hidden_bias")
    return {**_gradients(**inputs), **wrong}


@gradients.mistake(
    "sleep-sign", says="descends in the sleep phase while it ascends in the wake phase", of="gradient"
)
def _(**inputs):
    found = _gradients(**inputs)
    return {**found, **{name: -g for name, g in _of(RECOGNITION, found).items()}}


# ---- the log joint


def _joint_edges():
    plain = {**samples(), **generative()}
    return {
        "all units off": {**plain, "x": [[0.0] * 3], "h": [[0.0] * 2], "top": [[0.0] * 2]},
        "all units on": {**plain, "x": [[1.0] * 3], "h": [[1.0] * 2], "top": [[1.0] * 2]},
        "saturated": {**plain, "bias": [800.25, -300.75, 40.5], "hidden_bias": [-60.5, 45.25]},
        "one unit above": {
            **plain,
            "top": [[1.0]],
            "hidden_weights": [[1.25], [0.75]],
            "prior_logits": [0.5],
        },
    }


deep_log_joint = Spec(
    id="sbn.deep_log_joint",
    says="log p(x, h, top) of a sigmoid belief network of two hidden layers, with its gradient in the parameters",
    inputs=(*SAMPLES, *MODEL),
    output="B",
    reference=log_joint_terms,
    gradient=wake_rule,
    conventions={"sign": "positive", "batch": "none", "units": "nats"},
    sizes=SIZES,
    source="Neal 1992, Connectionist learning of belief networks, section 3",
    edges=_joint_edges,
)


def _without(term):
    return lambda **inputs: {n: t for n, t in log_joint_terms(**inputs).items() if n != term}


deep_log_joint.mistake("prior-missing", says="leaves log p(top) out")(_without("prior"))
deep_log_joint.mistake("middle-layer-missing", says="leaves log p(h | top) out")(_without("hidden"))


@deep_log_joint.mistake("bias-missing", says="leaves the biases of x and h out")
def _(**inputs):
    zeros = {name: 0.0 * np.asarray(inputs[name]) for name in ("bias", "hidden_bias")}
    return log_joint_terms(**{**inputs, **zeros})


@deep_log_joint.mistake(
    "mean-for-sample", says="predicts x from the probabilities of h given top, not from h"
)
def _(**inputs):
    means = sigmoid(affine(inputs["top"], inputs["hidden_weights"], inputs["hidden_bias"]))
    likelihood = log_mass(inputs["x"], affine(means, inputs["weights"], inputs["bias"]))
    return {**log_joint_terms(**inputs), "likelihood": likelihood}


@deep_log_joint.mistake("zeros-not-counted", says="counts log p of the units that are on only")
def _(x, h, top, weights, bias, hidden_weights, hidden_bias, prior_logits):
    pairs = ((x, affine(h, weights, bias)), (h, affine(top, hidden_weights, hidden_bias)))
    found = sum((-(on * softplus(-a)).sum(-1) for on, a in pairs), start=0.0)
    return found - einsum("be,e->b", top, softplus(-np.asarray(prior_logits)))


@deep_log_joint.mistake(**SHARED["bce-mean-reduction"])
def _(**inputs):
    found = log_joint_terms(**inputs)
    return {**found, "likelihood": found["likelihood"] / float(len(inputs["bias"]))}


@deep_log_joint.mistake(
    "top-to-bottom",
    says="takes the prior of top for that of h: marginal coins in the middle layer in place of log p(h | top)",
)
def _(**inputs):
    coins = (np.asarray(inputs["h"]) * 0.0 - float(np.log(2.0))).sum(-1)
    return {**log_joint_terms(**inputs), "hidden": coins}
