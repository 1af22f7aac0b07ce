"""The delta rules of wake-sleep for a sigmoid belief network of two hidden layers, at given samples.

top -> h -> x by weights, hidden_weights and prior_logits; x -> h -> top by recognition_weights and top_weights. The wake
phase moves the generative net at samples of the recognition net, the sleep phase the recognition net at dreams; here are
the rules of each phase alone. Both together: `wake_sleep_phases`.
"""

import numpy as np

from refvi.specs.shared import SHARED
from refvi.specs.sized import einsum, sigmoid, sized, softplus
from refvi.specs.spec import Input, Spec

HINTON = "Hinton, Dayan, Frey and Neal 1995, The wake-sleep algorithm for unsupervised neural networks, Science 268"
SAMPLES = (
    Input("x", "B X", "binary", "observed units"),
    Input("h", "B D", "binary", "units of the lower hidden layer"),
    Input("top", "B E", "binary", "units of the upper hidden layer"),
)
MODEL = (
    Input("weights", "X D", "real", "generative weights from h to x"),
    Input("bias", "X", "real", "generative biases of x"),
    Input("hidden_weights", "D E", "real", "generative weights from top to h"),
    Input("hidden_bias", "D", "real", "generative biases of h"),
    Input("prior_logits", "E", "real", "logits of top"),
)
RECOGNITION = (
    Input("recognition_weights", "D X", "real", "recognition weights from x to h"),
    Input("recognition_bias", "D", "real", "recognition biases of h"),
    Input("top_weights", "E D", "real", "recognition weights from h to top"),
    Input("top_bias", "E", "real", "recognition biases of top"),
)
SIZES = {"B": (2, 3, 4), "X": (3, 5, 7), "D": (2, 3, 5), "E": (2, 3, 4)}


def affine(given, weights, bias):
    """Logits of a layer, (B, O)."""
    return einsum("bi,oi->bo", given, weights) + bias


def log_mass(outcome, logits):
    """Log probability of a layer, (B,)."""
    return (outcome * logits - softplus(logits)).sum(-1)


def error(outcome, logits):
    """The delta of the delta rule: the unit less its probability."""
    return outcome - sigmoid(logits)


def rule(delta, given, weights, bias):
    """The delta rule of one layer, for the inputs of the given names."""
    return {weights: einsum("bo,bi->oi", delta, given), bias: delta.sum(0)}


def wake_rule(
    x,
    h,
    top,
    weights,
    bias,
    hidden_weights,
    hidden_bias,
    prior_logits,
    delta=error,
    below=None,
    with_bias=1.0,
):
    """All generative rules; `delta` for its error, `below` for what x is predicted from, `with_bias` 0 for no biases."""
    below = h if below is None else below
    prior = sized(prior_logits) + np.zeros(np.shape(top))
    of_x = delta(x, affine(below, weights, with_bias * np.asarray(bias)))
    of_h = delta(h, affine(top, hidden_weights, with_bias * np.asarray(hidden_bias)))
    return {
        **rule(of_x, below, "weights", "bias"),
        **rule(of_h, top, "hidden_weights", "hidden_bias"),
        "prior_logits": delta(top, prior).sum(0),
    }


def sleep_rule(
    x,
    h,
    top,
    recognition_weights,
    recognition_bias,
    top_weights,
    top_bias,
    delta=error,
    middle=None,
    with_bias=1.0,
):
    """All recognition rules; `middle` for what top is guessed from."""
    middle = h if middle is None else middle
    of_h = delta(h, affine(x, recognition_weights, with_bias * np.asarray(recognition_bias)))
    of_top = delta(top, affine(middle, top_weights, with_bias * np.asarray(top_bias)))
    return {
        **rule(of_h, x, "recognition_weights", "recognition_bias"),
        **rule(of_top, middle, "top_weights", "top_bias"),
    }


def log_joint_terms(x, h, top, weights, bias, hidden_weights, hidden_bias, prior_logits):
    """log p(x, h, top) by its layers, (B,) each."""
    return {
        "likelihood": log_mass(x, affine(h, weights, bias)),
        "hidden": log_mass(h, affine(top, hidden_weights, hidden_bias)),
        "prior": log_mass(top, sized(prior_logits) + np.zeros(np.shape(top))),
    }


def log_q_terms(x, h, top, recognition_weights, recognition_bias, top_weights, top_bias):
    """log q(h, top | x) by its layers, (B,) each."""
    return {
        "hidden": log_mass(h, affine(x, recognition_weights, recognition_bias)),
        "top": log_mass(top, affine(h, top_weights, top_bias)),
    }


def samples():
    """One datum off generic position, with its hidden units."""
    return {"x": [[1.0, 0.0, 1.0]], "h": [[1.0, 0.0]], "top": [[0.0, 1.0]]}


def generative():
    """A small generative net."""
    return {
        "weights": [[0.75, -1.5], [2.25, 0.5], [-0.25, 1.25]],
        "bias": [0.25, -0.75, 1.5],
        "hidden_weights": [[1.25, -0.5], [0.75, 2.0]],
        "hidden_bias": [-0.25, 0.5],
        "prior_logits": [-0.75, 0.25],
    }


def recognition():
    """A small recognition net."""
    return {
        "recognition_weights": [[0.5, -1.25, 1.75], [1.5, 0.25, -0.75]],
        "recognition_bias": [0.75, -0.5],
        "top_weights": [[-1.0, 0.5], [1.25, 0.25]],
        "top_bias": [0.25, -1.25],
    }


def _wake_edges():
    plain = {**samples(), **generative()}
    return {
        "all units off": {**plain, "x": [[0.0] * 3], "h": [[0.0] * 2], "top": [[0.0] * 2]},
        "all units on": {**plain, "x": [[1.0] * 3], "h": [[1.0] * 2], "top": [[1.0] * 2]},
        "saturated": {**plain, "bias": [800.25, -300.75, 40.5], "hidden_bias": [-60.5, 45.25]},
        "weights are zero": {**plain, "weights": np.zeros((3, 2)), "hidden_weights": np.zeros((2, 2))},
    }


def _sleep_edges():
    plain = {**samples(), **recognition()}
    return {
        "all units off": {**plain, "x": [[0.0] * 3], "h": [[0.0] * 2], "top": [[0.0] * 2]},
        "all units on": {**plain, "x": [[1.0] * 3], "h": [[1.0] * 2], "top": [[1.0] * 2]},
        "saturated": {**plain, "recognition_bias": [-300.75, 40.5], "top_bias": [-60.5, 800.25]},
    }


wake = Spec(
    id="wake_sleep.wake",
    says="wake phase of two hidden layers: gradient of log p(x, h, top) in the generative net, h and top drawn from q",
    inputs=(*SAMPLES, *MODEL),
    output="B",
    reference=log_joint_terms,
    gradient=wake_rule,
    conventions={"sign": "positive", "batch": "sum", "units": "nats"},
    only="gradient",
    sizes=SIZES,
    source=f"{HINTON}, the wake phase",
    edges=_wake_edges,
)

sleep = Spec(
    id="wake_sleep.sleep",
    says="sleep phase of two hidden layers: gradient of log q(h, top | x) in the recognition net, all units dreamt",
    inputs=(*SAMPLES, *RECOGNITION),
    output="B",
    reference=log_q_terms,
    gradient=sleep_rule,
    conventions={"sign": "positive", "batch": "sum", "units": "nats"},
    only="gradient",
    sizes=SIZES,
    source=f"{HINTON}, the sleep phase",
    edges=_sleep_edges,
)


# ---- mistakes of a single layer, in both phases


def _with_slope(outcome, logits):
    p = sigmoid(logits)
    return (outcome - p) * p * (1.0 - p)


def _per_unit(outcome, logits):
    return error(outcome, logits) / float(np.shape(outcome)[1])


def _rounded(outcome, logits):
    return outcome - sized((sized(logits).value > 0.0).astype(np.float64))


def _by_probability(outcome, logits):
    p = sigmoid(logits)
    return (outcome / p - (1.0 - np.asarray(outcome)) / (1.0 - p)) * p * (1.0 - p)


def _sampled_mean(outcome, logits):
    return outcome + 0.0 * sigmoid(logits)


DELTAS = {
    "sigmoid-slope-included": (
        _with_slope,
        "multiplies the error with p (1 - p), as for a squared error: the slope of the sigmoid cancels in log p",
        ("derived",),
    ),
    "bce-mean-reduction": (
        _per_unit,
        SHARED["bce-mean-reduction"]["says"],
        SHARED["bce-mean-reduction"]["seen"],
    ),
    "perceptron-rule": (
        _rounded,
        "rounds the prediction to 0 or 1 before it is compared with the unit",
        ("derived",),
    ),
    "prediction-missing": (
        _sampled_mean,
        "multiplies the units on both sides of a weight without subtracting the prediction",
        ("derived",),
    ),
    "log-of-sigmoid": (_by_probability, SHARED["log-of-sigmoid"]["says"], SHARED["log-of-sigmoid"]["seen"]),
}


def _add_deltas(spec, phase):
    for slug, (delta, says, seen) in DELTAS.items():
        spec.mistake(slug, says=says, seen=seen, of="gradient")(
            lambda delta=delta, **inputs: phase(**inputs, delta=delta)
        )
    spec.mistake("bias-missing", says="leaves the biases out of the predictions", of="gradient")(
        lambda **inputs: phase(**inputs, with_bias=0.0)
    )


_add_deltas(wake, wake_rule)
_add_deltas(sleep, sleep_rule)


@wake.mistake(
    "mean-for-sample",
    says="predicts x from the probabilities of h given top instead of from the sample h",
    of="gradient",
)
def _(**inputs):
    means = sigmoid(affine(inputs["top"], inputs["hidden_weights"], inputs["hidden_bias"]))
    return wake_rule(**inputs, below=means)


@wake.mistake(
    "upper-layer-missing",
    says="trains the weights into x only and leaves the layers above alone",
    of="gradient",
)
def _(**inputs):
    found = wake_rule(**inputs)
    return {name: g if name in ("weights", "bias") else 0.0 * g for name, g in found.items()}


@wake.mistake("prior-missing", says="leaves the logits of the top layer as they are", of="gradient")
def _(**inputs):
    found = wake_rule(**inputs)
    return {**found, "prior_logits": 0.0 * found["prior_logits"]}


@sleep.mistake(
    "mean-for-sample",
    says="guesses top from the probabilities of h given x instead of from the dreamt h",
    of="gradient",
)
def _(**inputs):
    means = sigmoid(affine(inputs["x"], inputs["recognition_weights"], inputs["recognition_bias"]))
    return sleep_rule(**inputs, middle=means)


@sleep.mistake(
    "upper-layer-missing", says="trains the guess of h only and leaves the guess of top alone", of="gradient"
)
def _(**inputs):
    found = sleep_rule(**inputs)
    return {name: g if name.startswith("recognition") else 0.0 * g for name, g in found.items()}
