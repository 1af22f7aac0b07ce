"""The divergence between normals with full covariance, handed over as lower Cholesky factors."""

import numpy as np

from refvi.specs.covariance import half_log_det, half_log_det_gradient, solve, solve_covariance
from refvi.specs.shared import SHARED
from refvi.specs.sized import expand, lower, sized, transpose
from refvi.specs.spec import Input, Spec


def _full(q_mu, q_cholesky, p_mu, p_cholesky):
    difference = expand(sized(q_mu) - p_mu, -1)
    return {
        "mean": 0.5 * (difference * solve_covariance(p_cholesky, difference)).sum((-2, -1)),
        "trace": 0.5 * (solve_covariance(p_cholesky, q_cholesky) * q_cholesky).sum((-2, -1)),
        "log_dets": half_log_det(p_cholesky) - half_log_det(q_cholesky),
        "dimension": sized(np.full(len(q_mu), -0.5 * q_mu.shape[-1])),
    }


def _full_gradient(q_mu, q_cholesky, p_mu, p_cholesky):
    pulled = solve_covariance(p_cholesky, expand(sized(q_mu) - p_mu, -1))
    spread = solve_covariance(p_cholesky, q_cholesky)
    moment = pulled @ transpose(pulled) + spread @ transpose(spread)
    return {
        "q_mu": pulled[..., 0],
        "q_cholesky": lower(spread) - half_log_det_gradient(q_cholesky),
        "p_mu": -pulled[..., 0],
        "p_cholesky": half_log_det_gradient(p_cholesky) - lower(moment @ p_cholesky),
    }


normal_full = Spec(
    id="kl.normal_full",
    says="KL( N(q_mu, Q Q^T) || N(p_mu, P P^T) ) between normals with full covariance, Q and P lower triangular",
    inputs=(
        Input("q_mu", "B D", "real", "mean of q"),
        Input("q_cholesky", "B D D", "cholesky", "lower Cholesky factor of the covariance of q"),
        Input("p_mu", "B D", "real", "mean of p"),
        Input("p_cholesky", "B D D", "cholesky", "lower Cholesky factor of the covariance of p"),
    ),
    output="B",
    reference=_full,
    gradient=_full_gradient,
    conventions={"sign": "positive", "batch": "none", "units": "nats"},
    source="Rasmussen and Williams 2006, Gaussian Processes for Machine Learning, equation (A.23)",
    edges=lambda: {
        "q far narrower than p": _edge([[2.0**-10, 0.0], [2.0**-12, 2.0**-10]]),
        "q far wider than p": _edge([[2.0**10, 0.0], [-(2.0**9), 2.0**10]]),
        "strongly correlated": _edge([[1.5, 0.0], [1.4375, 0.03125]]),
        "q is p": _edge([[0.75, 0.0], [0.5, 1.5]], q_mu=[[0.25, 2.0]]),
        "one dimension": {
            "q_mu": [[0.5]],
            "q_cholesky": [[[0.625]]],
            "p_mu": [[-0.25]],
            "p_cholesky": [[[1.75]]],
        },
    },
)


def _edge(q_cholesky, q_mu=((0.5, -1.25),)):
    p_cholesky = [[[0.75, 0.0], [0.5, 1.5]]]
    return {"q_mu": q_mu, "q_cholesky": [q_cholesky], "p_mu": [[0.25, 2.0]], "p_cholesky": p_cholesky}


@normal_full.mistake(
    "kl-mahalanobis-wrong-tensor",
    says="puts the factor of the covariance where the difference of the means belongs in the quadratic form",
    seen=("ratschlab/SVGP-VAE#4",),
)
def _(**inputs):
    terms = _full(**inputs)
    return {**terms, "mean": terms["trace"]}


@normal_full.mistake(**SHARED["kl-missing-half"])
def _(**inputs):
    terms = _full(**inputs)
    return {**terms, "log_dets": 2.0 * terms["log_dets"]}


@normal_full.mistake(**SHARED["logdet-dropped"])
def _(**inputs):
    terms = _full(**inputs)
    return {**terms, "log_dets": 0.0 * terms["log_dets"]}


@normal_full.mistake(**SHARED["logdet-halved"])
def _(**inputs):
    terms = _full(**inputs)
    return {**terms, "log_dets": 0.5 * terms["log_dets"]}


@normal_full.mistake(**SHARED["kl-wrong-sign"])
def _(**inputs):
    terms = _full(**inputs)
    return {**terms, "log_dets": -terms["log_dets"]}


@normal_full.mistake(**SHARED["kl-reversed"])
def _(q_mu, q_cholesky, p_mu, p_cholesky):
    return _full(p_mu, p_cholesky, q_mu, q_cholesky)


@normal_full.mistake(**SHARED["kl-sum-without-dim"])
def _(**inputs):
    return sum(_full(**inputs).values()).sum()


@normal_full.mistake(**SHARED["cholesky-transposed"])
def _(q_mu, q_cholesky, p_mu, p_cholesky):
    whitened = [
        solve(np.swapaxes(p_cholesky, -1, -2), b) for b in (expand(sized(q_mu) - p_mu, -1), q_cholesky)
    ]
    terms = _full(q_mu, q_cholesky, p_mu, p_cholesky)
    mean, trace = (0.5 * (a**2).sum((-2, -1)) for a in whitened)
    return {**terms, "mean": mean, "trace": trace}


@normal_full.mistake(
    "kl-diagonal-only", says="uses only the diagonals of the factors, as if the dimensions were independent"
)
def _(q_mu, q_cholesky, p_mu, p_cholesky):
    eye = np.eye(q_mu.shape[-1])
    return _full(q_mu, q_cholesky * eye, p_mu, p_cholesky * eye)
