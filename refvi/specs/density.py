"""Log densities of normals, per datum, in nats."""

import numpy as np

from refvi.specs.covariance import half_log_det, half_log_det_gradient, solve, solve_covariance
from refvi.specs.shared import SHARED
from refvi.specs.sized import LOG_2_PI, exp, expand, log, lower, sized, transpose
from refvi.specs.spec import Input, Spec

CONVENTIONS = {"scale": "std", "sign": "positive", "batch": "none", "units": "nats", "constants": "kept"}

# ---- one number and many independent ones: the same terms, entry by entry


def normal_terms(x, mu, std):
    """The terms of log N(x; mu, std²), entry by entry."""
    x, mu, std = sized(x), sized(mu), sized(std)
    misfit = -0.5 * ((x - mu) / std) ** 2
    return {"misfit": misfit, "log_scale": -log(std), "constant": sized(-0.5 * LOG_2_PI) + 0.0 * misfit}


def normal_gradient(x, mu, std):
    """The gradient of their sum."""
    x, mu, std = sized(x), sized(mu), sized(std)
    pull = (x - mu) / std / std
    return {"x": -pull, "mu": pull, "std": ((x - mu) / std) ** 2 / std - 1.0 / std}


def _inputs(axes):
    return (
        Input("x", axes, "real", "where the density is taken"),
        Input("mu", axes, "real", "mean"),
        Input("std", axes, "scale", "standard deviation"),
    )


normal = Spec(
    id="log_density.normal",
    says="log N(x; mu, std²) of one number",
    inputs=_inputs("B"),
    output="B",
    reference=normal_terms,
    gradient=normal_gradient,
    conventions=CONVENTIONS,
    source="Bishop 2006, Pattern Recognition and Machine Learning, equation (1.46)",
    edges=lambda: {
        "std near zero": {"x": [0.5], "mu": [0.5 + 2.0**-20], "std": [2.0**-20]},
        "std large": {"x": [0.5], "mu": [-1.25], "std": [2.0**20]},
        "far in the tail": {"x": [3.0e5], "mu": [-1.25], "std": [0.75]},
        "at the mean": {"x": [0.5], "mu": [0.5], "std": [1.0]},
    },
)

normal_diagonal = Spec(
    id="log_density.normal_diagonal",
    says="log N(x; mu, diag std²) of a vector with independent entries",
    inputs=_inputs("B D"),
    output="B D",
    reference=normal_terms,
    gradient=normal_gradient,
    conventions={**CONVENTIONS, "latents": "sum"},
    source="Bishop 2006, Pattern Recognition and Machine Learning, equation (1.46), independent entries",
    edges=lambda: {
        "std near zero": {"x": [[0.5, 2.0]], "mu": [[0.5 + 2.0**-20, 2.0]], "std": [[2.0**-20, 2.0**-10]]},
        "std large": {"x": [[0.5, 2.0]], "mu": [[-1.25, 0.25]], "std": [[2.0**20, 2.0**10]]},
        "one dimension": {"x": [[0.5], [1.5]], "mu": [[-1.25], [0.25]], "std": [[0.75], [1.5]]},
    },
)


def _on_both(**mistake):
    """Give a mistake to the scalar and to the diagonal normal."""

    def add(wrong):
        return normal_diagonal.mistake(**mistake)(normal.mistake(**mistake)(wrong))

    return add


@_on_both(**SHARED["variance-as-scale"])
def _(x, mu, std):
    return normal_terms(x, mu, sized(std) ** 2)


@_on_both(**SHARED["double-exp-std"])
def _(x, mu, std):
    return normal_terms(x, mu, exp(std))


@_on_both(**SHARED["gauss-log-scale-dropped"])
def _(x, mu, std):
    terms = normal_terms(x, mu, std)
    return {**terms, "log_scale": 0.0 * terms["log_scale"]}


@_on_both(**SHARED["gauss-missing-log-sigma"])
def _(x, mu, std):
    return {**normal_terms(x, mu, std), "log_scale": -sized(std)}


@_on_both(
    slug="gauss-log-variance-undivided",
    says="subtracts the logarithm of the variance without the factor one half",
)
def _(x, mu, std):
    terms = normal_terms(x, mu, std)
    return {**terms, "log_scale": 2.0 * terms["log_scale"]}


@_on_both(**SHARED["mse-as-nll-without-2var"])
def _(x, mu, std):
    return {**normal_terms(x, mu, std), "misfit": -((sized(x) - mu) ** 2)}


@_on_both(slug="gauss-missing-half", says="leaves out the factor one half of the squared distance")
def _(x, mu, std):
    terms = normal_terms(x, mu, std)
    return {**terms, "misfit": 2.0 * terms["misfit"]}


@_on_both(slug="density-not-its-log", says="returns the density itself, not its logarithm")
def _(x, mu, std):
    return exp(sum(normal_terms(x, mu, std).values()).sum(tuple(range(1, np.ndim(x)))))


@_on_both(
    slug="gauss-grad-log-sigma-halved",
    says="has its hand-written gradient with half of the normaliser's part, -1/(2 std) instead of -1/std",
    seen=("y0ast/VAE-Torch#5",),
    of="gradient",
)
def _(x, mu, std):
    gradient = normal_gradient(x, mu, std)
    return {**gradient, "std": gradient["std"] + 0.5 / sized(std)}


@_on_both(**SHARED["gauss-const-dropped-in-reported-nll"])
def _(x, mu, std):
    return {k: t for k, t in normal_terms(x, mu, std).items() if k != "constant"}


@normal_diagonal.mistake(**SHARED["gauss-constant-once"])
def _(x, mu, std):
    terms = normal_terms(x, mu, std)
    return {**terms, "constant": terms["constant"] / float(x.shape[-1])}


@normal_diagonal.mistake(
    "density-mean-over-dimensions", says="averages over the dimensions instead of summing"
)
def _(x, mu, std):
    return sum(normal_terms(x, mu, std).values()).mean(-1)


# ---- full covariance


def _full(x, mu, cholesky):
    difference = expand(sized(x) - mu, -1)
    return {
        "misfit": -0.5 * (difference * solve_covariance(cholesky, difference)).sum((-2, -1)),
        "log_det": -half_log_det(cholesky),
        "constant": sized(np.full(len(x), -0.5 * LOG_2_PI * x.shape[-1])),
    }


def _full_gradient(x, mu, cholesky):
    difference = expand(sized(x) - mu, -1)
    pulled = solve_covariance(cholesky, difference)
    return {
        "x": -pulled[..., 0],
        "mu": pulled[..., 0],
        "cholesky": lower((pulled @ transpose(pulled)) @ cholesky) - half_log_det_gradient(cholesky),
    }


normal_full = Spec(
    id="log_density.normal_full",
    says="log N(x; mu, L L^T) of a vector, L lower triangular",
    inputs=(
        Input("x", "B D", "real", "where the density is taken"),
        Input("mu", "B D", "real", "mean"),
        Input("cholesky", "B D D", "cholesky", "lower Cholesky factor of the covariance"),
    ),
    output="B",
    reference=_full,
    gradient=_full_gradient,
    conventions={"sign": "positive", "batch": "none", "units": "nats", "constants": "kept"},
    source="Bishop 2006, Pattern Recognition and Machine Learning, equation (2.43)",
    edges=lambda: {
        "narrow": _edge([[2.0**-10, 0.0], [2.0**-12, 2.0**-10]]),
        "wide": _edge([[2.0**10, 0.0], [-(2.0**9), 2.0**10]]),
        "strongly correlated": _edge([[1.5, 0.0], [1.4375, 0.03125]]),
        "at the mean": {**_edge([[0.75, 0.0], [0.5, 1.5]]), "x": [[0.25, 2.0]]},
        "one dimension": {"x": [[0.5]], "mu": [[-0.25]], "cholesky": [[[1.75]]]},
    },
)


def _edge(cholesky):
    return {"x": [[0.5, -1.25]], "mu": [[0.25, 2.0]], "cholesky": [cholesky]}


@normal_full.mistake(**SHARED["logdet-dropped"])
def _(**inputs):
    terms = _full(**inputs)
    return {**terms, "log_det": 0.0 * terms["log_det"]}


@normal_full.mistake(**SHARED["logdet-halved"])
def _(**inputs):
    terms = _full(**inputs)
    return {**terms, "log_det": 0.5 * terms["log_det"]}


@normal_full.mistake(
    "logdet-undivided", says="subtracts the log determinant of the covariance without the factor one half"
)
def _(**inputs):
    terms = _full(**inputs)
    return {**terms, "log_det": 2.0 * terms["log_det"]}


@normal_full.mistake(**SHARED["cholesky-transposed"])
def _(x, mu, cholesky):
    whitened = solve(np.swapaxes(cholesky, -1, -2), expand(sized(x) - mu, -1))
    return {**_full(x, mu, cholesky), "misfit": -0.5 * (whitened**2).sum((-2, -1))}


@normal_full.mistake("precision-as-cholesky", says="multiplies with the factor instead of solving with it")
def _(x, mu, cholesky):
    whitened = transpose(cholesky) @ expand(sized(x) - mu, -1)
    return {**_full(x, mu, cholesky), "misfit": -0.5 * (whitened**2).sum((-2, -1))}


@normal_full.mistake(**SHARED["gauss-const-dropped-in-reported-nll"])
def _(**inputs):
    return {k: t for k, t in _full(**inputs).items() if k != "constant"}


@normal_full.mistake(**SHARED["gauss-constant-once"])
def _(x, mu, cholesky):
    terms = _full(x, mu, cholesky)
    return {**terms, "constant": terms["constant"] / float(x.shape[-1])}
