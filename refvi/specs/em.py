"""EM: the function Q, the gradient of the log evidence by the posterior, the ELBO of a table."""

import numpy as np

from refvi.specs.sized import exp, expand, log, logsumexp, sized, softmax, where, xlogy
from refvi.specs.spec import Input, Spec

DEMPSTER = 'Dempster, Laird and Rubin 1977, "Maximum likelihood from incomplete data via the EM algorithm", '
LOG_JOINT = Input("log_joint", "B C", "real", "log p(x, z = c) under the parameters, for every datum")
CONVENTIONS = {"sign": "positive", "batch": "none", "units": "nats"}

# ---- Q


def _q(log_joint, responsibilities):
    return {"q": (sized(responsibilities) * log_joint).sum(-1)}


q_function = Spec(
    id="em.q_function",
    says="Q(theta, theta') = E[log p(x, z; theta)] under the posterior of theta', the responsibilities",
    inputs=(LOG_JOINT, Input("responsibilities", "B C", "simplex", "p(z = c | x) under the old parameters")),
    output="B",
    reference=_q,
    gradient=lambda log_joint, responsibilities: {
        "log_joint": sized(responsibilities),
        "responsibilities": sized(log_joint),
    },
    conventions=CONVENTIONS,
    source=DEMPSTER + "equation (2.17)",
    edges=lambda: {
        "certain": {"log_joint": [[-1.5, 0.5, 2.25]], "responsibilities": [[0.0, 1.0, 0.0]]},
        "unlikely": {"log_joint": [[-900.0, -850.5]], "responsibilities": [[0.25, 0.75]]},
    },
)


@q_function.mistake("q-with-entropy", says="adds the entropy of the responsibilities, which gives the ELBO")
def _(log_joint, responsibilities):
    return _q(log_joint, responsibilities)["q"] - xlogy(responsibilities, responsibilities).sum(-1)


@q_function.mistake(
    "q-of-probabilities", says="takes the expectation of p(x, z) itself instead of its logarithm"
)
def _(log_joint, responsibilities):
    return (sized(responsibilities) * exp(log_joint)).sum(-1)


@q_function.mistake(
    "q-log-of-mean", says="takes the logarithm of the expected density, which is outside the expectation"
)
def _(log_joint, responsibilities):
    with np.errstate(divide="ignore"):
        return logsumexp(log(sized(responsibilities)) + log_joint)


@q_function.mistake("responsibilities-hard", says="keeps the most probable component alone, as hard EM does")
def _(log_joint, responsibilities):
    return sized(np.take_along_axis(log_joint, responsibilities.argmax(-1)[:, None], 1)[:, 0])


@q_function.mistake(
    "q-under-new-posterior",
    says="takes the posterior of the new parameters, so that it maximises something that moves",
)
def _(log_joint, responsibilities):  # noqa: ARG001
    return (softmax(log_joint) * log_joint).sum(-1)


@q_function.mistake(
    "q-mean-over-components", says="averages over the components instead of summing under the posterior"
)
def _(log_joint, responsibilities):
    return (sized(responsibilities) * log_joint).mean(-1)


# ---- the gradient of the log evidence, by the posterior


def _score(log_joint, score):
    r = softmax(log_joint)
    return (expand(r, -1) * sized(score)).sum(0).sum(0)


evidence_score = Spec(
    id="em.evidence_score",
    says="the gradient of sum log p(x) by the posterior expectation of the complete-data score (Fisher's identity)",
    inputs=(
        LOG_JOINT,
        Input("score", "B C P", "real", "gradient of log p(x, z = c) by P parameters, for every datum"),
    ),
    output="P",
    reference=lambda log_joint, score: {"gradient": _score(log_joint, score)},
    sizes={"B": (2, 3, 5, 7), "C": (2, 3, 5), "P": (2, 3, 5)},
    source=DEMPSTER + "equation (2.13); Fisher 1925, Theory of statistical estimation",
    edges=lambda: {
        "one component": {"log_joint": [[-1.5], [0.5]], "score": [[[0.25, -1.5]], [[2.0, 0.75]]]},
        "unlikely": {"log_joint": [[-900.0, -850.5]], "score": [[[0.25, -1.5], [2.0, 0.75]]]},
    },
)


@evidence_score.mistake(
    "score-of-the-density",
    says="takes the gradient of p(x, z) instead of that of log p(x, z) under the posterior",
)
def _(log_joint, score):
    weights = softmax(log_joint) * exp(log_joint)
    return (expand(weights, -1) * sized(score)).sum(0).sum(0)


@evidence_score.mistake(
    "score-unnormalised", says="weights by the joint densities without dividing by the evidence"
)
def _(log_joint, score):
    return (expand(exp(log_joint), -1) * sized(score)).sum(0).sum(0)


@evidence_score.mistake("score-uniform", says="averages over the components without their posterior")
def _(log_joint, score):  # noqa: ARG001
    return sized(score).mean(1).sum(0)


@evidence_score.mistake(
    "score-of-best-component", says="takes the score of the most probable component alone"
)
def _(log_joint, score):
    best = np.eye(log_joint.shape[1])[log_joint.argmax(-1)]
    return (sized(best[..., None]) * score).sum(0).sum(0)


@evidence_score.mistake("score-mean-over-data", says="averages over the data instead of summing")
def _(log_joint, score):
    return _score(log_joint, score) / float(len(log_joint))


@evidence_score.mistake(
    "responsibilities-over-data", says="normalises the posterior over the data instead of the components"
)
def _(log_joint, score):
    return (expand(softmax(log_joint, 0), -1) * sized(score)).sum(0).sum(0)


# ---- ELBO of a table


def _elbo(log_joint, q):
    return {"expected_log_joint": (sized(q) * log_joint).sum(-1), "entropy": -xlogy(q, q).sum(-1)}


def _elbo_gradient(log_joint, q):
    with np.errstate(divide="ignore", invalid="ignore"):
        return {"log_joint": sized(q), "q": where(q == 0, np.nan, sized(log_joint) - log(sized(q)) - 1.0)}


elbo = Spec(
    id="em.elbo",
    says="sum_z q(z) (log p(x, z) - log q(z)), the bound that EM and variational EM raise",
    inputs=(LOG_JOINT, Input("q", "B C", "simplex", "variational probabilities of the components")),
    output="B",
    reference=_elbo,
    gradient=_elbo_gradient,
    conventions=CONVENTIONS,
    source='Neal and Hinton 1998, "A view of the EM algorithm", equation (7)',
    edges=lambda: {
        "certain": {"log_joint": [[-1.5, 0.5, 2.25]], "q": [[0.0, 1.0, 0.0]]},
        "unlikely": {"log_joint": [[-900.0, -850.5]], "q": [[0.25, 0.75]]},
    },
)


@elbo.mistake("entropy-missing", says="leaves out the entropy of q, which gives Q")
def _(log_joint, q):
    return _elbo(log_joint, q)["expected_log_joint"]


@elbo.mistake("entropy-sign", says="subtracts the entropy of q instead of adding it")
def _(log_joint, q):
    terms = _elbo(log_joint, q)
    return terms["expected_log_joint"] - terms["entropy"]


@elbo.mistake("elbo-is-evidence", says="returns the log evidence, whatever q is")
def _(log_joint, q):  # noqa: ARG001
    return logsumexp(log_joint)


@elbo.mistake("elbo-unweighted", says="averages log p - log q over the components without q")
def _(log_joint, q):
    with np.errstate(divide="ignore"):
        return (sized(log_joint) - log(sized(q))).mean(-1)


@elbo.mistake("elbo-under-posterior", says="takes the expectation under the posterior instead of q")
def _(log_joint, q):
    with np.errstate(divide="ignore", invalid="ignore"):
        return (softmax(log_joint) * (sized(log_joint) - log(sized(q)))).sum(-1)


@elbo.mistake(
    "elbo-gradient-without-entropy",
    says="differentiates the expected log joint by q and forgets the entropy",
    of="gradient",
)
def _(log_joint, q):  # noqa: ARG001
    return {"q": sized(log_joint)}
