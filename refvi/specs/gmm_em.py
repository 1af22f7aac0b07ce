"""One step of EM for a Gaussian mixture, part by part, each from the old parameters: weights, means, covariances."""

import numpy as np

from refvi.specs.generic import cholesky, on_grid, real, simplex
from refvi.specs.gmm import BISHOP, INPUTS, edges_of, responsibilities_of, scores_of
from refvi.specs.shared import SHARED
from refvi.specs.sized import einsum, expand, log, sized, softmax, stack
from refvi.specs.spec import Spec


def _edges_of_the_step():
    """More data than dimensions, so that no covariance is singular."""
    case = edges_of()["data far away"]
    far = {
        **case,
        "x": [
            [60.0, -45.0],
            [2.0, 0.75],
            [-1.5, 0.25],
            [0.5, 2.75],
            [1.25, -3.0],
            [-40.5, 33.0],
            [55.0, -20.0],
        ],
    }
    return {"data far away": far, "one dimension": edges_of()["one dimension"]}


# ---- one step of EM, part by part


def _hard(**inputs):
    return sized(np.eye(len(inputs["weights"]))[responsibilities_of(**inputs).value.argmax(-1)])


def _new_means(r, x):
    return einsum("bc,bd->cd", r, x) / expand(r.sum(0), -1)


def _new_covariances(r, x, means, counts=None):
    """About the given means, over the given counts; (C, D, D)."""
    difference = expand(sized(x), 0) - expand(sized(means), 1)  # (C, B, D)
    weighted = difference * expand(r.T, -1)
    scatter = einsum("cbd,cbe->cde", weighted, difference)
    return scatter / expand(expand(r.sum(0) if counts is None else counts, -1), -1)


def _em(**inputs):
    r = responsibilities_of(**inputs)
    return r, _new_means(r, inputs["x"])


def _overlapping(rng, sizes):
    """Components that share the data, so that none of them is nearly empty."""
    B, C, D = sizes["B"], sizes["C"], sizes["D"]
    lower = cholesky(rng, (C, D, D))
    return {
        "x": on_grid(0.5 * real(rng, (B, D))),
        "weights": simplex(rng, (C,)),
        "means": on_grid(0.5 * real(rng, (C, D))),
        "cholesky": lower + 0.75 * np.eye(D),
    }


em_weights = Spec(
    id="gmm.em_weights",
    says="the mixing probabilities after one step of EM, from the old parameters",
    inputs=INPUTS,
    output="C",
    draw=_overlapping,
    reference=lambda **inputs: {"weights": responsibilities_of(**inputs).mean(0)},
    source=BISHOP + "(9.22), (9.26)",
    edges=edges_of,
)


@em_weights.mistake(
    "em-weights-not-normalised", says="sums the responsibilities and does not divide by the number of data"
)
def _(**inputs):
    return responsibilities_of(**inputs).sum(0)


@em_weights.mistake(
    "em-weights-over-components", says="divides by the number of components instead of the number of data"
)
def _(**inputs):
    return responsibilities_of(**inputs).sum(0) / float(len(inputs["weights"]))


@em_weights.mistake(
    "responsibilities-hard", says="assigns each datum to its best component alone, as k-means does"
)
def _(**inputs):
    return _hard(**inputs).mean(0)


@em_weights.mistake(
    "mixing-weights-omitted",
    says="leaves the old mixing probabilities out of the responsibilities",
    seen=("astroML/astroML#58",),
)
def _(x, weights, means, cholesky):  # noqa: ARG001
    return softmax(scores_of(x, means, cholesky)).mean(0)


@em_weights.mistake(**SHARED["logdet-dropped"])
def _(x, weights, means, cholesky):
    return softmax(log(sized(weights)) + scores_of(x, means, cholesky, half_det=0.0)).mean(0)


em_means = Spec(
    id="gmm.em_means",
    says="the means after one step of EM, from the old parameters",
    inputs=INPUTS,
    output="C D",
    draw=_overlapping,
    reference=lambda **inputs: {"means": _em(**inputs)[1]},
    source=BISHOP + "(9.17), (9.24)",
    edges=_edges_of_the_step,
)


@em_means.mistake(
    "em-divides-by-n",
    says="divides the weighted sum by the number of data instead of the sum of the responsibilities",
)
def _(**inputs):
    return einsum("bc,bd->cd", responsibilities_of(**inputs), inputs["x"]) / float(len(inputs["x"]))


@em_means.mistake("em-weighted-sum-not-divided", says="leaves the weighted sum of the data undivided")
def _(**inputs):
    return einsum("bc,bd->cd", responsibilities_of(**inputs), inputs["x"])


@em_means.mistake(
    "mixing-weights-omitted",
    says="leaves the old mixing probabilities out of the responsibilities",
    seen=("astroML/astroML#58",),
)
def _(x, weights, means, cholesky):  # noqa: ARG001
    return _new_means(softmax(scores_of(x, means, cholesky)), x)


@em_means.mistake(**SHARED["logdet-dropped"])
def _(x, weights, means, cholesky):
    return _new_means(softmax(log(sized(weights)) + scores_of(x, means, cholesky, half_det=0.0)), x)


@em_means.mistake(**SHARED["logdet-halved"])
def _(x, weights, means, cholesky):
    return _new_means(softmax(log(sized(weights)) + scores_of(x, means, cholesky, half_det=0.5)), x)


@em_means.mistake(
    "responsibilities-over-data", says="normalises over the data, so that the means are sums under it"
)
def _(x, weights, means, cholesky):
    return einsum("bc,bd->cd", softmax(log(sized(weights)) + scores_of(x, means, cholesky), 0), x)


@em_means.mistake("responsibilities-squared", says="weights the data by the squared responsibilities")
def _(**inputs):
    r = responsibilities_of(**inputs)
    return einsum("bc,bd->cd", r * r, inputs["x"]) / expand(r.sum(0), -1)


em_covariances = Spec(
    id="gmm.em_covariances",
    says="the covariances after one step of EM, about the new means, from the old parameters",
    inputs=INPUTS,
    output="C D D",
    draw=_overlapping,
    reference=lambda **inputs: {
        "covariances": _new_covariances(_em(**inputs)[0], inputs["x"], _em(**inputs)[1])
    },
    sizes={"B": (7, 11, 13), "C": (2, 3), "D": (2, 3)},
    source=BISHOP + "(9.19), (9.25)",
    edges=_edges_of_the_step,
)


@em_covariances.mistake(
    "covariance-about-old-mean",
    says="takes the scatter about the old means instead of the new ones",
)
def _(**inputs):
    return _new_covariances(responsibilities_of(**inputs), inputs["x"], inputs["means"])


@em_covariances.mistake(
    "covariance-second-moment", says="does not subtract the mean: returns the second moment"
)
def _(**inputs):
    return _new_covariances(responsibilities_of(**inputs), inputs["x"], np.zeros_like(inputs["means"]))


@em_covariances.mistake(
    "em-divides-by-n",
    says="divides the scatter by the number of data instead of the sum of the responsibilities",
)
def _(**inputs):
    r, means = _em(**inputs)
    counts = sized(np.full(len(inputs["weights"]), float(len(inputs["x"]))))
    return _new_covariances(r, inputs["x"], means, counts)


@em_covariances.mistake(
    "covariance-bessel", says="divides by the sum of the responsibilities less one, which is no maximum of Q"
)
def _(**inputs):
    r, means = _em(**inputs)
    return _new_covariances(r, inputs["x"], means, r.sum(0) - 1.0)


@em_covariances.mistake(
    "em-normalised-twice",
    says="divides by the sum of the responsibilities twice",
)
def _(**inputs):
    r, means = _em(**inputs)
    return _new_covariances(r, inputs["x"], means, r.sum(0) * r.sum(0))


@em_covariances.mistake(
    "responsibilities-squared", says="weights the scatter by the squared responsibilities"
)
def _(**inputs):
    r, means = _em(**inputs)
    return _new_covariances(r * r, inputs["x"], means, r.sum(0))


@em_covariances.mistake(
    "covariance-tied",
    says="gives every component the covariance that is pooled over all of them",
)
def _(**inputs):
    r, means = _em(**inputs)
    each = _new_covariances(r, inputs["x"], means, sized(np.ones(len(inputs["weights"]))))
    pooled = each.sum(0) / float(len(inputs["x"]))
    return stack([pooled] * len(inputs["weights"]))


@em_covariances.mistake(
    "covariance-diagonal-only", says="keeps the variances and drops the covariances between dimensions"
)
def _(**inputs):
    r, means = _em(**inputs)
    return _new_covariances(r, inputs["x"], means) * np.eye(inputs["x"].shape[1])
