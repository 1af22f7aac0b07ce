"""Kullback-Leibler divergences between diagonal normals in closed form, per datum, in nats."""

from refvi.specs.shared import SHARED
from refvi.specs.sized import exp, log, sized, softplus
from refvi.specs.spec import Input, Spec

CONVENTIONS = {"scale": "std", "sign": "positive", "batch": "none", "latents": "sum", "units": "nats"}

# ---- to the standard normal


def normal_standard_terms(mu, std):
    """The terms of KL( N(mu, diag std²) || N(0, I) ), one entry per latent."""
    mu, std = sized(mu), sized(std)
    return {
        "mean": 0.5 * mu**2,
        "trace": 0.5 * std**2,
        "entropy": -log(std),
        "dimension": sized(-0.5) + 0.0 * mu,
    }


def normal_standard_gradient(mu, std):
    """The gradient of their sum."""
    mu, std = sized(mu), sized(std)
    return {"mu": mu, "std": std - 1.0 / std}


normal_standard = Spec(
    id="kl.normal_standard",
    says="KL( N(mu, diag std²) || N(0, I) ): how far a diagonal normal is from the standard normal",
    inputs=(Input("mu", "B D", "real", "mean of q"), Input("std", "B D", "scale", "standard deviation of q")),
    output="B D",
    reference=normal_standard_terms,
    gradient=normal_standard_gradient,
    conventions=CONVENTIONS,
    source="Kingma and Welling 2014, Appendix B, arXiv:1312.6114v11",
    edges=lambda: {
        "std near zero": {"mu": [[0.5, -1.25]], "std": [[2.0**-20, 2.0**-10]]},
        "std large": {"mu": [[0.5, -1.25]], "std": [[2.0**20, 2.0**10]]},
        "mean large": {"mu": [[3.0e5, -1.25]], "std": [[0.75, 1.5]]},
        "q is the prior": {"mu": [[0.0, 0.0]], "std": [[1.0, 1.0]]},
    },
)


def _value(mu, std):
    return sum(normal_standard_terms(mu, std).values())


@normal_standard.mistake(**SHARED["kl-mean-over-latents"])
def _(mu, std):
    return _value(mu, std).mean(-1)


@normal_standard.mistake(**SHARED["kl-sum-without-dim"])
def _(mu, std):
    return _value(mu, std).sum()


@normal_standard.mistake(**SHARED["kl-missing-half"])
def _(mu, std):
    return 2.0 * _value(mu, std)


@normal_standard.mistake(**SHARED["kl-wrong-sign"])
def _(mu, std):
    terms = normal_standard_terms(mu, std)
    return {**terms, "entropy": -terms["entropy"]}


@normal_standard.mistake(**SHARED["logvar-used-as-logstd"])
def _(mu, std):
    return normal_standard_terms(mu, sized(std) ** 2)


@normal_standard.mistake(**SHARED["double-exp-std"])
def _(mu, std):
    return normal_standard_terms(mu, exp(std))


def softplus_on_logvar(std):
    """The standard deviation that a softplus on the log variance makes."""
    return exp(0.5 * softplus(2.0 * log(std)))


@normal_standard.mistake(**SHARED["head-activation-on-logvar"])
def _(mu, std):
    return normal_standard_terms(mu, softplus_on_logvar(std))


@normal_standard.mistake(
    "kl-constant-once",
    says="subtracts ½ once per datum, not once per latent",
    seen=("ericjang/draw#2", "ericjang/draw#8"),
)
def _(mu, std):
    terms = normal_standard_terms(mu, std)
    return {**terms, "dimension": terms["dimension"] / float(mu.shape[-1])}


@normal_standard.mistake(
    "dims-coincide",
    says="counts the batch size where the number of latents is meant, right only when the two are equal",
    seen=("asyml/texar-pytorch#251",),
)
def _(mu, std):
    terms = normal_standard_terms(mu, std)
    return {**terms, "dimension": terms["dimension"] * (mu.shape[0] / float(mu.shape[-1]))}


# ---- between two diagonal normals


def _diagonal(q_mu, q_std, p_mu, p_std):
    q_mu, q_std, p_mu, p_std = map(sized, (q_mu, q_std, p_mu, p_std))
    return {
        "mean": 0.5 * ((q_mu - p_mu) / p_std) ** 2,
        "trace": 0.5 * (q_std / p_std) ** 2,
        "log_scales": log(p_std) - log(q_std),
        "dimension": sized(-0.5) + 0.0 * q_mu,
    }


def _diagonal_gradient(q_mu, q_std, p_mu, p_std):
    q_mu, q_std, p_mu, p_std = map(sized, (q_mu, q_std, p_mu, p_std))
    pull = (q_mu - p_mu) / p_std / p_std
    return {
        "q_mu": pull,
        "q_std": q_std / p_std / p_std - 1.0 / q_std,
        "p_mu": -pull,
        "p_std": 1.0 / p_std - ((q_mu - p_mu) / p_std) ** 2 / p_std - (q_std / p_std) ** 2 / p_std,
    }


normal_diagonal = Spec(
    id="kl.normal_diagonal",
    says="KL( N(q_mu, diag q_std²) || N(p_mu, diag p_std²) ) between two diagonal normals",
    inputs=(
        Input("q_mu", "B D", "real", "mean of q"),
        Input("q_std", "B D", "scale", "standard deviation of q"),
        Input("p_mu", "B D", "real", "mean of p"),
        Input("p_std", "B D", "scale", "standard deviation of p"),
    ),
    output="B D",
    reference=_diagonal,
    gradient=_diagonal_gradient,
    conventions=CONVENTIONS,
    source="Rasmussen and Williams 2006, Gaussian Processes for Machine Learning, equation (A.23)",
    edges=lambda: {
        "q far narrower than p": _edge(q_std=[[2.0**-20, 2.0**-10]]),
        "q far wider than p": _edge(q_std=[[2.0**20, 2.0**10]]),
        "means far apart": _edge(q_mu=[[3.0e5, -2.0e5]]),
        "q is p": _edge(q_mu=[[0.25, 2.0]], q_std=[[0.75, 1.5]]),
    },
)


def _edge(q_mu=((0.5, -1.25),), q_std=((0.625, 2.5),)):
    return {"q_mu": q_mu, "q_std": q_std, "p_mu": [[0.25, 2.0]], "p_std": [[0.75, 1.5]]}


@normal_diagonal.mistake(**SHARED["kl-mean-over-latents"])
def _(**inputs):
    return sum(_diagonal(**inputs).values()).mean(-1)


@normal_diagonal.mistake(**SHARED["kl-sum-without-dim"])
def _(**inputs):
    return sum(_diagonal(**inputs).values()).sum()


@normal_diagonal.mistake(**SHARED["kl-missing-half"])
def _(**inputs):
    terms = _diagonal(**inputs)
    return {**terms, "log_scales": 2.0 * terms["log_scales"]}


@normal_diagonal.mistake(**SHARED["kl-wrong-sign"])
def _(**inputs):
    terms = _diagonal(**inputs)
    return {**terms, "log_scales": -terms["log_scales"]}


@normal_diagonal.mistake(**SHARED["kl-reversed"])
def _(q_mu, q_std, p_mu, p_std):
    return _diagonal(p_mu, p_std, q_mu, q_std)


@normal_diagonal.mistake(**SHARED["logvar-used-as-logstd"])
def _(q_mu, q_std, p_mu, p_std):
    return _diagonal(q_mu, sized(q_std) ** 2, p_mu, sized(p_std) ** 2)


@normal_diagonal.mistake(
    "kl-mean-over-q-variance",
    says="divides the distance of the means by the variance of q instead of that of p",
)
def _(q_mu, q_std, p_mu, p_std):
    terms = _diagonal(q_mu, q_std, p_mu, p_std)
    return {**terms, "mean": _diagonal(q_mu, q_std, p_mu, q_std)["mean"]}


@normal_diagonal.mistake(
    "kl-prior-left-out", says="measures the divergence from the standard normal, not from p"
)
def _(q_mu, q_std, **_):
    return normal_standard_terms(q_mu, q_std)
