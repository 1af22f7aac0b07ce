"""Mixtures from the log densities of their components: evidence and responsibilities, whatever the components are."""

import numpy as np

from refvi.specs.sized import exp, expand, log, logsumexp, sized, softmax, where
from refvi.specs.spec import Input, Spec

CONVENTIONS = {"sign": "positive", "batch": "none", "units": "nats"}
WEIGHTS = Input("weights", "C", "simplex", "mixing probabilities of the components")
LOG_DENSITY = Input("log_density", "B C", "real", "log density of every datum under every component")
WITHOUT_MAX = {
    "slug": "lse-without-max",
    "says": "exponentiates the log densities as they are: nothing is left of unlikely data, everything overflows for likely",
    "seen": ("rust-ml/linfa#443", "microsoft/knossos-ksc#523"),
}
AS_LOGITS = {
    "slug": "mixing-weights-as-logits",
    "says": "hands the mixing probabilities over as logits, so that a softmax is taken of them",
    "seen": ("tensorflow/probability#1727",),
}
SOURCE = "Bishop 2006, Pattern Recognition and Machine Learning, equations (9.12), (9.13)"


def _log_joint(weights, log_density):
    return log(sized(weights)) + log_density


def _evidence(weights, log_density):
    return {"log_evidence": logsumexp(_log_joint(weights, log_density), -1)}


def _evidence_gradient(weights, log_density):
    log_total = expand(_evidence(weights, log_density)["log_evidence"], -1)
    return {
        "weights": where(weights == 0, np.nan, exp(sized(log_density) - log_total).sum(0)),
        "log_density": exp(_log_joint(weights, log_density) - log_total),
    }


def _far():
    return {
        "one component absent": {
            "weights": [0.25, 0.0, 0.75],
            "log_density": [[-1.5, 0.5, -0.25], [0.75, 2.0, 1.5]],
        },
        "very unlikely data": {"weights": [0.25, 0.75], "log_density": [[-900.0, -850.5], [-1.5, -2000.0]]},
        "one component": {"weights": [1.0], "log_density": [[-1.5], [0.75]]},
    }


log_evidence = Spec(
    id="mixture.log_evidence",
    says="log p(x) of a mixture, from mixing probabilities and the log densities of the components",
    inputs=(WEIGHTS, LOG_DENSITY),
    output="B",
    reference=_evidence,
    gradient=_evidence_gradient,
    conventions=CONVENTIONS,
    source=SOURCE,
    edges=_far,
)


@log_evidence.mistake(
    "lse-over-batch",
    says="sums over the data inside the logarithm instead of over the components",
    seen=("breze-no-salt/breze#85",),
)
def _(weights, log_density):
    return logsumexp(_log_joint(weights, log_density), 0)


@log_evidence.mistake(
    "mixing-weights-omitted",
    says="leaves out the mixing probabilities",
    seen=("astroML/astroML#58", "rlouf/blog-benchmark-rwmetropolis#2"),
)
def _(weights, log_density):
    return logsumexp(sized(log_density) + 0.0 * sized(weights), -1)


@log_evidence.mistake(
    "mixing-weights-uniform",
    says="gives every component the probability 1 / C",
    seen=("mateidavid/nanocall#16",),
)
def _(weights, log_density):
    return logsumexp(sized(log_density) - np.log(len(weights)), -1)


@log_evidence.mistake(
    "mixture-mean-of-logs",
    says="averages the log densities under the mixing probabilities, which is the logarithm of another thing",
    seen=("arahuja/generative-tf#1",),
)
def _(weights, log_density):
    return (sized(weights) * log_density).sum(-1)


@log_evidence.mistake(
    "mixing-weights-not-logged",
    says="adds the mixing probabilities, not their logarithms",
)
def _(weights, log_density):
    return logsumexp(sized(weights) + log_density, -1)


@log_evidence.mistake(**AS_LOGITS)
def _(weights, log_density):
    return logsumexp(log(softmax(weights)) + log_density, -1)


@log_evidence.mistake(**WITHOUT_MAX)
def _(weights, log_density):
    return log((sized(weights) * exp(log_density)).sum(-1))


@log_evidence.mistake(
    "mixing-weights-added",
    says="adds the mixing probabilities to the densities instead of multiplying",
    seen=("JavierAntoran/Bayesian-Neural-Networks#15",),
)
def _(weights, log_density):
    return log((sized(weights) + exp(log_density)).sum(-1))


@log_evidence.mistake(
    "mixture-best-component-only", says="takes the largest term in place of the sum over the components"
)
def _(weights, log_density):
    return _log_joint(weights, log_density).value.max(-1)


@log_evidence.mistake(
    "mixture-weights-squared",
    says="counts the mixing probabilities twice, in the log densities and in the sum",
)
def _(weights, log_density):
    return logsumexp(2.0 * log(sized(weights)) + log_density, -1)


@log_evidence.mistake(
    "evidence-after-normalising",
    says="sums the responsibilities instead of the joint densities, so that the answer is always log 1 = 0",
    seen=("brianspiering/gaussian_mixture_models#2",),
)
def _(weights, log_density):  # noqa: ARG001
    return 0.0 * log_density.sum(-1)


@log_evidence.mistake(
    "mixing-gradient-without-likelihood",
    says="differentiates by the mixing probabilities as if the responsibilities were the gradient, not over the probability",
    of="gradient",
)
def _(weights, log_density):
    return {"weights": softmax(_log_joint(weights, log_density)).sum(0)}


def _posterior(weights, log_density):
    return {"responsibilities": softmax(_log_joint(weights, log_density), -1)}


responsibilities = Spec(
    id="mixture.responsibilities",
    says="p(component | x) of a mixture, from mixing probabilities and the log densities of the components",
    inputs=(WEIGHTS, LOG_DENSITY),
    output="B C",
    reference=_posterior,
    source=SOURCE,
    edges=_far,
)


@responsibilities.mistake(
    "responsibilities-over-data", says="normalises over the data instead of over the components"
)
def _(weights, log_density):
    return softmax(_log_joint(weights, log_density), 0)


@responsibilities.mistake(
    "responsibilities-over-everything", says="normalises over data and components together"
)
def _(weights, log_density):
    joint = _log_joint(weights, log_density)
    return softmax(joint.reshape(-1)).reshape(*joint.shape)


@responsibilities.mistake(
    "responsibilities-unnormalised", says="returns the joint densities without dividing by their sum"
)
def _(weights, log_density):
    return exp(_log_joint(weights, log_density))


@responsibilities.mistake(
    "mixing-weights-omitted",
    says="leaves out the mixing probabilities",
    seen=("astroML/astroML#58", "rlouf/blog-benchmark-rwmetropolis#2"),
)
def _(weights, log_density):
    return softmax(sized(log_density) + 0.0 * sized(weights))


@responsibilities.mistake(
    "responsibilities-hard", says="assigns each datum to its best component alone, as k-means does"
)
def _(weights, log_density):
    return np.eye(len(weights))[_log_joint(weights, log_density).value.argmax(-1)]


@responsibilities.mistake(**AS_LOGITS)
def _(weights, log_density):
    return softmax(log(softmax(weights)) + log_density)


@responsibilities.mistake(**WITHOUT_MAX)
def _(weights, log_density):
    joint = sized(weights) * exp(log_density)
    return joint / expand(joint.sum(-1), -1)


@responsibilities.mistake("responsibilities-in-logs", says="returns the logarithms of the responsibilities")
def _(weights, log_density):
    joint = _log_joint(weights, log_density)
    return joint - expand(logsumexp(joint, -1), -1)


@responsibilities.mistake(
    "responsibilities-from-log-scores",
    says="divides the log joint densities by their sum, without exponentiating",
)
def _(weights, log_density):
    joint = _log_joint(weights, log_density)
    return joint / expand(joint.sum(-1), -1)
