"""Gaussian mixtures with full covariances, by lower Cholesky factors: evidence and responsibilities."""

import numpy as np

from refvi.specs.covariance import half_log_det, half_log_det_gradient, solve_covariance
from refvi.specs.mixtures import AS_LOGITS, WITHOUT_MAX
from refvi.specs.shared import SHARED
from refvi.specs.sized import LOG_2_PI, einsum, exp, expand, log, logsumexp, lower, sized, softmax
from refvi.specs.spec import Input, Spec

INPUTS = (
    Input("x", "B D", "real", "data"),
    Input("weights", "C", "simplex", "mixing probabilities"),
    Input("means", "C D", "real", "means of the components"),
    Input("cholesky", "C D D", "cholesky", "lower Cholesky factors of the covariances"),
)
BISHOP = "Bishop 2006, Pattern Recognition and Machine Learning, equation "


def _pulled(x, means, cholesky):
    """Sigma_c⁻¹ (x_b - m_c), (C, D, B)."""
    difference = np.swapaxes(x[None] - means[:, None], 1, 2)
    exact = expand(sized(x), 0) - expand(sized(means), 1)
    b = type(exact)(difference, np.swapaxes(exact.size, 1, 2))
    return solve_covariance(cholesky, b), b


def scores_of(x, means, cholesky, *, half_det=1.0):
    """Log densities without the constant, (B, C)."""
    pulled, difference = _pulled(x, means, cholesky)
    quadratic = (difference * pulled).sum(1)  # (C, B)
    return (-0.5 * quadratic - half_det * expand(half_log_det(cholesky), -1)).T


def _mixed(scores, weights):
    return logsumexp(log(sized(weights)) + scores, -1)


def _constant(x):
    return sized(np.full(len(x), -0.5 * x.shape[-1])) * LOG_2_PI


def _evidence(x, weights, means, cholesky):
    return {"mixture": _mixed(scores_of(x, means, cholesky), weights), "constant": _constant(x)}


def _evidence_gradient(x, weights, means, cholesky):
    scores = scores_of(x, means, cholesky)
    log_total = expand(_mixed(scores, weights), -1)
    r = exp(log(sized(weights)) + scores - log_total)  # (B, C)
    pulled, _ = _pulled(x, means, cholesky)
    weighted = pulled * expand(r.T, 1)  # (C, D, B)
    outer = einsum("cdb,ceb->cde", weighted, pulled)
    factor = lower(einsum("cde,cef->cdf", outer, cholesky))
    return {
        "x": -weighted.sum(0).T,
        "weights": exp(scores - log_total).sum(0),
        "means": weighted.sum(2),
        "cholesky": factor - half_log_det_gradient(cholesky) * expand(expand(r.sum(0), -1), -1),
    }


def edges_of():
    """Legal inputs off generic position."""
    plain = {"x": [[0.5, -1.25], [2.0, 0.75]], "weights": [0.25, 0.75], "means": [[0.25, 0.5], [-1.5, 1.25]]}
    near = [[[0.75, 0.0], [0.5, 1.5]], [[1.25, 0.0], [-0.25, 0.5]]]
    return {
        "data far away": {**plain, "x": [[60.0, -45.0], [2.0, 0.75]], "cholesky": near},
        "a narrow component": {**plain, "cholesky": [[[2.0**-8, 0.0], [2.0**-9, 2.0**-8]], near[1]]},
        "one dimension": {
            "x": [[0.5], [-1.25], [2.0]],
            "weights": [0.375, 0.625],
            "means": [[0.25], [1.5]],
            "cholesky": [[[0.75]], [[1.25]]],
        },
    }


log_evidence = Spec(
    id="gmm.log_evidence",
    says="log p(x) of a Gaussian mixture with full covariances",
    inputs=INPUTS,
    output="B",
    reference=_evidence,
    gradient=_evidence_gradient,
    conventions={"sign": "positive", "batch": "none", "units": "nats", "constants": "kept"},
    source=BISHOP + "(9.14)",
    edges=edges_of,
)


@log_evidence.mistake(
    "mixing-weights-omitted",
    says="leaves out the mixing probabilities",
    seen=("astroML/astroML#58", "rlouf/blog-benchmark-rwmetropolis#2"),
)
def _(x, weights, means, cholesky):
    uniform = np.ones_like(weights)
    return {"mixture": _mixed(scores_of(x, means, cholesky), uniform), "constant": _constant(x)}


@log_evidence.mistake(**AS_LOGITS)
def _(x, weights, means, cholesky):
    scores = scores_of(x, means, cholesky)
    return {"mixture": _mixed(scores, softmax(weights)), "constant": _constant(x)}


@log_evidence.mistake(**WITHOUT_MAX)
def _(x, weights, means, cholesky):
    mixed = log((sized(weights) * exp(scores_of(x, means, cholesky))).sum(-1))
    return {"mixture": mixed, "constant": _constant(x)}


@log_evidence.mistake(**SHARED["logdet-dropped"])
def _(x, weights, means, cholesky):
    return {"mixture": _mixed(scores_of(x, means, cholesky, half_det=0.0), weights), "constant": _constant(x)}


@log_evidence.mistake(**SHARED["logdet-halved"])
def _(x, weights, means, cholesky):
    return {"mixture": _mixed(scores_of(x, means, cholesky, half_det=0.5), weights), "constant": _constant(x)}


@log_evidence.mistake(
    "logdet-not-halved", says="subtracts the whole log determinant of the covariance instead of half of it"
)
def _(x, weights, means, cholesky):
    return {"mixture": _mixed(scores_of(x, means, cholesky, half_det=2.0), weights), "constant": _constant(x)}


@log_evidence.mistake(
    "logdet-of-precision",
    says="adds half the log determinant of the covariance, as if it were that of the precision",
)
def _(x, weights, means, cholesky):
    return {
        "mixture": _mixed(scores_of(x, means, cholesky, half_det=-1.0), weights),
        "constant": _constant(x),
    }


@log_evidence.mistake(**SHARED["gauss-constant-once"])
def _(x, weights, means, cholesky):
    return {**_evidence(x, weights, means, cholesky), "constant": _constant(x) / float(x.shape[-1])}


@log_evidence.mistake("mahalanobis-not-halved", says="leaves out the factor one half of the squared distance")
def _(x, weights, means, cholesky):
    dets = -1.0 * expand(half_log_det(cholesky), 0)
    scores = 2.0 * scores_of(x, means, cholesky, half_det=0.0) + dets
    return {"mixture": _mixed(scores, weights), "constant": _constant(x)}


@log_evidence.mistake(**SHARED["cholesky-transposed"])
def _(x, weights, means, cholesky):
    flipped = np.swapaxes(cholesky, 1, 2)
    difference = np.swapaxes(x[None] - means[:, None], 1, 2)
    half = np.linalg.solve(flipped, difference)
    scores = -0.5 * sized(half * half).sum(1).T - expand(half_log_det(cholesky), 0)
    return {"mixture": _mixed(scores, weights), "constant": _constant(x)}


@log_evidence.mistake(
    "covariance-as-precision",
    says="multiplies by the covariance in the squared distance, where its inverse belongs",
    seen=("ctgk/PRML#29",),
)
def _(x, weights, means, cholesky):
    difference = expand(sized(x), 1) - expand(sized(means), 0)  # (B, C, D)
    half = einsum("bcd,cde->bce", difference, cholesky)
    scores = -0.5 * (half * half).sum(-1) - expand(half_log_det(cholesky), 0)
    return {"mixture": _mixed(scores, weights), "constant": _constant(x)}


@log_evidence.mistake(
    "mixture-mean-of-logs",
    says="averages the log densities under the mixing probabilities, which is the logarithm of another thing",
    seen=("arahuja/generative-tf#1",),
)
def _(x, weights, means, cholesky):
    mixed = (scores_of(x, means, cholesky) * sized(weights)).sum(-1)
    return {"mixture": mixed, "constant": _constant(x)}


@log_evidence.mistake(
    "fisher-by-prior",
    says="weights the score of each component by its mixing probability instead of its responsibility",
    of="gradient",
)
def _(x, weights, means, cholesky):
    pulled, _ = _pulled(x, means, cholesky)
    return {"means": (pulled * expand(expand(sized(weights), -1), -1)).sum(2)}


# ---- responsibilities


def responsibilities_of(x, weights, means, cholesky):
    """p(component | x), (B, C)."""
    return softmax(log(sized(weights)) + scores_of(x, means, cholesky))


responsibilities = Spec(
    id="gmm.responsibilities",
    says="p(component | x) of a Gaussian mixture with full covariances, the E step of EM",
    inputs=INPUTS,
    output="B C",
    reference=lambda **inputs: {"responsibilities": responsibilities_of(**inputs)},
    source=BISHOP + "(9.23)",
    edges=edges_of,
)


@responsibilities.mistake(
    "mixing-weights-omitted",
    says="leaves out the mixing probabilities",
    seen=("astroML/astroML#58", "rlouf/blog-benchmark-rwmetropolis#2"),
)
def _(x, weights, means, cholesky):  # noqa: ARG001
    return softmax(scores_of(x, means, cholesky))


@responsibilities.mistake(
    "responsibilities-over-data", says="normalises over the data instead of over the components"
)
def _(x, weights, means, cholesky):
    return softmax(log(sized(weights)) + scores_of(x, means, cholesky), 0)


@responsibilities.mistake(
    "responsibilities-unnormalised", says="returns the joint densities without dividing by their sum"
)
def _(x, weights, means, cholesky):
    return exp(log(sized(weights)) + scores_of(x, means, cholesky) + expand(_constant(x), -1))


@responsibilities.mistake(**SHARED["logdet-dropped"])
def _(x, weights, means, cholesky):
    return softmax(log(sized(weights)) + scores_of(x, means, cholesky, half_det=0.0))


@responsibilities.mistake(**SHARED["logdet-halved"])
def _(x, weights, means, cholesky):
    return softmax(log(sized(weights)) + scores_of(x, means, cholesky, half_det=0.5))


@responsibilities.mistake(**AS_LOGITS)
def _(x, weights, means, cholesky):
    return softmax(log(softmax(weights)) + scores_of(x, means, cholesky))


@responsibilities.mistake(**WITHOUT_MAX)
def _(x, weights, means, cholesky):
    joint = sized(weights) * exp(scores_of(x, means, cholesky))
    return joint / expand(joint.sum(-1), -1)


@responsibilities.mistake(
    "responsibilities-hard", says="assigns each datum to its best component alone, as k-means does"
)
def _(**inputs):
    return np.eye(len(inputs["weights"]))[responsibilities_of(**inputs).value.argmax(-1)]
